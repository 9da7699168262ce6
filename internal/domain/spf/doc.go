// Package spf walks an SPF policy (RFC 7208) and says what it is made of: the terms of the record, what each include
// resolves to, the networks that each term covers, what is odd about it, and what it comes to for an address.
//
// It is for showing and judging a policy as a whole. Whoever judges a mail asks a library that evaluates a record
// term by term and stops at the first match; this one asks for everything that any address could lead to.
//
//   - Parse reads a record by the grammar of section 12, and says of every term that does not fit where and why.
//   - Walk asks for the record and for all that its terms name. It asks in rounds: everything that is not known yet, at once.
//   - Tree.Result evaluates the tree for an address in the order of section 4.6.2, with the limits of section 4.6.4
//     where evaluation reaches them: the tenth lookup before a match matters, the eleventh after it does not.
//
// Some terms depend on more than the policy: ptr on the names that DNS gives an address, macros (section 7) on the address,
// the sender and HELO. Such a term is unknown, both ways are followed, and the result is Unknown unless they come to the
// same. What could not be asked is TempError and never None.
//
// Where the RFC leaves room: a term counts as a void lookup (section 4.6.4) at most once, by its own question (A or
// AAAA of the address's family for a; MX for mx, not its hosts' addresses); a name
// that DNS cannot carry does not match (section 4.8 has it undefined), and asks nothing; a null MX (RFC 7505) has no hosts. A record that
// includes itself can only end at the limit of lookups, and is judged so without going round. An ip6 network of IPv4-mapped
// addresses covers no IPv4 address (section 5: a mapped client is IPv4).
//
// Deviations: exp is shown and not asked for, for it changes no result. A record with more than MaxTerms terms is
// a permanent error.
//
// Bounds: MaxTerms terms a record, maxLookups lookups whose answer is followed, maxDepth records on top of each other, MaxQuestions
// questions, maxAtOnce of them at the same time. What lies behind a bound is remarked (NotFollowed); the ten lookups
// that evaluation can reach are always asked, except that of ten exchangers' addresses all are.
//
// Texts from the DNS are a stranger's: every text in a Tree is printable ASCII; whoever makes HTML of it escapes it.
// A Tree is not changed after Walk, and may be read by many goroutines. Walk waits for those it starts. The package imports
// dns and nothing else of the house; it has no clock.
package spf
