package check

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Grade is how a finding weighs.
type Grade uint8

// The grades, from what is good to what must be mended.
const (
	Fine    Grade = iota // as it should be
	Note                 // could be better; nobody refuses mail for it
	Unknown              // could not be learned
	Warning              // some receivers hold it against the sender, or will
	Fault                // mail is lost, refused or forged for it
)

var grades = [...]string{"fine", "note", "unknown", "warning", "fault"}

// String is the grade in one word.
func (g Grade) String() string { return grades[g] }

// MarshalText is String.
func (g Grade) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (g *Grade) UnmarshalText(text []byte) error {
	for i, name := range grades {
		if name == string(text) {
			*g = Grade(i)
			return nil
		}
	}
	return fmt.Errorf("read a grade: %q is none: fine, note, unknown, warning or fault", text)
}

// Worth reports whether a finding of that grade is something to look at.
func (g Grade) Worth() bool { return g >= Warning }

// Finding is one thing that a check has to say.
type Finding struct {
	Topic   Topic  `json:"topic"`
	ID      ID     `json:"id"`
	Subject string `json:"subject"` // the domain, host or address that it is about
	Grade   Grade  `json:"grade"`
	Title   string `json:"title"`
	Seen    string `json:"seen"`           // what was seen, printable
	Why     string `json:"why,omitempty"`  // why it matters
	Mend    *Mend  `json:"mend,omitempty"` // how it ends; never missing on what is worth a look
}

// key says which finding it is, from one run to the next.
func (f *Finding) key() string { return string(f.ID) + " " + f.Subject }

// Mend is how a finding ends.
type Mend struct {
	Do     string   `json:"do"`               // one sentence for a person
	Remove []Record `json:"remove,omitempty"` // records to take out of the zone; an empty Value: every one of that name and type
	Add    []Record `json:"add,omitempty"`    // records to put in
	Set    []string `json:"set,omitempty"`    // commands, as they are typed on the server
}

// Record is one record as a zone file has it. A text is quoted and cut into strings of 255 octets.
type Record struct {
	Name  string `json:"name"` // with the final dot
	Type  string `json:"type"`
	Value string `json:"value"`
}

// String is the record's line in a zone file.
func (r Record) String() string { return r.Name + " " + r.Type + " " + r.Value }

// Text is a TXT record.
func Text(name, text string) Record {
	var parts []string
	for len(text) > 255 {
		parts, text = append(parts, quote(text[:255])), text[255:]
	}
	return Record{fqdn(name), "TXT", strings.Join(append(parts, quote(text)), " ")}
}

// quote writes a string as zone files have it: octets that are not printable ASCII as \DDD (RFC 1035 section 5.1).
func quote(s string) string {
	b := []byte{'"'}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = fmt.Appendf(b, "\\%03d", c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

func fqdn(name string) string {
	if strings.HasSuffix(name, ".") {
		return name
	}
	return name + "."
}

// maxSeen bounds what is told of a stranger's text, in octets.
const maxSeen = 600

// seen makes a text, some of it from outside, printable, one line, and not too long.
func seen(s string) string {
	cut := len(s) > maxSeen
	var b strings.Builder
	for _, r := range s[:min(len(s), maxSeen)] {
		switch {
		case r == utf8.RuneError:
			b.WriteByte('?')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "\\x%02x", r)
		}
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}
