// Package cases is the way off the lists: a case for each listing, with what the list wants, what stands in the way of asking it, and when
// that can be done at the earliest.
//
// A Book is pure: it asks nobody, and sends nothing. Lists gives it what is so now; what people did is told by them (Drafted,
// Requested, Denied, Close), for only they can know. What postward measured of the server comes as Facts, and a request is made of them: a
// sentence that was not measured is not in it. No draft is made while spam leaves.
//
// It imports dnsbl, for what is known of lists. Not safe for concurrent use.
package cases
