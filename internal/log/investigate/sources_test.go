package investigate

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func netipOf(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestTheGreatestSourceComesFirst, wherever it stands in the log and however many others there are.
func TestTheGreatestSourceComesFirst(t *testing.T) {
	w := &writer{}
	for day := range 10 {
		for home := range 6 {
			w.mail(monday.AddDate(0, 0, day).Add(time.Duration(home)*time.Hour), "rita", fmt.Sprintf("198.51.%d.7", home), "friend@far.example", took)
		}
	}
	for n := range 3 * maxSources {
		w.mail(monday.AddDate(0, 0, 9).Add(6*time.Hour+time.Duration(n)*time.Second), "rita", fmt.Sprintf("203.%d.%d.7", n>>8, n&255), "friend@far.example", took)
	}
	thief := monday.AddDate(0, 0, 9).Add(8 * time.Hour)
	for n := range 9 {
		w.mail(thief.Add(time.Duration(n)*time.Second), "rita", "192.0.2.66", fmt.Sprintf("v%d@mail.example", n), took)
	}
	a := investigated(Options{Where: where}, w.lines).Accounts[0]
	if len(a.Sources) != maxShown || a.Sources[0].Mails != 10 || a.Mails != 60+3*maxSources+9 {
		t.Fatalf("%d sources, the first with %d mails of %d", len(a.Sources), a.Sources[0].Mails, a.Mails)
	}
	if first := a.Outbreak()[0]; first.Network != netipOf("192.0.2.66") || first.Kept < 3 {
		t.Errorf("the outbreak came from %s, %d kept", first.Network, first.Kept)
	}
	if len(a.Sources)+a.MoreSources != 6+3*maxSources+1 {
		t.Errorf("%d further networks", a.MoreSources)
	}
}

// TestWhatCameBeforeIsKnown: --since is about the report. An office that has written for weeks is no stranger on the last day.
func TestWhatCameBeforeIsKnown(t *testing.T) {
	w := &writer{}
	for day := range 11 {
		for n := range 12 {
			w.mail(monday.AddDate(0, 0, day).Add(time.Duration(n)*20*time.Minute), "office", "198.51.100.7", fmt.Sprintf("c%d@far.example", n), took)
		}
	}
	r := investigated(Options{Where: where, Since: monday.AddDate(0, 0, 10)}, w.lines)
	if a := r.Accounts[0]; r.Mails != 12 || a.Mails != 12 || a.Stopped != nil || r.First.Before(monday.AddDate(0, 0, 10)) || r.Replies[0].Taken != 12 {
		t.Errorf("%d mails, %+v, %+v", r.Mails, a, a.Stopped)
	}
}

// TestWhatReceiversAnsweredCounts, as it does for the daemon: who writes to many that do not exist is held sooner than who writes to many.
func TestWhatReceiversAnsweredCounts(t *testing.T) {
	kept := func(status string) int {
		w := &writer{}
		for day := range 8 {
			w.mail(monday.AddDate(0, 0, day), "rita", "198.51.100.7", "friend@far.example", took)
		}
		for n := range 10 {
			w.mail(monday.AddDate(0, 0, 8).Add(time.Duration(n)*5*time.Minute), "rita", "198.51.100.7", fmt.Sprintf("old%d@d%d.example", n, n), status)
		}
		return investigated(Options{Where: where}, w.lines).Accounts[0].Lost()
	}
	unknown := "dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.9] said: 550 5.1.1 no such user (in reply to RCPT TO command))"
	if refused, taken := kept(unknown), kept(took); refused <= taken || refused == 0 {
		t.Errorf("%d are kept if they are refused, %d if they are taken", refused, taken)
	}
}

// TestOurOwnWordsAreNoReceivers: what this server says of an address that it does not know.
func TestOurOwnWordsAreNoReceivers(t *testing.T) {
	w := &writer{}
	w.mail(monday, "rita", "198.51.100.7", "nobody@example.org", `dsn=5.1.1, status=bounced (unknown user: "nobody@example.org")`)
	w.lines[2] = w.lines[2][:len(time.Stamp)] + ` pi postfix/virtual[3]: A00001: to=<nobody@example.org>, relay=virtual, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (unknown user: "nobody@example.org")`
	w.mail(monday, "rita", "198.51.100.7", "a@far.example", refused)
	r := investigated(Options{}, w.lines)
	if len(r.Replies) != 2 || r.Replies[0].Domain != "far.example" || r.Replies[1].Refused != 0 || r.Replies[1].Sample != "" || r.Accounts[0].Bounced != 2 {
		t.Errorf("%+v %+v", r.Replies[0], r.Replies[1])
	}
}
