// Package arc validates and seals the Authenticated Received Chain of a mail (RFC 8617): who handed it on, what each of
// them found when it came in, and whether anybody changed it since.
//
// Read finds the chain in a header section, without asking anybody. Chain.Forms says in which forms the body must be
// hashed (package canon) while it streams past; then Chain.Validate asks for the keys and gives a Result. Sealer.Seal
// makes the three fields of the next set. Nothing else of the mail is touched, and the mail is never whole in memory.
//
// # What must hold
//
// The steps of section 5.2, in their order. The newest ARC-Message-Signature must hold: it says that the mail is as its
// last sealer sent it on. Older ones need not, for a list may have written into the mail; Result.OldestPass says since
// when it is unchanged. Every ARC-Seal must hold. After a set with cv=fail there is nothing but fail (section 5.1.3).
//
// Signatures are DKIM's, and so is what reads, verifies and makes them: package dkim says what is taken.
//
// # Whom to believe
//
// That a chain passes says that its sealers are who they say, and that the mail is as the newest sent it on; not that any of
// them told the truth. A seal covers the sets before it and no mail, so only the word of the newest sealer is about this
// mail, and those below it count as far as everyone above is trusted: Result.Vouched.
//
// # A key that could not be asked for
//
// Section 5.2.1 says that all failures are permanent, DNS failures too: in a set of ours that would be cv=fail, for ever.
// So TempError is told apart, a word that RFC 8617 does not have. Whoever gets it has no chain, as with Fail; but a
// Sealer writes no set over it, for a mail that goes on unsealed is better off than one that is sealed as broken.
//
// # Judgements
//
//   - An ARC field in which no instance can be read breaks the chain (section 4.2.1), and so does one of 51 or more.
//   - The instance may stand behind other tags in ARC-Message-Signature and ARC-Seal: early sealers wrote it so, against
//     the grammar of sections 4.1.2 and 4.1.3. Not so in ARC-Authentication-Results.
//   - A tag of an ARC-Seal that section 4.1.3 does not know is passed over; h= is a failure, as it says.
//   - ARC-Seal in an h= of ARC-Message-Signature is a failure. The two other fields are not signed by us (section 4.1.2)
//     and are borne in signatures of others: Google's had ARC-Authentication-Results for years.
//   - l= is a failure: what is behind the signed part could be anybody's. RFC 6376 section 8.2 lets a verifier say so.
//   - t= may be a day ahead; x= is heeded in ARC-Message-Signature. RFC 6376 section 3.5 allows both.
//
// # Bounds
//
// 50 sets; fields of MaxField and headers of MaxHeader octets, and no chain in what is more; what is hashed grows with
// the header section, not with its square; keys are asked for once, the newest set's first and then atOnce at a time,
// until one fails (section 9.2). A Chain may be read by many goroutines. Validate joins those that it starts.
//
// The package may import canon and dkim. It decides nothing: whom to trust is for its caller to say.
package arc
