package keys

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"postward/internal/wire/dns"
)

// Bounds of asking.
const (
	maxServers   = 16 // name servers of a zone
	maxAddresses = 8  // of one of them
	maxAliases   = 3  // from where a record is looked for to where it is
	maxAtOnce    = 8  // domains whose servers are asked at a time
	askFor       = 3 * time.Second
)

// typeNS is the type of the records that name a zone's servers (RFC 1035 section 3.2.2).
const typeNS = dns.Type(2)

// Asker asks the servers that have authority over a zone, each by itself.
type Asker struct {
	Resolver dns.Resolver // says which servers those are
	Port     uint16       // theirs; 0: 53
}

// Look asks about keys, of some domains at a time. Every key is in what it returns.
func (a *Asker) Look(ctx context.Context, now time.Time, all []Key) Seen {
	var mu sync.Mutex
	seen, places := Seen{}, make(chan struct{}, maxAtOnce)
	var domains sync.WaitGroup
	for domain, keys := range byDomain(all) {
		domains.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			for name, sight := range a.domain(ctx, domain, keys) {
				sight.At = now
				mu.Lock()
				seen[name] = sight
				mu.Unlock()
			}
		})
	}
	domains.Wait()
	return seen
}

func byDomain(all []Key) map[string][]Key {
	domains := map[string][]Key{}
	for _, k := range all {
		domains[k.Domain] = append(domains[k.Domain], k)
	}
	return domains
}

// domain asks about the keys of one domain, one after the other: its servers are asked at once.
func (a *Asker) domain(ctx context.Context, domain string, keys []Key) Seen {
	seen := Seen{}
	z := a.zone(ctx, "_domainkey."+domain)
	for i := range keys {
		seen[keys[i].Name()] = a.sight(ctx, &keys[i], keys[i].Name(), z, maxAliases)
	}
	return seen
}

// zone is one, and who has authority over it.
type zone struct {
	apex    string
	servers []server
}

type server struct {
	name  string
	addrs []netip.Addr
}

// zone finds the zone in which a name is: the nearest one above that has name servers (RFC 1034 section 4.2).
func (a *Asker) zone(ctx context.Context, name string) zone {
	for above := true; above && name != ""; _, name, above = strings.Cut(name, ".") {
		answer := a.Resolver.Lookup(ctx, name, typeNS)
		if answer.Outcome == dns.Answered {
			return zone{name, a.servers(ctx, answer.Names)}
		}
		if !answer.Outcome.Known() {
			return zone{apex: name}
		}
	}
	return zone{}
}

func (a *Asker) servers(ctx context.Context, names []string) []server {
	names = slices.Sorted(slices.Values(names))
	names = names[:min(len(names), maxServers)]
	all := make([]server, len(names))
	var asked sync.WaitGroup
	for i, name := range names {
		asked.Go(func() {
			addrs := a.Resolver.Addresses(ctx, name).Addrs
			all[i] = server{name, addrs[:min(len(addrs), maxAddresses)]}
		})
	}
	asked.Wait()
	return all
}

// sight asks every server of a zone for a key's record at a name.
func (a *Asker) sight(ctx context.Context, k *Key, name string, z zone, aliases int) Sight {
	answers := make([]shown, len(z.servers))
	var asked sync.WaitGroup
	for i, s := range z.servers {
		asked.Go(func() { answers[i] = a.server(ctx, k, name, s) })
	}
	asked.Wait()
	sum := Sight{Servers: []Witness{}}
	for i := range answers {
		a.add(ctx, &sum, &answers[i], k, z.servers[i].name, aliases)
	}
	sum.Negative = a.negative(ctx, z)
	return sum
}

// shown is what a server showed, or where it says that the record is.
type shown struct {
	Witness
	stale time.Duration
	alias string
}

// add puts what one server showed into the sum, and follows an alias (RFC 1034 section 3.6.2): the record is then another zone's.
func (a *Asker) add(ctx context.Context, sum *Sight, s *shown, k *Key, server string, aliases int) {
	if s.alias == "" || aliases == 0 {
		sum.Servers, sum.Stale = append(sum.Servers, s.Witness), max(sum.Stale, s.stale)
		return
	}
	there := a.sight(ctx, k, s.alias, a.zone(ctx, s.alias), aliases-1)
	w := Witness{Server: server, Shows: Right}
	for _, what := range []Showing{Silent, Absent, Wrong} { // the worst last
		if there.count(what) > 0 || what == Silent && len(there.Servers) == 0 {
			w.Shows, w.Text = what, "it is an alias of "+dns.Show(s.alias)+", which is "+there.Why()
		}
	}
	sum.Servers, sum.Stale = append(sum.Servers, w), max(sum.Stale, there.Stale, there.Negative)
}

// server asks one server at all its addresses. One of them that shows something else is enough: it is asked by others. Addresses
// that do not answer are passed over when another does, for this host may have no way to them.
func (a *Asker) server(ctx context.Context, k *Key, name string, s server) shown {
	worst := shown{Witness: Witness{Server: s.name, Shows: Silent, Text: "it has no address"}}
	answers := make([]shown, len(s.addrs))
	var asked sync.WaitGroup
	for i, addr := range s.addrs {
		asked.Go(func() { answers[i] = a.address(ctx, k, name, addr) })
	}
	asked.Wait()
	for i := range answers {
		if i == 0 || badness[answers[i].Shows] > badness[worst.Shows] {
			worst = answers[i]
		}
	}
	worst.Server = s.name
	return worst
}

var badness = map[Showing]int{Silent: 0, Right: 1, Absent: 2, Wrong: 3}

// address asks at one address what is there itself: no cache's word counts. The client is made for this one question, and has none.
func (a *Asker) address(ctx context.Context, k *Key, name string, addr netip.Addr) shown {
	port := a.Port
	if port == 0 {
		port = 53
	}
	client, err := dns.New(dns.Config{Servers: []netip.AddrPort{netip.AddrPortFrom(addr, port)}, Timeout: askFor, Attempts: 2, Authority: true})
	if err != nil {
		return shown{Witness: Witness{Shows: Silent, Text: err.Error()}}
	}
	answer := client.TXT(ctx, name)
	if !answer.Outcome.Known() {
		return shown{Witness: Witness{Shows: Silent, Text: silence(answer.Outcome)}}
	}
	var s shown
	if answer.Outcome != dns.Answered { // what an alias leads to need not be this server's, and it may say that it knows no such name
		if alias := client.Lookup(ctx, name, dns.CNAME); alias.Outcome == dns.Answered && len(alias.Names) == 1 {
			s.alias = alias.Names[0]
		}
	}
	s.Shows, s.Text = judge(k, answer.Texts)
	if s.Shows != Right {
		s.stale = answer.TTL
	}
	return s
}

// silence is why there is no answer.
func silence(o dns.Outcome) string {
	if o == dns.Failure {
		return "it fails, or has no authority over the zone"
	}
	return o.String()
}

// negative is how long it may be believed at most that a name of the zone is not there: the SOA's MINIMUM, its last field. RFC 2308
// section 5 has resolvers take its TTL where that is less, of which ours only tells what is left.
func (a *Asker) negative(ctx context.Context, z zone) time.Duration {
	if z.apex == "" {
		return 0
	}
	for _, text := range a.Resolver.Lookup(ctx, z.apex, dns.SOA).Others {
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if seconds, err := strconv.ParseUint(fields[len(fields)-1], 10, 31); err == nil {
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}
