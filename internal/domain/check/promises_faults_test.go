package check

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/wire/dns"
	"postward/test/world"
)

// policyHost plants a fault in the MTA-STS policy host.
func policyHost(f world.PolicyFault, want ...ID) fault {
	return fault{also: func(w *domainWorld) { w.hosts, w.policy = map[string]broken{}, f }, want: want}
}

// policyAt gives the MTA-STS policy host other addresses.
func policyAt(want ID, addrs ...string) fault {
	f := hosted(fault{take: []string{"mta-sts."}, want: []ID{want}})
	for _, a := range addrs {
		f.put = append(f.put, "mta-sts.example.org. A "+a)
	}
	return f
}

// hosted is a fault that is seen only when the exchangers are connected to.
func hosted(f fault) fault {
	f.also = func(w *domainWorld) { w.hosts = map[string]broken{} }
	return f
}

const (
	tlsa  = "_25._tcp.mx1.example.org. TLSA "
	zeros = "0000000000000000000000000000000000000000000000000000000000000000"
)

var promiseFaults = map[string]fault{
	"no TLS-RPT":                 {take: []string{"_smtp."}, want: []ID{"tls-rpt.none"}},
	"several TLS-RPT":            {put: []string{`_smtp._tls.example.org. TXT "v=TLSRPTv1; rua=mailto:b@example.org"`}, want: []ID{"tls-rpt.broken"}},
	"TLS-RPT to nobody":          {take: []string{"_smtp."}, put: []string{`_smtp._tls.example.org. TXT "v=TLSRPTv1; rua=b@example.org"`}, want: []ID{"tls-rpt.broken"}},
	"TLS-RPT in small letters":   {take: []string{"_smtp."}, put: []string{`_smtp._tls.example.org. TXT "v=tlsrptv1; rua=mailto:b@example.org"`}, want: []ID{"tls-rpt.broken"}},
	"TLS-RPT to a blank":         {take: []string{"_smtp."}, put: []string{`_smtp._tls.example.org. TXT "v=TLSRPTv1; rua=mailto: b@example.org"`}, want: []ID{"tls-rpt.broken"}},
	"nobody answers for TLS-RPT": kept(fault{also: func(w *domainWorld) { w.fail["_smtp._tls.example.org"] = dns.Timeout }, want: []ID{"tls-rpt.unknown"}}),

	"no MTA-STS":                           kept(fault{take: []string{"_mta-sts."}, want: []ID{"mta-sts.none"}}),
	"several MTA-STS":                      {put: []string{`_mta-sts.example.org. TXT "v=STSv1; id=2"`}, want: []ID{"mta-sts.several"}},
	"several MTA-STS, one of them broken":  {put: []string{`_mta-sts.example.org. TXT "v=STSv1; id = 2"`}, want: []ID{"mta-sts.several"}},
	"MTA-STS without an ID":                {take: []string{"_mta-sts."}, put: []string{`_mta-sts.example.org. TXT "v=STSv1; id=2026-11"`}, want: []ID{"mta-sts.record"}},
	"MTA-STS and no policy":                policyHost(world.PolicyMissing, "mta-sts.policy"),
	"MTA-STS that leads elsewhere":         policyHost(world.PolicyRedirected, "mta-sts.policy"),
	"MTA-STS as a page":                    policyHost(world.PolicyHTML, "mta-sts.type"),
	"MTA-STS as a page for others":         policyHost(world.PolicyHTMLWrongMX, "mta-sts.type", "mta-sts.mx"),
	"MTA-STS with blanks":                  {take: []string{"_mta-sts."}, put: []string{`_mta-sts.example.org. TXT "v=STSv1; id = 20261124"`}, want: []ID{"mta-sts.record"}},
	"MTA-STS of another version":           kept(fault{take: []string{"_mta-sts."}, put: []string{`_mta-sts.example.org. TXT "v=STSv10; id=20261124"`}, want: []ID{"mta-sts.none"}}),
	"MTA-STS without an end":               policyHost(world.PolicyEndless, "mta-sts.policy"),
	"MTA-STS with an old certificate":      policyHost(world.PolicyExpired, "mta-sts.policy"),
	"MTA-STS with another's certificate":   policyHost(world.PolicyWrongName, "mta-sts.policy"),
	"MTA-STS with a certificate of nobody": policyHost(world.PolicySelfSigned, "mta-sts.policy"),
	"MTA-STS for other exchangers":         policyHost(world.PolicyWrongMX, "mta-sts.mx"),
	"MTA-STS as a test":                    kept(policyHost(world.PolicyTesting, "mta-sts.mode")),
	"MTA-STS with no way from here":        kept(policyAt("mta-sts.unknown", "198.51.100.27")),
	"MTA-STS where nobody listens":         kept(policyAt("mta-sts.policy", "192.0.2.28", "198.51.100.27")),
	"MTA-STS at home":                      kept(policyAt("mta-sts.policy", "10.0.0.1", "127.0.0.1")),
	"MTA-STS that says nothing":            kept(policyHost(world.PolicySilent, "mta-sts.unknown")),

	"DANE for another key":       hosted(fault{put: []string{tlsa + "3 1 1 " + zeros}, want: []ID{"dane.mismatch"}}),
	"DANE for another authority": hosted(fault{put: []string{tlsa + "2 0 1 " + zeros}, want: []ID{"dane.mismatch"}}),
	"DANE as PKIX":               {put: []string{tlsa + "1 1 1 " + zeros}, want: []ID{"dane.broken"}},
	"DANE cut short":             {put: []string{tlsa + "3 1 1 0000"}, want: []ID{"dane.broken"}},
	"DANE without DNSSEC":        kept(fault{put: []string{tlsa + "3 1 1 " + zeros}, also: func(w *domainWorld) { w.wrap = unsigned("_25._tcp.") }, want: []ID{"dane.unsigned"}}),

	"DANE that is not answered for":                  kept(fault{also: func(w *domainWorld) { w.fail["_25._tcp.mx2.example.org"] = dns.Failure }, want: []ID{"dane.unanswered"}}),
	"DANE that nobody answers for":                   kept(fault{also: func(w *domainWorld) { w.fail["_25._tcp.mx2.example.org"] = dns.Timeout }, want: []ID{"dane.unknown"}}),
	"DANE at a host that is not signed":              kept(fault{put: []string{tlsa + "3 1 1 " + zeros}, also: func(w *domainWorld) { w.wrap = unsigned("mx1.") }, want: []ID{"dane.unsigned"}}),
	"DANE that fits, of an exchanger that is signed": plus(pinned(broken{}, "dnssec.none"), func(w *domainWorld) { w.wrap = unsigned("example.org") }, "dnssec.none"),
	"DANE of an exchanger that is signed":            plus(hosted(fault{put: []string{tlsa + "3 1 1 " + zeros}, want: []ID{"dane.mismatch", "dnssec.none"}}), func(w *domainWorld) { w.wrap = unsigned("example.org") }, "dnssec.none"),

	"DANE for another key, not validated": plus(kept(hosted(fault{put: []string{tlsa + "3 1 1 " + zeros}, want: []ID{"dane.unknown", "resolver.plain"}})), func(w *domainWorld) { w.wrap = unsigned("") }, "dane.unknown", "resolver.plain"),

	"not signed":                     kept(fault{also: func(w *domainWorld) { w.wrap = unsigned("example.org") }, want: []ID{"dnssec.none"}}),
	"CAA that nobody knows":          {put: []string{`example.org. CAA 128 tbs "x"`}, want: []ID{"caa.critical"}},
	"CAA for nobody at an exchanger": kept(fault{put: []string{`mx1.example.org. CAA 0 issue ";"`}, want: []ID{"caa.nobody"}}),
	"CAA that nobody knows above one": {take: []string{"example.org. MX 20"}, put: []string{`example.org. MX 20 mx2.in.example.org.`, `example.org. MX 30 mx3.in.example.org.`, "mx2.in.example.org. A 192.0.2.26", "mx3.in.example.org. A 192.0.2.26",
		`in.example.org. CAA 128 tbs "x"`, `in.example.org. CAA 0 issue "letsencrypt.org"`}, want: []ID{"caa.critical"}},
	"nobody answers for an exchanger's CAA": kept(fault{also: func(w *domainWorld) { w.wrap = noCAA("mx2.example.org") }, want: []ID{"caa.unknown"}}),
	"CAA for nobody":                        kept(fault{take: []string{"example.org. CAA"}, put: []string{`example.org. CAA 0 issue ";"`}, want: []ID{"caa.nobody"}}),
	"BIMI without a picture":                kept(fault{put: []string{`default._bimi.example.org. TXT "v=BIMI1; l=http://example.org/logo.png"`}, want: []ID{"bimi.broken"}}),
	"BIMI without DMARC": kept(fault{take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.org"`,
		`default._bimi.example.org. TXT "v=BIMI1; l=https://example.org/logo.svg"`}, want: []ID{"dmarc.monitor", "bimi.dmarc"}}),
	"BIMI with DMARC as a test": kept(fault{take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1; p=quarantine; t=y; rua=mailto:dmarc@example.org"`,
		`default._bimi.example.org. TXT "v=BIMI1; l=https://example.org/logo.svg"`}, want: []ID{"dmarc.test", "bimi.dmarc"}}),
}

var resolverFaults = map[string]fault{
	"a public resolver":              kept(fault{also: func(w *domainWorld) { w.server = []netip.AddrPort{netip.MustParseAddrPort("8.8.8.8:53")} }, want: []ID{"resolver.public"}}),
	"a resolver that invents":        {put: []string{nowhere + ". A 192.0.2.99"}, want: []ID{"resolver.lying"}, left: []ID{"resolver.lying"}},
	"a resolver that is silent":      kept(fault{also: func(w *domainWorld) { w.wrap = mute }, want: []ID{"resolver.unknown"}}),
	"a resolver that believes":       kept(fault{also: func(w *domainWorld) { w.wrap = unsigned("") }, want: []ID{"resolver.plain"}}),
	"a zone signed wrongly":          kept(fault{also: func(w *domainWorld) { w.wrap = bogus; w.target.Addrs = addrs("192.0.2.25") }, want: []ID{"dnssec.bogus", "mx.unknown"}}),
	"a resolver that may believe":    kept(fault{also: func(w *domainWorld) { w.wrap, w.doubt = unsigned(""), true }, want: []ID{"resolver.doubted"}}),
	"a resolver that takes its time": kept(fault{also: func(w *domainWorld) { w.wrap = late }, want: []ID{"resolver.slow"}}),
}

// unsigned is a resolver whose answers for names with a beginning are not validated.
func unsigned(begin string) func(dns.Resolver) dns.Resolver {
	return func(r dns.Resolver) dns.Resolver { return plainly{r, begin} }
}

type plainly struct {
	dns.Resolver
	begin string
}

func (p plainly) Lookup(ctx context.Context, name string, t dns.Type) dns.Answer {
	a := p.Resolver.Lookup(ctx, name, t)
	a.Authentic = a.Authentic && !strings.HasPrefix(name, p.begin)
	return a
}

func (p plainly) Addresses(ctx context.Context, name string) dns.Answer {
	a := p.Resolver.Addresses(ctx, name)
	a.Authentic = a.Authentic && !strings.HasPrefix(name, p.begin)
	return a
}

func (p plainly) MX(ctx context.Context, name string) dns.Answer {
	a := p.Resolver.MX(ctx, name)
	a.Authentic = a.Authentic && !strings.HasPrefix(name, p.begin)
	return a
}

// bogus fails where the domain's exchangers are asked for; whoever asks without validation has them.
func bogus(r dns.Resolver) dns.Resolver { return fails{r} }

type fails struct{ dns.Resolver }

func (f fails) MX(context.Context, string) dns.Answer { return dns.Answer{Outcome: dns.Failure} }

// late answers for the root after a while.
func late(r dns.Resolver) dns.Resolver { return waits{r} }

type waits struct{ dns.Resolver }

func (l waits) Lookup(ctx context.Context, name string, t dns.Type) dns.Answer {
	if name == "." {
		time.Sleep(slow + 20*time.Millisecond)
	}
	return l.Resolver.Lookup(ctx, name, t)
}

// mute says nothing of the root.
func mute(r dns.Resolver) dns.Resolver { return silent{r} }

type silent struct{ dns.Resolver }

func (s silent) Lookup(ctx context.Context, name string, t dns.Type) dns.Answer {
	if name == "." {
		return dns.Answer{Outcome: dns.Timeout}
	}
	return s.Resolver.Lookup(ctx, name, t)
}

// noCAA is a resolver that does not answer for the CAA records of a name.
func noCAA(name string) func(dns.Resolver) dns.Resolver {
	return func(r dns.Resolver) dns.Resolver { return caaless{r, name} }
}

type caaless struct {
	dns.Resolver
	name string
}

func (c caaless) Lookup(ctx context.Context, name string, t dns.Type) dns.Answer {
	if name == c.name && t == dns.CAA {
		return dns.Answer{Outcome: dns.Timeout}
	}
	return c.Resolver.Lookup(ctx, name, t)
}

// TestCAAIsToldOnceAName: exchangers below one name have its records in common, and a stranger's are none of ours.
func TestCAAIsToldOnceAName(t *testing.T) {
	w := newWorld()
	f := faults["CAA that nobody knows above one"]
	f.plant(t, w)
	w.lines = append(w.lines, "example.org. MX 40 mx.example.net.", "mx.example.net. A 192.0.2.26", `mx.example.net. CAA 0 issue ";"`)
	if found := w.check(t); len(found) != 1 || found[0].Subject != "in.example.org" {
		t.Errorf("%+v", found)
	}
}
