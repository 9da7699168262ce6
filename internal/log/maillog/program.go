package maillog

import (
	"bytes"
	"slices"
)

// MaxLine is how long a line can be, in bytes. Postfix's own end at about 4 KiB, rsyslog's by default at 8, journald's
// at 48. Of a longer one only the header is believed: it is Doubtful or Other.
const MaxLine = 64 << 10

// Parse reads one line, without its line break, into a Line; what was there is overwritten. It reports whether
// the line has a stamp, a host and a program's tag at all; if not, only Kind (Unknown) means anything.
// It never fails otherwise: what it does not understand is Other, Doubtful or Unknown. Time is linear in the line,
// and what lies behind MaxLine is not looked at.
func Parse(b []byte, into *Line) bool {
	*into = Line{}
	whole := scan{b[:min(len(b), MaxLine)]}
	s := whole
	if !s.stamp(&into.Stamp) || !s.header(into) || into.halved() {
		was, after := *into, s
		s, *into = whole, Line{}
		switch {
		case s.unusual(into):
		case was.halved():
			s, *into = after, was
		default:
			*into = Line{}
			return false
		}
	}
	into.Text = s.rest
	into.read()
	if len(b) > MaxLine && into.Kind > Other {
		into.forget()
	}
	return true
}

// halved reports whether a tag may have been cut at a colon within it: a daemon of another instance of Postfix than all that
// are known has a process ID.
func (l *Line) halved() bool {
	return l.PID == 0 && bytes.HasPrefix(l.Program, []byte("postfix")) && !l.known()
}

// read understands Text, with Program known.
func (l *Line) read() {
	if l.repeated(); l.Kind == Repeats {
		return
	}
	if slash := bytes.LastIndexByte(l.Program, '/'); slash >= 0 {
		l.Kind = postfix(l, l.Program[slash+1:], scan{l.Text})
	} else {
		l.Kind = neighbour(l, scan{l.Text})
	}
	if l.Kind == Doubtful || l.Kind > Doubtful && !clean(l.Text) {
		l.forget()
	}
}

// forget makes a line doubtful, and keeps of it what stands left of the doubt.
func (l *Line) forget() {
	*l = Line{Stamp: l.Stamp, Host: l.Host, Program: l.Program, PID: l.PID, Text: l.Text, Times: l.Times, Kind: Doubtful, QueueID: l.QueueID}
}

// postfix reads what all of Postfix's programs say in the same words, and else what this one says.
func postfix(l *Line, name []byte, s scan) Kind {
	k := program(l, name, s)
	if k != Other {
		return k
	}
	id := l.QueueID
	*l = Line{Stamp: l.Stamp, Host: l.Host, Program: l.Program, PID: l.PID, Text: l.Text, Times: l.Times}
	if k = levelled(l, s); k == Other {
		k = everyday(s)
	}
	if k == Other {
		l.QueueID = id
	}
	return k
}

// program is the table of Postfix's programs and the sentences that they say. A new sentence is a case in its
// program's reader; a new program is a line here.
func program(l *Line, name []byte, s scan) Kind {
	switch string(name) {
	case "smtpd", "qmqpd":
		return smtpd(l, s)
	case "cleanup":
		return cleanup(l, s)
	case "qmgr", "oqmgr", "nqmgr":
		return qmgr(l, s)
	case "smtp", "lmtp":
		return relay(l, s)
	case "local", "virtual", "pipe", "error", "discard", "retry":
		return agent(l, s)
	case "pickup":
		return pickup(l, s)
	case "bounce":
		return bounce(l, s)
	case "postsuper":
		return postsuper(l, s)
	case "postscreen", "tlsproxy":
		return postscreen(l, s)
	case "dnsblog":
		return dnsblog(l, s)
	case "anvil", "scache", "verify":
		return statistics(l, s)
	case "master", "postfix-script":
		return lifecycle(l, s)
	}
	if postfixProgram(name) {
		return Other
	}
	return Unknown
}

// postfixProgram reports whether Postfix has a program of that name: those of the table, and those that say nothing of
// their own.
func postfixProgram(name []byte) bool {
	switch string(name) {
	case "smtpd", "qmqpd", "cleanup", "qmgr", "oqmgr", "nqmgr", "smtp", "lmtp", "local", "virtual", "pipe", "error", "discard",
		"retry", "pickup", "bounce", "postsuper", "postscreen", "tlsproxy", "dnsblog", "anvil", "scache", "verify", "master",
		"postfix-script", "flush", "postalias", "postdrop", "postlog", "postlogd", "postmap", "postmulti", "postqueue",
		"proxymap", "sendmail", "showq", "spawn", "tlsmgr", "trivial-rewrite":
		return true
	}
	return false
}

// neighbourProgram reports whether a program around Postfix is one of those that neighbour reads.
func neighbourProgram(name []byte) bool {
	switch string(name) {
	case "dovecot", "dovecot-auth", "saslauthd", "MailScanner", "auth", "auth-worker", "imap-login", "pop3-login", "submission-login", "managesieve-login":
		return true
	}
	return false
}

// neighbour reads the lines of the programs around Postfix.
func neighbour(l *Line, s scan) Kind {
	switch string(l.Program) {
	case "dovecot":
		return dovecot(l, s)
	case "saslauthd":
		return saslauthd(l, s)
	case "MailScanner":
		return mailScanner(l, s)
	case "auth", "auth-worker", "dovecot-auth": // of Dovecot 1, and the PAM library in it
		return refused(l, s)
	case "imap-login", "pop3-login", "submission-login", "managesieve-login":
		return mailbox(l, s)
	case "master":
		if started(l, s) {
			return Lifecycle
		}
	}
	return Unknown
}

// queued reads "QUEUEID: ", the beginning of every sentence about a mail.
func (s *scan) queued(l *Line) bool {
	var ok bool
	if l.QueueID, ok = s.queueID(); ok && s.lit(": ") {
		return true
	}
	l.QueueID = nil
	return false
}

// sure is the kind when a sentence was understood, else Doubtful.
func sure(k Kind, understood bool) Kind {
	if understood {
		return k
	}
	return Doubtful
}

// NamesMail reports whether a text of somebody else, as journald's about a service, names what writes a mail log.
func NamesMail(text []byte) bool {
	return slices.ContainsFunc([]string{"postfix", "dovecot", "saslauthd", "the mail log"}, func(name string) bool { return bytes.Contains(text, []byte(name)) })
}
