package message

import (
	"mime"
	"slices"
	"strings"
)

// Reading is whether receivers agree on the authors of a message. The set is closed.
type Reading string

// The readings. All but the first are no RFC 5322 message with authors in domains; NoDomain is one without domains.
const (
	Agreed        Reading = "read"
	NoDomain      Reading = "no domain" // an empty group (RFC 6854), address literals
	NoField       Reading = "no field"
	SeveralFields Reading = "several fields"
	CannotTell    Reading = "cannot tell" // malformed, or in a syntax that some read otherwise than others
)

// Authorship reads From fields as DMARC must (RFC 9989 section 5.3.1): Facts asks kindly whose name might be shown, Authorship
// strictly whose name is shown by everybody. The zero value is that of an empty header section.
//
// What it reads is RFC 5322 section 3.4 and RFC 6532, and of the obsolete syntax a dot in a display name, and dots anywhere in a
// local part. Source routes, comments and blanks inside of an address, octets that are not UTF-8 and control characters
// have been used to show one author to a person and another to DMARC: there it cannot tell.
type Authorship struct {
	fields, seen int
	unsure       bool
	literals     bool
	domains      []string
}

// Field takes one header field; it wants all of them. Value may be folded.
func (a *Authorship) Field(name, value string) {
	if a.seen += len(name) + len(value); a.seen > MaxHeader {
		a.unsure = true // who knows what From field comes behind
		return
	}
	if !strings.EqualFold(strings.Map(printed, name), "from") {
		return
	}
	a.fields++
	f := fromField{rest: value[:min(len(value), MaxField)]}
	strict := len(value) <= MaxField && len(name) == len("from") && f.read()
	a.literals = a.literals || f.literals
	for _, domain := range f.domains {
		a.add(domain)
	}
	if !strict {
		a.unsure = true
		a.guess(value[:min(len(value), MaxField)])
	}
}

// Domains returns the Author Domains: A-labels in lower case, each once, in order. When the reading is SeveralFields or
// CannotTell they are those that some reader may take for one, as far as that can be said.
func (a *Authorship) Domains() ([]string, Reading) {
	switch {
	case a.fields == 0 && !a.unsure:
		return nil, NoField
	case a.fields > 1:
		return a.domains, SeveralFields
	case a.unsure || a.literals && len(a.domains) > 0:
		return a.domains, CannotTell
	case len(a.domains) == 0:
		return nil, NoDomain
	}
	return a.domains, Agreed
}

// guess adds the domains of everything that a reader may take for an address, also of what an encoded word hides: first what
// the kind reading finds, then what has an @ before it and nothing readable before that.
func (a *Authorship) guess(value string) {
	texts := []string{value}
	var d mime.WordDecoder
	if plain, err := d.DecodeHeader(unfold(value)); err == nil && plain != value {
		texts = append(texts, plain)
	}
	for _, text := range texts {
		found, _ := addresses(text)
		for _, address := range found {
			a.try(DomainOf(address))
		}
	}
	for _, text := range texts {
		for _, word := range strings.FieldsFunc(text, between) {
			if at := strings.LastIndexByte(word, '@'); at >= 0 {
				a.try(strings.Trim(word[at+1:], `"'`))
			}
		}
	}
}

// try adds what is a name in DNS.
func (a *Authorship) try(s string) {
	if domain, ok := hostname(s); ok && domain != Unreadable {
		a.add(domain)
	}
}

func (a *Authorship) add(domain string) {
	switch {
	case slices.Contains(a.domains, domain):
	case len(a.domains) >= maxAuthors:
		a.unsure = true
	default:
		a.domains = append(a.domains, domain)
	}
}

// hostname is a domain as DNS carries it; not ok is an address literal, and what is no name.
func hostname(s string) (string, bool) {
	domain, err := Domain(s)
	if err != nil || !ascii(domain) || len(domain) > 253 || strings.HasPrefix(domain, "[") {
		return "", false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > 63 {
			return "", false
		}
	}
	return domain, true
}
