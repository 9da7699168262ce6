package authres

import (
	"errors"
	"fmt"
	"strings"

	"postward/internal/mail/message"
)

// Bounds of what is read: octets of a field, results, properties of each, and octets of a name.
const (
	MaxField      = 64 << 10
	maxResults    = 100
	maxProperties = 32
	maxName       = 256
)

// ErrVersion is a field of a version that we do not know (RFC 8601 section 2.5).
var ErrVersion = errors.New("read Authentication-Results: an unknown version")

// Field is a field that was read, or is written.
type Field struct {
	ID      string // authserv-id as message.Domain has it, else in lower case; empty: the field names none
	Results []Result
}

// Result is what came of one method.
type Result struct {
	Method     string // spf, dkim, dmarc, arc, iprev, auth, or another
	Value      string // pass, fail, and so on, in lower case
	Reason     string
	Properties []Property
}

// Property says what the method was about.
type Property struct {
	Type, Name string // smtp and mailfrom, header and d; in lower case
	Value      string
}

// Property is the value of one, the first of its name; empty if there is none.
func (r Result) Property(kind, name string) string {
	for _, p := range r.Properties {
		if p.Type == kind && p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Of returns the results of a method, in their order.
func (f Field) Of(method string) []Result {
	var all []Result
	for _, r := range f.Results {
		if r.Method == method {
			all = append(all, r)
		}
	}
	return all
}

// Parse reads what is behind the colon of Authentication-Results, or behind the instance of ARC-Authentication-Results.
func Parse(value string) (Field, error) {
	if len(value) > MaxField {
		return Field{}, fmt.Errorf("read Authentication-Results: it has %d octets, at most %d are read", len(value), MaxField)
	}
	var f Field
	s := &scanner{rest: value}
	id, version := s.service()
	if version != "" && strings.TrimLeft(version, "0") != "1" {
		return Field{}, ErrVersion
	}
	if s.skip(); s.rest != "" && s.rest[0] != ';' {
		s = &scanner{rest: value} // it is a result, or nothing that we know
	} else if f.ID = canonical(id); f.ID == "" {
		return Field{}, errors.New("read Authentication-Results: it has no authserv-id")
	} else {
		s.take(';')
	}
	for s.rest != "" && len(f.Results) < maxResults {
		if r, ok := s.result(); ok {
			f.Results = append(f.Results, r)
		}
		s.next()
	}
	return f, nil
}

// canonical is the form in which authserv-ids are compared.
func canonical(id string) string {
	id = strings.TrimRight(strings.TrimSpace(id), ".")
	if domain, err := message.Domain(id); err == nil {
		return domain
	}
	return strings.ToLower(id)
}

// service reads authserv-id and version.
func (s *scanner) service() (id, version string) {
	s.skip()
	if s.rest != "" && s.rest[0] == '"' {
		id = s.quoted()
	} else {
		id = s.while(inID)
	}
	s.skip()
	return id, s.while(func(c byte) bool { return c >= '0' && c <= '9' })
}

// next passes over the rest of a result.
func (s *scanner) next() {
	for s.rest != "" && !s.take(';') {
		if s.rest[0] == '"' {
			s.quoted()
		} else if !s.skip() {
			s.rest = s.rest[1:]
		}
	}
}

// result reads one, up to its semicolon.
func (s *scanner) result() (r Result, ok bool) {
	method, value, ok := s.pair()
	if !ok {
		return r, false
	}
	method, _, _ = strings.Cut(method, "/") // every method is of version 1
	r = Result{Method: method, Value: strings.ToLower(value)}
	for s.skip(); s.rest != "" && s.rest[0] != ';'; s.skip() {
		left := len(s.rest)
		name, value, ok := s.pair()
		kind, property, whole := strings.Cut(name, ".")
		switch {
		case !ok && len(s.rest) == left:
			s.word()
		case !ok:
		case name == "reason":
			r.Reason = value
		case whole && len(r.Properties) < maxProperties:
			r.Properties = append(r.Properties, Property{kind, property, value})
		}
	}
	return r, r.Method != "" && r.Value != ""
}

// word passes over what is no pair.
func (s *scanner) word() {
	if s.rest[0] == '"' {
		s.quoted()
	} else if s.while(inValue) == "" {
		s.rest = s.rest[1:]
	}
}

// pair reads NAME "=" VALUE, where the name may have dots and slashes with white space around them.
func (s *scanner) pair() (name, value string, ok bool) {
	for s.skip(); len(name) <= maxName; s.skip() {
		name += s.while(inName)
		joined := strings.HasSuffix(name, ".") || strings.HasSuffix(name, "/")
		if s.skip(); s.rest == "" || !inName(s.rest[0]) || !joined && keyword(s.rest[0]) {
			break
		}
	}
	if name == "" || len(name) > maxName || !s.take('=') {
		return "", "", false
	}
	s.skip()
	return strings.ToLower(name), s.value(), true
}

func inName(c byte) bool { return keyword(c) || c == '.' || c == '/' }

// value reads a token, a quoted string or an address, whose local part may be quoted.
func (s *scanner) value() string {
	var b strings.Builder
	for s.rest != "" && (s.rest[0] == '"' || inValue(s.rest[0])) {
		if s.rest[0] == '"' {
			b.WriteString(s.quoted())
		} else {
			b.WriteString(s.while(inValue))
		}
	}
	return b.String()
}
