package maillog

import "bytes"

// header reads what mostly stands behind a stamp: "host program[pid]: ". The space after the colon may be missing at the end
// of a line. Where the host should be, Dovecot's own log file has a process.
func (s *scan) header(into *Line) bool {
	n := bytes.IndexByte(s.rest, ' ')
	if n <= 0 {
		return false
	}
	if s.rest[n-1] == ':' {
		return s.hostless(into)
	}
	into.Host, s.rest = s.rest[:n], s.rest[n+1:]
	if !hostly(into.Host) {
		return false
	}
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

// hostly reports whether a word can be a host and is no year, no level and no process of Dovecot's with a user's name.
func hostly(b []byte) bool {
	if len(b) == 4 && pair(b, 0) <= 99 && pair(b, 2) <= 99 {
		return false
	}
	return b[len(b)-1] != ':' && bytes.IndexByte(b, '(') < 0 && !level(b)
}

// hostless reads what stands behind a stamp where no host is told: syslogd -S, or Dovecot's own file.
func (s *scan) hostless(into *Line) bool {
	whole := *s
	if s.dovecotHeader(into) {
		return true
	}
	*s, into.Program = whole, nil
	return s.mailTag(into)
}

// mailTag reads "name[pid]: " or "name: " of a mail program, whatever its syslog_name consists of but blanks. A daemon that ends
// a tag at its first colon writes a blank behind that: "postfix/192.0.2.1: 587/smtpd[1]: ".
func (s *scan) mailTag(into *Line) bool {
	end := 0
	for range 2 {
		n := bytes.IndexByte(s.rest[end:], ' ')
		if n < 0 {
			n = len(s.rest) - end
		}
		end += n
		if end > 0 && s.rest[end-1] == ':' && into.named(s.rest[:end-1]) {
			s.rest = s.rest[min(end+1, len(s.rest)):]
			return true
		}
		if end == len(s.rest) || !bytes.HasPrefix(s.rest, []byte("postfix")) || s.rest[end-1] != ':' {
			return false
		}
		end++
	}
	return false
}

// named takes a tag apart if it is a mail program's.
func (l *Line) named(word []byte) bool {
	name, pid := word, int64(0)
	if open := bytes.LastIndexByte(word, '['); open > 0 && word[len(word)-1] == ']' {
		s := scan{word[open+1 : len(word)-1]}
		var ok bool
		if pid, ok = s.number(); !ok || !s.end() {
			return false
		}
		name = word[:open]
	}
	known := Line{Program: name}
	if !known.known() || !clean(name) || usersProcess(name) {
		return false
	}
	l.Program, l.PID = name, int(pid)
	return true
}

// usersProcess reports whether what looks like a tag may be a process of Dovecot's with the beginning of a user's name, which is
// called anything: "imap(x/smtpd[1]:".
func usersProcess(name []byte) bool {
	s := scan{name}
	_, ok := s.take(word)
	return ok && s.byte('(') && !bytes.HasPrefix(name, []byte("postfix"))
}

// unusual reads a line whose beginning is none of the common ones: in whatever else a line is wrapped, however its time is
// written, whatever stands beside the host. Only mail programs are looked for, and what is before their names is the words
// of daemons that collect lines: nobody else's text can stand there.
func (s *scan) unusual(into *Line) bool {
	const most = 4
	for range most {
		if !s.wrapping() {
			break
		}
	}
	if s.version() {
		return s.rfc5424(into)
	}
	whole := *s
	if s.otherStamp(&into.Stamp) && s.behindStamp(into) {
		return true
	}
	*s, *into = whole, Line{}
	return s.stamp(&into.Stamp) && s.behindStamp(into)
}

func (s *scan) behindStamp(into *Line) bool {
	whole := *s
	if s.origin(into) {
		return true
	}
	*s = whole
	return s.inner(into)
}

// inner reads a line that came with a stamp of its own into a log that has put another before it, as containers do:
// "STAMP stdout F STAMP host program[pid]: ". The outer one is kept: it has a year and an offset.
func (s *scan) inner(into *Line) bool {
	if s.lit("stdout ") || s.lit("stderr ") {
		if !s.lit("F ") && !s.lit("P ") {
			return false
		}
	}
	var other Stamp
	return s.otherStamp(&other) && s.origin(into)
}

// origin reads what stands between a stamp and a mail program's words: perhaps a host, perhaps a level or a facility and a
// level, in either order.
func (s *scan) origin(into *Line) bool {
	whole := *s
	if s.hostless(into) {
		return true
	}
	*s = whole
	first, ok := s.bareWord()
	if !ok {
		return false
	}
	switch {
	case level(first) || facility(first):
		if s.mailTag(into) {
			return true
		}
		if facility(first) {
			into.Host, ok = s.bareWord()
			return ok && hostly(into.Host) && (s.mailTag(into) || s.repeats(into))
		}
	case hostly(first):
		into.Host = first
		if s.mailTag(into) || s.repeats(into) {
			return true
		}
		after := *s
		if zoneLike(first) && s.dovecotHeader(into) { // log_timestamp with a %Z
			into.Host = nil
			return true
		}
		*s, into.Program = after, nil
		if second, ok := s.bareWord(); ok && facility(second) && s.mailTag(into) {
			return true
		}
		*s = after
	}
	*s, into.Host, into.Program = whole, nil, nil
	return false
}

// zoneLike reports whether a word can be the letters of a zone.
func zoneLike(b []byte) bool {
	for _, c := range b {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(b) >= 3 && len(b) <= 5
}

// bareWord takes a word and the blanks behind it.
func (s *scan) bareWord() ([]byte, bool) {
	n := bytes.IndexByte(s.rest, ' ')
	if n <= 0 {
		return nil, false
	}
	b := s.rest[:n]
	s.rest = bytes.TrimLeft(s.rest[n:], " ")
	return b, true
}

// lastRepeated stands where the program should be.
const lastRepeated = "last message repeated"

// repeats reads what BSD's syslogd writes instead of a line that is like the one before: "last message repeated 3 times".
func (s *scan) repeats(into *Line) bool {
	words := s.rest
	if s.lit(lastRepeated + " ") {
		into.Program = words[:len(lastRepeated)]
		return true
	}
	return false
}

// wrapping takes what a container's log puts before a line: "name-1  | ", "[pod/name/container] ", colours, a byte order
// mark; and the "dovecot: " of Dovecot 1.
func (s *scan) wrapping() bool {
	whole := *s
	switch {
	case s.lit("\xef\xbb\xbf"), s.lit("dovecot: "):
		return true
	case s.lit("\x1b["):
		end := bytes.IndexByte(s.rest, 'm')
		if end < 0 || end > 12 {
			break
		}
		s.rest = bytes.TrimLeft(s.rest[end+1:], " ")
		return true
	case s.lit("[pod/"):
		end := bytes.Index(s.rest, []byte("] "))
		if end < 0 {
			break
		}
		s.rest = s.rest[end+len("] "):]
		return true
	}
	*s = whole
	if _, ok := s.take(tag); ok {
		s.rest = bytes.TrimLeft(s.rest, " ")
		if s.lit("| ") || s.lit("|\x1b[0m ") {
			return true
		}
	}
	*s = whole
	return false
}

// level reports whether a word is a severity, as syslog daemons and containers write them, bare or in brackets.
func level(b []byte) bool {
	if len(b) > 2 && (b[0] == '[' && b[len(b)-1] == ']' || b[0] == '<' && b[len(b)-1] == '>') {
		b = b[1 : len(b)-1]
	}
	if len(b) < 3 || len(b) > len("CRITICAL") {
		return false
	}
	return severities(b)
}

func severities(b []byte) bool {
	switch string(b) {
	case "EMERG", "PANIC", "ALERT", "CRIT", "CRITICAL", "ERR", "ERROR", "WARN", "WARNING", "NOTICE", "INFO", "DEBUG",
		"emerg", "panic", "alert", "crit", "critical", "err", "error", "warn", "warning", "notice", "info", "debug":
		return true
	}
	return false
}

// facility reports whether a word is a facility and a severity: "mail.info", "<mail.info>".
func facility(b []byte) bool {
	if len(b) > 2 && b[0] == '<' && b[len(b)-1] == '>' {
		b = b[1 : len(b)-1]
	}
	name, severity, found := bytes.Cut(b, []byte("."))
	if !found || !level(severity) {
		return false
	}
	switch string(name) {
	case "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "security",
		"console", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7":
		return true
	}
	return false
}
