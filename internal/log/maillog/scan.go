package maillog

import "bytes"

// scan reads a line from the left. Each reader takes what it understands from rest, or takes nothing (or garbage)
// and says false; the caller then gives up the whole sentence.
type scan struct {
	rest []byte
}

func (s *scan) byte(c byte) bool {
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// lit takes the literal text.
func (s *scan) lit(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// colon takes the colon before text that may be empty: some syslog daemons leave out a blank at the end of a line.
func (s *scan) colon() bool {
	if s.lit(": ") {
		return true
	}
	return len(s.rest) == 1 && s.byte(':')
}

func (s *scan) end() bool { return len(s.rest) == 0 }

// all takes what is left.
func (s *scan) all() []byte {
	b := s.rest
	s.rest = s.rest[len(s.rest):]
	return b
}

// class is a set of characters that a field may have.
type class uint8

const (
	digits   class = 1 << iota // 0-9
	decimals                   // digits, point
	slashed                    // decimals, slash
	word                       // letters, digits, hyphen, underscore
	host                       // what a name or an address of a host, or a socket's path, may have
	tag                        // a syslog tag: letters, digits, "._-/" and what instance names have
	hex                        // 0-9 A-F
	safe                       // the 52 characters of long queue IDs
)

// classes says for each byte in which sets it is. Never written after the package is built.
var classes = makeClasses()

func makeClasses() (t [256]class) {
	add := func(c class, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= c
		}
	}
	const upper, lower, number = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
	add(digits|decimals|slashed|word|host|tag|hex|safe, number)
	add(word|host|tag, upper+lower)
	add(hex, "ABCDEF")
	add(safe, "BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz")
	add(decimals|slashed, ".")
	add(slashed, "/")
	add(word|host|tag, "-_")
	add(host, ".:/%")
	add(tag, "./@+")
	return t
}

// take takes the longest run of a class; nothing is not enough.
func (s *scan) take(c class) ([]byte, bool) {
	b := s.rest
	for n, x := range b {
		if classes[x]&c == 0 {
			s.rest = b[n:]
			return b[:n], n > 0
		}
	}
	s.rest = b[len(b):]
	return b, len(b) > 0
}

// number reads a decimal number of at most 18 digits.
func (s *scan) number() (int64, bool) {
	b, ok := s.take(digits)
	if !ok || len(b) > 18 {
		return 0, false
	}
	n := int64(0)
	for _, c := range b {
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// address reads what stands behind "<" up to and with the closing ">". A quoted local part (RFC 5322 section
// 3.4.1) may hold anything; outside of it there is no space, quote, or angle bracket, as Postfix 3.5 and newer
// log it. Anything else is refused: its end could be anywhere.
func (s *scan) address() ([]byte, bool) {
	b, i := s.rest, 0
	if len(b) > 0 && b[0] == '"' {
		if i = quotedEnd(b); i < 0 {
			return nil, false
		}
	}
	for ; i < len(b); i++ {
		switch b[i] {
		case '>':
			s.rest = b[i+1:]
			return b[:i], true
		case ' ', '"', '<':
			return nil, false
		}
	}
	return nil, false
}

// quotedEnd is where a quoted string that begins b is over, or -1.
func quotedEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// enhanced reads an enhanced status code (RFC 3463 section 2): class 2, 4 or 5, subject, detail.
func (s *scan) enhanced() ([]byte, bool) {
	b, ok := s.take(decimals)
	if !ok || len(b) < 5 || len(b) > 9 || b[1] != '.' || bytes.Count(b, []byte(".")) != 2 || b[len(b)-1] == '.' {
		return nil, false
	}
	return b, b[0] == '2' || b[0] == '4' || b[0] == '5'
}
