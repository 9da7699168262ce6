package main

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/run/ctl"
)

// guessingDesks are configurations with a daemon each that answers what is asked about guessing: enforcing, in shadow, without a kernel
// that bans, and one that knows nothing yet.
func guessingDesks(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, change := range map[string]func(map[string]any){
		"enforce.toml": func(map[string]any) {}, "shadow.toml": inShadow, "nokernel.toml": withoutKernel, "new.toml": knowingNothing,
	} {
		answers := guessingAnswers()
		change(answers)
		text, err := os.ReadFile(desk(t, answers))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files
}

var (
	then  = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	net64 = netip.MustParsePrefix("2001:db8:1:2::/64")
)

// guessingAnswers are those of a daemon that keeps two out, and one account protected.
func guessingAnswers() map[string]any {
	guesser := guess.Ban{Prefix: netip.MustParsePrefix("203.0.113.9/32"), Since: then, Until: then.Add(2 * time.Hour), Times: 2, Reason: guess.Passwords, Evidence: guess.Evidence{Tries: 8, Account: "anna\x1b[2J", Seconds: 1800}}
	byHand := guess.Ban{Prefix: net64, Since: then, Until: then.Add(24 * time.Hour), Times: 1, Reason: guess.ByHand, By: "root"}
	wave := guess.Evidence{Tries: 40, Sources: 12, Account: "bert"}
	protection := guess.Protection{Account: "bert", Since: then, Until: then.Add(time.Hour), Evidence: wave}
	bans := ctl.BansAnswer{Network: net64, Bans: []guess.Ban{guesser, byHand}, Protected: []guess.Protection{protection}, Enforced: true,
		Confined: []guess.Confine{{Prefix: netip.MustParsePrefix("198.51.100.7/32"), Until: then.Add(time.Hour), Evidence: guess.Evidence{Tries: 30, Names: 3}}}}
	locked := ctl.Account{Account: &guard.Account{Name: "anna", Status: guard.Normal, Locked: guard.TimeOf(then)}, Logins: "locked"}
	protected := ctl.Account{Account: &guard.Account{Name: "bert", Status: guard.Normal}, Logins: "protected", Protected: &protection}
	return map[string]any{
		"status":   ctl.Status{Gate: ctl.Gate{Enforced: true, Bans: 2, Protected: []string{"bert"}, Confined: 1, Locked: []string{"anna"}}},
		"ban/list": bans, "ban/add": bans, "ban/remove": ctl.BansAnswer{Bans: bans.Bans[1:], Enforced: true},
		"source/show":  ctl.SourceAnswer{About: guess.About{Client: guesser.Prefix.Addr(), Source: guesser.Prefix, Network: netip.MustParsePrefix("203.0.113.0/24"), Hour: 2, Day: 8, Week: 8, Last: then, Names: 1, Tried: []string{"anna"}, Ban: &guesser}, Why: guesser.Why(), Enforced: true},
		"allow/list":   ctl.AllowAnswer{Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, Own: []netip.Prefix{netip.MustParsePrefix("::1/128")}, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		"allow/add":    ctl.AllowAnswer{Networks: []netip.Prefix{net64}, Own: []netip.Prefix{}},
		"allow/remove": ctl.AllowAnswer{Networks: []netip.Prefix{}, Own: []netip.Prefix{}},
		"account/list": []ctl.Account{locked, protected, {Account: &guard.Account{Name: "carl", Status: guard.Normal}}},
		"account/show": protected, "account/lock": locked, "account/unlock": protected, "account/protect": ctl.ProtectAnswer{Protection: protection},
	}
}

func inShadow(answers map[string]any) {
	s, bans, remove, about := answers["status"].(ctl.Status), answers["ban/list"].(ctl.BansAnswer), answers["ban/remove"].(ctl.BansAnswer), answers["source/show"].(ctl.SourceAnswer)
	s.Gate.Enforced, bans.Enforced, remove.Enforced, about.Enforced = false, false, false, false
	answers["status"], answers["ban/list"], answers["ban/add"], answers["ban/remove"], answers["source/show"] = s, bans, bans, remove, about
	accounts := answers["account/list"].([]ctl.Account)
	accounts[1].Logins = "would be protected"
	answers["account/show"] = accounts[1]
}

func withoutKernel(answers map[string]any) {
	s, bans, about := answers["status"].(ctl.Status), answers["ban/list"].(ctl.BansAnswer), answers["source/show"].(ctl.SourceAnswer)
	s.Gate.Kernel, bans.Kernel = "guessing.kernel is false", "guessing.kernel is false"
	s.Gate.Unasked = "authpolicy.listen is not set: postward attach --dovecot --apply says what to do"
	about.Ban, about.Never = nil, "somebody logged in from there within the last week; postward ban add 203.0.113.9 bans it all the same"
	answers["status"], answers["ban/list"], answers["ban/add"], answers["source/show"] = s, bans, bans, about
}

func knowingNothing(answers map[string]any) {
	client := netip.MustParseAddr("203.0.113.9")
	for verb, answer := range map[string]any{
		"status": ctl.Status{Gate: ctl.Gate{}}, "ban/list": ctl.BansAnswer{Bans: []guess.Ban{}}, "account/list": []ctl.Account{}, "allow/list": ctl.AllowAnswer{},
		"source/show": ctl.SourceAnswer{About: guess.About{Client: client, Source: netip.PrefixFrom(client, 32)}},
	} {
		answers[verb] = answer
	}
	answers["account/lock"] = ctl.Account{Account: &guard.Account{Name: "dora", Locked: guard.TimeOf(then)}, Logins: "locked", New: true}
	answers["account/protect"] = ctl.ProtectAnswer{Protection: guess.Protection{Account: "dora", Until: then}, New: true}
	delete(answers, "ban/remove")
}
