package world

import (
	"fmt"
	"net/netip"
	"strings"

	mdns "github.com/miekg/dns"
)

// misbehave makes the reply that the behaviour wants, cut to what the client takes; nil is silence.
func (s *Server) misbehave(a asking) *mdns.Msg {
	m := a.reply()
	switch a.b.Kind {
	case Silent:
		return nil
	case Refuse:
		m.Rcode = mdns.RcodeRefused
	case ServFail:
		m.Rcode = mdns.RcodeServerFailure
	case Bogus:
		if a.request.CheckingDisabled {
			m = message{s.honest(a)}
			break
		}
		m.Rcode = mdns.RcodeServerFailure
	case NoName:
		m.Rcode = mdns.RcodeNameError
		m.Ns = []mdns.RR{&mdns.SOA{Hdr: header(".", mdns.TypeSOA), Ns: "ns.", Mbox: "hostmaster.", Minttl: 60}}
	case WrongQuestion:
		other := "elsewhere.example."
		m.Question = []mdns.Question{{Name: other, Qtype: a.q.Type, Qclass: mdns.ClassINET}}
		m.says(other, a.q.Type, a.b.addr())
	case WrongID:
		m = message{s.honest(a)}
		m.Id++
	case Rewrite, Everything, Code:
		m.says(a.q.Name, a.q.Type, a.b.addr())
	case Truncate, Huge:
		return s.onlyOverTCP(a, m)
	case Loop:
		m.alias(a.q.Name, partner(a.q.Name))
		m.alias(partner(a.q.Name), a.q.Name)
	case Chain:
		s.chain(a, m)
	default:
		m = message{s.honest(a)}
	}
	return a.cut(m.Msg)
}

// says answers with an address, or a text, and with nothing where another type is asked for.
func (m message) says(name string, t uint16, addr netip.Addr) {
	switch t {
	case mdns.TypeA:
		m.Answer = append(m.Answer, &mdns.A{Hdr: header(name, t), A: addr.AsSlice()})
	case mdns.TypeTXT:
		m.Answer = append(m.Answer, &mdns.TXT{Hdr: header(name, t), Txt: []string{"says " + addr.String()}})
	}
}

func (m message) alias(name, target string) {
	m.Answer = append(m.Answer, &mdns.CNAME{Hdr: header(name, mdns.TypeCNAME), Target: target})
}

// partner is the other name of a loop.
func partner(name string) string {
	if rest, ok := strings.CutPrefix(name, "loop."); ok {
		return rest
	}
	if _, ok := mdns.IsDomainName("loop." + name); !ok {
		return name // no room for another label: it bites itself
	}
	return "loop." + name
}

// chain puts aliases before what the zone has at the name. What stands at an alias in between is not told: who follows
// by himself gets the rest of the chain from nobody, for a resolver tells all of it.
func (s *Server) chain(a asking, m message) {
	end := s.honest(a)
	name := a.q.Name
	for i := range ChainLength {
		target := fmt.Sprintf("hop%d.chain.example.", i+1)
		m.alias(name, target)
		name = target
	}
	m.Answer = append(m.Answer, owned(end.Answer, name)...)
	m.Ns, m.Rcode = end.Ns, end.Rcode
}

// onlyOverTCP is nothing but TC over UDP; over TCP it is the honest reply, of a Huge one with texts that nobody asked for.
func (s *Server) onlyOverTCP(a asking, m message) *mdns.Msg {
	if a.udp {
		m.Truncated = true
		return m.Msg
	}
	full := s.honest(a)
	if a.b.Kind == Huge {
		filler := strings.Repeat("x", 255)
		for room := mdns.MaxMsgSize - 1 - full.Len() - 300; room > 0; room -= 268 { // a pointer, 10 octets of header, the text with its length
			full.Extra = append([]mdns.RR{&mdns.TXT{Hdr: header(a.q.Name, mdns.TypeTXT), Txt: []string{filler}}}, full.Extra...)
		}
	}
	return full
}

// cut makes a reply as long as the client takes: over UDP what its EDNS(0) says, or 512 octets (RFC 1035 section 4.2.1).
func (a asking) cut(m *mdns.Msg) *mdns.Msg {
	size := mdns.MaxMsgSize - 1
	if a.udp {
		size = mdns.MinMsgSize
		if opt := a.request.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
	}
	m.Truncate(size)
	return m
}
