package maillog

import "bytes"

// dovecot: "PROCESS: sentence" or "PROCESS: Level: sentence", in old versions "Level: PROCESS: sentence". Only the
// processes that log people in are ours; imap, pop3, lmtp and the others speak of mailboxes: Unknown.
func dovecot(l *Line, s scan) Kind {
	if kind := s.level(l); kind != Noted {
		return kind
	}
	if s.lit("pam_unix(") {
		return pamFailure(l, scan{l.Text})
	}
	if started(l, s) {
		return Lifecycle
	}
	process, ok := s.process()
	switch {
	case !ok:
		return Unknown
	case string(process) == "auth" || string(process) == "auth-worker":
		return refused(l, s)
	case bytes.HasSuffix(process, []byte("-login")):
		return mailbox(l, s)
	}
	return Unknown
}

// started: "[master: ][Info: ]Dovecot v2.3.19 (9b53102964) starting up for imap, pop3".
func started(l *Line, s scan) bool {
	s.lit("master: ")
	s.lit("Info: ")
	version := s.rest
	if !s.lit("Dovecot v") {
		return false
	}
	if n := bytes.Index(version, []byte(" starting up")); n >= 0 {
		l.Action, l.Reply = version[n+1:n+len(" starting up")], version[:n]
		return true
	}
	return false
}

// process reads "auth-worker(123): " or "imap-login: ".
func (s *scan) process() ([]byte, bool) {
	name, ok := s.take(word)
	if ok && s.byte('(') {
		_, ok = s.take(word)
		ok = ok && s.byte(')')
	}
	return name, ok && s.lit(": ")
}

// level takes "Info: " or "Debug: "; above them, it says what kind of trouble the line is. Noted: it is none.
func (s *scan) level(l *Line) Kind {
	kind := Noted
	switch {
	case s.lit("Info: "), s.lit("Debug: "):
		return Noted
	case s.lit("Warning: "), s.lit("Warn: "):
		kind = Warning
	case s.lit("Error: "):
		kind = Failure
	case s.lit("Fatal: "):
		kind = Fatal
	case s.lit("Panic: "):
		kind = Panic
	default:
		return Noted
	}
	l.Reply = s.rest
	return kind
}

// dovecotHeader reads the beginning of a line of Dovecot's own log file (log_path), which has no host: "imap-login:
// Info: …" or "Info: imap-login: …".
func (s *scan) dovecotHeader(into *Line) bool {
	for _, level := range [...]string{"Info: ", "Warning: ", "Warn: ", "Error: ", "Debug: "} {
		if s.lit(level) {
			break
		}
	}
	process := s.rest
	name, ok := s.take(word)
	if !ok {
		return false
	}
	s.rest = process
	if _, ok = s.process(); !ok {
		return false
	}
	into.Program = name
	switch string(name) {
	case "auth", "auth-worker", "imap-login", "pop3-login", "submission-login", "managesieve-login":
		return true
	}
	return false
}

// mailbox: a session of a login process is over, or handed on:
//
//	Disconnected: Connection closed (auth failed, 2 attempts in 30 secs): user=<u>, method=PLAIN, rip=A, lip=B, TLS, session=<s>
//
// What stands before the elements is Dovecot's. The user name is the first element and a stranger's: an address
// that is there twice is no address, the line Doubtful.
func mailbox(l *Line, s scan) Kind {
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
	case head.lit("proxy("):
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
	if head.lit("Disconnected") || head.lit("Aborted login") || head.lit("Login aborted") || head.lit("Maximum number of connections") ||
		head.lit("Connection closed") {
		return MailboxClosed
	}
	l.Reply = nil
	return Other
}

// element reads one element and the comma behind it. An unknown one is passed over; one that is there twice is refused.
func (s *scan) element(l *Line) bool {
	ok, once := true, true
	switch {
	case s.lit("user=<"):
		once = l.SASLUsername == nil
		l.SASLUsername, ok = s.bracketed()
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
		n := bytes.Index(s.rest, []byte(", "))
		if n < 0 {
			n = len(s.rest)
		}
		ok = bytes.IndexAny(s.rest[:n], "<>") < 0 // else it may be the rest of a user name
		s.rest = s.rest[n:]
	}
	return ok && once && (s.end() || s.lit(", "))
}
