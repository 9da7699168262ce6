package dns

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// Bounds of a reply, and of how long it is believed.
const (
	MaxRecords = 256 // records of the asked type
	MaxChain   = 12  // aliases that lead there
	maxOther   = 1024

	// maxTLSA is for the octets of a whole message as hexadecimal digits: a record may hold a whole certificate (RFC 6698
	// section 2.1.3), and cut short it would be another one.
	maxTLSA = 2*65535 + 16

	maxPositive = 24 * time.Hour
	maxNegative = 3 * time.Hour // RFC 2308 section 5: one to three hours work well
	badFor      = 5 * time.Second
)

// question is what is asked, in canonical form.
type question struct {
	name string
	t    Type
}

// answers reports whether reply has the ID and the question that were sent: what does not is somebody else's, or
// a forgery (RFC 5452 section 9.1). Servers that do not understand a message may leave the question away.
func (q question) answers(reply *mdns.Msg, id uint16) bool {
	if reply.Id != id || !reply.Response || reply.Opcode != mdns.OpcodeQuery {
		return false
	}
	if len(reply.Question) == 0 {
		return reply.Rcode == mdns.RcodeFormatError || reply.Rcode == mdns.RcodeNotImplemented
	}
	one := reply.Question[0]
	return len(reply.Question) == 1 && one.Qtype == uint16(q.t) && one.Qclass == mdns.ClassINET &&
		strings.EqualFold(one.Name, q.name)
}

// read makes an answer of a reply that fits the question.
func read(reply *mdns.Msg, q question) Answer {
	switch reply.Rcode {
	case mdns.RcodeSuccess, mdns.RcodeNameError:
	case mdns.RcodeRefused:
		return Answer{Outcome: Refused, TTL: badFor}
	default:
		return Answer{Outcome: Failure, TTL: badFor}
	}
	end, ttl, ok := follow(reply.Answer, q)
	if !ok {
		return Answer{Outcome: Lying}
	}
	a := Answer{Authentic: reply.AuthenticatedData}
	if reply.Rcode == mdns.RcodeNameError {
		a.Outcome = NoName // of the chain's end, which is the name's own when there is no chain (RFC 2308 section 2.1)
	} else {
		ttl = a.collect(reply.Answer, question{end, q.t}, ttl)
	}
	if a.Outcome == Answered {
		a.TTL = min(ttl, maxPositive)
		return a
	}
	if a.Outcome == NoData && referral(reply) {
		return Answer{Outcome: Failure, TTL: badFor}
	}
	a.TTL = min(ttl, negative(reply.Ns), maxNegative)
	return a
}

// follow walks the aliases from the question's name to where the records are (RFC 1034 section 3.6.2). It reports
// false for a chain that bites its tail or is longer than MaxChain.
func follow(records []mdns.RR, q question) (end string, ttl time.Duration, ok bool) {
	end, ttl = q.name, maxPositive
	if q.t == CNAME {
		return end, ttl, true
	}
	alias := make(map[string]*mdns.CNAME)
	for _, rr := range records {
		if c, is := rr.(*mdns.CNAME); is && len(alias) < MaxRecords {
			alias[strings.ToLower(c.Hdr.Name)] = c
		}
	}
	for range MaxChain {
		c := alias[end]
		if c == nil {
			return end, ttl, true
		}
		end, ttl = strings.ToLower(c.Target), min(ttl, lifetime(c.Hdr.Ttl))
	}
	return "", 0, false
}

// collect takes the records that answer q, at most MaxRecords of them, and returns the least TTL.
func (a *Answer) collect(records []mdns.RR, q question, ttl time.Duration) time.Duration {
	n := 0
	for _, rr := range records {
		h := rr.Header()
		if h.Rrtype != uint16(q.t) || h.Class != mdns.ClassINET || !strings.EqualFold(h.Name, q.name) {
			continue
		}
		if n++; n > MaxRecords {
			a.Incomplete = true
			break
		}
		a.add(rr)
		ttl = min(ttl, lifetime(h.Ttl))
	}
	slices.SortStableFunc(a.Exchangers, func(x, y Exchanger) int { return cmp.Compare(x.Preference, y.Preference) })
	a.Outcome = NoData
	if n > 0 {
		a.Outcome = Answered
	}
	return ttl
}

func (a *Answer) add(rr mdns.RR) {
	switch rr := rr.(type) {
	case *mdns.A:
		a.address(rr.A.To4())
	case *mdns.AAAA:
		a.address(rr.AAAA.To16())
	case *mdns.TXT:
		a.Texts = append(a.Texts, unescape(strings.Join(rr.Txt, "")))
	case *mdns.MX:
		a.Exchangers = append(a.Exchangers, Exchanger{rr.Preference, plain(rr.Mx)})
	case *mdns.PTR:
		a.Names = append(a.Names, plain(rr.Ptr))
	case *mdns.NS:
		a.Names = append(a.Names, plain(rr.Ns))
	case *mdns.CNAME:
		a.Names = append(a.Names, plain(rr.Target))
	default:
		text, most := strings.TrimPrefix(rr.String(), rr.Header().String()), maxOther
		if rr.Header().Rrtype == mdns.TypeTLSA {
			most = maxTLSA
		}
		a.Others = append(a.Others, text[:min(len(text), most)])
	}
}

func (a *Answer) address(ip []byte) {
	if addr, ok := netip.AddrFromSlice(ip); ok {
		a.Addrs = append(a.Addrs, addr)
	}
}

// negative is how long nothing may be believed: the lesser of the SOA's TTL and its MINIMUM (RFC 2308 section 5).
// Without an SOA it must not be kept.
func negative(authority []mdns.RR) time.Duration {
	for _, rr := range authority {
		if soa, ok := rr.(*mdns.SOA); ok {
			return min(lifetime(soa.Hdr.Ttl), lifetime(soa.Minttl))
		}
	}
	return 0
}

// referral reports whether a reply without records only points to other servers (RFC 2308 section 2.2, type 4): a
// server that does not recurse for us has not answered.
func referral(reply *mdns.Msg) bool {
	points := false
	for _, rr := range reply.Ns {
		switch rr.(type) {
		case *mdns.SOA:
			return false
		case *mdns.NS:
			points = true
		}
	}
	return points && !reply.RecursionAvailable
}

// lifetime is a TTL; one with the sign bit set is zero (RFC 2181 section 8).
func lifetime(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}
