package authres

import (
	"net/netip"
	"strconv"
	"strings"

	"postward/internal/mail/message"
)

// columns is how long a line gets; a tab is eight of them. A single word may be longer: it cannot be folded.
const columns = 78

// maxText is how much of one text of a stranger is written.
const maxText = 320

// Value is what is behind the colon of our field, folded with CRLF and a tab.
func (s *Service) Value(results ...Result) string { return " " + s.Payload(results...) }

// Payload is the same for ARC-Authentication-Results, to be put behind the instance (RFC 8617 section 4.1.1).
func (s *Service) Payload(results ...Result) string {
	var b strings.Builder
	b.WriteString(s.id)
	written := false
	for _, r := range results {
		if words := r.words(); words != nil {
			b.WriteString(";")
			writeFolded(&b, words)
			written = true
		}
	}
	if !written {
		b.WriteString("; none")
	}
	return b.String()
}

// writeFolded begins a line for each result, and another when it gets too long.
func writeFolded(b *strings.Builder, words []string) {
	column := columns
	for i, word := range words {
		if i == 0 || column+1+len(word)+1 > columns { // a semicolon may follow
			b.WriteString("\r\n\t")
			column = 8
		} else {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
}

// words are a result as it is written; nil: it has no method or no value.
func (r Result) words() []string {
	if !isKeyword(r.Method) || !isKeyword(r.Value) {
		return nil
	}
	words := []string{r.Method + "=" + r.Value}
	if r.Reason != "" {
		words = append(words, `reason="`+plain(r.Reason)+`"`)
	}
	for _, p := range r.Properties {
		if value := written(p.Value); value != "" && isKeyword(p.Type) && isKeyword(p.Name) {
			words = append(words, p.Type+"."+p.Name+"="+value)
		}
	}
	return words
}

func isKeyword(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 || !keyword(byte(r)) }) < 0
}

// plain is a reason with a question mark for whatever could end the string, or look as if.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\;()`, r) {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), 100)]
}

// written is a value in the grammar of pvalue (section 2.2), or nothing when it cannot be written safely.
func written(value string) string {
	local, domain, address := cutAddress(value)
	switch {
	case len(value) > maxText || value == "":
		return ""
	case isToken(value):
		return value
	case address && dotAtom(local) && isToken(domain):
		return value
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\;()`, r) }):
		return ""
	}
	return `"` + value + `"`
}

// isToken reports whether a value needs no quotation marks (RFC 2045 section 5.1).
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) }) < 0
}

func dotAtom(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r >= 0x80 || !letter(byte(r)) && !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r)
	}) < 0
}

func cutAddress(s string) (local, domain string, found bool) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", "", false
	}
	return s[:at], s[at+1:], true
}

// mailbox is an address as it may be written: its domain in A-labels, and without a local part that could mislead.
func mailbox(address string) string {
	local, domain, found := cutAddress(address)
	if !found {
		return domainOf(address)
	}
	if domain = domainOf(domain); domain != "" && dotAtom(local) && len(local) <= 64 {
		return local + "@" + domain
	}
	return domain
}

func domainOf(s string) string {
	domain, err := message.Domain(s)
	if err != nil || !isToken(domain) {
		return ""
	}
	return domain
}

// with is a result with those properties that say something.
func with(method, value string, properties ...Property) Result {
	r := Result{Method: method, Value: value}
	for _, p := range properties {
		if p.Value != "" {
			r.Properties = append(r.Properties, p)
		}
	}
	return r
}

// SPF is a result of RFC 7208: of the reverse-path, or of HELO when that is empty (RFC 8601 section 2.7.2).
func SPF(value, mailfrom, helo string) Result {
	if mailfrom != "" {
		return with("spf", value, Property{"smtp", "mailfrom", mailbox(mailfrom)})
	}
	return with("spf", value, Property{"smtp", "helo", domainOf(helo)})
}

// DKIM is a result of one signature (section 2.7.1). b is its tag b=, of which eight characters tell it from others
// (RFC 6008); all but value may be empty.
func DKIM(value, domain, selector, algorithm, b string) Result {
	b = strings.Join(strings.Fields(b), "")
	return with("dkim", value, Property{"header", "d", domainOf(domain)}, Property{"header", "s", domainOf(selector)},
		Property{"header", "a", algorithm}, Property{"header", "b", b[:min(len(b), 8)]})
}

// DMARC is a result of RFC 9989 for an Author Domain. policy is what was made of it: none, quarantine or reject.
func DMARC(value, author, policy string) Result {
	return with("dmarc", value, Property{"policy", "dmarc", policy}, Property{"header", "from", domainOf(author)})
}

// ARC is a Chain Validation Status (RFC 8617 section 6). remote is who handed the mail to us; oldest is header.oldest-pass,
// and written only with a chain that passes.
func ARC(value string, remote netip.Addr, oldest int) Result {
	r := with("arc", value, Property{"smtp", "remote-ip", addressText(remote)})
	if value == "pass" {
		r.Properties = append(r.Properties, Property{"header", "oldest-pass", strconv.Itoa(oldest)})
	}
	return r
}

// IPRev says whether name and address of a client agree (section 2.7.3).
func IPRev(value string, client netip.Addr) Result {
	return with("iprev", value, Property{"policy", "iprev", addressText(client)})
}

// Auth says as whom a client logged in (RFC 4954, section 2.7.4).
func Auth(value, login string) Result {
	if strings.Contains(login, "@") {
		login = mailbox(login)
	}
	return with("auth", value, Property{"smtp", "auth", login})
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}
