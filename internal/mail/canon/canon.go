// Package canon brings a mail into the canonical forms in which it is signed (RFC 6376 section 3.4), and hashes its body
// in several of them at once while it streams past.
//
// A header field is what stands in the mail: Field's Value is everything behind the colon, folding and the blank behind
// the colon too, without the last line end. Lines of a folded value may end with CRLF, or with LF alone as Postfix hands
// them to a milter; signed is CRLF. The body must have CRLF as SMTP has it (RFC 6376 section 5.3): a CR or LF alone is
// an octet like any other.
//
// Only SHA-256 is hashed with: SHA-1 must not be used any more (RFC 8301 section 3.1). There is no l=: a signature of a
// part of the body says nothing of the rest.
//
// Bounds: a Body holds a few kilobytes, however long the body or a run of blank lines is. One goroutine at a time may
// use it. The package must not import anything of the house.
package canon

import "strings"

// Form is a canonicalization algorithm.
type Form uint8

// The forms of RFC 6376: sections 3.4.1 and 3.4.3, 3.4.2 and 3.4.4.
const (
	Simple Form = iota
	Relaxed
)

// String is the form as c= has it.
func (f Form) String() string {
	if f == Relaxed {
		return "relaxed"
	}
	return "simple"
}

// ParseForms reads the tag c= (RFC 6376 section 3.5): without it, and for a body that it does not name, it is simple.
func ParseForms(c string) (header, body Form, ok bool) {
	if c == "" {
		return Simple, Simple, true
	}
	first, second, both := strings.Cut(c, "/")
	header, ok = parseForm(first)
	if !both || !ok {
		return header, Simple, ok
	}
	body, ok = parseForm(second)
	return header, body, ok
}

// parseForm reads one name, without regard to case: it is a literal of the grammar.
func parseForm(name string) (Form, bool) {
	return Form(btoi(strings.EqualFold(name, "relaxed"))), strings.EqualFold(name, "relaxed") || strings.EqualFold(name, "simple")
}

func btoi(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// Field is one header field of a mail as it stands there.
type Field struct {
	Name  string // before the colon
	Value string // behind the colon
}

// Is reports whether the field has a name; blanks before the colon are none of it (RFC 5322 section 4.5).
func (f Field) Is(name string) bool { return strings.EqualFold(strings.TrimRight(f.Name, " \t"), name) }

// Append appends the field in a form, with its line end.
func (f Field) Append(b []byte, form Form) []byte {
	return append(f.AppendOpen(b, form), "\r\n"...)
}

// AppendOpen is Append without the line end: so a signature covers its own field (RFC 6376 section 3.7).
func (f Field) AppendOpen(b []byte, form Form) []byte {
	if form == Simple {
		return appendLines(append(append(b, f.Name...), ':'), f.Value)
	}
	b = append(b, strings.ToLower(strings.TrimRight(f.Name, " \t"))...)
	return appendRelaxed(append(b, ':'), f.Value)
}

// appendLines appends a value with CRLF at the end of each of its lines.
func appendLines(b []byte, value string) []byte {
	for {
		line, rest, more := strings.Cut(value, "\n")
		if !more {
			return append(b, value...)
		}
		b = append(append(b, strings.TrimSuffix(line, "\r")...), "\r\n"...)
		value = rest
	}
}

// appendRelaxed appends a value unfolded, with one blank for each run of them, and none at its ends.
func appendRelaxed(b []byte, value string) []byte {
	begin, blank := len(b), false
	for i := range len(value) {
		switch c := value[i]; {
		case c == ' ', c == '\t':
			blank = true
		case c == '\n', c == '\r' && i+1 < len(value) && value[i+1] == '\n':
		default:
			if blank && len(b) > begin {
				b = append(b, ' ')
			}
			b, blank = append(b, c), false
		}
	}
	return b
}
