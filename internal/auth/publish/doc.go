// Package publish says what should stand in a domain's zone for its mail, what stands there now, and puts the one in the
// place of the other: SPF (RFC 7208), DKIM keys (RFC 6376), DMARC (RFC 9989), TLS-RPT (RFC 8460) and MTA-STS (RFC 8461).
//
//   - Look asks the authoritative servers of every name and the resolver, and makes a Plan: an Item for each record, with what is
//     there, what is wanted and what has to be done.
//   - Lines, Fields and the JSON of an Item are the three forms in which a person takes it into a zone.
//   - Change.Send writes what is to be done by a dynamic update (RFC 2136), signed by TSIG (RFC 8945); WriteBy does it through a
//     provider's interface. Settle waits until every authoritative server shows it.
//
// Laws. What is sound stays as it is, however it was spelled. Of the texts at a name only those of its own topic are touched:
// a site's verification codes beside an SPF record stay. A record never lets one sender fewer pass than the one before it: its
// mend is made, and tried, by package check. A DMARC record that begins to hold begins with p=none. Where another key stands
// at a selector, nothing is done, and said. No id of an MTA-STS policy is published before the policy is served. An update has
// each record set as a prerequisite (RFC 2136 section 2.4), as it was when the plan was made: what somebody else wrote
// meanwhile is not written over.
//
// Deviations: a reply to a signed update that is not signed is an error whatever it says (RFC 8945 section 5.3 lets a client
// wait for another one). The id of an MTA-STS record is made of the policy, so that the same policy has the same id.
//
// Texts from the DNS are a stranger's octets: Lines writes them as zone files have them; whoever prints others escapes
// them. Bounds: maxServers servers a zone, maxKeys keys. A Plan belongs to whoever made it. No clock: now is given. The package
// imports check and the records' packages of the wing domain, and dns; never what runs or knows this host.
package publish
