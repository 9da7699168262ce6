//go:build daemons

package spine_test

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// banned returns what nft(8) says is in the table.
func banned(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("nft", "list", "table", "inet", "postward").CombinedOutput()
	if err != nil && !strings.Contains(string(out), "No such file") {
		t.Fatalf("nft: %v: %s", err, out)
	}
	return string(out)
}

// guess tries a password over the wire, in a session that stays open.
func (f *field) guess(t *testing.T, from, near, user, password string) (*rig.Session, rig.Step) {
	t.Helper()
	_, port, err := net.SplitHostPort(f.Site.Postfix.Submission())
	if err != nil {
		t.Fatal(err)
	}
	s, err := rig.Client{Addr: net.JoinHostPort(near, port), From: from, Timeout: 10 * time.Second}.Open(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s, s.Auth(user, password, "")
}

// reached reports whether a connection from the far host is made.
func (f *field) reached(from, near string, patience time.Duration) bool {
	_, port, _ := net.SplitHostPort(f.Site.Postfix.Submission())
	return f.port(from, near, port, patience)
}

// TestWhoGuessesIsKeptOutByTheKernel: somebody guesses through Postfix and Dovecot. His open session dies, his next SYN is dropped,
// another host gets through, and the ban ends by itself.
// The log is Postfix's alone.
func TestWhoGuessesIsKeptOutByTheKernel(t *testing.T) {
	if _, err := rig.TheFar(); err != nil {
		t.Fatal(err)
	}
	for _, family := range []struct{ name, near, guesser, other, source string }{
		{"IPv4", rig.Near4, rig.FarOne4, rig.FarOther4, rig.FarOne4 + "/32"},
		{"IPv6", rig.Near6, rig.FarOne6, rig.FarOther6, "2001:db8::/64"},
	} {
		t.Run(family.name, func(t *testing.T) {
			f := attachedTo(t, rig.PostfixConfig{SubmissionPort: 587, Main: map[string]string{"inet_protocols": "all"}}, rig.PostwardConfig{Mode: "enforce"})
			f.do(t, "account", "allow", "anna")
			f.do(t, "account", "allow", "bob")
			if s, step := f.guess(t, family.other, family.near, "bob", users["bob"]); step.Code != 235 {
				t.Fatalf("bob: %s", step)
			} else {
				s.Close()
			}
			var open *rig.Session
			for range 8 {
				s, step := f.guess(t, family.guesser, family.near, "anna", "wrong")
				if step.Code != 535 {
					t.Fatalf("a wrong password: %s", step)
				}
				if open != nil {
					open.Close()
				}
				open = s
			}
			if err := rig.Wait(f.ctx, "the ban", func() error {
				if !f.reached(family.guesser, family.near, 500*time.Millisecond) {
					return nil
				}
				return context.DeadlineExceeded
			}); err != nil {
				t.Fatalf("%v\n%s\n%s", err, banned(t), f.do(t, "ban", "list"))
			}
			if step := open.Do("NOOP"); step.Code != 0 {
				t.Errorf("his open session goes on: %s", step)
			}
			if !f.reached(family.other, family.near, 5*time.Second) {
				t.Error("another host does not get through")
			}
			if said := f.do(t, "ban", "explain", family.guesser); !strings.Contains(said, "8 refused logins") || !strings.Contains(said, "banned until") {
				t.Errorf("explain says %q", said)
			}
			check := exec.Command("nft", "-c", "-f", "-")
			check.Stdin = strings.NewReader(f.do(t, "ban", "list", "--nft"))
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("nft does not read the listing: %v: %s", err, out)
			}
			f.do(t, "ban", "remove", family.source)
			if !f.reached(family.guesser, family.near, 5*time.Second) {
				t.Error("the ban was lifted, and he does not get through")
			}
			f.do(t, "ban", "add", family.source, "--for", "2s")
			if err := rig.Wait(f.ctx, "the second ban", func() error {
				if !f.reached(family.guesser, family.near, 300*time.Millisecond) {
					return nil
				}
				return context.DeadlineExceeded
			}); err != nil {
				t.Error(err)
			}
			if !f.reached(family.guesser, family.near, 20*time.Second) {
				t.Error("the ban does not end by itself")
			}
		})
	}
}
