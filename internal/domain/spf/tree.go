package spf

import (
	"iter"
	"net/netip"

	"postward/internal/wire/dns"
)

// Limits of evaluation (RFC 7208 section 4.6.4).
const (
	MaxLookups    = 10 // terms that cause lookups
	MaxVoids      = 2  // lookups without an answer
	MaxExchangers = 10 // hosts of an mx
)

// Tree is a record and what its terms lead to.
type Tree struct {
	Domain  string      `json:"domain"`         // lower case, no final dot
	Outcome dns.Outcome `json:"outcome"`        // of the question for the record; 0 when it was not asked
	Text    string      `json:"text,omitempty"` // the record, printable
	Octets  int         `json:"octets"`         // of the reply without EDNS(0) and aliases, as far as texts tell
	Nodes   []*Node     `json:"terms,omitempty"`
	Remarks []Remark    `json:"remarks,omitempty"` // about the record; each Node has its own

	// Lookups, Voids4 and Voids6 are what an address that matches nothing causes from here down, without regard to the
	// limits; Voids4 for an IPv4 address. Not counted: what depends on the client, the sender or HELO.
	Lookups int `json:"lookups"`
	Voids4  int `json:"voids4"`
	Voids6  int `json:"voids6"`

	Questions int `json:"questions,omitempty"` // that the walk asked, at the root only
	Largest   int `json:"largest,omitempty"`   // the largest Octets of the tree, at the root only

	bad     bool // the domain is no name that can have a record
	records int  // SPF records that were found
	faults  int  // of the record
}

// Node is a term and what came of it.
type Node struct {
	Term
	Name       string         `json:"name,omitempty"`       // what it asks about; empty when that is unknown or there is no question
	Outcome    dns.Outcome    `json:"outcome,omitempty"`    // of the question of mx (MX), exists (A)
	Exchangers int            `json:"exchangers,omitempty"` // hosts of mx, all of them
	Hosts      []Host         `json:"hosts,omitempty"`      // a: the name. mx: its hosts, the preferred first, at most MaxExchangers
	Networks   []netip.Prefix `json:"networks,omitempty"`   // what it covers, of ip4, ip6, a, mx
	Child      *Tree          `json:"child,omitempty"`      // of include and redirect
	Skipped    bool           `json:"skipped,omitempty"`    // never evaluated: after all, or redirect beside all
	Behind4    bool           `json:"behind4,omitempty"`    // no IPv4 address comes to it: more than MaxVoids lookups before it have no answer
	Behind6    bool           `json:"behind6,omitempty"`    // no IPv6 address does
	Remarks    []Remark       `json:"remarks,omitempty"`

	unknown bool // its name or, of ptr, the client's names depend on who sends
	invalid bool // its name is none for DNS
	loop    bool
	beyond  bool // not followed
}

// Host is a name and its addresses.
type Host struct {
	Name  string       `json:"name"`
	V4    dns.Outcome  `json:"v4"` // 0 when it was not asked
	V6    dns.Outcome  `json:"v6"`
	Addrs []netip.Addr `json:"addrs,omitempty"`
}

// outcome is that of the question that a client of this address causes (section 5: A or AAAA, not both).
func (h *Host) outcome(addr netip.Addr) dns.Outcome {
	if addr.Is4() {
		return h.V4
	}
	return h.V6
}

// All yields every tree of the tree, itself first, in the order of evaluation.
func (t *Tree) All() iter.Seq[*Tree] {
	return func(yield func(*Tree) bool) { t.each(yield) }
}

func (t *Tree) each(yield func(*Tree) bool) bool {
	if !yield(t) {
		return false
	}
	for _, n := range t.Nodes {
		if n.Child != nil && !n.Child.each(yield) {
			return false
		}
	}
	return true
}

// Has reports whether anything in the tree has the mark.
func (t *Tree) Has(m Mark) bool {
	for sub := range t.All() {
		if has(sub.Remarks, m) {
			return true
		}
		for _, n := range sub.Nodes {
			if has(n.Remarks, m) {
				return true
			}
		}
	}
	return false
}

func has(remarks []Remark, m Mark) bool {
	for _, r := range remarks {
		if r.Mark == m {
			return true
		}
	}
	return false
}

func (t *Tree) say(m Mark, text string) { t.Remarks = append(t.Remarks, Remark{m, text}) }
func (n *Node) say(m Mark, text string) { n.Remarks = append(n.Remarks, Remark{m, text}) }
