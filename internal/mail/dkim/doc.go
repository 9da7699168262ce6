// Package dkim verifies and makes the DKIM signatures of a mail (RFC 6376): with SHA-256 and RSA keys of 1024 to 4096 bits
// (RFC 8301) or Ed25519 (RFC 8463).
//
// Read finds the signatures in a header section, without asking anybody. Signatures.Forms says in which forms the body must
// be hashed (package canon) while it streams past, and Signatures.Ask asks for the keys meanwhile; then Signatures.Verify
// gives a Result for each. Signer.Sign makes the field to be put at the top. Nothing else of the mail is touched, and the
// mail is never whole in memory.
//
// A signature that passes says that the domain d= had the fields of h= and the body as they are; not that it is the
// author's domain. That is for DMARC to say (package domain/dmarc). Each signature stands for itself: one that fails says no
// more than one that is not there (section 6.1).
//
// # Judgements
//
//   - l= is Policy: what is behind the signed part could be anybody's. Section 8.2 lets a verifier say so.
//   - rsa-sha1 is PermError (RFC 8301 section 3.1), and so is any algorithm that we do not know. A key of less than 1024
//     bits must not count (RFC 8301 section 3.2) and one of more than 4096 costs too much: both are Policy.
//   - x= is heeded, to the second: what is behind it is PermError (section 6.1.1). t= may be a day ahead, more is Policy. Section
//     3.5 allows both.
//   - A body that was changed, or a time, is said rather than what is wrong with the key: no key would help.
//   - A mail with more From fields than a signature names is Policy: one of them is not signed, and may be what is shown
//     (section 8.15). Fields of other names may be added, as far as h= lets them.
//   - A signature may name fields that are not there, and the same field again: nobody can add it (section 5.4.2).
//   - What is not of the grammar is Neutral (RFC 8601 section 2.7.1): tags that are missing, twice, or cannot be read,
//     another v=, c= or q=, a d= that is no domain. A tag that section 3.5 does not know is passed over.
//   - Of several records at the name of a key the first four are tried; a signature passes when it matches one.
//   - g= of old keys (RFC 4871) is passed over. t=y is told, and changes no Status: see Result.Testing.
//   - White space in base64 may be a CR or LF alone. The field is hashed as it is, so it changes nothing that is signed.
//
// # What is signed
//
// See covered.go. Both forms are relaxed. Neither x= nor l= is written: a mail that is held and released, or waits in queues,
// verifies as long as its key is published.
//
// # Bounds
//
// The eight topmost signatures; fields of MaxField and headers of MaxHeader octets, and no signature in what is more. Work
// grows with the header section and with h=, not with their product. Keys are asked for once. Signatures may be read by many
// goroutines; an Asked belongs to one. Verify and Asked.Stop join those that Ask starts.
//
// # ARC
//
// The fields of ARC (RFC 8617) are DKIM's signatures with other tags. ParseTags, Signature, Asked, Covered and Signer.SignMail
// and Finish are exported for package arc alone.
//
// The package may import canon, message and wire/dns. It decides nothing.
package dkim
