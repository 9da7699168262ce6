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
	case "master", "auth", "auth-worker", "imap-login", "pop3-login", "submission-login", "managesieve-login":
		return true
	}
	return false
}
