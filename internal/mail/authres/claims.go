package authres

import (
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"postward/internal/mail/message"
)

const header = "Authentication-Results"

// Claims reports whether a header field of a mail from outside must be removed (RFC 8601 section 5): some reader could
// take it for ours, or it has a version that we do not know.
func (s *Service) Claims(field, value string) bool {
	if !strings.EqualFold(strings.Map(seen, field), header) {
		return false
	}
	for _, reading := range readings(value) {
		ids, version, torn := named(reading)
		if torn || version != "" && strings.TrimLeft(version, "0") != "1" {
			return true
		}
		for _, id := range ids {
			if s.is(id) {
				return true
			}
		}
	}
	return false
}

// seen leaves out what a reader may leave out of a field's name (message_strip_characters of postconf(5)).
func seen(r rune) rune {
	if r <= ' ' || r == 0x7f {
		return -1
	}
	return r
}

// joined is a field without its folds, and without the blank that each begins with: some readers take that out too.
func joined(value string) string {
	var b strings.Builder
	for {
		line, rest, folded := strings.Cut(value, "\n")
		if !folded {
			b.WriteString(line)
			return b.String()
		}
		if value = strings.TrimLeft(rest, " \t"); len(value) == len(rest) { // it is none
			b.WriteString(line + "\n")
			continue
		}
		b.WriteString(strings.TrimSuffix(line, "\r"))
	}
}

// readings are the texts that readers could make of a field before they take it apart.
func readings(value string) []string {
	all := []string{value}
	if strings.Contains(value, "\n") {
		all = append(all, joined(value))
	}
	if !utf8.ValidString(value) {
		all = append(all, latin1(value))
	}
	if strings.Contains(value, "=?") {
		var d mime.WordDecoder
		if text, err := d.DecodeHeader(value); err == nil {
			all = append(all, text)
		}
	}
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], "\r\n", "") // a blank follows
	}
	for _, class := range doubtful {
		all = without(all, class)
	}
	for i := range all {
		all[i] = strings.Map(blank, all[i])
	}
	return all
}

// doubtful are the characters that nobody sees. Some readers leave those of a class out, others take them for blanks.
var doubtful = []func(r rune) bool{
	func(r rune) bool { return r == '\r' || r == '\n' || r == '\v' || r == '\f' || r == 0x85 },
	func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 },
	func(r rune) bool {
		return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
	},
}

// without are texts without the characters of a class, and with blanks in their place.
func without(texts []string, class func(rune) bool) (all []string) {
	for _, text := range texts {
		if !strings.ContainsFunc(text, class) {
			all = append(all, text)
			continue
		}
		for _, instead := range []rune{-1, ' '} {
			all = append(all, strings.Map(func(r rune) rune {
				if class(r) {
					return instead
				}
				return r
			}, text))
		}
	}
	return all
}

func blank(r rune) rune {
	if r != '\t' && unicode.IsSpace(r) {
		return ' '
	}
	return r
}

// latin1 reads octets as ISO 8859-1.
func latin1(value string) string {
	runes := make([]rune, len(value))
	for i := range len(value) {
		runes[i] = rune(value[i])
	}
	return string(runes)
}

// maxWords is how many words an id is written in; nobody honest writes it in two. Each more costs a look at all before it.
const maxWords = 20

// named are the ids that a text could name, and the version behind them. Words with a dot between them may be one name
// (RFC 5322 section 4.4, obs-domain), or the first of them is it. torn: they are too many to tell what they name.
func named(text string) (ids []string, version string, torn bool) {
	s := &scanner{rest: text}
	for s.skip() || s.junk() {
	}
	id := ""
	for {
		piece := s.piece()
		if piece == "" {
			break
		}
		if len(ids) == maxWords {
			return ids, "", true
		}
		id += piece
		ids = append(ids, id)
		if len(id) > message.MaxAddress {
			break // no name is that long
		}
		dot := strings.HasSuffix(id, ".")
		if s.skip(); !dot && !strings.HasPrefix(s.rest, ".") && !strings.HasPrefix(s.rest, `"`) {
			break
		}
	}
	if len(ids) > 0 {
		version = s.version()
	}
	return ids, version, false
}

// junk passes over an octet that begins no id: there are readers that look for one anywhere.
func (s *scanner) junk() bool {
	if s.rest == "" || inID(s.rest[0]) || s.rest[0] == '"' && !strings.HasPrefix(s.rest, `""`) || s.rest[0] == '\\' {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// piece reads a word of an id. Of a quoted string it is what could be an id, from its beginning; a backslash before a
// character says nothing.
func (s *scanner) piece() string {
	if s.rest != "" && s.rest[0] == '"' {
		inner := &scanner{rest: strings.TrimSpace(s.quoted())}
		return inner.while(inID)
	}
	word := s.while(func(c byte) bool { return inID(c) || c == '\\' })
	return strings.ReplaceAll(word, `\`, "")
}

// version reads the digits behind an id, if that is all there is before the results.
func (s *scanner) version() string {
	s.take('/')
	s.skip()
	digits := s.while(func(c byte) bool { return c >= '0' && c <= '9' })
	if s.skip(); s.rest != "" && s.rest[0] != ';' {
		return ""
	}
	return digits
}
