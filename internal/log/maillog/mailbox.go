package maillog

import "bytes"

// mailbox: a session of a login process is over, or handed on:
//
//	Disconnected: Connection closed (auth failed, 2 attempts in 30 secs): user=<u>, method=PLAIN, rip=A, lip=B, TLS, session=<s>
//
// What stands before the elements is Dovecot's. The user name is the first element and a stranger's: an address
// that is there twice is no address, the line Doubtful.
func mailbox(l *Line, s scan) Kind {
	debug := bytes.HasPrefix(s.rest, []byte("Debug: "))
	if kind := s.level(l); kind != Noted {
		return kind
	}
	head := s.rest
	at := elements(s.rest)
	if at >= 0 {
		head, s.rest = s.rest[:at], s.rest[at+len(": "):]
	} else {
		s.rest = nil
	}
	kind := loginKind(l, scan{head})
	if kind == Other && debug {
		return Noted // as in refused
	}
	if kind == Other || kind == Noted {
		return kind
	}
	for !s.end() {
		if !s.element(l) {
			return Doubtful
		}
	}
	return kind
}

// elements is where the first of login_log_format_elements begins.
func elements(b []byte) int {
	for i := 0; ; i++ {
		next := bytes.IndexByte(b[i:], ':')
		if next < 0 {
			return -1
		}
		i += next
		s := scan{b[i+1:]}
		if s.lit(" user=<") || s.lit(" method=") || s.lit(" rip=") {
			return i
		}
	}
}

// loginKind understands the words before the elements.
func loginKind(l *Line, head scan) Kind {
	l.Reply = head.rest
	switch {
	case string(head.rest) == "Login", string(head.rest) == "Logged in":
		l.Reply = nil
		return MailboxLogin
	case head.lit("proxy("), unasked(head):
		l.Reply = nil
		return Noted
	}
	for _, mark := range [...]string{"(auth failed, ", "(authorization failed, ", "("} {
		i := bytes.Index(head.rest, []byte(mark))
		if i < 0 {
			continue
		}
		counted := scan{head.rest[i+len(mark):]}
		var ok bool
		l.Count, ok = counted.number()
		if ok && (counted.lit(" attempts") || counted.lit(" authentication attempts")) {
			if counted.lit(" in ") {
				l.Delay, _ = counted.take(digits)
			}
			return MailboxLoginFailed
		}
		l.Count = 0
	}
	if bytes.HasSuffix(head.rest, []byte("(proxy dest auth failed)")) { // the server behind refused
		l.Count = 1
		return MailboxLoginFailed
	}
	if head.lit("Disconnected") || head.lit("Aborted login") || head.lit("Login aborted") || head.lit("Maximum number of connections") ||
		head.lit("Connection closed") {
		return MailboxClosed
	}
	l.Reply = nil
	return Other
}

// unasked: "Authenticate NTLM failed: Unsupported authentication mechanism." of Dovecot 2.4: no database was asked, and how the session
// ends is another line's. The mechanism is the client's word.
func unasked(head scan) bool {
	return (head.lit("Authenticate ") || head.lit("APOP ")) && bytes.Contains(head.rest, []byte("failed: "))
}

// loginName reads a name up to the only ">, " that follows; where there are more, one with a bracket in it could imitate the
// elements behind it, and is refused.
func (s *scan) loginName() ([]byte, bool) {
	if n := bytes.Index(s.rest, []byte(">, ")); n >= 0 && !bytes.Contains(s.rest[n+1:], []byte(">, ")) {
		b := s.rest[:n]
		s.rest = s.rest[n+1:]
		return b, true
	}
	return s.bracketed()
}

// element reads one element and the comma behind it. An unknown one is passed over; one that is there twice is refused.
func (s *scan) element(l *Line) bool {
	ok, once := true, true
	known := len(s.rest) > 0 && s.rest[0] >= 'l' // no word below begins with another: "TLS" is not looked for
	switch {
	case !known:
		ok = s.unknownElement()
	case s.lit("user=<"):
		once = l.SASLUsername == nil
		l.SASLUsername, ok = s.loginName()
	case s.lit("method="):
		once = l.SASLMethod == nil
		l.SASLMethod, ok = s.take(word)
	case s.lit("rip="):
		once = l.Client.Addr == nil
		l.Client.Addr, ok = s.take(host)
	case s.lit("lip="):
		once = l.Local.Addr == nil
		l.Local.Addr, ok = s.take(host)
	case s.lit("rport="):
		once = l.Client.Port == nil
		l.Client.Port, ok = s.take(digits)
	case s.lit("session=<"):
		once = l.Session == nil && l.Client.Addr != nil // else a user name could close its bracket and open this one
		l.Session, ok = s.bracketed()
	default:
		ok = s.unknownElement()
	}
	return ok && once && (s.end() || s.lit(", "))
}

// unknownElement passes over one, unless it may be the rest of a user name.
func (s *scan) unknownElement() bool {
	n := bytes.Index(s.rest, []byte(", "))
	if n < 0 {
		n = len(s.rest)
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return bytes.IndexByte(b, '<') < 0 && bytes.IndexByte(b, '>') < 0
}
