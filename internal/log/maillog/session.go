package maillog

import "bytes"

// session: how an SMTP session went, told without a queue ID.
func session(l *Line, s scan) Kind {
	words := s.rest
	switch {
	case s.lit("lost connection"), s.lit("timeout"), s.lit("too many errors"):
		l.Action = words[:len(words)-len(s.rest)]
		return lost(l, s)
	case s.lit("improper command pipelining after "):
		l.Action = words[:len("improper command pipelining")]
		var ok bool
		if l.Stage, ok = s.take(word); !ok || !s.lit(" from ") || !s.peer(&l.Client) {
			return Doubtful
		}
		if s.end() { // before Postfix 2.10 the commands are not told
			return Violation
		}
		ok = s.colon()
		l.Reply = s.all()
		return sure(Violation, ok)
	case s.lit("reject: ETRN "):
		return etrn(l, s)
	case s.lit("Refusing STARTTLS request from "), s.lit("Refusing TLS service request from "),
		s.lit("Wrapper-mode request dropped from "):
		return sure(TLSFailed, s.peer(&l.Client) && s.lit(" for service "))
	}
	return tls(l, s, &l.Client)
}

// lost: "lost connection after AUTH from PEER", "timeout after DATA (7774180 bytes) from PEER".
func lost(l *Line, s scan) Kind {
	var ok bool
	if !s.lit(" after ") {
		l.Action = nil
		return Other
	}
	if l.Stage, ok = s.take(word); !ok {
		return Doubtful
	}
	if s.lit(" (") {
		s.lit("approximately ")
		if l.Size, ok = s.number(); !ok || !s.lit(" bytes)") {
			return Doubtful
		}
	}
	return sure(Lost, s.lit(" from ") && s.peer(&l.Client) && s.end())
}

// etrn: "reject: ETRN ARGUMENTS... from PEER"; the arguments are the client's, and what imitates the peer has a rest.
func etrn(l *Line, s scan) Kind {
	const mark = "... from "
	i := bytes.Index(s.rest, []byte(mark))
	if i < 0 {
		return Doubtful
	}
	l.Action, l.Stage = l.Text[:len("reject")], l.Text[len("reject: "):len("reject: ETRN")]
	l.Reply, s.rest = s.rest[:i], s.rest[i+len(mark):]
	return sure(Reject, s.peer(&l.Client) && s.end())
}
