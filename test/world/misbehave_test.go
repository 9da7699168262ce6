package world_test

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postward/test/world"
)

func TestServerMisbehavesAsItIsTold(t *testing.T) {
	s := named(t)
	for _, c := range []struct {
		b    world.Behaviour
		want string
	}{
		{world.Behaviour{Kind: world.Refuse}, "REFUSED RA"},
		{world.Behaviour{Kind: world.ServFail}, "SERVFAIL RA"},
		{world.Behaviour{Kind: world.NoName}, "NXDOMAIN RA"},
		{world.Behaviour{Kind: world.Rewrite}, "NOERROR RA A 198.51.100.80"},
		{world.Behaviour{Kind: world.Everything}, "NOERROR RA A 127.0.0.2"},
		{world.Behaviour{Kind: world.Code}, "NOERROR RA A 127.255.255.254"},
		{world.Behaviour{Kind: world.Truncate}, "NOERROR RA TC"},
		{world.Behaviour{Kind: world.Huge}, "NOERROR RA TC"},
		{world.Behaviour{Kind: world.Loop}, "NOERROR RA CNAME loop.mx1.example.org. CNAME mx1.example.org."},
		{world.Behaviour{Kind: world.Refuse, Type: mdns.TypeAAAA}, "NOERROR RA A 192.0.2.25"},
		{world.Behaviour{}, "NOERROR RA A 192.0.2.25"},
	} {
		s.Behave("example.org", world.Behaviour{})
		s.Behave("example.org", c.b)
		m, err := ask(t, s, "mx1.example.org", mdns.TypeA)
		if got := shown(t, m, err); got != c.want {
			t.Errorf("%s: got %s, want %s", c.b.Kind, got, c.want)
		}
		m, err = ask(t, s, "web.example.net", mdns.TypeA)
		if got := shown(t, m, err); got != "NOERROR RA A 192.0.2.80" {
			t.Errorf("%s: another zone suffers: %s", c.b.Kind, got)
		}
	}
}

func TestServerIsSilentOverBothWires(t *testing.T) {
	s := named(t)
	s.Behave("example.org", world.Behaviour{Kind: world.Silent})
	for _, how := range []func(*mdns.Msg, *mdns.Client){noRec, overTCP} {
		if m, err := ask(t, s, "example.org", mdns.TypeMX, how, briefly); !os.IsTimeout(err) {
			t.Errorf("it says %v, %v", m, err)
		}
	}
}

func TestServerWaits(t *testing.T) {
	s := named(t)
	const wait = 80 * time.Millisecond
	s.Behave("mx1.example.org", world.Behaviour{Wait: wait})
	begun := time.Now()
	m, err := ask(t, s, "mx1.example.org", mdns.TypeA)
	if got := shown(t, m, err); got != "NOERROR RA A 192.0.2.25" || time.Since(begun) < wait {
		t.Errorf("%s after %s", got, time.Since(begun))
	}
}

// raw sends a question and returns the reply's octets.
func raw(t *testing.T, s *world.Server, m *mdns.Msg) []byte {
	t.Helper()
	conn, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = conn.Write(packed)
	buf := make([]byte, 4096)
	n, readErr := conn.Read(buf)
	if err = errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func TestServerLies(t *testing.T) {
	s := named(t)
	q := new(mdns.Msg).SetQuestion("mx1.example.org.", mdns.TypeA)
	var m mdns.Msg
	s.Behave("example.org", world.Behaviour{Kind: world.WrongID})
	if err := m.Unpack(raw(t, s, q)); err != nil || m.Id == q.Id || len(m.Answer) != 1 {
		t.Errorf("wrong ID: %v, %v", &m, err)
	}
	s.Behave("example.org", world.Behaviour{Kind: world.WrongQuestion})
	if err := m.Unpack(raw(t, s, q)); err != nil || m.Id != q.Id || m.Question[0].Name == "mx1.example.org." || len(m.Answer) != 1 {
		t.Errorf("wrong question: %v, %v", &m, err)
	}
	s.Behave("example.org", world.Behaviour{Kind: world.Garbage})
	if buf := raw(t, s, q); m.Unpack(buf) == nil || buf[0] != byte(q.Id>>8) || buf[1] != byte(q.Id) {
		t.Errorf("garbage can be read, or has another ID: %x", buf)
	}
}

func TestServerTellsHugeRepliesOverTCPOnly(t *testing.T) {
	s := named(t)
	for _, name := range []string{"example.org.", "mx1.example.org."} {
		s.Behave("example.org", world.Behaviour{Kind: world.Huge})
		m, err := ask(t, s, name, mdns.TypeMX, overTCP)
		if err != nil {
			t.Fatal(err)
		}
		if n := m.Len(); m.Truncated || len(m.Answer) > 1 || len(m.Extra) < 200 {
			t.Errorf("%s: %d answers, %d more, %d octets", name, len(m.Answer), len(m.Extra), n)
		}
		packed, err := m.Pack()
		if err != nil || len(packed) < 64_000 {
			t.Errorf("%s: %d octets, %v", name, len(packed), err)
		}
	}
}

func TestServerHasChainsWithTheAnswerAtTheirEnd(t *testing.T) {
	s := named(t)
	s.Behave("example.org", world.Behaviour{Kind: world.Chain})
	m, err := ask(t, s, "mx1.example.org", mdns.TypeA, overTCP)
	if err != nil || len(m.Answer) != world.ChainLength+1 {
		t.Fatalf("%v, %v", m, err)
	}
	at := "mx1.example.org."
	for _, r := range m.Answer[:world.ChainLength] {
		alias, ok := r.(*mdns.CNAME)
		if !ok || alias.Hdr.Name != at {
			t.Fatalf("the chain breaks at %s: %v", at, r)
		}
		at = alias.Target
	}
	if a, ok := m.Answer[world.ChainLength].(*mdns.A); !ok || a.Hdr.Name != at || a.A.String() != "192.0.2.25" {
		t.Errorf("at the end of the chain: %v", m.Answer[world.ChainLength])
	}
}

func TestServerAnswersAFewAndThenRefuses(t *testing.T) {
	s := named(t)
	s.Behave("example.org", world.Behaviour{Kind: world.Code, After: 2})
	var all []string
	for range 4 {
		m, err := ask(t, s, "mx1.example.org", mdns.TypeA)
		all = append(all, shown(t, m, err))
	}
	honest, limited := "NOERROR RA A 192.0.2.25", "NOERROR RA A 127.255.255.254"
	if want := []string{honest, honest, limited, limited}; !slices.Equal(all, want) {
		t.Errorf("got %q", all)
	}
}

// TestWhatAResolverKnowsItDoesNotWaitFor: fifty answers that would each take their time, for that of one.
func TestWhatAResolverKnowsItDoesNotWaitFor(t *testing.T) {
	const wait = 200 * time.Millisecond
	s := named(t)
	s.Behave(".", world.Behaviour{Wait: wait, Known: true})
	for _, turn := range []string{"unknown", "forgotten"} {
		begun := time.Now()
		for i := range 50 {
			if m, err := ask(t, s, "mx1.example.org", mdns.TypeA); shown(t, m, err) != "NOERROR RA A 192.0.2.25" {
				t.Errorf("%s: %s", turn, shown(t, m, err))
			}
			if took := time.Since(begun); i == 0 && took < wait {
				t.Errorf("%s: the first answer took %s", turn, took)
			}
		}
		if took := time.Since(begun); took > 50*wait/2 {
			t.Errorf("%s: fifty answers took %s", turn, took)
		}
		s.Forget()
	}
}
