package receivers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postward/internal/lists/reply"
)

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

const (
	gmailHost = "gmail-smtp-in.l.google.com"
	verySpam  = "550-5.7.1 likely suspicious due to the very low reputation of the sending 550 5.7.1 domain. To best protect our users"
	tooFast   = "421-4.7.28 Gmail has detected an unusual rate of mail originating from your 421 4.7.28 IP address"
	taken     = "250 2.0.0 OK 1234 x - gsmtp"
	nobody    = "550 5.1.1 The email account that you tried to reach does not exist. NoSuchUser"
)

// world is a board and who reads for it.
type world struct {
	t   *testing.T
	set *reply.Set
	Board
}

func newWorld(t *testing.T) *world {
	set, err := reply.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, set: set}
}

// says has a host answer to a mail of an account, after a time.
func (w *world) says(after time.Duration, host, account, text string) *Change {
	logged := text
	if text[0] != '2' {
		logged = "host " + host + "[192.0.2.9] said: " + text + " (in reply to end of DATA command)"
	}
	p := reply.Parse([]byte(logged), host)
	return w.Take(&Told{At: begin.Add(after), Parsed: p, Meaning: w.set.Read(p), Account: account, Domain: "club.example"})
}

const day = 24 * time.Hour

// TestGmailAcceptsAgainAfter34Days: the story, from the first refusal to the first mail that is taken.
func TestGmailAcceptsAgainAfter34Days(t *testing.T) {
	w := newWorld(t)
	w.says(0, gmailHost, "anna", taken)
	c := w.says(time.Hour, gmailHost, "alarm", verySpam)
	if c == nil || c.State != Refusing || c.Class != reply.Domain || !c.Since.Equal(begin.Add(time.Hour)) || c.Accounts["alarm"] != 1 {
		t.Fatalf("%+v", c)
	}
	for n := range 33 {
		if c := w.says(time.Duration(n+1)*day, gmailHost, "anna", verySpam); c != nil {
			t.Fatalf("day %d: %+v", n, c)
		}
	}
	c = w.says(34*day+2*time.Hour, gmailHost, "anna", taken)
	if c == nil || !c.Again || c.Title != "Gmail" || Lasted(c.After) != "34 days" || c.Lasted != "34 days" || c.State != Accepting {
		t.Fatalf("%+v", c)
	}
	r := w.Rows()[0]
	if len(r.Days) != 30 || r.Days[0].Share() != 1 || r.Days[29].Share() != 0 || r.Accounts["anna"] != 33 {
		t.Errorf("%d days, the first %+v, the last %+v", len(r.Days), r.Days[0], r.Days[len(r.Days)-1])
	}
}

// TestOneMailOfTenIsNoEnd: who refuses again within a day goes on with the same spell.
func TestOneMailOfTenIsNoEnd(t *testing.T) {
	w := newWorld(t)
	w.says(0, gmailHost, "a", verySpam)
	w.says(time.Hour, gmailHost, "a", taken)
	if c := w.says(2*time.Hour, gmailHost, "a", verySpam); c != nil {
		t.Errorf("a second beginning: %+v", c)
	}
	if r := w.Rows()[0]; r.State != Refusing || !r.Since.Equal(begin) {
		t.Errorf("%+v", r)
	}
	w.says(3*time.Hour, gmailHost, "a", taken)
	if c := w.says(3*day, gmailHost, "a", verySpam); c == nil || !c.Since.Equal(begin.Add(3*day)) {
		t.Errorf("after two days: %+v", c)
	}
}

// TestEachReplyHasItsState: what is about one mail or its recipient is no trouble of the server's.
func TestEachReplyHasItsState(t *testing.T) {
	for text, want := range map[string]State{
		verySpam: Refusing, tooFast: Throttling, "421 4.7.0 very low reputation of the sending IP": Throttling, nobody: Accepting,
		"552 5.2.2 The email account that you tried to reach is over quota": Accepting, "550 5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM": Accepting,
		"550 5.7.1 Our system has detected that this message is likely unsolicited mail": Accepting, "450 4.2.0 Greylisted": Accepting,
	} {
		w := newWorld(t)
		w.says(0, gmailHost, "a", taken)
		w.says(time.Hour, gmailHost, "a", text)
		if got := w.Rows()[0].State; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	w := newWorld(t)
	p := reply.Parse([]byte("host mx.example.org[192.0.2.9] refused to talk to me: 554 Blocked using zen.spamhaus.org"), "")
	if c := w.Take(&Told{At: begin, Parsed: p, Meaning: w.set.Read(p)}); c == nil || c.State != Blocking || c.Receiver != "example.org" {
		t.Errorf("%+v", c)
	}
}

// TestThrottlingThatBecomesARefusalSaysSo, and not the other way round.
func TestThrottlingThatBecomesARefusalSaysSo(t *testing.T) {
	w := newWorld(t)
	if c := w.says(0, gmailHost, "a", tooFast); c == nil || c.State != Throttling {
		t.Errorf("%+v", c)
	}
	if c := w.says(time.Hour, gmailHost, "a", verySpam); c == nil || c.State != Refusing || !c.Since.Equal(begin) {
		t.Errorf("%+v", c)
	}
	if c := w.says(2*time.Hour, gmailHost, "a", tooFast); c != nil {
		t.Errorf("%+v", c)
	}
}

// TestTheBoardIsBounded: receivers, accounts, domains, unknown replies; who refuses stays, who accepts goes.
func TestTheBoardIsBounded(t *testing.T) {
	w := newWorld(t)
	w.says(0, gmailHost, "a", verySpam)
	for n := range 3 * maxReceivers {
		host := fmt.Sprintf("mx.example%d.org", n)
		w.says(time.Hour, host, fmt.Sprint("account", n), "451 4.7.1 too many connections")
		w.says(time.Hour, host, "a", taken)
		w.says(time.Hour, gmailHost, fmt.Sprint("account", n), verySpam)
		w.says(time.Hour, gmailHost, "a", "550 5.7.1 "+strings.Repeat("no ", n%250))
	}
	rows := w.Rows()
	if len(rows) > maxReceivers || rows[0].Receiver != "gmail" || len(rows[0].Accounts) > maxAccounts || len(rows[0].Domains) > maxDomains || len(w.Unknown()) > maxUnknown {
		t.Errorf("%d rows, %d accounts, %d domains, %d unknown", len(rows), len(rows[0].Accounts), len(rows[0].Domains), len(w.Unknown()))
	}
}

// TestWhatIsSavedIsTheSame: a board that was saved goes on as if it had not been.
func TestWhatIsSavedIsTheSame(t *testing.T) {
	w := newWorld(t)
	w.says(0, gmailHost, "a", verySpam)
	w.says(time.Hour, gmailHost, "a", taken)
	w.says(time.Hour, "mx.example.org", "a", "550 5.7.1 Computer 17 says no")
	text, err := w.Save()
	if err != nil {
		t.Fatal(err)
	}
	again := newWorld(t)
	if err := again.Load(text); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*world{w, again} {
		x.says(2*time.Hour, gmailHost, "a", verySpam)
		x.says(2*time.Hour, "mx.example.org", "a", "550 5.7.1 Computer 18 says no")
	}
	one, _ := w.Save()
	two, _ := again.Save()
	if one != two || len(again.Unknown()) != 1 || again.Unknown()[0].Count != 2 || !again.Rows()[0].Since.Equal(begin) {
		t.Errorf("\n%s\n%s", one, two)
	}
}

// TestAStrangersDomainIsNoLineOfAConfiguration.
func TestAStrangersDomainIsNoLineOfAConfiguration(t *testing.T) {
	r := Row{Receiver: "gmail", State: Throttling, Domains: []string{"gmail.com", "a b.example", "x\ny.example", "$(id).example"}}
	text := strings.Join(r.Advice(), "|")
	if !strings.Contains(text, "gmail.com   slowgmail:") || strings.Contains(text, "b.example") || strings.Contains(text, "$") || !strings.Contains(text, "slowgmail_destination_rate_delay = 20s") {
		t.Error(text)
	}
	r.State = Accepting
	if r.Advice() != nil {
		t.Error("advice for who accepts")
	}
}
