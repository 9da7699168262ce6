// Package mailauth says who wrote one mail from outside, as far as SPF (RFC 7208), iprev (RFC 8601 section 3), DKIM (RFC 6376),
// ARC (RFC 8617) and DMARC (RFC 9989) can prove it, and what that means for it by a Policy.
//
// A Checker is for all mails. Begin takes what is known at MAIL FROM; SPF and iprev are asked for from then on.
// Header takes the header section: keys and DMARC records are asked for at once, while the body comes. Write hashes the
// body as it streams past; it is never kept. End waits, and gives the Result. Close is for a mail that has no end.
//
// # One deadline
//
// End returns within Checker.Deadline, also when nobody answers. What did not answer by then is temperror and never fail.
// What a sender chooses whom we ask for (his SPF policy, his signatures' keys, his chain) has three quarters of it; the last
// is DMARC's, so that a stranger's silent name server does not keep the author's record from being read. The mail's
// context ends everything before. Each question is asked once for a mail, and for all mails at the same time by a
// dns.Client; one that somebody's time was too short for is asked again by who has more. What an SPF policy names beside each other is asked for at the same time, where no macro stands in it: up to ten
// terms, also such as evaluation may not come to.
//
// What senders choose is asked by few at a time, for a name server that never answers holds a place of the resolver: eight questions of
// a mail's envelope (of which six may be such as are not needed for SPF's result), eight for its keys, and 64 of all mails together that
// share Places. DMARC's own questions wait for none of these. Who sends as many mails at once as fill all 64 makes the
// others' SPF and signatures temperror; DMARC records are read all the same.
//
// # What is done about a failure of DMARC
//
// RFC 9989 section 7.4: a receiver must not reject for p=reject alone; it must use other knowledge and analysis, for mailing
// lists and forwarders change mail, and a subscriber whose server rejects is taken off the list. Section 5.4: it may take a mail
// that fails, and should then say so in Authentication-Results. What is known here besides is whether anybody handed the mail
// on: who forwards a mail adds a Received field (RFC 5321 section 4.4), and lists, resenders and sealers leave their own
// (Sign). By the Default:
//
//   - p=reject, and no Sign at all: the mail comes from the very machine that wrote it, and no list or forwarder can
//     have it from the author. It is rejected. Postfix's own Received field is none (Mail.Known), also where postgrey or an access
//     map has put something above it.
//   - p=reject, and any Sign: it is marked for the junk folder, and never rejected, whatever the Policy says. A forger can
//     feign a Sign; that gets him as far as the junk folder.
//   - p=quarantine: marked. It does not fill the hold queue.
//   - temperror, and the author's policy is known to be one of these two: marked. A forger can bring about a temperror with a
//     name that does not answer. Where the policy itself could not be asked for nothing is done, for that is the
//     author's own DNS, or ours: half a day without a resolver must not fill the junk folders.
//   - a From field that readers differ in, or more Author Domains than are looked at: marked, when one of them asks for
//     anything; two From fields, and a header section or a From of more than is looked at, always.
//   - SPF, DKIM, ARC and iprev by themselves: nothing. -all fails for every forwarder (RFC 7208 section 8.4), and a signature
//     that fails is as none (RFC 6376 section 6.1).
//
// Whatever the Policy says, and whatever its author proves, two mails are rejected, for nobody honest writes them and Postfix
// cannot be asked to take out what is forged: one with more than MaxForged fields that pass for our Authentication-Results (each
// removal is a walk through the header section, so that ten thousand cost the square of it), and one whose header section goes on
// behind what the caller keeps (cut), where such fields may stand unseen.
//
// A failure is overridden when a trusted sealer says that the mail had passed when it came to him (arc.Result.Vouched), when a
// listed forwarder proves to be its client (by SPF of the reverse-path or HELO, or a signature: names that he shows, and
// not such as he says), or when its author's domains are exempt. In doubt about From nothing is overridden.
//
// # Somebody who writes as us
//
// AsUs is a mail with an Author Domain of ours that nothing of ours vouches for. It is marked, or what the operator says;
// that one may be a rejection, for it is by his own domains' owner and not on the word of a record. An override holds here
// too: our people write to lists.
//
// What could not be asked for vouches for nobody where our DMARC record asks for anything: such a mail is AsUs. A stranger
// can bring about a silence, but so can a slow resolver for honest mail of ours, so for that alone it is marked at most,
// never refused. Where our record asks for nothing, or cannot be read, it is as if it vouched: half a day without a resolver must
// not fill the junk folders.
//
// # Where the RFCs leave room
//
//   - With a null reverse-path the identity is postmaster@HELO (RFC 7208 section 2.4), and one check is made. Else
//     HELO is checked too (section 2.3); DMARC does not look at it.
//   - For a client of IPv6 a name that ends like one of the policy's exists, and has A alone, is no void look-up of a or mx.
//   - A name with blanks that macros made is not asked for and does not exist.
//   - The client's name, where Postfix has proved it, is iprev's pass without asking again.
//
// Bounds: what its parts are bounded by (dkim.MaxSignatures, arc.MaxSets, dmarc.MaxQuestions, ten look-ups of SPF), and an SPF
// record of 8 KiB. A Checker is for many goroutines, when its functions are; a Mail for one at a time, and End and Close
// join those that it starts. One that panics ends no other mail: its part is temperror, the mail is marked at most, and
// Result.Panic tells of it. Texts of a Result are a stranger's and printable ASCII, but for those that their packages
// say otherwise of.
package mailauth
