package publish

import (
	"fmt"
	"strings"

	mdns "github.com/miekg/dns"

	"postward/internal/domain/check"
)

// DefaultTTL is how long a record may be kept where there was none before, in seconds: short enough to take a mistake back
// within the hour.
const DefaultTTL = 3600

// maxString is what a string of a TXT record can hold, in octets (RFC 1035 section 3.3).
const maxString = 255

// Line is a TXT record as a zone file has it (RFC 1035 section 5.1): quoted, in strings of 255 octets.
func Line(name, text string, ttl uint32) string {
	r := check.Text(name, text)
	return fmt.Sprintf("%s %d IN TXT %s", r.Name, ttl, r.Value)
}

// Field is a record as most web forms want it: the name below the zone, @ for the zone itself, and the value without quotes,
// in one piece.
type Field struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// field writes a text for a form.
func field(zone, name, text string) Field {
	return Field{Name: below(zone, name), Type: "TXT", Value: text}
}

// below is a name without its zone's.
func below(zone, name string) string {
	if name == zone {
		return "@"
	}
	return strings.TrimSuffix(name, "."+zone)
}

// Strings are a text in the strings of a TXT record.
func Strings(text string) []string {
	var all []string
	for len(text) > maxString {
		all, text = append(all, text[:maxString]), text[maxString:]
	}
	return append(all, text)
}

// joined is the text of a record that came by the wire: its strings without anything between them.
func joined(rr *mdns.TXT) string {
	var b strings.Builder
	for _, s := range rr.Txt {
		unescape(&b, s)
	}
	return b.String()
}

// unescape writes the octets of a string that miekg/dns keeps as zone files write it: \DDD, or a backslash before the
// octet itself.
func unescape(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' || i+1 == len(s):
			b.WriteByte(s[i])
		case i+3 < len(s) && digits(s[i+1:i+4]):
			b.WriteByte((s[i+1]-'0')*100 + (s[i+2]-'0')*10 + s[i+3] - '0')
			i += 3
		default:
			i++
			b.WriteByte(s[i])
		}
	}
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// record is a text as miekg/dns sends it.
func record(name, text string, ttl uint32) (*mdns.TXT, error) {
	rr, err := mdns.NewRR(Line(name, text, ttl))
	if err != nil {
		return nil, fmt.Errorf("write the record of %s: %w", name, err)
	}
	return rr.(*mdns.TXT), nil
}

// textOf is the text of a record that check has made.
func textOf(r check.Record) (string, error) {
	rr, err := mdns.NewRR(r.String())
	txt, is := rr.(*mdns.TXT)
	if err != nil || !is {
		return "", fmt.Errorf("read the record of %s that was made for it: %v", r.Name, err)
	}
	return joined(txt), nil
}
