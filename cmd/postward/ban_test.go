package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/guard/guess"
	"postward/internal/run/ctl"
)

// shownTo is what a person sees of something.
func shownTo(person bool, show func(*app)) string {
	var b bytes.Buffer
	show(&app{out: &output{w: &b, person: person}})
	return b.String()
}

func TestAnAddressOfWhichNothingIsKnownHasNoYearOne(t *testing.T) {
	client := netip.MustParseAddr("203.0.113.9")
	x := ctl.SourceAnswer{About: guess.About{Client: client, Source: netip.PrefixFrom(client, 32)}, Enforced: true}
	got := shownTo(true, func(a *app) { a.printSource(&x) })
	if strings.Contains(got, "0001") || !strings.Contains(got, "0 in a week, last -\n") {
		t.Error(got)
	}
}

func TestWhatAPersonHadProtectedIsNotCalledGuessedAt(t *testing.T) {
	x := ctl.BansAnswer{Enforced: true, Protected: []guess.Protection{
		{Account: "anna", Until: time.Now(), By: "root"}, {Account: "bert", Until: time.Now(), Evidence: guess.Evidence{Sources: 12}},
	}}
	got := shownTo(true, func(a *app) { a.printGate(&x) })
	for _, want := range []string{": an operator said so\n", ": 12 networks guess at it\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// TestABanOfLoginsAloneSaysSo, in the list and where it is explained.
func TestABanOfLoginsAloneSaysSo(t *testing.T) {
	b := guess.Ban{Prefix: netip.MustParsePrefix("203.0.113.41/32"), Until: time.Now().Add(time.Hour), Times: 1, Reason: guess.Default, Evidence: guess.Evidence{Account: "test"}, Logins: true}
	x := ctl.BansAnswer{Enforced: true, Bans: []guess.Ban{b}}
	source := ctl.SourceAnswer{About: guess.About{Client: b.Prefix.Addr(), Source: b.Prefix, Ban: &b}, Enforced: true, Why: b.Why()}
	for what, got := range map[string]string{"list": shownTo(false, func(a *app) { a.printBans(&x) }), "explain": shownTo(true, func(a *app) { a.printSource(&source) })} {
		if !strings.Contains(got, `a login as "test", which nobody has here; kept from logging in alone, for mail was taken from there`) {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// TestAPersonIsToldWhatDoesNotStand: in shadow mode nobody is kept out, whatever the table below looks like.
func TestAPersonIsToldWhatDoesNotStand(t *testing.T) {
	one := []guess.Ban{{Prefix: netip.MustParsePrefix("203.0.113.9/32")}}
	protected := []guess.Protection{{Account: "anna", By: "root"}}
	for want, x := range map[string]ctl.BansAnswer{
		"Nobody is banned.\nanna is protected until":                                   {Enforced: true, Protected: protected},
		"Nobody would be banned (guessing.mode is shadow).\nanna would be protected":   {Protected: protected},
		"Nobody is kept out: guessing.mode is shadow. These would be banned:\nNETWORK": {Bans: one},
		"The kernel keeps nobody out (no nftables). Who is banned":                     {Bans: one, Enforced: true, Kernel: "no nftables"},
		"NETWORK": {Bans: one, Enforced: true},
	} {
		got := shownTo(true, func(a *app) {
			if err := a.printBans(&x); err != nil {
				t.Error(err)
			}
		})
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q does not begin with %q", got, want)
		}
	}
}
