//go:build daemons

// Package spine_test runs postward as it is shipped on a real Postfix: attached by its own command, a root parent and
// a child of its own user, mail over SMTP, and the queue and the world as witnesses.
package spine_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"postward/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

var users = map[string]string{"alarm": "alarm", "anna": "correct horse", "bob": "battery staple"}

// field is a site with postward attached and running.
type field struct {
	*rig.Site
	*rig.Postward
	ctx context.Context
}

// attached starts a site with postward. It ends with the test.
func attached(t *testing.T, config rig.PostwardConfig) *field {
	t.Helper()
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	config.Binary = binary
	site, err := rig.NewSite(rig.PostfixConfig{}, users)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	})
	w, err := rig.Attach(site.Postfix, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("postward said:\n%s\nPostfix said:\n%s", w.LogTail(30), site.Postfix.LogTail(40))
		}
	})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	if err := site.Postfix.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return &field{Site: site, Postward: w, ctx: ctx}
}

// do runs a verb.
func (f *field) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := f.Run(f.ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (f *field) client(user, address string) rig.Client {
	return rig.Client{Addr: f.Site.Postfix.Submission(), Address: address, User: user, Password: users[user]}
}

func (f *field) account(t *testing.T, sent []rig.Mail) *rig.Ledger {
	t.Helper()
	ledger, err := rig.Account(f.ctx, sent, f.Sink, f.Site.Postfix)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Err(); err != nil {
		t.Error(err)
	}
	return ledger
}

func TestAnAccountThatMayNotSendCannot(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	m := f.client("alarm", "203.0.113.80").SendOne(f.ctx, rig.Mail{From: "alarm@example.org", To: []string{"x@example.net"}})
	if m.Outcome != rig.Refused || m.Code != 550 && m.Code != 554 {
		t.Errorf("%s %d %s", m.Outcome, m.Code, m.Reply)
	}
	f.do(t, "account", "allow", "anna")
	ok := f.client("anna", "127.0.0.1").SendOne(f.ctx, rig.Mail{From: "anna@example.org", To: []string{"x@example.net"}})
	if ok.Outcome != rig.Accepted {
		t.Errorf("%s %s", ok.Outcome, ok.Reply)
	}
	ledger := f.account(t, []rig.Mail{m, ok})
	fmt.Println(ledger, f.do(t, "status"))
}
