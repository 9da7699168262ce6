package world_test

import (
	"context"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postward/test/rig"
	"postward/test/world"
)

const example = `
example.org. SOA ns1.example.org. hostmaster.example.org. 7 3600 900 604800 300
example.org. MX 10 mx1.example.org.
mx1.example.org. A 192.0.2.25
mx1.example.org. AAAA 2001:db8::25
www.example.org. CNAME web.example.net.
*.wild.example.org. TXT "any"
there.wild.example.org. A 192.0.2.9
away.wild.example.org. CNAME mx1.example.org.
a.b.example.org. A 192.0.2.10
round.example.org. CNAME around.example.org.
around.example.org. CNAME round.example.org.
`

// named starts a server with two zones.
func named(t testing.TB) *world.Server {
	t.Helper()
	s, err := world.StartServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, s.Close) })
	zones(t, s, "example.org", example)
	zones(t, s, "example.net", "web A 192.0.2.80\n")
	return s
}

func zones(t testing.TB, s *world.Server, apex, text string) {
	t.Helper()
	if err := s.SetZone(apex, text); err != nil {
		t.Fatal(err)
	}
}

func closes(t testing.TB, end func() error) {
	t.Helper()
	if err := end(); err != nil {
		t.Error(err)
	}
}

// ask sends one question over UDP, or what network says.
func ask(t *testing.T, s *world.Server, name string, kind uint16, how ...func(*mdns.Msg, *mdns.Client)) (*mdns.Msg, error) {
	t.Helper()
	m := new(mdns.Msg).SetQuestion(mdns.Fqdn(name), kind)
	c := &mdns.Client{Timeout: 5 * time.Second}
	for _, change := range how {
		change(m, c)
	}
	r, _, err := c.Exchange(m, s.Addr().String())
	return r, err
}

func overTCP(_ *mdns.Msg, c *mdns.Client)  { c.Net = "tcp" }
func wantsAD(m *mdns.Msg, _ *mdns.Client)  { m.AuthenticatedData = true }
func noRec(m *mdns.Msg, _ *mdns.Client)    { m.RecursionDesired = false }
func briefly(_ *mdns.Msg, c *mdns.Client)  { c.Timeout = 50 * time.Millisecond }
func largeUDP(m *mdns.Msg, _ *mdns.Client) { m.SetEdns0(4096, false) }

// shown is a reply in one line: RCODE, flags, answers.
func shown(t *testing.T, m *mdns.Msg, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	words := []string{mdns.RcodeToString[m.Rcode]}
	for flag, on := range map[string]bool{"AA": m.Authoritative, "AD": m.AuthenticatedData, "TC": m.Truncated, "RA": m.RecursionAvailable} {
		if on {
			words = append(words, flag)
		}
	}
	slices.Sort(words[1:])
	for _, r := range m.Answer {
		words = append(words, strings.Join(strings.Fields(strings.Replace(r.String(), r.Header().String(), mdns.TypeToString[r.Header().Rrtype]+" ", 1)), " "))
	}
	return strings.Join(words, " ")
}

func TestServerAnswersLikeAResolverAndLikeTheZonesOwn(t *testing.T) {
	s := named(t)
	for _, c := range []struct {
		name string
		kind uint16
		rec  bool
		want string
	}{
		{"example.org", mdns.TypeMX, true, "NOERROR RA MX 10 mx1.example.org."},
		{"MX1.Example.ORG", mdns.TypeA, true, "NOERROR RA A 192.0.2.25"},
		{"example.org", mdns.TypeMX, false, "NOERROR AA RA MX 10 mx1.example.org."},
		{"mx1.example.org", mdns.TypeTXT, true, "NOERROR RA"},
		{"nobody.example.org", mdns.TypeA, true, "NXDOMAIN RA"},
		{"b.example.org", mdns.TypeA, true, "NOERROR RA"}, // an empty non-terminal exists
		{"www.example.org", mdns.TypeA, true, "NOERROR RA CNAME web.example.net. A 192.0.2.80"},
		{"www.example.org", mdns.TypeCNAME, true, "NOERROR RA CNAME web.example.net."},
		{"x.wild.example.org", mdns.TypeTXT, true, `NOERROR RA TXT "any"`},
		{"x.y.wild.example.org", mdns.TypeTXT, true, `NOERROR RA TXT "any"`},
		{"x.there.wild.example.org", mdns.TypeTXT, true, "NXDOMAIN RA"},
		{"there.wild.example.org", mdns.TypeTXT, true, "NOERROR RA"}, // what exists hides the wildcard
		{"round.example.org", mdns.TypeA, true, "NOERROR RA CNAME around.example.org. CNAME round.example.org."},
		{"elsewhere.example", mdns.TypeA, true, "NXDOMAIN RA"},
		{"elsewhere.example", mdns.TypeA, false, "REFUSED RA"},
	} {
		m, err := ask(t, s, c.name, c.kind, func(m *mdns.Msg, _ *mdns.Client) { m.RecursionDesired = c.rec })
		if got := shown(t, m, err); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.name, mdns.TypeToString[c.kind], got, c.want)
		}
		over, err := ask(t, s, c.name, c.kind, overTCP, func(m *mdns.Msg, _ *mdns.Client) { m.RecursionDesired = c.rec })
		if got := shown(t, over, err); got != c.want {
			t.Errorf("%s %s over TCP: got %s, want %s", c.name, mdns.TypeToString[c.kind], got, c.want)
		}
		if c.want == "NXDOMAIN RA" || c.want == "NOERROR RA" {
			if len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != mdns.TypeSOA {
				t.Errorf("%s: a negative answer without its SOA: %v", c.name, m.Ns)
			}
		}
	}
}

func TestServerSetsADOnlyWhenEverythingIsAuthentic(t *testing.T) {
	s := named(t)
	s.Authentic("example.org", true)
	s.Authentic("wild.example.org", false)
	for name, want := range map[string]bool{"mx1.example.org": true, "www.example.org": false, "there.wild.example.org": false, "away.wild.example.org": false, "web.example.net": false} {
		m, err := ask(t, s, name, mdns.TypeA, wantsAD)
		if err != nil || m.AuthenticatedData != want {
			t.Errorf("%s: AD is %v, want %v (%v)", name, m.AuthenticatedData, want, err)
		}
	}
	m, err := ask(t, s, "mx1.example.org", mdns.TypeA)
	if err != nil || m.AuthenticatedData {
		t.Errorf("AD for somebody who did not ask for it: %v, %v", m, err)
	}
}

func TestServerCutsWhatDoesNotFitAndTellsAllOverTCP(t *testing.T) {
	s := named(t)
	var text strings.Builder
	for range 60 {
		text.WriteString(`big TXT "` + strings.Repeat("x", 200) + rig.NewToken() + "\"\n")
	}
	zones(t, s, "example.com", text.String())
	for _, how := range []func(*mdns.Msg, *mdns.Client){noRec, largeUDP} {
		m, err := ask(t, s, "big.example.com", mdns.TypeTXT, how)
		if err != nil || !m.Truncated {
			t.Errorf("60 texts in a datagram are not cut: %v", err)
		}
	}
	m, err := ask(t, s, "big.example.com", mdns.TypeTXT, overTCP)
	if err != nil || m.Truncated || len(m.Answer) != 60 {
		t.Errorf("over TCP: %d texts, %v", len(m.Answer), err)
	}
}

func TestServerChangesItsZonesWhileItRuns(t *testing.T) {
	s := named(t)
	if err := s.Change([]string{"example.org. MX 10 mx1.example.org.", "mx1.example.org. AAAA"},
		[]string{"example.org. MX 5 mx2.example.org.", "mx2.example.org. A 192.0.2.26"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"example.org": "NOERROR RA MX 5 mx2.example.org.", "web.example.net": "NOERROR RA"} {
		m, err := ask(t, s, name, mdns.TypeMX)
		if got := shown(t, m, err); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	m, err := ask(t, s, "mx1.example.org", mdns.TypeAAAA)
	if got := shown(t, m, err); got != "NOERROR RA" {
		t.Errorf("the AAAA is still there: %s", got)
	}
	for _, bad := range [][2][]string{
		{{"example.org. TXT \"never there\""}, nil}, {{"mx1.example.org. AAAA"}, nil}, {nil, {"relative A 192.0.2.1"}},
		{nil, {"nowhere.example. A 192.0.2.1"}}, {nil, {"example.org. NONSENSE 1"}},
		{{"mx2.example.org. A"}, {"example.org. A what"}}, // all or nothing
	} {
		if err := s.Change(bad[0], bad[1]); err == nil {
			t.Errorf("changed without an error: %q", bad)
		}
	}
	m, err = ask(t, s, "mx2.example.org", mdns.TypeA)
	if got := shown(t, m, err); got != "NOERROR RA A 192.0.2.26" {
		t.Errorf("half of a change was made: %s", got)
	}
}

func TestServerCountsEveryQuestion(t *testing.T) {
	s := named(t)
	for range 3 {
		if _, err := ask(t, s, "MX1.example.org", mdns.TypeA); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask(t, s, "example.org", mdns.TypeMX, overTCP); err != nil {
		t.Fatal(err)
	}
	if n := s.Asked("mx1.example.org", mdns.TypeA); n != 3 {
		t.Errorf("3 questions are counted as %d", n)
	}
	if a, b := s.AskedBelow("example.org"), s.AskedBelow("ample.org"); a != 4 || b != 0 {
		t.Errorf("below example.org %d of 4, below ample.org %d of 0", a, b)
	}
	s.Forget()
	if n := s.AskedBelow("."); n != 0 {
		t.Errorf("%d questions after Forget", n)
	}
}

func TestServerIsOnLoopbackOnly(t *testing.T) {
	if s, err := world.StartServer("0.0.0.0:0"); err == nil {
		s.Close()
		t.Error("it listens everywhere")
	}
}

func TestServerDelegatesAndPassesOn(t *testing.T) {
	s, other := named(t), named(t)
	zones(t, other, "list.example", "2.0.0.127 A 127.0.0.2\n")
	s.Delegate("list.example", other.Addr())
	for name, want := range map[string]string{"2.0.0.127.list.example": "NOERROR RA A 127.0.0.2", "1.0.0.127.list.example": "NXDOMAIN RA"} {
		for _, how := range []func(*mdns.Msg, *mdns.Client){largeUDP, overTCP} {
			m, err := ask(t, s, name, mdns.TypeA, how)
			if got := shown(t, m, err); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	if n := other.AskedBelow("list.example"); n != 4 {
		t.Errorf("the other server was asked %d times, not 4", n)
	}
	other.Behave("list.example", world.Behaviour{Kind: world.Silent})
	m, err := ask(t, s, "2.0.0.127.list.example", mdns.TypeA)
	if got := shown(t, m, err); got != "SERVFAIL RA" {
		t.Errorf("of a silent server: %s", got)
	}
}

func TestServerEndsWithoutLeavingAnybody(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := world.StartServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Behave(".", world.Behaviour{Wait: time.Hour})
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := ask(t, s, "waits.example", mdns.TypeA, briefly); !os.IsTimeout(err) {
		t.Fatalf("a question that waits an hour was answered: %v", err)
	}
	begun := time.Now()
	closes(t, s.Close)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("Close took %s", took)
	}
	nobodyIsLeft(t, before)
}

func nobodyIsLeft(t *testing.T, before int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := rig.Wait(ctx, "goroutines to end", func() error {
		if now := runtime.NumGoroutine(); now > before {
			return os.ErrExist
		}
		return nil
	}); err != nil {
		var stacks [64 << 10]byte
		t.Errorf("%v:\n%s", err, stacks[:runtime.Stack(stacks[:], true)])
	}
}

// TestAWildcardAtTheRootMatches as one anywhere else does (RFC 4592 section 4.2): below names that exist it does not.
func TestAWildcardAtTheRootMatches(t *testing.T) {
	s, err := world.StartServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, s.Close) })
	zones(t, s, ".", "*. A 198.51.100.80\nexample.org. A 192.0.2.1\n")
	for name, want := range map[string]string{"nobody.invalid": "NOERROR RA A 198.51.100.80", "x": "NOERROR RA A 198.51.100.80", "example.org": "NOERROR RA A 192.0.2.1", "x.example.org": "NXDOMAIN RA"} {
		m, err := ask(t, s, name, mdns.TypeA)
		if got := shown(t, m, err); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
