// Package dmarc reads DMARC policy records (RFC 9989, which obsoletes RFC 7489), finds the one that holds for a domain by
// the DNS tree walk, and asks whether a host wants the reports that are sent to it.
//
//   - Parse reads a record. What RFC 7489 had and RFC 9989 has not (pct, rf, ri) is no error but a remark.
//   - Discover walks the tree (section 4.10): at most MaxQueries names, all asked for at once, also those above a record
//     that ends the walk (psd=n, psd=y), which are then not looked at. A name that did not answer is Unknown, and never
//     one without a record: then nothing is said about what holds.
//   - Reporting asks for the consent of another domain's host (RFC 9990 section 4).
//
// Bounds: MaxTags tags, MaxURIs addresses for each kind of report, MaxText octets of a record. What is behind them is
// remarked and not read. Texts in a Record are a stranger's: every string is printable ASCII, or it is not there.
//
// Mail is not judged here. The package imports dns and uri and nothing else of the house; it has no clock.
package dmarc
