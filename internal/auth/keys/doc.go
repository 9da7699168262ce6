// Package keys is the private keys with which mail is signed (RFC 6376), from their making to their end.
//
// A key goes one way, and each step waits for a fact:
//
//		made ─▶ published ─▶ active ─▶ retiring ─▶ removed
//
//	  - made: its file is there. Its record has to go into the zone.
//	  - published: every name server of the zone shows the record, and resolvers may still believe what they were told before.
//	  - active: that time is over. Mail is signed with it. Of each algorithm the newest one of a domain is active.
//	  - retiring: nothing is signed with it any more, and its record stays for mail that is on its way, or held: Keep.
//	  - removed: its file is deleted, and its record may leave the zone. It is forgotten when the record is gone.
//
// Ring is what is known of the keys, and Ring.Next says which steps are due by what the name servers showed (Sight): both are
// pure. Asker asks the servers that have authority, each by itself, and no cache. Dir is the directory: a file for each key, PEM
// of PKCS #8, readable by the daemon's user alone, and beside them state.json. Tend does one round of all of it.
//
// A key's file is written before the state, and deleted after it. A file that the state does not know is a key that was
// made, so nothing that a crash can leave behind is signed with before it was seen in the zone. The file of a key that retires is
// renamed to SELECTOR-ALGORITHM.pem.retired, and a key of such a file never signs, whatever becomes of the state.
//
// RSA keys have 2048 bits (RFC 8301 section 3.2); a pair is one of these and one of Ed25519 (RFC 8463). Bounds: maxKeys keys,
// maxFile octets of a file, maxState of the state, maxServers name servers of a zone with maxAddresses each.
//
// A Ring is a value and does not change. A Dir may be used by many processes: they take turns by a lock on its file "lock".
// The package imports dkimkey for the records, message for the form of a domain, and dns.
package keys
