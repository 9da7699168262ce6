// Package milter is a milter server: the wire between Postfix and the decision. It speaks versions 2 to 6 of the
// protocol that sendmail's mfdef.h defines and Postfix's milter8.c speaks, and turns a session into guard's words:
// one Transaction a mail, judged at the MAIL command and at the end of the message.
//
// Deviations: of a body it reads what a fingerprint takes, of mail from strangers nothing; it never changes a body, a sender
// or a recipient, and there is no discard.
//
// Postfix does not say through which port a mail came, so each direction has a Server and a socket of its own.
//
// Concurrency: Serve owns one goroutine a session and joins them all. The two judging functions are called from
// them, at most one at a time a session. Bounds: see Limits and the constants of wire.go; a peer costs at most one
// packet, its macros, and the facts of one message. A panic ends its own session only, and answers tempfail.
//
// The package must not import anything of the house but guard's words, its neighbours message and fingerprint, and sock.
package milter
