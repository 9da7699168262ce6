package keys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postward/internal/wire/dns"
	"postward/test/world"
)

// secondaries are two name servers on one port of two addresses.
func secondaries(t *testing.T) (one, two *world.Server) {
	t.Helper()
	for range 20 {
		one, err := world.StartServer("127.0.0.1:0")
		ok(t, err)
		two, err = world.StartServer(fmt.Sprintf("127.0.0.2:%d", one.Addr().Port()))
		if err == nil {
			t.Cleanup(func() { one.Close(); two.Close() })
			return one, two
		}
		one.Close() // the port is somebody's there
	}
	t.Fatal("no port is free on both addresses")
	return nil, nil
}

// delegation is what a resolver says of the zones: ns1 and ns2 are the servers of example.org, silent.example has one that is off.
const delegation = `
example.org. 3600 IN SOA ns1.example.org. h.example.org. 1 2 3 4 1800
example.org. 3600 IN NS ns1.example.org.
example.org. 3600 IN NS ns2.example.org.
ns1.example.org. 60 IN A 127.0.0.1
ns2.example.org. 60 IN A 127.0.0.2
target.example. 60 IN NS ns1.example.org.
silent.example. 60 IN NS ns3.silent.example.
ns3.silent.example. 60 IN A 127.0.0.3
lost.example. 60 IN NS ns.nowhere.example.
half.example. 60 IN NS ns4.half.example.
ns4.half.example. 60 IN A 127.0.0.1
ns4.half.example. 60 IN A 127.0.0.3
lame.example. 60 IN NS ns5.lame.example.
ns5.lame.example. 60 IN A 127.0.0.1
`

func asker(t *testing.T, port uint16) *Asker {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(delegation), ".", "delegation")
	ok(t, err)
	return &Asker{Resolver: z, Port: port}
}

func line(k *Key, ttl int) string {
	return strings.Replace(k.ZoneLine(), " IN ", fmt.Sprintf(" %d IN ", ttl), 1) + "\n"
}

func TestTheServersWithAuthorityAreAskedEachByItself(t *testing.T) {
	one, two := secondaries(t)
	a := asker(t, one.Addr().Port())
	made := pairOf(t, "example.org")
	k := made[0]
	other := pairOf(t, "example.org")[0]
	other.Selector = k.Selector
	good, wrong := line(&k, 600), line(&other, 7200)
	for _, c := range []struct{ name, one, two, shows, why string }{
		{"both", good, good, "right right", ""},
		{"the second is behind", good, "", "right absent", "not in the zone at ns2.example.org"},
		{"another key", good, wrong, "right wrong", "wrong at ns2.example.org: another key stands there (p differs)"},
		{"neither", "", "", "absent absent", "not in the zone at every name server of its zone"},
		{"two keys", good + wrong, good, "wrong right", "wrong at ns1.example.org: 2 keys stand there"},
		{"revoked", good, k.Name() + `. IN TXT "v=DKIM1; p="` + "\n", "right wrong", "revoked"},
		{"no key", good, k.Name() + `. IN TXT "v=spf1 -all"` + "\n", "right wrong", "what stands there is no key"},
		{"a key and another text", good, good + k.Name() + `. IN TXT "hello"` + "\n", "right right", ""},
		{"an alias into another zone", good, k.Name() + ". IN CNAME k.target.example.\n", "right right", ""},
		{"an alias to nothing", good, k.Name() + ". IN CNAME none.target.example.\n", "right absent", "not in the zone at ns2.example.org"},
		{"an alias to another key", good, k.Name() + ". IN CNAME other.target.example.\n", "right wrong", "it is an alias of other.target.example, which is wrong at"},
		{"an alias to itself", good, k.Name() + ". IN CNAME " + k.Name() + ".\n", "right silent", ""},
	} {
		ok(t, one.SetZone("example.org", c.one))
		ok(t, two.SetZone("example.org", c.two))
		ok(t, one.SetZone("target.example", strings.Replace(good, k.Name(), "k.target.example", 1)+strings.Replace(wrong, k.Name(), "other.target.example", 1)))
		s := a.Look(context.Background(), noon, []Key{k})[k.Name()]
		if got := shows(&s); got != c.shows || !strings.Contains(s.Why(), c.why) {
			t.Errorf("%s: %s %q", c.name, got, s.Why())
		}
		if s.Negative != 30*time.Minute || !s.At.Equal(noon) {
			t.Errorf("%s: %+v", c.name, s)
		}
		if c.name == "another key" && s.Stale != 2*time.Hour {
			t.Errorf("the old answer is believed for %s", s.Stale)
		}
	}
}

func pairOf(t *testing.T, domain string) []Key {
	t.Helper()
	made, err := directory(t).Create(domain, noon)
	ok(t, err)
	return made
}

func shows(s *Sight) string {
	var all []string
	for _, w := range s.Servers {
		all = append(all, string(w.Shows))
	}
	return strings.Join(all, " ")
}

func TestAServerThatIsSilentIsNoWitness(t *testing.T) {
	one, _ := secondaries(t)
	a := asker(t, one.Addr().Port())
	made := pairOf(t, "half.example")
	ok(t, one.SetZone("half.example", line(&made[0], 60)+line(&made[1], 60)))
	for domain, want := range map[string]string{"silent.example": "silent", "lost.example": "silent", "nobodys.example": "", "half.example": "right"} {
		k := made[0]
		k.Domain = domain
		s := a.Look(context.Background(), noon, []Key{k})[k.Name()]
		if shows(&s) != want || s.Everywhere() != (want == "right") || (s.Why() == "") != (want == "right") {
			t.Errorf("%s: %s %q", domain, shows(&s), s.Why())
		}
	}
}

// TestACachesWordIsNoWitness: a server that asks others, or whoever stands in its way and does, may know what was true yesterday.
func TestACachesWordIsNoWitness(t *testing.T) {
	k := pairOf(t, "lame.example")[0]
	record, err := mdns.NewRR(strings.TrimSpace(line(&k, 60)))
	ok(t, err)
	for _, authoritative := range []bool{true, false} {
		server := world.Serve(t, func(w mdns.ResponseWriter, r *mdns.Msg) {
			m := new(mdns.Msg).SetReply(r)
			m.Authoritative, m.RecursionAvailable, m.Answer = authoritative, true, []mdns.RR{record}
			_ = w.WriteMsg(m) // who asked may be gone
		})
		s := asker(t, server.Port()).Look(context.Background(), noon, []Key{k})[k.Name()]
		if s.Everywhere() != authoritative || !authoritative && !strings.Contains(s.Why(), "no answer from every name server of its zone: it fails, or has no authority") {
			t.Errorf("authoritative %v: %s %q", authoritative, shows(&s), s.Why())
		}
	}
}

func TestTendGoesOnAsTheZoneDoes(t *testing.T) {
	one, two := secondaries(t)
	a, d, ctx := asker(t, one.Addr().Port()), directory(t), context.Background()
	made, err := d.Create("example.org", noon)
	ok(t, err)
	zone := line(&made[0], 60) + line(&made[1], 60)
	ok(t, one.SetZone("example.org", zone))
	ok(t, two.SetZone("example.org", ""))
	round := func(at time.Duration, want string) {
		t.Helper()
		_, _, err := d.Tend(ctx, a, noon.Add(at))
		ok(t, err)
		ring, _, err := d.Load()
		ok(t, err)
		if got := states(ring); got != want {
			t.Errorf("after %s: %s, want %s", at, got, want)
		}
	}
	round(0, "pw20261130e=made pw20261130r=made")
	ok(t, two.SetZone("example.org", zone))
	asked := one.AskedBelow("example.org")
	round(time.Minute, "pw20261130e=made pw20261130r=made") // it is not due
	if again := one.AskedBelow("example.org"); again != asked {
		t.Errorf("what is not due is asked: %d, %d", asked, again)
	}
	round(6*time.Minute, "pw20261130e=published pw20261130r=published")
	round(30*time.Minute, "pw20261130e=published pw20261130r=published")
	round(37*time.Minute, "pw20261130e=active pw20261130r=active")
	_, err = d.Rotate("example.org", noon.Add(40*time.Minute))
	ok(t, err)
	round(41*time.Minute, "pw20261130e=active pw20261130e2=made pw20261130r=active pw20261130r2=made")
}

func TestALookThatIsCutShortChangesNothing(t *testing.T) {
	one, _ := secondaries(t)
	a, d := asker(t, one.Addr().Port()), directory(t)
	_, err := d.Create("example.org", noon)
	ok(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := d.Tend(ctx, a, noon); err == nil {
		t.Error("no error")
	}
	ring, _, err := d.Load()
	ok(t, err)
	for _, k := range ring.Keys() {
		if !k.Looked.IsZero() {
			t.Errorf("%+v", k)
		}
	}
}

// TestWhoeverCannotRememberAsksNobody: else all servers are asked every few seconds for as long as the disk is full.
func TestWhoeverCannotRememberAsksNobody(t *testing.T) {
	one, _ := secondaries(t)
	a, d := asker(t, one.Addr().Port()), directory(t)
	_, err := d.Create("example.org", noon)
	ok(t, err)
	ok(t, one.SetZone("example.org", ""))
	path := filepath.Join(d.Path, lockFile) // the first thing that is written
	ok(t, errors.Join(os.Remove(path), os.Mkdir(path, 0o700)))
	if _, _, err := d.Tend(context.Background(), a, noon); err == nil || one.AskedBelow("example.org") > 0 {
		t.Errorf("%v, and servers were asked %d times", err, one.AskedBelow("example.org"))
	}
}
