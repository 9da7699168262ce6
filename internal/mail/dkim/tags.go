package dkim

import (
	"strings"
)

const maxTags = 64

// White is folding white space (RFC 6376 section 2.8), octet by octet; a no-break space is none.
const White = " \t\r\n"

// tag is one of a list of tags (RFC 6376 section 3.2). Its value is text[from:to], with white space around it.
type tag struct {
	name, value string
	from, to    int
}

// Tags is a list that was read.
type Tags []tag

// ParseTags reads a list of tags. A name that stands twice makes all of it invalid.
func ParseTags(text string) (Tags, bool) {
	var all Tags
	for from := 0; from <= len(text); {
		to := len(text)
		if n := strings.IndexByte(text[from:], ';'); n >= 0 {
			to = from + n
		}
		name, value, found := strings.Cut(text[from:to], "=")
		switch name = strings.Trim(name, White); {
		case strings.Trim(text[from:to], White) == "":
			if to < len(text) && strings.Trim(text[to+1:], White) != "" { // only behind the last one may be nothing
				return nil, false
			}
		case !found || !isTagName(name) || all.Has(name) || len(all) == maxTags:
			return nil, false
		default:
			all = append(all, tag{name, strings.Trim(value, White), to - len(value), to})
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

func (all Tags) find(name string) (tag, bool) {
	for _, t := range all {
		if t.name == name {
			return t, true
		}
	}
	return tag{}, false
}

// Has reports whether there is a tag.
func (all Tags) Has(name string) bool {
	_, found := all.find(name)
	return found
}

// Value is what a tag says, or nothing.
func (all Tags) Value(name string) string {
	t, _ := all.find(name)
	return t.value
}

// List is the parts of a value that colons part.
func (all Tags) List(name string) []string {
	parts := strings.Split(all.Value(name), ":")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], White)
	}
	return parts
}

// squeeze takes all folding white space out (RFC 6376 section 3.5, of base64).
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(White, r) {
			return -1
		}
		return r
	}, s)
}
