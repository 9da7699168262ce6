package check

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/lists/dnsbl"
	"postward/internal/wire/dns"
	"postward/test/world"
)

// clean is, with goodKey, a domain with nothing to find. A fault is an edit of it.
const clean = `
example.org. SOA ns1.example.org. hostmaster.example.org. 1 3600 900 604800 300
example.org. NS ns1.example.org.
example.org. NS ns2.example.org.
example.org. MX 10 mx1.example.org.
example.org. MX 20 mx2.example.org.
example.org. TXT "v=spf1 ip4:192.0.2.25 ip4:192.0.2.26 ip6:2001:db8::25 -all"
_dmarc.example.org. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.org"
_mta-sts.example.org. TXT "v=STSv1; id=20261124"
mta-sts.example.org. A 192.0.2.27
_smtp._tls.example.org. TXT "v=TLSRPTv1; rua=mailto:tls@example.org"
example.org. CAA 0 issue "letsencrypt.org"
mx1.example.org. TXT "v=spf1 a -all"
mx1.example.org. A 192.0.2.25
mx1.example.org. AAAA 2001:db8::25
mx2.example.org. A 192.0.2.26
25.2.0.192.in-addr.arpa. PTR mx1.example.org.
26.2.0.192.in-addr.arpa. PTR mx2.example.org.
5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mx1.example.org.
`

// world is a zone as text, and how it is asked.
type domainWorld struct {
	lines  []string
	target Target
	fail   map[string]dns.Outcome
	lists  bool              // blocklists are asked
	hosts  map[string]broken // exchangers by address, and what is wrong with them; nil: none is connected to
	policy world.PolicyFault // of the MTA-STS policy host
	stand  *world.Map        // where they are, when they were started
	wrap   func(dns.Resolver) dns.Resolver
	server []netip.AddrPort // the resolver
	doubt  bool             // its word that it validates does not count
}

func newWorld() *domainWorld {
	key := Text("mail._domainkey.example.org", goodKey).String()
	return &domainWorld{lines: append(strings.Split(strings.TrimSpace(clean), "\n"), key), target: Target{Domain: "example.org", HELO: "mx1.example.org", Selectors: []string{"mail"}}, fail: map[string]dns.Outcome{}}
}

// apply does to the zone what a mend says.
func (w *domainWorld) apply(t *testing.T, m *Mend) {
	t.Helper()
	for _, r := range m.Remove {
		n := len(w.lines)
		w.lines = slices.DeleteFunc(w.lines, func(line string) bool {
			return line == r.String() || r.Value == "" && strings.HasPrefix(line, r.Name+" "+r.Type+" ")
		})
		if len(w.lines) == n {
			t.Errorf("the mend takes out %q, which is not there", r)
		}
	}
	if len(m.Add)+len(m.Remove) == 0 && w.hosts != nil { // it is about the servers: whoever runs them does it
		w.hosts, w.policy, w.stand = map[string]broken{}, "", nil
	}
	for _, command := range m.Set {
		if name, ok := strings.CutPrefix(command, "postconf -e 'smtp_helo_name = "); ok {
			w.target.HELO = strings.TrimSuffix(name, "'")
		}
		if key, ok := strings.CutPrefix(command, "opendkim-genkey -b 2048 -h sha256 -d example.org -s "); ok { // and published
			at := key + "._domainkey.example.org"
			w.lines = slices.DeleteFunc(w.lines, func(line string) bool { return strings.HasPrefix(line, at) })
			w.lines = append(w.lines, Text(at, goodKey).String())
			w.target.Selectors = []string{key} // mail is signed with it from now on
		}
	}
	for _, r := range m.Add {
		w.lines = append(w.lines, r.String())
	}
}

// ample is how long a check may take of which the clock decides nothing: everybody answers it, on a busy machine late.
const ample = 30 * time.Second

// silent reports whether somebody there never answers: then only the clock ends a check.
func (w *domainWorld) silent() bool {
	for _, b := range w.hosts {
		if b.fault == world.SilentSMTP {
			return true
		}
	}
	return w.policy == world.PolicySilent || strings.Contains(strings.Join(w.lines, "\n"), blackhole)
}

// report looks at the world.
func (w *domainWorld) report(t *testing.T) Report {
	t.Helper()
	w.pin(t)
	zone, err := dns.ParseZone(strings.NewReader(strings.Join(w.lines, "\n")+"\n"), ".", "world")
	if err != nil {
		t.Fatalf("%v in\n%s", err, strings.Join(w.lines, "\n"))
	}
	for name, o := range w.fail {
		zone.Fail(name, o)
	}
	zone.Authentic = true
	c := Config{Resolver: zone, Unchecked: zone, Servers: w.server, Doubted: w.doubt, Now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	if w.lists {
		o := dnsbl.Options{}
		for _, server := range w.server {
			o.Public = dnsbl.PublicResolver(server.Addr())
		}
		c.Lists, c.Checker = someLists(t), dnsbl.New(zone, o)
	}
	if w.wrap != nil {
		c.Resolver = w.wrap(zone)
	}
	if w.hosts != nil {
		c.Connect, c.Dial, c.Roots, c.Name = true, w.dial(t), authority(t).Pool(), "check.example"
	}
	if !w.silent() {
		c.Timeout = ample
	}
	return Run(t.Context(), c, w.target, nil)
}

// check looks at the world and returns what is worth saying.
func (w *domainWorld) check(t *testing.T) []Finding {
	t.Helper()
	return slices.DeleteFunc(w.report(t).Findings, func(f Finding) bool { return f.Grade == Fine })
}

func ids(findings []Finding) []ID {
	var all []ID
	for _, f := range findings {
		all = append(all, f.ID)
	}
	return all
}

// fault is one planted fault: lines taken out of the clean zone and put in, and what must be found, alone.
type fault struct {
	take []string // beginnings of lines
	put  []string
	also func(*domainWorld)
	want []ID // the first is the fault, the others follow from it
	left []ID // what may be left after the mends of all, which a mend cannot know of
}

func (f *fault) plant(t *testing.T, w *domainWorld) {
	t.Helper()
	for _, begin := range f.take {
		n := len(w.lines)
		w.lines = slices.DeleteFunc(w.lines, func(line string) bool { return strings.HasPrefix(line, begin) })
		if len(w.lines) == n {
			t.Fatalf("no line begins with %q", begin)
		}
	}
	w.lines = append(w.lines, f.put...)
	if f.also != nil {
		f.also(w)
	}
}

func TestNothingIsFoundOnACleanDomain(t *testing.T) {
	w := newWorld()
	w.hosts, w.lists, w.lines = map[string]broken{}, true, append(w.lines, sound...)
	if found := w.check(t); len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

func TestEveryPlantedFaultIsFoundAndMended(t *testing.T) {
	t.Parallel() // it waits most of the time
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			f.plant(t, w)
			found := w.check(t)
			got, want := ids(found), slices.Clone(f.want)
			slices.Sort(got)
			slices.Sort(want)
			if got = slices.Compact(got); !slices.Equal(got, want) {
				t.Fatalf("found %v, want %v: %+v", got, want, found)
			}
			for _, finding := range found {
				switch {
				case finding.Mend != nil:
					w.apply(t, finding.Mend)
				case finding.Grade.Worth():
					t.Errorf("%s has no mend", finding.ID)
				}
			}
			if left := ids(w.check(t)); !slices.Equal(left, f.left) {
				t.Errorf("the mends leave %v, want %v, of\n%s", left, f.left, strings.Join(w.lines, "\n"))
			}
		})
	}
}

func TestEveryIDIsInAFault(t *testing.T) {
	planted := map[ID]bool{}
	for _, f := range faults {
		for _, id := range f.want {
			planted[id] = true
		}
	}
	for _, e := range catalogue {
		if !planted[e.id] {
			t.Errorf("no fault plants %s", e.id)
		}
		if order(e.id.Topic()) < 0 {
			t.Errorf("%s is of no topic", e.id)
		}
	}
}

// faults are the planted ones, topic by topic.
var faults = merge(mxFaults, addressFaults, spfFaults, listFaults, dmarcFaults, dkimFaults, smtpFaults, promiseFaults, resolverFaults)

var mxFaults = map[string]fault{
	"the domain does not exist": {take: []string{"example.org. ", "_dmarc.", "_mta-sts.", "mta-sts.", "_smtp.", "mail._domainkey.", "mx1.", "mx2."}, put: []string{"77.2.0.192.in-addr.arpa. PTR out.example.net.", "out.example.net. A 192.0.2.77"},
		also: func(w *domainWorld) { w.target.Addrs, w.target.HELO = addrs("192.0.2.77"), "" }, want: []ID{"mx.nxdomain"}, left: []ID{"mx.nxdomain"}},
	"no MX": {take: []string{"example.org. MX"}, put: []string{"example.org. A 192.0.2.25", "mail.example.org. A 192.0.2.25"}, want: []ID{"mx.none"}},
	"a subdomain that only sends": kept(fault{put: []string{`bounce.example.org. TXT "v=spf1 ip4:192.0.2.25 -all"`, Text("mail._domainkey.bounce.example.org", goodKey).String()},
		also: func(w *domainWorld) { w.target.Domain, w.target.Addrs = "bounce.example.org", addrs("192.0.2.25") }, want: []ID{"mx.sends-only"}}),
	"a null MX":               {take: []string{"example.org. MX"}, put: []string{"example.org. MX 0 ."}, also: func(w *domainWorld) { w.target.Addrs = addrs("192.0.2.25") }, want: []ID{"mx.null"}, left: []ID{"mx.null"}},
	"a null MX beside others": {put: []string{"example.org. MX 0 ."}, want: []ID{"mx.null-mixed"}},
	"an alias":                {take: []string{"example.org. MX 20"}, put: []string{"example.org. MX 20 alias.example.org.", "alias.example.org. CNAME mx2.example.org."}, want: []ID{"mx.alias"}},
	"an exchanger unknown":    {put: []string{"example.org. MX 30 mx3.example.org."}, want: []ID{"mx.unresolved"}},
	"an address in the MX":    {put: []string{"example.org. MX 30 192.0.2.26."}, want: []ID{"mx.address"}},
	"a private address":       {put: []string{"mx2.example.org. A 10.0.0.1"}, also: func(w *domainWorld) { w.target.Addrs = addrs("192.0.2.25") }, want: []ID{"mx.private"}},
	"an answer of this host's own resolver": kept(fault{put: []string{"mx2.example.org. A 127.0.1.1"}, also: func(w *domainWorld) {
		w.server, w.target.Addrs = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.53:53")}, addrs("192.0.2.25")
	}, want: []ID{"mx.unknown"}}),
	"an answer of this host's own resolver, in the policy": kept(fault{take: []string{"example.org. TXT"}, put: []string{"mx2.example.org. A 127.0.1.1", `example.org. TXT "v=spf1 mx -all"`}, also: func(w *domainWorld) {
		w.server, w.target.Addrs = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.53:53")}, addrs("192.0.2.25")
	}, want: []ID{"mx.unknown", "spf.unknown"}}),
	"nobody answers for the MX": {also: func(w *domainWorld) { w.fail["mx2.example.org"] = dns.Timeout; w.target.Addrs = addrs("192.0.2.25") }, want: []ID{"mx.unknown"}, left: []ID{"mx.unknown"}},
}

var addressFaults = map[string]fault{
	"no PTR":                          {take: []string{"25.2.0.192"}, want: []ID{"address.no-ptr"}},
	"no way back":                     {take: []string{"25.2.0.192"}, put: []string{"25.2.0.192.in-addr.arpa. PTR other.example.org.", "other.example.org. A 192.0.2.99"}, want: []ID{"address.unconfirmed"}},
	"a name without an address":       {take: []string{"25.2.0.192"}, put: []string{"25.2.0.192.in-addr.arpa. PTR other.example.org."}, want: []ID{"address.unconfirmed"}},
	"several names":                   {put: []string{"25.2.0.192.in-addr.arpa. PTR www.example.org.", "www.example.org. A 192.0.2.25"}, want: []ID{"address.several-ptr"}},
	"several names, one of them good": {take: []string{"25.2.0.192"}, put: []string{"25.2.0.192.in-addr.arpa. PTR old.example.org.", "25.2.0.192.in-addr.arpa. PTR mx1.example.org."}, want: []ID{"address.several-ptr"}},
	"a stranger's name":               {take: []string{"25.2.0.192"}, put: []string{"25.2.0.192.in-addr.arpa. PTR mail.google.com.", "mail.google.com. A 198.51.100.26"}, want: []ID{"address.unconfirmed"}},
	"no PTR, mail goes elsewhere":     elsewhere(fault{put: []string{`example.org. TXT "v=spf1 ip4:192.0.2.80 -all"`}, also: func(w *domainWorld) { w.target.Addrs, w.target.HELO = addrs("192.0.2.80"), "" }, want: []ID{"address.no-ptr"}}),
	"nobody knows what sends": kept(elsewhere(fault{put: []string{`example.org. TXT "v=spf1 include:out.example.net -all"`, `out.example.net. TXT "v=spf1 ip4:203.0.113.0/24 -all"`},
		also: func(w *domainWorld) { w.target.HELO = "" }, want: []ID{"address.unseen"}})),
	"no PTR and no SPF":       {take: []string{"25.2.0.192", "example.org. TXT"}, want: []ID{"address.no-ptr", "spf.none"}},
	"no PTR and a broken SPF": {take: []string{"25.2.0.192", "example.org. TXT"}, put: []string{`example.org. TXT "v=spf1 mx moo -all"`}, want: []ID{"address.no-ptr", "spf.syntax"}},
	"no PTR, a name elsewhere, a broken SPF": {take: []string{"example.org. MX", "example.org. TXT", "_mta-sts."}, put: []string{"example.org. MX 1 pi.dyn.example.net.", "pi.dyn.example.net. A 192.0.2.80",
		`example.org. TXT "v=spf1 mx moo -all"`}, also: func(w *domainWorld) { w.target.HELO = "" }, want: []ID{"address.no-ptr", "spf.syntax", "mta-sts.none"}, left: []ID{"mta-sts.none"}},
	"no PTR and an SPF for all":  {take: []string{"25.2.0.192", "example.org. TXT"}, put: []string{`example.org. TXT "v=spf1 mx +all"`}, want: []ID{"address.no-ptr", "spf.pass-all"}},
	"a generic name":             {take: []string{"25.2.0.192"}, put: []string{"25.2.0.192.in-addr.arpa. PTR 192-0-2-25.dsl.example.net.", "192-0-2-25.dsl.example.net. A 192.0.2.25"}, want: []ID{"address.generic"}},
	"a private sender":           {also: func(w *domainWorld) { w.target.Addrs = addrs("192.0.2.25", "192.168.1.2") }, want: []ID{"address.private"}, left: []ID{"address.private"}},
	"HELO localhost":             {also: func(w *domainWorld) { w.target.HELO = "localhost" }, want: []ID{"address.helo-syntax"}},
	"HELO raspberrypi.local":     {also: func(w *domainWorld) { w.target.HELO = "raspberrypi.local" }, want: []ID{"address.helo-syntax"}},
	"HELO that nobody knows":     {also: func(w *domainWorld) { w.target.HELO = "nowhere.example.org" }, want: []ID{"address.helo-unresolved"}},
	"HELO of another host":       {put: []string{"www.example.org. A 192.0.2.80"}, also: func(w *domainWorld) { w.target.HELO, w.target.Addrs = "www.example.org", addrs("192.0.2.25") }, want: []ID{"address.helo"}},
	"nobody answers for the PTR": {also: func(w *domainWorld) { w.fail["25.2.0.192.in-addr.arpa"] = dns.Failure }, want: []ID{"address.unknown"}, left: []ID{"address.unknown"}},
}

// elsewhere is a fault of a domain whose mail goes to somebody else's exchanger.
func elsewhere(f fault) fault {
	f.take = append(f.take, "example.org. MX", "example.org. TXT", "_mta-sts.")
	f.put = append(f.put, "example.org. MX 1 in.filter.example.net.", "in.filter.example.net. A 198.51.100.26")
	f.want, f.left = append(f.want, "mta-sts.none"), append(f.left, "mta-sts.none")
	return f
}

func merge(all ...map[string]fault) map[string]fault {
	sum := map[string]fault{}
	for _, m := range all {
		maps.Copy(sum, m)
	}
	return sum
}

func addrs(all ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, a := range all {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return parsed
}

func TestAnAliasKeepsItsPreference(t *testing.T) {
	w := newWorld()
	f := mxFaults["an alias"]
	f.plant(t, w)
	found := w.check(t)
	if len(found) != 1 || found[0].Mend.Add[0].Value != "20 mx2.example.org." {
		t.Errorf("%+v", found)
	}
}
