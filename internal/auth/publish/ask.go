package publish

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"postward/internal/wire/dns"
)

// patience is how long one question to one server may take.
const patience = 2 * time.Second

// payload is what passes everywhere without fragments, in octets.
const payload = 1232

// Seen is what one server says of a name's texts.
type Seen struct {
	Server  string      `json:"server"` // its name, or "resolver"
	Addr    string      `json:"addr,omitempty"`
	Outcome dns.Outcome `json:"outcome"`
	Note    string      `json:"note,omitempty"` // why it is no answer
	Alias   string      `json:"alias,omitempty"`
	Texts   []string    `json:"texts,omitempty"`

	records []*mdns.TXT // as they came
}

// same reports whether two servers say the same, in whatever order.
func (s *Seen) same(other *Seen) bool {
	return s.Outcome == other.Outcome && s.Alias == other.Alias && slices.Equal(sorted(s.Texts), sorted(other.Texts))
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }

// ttl is how long the records may be kept that are there, in seconds.
func (s *Seen) ttl() uint32 {
	if len(s.records) == 0 {
		return DefaultTTL
	}
	return s.records[0].Hdr.Ttl
}

// askServer asks an authoritative server for the texts of a name: over UDP, again, then over TCP.
func askServer(ctx context.Context, s Server, name string) Seen {
	seen := Seen{Server: s.Name, Addr: s.Addr.String(), Outcome: dns.Timeout}
	for _, network := range []string{"udp", "udp", "tcp"} {
		reply, err := exchange(ctx, network, s.Addr, name, mdns.TypeTXT)
		if err != nil {
			seen.Note = err.Error()
			continue
		}
		if reply.Truncated {
			continue
		}
		seen.Note = ""
		seen.read(reply, name)
		return seen
	}
	return seen
}

func exchange(ctx context.Context, network string, server netip.AddrPort, name string, t uint16) (*mdns.Msg, error) {
	m := new(mdns.Msg).SetQuestion(mdns.Fqdn(name), t)
	m.RecursionDesired = false
	m.SetEdns0(payload, false)
	c := mdns.Client{Net: network, Timeout: patience}
	reply, _, err := c.ExchangeContext(ctx, m, server.String())
	if err != nil {
		return nil, fmt.Errorf("ask %s for TXT of %s: %w", server, dns.Show(name), err)
	}
	if len(reply.Question) != 1 || !strings.EqualFold(reply.Question[0].Name, m.Question[0].Name) || reply.Question[0].Qtype != t {
		return nil, fmt.Errorf("ask %s for TXT of %s: the reply is to another question", server, dns.Show(name))
	}
	return reply, nil
}

// read takes what a reply says. One that is not authoritative says nothing: what asks somebody else is no server of the zone.
func (s *Seen) read(reply *mdns.Msg, name string) {
	switch {
	case reply.Rcode == mdns.RcodeRefused:
		s.Outcome, s.Note = dns.Refused, "it does not answer for the zone"
	case reply.Rcode != mdns.RcodeSuccess && reply.Rcode != mdns.RcodeNameError:
		s.Outcome, s.Note = dns.Failure, mdns.RcodeToString[reply.Rcode]
	case !reply.Authoritative:
		s.Outcome, s.Note = dns.Failure, "it is no server of the zone: its answer is not authoritative"
	case reply.Rcode == mdns.RcodeNameError:
		s.take(dns.NoName, reply.Answer, name) // with an alias it is what that leads to that is not there (RFC 6604 section 3)
	default:
		s.take(dns.NoData, reply.Answer, name)
	}
}

// take reads the records that are the name's own; without any the outcome is none.
func (s *Seen) take(none dns.Outcome, answer []mdns.RR, name string) {
	s.Outcome = none
	for _, rr := range answer {
		if !strings.EqualFold(rr.Header().Name, mdns.Fqdn(name)) {
			continue
		}
		switch rr := rr.(type) {
		case *mdns.CNAME:
			s.Outcome, s.Alias = dns.Answered, strings.ToLower(strings.TrimSuffix(rr.Target, "."))
		case *mdns.TXT:
			s.Outcome = dns.Answered
			s.records, s.Texts = append(s.records, rr), append(s.Texts, joined(rr))
		}
	}
}

// askResolver asks as the world asks.
func askResolver(ctx context.Context, r dns.Resolver, name string) Seen {
	a := r.TXT(ctx, name)
	return Seen{Server: "resolver", Outcome: a.Outcome, Texts: a.Texts}
}

// wildcard reports whether a server makes up the texts of a name from a wildcard (RFC 4592): the name then has no records of its
// own, whatever is answered. The nearest wildcard counts.
func wildcard(ctx context.Context, s Server, zone string, seen *Seen, name string) bool {
	for at := name; at != zone && strings.HasSuffix(at, "."+zone); {
		_, at, _ = strings.Cut(at, ".")
		star := askServer(ctx, s, "*."+at)
		if len(star.Texts) > 0 {
			return star.same(seen)
		}
	}
	return false
}
