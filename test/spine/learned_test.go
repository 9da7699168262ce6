//go:build daemons

package spine_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// past writes what an older log of a Postfix has: mails by an account, as Postfix writes them down.
type past struct {
	text strings.Builder
	n    int
}

func (p *past) mail(at time.Time, account, address, from, to string) {
	p.n++
	id := fmt.Sprintf("6D%06X", p.n)
	line := func(after time.Duration, format string, args ...any) {
		fmt.Fprintf(&p.text, "%s mx postfix/%s\n", at.Add(after).UTC().Format("2006-01-02T15:04:05+00:00"), fmt.Sprintf(format, args...))
	}
	line(0, "submission/smtpd[70]: %s: client=host[%s], sasl_method=PLAIN, sasl_username=%s", id, address, account)
	line(0, "cleanup[71]: %s: message-id=<%s@pc.example.org>", id, id)
	line(0, "qmgr[72]: %s: from=<%s>, size=1000, nrcpt=1 (queue active)", id, from)
	line(time.Second, "smtp[73]: %s: to=<%s>, relay=mx.example.com[198.51.100.7]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)", id, to)
	line(time.Second, "qmgr[72]: %s: removed", id)
}

// proposedAfter is a postward beside whose Postfix lies an older log, and what attach would propose.
func proposedAfter(t *testing.T, p *past) (f *field, shown string) {
	t.Helper()
	f = attached(t, rig.PostwardConfig{Mode: "enforce"})
	if err := os.WriteFile(f.Site.Postfix.LogPath+".1", []byte(p.text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return f, f.do(t, "attach", "--dry-run", "--postfix", f.Site.Postfix.ConfigDir)
}

// days are the mornings of the last n days.
func days(n int) []time.Time {
	var all []time.Time
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for d := n; d > 0; d-- {
		all = append(all, today.AddDate(0, 0, -d).Add(10*time.Hour))
	}
	return all
}

func rowOf(shown, word string) string {
	for line := range strings.Lines(shown) {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}

// TestOneMailAtNightGivesNobodyAName: an address of the own domain that was written as once is shown, and is no right.
func TestOneMailAtNightGivesNobodyAName(t *testing.T) {
	var p past
	for i, d := range days(12) {
		p.mail(d, "assistant@example.org", office, "assistant@example.org", "client@example.com")
		if i == 9 {
			p.mail(d.Add(13*time.Hour), "assistant@example.org", stranger, "director@example.org", "victim@example.net")
		}
	}
	f, shown := proposedAfter(t, &p)
	if row := rowOf(shown, "director@example.org"); !strings.Contains(row, "seen only") {
		t.Errorf("%q in\n%s", row, shown)
	}
	if row := strings.Join(strings.Fields(rowOf(shown, "assistant@example.org")), " "); !strings.HasSuffix(row, " proposed") {
		t.Errorf("%q in\n%s", row, shown)
	}
	f.do(t, "account", "learn", f.Site.Postfix.LogPath+".1")
	if out := f.do(t, "account", "allow", "anna"); strings.Contains(out, "director") {
		t.Error(out)
	}
	f.do(t, "account", "allow", "assistant@example.org")
	if out := f.do(t, "account", "show", "assistant@example.org", "--json"); strings.Contains(out, `"director@example.org"`) {
		t.Error(out)
	}
	m := f.client("anna", office).SendOne(f.ctx, rig.Mail{From: "director@example.org", To: []string{"bob@example.org"}})
	if m.Outcome != rig.Refused {
		t.Errorf("%d %s", m.Code, m.Reply)
	}
}

// TestARelaysLoginIsOneListing: a server that sends everything through one login is proposed with a form for what it rewrites, and
// what it sends afterwards passes. What nobody could be is refused.
func TestARelaysLoginIsOneListing(t *testing.T) {
	var p past
	for d, day := range days(10) {
		for i := range 6 {
			n, at := d*6+i, day.Add(time.Duration(i)*30*time.Minute)
			p.mail(at, "bob", office, "root@web2.example.org", "anna@example.org")
			p.mail(at.Add(time.Minute), "bob", office, "www-data@web2.example.org", fmt.Sprintf("buyer%d@shoppers.example", n))
			p.mail(at.Add(2*time.Minute), "bob", office, fmt.Sprintf("SRS0=ab%d=XY=example.net=carl%d@example.org", n%90, n), "copy@mailbox.example")
			p.mail(at.Add(3*time.Minute), "bob", office, "", fmt.Sprintf("sender%d@example.com", n))
		}
	}
	f, shown := proposedAfter(t, &p)
	if n := strings.Count(shown, "\nbob\t"); n != 4 {
		t.Errorf("%d rows of the relay in\n%s", n, shown)
	}
	for _, address := range []string{"root@web2.example.org", "www-data@web2.example.org", "srs0=*@example.org"} {
		if row := strings.TrimSpace(rowOf(shown, address)); !strings.HasSuffix(row, "proposed") {
			t.Errorf("%s: %q", address, row)
		}
	}
	f.do(t, "account", "learn", f.Site.Postfix.LogPath+".1")
	f.do(t, "account", "allow", "--proposed")
	var sent []rig.Mail
	for _, w := range []struct {
		path, from, to string
		refused        bool
	}{
		{"root@web2.example.org", "root@web2.example.org (Cron Daemon)", "anna@example.org", false},
		{"www-data@web2.example.org", "Shop <www-data@web2.example.org>", "buyer58@shoppers.example", false},
		{"SRS0=ab99=XY=example.net=carl901@example.org", "Carl <carl901@example.net>", "copy@mailbox.example", true}, // the author is nobody's right
		{"SRS0=ab99=XY=example.net=carl902@example.org", "root@web2.example.org", "copy@mailbox.example", false},
		{"", "MAILER-DAEMON@web2.example.org", "sender59@example.com", false},
		{"", "MAILER-DAEMON@example.org", "sender59@example.com", true},
		{"", "MAILER-DAEMON@web3.example.org", "sender59@example.com", true},
		{"", "www-data@web2.example.org", "sender59@example.com", false},
		{"boss@example.org", "boss@example.org", "sender59@example.com", true},
	} {
		m := f.client("bob", office).SendOne(f.ctx, rig.Mail{From: w.path, To: []string{w.to}, Header: "From: " + w.from + "\r\n"})
		if (m.Outcome != rig.Accepted) != w.refused {
			t.Errorf("%+v: %d %s", w, m.Code, m.Reply)
		}
		sent = append(sent, m)
	}
	f.account(t, sent)
}
