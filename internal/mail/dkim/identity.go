package dkim

import (
	"strings"

	addresses "postward/internal/mail/message"
)

// identity reads i=, whose domain is d= or below it (RFC 6376 section 3.5).
func (s *dkimSignature) identity(all Tags) Reason {
	if s.Domain == "" {
		return ""
	}
	if s.auid = "@" + s.Domain; !all.Has("i") {
		return ""
	}
	text, ok := unquote(all.Value("i"))
	at := strings.LastIndexByte(text, '@')
	if !ok || at < 0 || len(text) > addresses.MaxAddress {
		return NotBelow
	}
	domain, err := addresses.Domain(text[at+1:])
	s.below = err == nil && strings.HasSuffix(domain, "."+s.Domain)
	if !s.below && (err != nil || domain != s.Domain) {
		return NotBelow
	}
	s.auid = text[:at+1] + domain
	return ""
}

// unquote reads DKIM-Quoted-Printable (RFC 6376 section 2.11), of one line when it is read. White space in it says nothing.
func unquote(text string) (string, bool) {
	var b strings.Builder
	text = squeeze(text)
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '=' {
			if i+2 >= len(text) || hex(text[i+1]) < 0 || hex(text[i+2]) < 0 {
				return "", false
			}
			c = byte(hex(text[i+1])<<4 | hex(text[i+2]))
			i += 2
		}
		if c < ' ' || c == 0x7f {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// hex is the value of a digit in upper case, as section 2.11 has it; -1: it is none.
func hex(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }
