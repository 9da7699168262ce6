package authres

import "strings"

// scanner reads the words of a structured field (RFC 5322 section 3.2).
type scanner struct {
	rest string
	open int // comments without an end that were looked at
}

// maxOpen is how many comments without an end are looked at; each costs a look at all of the rest.
const maxOpen = 8

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// skip passes over white space and comments, and reports whether there was any. A comment without an end is none.
func (s *scanner) skip() bool {
	before := len(s.rest)
	for s.rest != "" {
		if isBlank(s.rest[0]) {
			s.rest = s.rest[1:]
			continue
		}
		n := s.comment()
		if n == 0 {
			break
		}
		s.rest = s.rest[n:]
	}
	return len(s.rest) < before
}

// comment is the length of the comment that is next; 0: there is none. Behind many without an end nothing is one any more.
func (s *scanner) comment() int {
	if s.rest[0] != '(' || s.open == maxOpen {
		return 0
	}
	n := comment(s.rest)
	if n == 0 {
		s.open++
	}
	return n
}

// comment is the length of the comment with which s begins, by its parenthesis; 0: it has no end.
func comment(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// take passes over one character, if it is next.
func (s *scanner) take(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// quoted reads a quoted string, which is next, and opens it. One without an end ends with the field.
func (s *scanner) quoted() string {
	var b strings.Builder
	i := 1
	for ; i < len(s.rest) && s.rest[i] != '"'; i++ {
		if s.rest[i] == '\\' && i+1 < len(s.rest) {
			i++
		}
		if s.rest[i] != '\r' && s.rest[i] != '\n' {
			b.WriteByte(s.rest[i])
		}
	}
	s.rest = s.rest[min(i+1, len(s.rest)):]
	return b.String()
}

// while reads as long as a character is one.
func (s *scanner) while(is func(byte) bool) string {
	n := 0
	for n < len(s.rest) && is(s.rest[n]) {
		n++
	}
	word := s.rest[:n]
	s.rest = s.rest[n:]
	return word
}

// keyword is what names of methods, types and properties have.
func keyword(c byte) bool { return letter(c) || c == '-' || c == '_' }

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// inID is what an authserv-id has: a domain's characters, U-labels among them.
func inID(c byte) bool { return keyword(c) || c == '.' || c >= 0x80 }

// inValue is what a value without quotation marks has, generously: everything up to white space, a comment or the end.
func inValue(c byte) bool { return !isBlank(c) && c != ';' && c != '(' && c != '"' }
