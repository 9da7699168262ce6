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
	freshFor = time.Minute // when the list says that something is listed
)

// Health is a list's condition, and why.
type Health struct {
	Condition Condition `json:"condition"`
	Why       string    `json:"why,omitempty"`
	Checked   time.Time `json:"checked"`
	Until     time.Time `json:"until"` // when it is checked again
	refusal   Refusal
	whole     bool // all points were asked: what it lists can be believed too
}

// noPoint says that a list has no such point.
const noPoint = "none"

// probe is one point: the subject to ask for, if there is one.
type probe struct {
	subject Subject
	there   bool
}

// probes are the points of one kind (RFC 5782 section 5): one that is listed, one that is not, and one that nobody would
// expect to be asked for. main is the listed point of the list's first kind, where that is another: not every list of
// several kinds has one of each.
type probes struct{ listed, unlisted, random, main probe }

// probes chooses the points of a kind that the list has.
func (l *List) probes(k Kind) probes {
	p := l.points(k)
	if first := l.mainKind(); first != k {
		p.main = l.points(first).listed
	}
	return p
}

func (l *List) points(k Kind) probes {
	p := &l.Test
	switch k {
	case IPv4:
		return probes{listed: addressPoint(p.Listed, "127.0.0.2"), unlisted: addressPoint(p.Unlisted, "127.0.0.1"), random: probe{Address(randomTestNet()), true}}
	case Domain:
		return probes{listed: domainPoint(p.ListedDomain, noPoint), unlisted: domainPoint(p.UnlistedDomain, "invalid"), random: probe{Subject{domain: randomLabel() + ".invalid"}, true}}
	}
	// Not Address, which would make IPv4 of these: here it is the IPv6 name that is asked for.
	return probes{listed: addressPoint(p.Listed6, "::ffff:7f00:2"), unlisted: addressPoint(p.Unlisted6, "::ffff:7f00:1"), random: probe{Address(randomDocumentation()), true}}
}

// mainKind is the kind whose points say whether the list is alive.
func (l *List) mainKind() Kind {
	for _, k := range []Kind{IPv4, Domain} {
		if l.Is(k) {
			return k
		}
	}
	return IPv6
}

// only are the listed points alone: of the list's first kind, if that has one.
func (p probes) only() probes {
	if p.main.there {
		return probes{main: p.main}
	}
	if p.listed.there {
		return probes{listed: p.listed}
	}
	return p
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

// refusal is what the answers say of why we are refused.
func (l *List) refusalOf(got answersAt) Refusal {
	for _, a := range []*dns.Answer{got.random, got.unlisted, got.main, got.listed} {
		if a == nil {
			continue
		}
		if r := l.read(*a); r.outcome == Refused {
			return r.refusal
		}
	}
	return ""
}

// answersAt are the answers at the points; one at a point that is not there is nil.
type answersAt struct{ listed, unlisted, random, main *dns.Answer }

// judge makes a condition of the answers at the points.
func (l *List) judge(got answersAt, asked probes) (Condition, string) {
	for _, point := range []struct {
		answer *dns.Answer
		at     probe
		nobody bool // whatever is answered there is wrong, a word that is no listing too
	}{{got.random, asked.random, true}, {got.unlisted, asked.unlisted, false}} {
		if point.answer == nil {
			continue
		}
		switch r := l.read(*point.answer); {
		case r.outcome == Clear && !(point.nobody && point.answer.Outcome == dns.Answered):
		case r.outcome == Refused:
			return Refusing, r.why
		case r.outcome == Lies:
			return Lying, fmt.Sprintf("asked for %s, which nobody lists: %s", point.at.subject, r.why)
		case r.outcome == Unknown && r.silent:
			return Silent, r.why
		case r.outcome == Listed:
			return Everything, fmt.Sprintf("it even lists %s", point.at.subject)
		default:
			return Everything, strings.TrimSuffix(fmt.Sprintf("it even answers for %s: %s", point.at.subject, r.why), ": ")
		}
	}
	return l.judgeBoth(got, asked)
}

// judgeBoth makes a condition of the answers at the points that are always listed: one of them is enough.
func (l *List) judgeBoth(got answersAt, asked probes) (c Condition, why string) {
	if got.listed == nil && got.main == nil {
		return Sound, ""
	}
	for _, point := range []struct {
		answer *dns.Answer
		at     probe
	}{{got.main, asked.main}, {got.listed, asked.listed}} {
		if point.answer == nil {
			continue
		}
		if c, why = l.judgeListed(*point.answer, point.at.subject); c != Pointless {
			return c, why
		}
	}
	return c, why
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
		return reading{outcome: Refused, why: h.Why, refusal: h.refusal}
	case Silent:
		return reading{outcome: Unknown, why: h.Why, silent: true}
	}
	return reading{outcome: Lies, why: string(h.Condition) + ": " + h.Why}
}
