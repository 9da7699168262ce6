package maillog

import "bytes"

// rulingKind is what an action of a table or a milter comes to.
func rulingKind(action []byte) Kind {
	switch string(action) {
	case "reject", "proxy-reject":
		return Reject
	case "reject_warning":
		return RejectWarning
	case "milter-hold":
		return MilterHold
	case "milter-reject":
		return MilterReject
	case "milter-discard":
		return MilterDiscard
	case "hold", "milter-header-hold", "milter-body-hold":
		return Hold
	case "discard", "milter-header-discard", "milter-body-discard":
		return Discard
	case "redirect", "milter-header-redirect", "milter-body-redirect":
		return Redirect
	case "filter", "milter-header-filter", "milter-body-filter":
		return Filter
	case "milter-header-reject", "milter-body-reject":
		return Reject
	case "warn", "warning", "info", "permit", "bcc", "delay", "dunno", "ignore", "pass", "prepend", "replace", "strip":
		return Ruled
	}
	if bytes.HasPrefix(action, []byte("milter-")) {
		return Ruled
	}
	return Other
}

// action reads "WORD: ", the name of what was decided.
func (s *scan) action(l *Line) Kind {
	var ok bool
	if l.Action, ok = s.take(word); !ok || !s.lit(": ") {
		return Other
	}
	return rulingKind(l.Action)
}

// ruling reads what smtpd says of a table's answer (log_whatsup), and smtpd and cleanup of a milter's:
//
//	reject: STAGE from host[addr]: 554 5.7.1 text; from=<a@b> to=<c@d> proto=ESMTP helo=<name> sasl_username=<u>
//
// From Postfix 3.10 on the login is "sasl_method=PLAIN sasl_username=u".
//
// Kind, stage and client stand left of all free text and are sure. The fields at the end stand right of it, so they
// are set only when no text imitates them; else they stay nil and Reply is the whole rest.
func ruling(l *Line, s scan) Kind {
	kind := s.action(l)
	if kind == Other {
		l.Action = nil
		return Other
	}
	if string(l.Action) == "proxy-reject" {
		return proxied(l, s)
	}
	var ok bool
	if l.Stage, ok = s.take(word); !ok || !s.lit(" from ") || !s.anyPeer(&l.Client) || !s.lit(": ") {
		return Doubtful
	}
	l.Reply = s.all()
	l.context(" ")
	if kind == Reject || kind == RejectWarning || kind == MilterReject {
		l.replyCode()
	}
	return kind
}

// proxied: a before-queue content filter refused: "STAGE: text; from=<> …".
func proxied(l *Line, s scan) Kind {
	var ok bool
	if l.Stage, ok = s.take(word); !ok || !s.lit(": ") {
		return Doubtful
	}
	l.Reply = s.all()
	l.context(" ")
	l.replyCode()
	return Reject
}

// proxyAccepted: a before-queue content filter took a mail: "STAGE: 250 2.0.0 Ok: queued as ID; from=<> …". The ID is the
// filter's word, and of the queue that it hands the mail on to; it stands left of what the client said.
func proxyAccepted(l *Line, s scan) Kind {
	if proxied(l, s) == Doubtful {
		return Doubtful
	}
	filter, _, _ := bytes.Cut(l.Reply, []byte("; from=<"))
	if _, id, found := bytes.Cut(filter, []byte("queued as ")); found {
		s = scan{id}
		l.OtherID, _ = s.queueID()
	}
	return ProxyAccepted
}

// context splits "text; from=<> to=<> proto= helo=<>" when that can be done in exactly one way. Fields are separated
// by a space, or by ", " in postscreen.
func (l *Line) context(separator string) {
	at, n := marks(l.Reply)
	if n == 0 {
		l.Reply = bytes.TrimSuffix(l.Reply, []byte(";"))
	}
	if n != 1 {
		return
	}
	s := scan{l.Reply[at+1:]}
	if s.fields(l, separator) && s.end() {
		l.Reply = l.Reply[:at]
		return
	}
	l.unfield()
}

// unfield takes back what fields set: it came from text that is not ours.
func (l *Line) unfield() {
	l.From, l.To, l.Proto, l.HELO, l.SASLMethod, l.SASLUsername, l.SASLSender = nil, nil, nil, nil, nil, nil, nil
}

// marks finds where the fields begin, and in how many places (up to two) they could.
func marks(b []byte) (at, n int) {
	for i := 0; ; i++ {
		next := bytes.IndexByte(b[i:], ';')
		if next < 0 {
			return at, n
		}
		i += next
		s := scan{b[i+1:]}
		if s.lit(" from=<") || s.lit(" to=<") || s.lit(" proto=") {
			if n++; n > 1 {
				return at, n
			}
			at = i
		}
	}
}

// fields reads log_whatsup's fields. smtpd has neutered the HELO name, so it holds no bracket.
func (s *scan) fields(l *Line, separator string) bool {
	ok := s.byte(' ')
	if ok && s.lit("from=<") {
		l.From, ok = s.address()
		ok = ok && (s.end() || s.past(separator))
	}
	if ok && s.lit("to=<") {
		l.To, ok = s.address()
		ok = ok && (s.end() || s.past(separator))
	}
	if ok && s.lit("proto=") {
		l.Proto, ok = s.take(word)
		ok = ok && (s.end() || s.past(separator))
	}
	if ok && s.lit("helo=<") {
		l.HELO, ok = s.bracketed()
		ok = ok && (s.end() || s.past(separator))
	}
	if ok && s.lit("sasl_username=<") {
		l.SASLUsername, ok = s.bracketed()
	} else if ok && s.lit("sasl_method=") {
		ok = s.loggedIn(l)
	}
	return ok
}

// loggedIn reads the login as Postfix 3.10 and newer end these lines: "PLAIN sasl_username=u sasl_sender=s", with no brackets.
// What holds one came from a field before it.
func (s *scan) loggedIn(l *Line) bool {
	var ok bool
	if l.SASLMethod, ok = s.take(word); !ok || s.end() {
		return ok
	}
	if !s.lit(" sasl_username=") || bytes.ContainsAny(s.rest, "<>") {
		return false
	}
	name, sender, _ := bytes.Cut(s.all(), []byte(" sasl_sender="))
	l.SASLUsername = name
	if !bytes.Contains(sender, []byte(" sasl_")) {
		l.SASLSender = sender
	}
	return len(name) > 0 && !bytes.Contains(name, []byte(" sasl_"))
}

// past takes the separator. Before the colon of a table's text there is none.
func (s *scan) past(separator string) bool {
	return s.lit(separator) || len(s.rest) > 0 && s.rest[0] == ':'
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
