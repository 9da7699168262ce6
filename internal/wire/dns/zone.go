package dns

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	mdns "github.com/miekg/dns"
)

// maxZone is what is read of a zone file, in octets.
const maxZone = 8 << 20

// Zone answers from a zone file (RFC 1035 section 5), as a server that has it would: aliases are followed, wildcards
// hold (RFC 4592), a name with something below it exists. Names outside of it do not exist. Set what it says before
// it is asked; then many may ask.
type Zone struct {
	Authentic bool // its answers have the authentic-data bit

	records map[string][]mdns.RR // by canonical owner; an empty non-terminal has none
	soa     []mdns.RR
	failing map[string]Outcome
}

// ParseZone reads a zone file; origin completes relative names, file is what errors call it. $INCLUDE is refused.
func ParseZone(r io.Reader, origin, file string) (*Zone, error) {
	z := &Zone{records: make(map[string][]mdns.RR), failing: make(map[string]Outcome)}
	p := mdns.NewZoneParser(io.LimitReader(r, maxZone), mdns.Fqdn(origin), file)
	p.SetDefaultTTL(3600)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		z.keep(rr)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("read zone: %w", err) // miekg/dns names file and line
	}
	return z, nil
}

func (z *Zone) keep(rr mdns.RR) {
	owner := strings.ToLower(rr.Header().Name)
	z.records[owner] = append(z.records[owner], rr)
	for up, more := parent(owner); more; up, more = parent(up) {
		if _, there := z.records[up]; !there {
			z.records[up] = nil
		}
	}
	if _, is := rr.(*mdns.SOA); is && z.soa == nil {
		z.soa = []mdns.RR{rr}
	}
}

// Fail lets every question for name and for what is below it end with o: a server that refuses, fails or is silent.
func (z *Zone) Fail(name string, o Outcome) { z.failing[strings.ToLower(mdns.Fqdn(name))] = o }

// Addresses is Resolver's.
func (z *Zone) Addresses(ctx context.Context, name string) Answer {
	return both(z.Lookup(ctx, name, A), z.Lookup(ctx, name, AAAA))
}

// TXT is Resolver's.
func (z *Zone) TXT(ctx context.Context, name string) Answer { return z.Lookup(ctx, name, TXT) }

// MX is Resolver's.
func (z *Zone) MX(ctx context.Context, name string) Answer { return z.Lookup(ctx, name, MX) }

// PTR is Resolver's.
func (z *Zone) PTR(ctx context.Context, addr netip.Addr) Answer {
	return z.Lookup(ctx, ReverseName(addr), PTR)
}

// Lookup is Resolver's. Silence is told at once.
func (z *Zone) Lookup(ctx context.Context, name string, t Type) Answer {
	name, ok := Canonical(name)
	if !ok {
		return Answer{Outcome: NoName}
	}
	if ctx.Err() != nil {
		return Answer{Outcome: Timeout}
	}
	for up, more := name, true; more; up, more = parent(up) {
		if o := z.failing[up]; o != 0 {
			return Answer{Outcome: o}
		}
	}
	q := question{name, t}
	return read(z.reply(q), q)
}

// reply is the message that a server with this zone would send.
func (z *Zone) reply(q question) *mdns.Msg {
	m := &mdns.Msg{MsgHdr: mdns.MsgHdr{AuthenticatedData: z.Authentic, RecursionAvailable: true}}
	for owner := q.name; len(m.Answer) <= MaxChain; {
		records, there := z.at(owner)
		if !there {
			m.Rcode, m.Ns = mdns.RcodeNameError, z.soa
			return m
		}
		var alias string
		before := len(m.Answer)
		for _, rr := range records {
			if c, is := rr.(*mdns.CNAME); is || rr.Header().Rrtype == uint16(q.t) {
				rr = mdns.Copy(rr)
				rr.Header().Name = owner // a wildcard's record takes the name that was asked for
				m.Answer = append(m.Answer, rr)
				if is && q.t != CNAME {
					alias = strings.ToLower(c.Target)
				}
			}
		}
		if len(m.Answer) == before {
			m.Ns = z.soa
		}
		if alias == "" {
			return m
		}
		owner = alias
	}
	return m
}

// at returns the records of a name, its own or a wildcard's (RFC 4592 section 3.3.1: at the closest encloser only).
func (z *Zone) at(name string) ([]mdns.RR, bool) {
	if records, there := z.records[name]; there {
		return records, true
	}
	for up, more := parent(name); more; up, more = parent(up) {
		if _, encloses := z.records[up]; encloses {
			records, there := z.records["*."+strings.TrimPrefix(up, ".")]
			return records, there
		}
	}
	return nil, false
}

// parent is the name without its first label; the root has none.
func parent(name string) (string, bool) {
	if name == "." {
		return "", false
	}
	next, end := mdns.NextLabel(name, 0)
	if end {
		return ".", true
	}
	return name[next:], true
}
