package spf

import (
	"net/netip"
	"strings"
)

// Kind is which mechanism (RFC 7208 section 5) or modifier (section 6) a term is.
type Kind string

// The mechanisms and modifiers. Other is a modifier that no RFC knows; it is ignored (section 6).
const (
	All      Kind = "all"
	Include  Kind = "include"
	A        Kind = "a"
	MX       Kind = "mx"
	PTR      Kind = "ptr"
	IP4      Kind = "ip4"
	IP6      Kind = "ip6"
	Exists   Kind = "exists"
	Redirect Kind = "redirect"
	Exp      Kind = "exp"
	Other    Kind = "other"
)

// asks reports whether evaluating the term causes a DNS lookup that is limited (section 4.6.4).
func (k Kind) asks() bool {
	switch k {
	case Include, A, MX, PTR, Exists, Redirect:
		return true
	}
	return false
}

// Term is one term of a record, as the grammar of section 12 reads it.
type Term struct {
	Text      string       `json:"text"` // as it was written, printable
	Kind      Kind         `json:"kind"`
	Qualifier Result       `json:"qualifier,omitempty"` // what a match means (section 4.6.2); modifiers have none
	Spec      string       `json:"spec,omitempty"`      // the domain-spec, macros and all; empty is the domain itself
	Network   netip.Prefix `json:"network,omitzero"`    // of ip4 and ip6, masked
	Bits4     int          `json:"-"`                   // prefix length for the addresses of a and mx: 0 to 32
	Bits6     int          `json:"-"`                   // 0 to 128
}

// Record is an SPF record. It is whole when there are no Faults; else evaluating it is a permanent error (section 4.6).
type Record struct {
	Terms  []Term
	Faults []Fault // at most maxFaults
}

// Fault is a place where a text is no record.
type Fault struct {
	Term string // as it was written, printable and cut
	At   int    // its first octet in the text, from 0
	Why  string
	Mark Mark // SyntaxError, or WrongFamily
}

// version begins every record (section 4.5).
const version = "v=spf1"

// IsRecord reports whether a text is an SPF record, well made or not (section 4.5): what other TXT records have is
// nobody's business.
func IsRecord(text string) bool {
	return len(text) >= len(version) && equalFold(text[:len(version)], version) &&
		(len(text) == len(version) || text[len(version)] == ' ')
}

// equalFold compares ASCII only: the Kelvin sign is no k.
func equalFold(a, b string) bool { return len(a) == len(b) && lower(a) == lower(b) }

func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// printable writes octets other than printable ASCII as \DDD, and cuts after limit octets of s.
func printable(s string, limit int) string {
	var b strings.Builder
	for i := range min(len(s), limit) {
		if c := s[i]; c >= ' ' && c <= '~' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'\\', '0' + c/100, '0' + c/10%10, '0' + c%10})
		}
	}
	if len(s) > limit {
		b.WriteString("...")
	}
	return b.String()
}
