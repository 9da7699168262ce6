package proof

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/auth/keys"
	"postward/internal/auth/mailauth"
	"postward/internal/guard"
	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
	"postward/internal/mail/milter"
	"postward/internal/run/config"
	"postward/internal/wire/dns"
)

// house is a prover of example.org, with what it hangs on.
type house struct {
	*Prover
	verdict milter.Answer
	judged  []*guard.Transaction
	may     bool
	sure    bool
	records strings.Builder // of the keys
}

const farZone = `far.example. TXT "v=spf1 ip4:203.0.113.0/24 -all"
_dmarc.far.example. TXT "v=DMARC1; p=reject"
`

// begin makes a house with two keys of example.org, if they are wanted.
func begin(t *testing.T, withKeys bool, change func(*config.Authentication)) *house {
	t.Helper()
	h := &house{verdict: milter.Answer{Action: guard.Accept}, may: true, sure: true}
	dir := keys.Dir{Path: filepath.Join(t.TempDir(), "keys")}
	if withKeys {
		h.keys(t, dir)
	}
	zone, err := dns.ParseZone(strings.NewReader(farZone+h.records.String()), ".", "test")
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default().Authentication
	if change != nil {
		change(&c)
	}
	ledger := NewLedger(filepath.Join(t.TempDir(), "proofs"), slog.Default())
	t.Cleanup(ledger.Close) // before its directory goes: a line waits a second
	h.Prover, err = New(Options{
		Config: &c, ID: "mx.example.org", LineLimit: 998, Keys: dir.Path, Resolver: zone, Log: slog.New(slog.DiscardHandler), Ledger: ledger,
		Forwarders: &Forwarders{}, Ours: func(domain string) bool { return domain == "example.org" },
		Account: func(t *guard.Transaction) string {
			if t.Direction == guard.Local {
				return guard.Unknown
			}
			return t.Login
		},
		MaySign: func(t *guard.Transaction) (bool, bool) { return h.may, h.sure },
		Judge: func(_ context.Context, t *guard.Transaction) milter.Answer {
			h.judged = append(h.judged, t)
			return h.verdict
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Reload(); err != nil {
		t.Fatal(err)
	}
	return h
}

// keys puts two keys that the zone has shown for long into a directory.
func (h *house) keys(t *testing.T, dir keys.Dir) {
	t.Helper()
	if err := os.Mkdir(dir.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	seen := &keys.Sight{At: time.Now(), Servers: []keys.Witness{{Server: "ns", Shows: keys.Right}}}
	k, err := keys.Key{Domain: "example.org", Selector: "r"}.As(long)
	if err != nil {
		t.Fatal(err)
	}
	e, err := keys.Key{Domain: "example.org", Selector: "e"}.As(edwards)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := dir.Adopt(k, long, time.Now(), seen); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dir.Adopt(e, edwards, time.Now(), seen); err != nil {
		t.Fatal(err)
	}
	for _, k := range []keys.Key{k, e} {
		fmt.Fprintf(&h.records, "%s. TXT \"%s\" \"%s\"\n", k.Name(), k.Record()[:60], k.Record()[60:])
	}
}

var header = []canon.Field{{Name: "From", Value: " Anna <anna@example.org>"}, {Name: "Subject", Value: " hello"}}

// passes sends a mail through the prover; answered is false where nobody reads it.
func (h *house) passes(m *guard.Transaction, header []canon.Field, body string) (a milter.Answer, answered bool) {
	w := h.Open(m)
	if w == nil {
		return a, false
	}
	defer w.Close()
	w.Header(header, false)
	w.Body([]byte(body))
	return w.End(context.Background(), m), true
}

func TestMailOfAccountsIsSignedByBothKeys(t *testing.T) {
	h := begin(t, true, nil)
	body := strings.Repeat("x", 1500) + "\r\n"
	a, _ := h.passes(&guard.Transaction{Login: "anna", Direction: guard.Submission}, header, body)
	if len(a.Insert) != 2 || a.Insert[0].Name != "DKIM-Signature" || len(h.judged) != 1 || h.judged[0].Proof != nil {
		t.Fatalf("%+v", a)
	}
	arrived := slices.Clone(header)
	for _, f := range a.Insert {
		arrived = append([]canon.Field{{Name: f.Name, Value: f.Value}}, arrived...)
	}
	s := dkim.Read(arrived)
	sum := canon.NewBody(s.Forms()...)
	fmt.Fprintf(sum, "%s\r\n %s\r\n", body[:998], body[998:1500]) // as smtp(8) sends it
	for _, r := range s.Verify(t.Context(), s.Ask(t.Context(), h.options.Resolver), sum, time.Now()) {
		if r.Status != dkim.Pass {
			t.Error(r)
		}
	}
	if in, out := h.options.Ledger.Today(time.Now()); out["signed"] != 1 || out["mails"] != 1 || in["mails"] != 0 {
		t.Errorf("%v %v", in, out)
	}
}

func TestWhatIsNotSigned(t *testing.T) {
	mine := &guard.Transaction{Login: "anna", Direction: guard.Submission}
	signed := append([]canon.Field{{Name: "DKIM-Signature", Value: " v=1; a=rsa-sha256; d=Example.org;\n s=mail; b="}}, header...)
	for _, c := range []struct {
		name   string
		header []canon.Field
		change func(*house)
		want   int
	}{
		{"another domain", []canon.Field{{Name: "From", Value: " anna@far.example"}}, nil, 0},
		{"a domain below", []canon.Field{{Name: "From", Value: " anna@a.example.org"}}, nil, 2},
		{"a name that ends alike", []canon.Field{{Name: "From", Value: " anna@badexample.org"}}, nil, 0},
		{"the second author", []canon.Field{{Name: "From", Value: " x@far.example, anna@example.org"}}, nil, 2},
		{"no author", []canon.Field{{Name: "Subject", Value: " x"}}, nil, 0},
		{"refused", header, func(h *house) { h.verdict.Action = guard.Reject }, 0},
		{"put off", header, func(h *house) { h.verdict.Action = guard.Tempfail }, 0},
		{"held", header, func(h *house) { h.verdict.Action = guard.Hold }, 2},
		{"signed before, and somebody may", signed, func(h *house) { h.Beside([]string{"inet:localhost:8891"}) }, 0},
		{"signed before, and nobody is there who may", signed, func(h *house) { h.Beside(nil) }, 2},
		{"not his to write", header, func(h *house) { h.may = false }, 0},
		{"handed on by a filter", []canon.Field{{Name: "Authentication-Results", Value: " mx.far.example; spf=pass"}, header[0]}, func(h *house) { h.sure = false }, 0},
		{"of a machine", header, func(h *house) { h.sure = false }, 2},
		{"somebody may, and did not", header, func(h *house) { h.Beside([]string{"inet:localhost:8891"}) }, 2},
	} {
		h := begin(t, true, nil)
		if c.change != nil {
			c.change(h)
		}
		if a, _ := h.passes(mine, c.header, "x\r\n"); len(a.Insert) != c.want {
			t.Errorf("%s: %d signatures", c.name, len(a.Insert))
		}
	}
	forged := []canon.Field{{Name: "Authentication-Results", Value: " other.example; spf=pass"}, {Name: "Authentication-Results", Value: " MX.example.org; dmarc=pass"}}
	h := begin(t, false, nil)
	if a, _ := h.passes(mine, append(forged, header...), "x\r\n"); len(a.Insert) != 0 || !slices.Equal(a.Remove, []milter.Removal{{Name: "Authentication-Results", Index: 2}}) {
		t.Errorf("%+v", a)
	}
	if a, _ := h.passes(&guard.Transaction{Direction: guard.Local, UnixUser: "filter"}, append(forged, header...), "x\r\n"); len(a.Remove) != 0 {
		t.Errorf("of a filter: %+v", a)
	}
}

// outsider is a mail from outside that bears a forged field of ours.
func outsider(address, author string) (*guard.Transaction, []canon.Field) {
	return &guard.Transaction{Direction: guard.Inbound, Client: netip.MustParseAddr(address), Helo: "mx", ReversePath: author, Recipients: []string{"anna@example.org"}},
		[]canon.Field{{Name: "Authentication-Results", Value: " mx.example.org; dmarc=pass"}, {Name: "From", Value: " " + author}}
}

func TestMailFromOutsideIsJudgedByWhatIsProved(t *testing.T) {
	for _, c := range []struct {
		name, address, author string
		action                guard.Action
		asUs                  bool
		why                   string
	}{
		{"its own server", "203.0.113.9", "bob@far.example", guard.Accept, false, ""},
		{"another", "198.51.100.9", "bob@far.example", guard.Reject, false, "far.example: its author's domain asks to reject it"},
		{"as us", "198.51.100.9", "anna@example.org", guard.Accept, true, "example.org: it is written in the name"},
	} {
		h := begin(t, true, func(a *config.Authentication) { a.Inbound = "on" })
		m, header := outsider(c.address, c.author)
		a, answered := h.passes(m, header, "x\r\n")
		p := m.Proof
		if !answered || p == nil || p.Action != c.action || p.AsUs != c.asUs || !strings.HasPrefix(p.Why, c.why) {
			t.Fatalf("%s: %t %+v", c.name, answered, p)
		}
		var names []string
		for _, f := range a.Insert {
			names = append(names, f.Name)
		}
		if want := []string{"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results", "Authentication-Results"}; !slices.Equal(names, want) {
			t.Errorf("%s: %q", c.name, names)
		}
		if !slices.Equal(a.Remove, []milter.Removal{{Name: "Authentication-Results", Index: 1}}) {
			t.Errorf("%s: forged fields: %+v", c.name, a.Remove)
		}
		if c.action == guard.Reject && !strings.Contains(a.Insert[3].Value, "policy.dmarc=quarantine") {
			t.Errorf("%s: what is not refused after all is not marked: %s", c.name, a.Insert[3].Value)
		}
		h.verdict.Action = guard.Reject
		if a, _ := h.passes(m, header, ""); len(a.Insert)+len(a.Remove) > 0 {
			t.Errorf("%s: a refused mail is changed: %+v", c.name, a)
		}
	}
}

func TestWhoElseDoesItDecidesWhetherWeDo(t *testing.T) {
	m := &guard.Transaction{Direction: guard.Inbound, Client: netip.MustParseAddr("203.0.113.9"), ReversePath: "bob@far.example"}
	for _, c := range []struct {
		inbound string
		others  []string
		asked   bool
		want    bool
	}{
		{"auto", nil, false, false}, {"auto", nil, true, true}, {"auto", []string{"inet:localhost:8891"}, true, false},
		{"on", nil, false, true}, {"on", []string{"x"}, true, true}, {"off", nil, true, false},
	} {
		h := begin(t, false, func(a *config.Authentication) { a.Inbound = c.inbound })
		if c.asked {
			h.Beside(c.others)
		}
		w := h.Open(m)
		if w != nil {
			w.Close()
		}
		if (w != nil) != c.want || h.Inbound() != c.want {
			t.Errorf("%+v: %t", c, w != nil)
		}
	}
}

func TestWhatTheConfigurationSaysIsCheckedAtTheStart(t *testing.T) {
	for _, change := range []func(*config.Authentication){
		func(a *config.Authentication) { a.ID = "not a name" },
		func(a *config.Authentication) { a.OnReject = "discard" },
	} {
		c := config.Default().Authentication
		change(&c)
		if _, err := New(Options{Config: &c, ID: "mx.example.org"}); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestAKeyThatIsPutBackSignsAgain: what is wrong is told for as long as it is so, and nobody has to restart anything.
func TestAKeyThatIsPutBackSignsAgain(t *testing.T) {
	h := begin(t, true, nil)
	path := filepath.Join(h.dir.Path, "example.org", "r-rsa.pem")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(h.dir.Path, "state.json"), time.Time{}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	signs := func() int { return len(h.signers.Load().choose("example.org")) }
	for range 3 {
		if err := h.Reload(); err == nil || signs() != 1 {
			t.Fatalf("%v, %d sign", err, signs())
		}
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := h.Reload(); err != nil || signs() != 2 {
		t.Errorf("%v, %d sign", err, signs())
	}
}

// TestEachRuleIsWhatTheOperatorSaid: also where he says one word for both.
func TestEachRuleIsWhatTheOperatorSaid(t *testing.T) {
	words := []mailauth.Disposition{mailauth.Accept, mailauth.Mark, mailauth.Hold, mailauth.Reject}
	for _, direct := range words {
		for _, asUs := range words {
			p, err := policyOf(&config.Authentication{OnReject: direct.String(), AsUs: asUs.String()})
			if err != nil || p.Direct != direct || p.AsUs != asUs {
				t.Errorf("on_reject %s, as_us %s: %+v, %v", direct, asUs, p, err)
			}
		}
	}
}

// TestWhatIsToBeHeldIsToldTheGuard: as such, and not as a refusal.
func TestWhatIsToBeHeldIsToldTheGuard(t *testing.T) {
	h := begin(t, false, func(c *config.Authentication) { c.Inbound, c.OnReject = "on", "hold" })
	far := &guard.Transaction{Direction: guard.Inbound, Client: netip.MustParseAddr("198.51.100.7"), Helo: "h.example", ReversePath: "x@h.example", Recipients: []string{"anna@example.org"}}
	h.verdict = milter.Answer{Action: guard.Hold}
	a, _ := h.passes(far, []canon.Field{{Name: "From", Value: " bob@far.example"}}, "hello\r\n")
	if p := h.judged[0].Proof; p.Action != guard.Hold || a.Action != guard.Hold || len(a.Insert) != 1 || !strings.Contains(a.Insert[0].Value, "policy.dmarc=quarantine") {
		t.Errorf("%+v %+v", p, a)
	}
	if in, _ := h.options.Ledger.Today(time.Now()); in["held"] != 1 {
		t.Errorf("%v", in)
	}
}
