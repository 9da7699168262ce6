package daemon

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"postward/internal/guard"
)

// proven is a daemon whose Postfix calls itself mail.example.org, and beside which nobody looks at mail.
func proven(t *testing.T) (*Daemon, *prover) {
	t.Helper()
	d := begin(t, t.TempDir())
	p := &prover{daemon: d, mailer: func(context.Context) (Mailer, error) {
		return Mailer{Hostname: "mail.example.org", LineLimit: 998}, nil
	}}
	p.prove(t.Context())
	d.beside(nil)
	return d, p
}

// TestWhoseMailIsLookedAt: a stranger's is authenticated, an account's is read to be signed, the canary's is nobody's.
func TestWhoseMailIsLookedAt(t *testing.T) {
	d, _ := proven(t)
	defer end(t, d)
	address := netip.MustParseAddr
	for _, c := range []struct {
		name string
		t    guard.Transaction
		read bool
	}{
		{"a stranger", guard.Transaction{Direction: guard.Inbound, Client: address("203.0.113.9")}, true},
		{"an account", guard.Transaction{Direction: guard.Submission, Client: address("203.0.113.9"), Login: "anna"}, true},
		{"sendmail", guard.Transaction{Direction: guard.Local}, true},
		{"the canary", guard.Transaction{Direction: guard.Inbound, Client: address("127.0.0.1"), Helo: canaryName}, false},
	} {
		w := d.open(&c.t)
		if (w != nil) != c.read {
			t.Errorf("%s: %t", c.name, w != nil)
		}
		if w != nil {
			w.Close()
		}
	}
}

func TestOurDomainsAreThoseOfThePolicy(t *testing.T) {
	d, _ := proven(t)
	defer end(t, d)
	for domain, want := range map[string]bool{"example.org": true, "a.b.example.org": true, "badexample.org": false, "org": false, "": false, "far.example": false} {
		if d.isOurs(domain) != want {
			t.Errorf("%s: %t", domain, !want)
		}
	}
	p := *d.state.Policy()
	p.Domains = []string{"far.example"}
	if _, err := d.record(&guard.Event{Key: "p", Kind: guard.KindPolicy, At: now(), Policy: &p}); err != nil {
		t.Fatal(err)
	}
	if d.isOurs("example.org") || !d.isOurs("far.example") {
		t.Error("the policy changed, and the domains did not")
	}
}

// TestAPostfixThatDoesNotSayWhoItIsIsAskedAgain: until then nothing is authenticated, and status says so.
func TestAPostfixThatDoesNotSayWhoItIsIsAskedAgain(t *testing.T) {
	d, p := proven(t)
	defer end(t, d)
	troubled := func() bool {
		return strings.Contains(strings.Join(d.troubles.List(), "\n"), "neither authenticated nor signed")
	}
	d.prover.Store(nil)
	was := p.mailer
	p.mailer = func(context.Context) (Mailer, error) { return Mailer{}, errors.New("no postconf") }
	p.prove(t.Context())
	if d.prover.Load() != nil || !troubled() || d.open(&guard.Transaction{Direction: guard.Inbound, Client: netip.MustParseAddr("203.0.113.9")}) != nil {
		t.Error("it does not say who it is, and mail is looked at")
	}
	p.mailer = was
	p.prove(t.Context())
	made := d.prover.Load()
	if made == nil || troubled() {
		t.Fatal("it says who it is, and nobody looks at mail")
	}
	made.Beside(nil)
	p.mailer = func(context.Context) (Mailer, error) { return Mailer{Hostname: "mx.example.org", LineLimit: 998}, nil }
	if p.prove(t.Context()); d.prover.Load() == made || !d.prover.Load().Inbound() {
		t.Error("it has another name, and is looked at by the old one; or it is forgotten who else looks")
	}
}
