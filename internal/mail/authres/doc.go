// Package authres writes and reads Authentication-Results (RFC 8601), and finds the fields of strangers that would be
// taken for ours.
//
// A Service is who we are: an authserv-id (section 2.5), and others by which readers of our mail know us. Service.Value is
// the one field that we add; Service.Claims says which fields of a mail from outside must go before (section 5): those that
// name us, in any spelling that some reader could take for us, and those of a version that we do not know.
//
// # What a stranger wrote
//
// Addresses, domains and logins in a field are a stranger's text. In what is written they are a token, an address of
// dot-atom and domain, or a quoted string without quotation marks, backslashes, semicolons and parentheses; what
// cannot be written so is left out, for there are readers that cut at every semicolon. An address then is its domain
// alone. Nothing beyond ASCII is written: domains are A-labels.
//
// # Which fields claim to be ours
//
// Readers differ, so every way to read a field is tried: with comments and folding taken out or not, quoted strings opened,
// encoded words (RFC 2047) decoded, U-labels and A-labels alike, octets that are no UTF-8 as Latin-1, without what cannot
// be seen, without the last dot, and up to the first character that is in no authserv-id ("example.org/1"). What is then
// ours as a whole is a claim; a name that only contains ours is not, nor is ours in a comment. An id in more than maxWords
// words is a claim, whoever it names: nobody can tell at a cost that is bounded.
//
// A field of another service and version 1, or none, stays. Section 5 has one of an unknown version removed, whoever is
// named in it, for whoever reads it may know the version.
//
// # Reading
//
// Parse reads kindly: what it does not understand of a field it passes over, and a field without an authserv-id, as
// some large services write it, has none. emersion/go-msgauth has a reader too; it knows neither comments nor quoted
// strings, and cuts at semicolons in them.
//
// Bounds: Parse reads MaxField octets, maxResults results, maxProperties properties of each; both cost what a field is long,
// and not the square of it (TestReadingCostsWhatAFieldIsLong). The package is pure, and may import message.
package authres
