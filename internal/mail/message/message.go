// Package message reads what postward needs of a message's header section (RFC 5322), field by field as a milter
// hands them over, and brings addresses into the one form in which they are compared.
//
// It reads kindly and reports fully: every author of every From field counts, since receivers differ in which one
// they show. A From field that the grammar does not cover is searched for everything that looks like an address;
// one in which nothing does names nobody, and where something is hidden it is unreadable: both are facts too.
//
// Authorship asks the other question, for DMARC: who is the author in every reader's eyes (authorship.go, fromfield.go). What
// readers differ in it does not decide.
//
// An address has one canonical form (address.go): what the milter is told, what the log says, what a header section
// names and what an operator types meet in it.
//
// Bounds: a field's value is looked at for its first MaxField octets, a message for its first MaxHeader octets of
// fields, texts are cut to MaxText. An address is never cut: one of more than MaxAddress octets cannot be read. The
// package has no state and no owner. It must not import anything of the house.
package message

import (
	"mime"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds, in octets.
const (
	MaxField   = 64 << 10
	MaxHeader  = 1 << 20
	MaxText    = 256
	maxAuthors = 16
)

// NoZone is the Zone of a message whose Date field names none.
const NoZone int16 = -32768

// Facts is what is known of a header section so far.
type Facts struct {
	Authors    []string // canonical addresses of every From field, at most 16
	Unreadable bool     // there is a From field in which not everything that may be an address can be read, or too much
	Froms      int      // From fields
	Resent     []string // canonical addresses of the first Resent-From field, who sent the message on last; nil: unreadable, too
	ReplyTo    []string // canonical addresses
	MessageID  string   // without angle brackets, cut
	Subject    string   // decoded, cut, without control characters
	Mailer     string   // User-Agent or X-Mailer, cut
	Zone       int16    // minutes east of UTC in the Date field, or NoZone

	seen   int
	resent int // Resent-From fields
}

// New returns the facts of an empty header section.
func New() Facts { return Facts{Zone: NoZone} }

// NoAuthor reports whether the message names no author that can be read (RFC 5322 section 3.6.2 demands one).
func (f *Facts) NoAuthor() bool { return len(f.Authors) == 0 || f.Unreadable }

// Anonymous reports whether no author stands in the message, as far as anybody can say: it has no From field, or a name
// alone in it, as scanners do.
func (f *Facts) Anonymous() bool { return len(f.Authors) == 0 && !f.Unreadable }

// Field takes one header field. Value may be folded.
func (f *Facts) Field(name, value string) {
	if f.seen += len(name) + len(value); f.seen > MaxHeader {
		f.Unreadable = true // who knows what From field comes behind
		return
	}
	whole := len(value) <= MaxField
	value = value[:min(len(value), MaxField)]
	switch strings.ToLower(strings.Map(printed, name)) {
	case "from":
		f.from(value)
		f.Unreadable = f.Unreadable || !whole
	case "resent-from":
		if f.resent = f.resent + 1; f.resent == 1 && whole {
			f.resentFrom(value)
		}
	case "reply-to":
		found, _ := addresses(value)
		f.ReplyTo = appendNew(f.ReplyTo, found)
	case "message-id":
		f.MessageID = Clean(strings.Trim(strings.TrimSpace(value), "<>"))
	case "subject":
		f.Subject = Clean(decode(value))
	case "user-agent", "x-mailer":
		f.Mailer = Clean(value)
	case "date":
		f.Zone = zone(value)
	}
}

// printed leaves out what a receiver may leave out of a field name (message_strip_characters of postconf(5)).
func printed(r rune) rune {
	if r <= ' ' || r == 0x7f {
		return -1
	}
	return r
}

func (f *Facts) from(value string) {
	f.Froms++
	found, whole := addresses(value)
	f.Unreadable = f.Unreadable || !whole || len(f.Authors)+len(found) > maxAuthors || strings.ContainsFunc(value, hides) || len(found) == 0 && showsAddress(value)
	f.Authors = appendNew(f.Authors, found)
}

// resentFrom reads who sent the message on. What cannot be read whole is nobody.
func (f *Facts) resentFrom(value string) {
	if found, whole := addresses(value); whole && len(found) <= maxAuthors {
		f.Resent = found
	}
}

// showsAddress reports whether a field without an address may show one: encoded (RFC 2047), or with an @ that only looks like it.
func showsAddress(value string) bool {
	shown, err := new(mime.WordDecoder).DecodeHeader(unfold(value))
	return err != nil || strings.ContainsAny(shown, "@\uff20\ufe6b")
}

// hides reports whether a character may end what one reader reads and another does not.
func hides(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\n' }

func appendNew(list, more []string) []string {
	for _, a := range more {
		if len(list) >= maxAuthors {
			break
		}
		list = append(list, a)
	}
	return list
}

func unfold(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, s)
}

// decode reads encoded words (RFC 2047); what cannot be decoded stays as it is.
func decode(s string) string {
	s = unfold(s)
	if len(s) > 4*MaxText {
		s = s[:4*MaxText]
	}
	var d mime.WordDecoder
	if text, err := d.DecodeHeader(s); err == nil {
		return text
	}
	return s
}

// Clean makes a stranger's text fit to be kept: valid UTF-8 of at most MaxText octets, on one line, without
// control and format characters.
func Clean(s string) string {
	if len(s) > 4*MaxText {
		s = s[:4*MaxText]
	}
	var b strings.Builder
	for _, r := range strings.TrimSpace(unfold(s)) {
		if !unicode.IsPrint(r) && r != ' ' || r == utf8.RuneError {
			r = '?'
		}
		if b.Len()+utf8.RuneLen(r) > MaxText {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

func zone(date string) int16 {
	t, err := mail.ParseDate(unfold(date))
	if err != nil {
		return NoZone
	}
	_, offset := t.Zone()
	return int16(offset / 60)
}
