package maillog

import "bytes"

// maxHeader bounds how far into a line a mail program's name is looked for, in octets.
const maxHeader = 512

// Strange reports whether a mail program wrote a line that Parse cannot tell so: it has no header that Parse reads, or one of
// another program (a container's, of the daemon that collects). l is what Parse made of it. The header is returned, up to
// the name of the program and without its words: these may be anybody's, and hold a password.
func Strange(line []byte, l *Line) (header []byte, is bool) {
	switch {
	case l.Kind != Unknown:
		return nil, false
	case l.Program == nil:
		header = mailHeader(line[:min(len(line), maxHeader)])
	case wraps(l):
		header = line[:min(len(line), MaxLine)-len(l.Text)]
	}
	return header, header != nil
}

// wraps reports whether the words of another program are a mail program's line, or lack its name.
func wraps(l *Line) bool {
	s := scan{l.Text[:min(len(l.Text), maxHeader)]}
	if string(l.Program) == "postfix" {
		return nameless(s)
	}
	var inner Line
	whole := s
	if s.stamp(&inner.Stamp) && s.header(&inner) && inner.known() {
		return true
	}
	return nameEnd(whole.rest) > 0
}

// nameless reports whether a sentence is one of a daemon's whose name was cut off: "postfix" alone is also what postfix(1) is called.
func nameless(s scan) bool {
	if s.lit("connect from ") || s.lit("disconnect from ") || s.lit("NOQUEUE: ") || s.lit("lost connection after ") || s.queued(&Line{}) {
		return true
	}
	return s.lit("warning: ") && s.peer(&Peer{}) && s.lit(": SASL ")
}

// known reports whether the program is one that this grammar is about.
func (l *Line) known() bool {
	if slash := bytes.LastIndexByte(l.Program, '/'); slash >= 0 {
		return postfixProgram(l.Program[slash+1:])
	}
	return neighbourProgram(l.Program)
}

// mailHeader is what stands in a line up to the first name of a mail program; nil: there is none.
func mailHeader(b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if i > 0 && classes[b[i-1]]&tag != 0 {
			continue
		}
		if n := nameEnd(b[i:]); n > 0 {
			return b[:i+n]
		}
	}
	return nil
}

// nameEnd is where the name of a mail program ends that begins b, if it does: "postfix/smtpd[1]:", "postfix/smtpd 1 "
// (RFC 5424), "postfix/smtpd"" (JSON), "dovecot:", "imap-login: ".
func nameEnd(b []byte) int {
	s := scan{b}
	name, ok := s.take(tag)
	if !ok {
		return 0
	}
	if slash := bytes.LastIndexByte(name, '/'); slash >= 0 {
		if postfixProgram(name[slash+1:]) && (s.byte('[') || s.byte('"') || s.byte(' ') && len(s.rest) > 0 && classes[s.rest[0]]&digits != 0) {
			return len(name)
		}
		return 0
	}
	switch string(name) {
	case "dovecot", "dovecot-auth":
		return ending(name, s.byte('[') || s.lit(": ") || s.byte('"'))
	case "imap-login", "pop3-login", "submission-login", "managesieve-login":
		return ending(name, s.lit(": "))
	case "auth", "auth-worker":
		return ending(name, s.byte('(') || s.lit(": Info: "))
	}
	return 0
}

func ending(name []byte, is bool) int {
	if is {
		return len(name)
	}
	return 0
}

// Form is what headers have in common that differ in names and numbers: each word is an x, each number a 0. The last
// name, the program's, is left out.
func Form(header []byte) string {
	const most = 60
	var form []byte
	for s := (scan{header}); !s.end() && len(form) < most; {
		n, c := run(s.rest)
		s.rest = s.rest[n:]
		form = append(form, c)
	}
	return string(bytes.TrimRight(form, "x/"))
}

// run is how long a word, a number or a gap at the beginning of b is, and what stands for it.
func run(b []byte) (n int, form byte) {
	form = '0'
	for ; n < len(b) && (classes[b[n]]&host != 0 && b[n] != ':' && b[n] != '/' || b[n] >= 0x80); n++ {
		if classes[b[n]]&(digits|slashed) == 0 {
			form = 'x'
		}
	}
	if n > 0 {
		return n, form
	}
	for n < len(b) && (b[n] <= ' ' || b[n] == 0x7f) {
		n++
	}
	if n > 0 {
		return n, ' '
	}
	return 1, b[0]
}
