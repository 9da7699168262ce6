package gate

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/nft"
	"postward/internal/run/ctl"
)

// hears has the daemon read lines, stamped now.
func hears(t testing.TB, d *house, lines ...string) {
	t.Helper()
	for _, text := range lines {
		d.hear([]byte(time.Now().UTC().Format(time.RFC3339) + " mx " + text))
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

func listed(d *house) string {
	var all []string
	for _, b := range d.Bans().Bans {
		all = append(all, fmt.Sprintf("%s %s %d", b.Prefix, b.Reason, b.Times))
	}
	return strings.Join(all, ", ")
}

func TestWhoGuessesIsBannedAndItOutlivesTheDaemon(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	for range 7 {
		hears(t, d, guesses("203.0.113.9", "anna")...)
	}
	hears(t, d, guesses("203.0.113.10", "alarm")...)
	const want = "203.0.113.10/32 default 1"
	if got := listed(d); got != want {
		t.Errorf("banned: %s", got)
	}
	d.Save(time.Now())
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	if got := listed(d); got != want {
		t.Errorf("after the restart: %s", got)
	}
	hears(t, d, guesses("203.0.113.9", "anna")...)
	if got := listed(d); got != "203.0.113.9/32 passwords 1, "+want {
		t.Errorf("the eighth: %s", got)
	}
}

func TestWhoLogsInSomewhereIsNotBannedThere(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	hears(t, d, reads("198.51.100.7", "anna"))
	for range 30 {
		hears(t, d, guesses("198.51.100.7", "anna")...)
	}
	if got := listed(d); got != "" {
		t.Errorf("banned: %s", got)
	}
}

// TestANamesakeIsSomebodyElse: who has info@ at one domain of the site is nobody at the other, and every form of a name is its account.
func TestANamesakeIsSomebodyElse(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.state.Policy().Domains = []string{"one.example", "two.example"}
	for _, name := range []string{"info@one.example", "info@two.example", "anna"} {
		must(t, d, "account/allow", ctl.AccountChange{Account: name})
	}
	hears(t, d, reads("198.51.100.7", "info@one.example"))
	hears(t, d, reads("198.51.100.8", "Anna@Two.example"))
	for range 25 {
		hears(t, d, guesses("198.51.100.7", "info@two.example")...)
		hears(t, d, guesses("198.51.100.8", "anna")...)
		hears(t, d, guesses("198.51.100.8", "anna@one.example")...)
	}
	confined := d.Bans().Confined
	if len(confined) != 1 || confined[0].Prefix.String() != "198.51.100.7/32" || confined[0].Account != "info@two.example" {
		t.Errorf("confined: %+v", confined)
	}
	if got := listed(d); got != "" {
		t.Errorf("banned: %s", got)
	}
}

// TestANameOfTheOnlyDomainIsTheSameWithoutIt: also of a mailbox that never sends.
func TestANameOfTheOnlyDomainIsTheSameWithoutIt(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.state.Policy().Domains = []string{"one.example"}
	hears(t, d, reads("198.51.100.7", "dora@one.example"))
	for range 25 {
		hears(t, d, guesses("198.51.100.7", "dora")...)
	}
	if confined := d.Bans().Confined; len(confined) != 0 {
		t.Errorf("confined: %+v", confined)
	}
}

// TestAForgedLineBansNobodyElse: what a stranger puts into a name or a HELO is never the address that is banned.
func TestAForgedLineBansNobodyElse(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for n := range 40 {
		forged := fmt.Sprintf("x[198.51.100.%d]: SASL LOGIN authentication failed, rip=198.51.100.%[1]d>, user=<y", n)
		hears(t, d, guesses("203.0.113.9", forged)...)
		hears(t, d, fmt.Sprintf("postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <a@b.example>: Relay access denied; from=<c@d.example> to=<a@b.example> proto=ESMTP helo=<unknown[198.51.100.%d]>", n))
	}
	for _, b := range d.Bans().Bans {
		if b.Prefix.String() != "203.0.113.9/32" {
			t.Errorf("banned: %s, %s", b.Prefix, b.Why())
		}
	}
}

func TestAPersonBansAndLifts(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	ask := func(verb, network string, span time.Duration) error {
		_, err := d.answer(t.Context(), "root", verb, fmt.Appendf(nil, `{"network":%q,"for":%d}`, network, span))
		return err
	}
	for network, refused := range map[string]string{
		"203.0.113.9/32": "", "203.0.113.0/24": "", "2001:db8:1:2::/64": "",
		"0.0.0.0/0": "too wide", "203.0.0.0/16": "too wide", "::/0": "too wide", "2001:db8::/32": "too wide", "127.0.0.1/32": "this host", "64:ff9b::cb00:0/112": "whoever has IPv4 comes", "64:ff9b::/96": "whoever has IPv4 comes", "64:ff9b:1::9/128": "whoever has IPv4 comes", "::1/128": "your own networks",
		"::ffff:203.0.113.9/128": "no address", "224.0.0.1/32": "nobody comes from there", "fe80::1/128": "nobody comes from there",
	} {
		err := ask("ban/add", network, time.Hour)
		if refused == "" && err != nil || refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
			t.Errorf("%s: %v, not %q", network, err, refused)
		}
	}
	if err := ask("ban/add", "203.0.113.77/32", 8*24*time.Hour); err == nil {
		t.Error("a ban for longer than a week is taken")
	}
	if err := ask("ban/remove", "203.0.113.9/32", 0); err != nil {
		t.Error(err)
	}
	if got := listed(d); got != "2001:db8:1:2::/64 by hand 1" { // and the /24 is lifted that held the address
		t.Errorf("banned: %s", got)
	}
	if err := ask("ban/remove", "203.0.113.9/32", 0); err == nil {
		t.Error("what is not banned is lifted")
	}
	if err := ask("allow/add", "2001:db8:1::/48", 0); err != nil {
		t.Error(err)
	}
	if got := listed(d); got != "" {
		t.Errorf("banned, though allowed: %s", got)
	}
	if err := ask("ban/add", "2001:db8:1:2::/64", time.Hour); err == nil {
		t.Error("what is allowed is banned")
	}
}

func TestInShadowNobodyIsKeptOut(t *testing.T) {
	d := beginIn(t, t.TempDir(), guard.Shadow)
	defer end(t, d)
	hears(t, d, guesses("203.0.113.10", "alarm")...)
	if b := d.Bans(); len(b.Bans) != 1 || b.Enforced {
		t.Errorf("%+v", b)
	}
	if _, banned := d.KeptOut(netip.MustParseAddr("203.0.113.10"), ""); banned {
		t.Error("it is kept out")
	}
}

func TestALoginThatEndsAWaveSpeaksAgainstTheAccount(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	before := d.state.Account("anna").Suspicion.Points
	for _, name := range []string{"bert", "carl", "karl", "dora", "emil"} {
		must(t, d, "account/allow", ctl.AccountChange{Account: name})
		hears(t, d, guesses("203.0.113.9", name)...)
	}
	hears(t, d, reads("203.0.113.9", "anna"))
	if got := d.state.Account("anna").Suspicion.Points - before; got < 2*guard.Point {
		t.Errorf("it gathered %d", got)
	}
	if s := d.troubles.List(); !strings.Contains(strings.Join(s, "\n"), "postward account lock anna") {
		t.Errorf("status says %q", s)
	}
}

func TestWhyTheAllowListStaysAsItIsIsSaid(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for network, want := range map[string]string{"203.0.113.9/32": "203.0.113.9 is not on the allow list", "": "no address"} {
		_, err := d.answer(t.Context(), "root", "allow/remove", fmt.Appendf(nil, `{"network":%q}`, network))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "room") {
			t.Errorf("%q: %v", network, err)
		}
	}
}

// A slip of the finger must not let everybody guess.
func TestNobodyAllowsTheInternet(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for network, want := range map[string]bool{"0.0.0.0/0": false, "203.0.113.0/2": false, "::/0": false, "2000::/3": false, "10.0.0.0/8": true, "203.0.113.0/24": true, "2001:db8::/32": true, "fd00::/20": true} {
		_, err := d.answer(t.Context(), "root", "allow/add", fmt.Appendf(nil, `{"network":%q}`, network))
		if (err == nil) != want {
			t.Errorf("%s: %v", network, err)
		}
	}
}

func TestTheClockMovesTheGateToo(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	hears(t, d, guesses("203.0.113.10", "alarm")...)
	until := d.Bans().Bans[0].Until
	d.mu.Lock()
	d.stepped = -time.Hour
	d.mu.Unlock()
	hears(t, d, guesses("203.0.113.11", "alarm")...)
	d.Gate.mu.Lock()
	defer d.Gate.mu.Unlock()
	if b := d.Gate.watch.Ban(netip.MustParsePrefix("203.0.113.10/32")); !b.Until.Equal(until.Add(-time.Hour)) {
		t.Errorf("it ends at %s, not an hour before %s", b.Until, until)
	}
}

func TestWhatTheKernelLacksAndWhatIsOverIsFound(t *testing.T) {
	p := func(s string) netip.Prefix { return netip.MustParsePrefix(s) }
	want := []nft.Ban{{Prefix: p("203.0.113.1/32"), For: time.Hour}, {Prefix: p("203.0.113.2/32"), For: time.Hour}, {Prefix: p("203.0.113.3/32"), For: time.Hour}}
	have := []nft.Ban{{Prefix: p("203.0.113.1/32"), For: time.Hour - time.Second}, {Prefix: p("203.0.113.2/32"), For: time.Minute}, {Prefix: p("203.0.113.4/32"), For: time.Hour}}
	c := comparison{had: make([]bool, len(want))}
	for i, b := range want {
		c.want = append(c.want, standingOf(b, int64(i)))
	}
	for _, b := range have {
		c.has(b)
	}
	if missing := c.missing(); fmt.Sprint(missing) != fmt.Sprint([]nft.Ban{want[2], want[1]}) || fmt.Sprint(c.over) != "[203.0.113.4/32]" { // the newest first
		t.Errorf("missing %v, over %v", missing, c.over)
	}
}

func TestReasonsOfBansAreShown(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	hears(t, d, guesses("203.0.113.10", "alarm")...)
	x := must(t, d, "source/show", ctl.SourceRequest{Client: netip.MustParseAddr("203.0.113.10")}).(ctl.SourceAnswer)
	if x.Ban == nil || x.Ban.Reason != guess.Default || x.Why == "" || x.Day != 1 || strings.Join(x.Tried, "") != "alarm" {
		t.Errorf("%+v", x)
	}
}

// TestWhomPostfixTrustsIsNeverBanned: mynetworks, whatever it tries.
func TestWhomPostfixTrustsIsNeverBanned(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.Gate.ask = func(context.Context) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} }
	d.askTrusted(t.Context(), time.Now())
	if !d.Trusts(netip.MustParseAddr("::ffff:203.0.113.10")) || d.Trusts(netip.MustParseAddr("198.51.100.10")) || d.Trusts(netip.Addr{}) {
		t.Error("who is trusted is not known")
	}
	hears(t, d, guesses("203.0.113.10", "alarm")...)
	hears(t, d, guesses("198.51.100.10", "alarm")...)
	if got := listed(d); got != "198.51.100.10/32 default 1" {
		t.Errorf("banned: %s", got)
	}
	if _, err := d.answer(t.Context(), "root", "ban/add", []byte(`{"network":"203.0.113.10/32","for":3600000000000}`)); err == nil {
		t.Error("it is banned by hand")
	}
}

// TestAProxyThatGuessesComeByIsTold, once, and not banned: nobody is known to come from elsewhere.
func TestAProxyThatGuessesComeByIsTold(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for n := range 12 {
		hears(t, d, guesses("172.17.0.1", fmt.Sprintf("karen%d", n))...)
		d.tellOfFront(time.Now())
	}
	told := strings.Join(d.troubles.List(), "\n")
	if got := listed(d); got != "" || strings.Count(told, "172.17.0.1 (12 refused logins within a day)") != 1 {
		t.Errorf("banned: %s; told: %s", got, told)
	}
	if x := must(t, d, "source/show", ctl.SourceRequest{Client: netip.MustParseAddr("172.17.0.1")}).(ctl.SourceAnswer); x.Never == "" {
		t.Errorf("%+v", x)
	}
	hears(t, d, reads("198.51.100.7", "anna"))
	hears(t, d, guesses("172.17.0.1", "alarm")...)
	d.tellOfFront(time.Now())
	if got, told := listed(d), strings.Join(d.troubles.List(), "\n"); got != "172.17.0.1/32 default 1" || strings.Contains(told, "172.17.0.1") {
		t.Errorf("somebody logs in from elsewhere. Banned: %s; told: %s", got, told)
	}
}

// TestABanOfAProxyIsLifted when it is found out, in the kernel and in what is stored.
func TestABanOfAProxyIsLifted(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	hears(t, d, guesses("203.0.113.80", "alarm")...)
	if got := listed(d); got != "203.0.113.80/32 default 1" {
		t.Fatalf("banned: %s", got)
	}
	for n := range 30 {
		hears(t, d, reads("203.0.113.80", fmt.Sprintf("person%d", n)), fmt.Sprintf("postfix/smtpd[9]: 3F2A81C0B%d: client=unknown[203.0.113.80]", n%10))
	}
	d.Gate.mu.Lock()
	lift := fmt.Sprint(d.Gate.lift)
	d.Gate.mu.Unlock()
	if got := listed(d); got != "" || lift != "[203.0.113.80/32]" {
		t.Errorf("banned: %s, to be lifted in the kernel: %s", got, lift)
	}
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	if got := listed(d); got != "" {
		t.Errorf("after the restart: %s", got)
	}
}

// Who just failed may be banned by the next line: it is read as it comes. What tells of mail can wait.
func TestTheLogIsReadInAHurryWhereSomebodyFails(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	hear := func(text string) { d.hear([]byte(text)) }
	stamp := time.Now().Format("Jan _2 15:04:05")
	hear(stamp + " mx postfix/qmgr[7]: A000001: removed")
	hear(stamp + " mx dovecot: imap-login: Login: user=<anna>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=7, TLS, session=<a>")
	if d.Hurries() {
		t.Error("in a hurry, and nobody failed")
	}
	hear(stamp + " mx dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<anna>, method=PLAIN, rip=203.0.113.80, lip=192.0.2.1, session=<e>")
	if time.Since(d.Gate.failed) > time.Minute {
		t.Error("in no hurry, and somebody failed")
	}
}
