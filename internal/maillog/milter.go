package maillog

import "bytes"

// milter reads what smtpd and cleanup say of a milter's answer:
//
//	milter-reject: STAGE from host[addr]: 451 4.7.1 text; from=<a@b> to=<c@d> proto=ESMTP helo=<name> sasl_username=<u>
//
// Kind, stage and client stand left of all free text and are sure. The fields at the end stand right of the milter's
// text, so they are set only when no text imitates them; else they stay nil and Reply is the whole rest.
func milter(l *Line, s scan) Kind {
	kind := Other
	switch {
	case s.lit("milter-hold: "):
		kind = MilterHold
	case s.lit("milter-reject: "):
		kind = MilterReject
	case s.lit("milter-discard: "):
		kind = MilterDiscard
	default:
		return Other
	}
	var ok bool
	if l.Stage, ok = s.take(word); !ok || !s.lit(" from ") || !s.peer(&l.Client) || !s.lit(": ") {
		return Doubtful
	}
	l.Reply = s.all()
	l.context()
	if kind == MilterReject {
		l.replyCode()
	}
	return kind
}

// context splits "text; from=<> to=<> proto= helo=<>" when that can be done in exactly one way.
func (l *Line) context() {
	at, marks := -1, 0
	for _, mark := range [...]string{"; from=<", "; to=<", "; proto="} {
		if n := bytes.Count(l.Reply, []byte(mark)); n > 0 {
			marks += n
			at = bytes.Index(l.Reply, []byte(mark))
		}
	}
	if marks == 0 {
		l.Reply = bytes.TrimSuffix(l.Reply, []byte(";"))
	}
	if marks != 1 {
		return
	}
	var found Line
	s := scan{l.Reply[at+1:]}
	if !s.fields(&found) {
		return
	}
	l.From, l.To, l.Proto, l.HELO, l.SASLUsername = found.From, found.To, found.Proto, found.HELO, found.SASLUsername
	l.Reply = l.Reply[:at]
}

// fields reads log_whatsup's fields to the end. smtpd has neutered the HELO name, so it holds no bracket.
func (s *scan) fields(l *Line) bool {
	ok := true
	if s.lit(" from=<") {
		l.From, ok = s.address()
	}
	if ok && s.lit(" to=<") {
		l.To, ok = s.address()
	}
	if ok && s.lit(" proto=") {
		l.Proto, ok = s.take(word)
	}
	if ok && s.lit(" helo=<") {
		l.HELO, ok = s.bracketed()
	}
	if ok && s.lit(" sasl_username=<") {
		l.SASLUsername, ok = s.bracketed()
	}
	return ok && s.end()
}

// bracketed reads up to ">", with no "<" on the way.
func (s *scan) bracketed() ([]byte, bool) {
	n := bytes.IndexAny(s.rest, "<>")
	if n < 0 || s.rest[n] == '<' {
		return nil, false
	}
	b := s.rest[:n]
	s.rest = s.rest[n+1:]
	return b, true
}

// replyCode splits "451 4.7.1 text"; smtpd logs both codes, cleanup only the second, and either may be missing.
func (l *Line) replyCode() {
	s := scan{l.Reply}
	if code, ok := s.take(digits); ok && len(code) == 3 && s.byte(' ') {
		l.Code, l.Reply = code, s.rest
	}
	s = scan{l.Reply}
	if dsn, ok := s.enhanced(); ok && s.byte(' ') {
		l.DSN, l.Reply = dsn, s.rest
	}
}
