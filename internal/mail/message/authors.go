package message

import (
	"net/mail"
	"strings"
	"unicode"
)

// addresses returns the canonical addresses of an address list (RFC 5322 section 3.4, and section 4.4 as far as senders
// use it: comments and blanks around the dots and the @ of an address). What is no address list is searched, and whole is
// false unless everything that could be an address in it was found: what one reader passes over, another may show.
func addresses(value string) (found []string, whole bool) {
	value, comments := plainList(unfold(value))
	found, whole = listed(value)
	if strings.Contains(comments, "@") { // there are readers that do not know where a comment ends
		shown, all := search(comments)
		found, whole = append(found, shown...), whole && all
	}
	return found, whole
}

func listed(value string) (found []string, whole bool) {
	parsed, err := mail.ParseAddressList(value)
	if err != nil {
		return search(value)
	}
	for _, a := range parsed {
		found = append(found, author(a.Address))
	}
	return found, true
}

// plainList takes out of an address list what says nothing: comments, and the blanks around dots and @. It returns the
// comments beside it.
func plainList(s string) (plain, comments string) {
	var b, aside strings.Builder
	last, blank := byte(0), false
	put := func(text string) {
		if blank && b.Len() > 0 && !joins(last) && !joins(text[0]) {
			b.WriteByte(' ')
		}
		b.WriteString(text)
		last, blank = text[len(text)-1], false
	}
	for s != "" {
		switch s[0] {
		case '"':
			quoted, rest := cutQuoted(s)
			put(quoted)
			s = rest
		case '(':
			rest := afterComment(s)
			aside.WriteString(s[:len(s)-len(rest)])
			blank, s = true, rest
		case ' ', '\t':
			blank, s = true, s[1:]
		default:
			put(s[:1])
			s = s[1:]
		}
	}
	return b.String(), aside.String()
}

// joins reports whether blanks beside an octet say nothing.
func joins(c byte) bool { return c == '.' || c == '@' }

// cutQuoted cuts a quoted string (RFC 5322 section 3.2.4) off the front of s; all of it if it does not end.
func cutQuoted(s string) (quoted, rest string) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i+1], s[i+1:]
		}
	}
	return s, ""
}

// afterComment returns what follows a comment; nothing if it does not end.
func afterComment(s string) string {
	if end := commentEnd(s); end >= 0 {
		return s[end:]
	}
	return ""
}

// commentEnd is where a comment (section 3.2.2), which may hold others, ends; -1 if it does not.
func commentEnd(s string) int {
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
	return -1
}

// author is the canonical form of an address as net/mail has it: the local part without its quotes.
func author(s string) string {
	at := strings.LastIndexByte(s, '@')
	if len(s) > MaxAddress || at < 0 {
		return Canonical(s)
	}
	a, err := join(s[:at], s[at+1:], true, s)
	if err != nil {
		return standIn(s)
	}
	return a
}

// search returns everything in a text that looks like an address, in angle brackets or not, and whether that is all that
// could be one.
func search(value string) (found []string, whole bool) {
	for _, word := range strings.FieldsFunc(value, between) {
		word = strings.Trim(word, `"'`)
		if at := strings.LastIndexByte(word, '@'); at > 0 && at < len(word)-1 && len(found) <= maxAuthors {
			found = append(found, Canonical(word))
		}
	}
	return found, strings.Count(value, "@") == len(found)
}

func between(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>(),;:[]", r)
}
