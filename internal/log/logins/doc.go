// Package logins makes one Attempt of the lines that tell of it. Of a login that failed up to four programs write a line: the
// database that was asked, the server that asked it, the session when it ends, and the syslog daemon that folds them. A failure
// is one, however many tell of it and however late: who counts lines bans a traveller at his third mistake.
//
// Beside logins it hands on what else tells a guesser from a neighbour: who spoke before the greeting, asked for relay, for
// recipients that nobody has, or something that is not SMTP; and whose mail was taken.
//
// Joiner is not safe for several goroutines. What it remembers is bounded; beyond the bounds a failure may be counted twice, and
// never a good login as a failed one. It must not import anything of the house but maillog, message and guard's guess.
package logins

import (
	"net/netip"
	"time"

	"postward/internal/guard/guess"
)

// Kind says what an Attempt is.
type Kind uint8

const (
	None      Kind = iota
	Failed         // a login was refused: a wrong password, or a name that nobody has
	Good           // somebody logged in
	Unchecked      // a login failed for a trouble of the server's own: nobody's guess
	Aborted        // the client went away within a login
	Pregreet       // spoke before the greeting
	Relay          // asked to send mail to elsewhere, without a login
	NoMailbox      // asked for a recipient that nobody has
	NotSMTP        // said what is not SMTP: "GET /", a TLS record, a command too many
	Taken          // a mail without a login was taken
	Delivered      // a mail was delivered into a mailbox of this host: there is one; To
)

// Service is where a login was tried.
type Service uint8

const (
	SMTP Service = iota
	IMAP
	POP3
	Sieve
	Mailbox // one of Dovecot's, which is not told
)

func (s Service) String() string {
	return [...]string{"SMTP", "IMAP", "POP3", "ManageSieve", "a mailbox"}[s]
}

// Attempt is one thing that a client did.
type Attempt struct {
	Kind    Kind
	At      time.Time
	Client  netip.Addr // the zero Addr: not told
	Service Service
	Account string // the name that was said, as message.Account has it; empty: not told
	To      string // NoMailbox, Relay: the recipient, as logged; Delivered: the mailbox, as message.Account has it
	Untold  bool   // Failed: nothing but the end of an SMTP session tells of it
	Times   int    // how many like it, one after the other; 1 and more
}

// kinds are the kinds of attempts, as the watch has them. One that is not there means nothing to it.
var kinds = [...]guess.Kind{
	Failed: guess.Failed, Good: guess.Good, Aborted: guess.Aborted, Pregreet: guess.Pregreet,
	Relay: guess.Relay, NoMailbox: guess.NoMailbox, NotSMTP: guess.NotSMTP, Taken: guess.Taken, Delivered: guess.Delivered,
}

// Guess is the attempt as the watch takes it, but for what is known of its client and account. ok is false where it tells nothing.
func (a *Attempt) Guess() (x guess.Attempt, ok bool) {
	x = guess.Attempt{Kind: kinds[a.Kind], At: a.At, Client: a.Client, Account: a.Account, To: a.To, Times: a.Times}
	if a.Kind == Delivered {
		x.Account = a.To
	}
	return x, x.Kind != 0 && (a.Client.IsValid() || a.Kind == Delivered)
}
