// Package dkimkey reads DKIM key records: what a domain publishes at SELECTOR._domainkey (RFC 6376 section 3.6.1, with
// the limits of RFC 8301 and the Ed25519 keys of RFC 8463).
//
// Parse reads one record; it returns no error: what is wrong with it is in Key.Remarks. Well-known selectors are in
// Common, for those who were not told any.
//
// Bounds: MaxText octets and maxTags tags of a record. It imports nothing of the house.
package dkimkey
