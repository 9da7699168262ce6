package gate

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/authpolicy"
	"postward/internal/host/nft"
	"postward/internal/host/warden"
	"postward/internal/run/ctl"
)

// heard has the daemon read lines, stamped some time ago.
func heard(t testing.TB, d *house, ago time.Duration, lines ...string) {
	t.Helper()
	for _, text := range lines {
		d.hear([]byte(time.Now().Add(-ago).UTC().Format(time.RFC3339) + " mx " + text))
	}
}

func takes(client string) string {
	return fmt.Sprintf("postfix/smtpd[9]: 3F2A81C0B1: client=unknown[%s]", client)
}

const server = "203.0.113.41"

// kept says how the server is kept out; empty: it is not.
func kept(d *house) string {
	for _, b := range d.Bans().Bans {
		if b.Prefix.Contains(netip.MustParseAddr(server)) {
			return fmt.Sprintf("logins %v, for the %d. time: %s", b.Logins, b.Times, b.Why())
		}
	}
	return ""
}

// asked is what Dovecot is answered about the server.
func asked(t testing.TB, d *house, protocol string) bool {
	return !d.MayLogin(t.Context(), &authpolicy.Attempt{Account: "test", Client: netip.MustParseAddr(server), Protocol: protocol}).Refuses()
}

// mailed is what the server's mail is answered, under a login or none.
func mailed(t testing.TB, d *house, login string) (putOff bool) {
	t.Helper()
	a, _ := d.KeptOut(netip.MustParseAddr(server), login)
	return a.Action == guard.Tempfail && strings.Contains(a.Reply.Text, "kept out until")
}

// TestAMailServerIsKeptFromLoggingInAlone, without a kernel that bans too, and after a restart.
func TestAMailServerIsKeptFromLoggingInAlone(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	hears(t, d, takes(server))
	hears(t, d, guesses(server, "test")...)
	for range 2 {
		if got := kept(d); !strings.HasPrefix(got, "logins true, for the 1. time") || !strings.Contains(got, "mail was taken from there") {
			t.Fatalf("%q", got)
		}
		if asked(t, d, "imap") {
			t.Error("it is let in")
		}
		if mailed(t, d, "") {
			t.Error("its mail waits")
		}
		if !mailed(t, d, "anna") {
			t.Error("somebody who logged in from there, with whatever password, sends")
		}
		end(t, d)
		d = begin(t, dir)
	}
	defer end(t, d)
	hears(t, d, reads(server, "anna"))
	if mailed(t, d, "anna") {
		t.Error("who is at home there does not send")
	}
	hears(t, d, guesses("203.0.113.42", "test")...)
	x := must(t, d, "source/show", ctl.SourceRequest{Client: netip.MustParseAddr("203.0.113.42")}).(ctl.SourceAnswer)
	if x.Ban == nil || x.Ban.Logins {
		t.Errorf("whose mail was never taken: %+v", x.Ban)
	}
}

// TestWhoGoesOnByPort25IsBannedWhole: where the kernel keeps out who is banned, what still comes came by that port.
func TestWhoGoesOnByPort25IsBannedWhole(t *testing.T) {
	for name, goesOn := range map[string]func(d *house){
		"its line is read":      func(d *house) { hears(t, d, guesses(server, "test")...) },
		"Dovecot asks about it": func(d *house) { asked(t, d, "smtp") },
		"but not by the kernel": func(d *house) {
			d.Gate.keeps = nft.ErrUnavailable
			hears(t, d, guesses(server, "test")...)
			asked(t, d, "smtp")
		},
		"but not in the kernel": func(d *house) {
			d.config.Guessing.Kernel = false
			hears(t, d, guesses(server, "test")...)
			asked(t, d, "smtp")
		},
		"but not by port 25":     func(d *house) { asked(t, d, "imap") },
		"but that was under way": func(d *house) { heard(t, d, 55*time.Second, guesses(server, "test")...) },
	} {
		t.Run(name, func(t *testing.T) {
			d := begin(t, t.TempDir())
			defer end(t, d)
			heard(t, d, time.Minute, takes(server))
			heard(t, d, time.Minute, guesses(server, "test")...)
			if got := kept(d); !strings.HasPrefix(got, "logins true") {
				t.Fatalf("%q", got)
			}
			d.takeNews()
			goesOn(d)
			want := "logins false, for the 2. time: a refused login as \"test\" by port 25"
			if strings.HasPrefix(name, "but") {
				want = "logins true, for the 1. time"
			}
			if got := kept(d); !strings.HasPrefix(got, want) {
				t.Errorf("%q, not %q", got, want)
			}
			if news, _, _ := d.takeNews(); len(news) == 1 != strings.HasPrefix(want, "logins false") {
				t.Errorf("the kernel is told of %+v", news)
			}
		})
	}
}

// TestAStandingBanIsPackedWhole, of either family and any width.
func TestAStandingBanIsPackedWhole(t *testing.T) {
	var last standingBan
	for i, p := range []string{"198.51.100.0/24", "203.0.113.1/32", "2001:db8:1::/48", "2001:db8:1::/64", "2001:db8:1::9/128"} {
		b := nft.Ban{Prefix: netip.MustParsePrefix(p), For: guess.LongestBan, Logins: i%2 == 0}
		packed := standingOf(b, int64(i))
		if got := packed.ban(); got != b {
			t.Errorf("%+v, not %+v", got, b)
		}
		if i > 0 && last.compare(packed) >= 0 {
			t.Errorf("%s is not behind the one before", p)
		}
		last = packed
	}
}

// TestABanThatChangedItsWayIsOneThatDiffers.
func TestABanThatChangedItsWayIsOneThatDiffers(t *testing.T) {
	ban := func(p string, logins bool) nft.Ban {
		return nft.Ban{Prefix: netip.MustParsePrefix(p), For: time.Hour, Logins: logins}
	}
	want := []nft.Ban{ban("203.0.113.1/32", true), ban("203.0.113.2/32", false), ban("203.0.113.3/32", true), ban("203.0.113.4/32", false), ban("203.0.113.5/32", true)}
	have := []nft.Ban{ban("203.0.113.1/32", false), ban("203.0.113.2/32", true), ban("203.0.113.3/32", true), ban("203.0.113.4/32", true), ban("203.0.113.4/32", false), ban("203.0.113.6/32", true)}
	c := comparison{had: make([]bool, len(want))}
	for _, b := range want {
		c.want = append(c.want, standingOf(b, 0))
	}
	for _, b := range have {
		c.has(b)
	}
	if missing := c.missing(); fmt.Sprint(missing) != fmt.Sprint([]nft.Ban{want[0], want[1], want[3], want[4]}) || fmt.Sprint(c.over) != "[203.0.113.6/32]" {
		t.Errorf("missing %v, over %v", missing, c.over)
	}
}

// TestWithoutTheKernelTheAdministratorIsSpared, and this host: the parent alone knows them.
func TestWithoutTheKernelTheAdministratorIsSpared(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	sessions := t.TempDir()
	if err := os.WriteFile(filepath.Join(sessions, "12"), []byte("REMOTE_HOST=203.0.114.9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.warden = warden.Direct(&warden.Acts{Logins: warden.Logins{Sessions: sessions, Utmp: filepath.Join(sessions, "none")}})
	d.config.Guessing.Kernel = false
	hears(t, d, guesses("203.0.114.9", "alarm")...)
	hears(t, d, guesses("203.0.114.10", "alarm")...)
	d.tellBans(t.Context())
	if got := listed(d); got != "203.0.114.10/32 default 1" {
		t.Errorf("banned: %s", got)
	}
	hears(t, d, guesses("203.0.114.9", "pi")...)
	if x := must(t, d, "source/show", ctl.SourceRequest{Client: netip.MustParseAddr("203.0.114.9")}).(ctl.SourceAnswer); x.Ban != nil || x.Never == "" {
		t.Errorf("%+v", x)
	}
	if _, err := d.AddBan(t.Context(), "root", ctl.BanRequest{Network: netip.MustParsePrefix("203.0.114.9/32"), For: time.Hour}); err == nil || !strings.Contains(err.Error(), "logged in to this host") {
		t.Errorf("by hand: %v", err)
	}
	clear(d.Gate.sparings) // one that stands since before, as after a restart
	d.Gate.watch.Take(guess.Attempt{Kind: guess.Failed, At: time.Now(), Client: netip.MustParseAddr("203.0.114.9"), Account: "alarm"})
	for range 2 {
		d.vet(t.Context())
		if got := listed(d); got != "203.0.114.10/32 default 1" {
			t.Errorf("banned: %s", got)
		}
	}
}
