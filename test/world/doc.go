// Package world makes small parts of the Internet on loopback, sound ones and broken ones, for `postward check` to look
// at: a name server, blocklists of every character, mail servers and policy hosts with one fault each, and the
// certificates that they show.
//
//   - [Server] answers for zones as their own server and as a resolver (RFC 1034, 1035, 4592), and misbehaves below the
//     names that it is told. Zones change while it runs.
//   - [Rbldnsd] is the real rbldnsd with lists that were made for it (RFC 5782).
//   - [Lists] are blocklists of each [Character], the files that tell postward of them, and the truth about each.
//   - [CA] issues certificates, good and bad. [SMTP] and [HTTPS] show them.
//   - [Map] lets zones hold documentation addresses (RFC 5737, RFC 3849): its Dial goes to the listener that stands
//     there, and nowhere but to loopback.
//
// Everything listens on loopback alone. Whatever is started ends with its Close, which waits for every goroutine and
// process. Every type may be used by several goroutines. What tests look at (questions, mails) is kept until it is
// forgotten or closed: it is bounded by what the test sends.
//
// Deviations: no zone cuts inside of a zone, no DNAME, no zone transfer, no signatures: the AD bit is set where the test
// says so. The SMTP servers know what a check says to them, not CHUNKING nor ETRN.
//
// The package must not import anything of internal/: it would be a witness in its own case.
package world
