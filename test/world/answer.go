package world

import (
	"context"
	"net"
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"
)

// payload is what the server reads of a datagram and says so (RFC 6891); replies are as long as the client takes.
const payload = 1232

// asking is one question, and what is known of who asks.
type asking struct {
	request *mdns.Msg
	q       Question
	udp     bool
	b       Behaviour
	to      netip.AddrPort // where it is delegated
}

// ServeDNS is mdns.Handler's.
func (s *Server) ServeDNS(w mdns.ResponseWriter, r *mdns.Msg) {
	if len(r.Question) != 1 || r.Opcode != mdns.OpcodeQuery {
		_ = w.WriteMsg(new(mdns.Msg).SetRcode(r, mdns.RcodeNotImplemented)) // who asked may be gone, here and below
		return
	}
	a := s.take(w, r)
	if !s.wait(a.b.Wait) {
		return
	}
	if a.b.Kind == Garbage {
		_, _ = w.Write([]byte{byte(r.Id >> 8), byte(r.Id), 0x81, 0x80, 0, 1, 0, 9, 0, 0, 0, 0, 63, 'x'})
		return
	}
	if m := s.misbehave(a); m != nil {
		_ = w.WriteMsg(m)
	}
}

// take counts a question and says what is to be done with it.
func (s *Server) take(w mdns.ResponseWriter, r *mdns.Msg) asking {
	q := Question{mdns.CanonicalName(r.Question[0].Name), r.Question[0].Qtype}
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[q]++
	b := s.behaves(q)
	if b.Known {
		b.Wait -= s.since(q)
	}
	_, to, _ := longest(s.delegations, q.Name)
	return asking{request: r, q: q, udp: udp, b: b, to: to}
}

// since is how long ago a question was asked first. The caller holds the mutex.
func (s *Server) since(q Question) time.Duration {
	if s.first[q].IsZero() {
		s.first[q] = time.Now()
	}
	return time.Since(s.first[q])
}

// wait reports whether the server is still there afterwards.
func (s *Server) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.closing.Done():
		return false
	case <-t.C:
		return true
	}
}

// honest is the reply of a server that does as it should; any length.
func (s *Server) honest(a asking) *mdns.Msg {
	if a.to.IsValid() {
		return s.forward(a)
	}
	m := a.reply()
	m.Authoritative = !m.RecursionDesired
	s.mu.Lock()
	defer s.mu.Unlock()
	signed := true
	seen := make(map[string]bool)
	for name := a.q.Name; !seen[name]; {
		seen[name] = true
		_, authentic, _ := longest(s.authentic, name)
		signed = signed && authentic
		_, z, ok := longest(s.zones, name)
		if !ok {
			m.outside(len(seen) == 1)
			break
		}
		target := m.fill(z, name, a.q.Type)
		if target == "" || len(m.Answer) > maxAnswers {
			break
		}
		name = target
	}
	wants := a.request.AuthenticatedData || a.request.IsEdns0() != nil && a.request.IsEdns0().Do()
	m.AuthenticatedData = signed && wants && m.RecursionDesired
	return m.Msg
}

// maxAnswers ends a walk along aliases.
const maxAnswers = 10_000

// reply is an empty one, with EDNS(0) for who has it.
func (a asking) reply() message {
	m := new(mdns.Msg)
	m.SetReply(a.request)
	m.RecursionAvailable = true
	m.Compress = true
	if opt := a.request.IsEdns0(); opt != nil {
		m.SetEdns0(payload, opt.Do())
	}
	return message{m}
}

// message is a reply in the making.
type message struct{ *mdns.Msg }

// fill says what a zone has for a name. The result is the name to go on with, when an alias is there.
func (m message) fill(z *zone, name string, t uint16) (target string) {
	sets, exists := z.at(name)
	var found []mdns.RR
	if t == mdns.TypeANY {
		for _, set := range sets {
			found = append(found, set...)
		}
	} else if found = sets[t]; found == nil && len(sets[mdns.TypeCNAME]) > 0 {
		found = sets[mdns.TypeCNAME][:1]
		target = mdns.CanonicalName(found[0].(*mdns.CNAME).Target)
	}
	m.Answer = append(m.Answer, owned(found, name)...)
	if found == nil {
		m.Ns = z.soa(name)
	}
	if !exists {
		m.Rcode = mdns.RcodeNameError // of the last name of a chain (RFC 6604 section 3)
	}
	return target
}

// outside is what is said of a name that is in no zone: nothing to those who want authority, else that nobody has it.
func (m message) outside(first bool) {
	switch {
	case !m.RecursionDesired && first:
		m.Authoritative, m.Rcode = false, mdns.RcodeRefused
	case m.RecursionDesired:
		m.Rcode = mdns.RcodeNameError
		m.Ns = []mdns.RR{&mdns.SOA{Hdr: header(".", mdns.TypeSOA), Ns: "ns.", Mbox: "hostmaster.", Serial: 1, Refresh: 3600, Retry: 900, Expire: 604800, Minttl: 60}}
	}
}

func header(name string, t uint16) mdns.RR_Header {
	return mdns.RR_Header{Name: name, Rrtype: t, Class: mdns.ClassINET, Ttl: 60}
}

// forward asks the server that the name is delegated to, and passes its word on as a resolver does.
func (s *Server) forward(a asking) *mdns.Msg {
	ctx, cancel := context.WithTimeout(s.closing, 2*time.Second)
	defer cancel()
	r := a.request.Copy()
	c := mdns.Client{Net: "udp", UDPSize: mdns.MaxMsgSize - 1}
	m, _, err := c.ExchangeContext(ctx, r, a.to.String())
	if err == nil && m.Truncated {
		c.Net = "tcp"
		m, _, err = c.ExchangeContext(ctx, r, a.to.String())
	}
	if err != nil {
		failed := a.reply()
		failed.Rcode = mdns.RcodeServerFailure
		return failed.Msg
	}
	m.Id, m.Question = a.request.Id, a.request.Question
	m.Authoritative, m.RecursionAvailable, m.RecursionDesired, m.Compress = false, true, a.request.RecursionDesired, true
	return m
}
