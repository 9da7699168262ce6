package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/run/ctl"
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

// TestWhoHandsMailOnIsRememberedOverAStart: also who is proposed, at the desk.
func TestWhoHandsMailOnIsRememberedOverAStart(t *testing.T) {
	dir := t.TempDir()
	day := time.Now().Unix() / (24 * 60 * 60)
	d := begin(t, dir)
	d.writer.SetCursor(forwardersName, fmt.Sprintf(`{"uni.example":{"day":%d,"marked":7,"proved":7,"mails":5,"authors":["a.example","b.example","c.example"],"for":["anna@example.org"]}}`, day))
	if a := d.forwarderList(); len(a.Forwarders) != 0 {
		t.Errorf("nobody looks at mail, and %+v", a)
	}
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	d.recallForwarders(t.Context())
	(&prover{daemon: d, mailer: func(context.Context) (Mailer, error) { return Mailer{Hostname: "mail.example.org"}, nil }}).prove(t.Context())
	a, err := d.answer(t.Context(), "test", "forwarder/list", nil)
	if x, is := a.(ctl.ForwardersAnswer); err != nil || !is || len(x.Forwarders) != 1 || x.Forwarders[0].Domain != "uni.example" || d.status().Proof.Forwarders != 1 {
		t.Errorf("%+v %v", a, err)
	}
}
