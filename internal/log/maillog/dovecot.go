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
	if aboutUser(s) {
		return refusedUser(l, s)
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

// aboutUser reports whether a line of auth or auth-worker begins as Dovecot 2.4 has it, with a user. In older ones a number or
// a name of a configuration is between the brackets.
func aboutUser(s scan) bool {
	if !s.lit("auth(") && !s.lit("auth-worker(") {
		return false
	}
	_, ok := s.take(word)
	return !ok || !s.lit("): ")
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
	if len(s.rest) == 0 || s.rest[0] > 'Z' {
		return Noted // nearly all: no word below begins with a small letter
	}
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
// Info: …" or "Info: imap-login: …"; with a user, "imap(anna)<4711><session>: Info: …".
func (s *scan) dovecotHeader(into *Line) bool {
	first := s.severity()
	process := s.rest
	name, ok := s.take(word)
	if !ok {
		return false
	}
	into.Program = name
	s.rest = process
	if _, ok = s.process(); ok {
		after := *s
		return neighbourProgram(name) || string(name) == "master" || first || after.severity()
	}
	s.rest = process
	return first && bytes.HasPrefix(process[len(name):], []byte("(")) || subjected(process[len(name):])
}

// severity takes the word that stands before or behind the process in Dovecot's own file.
func (s *scan) severity() bool {
	for _, level := range [...]string{"Info: ", "Warning: ", "Warn: ", "Error: ", "Debug: ", "Fatal: ", "Panic: "} {
		if s.lit(level) {
			return true
		}
	}
	return false
}

// request takes "request [3]: ", which an auth-worker of Dovecot 2.4 says before the severity in Dovecot's own file. It takes nothing
// else.
func (s *scan) request() {
	whole := *s
	if s.lit("request [") {
		if _, ok := s.number(); ok && s.lit("]: ") {
			return
		}
	}
	*s = whole
}

// subjected reports whether "(user…)<pid><session>: Info: " stands here. The user is a stranger's text: any end will do to
// say that the line is Dovecot's, and who reads it on decides.
func subjected(b []byte) bool {
	if len(b) == 0 || b[0] != '(' {
		return false
	}
	if len(b) > MaxLine/2 { // the end may have been cut
		return true
	}
	for i, c := range b {
		if c != ')' && c != '>' || i+3 > len(b) || b[i+1] != ':' || b[i+2] != ' ' {
			continue
		}
		s := scan{b[i+3:]}
		s.request()
		if s.severity() {
			return true
		}
	}
	return false
}
