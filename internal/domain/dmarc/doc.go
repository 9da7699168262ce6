// Package dmarc reads DMARC policy records (RFC 9989, which obsoletes RFC 7489), finds the one that holds for a domain by
// the DNS tree walk, judges a mail by it, and asks whether a host wants the reports that are sent to it.
//
//   - Parse reads a record. What RFC 7489 had and RFC 9989 has not (pct, rf, ri) is no error but a remark.
//   - Discover walks the tree (section 4.10): at most MaxQueries names, all asked for at once, also those above a record
//     that ends the walk (psd=n, psd=y), which are then not looked at. A name that did not answer is Unknown, and never
//     one without a record: then nothing is said about what holds.
//   - Evaluate judges a mail (sections 4.10.1, 4.10.2, 5.3) by what Gather has asked; Judge does both. What SPF and DKIM said
//     and who the authors are it is told; it never takes a look-up that did not end for a no.
//   - Reporting asks for the consent of another domain's host (RFC 9990 section 4).
//
// Bounds: MaxTags tags, MaxURIs addresses for each kind of report, MaxText octets of a record. What is behind them is
// remarked and not read. Gather asks at most MaxQuestions. Texts in a Record or a Verdict are a stranger's: every string is
// printable ASCII, or it is not there. How many DKIM results a mail has is the caller's to bound.
//
// Where the RFC leaves a choice:
//
//   - Several Author Domains are each judged, at most MaxAuthors (section 11.5). One that fails makes the mail fail, with the
//     most strict policy; it passes only when all pass.
//   - A mail whose From field is not to be read in one way is permerror, and what its possible authors ask for is told.
//   - A record that cannot be read, with nobody to report to, is permerror (sections 4.10.1 and 9.2). A record without p is
//     p=none (section 4.7), reports or not. A tag that stands twice counts the first time.
//   - When only the policy is not known, for np or sp depends on an existence that DNS did not tell, that is temperror.
//   - An SPF or DKIM result of temperror is temperror here when the domain would have been aligned. A forger can bring that
//     about with a name of the domain that does not answer: who lets temperror pass lets him pass.
//   - An identifier that cannot have the author's Organizational Domain, because it stands not below it, is not walked for.
//
// The package imports dns and uri and nothing else of the house; it has no clock.
package dmarc
