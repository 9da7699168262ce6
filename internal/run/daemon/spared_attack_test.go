package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"postward/internal/guard/guess"
	"postward/internal/host/authpolicy"
	"postward/internal/run/ctl"
)

func open(t *testing.T) {
	t.Helper()
	if os.Getenv("ATTACK") == "" {
		t.Skip("an attack that succeeds: ATTACK=1 shows it")
	}
}

// TestAttackANeighbourOfThisHostIsNotSpared: whoever rents four hosts beside the server's has their /24 banned; the parent refuses, for
// the server is in it; and for a day whoever is in that /24 may do what he likes.
func TestAttackANeighbourOfThisHostIsNotSpared(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	for n := range 12 {
		hears(t, d, guesses(fmt.Sprintf("203.0.113.%d", 10+n%4), "anna")...)
	}
	if got := listed(d); got != "203.0.113.0/24 network 1" {
		t.Fatalf("banned: %s", got)
	}
	d.spare(netip.MustParsePrefix("203.0.113.0/24"), errors.New("203.0.113.0/24 holds 203.0.113.200, an address of this host"))
	must(t, d, "account/protect", ctl.ProtectRequest{Account: "anna", For: 24 * time.Hour})
	let := 0
	for range 300 {
		for n := range 4 {
			a := &authpolicy.Attempt{Account: "anna", Client: netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + n)}), Protocol: "imap"}
			if !d.mayLogin(t.Context(), a).Refuses() {
				d.reported(a)
				let++
			}
		}
	}
	d.reported(&authpolicy.Attempt{Account: "test", Client: netip.MustParseAddr("203.0.113.99"), Protocol: "imap"})
	if got := listed(d); let > 20 {
		t.Errorf("%d of 1200 guesses from there at a protected account were let through; banned: %q", let, got)
	}
}

// TestAttackALockHoldsWhateverTheNameIs that Dovecot makes the account of.
func TestAttackALockHoldsWhateverTheNameIs(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	must(t, d, "account/lock", ctl.Name{Account: "anna"})
	for _, name := range []string{"anna", "anna@example.org"} {
		if !d.mayLogin(t.Context(), &authpolicy.Attempt{Account: name, Client: netip.MustParseAddr("203.0.113.9"), Protocol: "imap"}).Refuses() {
			t.Errorf("%s is let in", name)
		}
	}
	for _, name := range []string{"anna@evil.example", "anna@", "anna@mail.example.org"} {
		if !d.mayLogin(t.Context(), &authpolicy.Attempt{Account: name, Client: netip.MustParseAddr("203.0.113.9"), Protocol: "imap"}).Refuses() {
			t.Logf("as %q the locked account is let in, if Dovecot makes anna of it", name)
		}
	}
	if !d.mayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: netip.Addr{}, Protocol: "imap"}).Refuses() {
		t.Logf("without an address, the locked account is let in")
	}
	for _, p := range []string{"lmtp", "doveadm", "lda"} {
		if !d.mayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("203.0.113.9"), Protocol: p}).Refuses() {
			t.Logf("by %s the locked account is let in", p)
		}
	}
	if !d.mayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("127.0.0.1"), Protocol: "imap"}).Refuses() {
		t.Logf("over loopback (webmail on the host) the locked account is let in")
	}
}

// TestAttackTheGateIsAnsweredWhileItIsWrittenDown: 80,000 guessers, and who asks meanwhile waits; after a second Dovecot lets him in.
func TestAttackTheGateIsAnsweredWhileItIsWrittenDown(t *testing.T) {
	open(t)
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	must(t, d, "account/lock", ctl.Name{Account: "anna"})
	d.gate.mu.Lock()
	at := time.Now().Round(0).Add(-time.Hour)
	for round := range 6 {
		for n := range 40_000 {
			a := netip.AddrFrom4([4]byte{11, byte(n >> 15), byte(n >> 7), byte(n & 1)})
			d.gate.watch.Take(guess.Attempt{Kind: guess.Failed, At: at, Client: a, Account: fmt.Sprintf("name%d", (n+round*997)%20_000), Exists: true})
		}
	}
	d.gate.changed = true
	d.gate.mu.Unlock()
	saved := make(chan time.Duration)
	go func() {
		began := time.Now()
		d.saveGate(time.Now())
		saved <- time.Since(began)
	}()
	time.Sleep(20 * time.Millisecond)
	began := time.Now()
	answer := d.mayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("203.0.113.9"), Protocol: "imap"})
	waited := time.Since(began)
	began = time.Now()
	d.keptOut(netip.MustParseAddr("192.0.2.25"))
	t.Logf("refused %t after %s; a mail then waited %s; the save took %s", answer.Refuses(), waited, time.Since(began), <-saved)
	if waited > authpolicy.AnswerTime {
		t.Errorf("a locked account is let in: the answer took %s", waited)
	}
}

// TestAttackGuessesThatDovecotIsNotAskedAbout: Postfix asks Cyrus (saslauthd), Dovecot has the mailboxes and asks us. One login to a
// mailbox in ten minutes, whose ever, and no guess in Postfix's log is heard.
func TestAttackGuessesThatDovecotIsNotAskedAbout(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	d.reported(&authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("192.0.2.200"), Protocol: "imap", Failure: "credentials"})
	for n := range 300 {
		hears(t, d, fmt.Sprintf("postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: authentication failure, sasl_username=name%d", n))
	}
	hears(t, d, guesses("203.0.113.10", "test")...)
	if got := listed(d); got == "" {
		t.Error("300 guesses by SMTP, and nobody is banned, for Dovecot reported one login of somebody else")
	}
}

// TestAttackALockHoldsInWebmailOnThisHost: "lets nobody in, whatever the password".
func TestAttackALockHoldsInWebmailOnThisHost(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	must(t, d, "account/lock", ctl.Name{Account: "anna"})
	for _, from := range []string{"127.0.0.1", "::1", ""} {
		client, _ := netip.ParseAddr(from)
		if !d.mayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: client, Protocol: "imap"}).Refuses() {
			t.Errorf("a locked account is let in from %q, as by webmail on this host", from)
		}
	}
}
