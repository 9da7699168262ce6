package check

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/domain/dmarc"
	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
	"postward/internal/wire/netinfo"
)

// facts are what several topics need. Each is asked for when it is first wanted, once; whoever wants it waits.
type facts struct {
	mx      func() dns.Answer
	hosts   func() []host       // the mail exchangers, the most preferred first
	senders func() []netip.Addr // what sends the domain's mail
	texts   func() []string     // the domain's TXT records
	spf     func() *spf.Tree    // its SPF policy

	root     func() dns.Answer // the root's SOA
	dmarc    func() dmarc.Found
	services func() []service  // the exchangers, asked
	sts      func() dns.Answer // the TXT records at _mta-sts
}

// host is a mail exchanger and its addresses.
type host struct {
	name  string
	addrs dns.Answer
}

// learn says how each fact is learned.
func (r *run) learn(ctx context.Context) {
	r.mx = sync.OnceValue(func() dns.Answer { return r.Resolver.MX(ctx, r.Domain) })
	r.hosts = sync.OnceValue(func() []host { return r.findHosts(ctx) })
	r.senders = sync.OnceValue(r.findSenders)
	r.root = sync.OnceValue(func() dns.Answer { return r.Resolver.Lookup(ctx, ".", dns.SOA) })
	r.dmarc = sync.OnceValue(func() dmarc.Found { return dmarc.Discover(ctx, r.Resolver, r.Domain) })
	r.services = sync.OnceValue(func() []service { return r.findServices(ctx) })
	r.sts = sync.OnceValue(func() dns.Answer { return r.Resolver.TXT(ctx, "_mta-sts."+r.Domain) })
	r.texts = sync.OnceValue(func() []string { return r.Resolver.TXT(ctx, r.Domain).Texts })
	r.spf = sync.OnceValue(func() *spf.Tree { return spf.Walk(ctx, r.Resolver, r.Domain) })
}

// absent reports whether there is no domain to look at: none was named, or the DNS knows no such name, which is said where
// the exchangers are looked at.
func (r *run) absent() bool { return r.Domain == "" || r.mx().Outcome == dns.NoName }

// findHosts asks for the exchangers' addresses; without an MX record the domain itself is the exchanger (RFC 5321
// section 5.1).
func (r *run) findHosts(ctx context.Context) []host {
	if r.Domain == "" {
		return nil
	}
	names := []string{}
	mx := r.mx()
	exchangers := slices.SortedFunc(slices.Values(mx.Exchangers), func(a, b dns.Exchanger) int { // the DNS gives like ones in any order
		return cmp.Or(cmp.Compare(a.Preference, b.Preference), strings.Compare(a.Host, b.Host))
	})
	for _, x := range exchangers {
		if x.Host != "." && !slices.Contains(names, x.Host) && len(names) < MaxHosts {
			names = append(names, x.Host)
		}
	}
	if mx.Outcome == dns.NoData {
		names = append(names, r.Domain)
	}
	hosts := make([]host, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			a := r.Resolver.Addresses(ctx, name)
			a.Addrs = slices.SortedFunc(slices.Values(a.Addrs), netip.Addr.Compare)
			hosts[i] = host{name, a}
		})
	}
	all.Wait()
	return hosts
}

// clock is the time of the check.
func (r *run) clock() time.Time {
	if r.Now.IsZero() {
		return time.Now()
	}
	return r.Now
}

// local reports whether nobody outside can reach an address. In the nets for examples nobody is, here or outside: the
// worlds of tests stand there.
func local(a netip.Addr) bool {
	return !netinfo.Public(a) && !slices.ContainsFunc(examples, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// examples is RFC 5737 and RFC 3849, for documentation, and RFC 2544, for benchmarks.
var examples = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.18.0.0/15"),
}
