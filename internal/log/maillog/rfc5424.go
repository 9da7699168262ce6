package maillog

import "bytes"

// version takes "<PRI>1 ", the beginning of a line as RFC 5424 section 6 has it, or "1 " where the priority is not kept. A
// priority before another stamp is taken, too.
func (s *scan) version() bool {
	whole := *s
	if s.byte('<') {
		if n, ok := s.number(); !ok || n > 191 || !s.byte('>') {
			*s = whole
			return false
		}
	}
	after := *s
	if s.lit("1 ") && (len(s.rest) > 4 && s.rest[4] == '-' || s.lit("- ")) {
		return true
	}
	*s = after
	return false
}

// rfc5424 reads behind the version: "STAMP HOST APP-NAME PROCID MSGID [structured data] text". The text of what came in as RFC 3164
// begins with a blank, and it may have a byte order mark. Without a stamp, when a thing happened is not known: not read.
func (s *scan) rfc5424(into *Line) bool {
	if !s.stamp3339(&into.Stamp) {
		return false
	}
	var process []byte
	for _, field := range [...]*[]byte{&into.Host, &into.Program, &process, nil} {
		word, ok := s.bareWord()
		if !ok {
			return false
		}
		if field != nil && string(word) != "-" {
			*field = word
		}
	}
	p := scan{process}
	if pid, ok := p.number(); ok && p.end() {
		into.PID = int(pid)
	}
	return s.structured() && s.message(into)
}

// message takes what stands before the text; the program may only be named there.
func (s *scan) message(into *Line) bool {
	s.byte(' ')
	s.lit("\xef\xbb\xbf")
	tagged, named := *s, Line{}
	if tagged.mailTag(&named) && (into.Program == nil || bytes.Equal(named.Program, into.Program)) {
		*s, into.Program, into.PID = tagged, named.Program, named.PID
	}
	return into.Program != nil
}

// structured takes "-" or elements "[name key="value" …]", in whose values a quote, a bracket and a backslash are escaped
// (section 6.3), and the blank behind them.
func (s *scan) structured() bool {
	if s.byte('-') {
		return s.byte(' ') || s.end()
	}
	for s.byte('[') {
		if !s.element5424() {
			return false
		}
		if s.byte(' ') || s.end() {
			return true
		}
	}
	return false
}

// element5424 takes one element to its closing bracket.
func (s *scan) element5424() bool {
	quoted := false
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted:
			s.rest = s.rest[i+1:]
			return true
		}
	}
	return false
}
