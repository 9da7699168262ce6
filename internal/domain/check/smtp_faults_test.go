package check

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postward/internal/domain/probe"
	"postward/test/world"
)

var testNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// broken is what is wrong with an exchanger: a fault, a certificate, or that it is not there.
type broken struct {
	fault world.Fault
	leaf  *world.Leaf
	also  *world.Leaf // a second certificate
	gone  bool
}

// exchangers are the clean domain's, by address.
var exchangers = map[string]string{"192.0.2.25:25": "mx1.example.org", "192.0.2.26:25": "mx2.example.org", "[2001:db8::25]:25": "mx1.example.org"}

// blackhole is where nobody answers, not even with a refusal.
const blackhole = "203.0.113.27"

var authorities = sync.OnceValues(func() (*world.CA, error) { return world.NewCA(testNow) })

func authority(t *testing.T) *world.CA {
	t.Helper()
	ca, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// dial leads to the exchangers and the policy host, which are started for it, once as long as they do not change.
func (w *domainWorld) dial(t *testing.T) dialer {
	t.Helper()
	if w.stand != nil {
		return wayless(w.stand.Dial)
	}
	m := &world.Map{}
	w.stand = m
	h, err := world.StartHTTPS(world.HTTPSConfig{Addr: "127.0.0.1:0", Domain: "example.org", MX: []string{"mx1.example.org", "mx2.example.org"}, Fault: w.policy, CA: authority(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Place("192.0.2.27:443", h.Addr()); err != nil {
		t.Fatal(err)
	}
	for address, name := range exchangers {
		b := w.hosts[address]
		if b.gone {
			continue
		}
		s, err := world.StartSMTP(world.SMTPConfig{Addr: "127.0.0.1:0", Name: name, Fault: b.fault, Leaf: b.leaf, Also: b.also, Domains: []string{"example.org"}, CA: authority(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := s.Place(m, address); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Blackhole(blackhole + ":443"); err != nil {
		t.Fatal(err)
	}
	return wayless(m.Dial)
}

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// wayless is a host from which no way leads to TEST-NET-2.
func wayless(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, "198.51.100.") {
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
		}
		return dial(ctx, network, address)
	}
}

// pin writes what mx2 shows in the place of {key} and {certificate}.
func (w *domainWorld) pin(t *testing.T) {
	t.Helper()
	if !strings.Contains(strings.Join(w.lines, "\n"), "{") {
		return
	}
	r := probe.Ask(t.Context(), probe.Config{Dial: w.dial(t)}, probe.Target{Addr: netip.MustParseAddrPort(mx2)})
	if r.TLS == nil {
		t.Fatal(r.Problem, r.StartTLS)
	}
	own := r.TLS.Chain[0]
	fill := strings.NewReplacer("{key}", fmt.Sprintf("%x", sha256.Sum256(own.SPKI)), "{certificate}", fmt.Sprintf("%x", own.DER))
	for i := range w.lines {
		w.lines[i] = fill.Replace(w.lines[i])
	}
}

// unpromised is a fault of a domain without MTA-STS.
func unpromised(f fault) fault {
	f.take = append(f.take, "_mta-sts.")
	f.want, f.left = append(f.want, "mta-sts.none"), append([]ID{"mta-sts.none"}, f.left...)
	return f
}

// pinned is a fault of mx2 whose own key the DNS names.
func pinned(b broken, want ...ID) fault {
	f := kept(at(mx2, b, want...))
	f.put = []string{"_25._tcp.mx2.example.org. TLSA 3 1 1 {key}"}
	return f
}

// at plants a fault in an exchanger.
func at(address string, b broken, want ...ID) fault {
	return fault{also: func(w *domainWorld) { w.hosts = map[string]broken{address: b} }, want: want}
}

const mx1, mx2, mx1v6 = "192.0.2.25:25", "192.0.2.26:25", "[2001:db8::25]:25"

func cert(l world.Leaf) broken {
	if l.Names == nil {
		l.Names = []string{"mx2.example.org"}
	}
	return broken{leaf: &l}
}

// two are certificates of mx2 with keys of two kinds.
func two(first, second world.Leaf) broken {
	b, also := cert(first), cert(second)
	b.also = also.leaf
	return b
}

var smtpFaults = map[string]fault{
	"an exchanger that is not there":     at(mx2, broken{gone: true}, "smtp.unreachable"),
	"an exchanger without IPv6":          at(mx1v6, broken{gone: true}, "smtp.ipv6"),
	"an SSH server for mail":             at(mx2, broken{fault: world.NotSMTP}, "smtp.other"),
	"an exchanger that greets with 554":  at(mx2, broken{fault: world.Greeting554}, "smtp.refuses"),
	"an exchanger that says nothing":     kept(at(mx2, broken{fault: world.SilentSMTP}, "smtp.unknown")),
	"an exchanger that greets localhost": at(mx2, broken{fault: world.BannerLocalhost}, "smtp.banner"),
	"an exchanger with another's name":   at(mx2, broken{fault: world.BannerMismatch}, "smtp.name"),
	"AUTH in the clear":                  at(mx2, broken{fault: world.AuthWithoutTLS}, "smtp.auth"),
	"nobody can be reached": kept(fault{also: func(w *domainWorld) {
		w.hosts = map[string]broken{mx1: {gone: true}, mx2: {gone: true}, mx1v6: {gone: true}}
	}, want: []ID{"smtp.unknown"}}),

	"an open relay":                 ours(at(mx2, broken{fault: world.OpenRelay}, "relay.open")),
	"an exchanger that is too kind": ours(at(mx2, broken{fault: world.SmugglingTolerant}, "relay.smuggling")),

	"no STARTTLS":                                      at(mx2, broken{fault: world.NoSTARTTLS}, "tls.none"),
	"STARTTLS that fails":                              at(mx2, broken{fault: world.TLSFails}, "tls.broken"),
	"STARTTLS with an open door":                       ours(at(mx2, broken{fault: world.STARTTLSInjection}, "tls.injection")),
	"TLS 1.0 alone":                                    at(mx2, broken{fault: world.TLS10Only}, "tls.ancient"),
	"TLS 1.0 too":                                      kept(at(mx2, broken{fault: world.TLS10Too}, "tls.old")),
	"a certificate that expired":                       at(mx2, broken{fault: world.Expired}, "tls.expired"),
	"a certificate for tomorrow":                       at(mx2, cert(world.Leaf{From: testNow.Add(24 * time.Hour)}), "tls.early"),
	"a certificate for another":                        at(mx2, broken{fault: world.WrongName}, "tls.name"),
	"a certificate of nobody":                          at(mx2, broken{fault: world.SelfSigned}, "tls.untrusted"),
	"a second certificate that expired":                at(mx2, two(world.Leaf{}, world.Leaf{Key: world.RSA2048, From: testNow.AddDate(0, 0, -91), To: testNow.AddDate(0, 0, -1)}), "tls.expired"),
	"two certificates, the first expired":              at(mx2, two(world.Leaf{Key: world.RSA2048, From: testNow.AddDate(0, 0, -91), To: testNow.AddDate(0, 0, -1)}, world.Leaf{}), "tls.expired"),
	"a second certificate for another":                 at(mx2, two(world.Leaf{}, world.Leaf{Key: world.RSA2048, Names: []string{"www.elsewhere.example"}}), "tls.name"),
	"a second certificate that DANE does not name":     {put: []string{"_25._tcp.mx2.example.org. TLSA 3 1 1 {key}"}, also: at(mx2, two(world.Leaf{}, world.Leaf{Key: world.RSA2048})).also, want: []ID{"dane.mismatch"}},
	"a certificate with a short key":                   at(mx2, cert(world.Leaf{Key: world.RSA1024}), "tls.weak"),
	"a certificate of nobody that DANE names":          unpromised(pinned(broken{fault: world.SelfSigned}, "tls.pinned")),
	"a certificate that expired, by DANE":              unpromised(pinned(broken{fault: world.Expired}, "tls.pinned")),
	"a certificate for another, by DANE":               unpromised(pinned(broken{fault: world.WrongName}, "tls.pinned")),
	"a certificate that ends tomorrow, by DANE":        unpromised(pinned(cert(world.Leaf{To: testNow.Add(24 * time.Hour)}), "tls.pinned")),
	"a certificate that expired, by DANE and MTA-STS":  plus(pinned(broken{fault: world.Expired}, "tls.expired"), func(*domainWorld) {}, "dane.mismatch"), // renewed with another key
	"a certificate of nobody that DANE names unsigned": plus(pinned(broken{fault: world.SelfSigned}, "tls.untrusted", "dane.unsigned"), func(w *domainWorld) { w.wrap = unsigned("_25._tcp.") }, "dane.unsigned"),
	"a certificate of six days, on the fifth":          at(mx2, cert(world.Leaf{From: testNow.Add(-5 * 24 * time.Hour), To: testNow.Add(24 * time.Hour)}), "tls.ends"),
	"a certificate that ends tomorrow":                 at(mx2, cert(world.Leaf{To: testNow.Add(24 * time.Hour)}), "tls.ends"),
}

// plus is a fault with something more, and what is then left.
func plus(f fault, more func(*domainWorld), left ...ID) fault {
	plant := f.also
	f.also, f.left = func(w *domainWorld) { plant(w); more(w) }, left
	return f
}

// ours makes the exchangers the owner's.
func ours(f fault) fault {
	plant := f.also
	f.also = func(w *domainWorld) { plant(w); w.target.Own = true }
	return f
}

// TestStrangersServersAreNotTried: the tries that look like an attack are made only where the owner said so, and a clean
// server delivers nothing by them.
func TestStrangersServersAreNotTried(t *testing.T) {
	t.Parallel() // it waits most of the time
	for _, own := range []bool{false, true} {
		for _, f := range []world.Fault{world.Clean, world.OpenRelay, world.SmugglingTolerant, world.STARTTLSInjection} {
			s, err := world.StartSMTP(world.SMTPConfig{Addr: "127.0.0.1:0", Name: "mx2.example.org", Fault: f, Domains: []string{"example.org"}, CA: authority(t)})
			if err != nil {
				t.Fatal(err)
			}
			m := &world.Map{}
			if err := s.Place(m, "192.0.2.26:25"); err != nil {
				t.Fatal(err)
			}
			w := newWorld()
			w.hosts, w.stand, w.target.Own = map[string]broken{}, m, own
			found := slices.ContainsFunc(w.check(t), func(f Finding) bool { return f.Topic == "relay" || f.ID == "tls.injection" })
			if bad := f != world.Clean && own; found != bad || (len(s.Mails()) > 0) != (own && f == world.SmugglingTolerant) {
				t.Errorf("%s, own %v: found %v, %d mails", f, own, found, len(s.Mails()))
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
