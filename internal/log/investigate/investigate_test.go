package investigate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var monday = time.Date(2026, 11, 9, 8, 0, 0, 0, time.UTC)

// writer makes a log as a small server writes it.
type writer struct {
	lines []string
	ids   int
}

func (w *writer) line(at time.Time, format string, args ...any) {
	w.lines = append(w.lines, at.Format(time.Stamp)+" pi "+fmt.Sprintf(format, args...))
}

// mail is one mail through submission to one recipient, with what its server answered.
func (w *writer) mail(at time.Time, account, client, to, status string) {
	w.ids++
	id := fmt.Sprintf("%X", 0xA00000+w.ids)
	w.line(at, "postfix/submission/smtpd[9]: %s: client=unknown[%s], sasl_method=PLAIN, sasl_username=%s", id, client, account)
	w.line(at, "postfix/qmgr[2]: %s: from=<%s@example.org>, size=900, nrcpt=1 (queue active)", id, account)
	w.line(at, "postfix/smtp[3]: %s: to=<%s>, relay=mx.example.net[192.0.2.9]:25, delay=1, delays=0/0/0/1, %s", id, to, status)
	w.line(at, "postfix/qmgr[2]: %s: removed", id)
}

const (
	took    = "dsn=2.0.0, status=sent (250 ok)"
	refused = "dsn=5.7.1, status=bounced (host mx.example.net[192.0.2.9] said: 550 5.7.1 likely unsolicited <b>mail</b> (in reply to end of DATA command))"
)

// outbreak is the story as a log: ten days of an office of six, guessing every night, and on the eighth day an account
// that never sent before sends to 1,000 strangers.
func outbreak() []string {
	w, r := &writer{}, rand.New(rand.NewPCG(1, 2))
	for day := range 10 {
		d := monday.AddDate(0, 0, day)
		for minute := range 600 {
			for p := range 6 {
				if r.IntN(120) == 0 {
					w.mail(d.Add(time.Duration(minute)*time.Minute), fmt.Sprintf("person%d", p), fmt.Sprintf("198.51.100.%d", p+7), fmt.Sprintf("friend%d-%d@far.example", p, r.IntN(12)), took)
				}
			}
		}
		for n := range 50 {
			w.line(d.Add(11*time.Hour+time.Duration(n)*time.Second), "postfix/submission/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=admin")
		}
		if day == 7 {
			for n := range 1000 {
				status := took
				if n%2 == 1 {
					status = refused
				}
				w.mail(d.Add(13*time.Hour+time.Duration(n)*time.Second), "alarm", "185.228.80.18", fmt.Sprintf("victim%d@mail.example", n), status)
			}
		}
	}
	return w.lines
}

func investigated(o Options, lines []string) *Report {
	i := New(o)
	for _, l := range lines {
		i.Line([]byte(l), monday.AddDate(0, 0, 11))
	}
	return i.Finish()
}

// where puts the office into one network and everybody else into another.
func where(a netip.Addr) (uint32, string) {
	if strings.HasPrefix(a.String(), "198.51.100.") {
		return 64496, "CH"
	}
	return 64500, "NL"
}

func TestOutbreakIsNamedWithItsAddressTimeAndNumber(t *testing.T) {
	r := investigated(Options{Where: where}, outbreak())
	out := r.StandsOut()
	if len(out) != 1 || out[0].Name != "alarm" {
		t.Fatalf("%d accounts stand out: %+v", len(out), out)
	}
	a := out[0]
	begin := monday.AddDate(0, 0, 7).Add(13 * time.Hour)
	if a.Mails != 1000 || a.Recipients != 1000 || a.Delivered != 500 || a.Bounced != 500 || !a.First.Equal(begin) || !a.Last.Equal(begin.Add(999*time.Second)) {
		t.Errorf("%+v", a)
	}
	if len(a.Sources) != 1 || a.Sources[0].Network.String() != "185.228.80.18" || a.Sources[0].Country != "NL" {
		t.Errorf("sources %+v", a.Sources)
	}
	s := a.Stopped
	if s.Mail < 2 || s.Mail > 7 || s.Contained.IsZero() || s.Contained.Sub(begin) > time.Minute || s.Held+s.Refused < 990 || s.Passed != 0 || s.Why == "" {
		t.Errorf("%+v", s)
	}
	if len(r.Guessers) != 1 || r.Guessers[0].Failed != 500 || r.Guessers[0].Client.String() != "203.0.113.9" {
		t.Errorf("guessers %+v", r.Guessers)
	}
	if x := r.Replies[0]; x.Domain != "mail.example" || x.Refused != 500 || x.Policy != 500 || x.Taken != 500 {
		t.Errorf("receivers %+v", x)
	}
	if int(r.Ours) != len(outbreak()) || len(r.Unread) != 0 {
		t.Errorf("%d of %d lines understood", r.Ours, len(outbreak()))
	}
}

func TestQuietOfficeIsCalledQuiet(t *testing.T) {
	r := investigated(Options{Since: monday, Account: ""}, outbreak()[:500])
	if len(r.StandsOut()) != 0 {
		t.Errorf("%+v", r.StandsOut()[0])
	}
}

func TestOnlyWhatWasAskedFor(t *testing.T) {
	r := investigated(Options{Account: "person1", Since: monday.AddDate(0, 0, 5)}, outbreak())
	if len(r.Accounts) != 1 || r.Accounts[0].Name != "person1" || r.First.Before(monday.AddDate(0, 0, 5)) {
		t.Errorf("%+v, from %s", r.Accounts, r.First)
	}
}

func TestPageIsWholeAndEscaped(t *testing.T) {
	w := &writer{lines: outbreak()}
	w.mail(monday.AddDate(0, 0, 8), `<script>alert(1)</script>`, "203.0.113.80", "x@y.example", took)
	var page bytes.Buffer
	if err := investigated(Options{}, w.lines).HTML(&page); err != nil {
		t.Fatal(err)
	}
	html := page.String()
	for _, want := range []string{"<b>alarm</b>", "185.228.80.18", "would have held mail", "</html>", "&lt;b&gt;mail&lt;/b&gt;", "<rect"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(html, "<script") || strings.Contains(html, "http://") || strings.Contains(html, "https://") {
		t.Error("the page has a script or asks somebody for something")
	}
}

func TestPageSaysWhatWasNotRead(t *testing.T) {
	r := investigated(Options{}, outbreak()[:500])
	r.NotRead = []string{"read old log: open /var/log/mail.log.1: permission <denied>"}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if html := page.String(); !strings.Contains(html, "mail.log.1: permission &lt;denied&gt;") || strings.Contains(html, `<div class="calm">`) {
		t.Error("what was not read is missing, or the page is calm all the same")
	}
}

// FuzzInvestigate reads anything. The report stays within its bounds and can be written.
func FuzzInvestigate(f *testing.F) {
	f.Add(strings.Join(outbreak()[:60], "\n"))
	f.Fuzz(func(t *testing.T, log string) {
		r := investigated(Options{}, strings.Split(log, "\n"))
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		if err := r.HTML(&bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	})
}
