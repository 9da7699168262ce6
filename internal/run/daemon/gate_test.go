package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/host/authpolicy"
	"postward/internal/log/follow"
	"postward/internal/run/ctl"
)

// hears has the daemon read lines, stamped now.
func hears(t testing.TB, d *Daemon, lines ...string) {
	t.Helper()
	for _, text := range lines {
		if _, err := d.hear(t.Context(), []byte(time.Now().UTC().Format(time.RFC3339)+" mx "+text), follow.Key{}); err != nil {
			t.Fatal(err)
		}
	}
}

// guesses is an SMTP session in which a login fails.
func guesses(client, account string) []string {
	return []string{
		fmt.Sprintf("postfix/submission/smtpd[9]: connect from unknown[%s]", client),
		fmt.Sprintf("postfix/submission/smtpd[9]: warning: unknown[%s]: SASL LOGIN authentication failed: no, sasl_username=%s", client, account),
		fmt.Sprintf("postfix/submission/smtpd[9]: disconnect from unknown[%s] ehlo=1 auth=0/1 quit=1 commands=2/3", client),
	}
}

func reads(client, account string) string {
	return fmt.Sprintf("dovecot: imap-login: Login: user=<%s>, method=PLAIN, rip=%s, lip=192.0.2.1, mpid=7, TLS, session=<s1>", account, client)
}

// left is for how long networks are banned still, in minutes.
func left(d *Daemon) string {
	var all []string
	for _, b := range d.gate.Bans().Bans {
		all = append(all, fmt.Sprintf("%s %.0f", b.Prefix, time.Until(b.Until).Minutes()))
	}
	return strings.Join(all, ", ")
}

// TestWithoutAKernelThatBansWhoIsBannedIsPutOff: the daemon of these tests has none, and no root.
func TestWithoutAKernelThatBansWhoIsBannedIsPutOff(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	hears(t, d, guesses("203.0.113.10", "alarm")...)
	m := mail(1, "", 1)
	m.Client = netip.MustParseAddr("203.0.113.10")
	if a := d.judgeMail(t.Context(), m); a.Action != guard.Tempfail || !strings.Contains(a.Reply.Text, "kept out until") {
		t.Errorf("%+v", a)
	}
	m.Client = netip.MustParseAddr("203.0.113.11")
	if a := d.judgeMail(t.Context(), m); strings.Contains(a.Reply.Text, "kept out until") {
		t.Errorf("another: %+v", a)
	}
}

func TestALockIsTold(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	must(t, d, "account/lock", ctl.Name{Account: "anna"})
	if r := guard.MayLogin(d.state, "anna", netip.MustParseAddr("198.51.100.7"), 0); r != guard.LoginLocked {
		t.Errorf("%q", r)
	}
	if s := d.status(); len(s.Gate.Locked) != 1 || !strings.Contains(s.Gate.Unasked, "authpolicy.listen is not set") {
		t.Errorf("%+v", s.Gate)
	}
	must(t, d, "account/unlock", ctl.Name{Account: "anna"})
	if r := guard.MayLogin(d.state, "anna", netip.MustParseAddr("198.51.100.7"), 0); r != "" {
		t.Errorf("%q", r)
	}
}

// TestWhoMayLogInIsShownWithTheAccount, in the list too.
func TestWhoMayLogInIsShownWithTheAccount(t *testing.T) {
	for mode, want := range map[guard.Mode]string{guard.Enforce: "anna locked, bert protected, carl ", guard.Shadow: "anna locked, bert would be protected, carl "} {
		d := beginIn(t, t.TempDir(), mode)
		for _, name := range []string{"anna", "bert", "carl"} {
			must(t, d, "account/allow", ctl.AccountChange{Account: name})
		}
		must(t, d, "account/lock", ctl.Name{Account: "anna"})
		must(t, d, "account/protect", ctl.ProtectRequest{Account: "bert", For: time.Hour})
		var got []string
		for _, a := range must(t, d, "account/list", nil).([]ctl.Account) {
			got = append(got, a.Name+" "+a.Logins)
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s: %q", mode, got)
		}
		if x := must(t, d, "account/show", ctl.Name{Account: "bert"}).(ctl.Account); x.Protected == nil || x.Protected.By != "root" {
			t.Errorf("%+v", x.Protected)
		}
		end(t, d)
	}
}

// TestAnAccountThatOnlyReadsMailIsLockedToo: it is in no list of those who sent some, and a guesser may have its password all the same.
func TestAnAccountThatOnlyReadsMailIsLockedToo(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	hears(t, d, reads("198.51.100.8", "dora"))
	if x := must(t, d, "account/protect", ctl.ProtectRequest{Account: "Dora", For: time.Hour}).(ctl.ProtectAnswer); !x.New || x.Account != "dora" {
		t.Errorf("%+v", x)
	}
	if _, err := d.answer(t.Context(), "root", "account/unlock", []byte(`{"account":"dora"}`)); err == nil {
		t.Error("what was never locked, nor heard of, is opened")
	}
	if x := must(t, d, "account/lock", ctl.Name{Account: "Dora"}).(ctl.Account); !x.New || x.Logins != "locked" {
		t.Errorf("%+v", x)
	}
	if x := must(t, d, "account/lock", ctl.Name{Account: "dora"}).(ctl.Account); x.New {
		t.Error("still not heard of")
	}
	if x := must(t, d, "account/lock", ctl.Name{Account: "anna@example.org"}).(ctl.Account); x.New || x.Name != "anna" {
		t.Errorf("a name with its domain: %s, new: %t", x.Name, x.New)
	}
	if !d.gate.MayLogin(t.Context(), &authpolicy.Attempt{Account: "dora", Client: netip.MustParseAddr("198.51.100.8"), Protocol: "imap"}).Refuses() {
		t.Error("dora is let in")
	}
	for _, name := range []string{"", "  ", "an na", "a\x1bb", strings.Repeat("x", 300)} {
		if _, err := d.lockAccount(t.Context(), "root", "account/lock", ctl.Name{Account: name}); err == nil {
			t.Errorf("%.20q is locked", name)
		}
	}
}

func TestABootWithAClockThatIsAheadEndsNoBan(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	hears(t, d, guesses("203.0.113.10", "alarm")...)
	want := left(d)
	d.clock = clockMark{} // it starts again
	d.clockAtStart(time.Now().Add(400*24*time.Hour), now())
	if got := left(d); got != want { // and the clock is set right
		t.Errorf("%s, and then %s", want, got)
	}
}
