package maillog

import "bytes"

// Parse reads one line, without its line break, into a Line; what was there is overwritten. It reports whether
// the line has a stamp, a host and a program's tag at all; if not, only Kind (Unknown) means anything.
// It never fails otherwise: what it does not understand is Other, Doubtful or Unknown. Time is linear in the line.
func Parse(b []byte, into *Line) bool {
	*into = Line{}
	s := scan{b}
	if !s.stamp(&into.Stamp) || !s.header(into) {
		*into = Line{}
		return false
	}
	into.Text = s.rest
	if slash := bytes.LastIndexByte(into.Program, '/'); slash >= 0 {
		into.Kind = program(into, into.Program[slash+1:], s)
	}
	if into.Kind == Doubtful {
		into.forget()
	}
	return true
}

// header reads "host program[pid]: ". The space after the colon may be missing at the end of a line.
func (s *scan) header(into *Line) bool {
	n := bytes.IndexByte(s.rest, ' ')
	if n <= 0 {
		return false
	}
	into.Host, s.rest = s.rest[:n], s.rest[n+1:]
	var ok bool
	if into.Program, ok = s.take(tag); !ok {
		return false
	}
	if s.byte('[') {
		pid, ok := s.number()
		if !ok || !s.byte(']') {
			return false
		}
		into.PID = int(pid)
	}
	return s.byte(':') && (s.byte(' ') || s.end())
}

// forget keeps of a doubtful line what stands left of the doubt.
func (l *Line) forget() {
	*l = Line{Stamp: l.Stamp, Host: l.Host, Program: l.Program, PID: l.PID, Text: l.Text, Kind: l.Kind, QueueID: l.QueueID}
}

// program is the table of programs and the sentences that they say. A new sentence is a case in its program's
// reader; a new program is a line here.
func program(l *Line, name []byte, s scan) Kind {
	switch string(name) {
	case "smtpd":
		return smtpd(l, s)
	case "cleanup":
		return cleanup(l, s)
	case "qmgr", "oqmgr", "nqmgr":
		return qmgr(l, s)
	case "smtp", "lmtp", "local", "virtual", "pipe", "error", "discard", "retry":
		return agent(l, s)
	case "pickup":
		return pickup(l, s)
	case "bounce":
		return bounce(l, s)
	case "postsuper":
		return postsuper(l, s)
	case "anvil", "dnsblog", "flush", "master", "postalias", "postdrop", "postfix-script", "postlog", "postlogd",
		"postmap", "postmulti", "postqueue", "postscreen", "proxymap", "qmqpd", "scache", "sendmail", "showq",
		"spawn", "tlsmgr", "tlsproxy", "trivial-rewrite", "verify":
		return Other
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
