package gate

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/host/authpolicy"
	"postward/internal/lists/dnsbl"
	"postward/internal/run/ctl"
	"postward/internal/wire/dns"
)

const ratsZone = "2.0.0.127.auth.spamrats.com. A 127.0.0.43\n"

// rats has the daemon ask one list of guessers through a resolver.
func rats(t *testing.T, d *house, r dns.Resolver) {
	t.Helper()
	set, err := dnsbl.Load("")
	if err != nil {
		t.Fatal(err)
	}
	checker := dnsbl.New(r, dnsbl.Options{})
	lists, wrong := checker.ForLogins(set, []string{"spamrats-auth"})
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	d.AskLists(lists, checker)
}

func ratsSay(t *testing.T, listed ...string) dns.Resolver {
	t.Helper()
	text := ratsZone
	for _, reversed := range listed {
		text += reversed + ".auth.spamrats.com. A 127.0.0.43\n"
	}
	z, err := dns.ParseZone(strings.NewReader(text), ".", "lists")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// entering asks as Dovecot does.
func entering(t *testing.T, d *house, account, client string) authpolicy.Answer {
	t.Helper()
	return d.MayLogin(t.Context(), &authpolicy.Attempt{Account: account, Client: netip.MustParseAddr(client), Protocol: "imap"})
}

func TestAStrangerOnAListOfGuessersIsNotLetIn(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.config.Guessing.Mode = "enforce"
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	hears(t, d, reads("203.0.113.9", "anna"))
	rats(t, d, ratsSay(t, "9.113.0.203", "10.113.0.203", "66.100.51.198", "1.0.168.192"))
	for _, c := range []struct {
		client string
		let    bool
		why    string
	}{
		{"203.0.113.9", true, "anna reads her mail there"},
		{"203.0.113.10", true, "she reads it beside there"},
		{"198.51.100.66", false, "a stranger who is listed"},
		{"198.51.100.67", true, "a stranger who is not"},
		{"2001:db8::1", true, "the list has no such addresses"},
		{"192.168.0.1", true, "nobody's address on the internet"},
	} {
		want := authpolicy.Pass()
		if !c.let {
			want = authpolicy.Refuse("this address is on a list of those that guess passwords (SpamRATS RATS-Auth); ask the administrator")
		}
		if answer := entering(t, d, "anna", c.client); answer != want {
			t.Errorf("%s: %s: %+v", c.client, c.why, answer)
		}
	}
	d.config.Guessing.Mode = "shadow"
	if answer := entering(t, d, "anna", "198.51.100.66"); answer != authpolicy.Pass() {
		t.Errorf("in shadow mode: %+v", answer)
	}
}

// A list that lists everything is not believed, and one that is not there keeps nobody waiting.
func TestAListOfGuessersThatIsNotWellRefusesNobody(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.config.Guessing.Mode = "enforce"
	everything, err := dns.ParseZone(strings.NewReader("*.auth.spamrats.com. A 127.0.0.43\n"), ".", "lists")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]dns.Resolver{"everything": everything, "silent": silent{}} {
		rats(t, d, r)
		ctx, cancel := context.WithTimeout(t.Context(), authpolicy.AnswerTime)
		if answer := d.MayLogin(ctx, &authpolicy.Attempt{Account: "anna", Client: netip.MustParseAddr("198.51.100.66"), Protocol: "imap"}); answer != authpolicy.Pass() {
			t.Errorf("%s: %v", name, answer)
		}
		if ctx.Err() != nil {
			t.Errorf("%s: Dovecot would have waited no longer", name)
		}
		cancel()
	}
}

// silent never answers.
type silent struct{ dns.Resolver }

func (silent) Lookup(ctx context.Context, _ string, _ dns.Type) dns.Answer {
	<-ctx.Done()
	return dns.Answer{Outcome: dns.Timeout}
}
func (s silent) Addresses(ctx context.Context, name string) dns.Answer { return s.Lookup(ctx, name, 0) }

// While a resolver is away, no more than some questions wait for it.
func TestASilentResolverDoesNotPileUpQuestions(t *testing.T) {
	var l loginLists
	set, err := dnsbl.Load("")
	if err != nil {
		t.Fatal(err)
	}
	checker := dnsbl.New(silent{}, dnsbl.Options{})
	l.set([]*dnsbl.List{set.ByName("spamrats-auth")}, checker)
	ended, cancel := context.WithCancel(t.Context())
	cancel() // nobody waits; the questions go on
	for range 3 * maxAskingLists {
		l.has(ended, netip.MustParseAddr("198.51.100.66"), time.Now())
	}
	if n := len(l.asking); n != maxAskingLists {
		t.Errorf("%d questions are on their way", n)
	}
}

func TestOnlyListsOfGuessersAreAskedAtLogins(t *testing.T) {
	set, err := dnsbl.Load("")
	if err != nil {
		t.Fatal(err)
	}
	checker := dnsbl.New(silent{}, dnsbl.Options{})
	for name, want := range map[string]string{
		"spamhaus-pbl":    "does not say who guesses passwords; those that do are spamhaus-authbl, spamrats-auth",
		"spamhaus-auth":   `there is no list "spamhaus-auth"`,
		"spamhaus-authbl": "key", // nobody has one here
	} {
		if _, wrong := checker.ForLogins(set, []string{name}); !strings.Contains(strings.Join(wrong, "\n"), want) {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}
