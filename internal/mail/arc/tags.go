package arc

import (
	"strings"
)

const maxTags = 64

// tag is one of a list of tags (RFC 6376 section 3.2). Its value is text[from:to], with white space around it.
type tag struct {
	name, value string
	from, to    int
}

// tags is a list that was read.
type tags []tag

// parseTags reads a list of tags. A name that stands twice makes all of it invalid.
func parseTags(text string) (tags, bool) {
	var all tags
	for from := 0; from <= len(text); {
		to := len(text)
		if n := strings.IndexByte(text[from:], ';'); n >= 0 {
			to = from + n
		}
		name, value, found := strings.Cut(text[from:to], "=")
		switch name = trim(name); {
		case trim(text[from:to]) == "":
			if to < len(text) && trim(text[to+1:]) != "" { // only behind the last one may be nothing
				return nil, false
			}
		case !found || !isTagName(name) || all.has(name) || len(all) == maxTags:
			return nil, false
		default:
			all = append(all, tag{name, trim(value), to - len(value), to})
		}
		from = to + 1
	}
	return all, len(all) > 0
}

func isTagName(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20
		if letter := c >= 'a' && c <= 'z'; !letter && (i == 0 || name[i] != '_' && (name[i] < '0' || name[i] > '9')) {
			return false
		}
	}
	return name != ""
}

func (all tags) find(name string) (tag, bool) {
	for _, t := range all {
		if t.name == name {
			return t, true
		}
	}
	return tag{}, false
}

func (all tags) has(name string) bool {
	_, found := all.find(name)
	return found
}

// value is what a tag says, or nothing.
func (all tags) value(name string) string {
	t, _ := all.find(name)
	return t.value
}

// list is the parts of a value that colons part.
func (all tags) list(name string) []string {
	parts := strings.Split(all.value(name), ":")
	for i := range parts {
		parts[i] = trim(parts[i])
	}
	return parts
}

func blank(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// trim takes folding white space off both ends; a no-break space is none.
func trim(s string) string { return strings.TrimFunc(s, blank) }

// squeeze takes all folding white space out (RFC 6376 section 3.5, of base64).
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if blank(r) {
			return -1
		}
		return r
	}, s)
}

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
		s = strings.TrimLeftFunc(s, blank)
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
