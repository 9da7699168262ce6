package dnsbl

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"postward/internal/wire/dns"
)

// Condition is how far a list's word goes.
type Condition string

// The conditions.
const (
	Sound      Condition = "sound"            // its points are as they should be
	Pointless  Condition = "no test point"    // does not list its test point: a listing counts, "not listed" does not
	Everything Condition = "lists everything" // even what nobody can have
	Lying      Condition = "lies"
	Refusing   Condition = "refuses"
	Silent     Condition = "silent"
)

// How long a condition is believed.
const (
	soundFor = 6 * time.Hour
	weakFor  = time.Hour
	badFor   = 15 * time.Minute
)

// Health is a list's condition, and why.
type Health struct {
	Condition Condition `json:"condition"`
	Why       string    `json:"why,omitempty"`
	Checked   time.Time `json:"checked"`
	Until     time.Time `json:"until"` // when it is checked again
	whole     bool      // all points were asked: what it lists can be believed too
}

// noPoint says that a list has no such point.
const noPoint = "none"

// probe is one point: the subject to ask for, if there is one.
type probe struct {
	subject Subject
	there   bool
}

// probes are a list's three points (RFC 5782 section 5): one that is listed, one that is not, and one that nobody
// would expect to be asked for.
type probes struct{ listed, unlisted, random probe }

// probes chooses the points by the kind that the list has.
func (l *List) probes() probes {
	p := &l.Test
	switch {
	case l.Is(IPv4):
		return probes{addressPoint(p.Listed, "127.0.0.2"), addressPoint(p.Unlisted, "127.0.0.1"), probe{Address(randomTestNet()), true}}
	case l.Is(Domain):
		return probes{domainPoint(p.ListedDomain, noPoint), domainPoint(p.UnlistedDomain, "invalid"), probe{Subject{domain: randomLabel() + ".invalid"}, true}}
	}
	// Not Address, which would make IPv4 of these: here it is the IPv6 name that is asked for.
	return probes{addressPoint(p.Listed6, "::ffff:7f00:2"), addressPoint(p.Unlisted6, "::ffff:7f00:1"), probe{Address(randomDocumentation()), true}}
}

func addressPoint(text, usual string) probe {
	if text == "" {
		text = usual
	}
	addr, err := netip.ParseAddr(text)
	return probe{Subject{addr: addr}, err == nil}
}

func domainPoint(text, usual string) probe {
	if text == "" {
		text = usual
	}
	return probe{Subject{domain: strings.ToLower(text)}, text != noPoint}
}

// randomTestNet is an address of RFC 5737.
func randomTestNet() netip.Addr {
	nets := [][3]byte{{192, 0, 2}, {198, 51, 100}, {203, 0, 113}}
	n := nets[rand.IntN(len(nets))]
	return netip.AddrFrom4([4]byte{n[0], n[1], n[2], byte(1 + rand.IntN(254))})
}

// randomDocumentation is an address of RFC 3849.
func randomDocumentation() netip.Addr {
	a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	for i := 4; i < len(a); i++ {
		a[i] = byte(rand.Uint32())
	}
	return netip.AddrFrom16(a)
}

func randomLabel() string {
	var b [12]byte
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b[:])
}

// judge makes a condition of the answers at the three points; an answer at a point that is not there is nil.
func (l *List) judge(listed, unlisted, random *dns.Answer, asked probes) (Condition, string) {
	for _, point := range []struct {
		answer *dns.Answer
		at     probe
	}{{random, asked.random}, {unlisted, asked.unlisted}} {
		if point.answer == nil {
			continue
		}
		switch r := l.read(*point.answer); r.outcome {
		case Clear:
		case Refused:
			return Refusing, r.why
		case Lies:
			return Lying, fmt.Sprintf("asked for %s, which nobody lists: %s", point.at.subject, r.why)
		case Unknown:
			if r.silent {
				return Silent, r.why
			}
			return Everything, fmt.Sprintf("it even answers for %s: %s", point.at.subject, r.why)
		default:
			return Everything, fmt.Sprintf("it even lists %s", point.at.subject)
		}
	}
	if listed == nil {
		return Sound, ""
	}
	return l.judgeListed(*listed, asked.listed.subject)
}

// judgeListed makes a condition of the answer at the point that is always listed: any answer will do, for some
// lists mark it with a code of its own.
func (l *List) judgeListed(a dns.Answer, at Subject) (Condition, string) {
	if l.Test.Expect != "" && a.Outcome == dns.Answered {
		for _, addr := range a.Addrs {
			if addr.String() == l.Test.Expect {
				return Sound, ""
			}
		}
	}
	switch r := l.read(a); {
	case r.outcome == Refused:
		return Refusing, r.why
	case r.outcome == Lies:
		return Lying, r.why
	case r.silent:
		return Silent, r.why
	case a.Outcome != dns.Answered:
		return Pointless, fmt.Sprintf("does not list its test point %s: it is dead, or does not answer you", at)
	}
	return Sound, ""
}

// lasts is how long a condition is believed.
func (c Condition) lasts() time.Duration {
	switch c {
	case Sound:
		return soundFor
	case Pointless:
		return weakFor
	}
	return badFor
}

// weigh is a reading in the light of the list's health.
func (h *Health) weigh(r reading) reading {
	switch h.Condition {
	case Sound:
		return r
	case Pointless:
		if r.outcome == Clear {
			r.outcome, r.why = Unknown, h.Why
		}
		return r
	case Refusing:
		return reading{outcome: Refused, why: h.Why}
	case Silent:
		return reading{outcome: Unknown, why: h.Why, silent: true}
	}
	return reading{outcome: Lies, why: string(h.Condition) + ": " + h.Why}
}
