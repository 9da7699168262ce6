// Package dnsbl asks DNS blocklists and allow lists about an address or a domain, and knows what may be believed.
//
// A list is a zone (RFC 5782). An address is asked for by its octets in reverse before the zone (section 2.1), IPv6
// by its nibbles (section 2.4), a domain as it is (section 2.2). An A record in 127.0.0.0/8 is an answer: a code,
// one of several, a range, or a sum of bits, as each list wants it (section 2.3). No record is the other answer:
// not listed. A TXT record of the same name may say why.
//
// That is all the RFC says, and believing it has cost people their mail. So:
//
//   - Every A record is looked at, and each list's codes are its own. Some say that we were refused, not that the
//     subject is listed: 127.255.255.0/24 everywhere, 127.0.0.1 at SURBL and URIBL, and whatever else Refusals has.
//   - An answer outside 127.0.0.0/8 is no listing but a lie: a resolver that rewrites, or a domain that was sold.
//   - Silence, failure and refusal are not "not listed".
//   - A zone's health comes before its word (section 5): its test point must be listed, the point that must not be
//     and a random address of the TEST-NETs (RFC 5737) must not be. A zone that lists everything is not believed.
//   - Dead lists are known by name and never asked, nor are lists whose terms we do not meet: the Result says why.
//
// What is known of each list is data: lists.yaml, and the operator's own files, read strictly.
//
// A key (Spamhaus DQS, Abusix, SpamRATS) becomes part of a name at the moment of asking. It is in no Result, error
// or text: zones are shown with "{key}" in its place.
//
// Deviations from RFC 5782: AAAA answers are not asked for (section 2.3 knows A only in practice); the points
// TEST and INVALID of domain lists are only used where a list is known to have them, for most do not.
//
// A Checker may be used by many goroutines; it waits for those it starts. The package imports dns and facts and nothing else
// of the house; it has no clock but what it is given.
package dnsbl
