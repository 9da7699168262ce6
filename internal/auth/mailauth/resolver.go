package mailauth

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

// memory remembers for one mail what was answered: each question is asked once, so that SPF, DKIM, ARC and DMARC
// judge by the same records, also when these change meanwhile or may not be kept. That somebody's time was over is no
// answer: who has more of it asks again. Else a stranger's policy, which asks for any name at the end of its time, would
// make the author's record, or a key, one that does not answer.
type memory struct {
	dns.Resolver
	*records
	places []place // that a question takes
}

// records are what is known or asked for.
type records struct {
	mu    sync.Mutex
	known map[question]*answer
}

type question struct {
	name string
	kind dns.Type
}

// answer is one that is there when done is closed.
type answer struct {
	done chan struct{}
	is   dns.Answer
	cut  bool // it is the end of somebody's time, and forgotten
}

func remember(r dns.Resolver) *memory {
	return &memory{Resolver: r, records: &records{known: make(map[question]*answer)}}
}

// Lookup is dns.Resolver's.
func (m *memory) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	name, ok := dns.Canonical(name)
	if !ok {
		return dns.Answer{Outcome: dns.NoName}
	}
	for {
		a, mine := m.asked(ctx, question{name, kind})
		switch {
		case mine:
			return m.ask(ctx, question{name, kind}, a)
		case a == nil || !a.wait(ctx):
			return dns.Answer{Outcome: dns.Timeout}
		case !a.cut:
			return a.is
		} // else it is our turn
	}
}

// ask asks, and tells everybody who waits. Should the resolver panic it is as if time had been over.
func (m *memory) ask(ctx context.Context, q question, a *answer) dns.Answer {
	a.cut = true
	defer func() {
		leave(m.places)
		if a.cut {
			m.mu.Lock()
			delete(m.known, q)
			m.mu.Unlock()
		}
		close(a.done)
	}()
	a.is = m.Resolver.Lookup(ctx, q.name, q.kind)
	a.cut = a.is.Outcome == dns.Timeout && over(ctx)
	return a.is
}

// nearly is how long before the end of somebody's time a resolver may give up for him: it shares what is left among its tries.
const nearly = 100 * time.Millisecond

// over reports whether a time-out is the asker's own.
func over(ctx context.Context) bool {
	deadline, is := ctx.Deadline()
	return ctx.Err() != nil || is && time.Until(deadline) < nearly
}

// wait reports whether the answer came before the context ended. One that is there is there for everybody.
func (a *answer) wait(ctx context.Context) bool {
	select {
	case <-a.done:
		return true
	default:
	}
	select {
	case <-a.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// board returns the answer to a question; mine when the caller has to ask.
func (m *records) board(q question) (a *answer, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a = m.known[q]; a != nil {
		return a, false
	}
	a = &answer{done: make(chan struct{})}
	m.known[q] = a
	return a, true
}

// TXT is dns.Resolver's.
func (m *memory) TXT(ctx context.Context, name string) dns.Answer {
	return m.Lookup(ctx, name, dns.TXT)
}

// MX is dns.Resolver's.
func (m *memory) MX(ctx context.Context, name string) dns.Answer { return m.Lookup(ctx, name, dns.MX) }

// PTR is dns.Resolver's.
func (m *memory) PTR(ctx context.Context, addr netip.Addr) dns.Answer {
	return m.Lookup(ctx, dns.ReverseName(addr), dns.PTR)
}

// maxPolicy is how long an SPF record may be, in octets; RFC 7208 section 3.4 has 450 in mind. A longer one is an error, for
// reading it costs time, with each mail anew.
const maxPolicy = 8 << 10

// asking is how the SPF library asks, for one client and one check. It takes errors for what they are only when they are
// a *net.DNSError itself.
type asking struct {
	dns.Resolver
	client netip.Addr
	ahead  func(name string, kind dns.Type) // begins to ask for what the library will ask for later; it does so one by one
	begun  int                              // how often
	exists []string                         // what the names end with that the mechanism exists of the policies so far asks for
}

// LookupTXT is for policies. What is against the grammar anywhere in one is a permanent error before anything is evaluated
// (RFC 7208 section 4.6); the library would see it only where it gets there, and reads some of it kindly.
func (a *asking) LookupTXT(ctx context.Context, name string) ([]string, error) {
	got := a.TXT(ctx, name)
	var policies []string
	for _, text := range got.Texts {
		if spf.IsRecord(text) {
			policies = append(policies, text)
		}
	}
	if len(policies) != 1 {
		return policies, failure(&got, name, dns.TXT)
	}
	if len(policies[0]) > maxPolicy {
		return nil, fmt.Errorf("read the policy of %s: it has %d octets", dns.Show(name), len(policies[0]))
	}
	record := spf.Parse(policies[0])
	if len(record.Faults) > 0 {
		return nil, fmt.Errorf("read the policy of %s: %s: %s", dns.Show(name), record.Faults[0].Term, record.Faults[0].Why)
	}
	for _, term := range record.Terms {
		if term.Kind == spf.Exists {
			a.exists = append(a.exists, ending(term.Spec, name))
		}
	}
	a.begin(record.Terms, name)
	return policies, nil
}

// begin asks ahead for what terms name, up to the one that has the client, and not more often than evaluation may.
func (a *asking) begin(terms []spf.Term, domain string) {
	for _, term := range terms {
		if term.Network.Contains(a.client) || term.Kind == spf.All || a.begun == spf.MaxLookups {
			return
		}
		kind := a.asks(term.Kind)
		if kind == 0 || strings.Contains(term.Spec, "%") {
			continue
		}
		a.begun++
		a.ahead(cmp.Or(term.Spec, domain), kind)
	}
}

// asks is the type that a term asks for first; 0: none, or it depends on the client's names.
func (a *asking) asks(kind spf.Kind) dns.Type {
	switch kind {
	case spf.Include, spf.Redirect:
		return dns.TXT
	case spf.MX:
		return dns.MX
	case spf.A:
		return family(a.client)
	}
	return 0
}

// LookupMX is for mx. A null MX stays a host that has no addresses: it is an answer, and no void look-up (RFC 7505).
func (a *asking) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	got := a.MX(ctx, name)
	var hosts []*net.MX
	for _, x := range got.Exchangers {
		hosts = append(hosts, &net.MX{Host: x.Host, Pref: x.Preference})
	}
	return hosts, failure(&got, name, dns.MX)
}

// LookupAddr is for ptr.
func (a *asking) LookupAddr(ctx context.Context, _ string) ([]string, error) {
	got := a.PTR(ctx, a.client)
	return got.Names, failure(&got, dns.ReverseName(a.client), dns.PTR)
}

// ending is what a name ends with that exists makes of a domain-spec; empty when that is not to be told without its macros.
func ending(spec, domain string) string {
	spec = strings.ReplaceAll(strings.ToLower(spec), "%{d}", strings.ToLower(domain))
	spec = spec[strings.LastIndexByte(spec, '}')+1:]
	if strings.Contains(spec, "%") {
		return ""
	}
	return strings.Trim(spec, ".")
}

// LookupIPAddr asks for the client's family (RFC 7208 section 5): a name with addresses of the other one alone is a void look-up.
// But exists is always about A (section 5.7), and the library does not say which mechanism asks. So for a client of IPv6 a name
// that may be exists' is asked for A too, which no other mechanism takes for his.
func (a *asking) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	if name == "." {
		return nil, &net.DNSError{Err: "no host", Name: name, IsNotFound: true}
	}
	kind := family(a.client)
	got := a.Lookup(ctx, name, kind)
	addrs := got.Addrs
	if kind == dns.AAAA && got.Outcome.Known() && a.mayExist(name) {
		if four := a.Lookup(ctx, name, dns.A); four.Outcome == dns.Answered || !four.Outcome.Known() {
			got.Outcome, kind = four.Outcome, dns.A
			addrs = append(addrs[:len(addrs):len(addrs)], four.Addrs...)
		}
	}
	return addresses(addrs), failure(&got, name, kind)
}

// mayExist reports whether it may be exists that asks for a name.
func (a *asking) mayExist(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return slices.ContainsFunc(a.exists, func(end string) bool { return strings.HasSuffix(name, end) })
}

// family is the type of records that has addresses like one.
func family(addr netip.Addr) dns.Type {
	if addr.Is4() {
		return dns.A
	}
	return dns.AAAA
}

func addresses(addrs []netip.Addr) (all []net.IPAddr) {
	for _, addr := range addrs {
		all = append(all, net.IPAddr{IP: addr.AsSlice()})
	}
	return all
}

// failure is nil when there are records.
func failure(got *dns.Answer, name string, kind dns.Type) error {
	if got.Outcome == dns.Answered {
		return nil
	}
	return (&dns.Error{Name: name, Type: kind, Outcome: got.Outcome}).Unwrap()
}
