package spf

import (
	"net/netip"
	"strings"
)

// piece is a part of a macro-string (RFC 7208 section 7.1): a literal, or a macro.
type piece struct {
	literal    string
	letter     byte // lower case; 0 is a literal
	escape     bool // upper case: the value is URL-escaped (section 7.3)
	keep       int  // labels from the right; 0 is all
	reverse    bool
	delimiters string
}

// domainSpec says why s is no domain-spec (section 7.1): a macro-string that ends in a macro or in a dot and a top label.
func domainSpec(s string) string {
	if s == "" {
		return "a domain is missing"
	}
	pieces, why := macroString(s, false)
	if why != "" {
		return why
	}
	last := pieces[len(pieces)-1]
	if last.letter != 0 || strings.HasSuffix(s, "%%") || strings.HasSuffix(s, "%_") || strings.HasSuffix(s, "%-") {
		return ""
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "an address where a name belongs: ip4 and ip6 take addresses"
	}
	s = strings.TrimSuffix(s, ".")
	dot := strings.LastIndexByte(last.literal, '.')
	if strings.HasSuffix(last.literal, ".") {
		dot = strings.LastIndexByte(strings.TrimSuffix(last.literal, "."), '.')
	}
	if dot < 0 {
		return "a name of one label"
	}
	if !isTop(s[strings.LastIndexByte(s, '.')+1:]) {
		return "a name whose last label no top-level domain has"
	}
	return ""
}

// isTop reports whether s is a toplabel: letters, digits and inner hyphens, and not digits alone.
func isTop(s string) bool {
	other := false
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return false
		}
		other = other || !isDigit(s[i])
	}
	return other && s[0] != '-' && s[len(s)-1] != '-'
}

// macroString splits a macro-string, and says why it is none. c, r and t are for explanations (section 7.2), and
// for the values of modifiers that are not known.
func macroString(s string, explain bool) (pieces []piece, why string) {
	literal := func(text string) {
		if n := len(pieces); n > 0 && pieces[n-1].letter == 0 {
			pieces[n-1].literal += text
			return
		}
		pieces = append(pieces, piece{literal: text})
	}
	for s != "" {
		plain, rest, is := strings.Cut(s, "%")
		if plain != "" {
			literal(plain)
		}
		if !is {
			break
		}
		switch {
		case rest == "":
			return nil, "a percent sign that begins nothing"
		case rest[0] == '%':
			literal("%")
		case rest[0] == '_':
			literal(" ")
		case rest[0] == '-':
			literal("%20")
		case rest[0] == '{':
			inner, after, closed := strings.Cut(rest[1:], "}")
			p, ok := macro(inner, explain)
			if !closed || !ok {
				return nil, "a macro that is none"
			}
			pieces, s = append(pieces, p), after
			continue
		default:
			return nil, "a percent sign that begins nothing"
		}
		s = rest[1:]
	}
	return pieces, ""
}

// macro reads what is between the braces: macro-letter transformers *delimiter.
func macro(s string, explain bool) (p piece, ok bool) {
	letters := "slodipvh"
	if explain {
		letters += "crt"
	}
	if s == "" || strings.IndexByte(letters, s[0]|0x20) < 0 {
		return p, false
	}
	p.letter, p.escape = s[0]|0x20, s[0]&0x20 == 0
	s = s[1:]
	digits := 0
	for digits < len(s) && isDigit(s[digits]) {
		p.keep = min(p.keep*10+int(s[digits]-'0'), 1000)
		digits++
	}
	if digits > 0 && p.keep == 0 { // section 7.1: the value must be nonzero
		return p, false
	}
	if s = s[digits:]; s != "" && s[0]|0x20 == 'r' {
		p.reverse, s = true, s[1:]
	}
	p.delimiters = s
	return p, strings.Trim(s, ".-+,/_=") == ""
}

// transform applies the transformers of section 7.3 to a macro's value.
func (p *piece) transform(value string) string {
	if p.keep > 0 || p.reverse || p.delimiters != "" {
		delimiters := p.delimiters
		if delimiters == "" {
			delimiters = "."
		}
		var parts []string
		for begin, i := 0, 0; i <= len(value); i++ {
			if i == len(value) || strings.IndexByte(delimiters, value[i]) >= 0 {
				parts, begin = append(parts, value[begin:i]), i+1
			}
		}
		if p.reverse {
			for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
				parts[i], parts[j] = parts[j], parts[i]
			}
		}
		if p.keep > 0 && p.keep < len(parts) {
			parts = parts[len(parts)-p.keep:]
		}
		value = strings.Join(parts, ".")
	}
	if !p.escape {
		return value
	}
	var b strings.Builder
	for i := range len(value) {
		if c := value[i]; isAlnum(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			const hex = "0123456789ABCDEF"
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
