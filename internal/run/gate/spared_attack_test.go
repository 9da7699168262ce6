package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/host/authpolicy"
	"postward/internal/run/ctl"
)

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
			if !d.MayLogin(t.Context(), a).Refuses() {
				d.report(a)
				let++
			}
		}
	}
	d.report(&authpolicy.Attempt{Account: "test", Client: netip.MustParseAddr("203.0.113.99"), Protocol: "imap"})
	if got := listed(d); let > 20 {
		t.Errorf("%d of 1200 guesses from there at a protected account were let through; banned: %q", let, got)
	}
}

// TestAttackEachGuesserBesideThisHostIsBanned, though their network cannot be: that forgives nobody, and lifts no other ban.
func TestAttackEachGuesserBesideThisHostIsBanned(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	hears(t, d, guesses("203.0.113.9", "alarm")...)
	for n := range 40 {
		hears(t, d, guesses(fmt.Sprintf("203.0.113.%d", 10+n%4), "anna")...)
		if n == 11 {
			d.spare(netip.MustParsePrefix("203.0.113.0/24"), errors.New("203.0.113.0/24 holds 203.0.113.200, an address of this host"))
		}
	}
	got := listed(d)
	for n := range 5 {
		if want := fmt.Sprintf("203.0.113.%d/32", 9+n); !strings.Contains(got, want) {
			t.Errorf("%s is not banned: %s", want, got)
		}
	}
	if strings.Contains(got, "/24") {
		t.Errorf("the network is: %s", got)
	}
}

// TestAttackALockHoldsWhateverTheNameIs that Dovecot makes the account of.
func TestAttackALockHoldsWhateverTheNameIs(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	must(t, d, "account/lock", ctl.Name{Account: "anna"})
	for _, name := range []string{"anna", "anna@example.org"} {
		if !d.MayLogin(t.Context(), &authpolicy.Attempt{Account: name, Client: netip.MustParseAddr("203.0.113.9"), Protocol: "imap"}).Refuses() {
			t.Errorf("%s is let in", name)
		}
	}
	for _, name := range []string{"anna@evil.example", "anna@", "anna@mail.example.org"} {
		if !d.MayLogin(t.Context(), &authpolicy.Attempt{Account: name, Client: netip.MustParseAddr("203.0.113.9"), Protocol: "imap"}).Refuses() {
			t.Logf("as %q the locked account is let in, if Dovecot makes anna of it", name)
		}
	}
	if !d.MayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: netip.Addr{}, Protocol: "imap"}).Refuses() {
		t.Logf("without an address, the locked account is let in")
	}
	for _, p := range []string{"lmtp", "doveadm", "lda"} {
		if !d.MayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("203.0.113.9"), Protocol: p}).Refuses() {
			t.Logf("by %s the locked account is let in", p)
		}
	}
	if !d.MayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("127.0.0.1"), Protocol: "imap"}).Refuses() {
		t.Logf("over loopback (webmail on the host) the locked account is let in")
	}
}

// TestAttackALockIsAnsweredWhileOthersKeepTheGateBusy: behind a second Dovecot lets him in whose password is right.
func TestAttackALockIsAnsweredWhileOthersKeepTheGateBusy(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	must(t, d, "account/lock", ctl.Name{Account: "anna"})
	d.Gate.mu.Lock()
	defer d.Gate.mu.Unlock()
	if !d.MayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("203.0.113.9"), Protocol: "imap"}).Refuses() {
		t.Error("it is let in")
	}
}

// TestAttackGuessesThatDovecotIsNotAskedAbout: Postfix asks Cyrus (saslauthd), Dovecot has the mailboxes and asks us. One login to a
// mailbox in ten minutes, whose ever, and no guess in Postfix's log is heard.
func TestAttackGuessesThatDovecotIsNotAskedAbout(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	d.report(&authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("192.0.2.200"), Protocol: "imap", Failure: "credentials"})
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
		if !d.MayLogin(t.Context(), &authpolicy.Attempt{Account: "anna", Client: client, Protocol: "imap"}).Refuses() {
			t.Errorf("a locked account is let in from %q, as by webmail on this host", from)
		}
	}
}
