// Package dns asks the domain name system and says how the asking ended.
//
// A question (RFC 1035 section 4.1.2) has one of seven outcomes, and postward must never take one for another: that
// a name does not exist is a fact about the name, that nobody answered is a fact about the way there.
//
//   - Answered: there are records of that type.
//   - NoData: the name exists, records of that type do not (RFC 2308 section 2.2).
//   - NoName: the name does not exist (RFC 2308 section 2.1, and RFC 8020: nothing below it does either).
//   - Refused: the server does not want to answer us (RCODE 5).
//   - Failure: the server wanted to and could not (RCODE 2, and whatever else is no answer: a referral, FORMERR).
//   - Timeout: nothing came before the deadline.
//   - Lying: something came that is no answer to this question: another question in it, a chain of aliases that
//     bites its tail, octets that are no DNS message.
//
// Client is a stub resolver (RFC 1034 section 5.3.1): it asks the servers of resolv.conf over UDP with EDNS(0)
// (RFC 6891, 1232 octets), again over TCP when the reply is cut (RFC 7766), and believes a reply only when ID and
// question are those it sent (RFC 5452 section 9); every question has its own socket, so its own port. It keeps what
// it learned: positive answers for their TTL, negative ones for the lesser of the SOA's TTL and MINIMUM (RFC 2308
// section 5), failures for a few seconds (RFC 9520). Like questions at the same time are asked once. Zone answers
// from a zone file (RFC 1035 section 5) through the same reading of the same messages: it is what tests ask.
//
// The authentic-data bit (RFC 4035 section 3.2.3) is only passed on when the way to the server is trusted: every
// server is this host, or resolv.conf says trust-ad.
//
// Deviations: names are absolute, the search list and ndots are not used. A reply that holds an alias without what
// it points to is NoData: recursion is the server's work. Unicode names are for whoever read them to encode. With
// Config.Authority the servers of a zone are asked for what they have themselves, and any other reply is a Failure.
//
// Bounds: a reply has at most 65,535 octets, of which at most MaxRecords records and MaxChain aliases count; the
// cache is bounded in entries and octets. A Client and a Zone may be used by many goroutines; a Client starts none
// that it does not wait for; who asks several questions at once does it with a Group. What servers say is a stranger's text: Show makes a name harmless, texts are as they
// came. No name that was asked for is in an Answer, for there are names that hold a key.
//
// The package must not import anything of the house.
package dns
