package arc

import (
	"strings"

	"postward/internal/mail/dkim"
)

// cutInstance reads the instance with which an ARC field begins (section 3.9: [CFWS] "i" [CFWS] "=" [CFWS] position) and
// returns what is behind its semicolon.
func cutInstance(value string) (digits, rest string, ok bool) {
	value, ok = strings.CutPrefix(skipCFWS(value), "i")
	if !ok {
		return "", "", false
	}
	if value, ok = strings.CutPrefix(skipCFWS(value), "="); !ok {
		return "", "", false
	}
	value = skipCFWS(value)
	n := 0
	for n < len(value) && value[n] >= '0' && value[n] <= '9' {
		n++
	}
	digits, value = value[:n], skipCFWS(value[n:])
	rest, ok = strings.CutPrefix(value, ";")
	return digits, rest, ok && n > 0
}

// skipCFWS skips white space and comments (RFC 5322 section 3.2.2). A comment without an end is not skipped.
func skipCFWS(s string) string {
	for {
		s = strings.TrimLeft(s, dkim.White)
		n := comment(s)
		if n == 0 {
			return s
		}
		s = s[n:]
	}
}

// comment is the length of the comment with which s begins, 0 for none.
func comment(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '\\':
			i++
		}
		if depth == 0 {
			return min(i+1, len(s)) * btoi(s[0] == '(')
		}
	}
	return 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// position reads an instance (section 4.2.1). big: it is a number, and more than MaxSets.
func position(digits string) (n int, big, ok bool) {
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		n = min(10*n+int(c-'0'), MaxSets+1)
	}
	return n, n > MaxSets, n >= 1 && (n > MaxSets || len(digits) <= 2)
}
