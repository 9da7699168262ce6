package delivery

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"postward/internal/log/maillog"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// follow reads a log without stamps, a second a line, of the host mx where none is named ("mx2|"), and returns the mails in the order in which they are handed out.
func follow(lines ...string) []*Mail {
	var mails []*Mail
	t := New(func(m *Mail) { mails = append(mails, m) })
	feed(t, lines...)
	t.Flush()
	return mails
}

func feed(t *Tracker, lines ...string) {
	var l maillog.Line
	for i, line := range lines {
		at := noon.Add(time.Duration(i) * time.Second)
		host, rest, named := strings.Cut(line, "|")
		if !named {
			host, rest = "mx", line
		}
		if maillog.Parse([]byte(at.Format(time.Stamp)+" "+host+" "+rest), &l) && Concerns(&l) {
			t.Line(&l, at)
		}
	}
}

// short says what matters of a mail on a line.
func short(m *Mail) string {
	var to []string
	for _, d := range m.Deliveries {
		s := d.To
		if d.OrigTo != "" {
			s = d.OrigTo + ">" + d.To
		}
		to = append(to, fmt.Sprintf("%s=%s*%d", s, d.Outcome, d.Attempts))
	}
	account := m.Account
	if account == "" {
		account = "-"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s <%s> %s %s", strings.Join(m.IDs, "+"), account, m.From, strings.Join(to, ","), m.End))
}

const (
	anna    = "postfix/submission/smtpd[1]: 4AAAA1: client=unknown[203.0.113.80], sasl_method=PLAIN, sasl_username=Anna"
	queued  = "postfix/qmgr[2]: 4AAAA1: from=<anna@example.org>, size=500, nrcpt=1 (queue active)"
	removed = "postfix/qmgr[2]: 4AAAA1: removed"
)

func sent(id, to, relay, reply string) string {
	return fmt.Sprintf("postfix/smtp[3]: %s: to=<%s>, relay=%s, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (%s)", id, to, relay, reply)
}

func TestMailIsFollowedToItsEnd(t *testing.T) {
	const mx = "mx.far.example[192.0.2.25]:25"
	for name, c := range map[string]struct {
		log  []string
		want []string
	}{
		"delivered": {
			[]string{anna, "postfix/cleanup[4]: 4AAAA1: message-id=<1@x>", queued, sent("4AAAA1", "b@far.example", mx, "250 ok"), removed},
			[]string{"4AAAA1 anna <anna@example.org> b@far.example=sent*1 removed"},
		},
		"deferred, then delivered": {
			[]string{anna, queued, "postfix/smtp[3]: 4AAAA1: to=<b@far.example>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.far.example[192.0.2.25]:25: Connection refused)",
				queued, sent("4AAAA1", "b@far.example", mx, "250 ok"), removed},
			[]string{"4AAAA1 anna <anna@example.org> b@far.example=sent*2 removed"},
		},
		"bounced": {
			[]string{anna, queued, "postfix/smtp[3]: 4AAAA1: to=<b@far.example>, relay=" + mx + ", delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.far.example[192.0.2.25] said: 550 5.1.1 no such user (in reply to RCPT TO command))",
				"postfix/cleanup[4]: 4BBBB1: message-id=<2@x>", "postfix/bounce[5]: 4AAAA1: sender non-delivery notification: 4BBBB1",
				"postfix/qmgr[2]: 4BBBB1: from=<>, size=900, nrcpt=1 (queue active)", removed, sent("4BBBB1", "anna@example.org", "local", "delivered to mailbox"), "postfix/qmgr[2]: 4BBBB1: removed"},
			[]string{"4AAAA1 anna <anna@example.org> b@far.example=bounced*1 removed", "4BBBB1 - <> anna@example.org=sent*1 removed"},
		},
		"requeued": {
			[]string{anna, queued, "postfix/postsuper[7]: 4AAAA1: requeued", "postfix/pickup[6]: 4CCCC1: uid=105 from=<anna@example.org> orig_id=4AAAA1",
				"postfix/qmgr[2]: 4CCCC1: from=<anna@example.org>, size=500, nrcpt=1 (queue active)", sent("4CCCC1", "b@far.example", mx, "250 ok"), "postfix/qmgr[2]: 4CCCC1: removed"},
			[]string{"4AAAA1+4CCCC1 anna <anna@example.org> b@far.example=sent*1 removed"},
		},
		"through a content filter that says so": {
			[]string{anna, queued, "postfix/smtpd[8]: 4DDDD1: client=localhost[127.0.0.1], orig_queue_id=4AAAA1, orig_client=unknown[203.0.113.80]",
				"postfix/qmgr[2]: 4DDDD1: from=<anna@example.org>, size=700, nrcpt=1 (queue active)", sent("4AAAA1", "b@far.example", "127.0.0.1[127.0.0.1]:10024", "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4DDDD1"), removed,
				sent("4DDDD1", "b@far.example", mx, "250 ok"), "postfix/qmgr[2]: 4DDDD1: removed"},
			[]string{"4AAAA1+4DDDD1 anna <anna@example.org> b@far.example=sent*1 removed"},
		},
		"through a content filter that does not": {
			[]string{anna, queued, "postfix/smtpd[8]: 4DDDD1: client=localhost[127.0.0.1]",
				"postfix/qmgr[2]: 4DDDD1: from=<anna@example.org>, size=700, nrcpt=1 (queue active)", sent("4DDDD1", "b@far.example", mx, "250 ok"), "postfix/qmgr[2]: 4DDDD1: removed",
				sent("4AAAA1", "b@far.example", "127.0.0.1[127.0.0.1]:10024", "250 2.0.0 Ok: queued as 4DDDD1"), removed},
			[]string{"4AAAA1+4DDDD1 anna <anna@example.org> b@far.example=sent*1 removed"},
		},
		"forwarded": {
			[]string{anna, queued, "postfix/cleanup[4]: 4EEEE1: message-id=<1@x>", "postfix/qmgr[2]: 4EEEE1: from=<anna@example.org>, size=600, nrcpt=1 (queue active)",
				"postfix/local[9]: 4AAAA1: to=<bob@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as 4EEEE1)", removed,
				"postfix/smtp[3]: 4EEEE1: to=<bob@far.example>, orig_to=<bob@example.org>, relay=" + mx + ", delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)", "postfix/qmgr[2]: 4EEEE1: removed"},
			[]string{"4AAAA1+4EEEE1 anna <anna@example.org> bob@example.org>bob@far.example=sent*1 removed"},
		},
		"a stranger's server names a queue ID of ours": {
			[]string{anna, queued, "postfix/smtpd[1]: 4FFFF1: client=unknown[198.51.100.7]", sent("4AAAA1", "b@far.example", mx, "250 Ok: queued as 4FFFF1"), removed},
			[]string{"4AAAA1 anna <anna@example.org> b@far.example=sent*1 removed", "4FFFF1 - <>"},
		},
		"the ID is used again": {
			[]string{anna, queued, "postfix/smtpd[1]: 4AAAA1: client=unknown[198.51.100.7]", "postfix/qmgr[2]: 4AAAA1: from=<c@far.example>, size=1, nrcpt=1 (queue active)", removed},
			[]string{"4AAAA1 anna <anna@example.org>", "4AAAA1 - <c@far.example>  removed"},
		},
		"the log begins amid it": {
			[]string{sent("4AAAA1", "b@far.example", mx, "250 ok"), removed},
			[]string{"4AAAA1 - <> b@far.example=sent*1 removed"},
		},
		"expired": {
			[]string{anna, queued, "postfix/qmgr[2]: 4AAAA1: from=<anna@example.org>, status=expired, returned to sender", removed},
			[]string{"4AAAA1 anna <anna@example.org>  expired"},
		},
		"deleted": {
			[]string{anna, queued, "postfix/postsuper[7]: 4AAAA1: removed"},
			[]string{"4AAAA1 anna <anna@example.org>  deleted"},
		},
		"two instances use one ID": {
			[]string{anna, "postfix-out/smtpd[1]: 4AAAA1: client=unknown[198.51.100.7]", queued, "postfix-out/qmgr[2]: 4AAAA1: removed", removed},
			[]string{"4AAAA1 - <>  removed", "4AAAA1 anna <anna@example.org>  removed"},
		},
		"sendmail": {
			[]string{"postfix/pickup[6]: 4AAAA1: uid=1000 from=<pi@example.org>", queued, removed},
			[]string{"4AAAA1 uid:1000 <anna@example.org>  removed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range follow(c.log...) {
				got = append(got, short(m))
			}
			if g, w := strings.Join(got, "\n"), strings.Join(c.want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}

// FuzzTracker reads any log. Every mail is handed out once, within its bounds, and nothing is left.
func FuzzTracker(f *testing.F) {
	f.Add(anna + "\n" + queued + "\n" + removed)
	f.Add(anna + "\npostfix/pickup[6]: 4CCCC1: uid=105 from=<> orig_id=4AAAA1\npostfix/pickup[6]: 4AAAA1: uid=105 from=<> orig_id=4CCCC1\n" + removed)
	f.Add(queued + "\n" + sent("4AAAA1", "a@b", "127.0.0.1[127.0.0.1]:10024", "250 queued as 4AAAA1") + "\n" + sent("4AAAA1", "a@b", "127.0.0.1[127.0.0.1]:10024", "250 queued as 4BBBB1"))
	f.Add("postfix/submission/smtpd[1]: NOQUEUE: hold: RCPT from a[192.0.2.1]: x\n" + anna + "\npostfix/submission/smtpd[1]: lost connection after DATA from a[192.0.2.1]\n" + queued + "\npostfix/smtpd[1]: 4DDDD1: client=a[127.0.0.1], orig_queue_id=4AAAA1\n" + removed + "\n" + anna)
	f.Add(anna + "\nMailScanner[9]: Requeue: 4AAAA1.A to 4DDDD1\nMailScanner[9]: Requeue: 4DDDD1.A to 4AAAA1\n" + queued + "\npostfix/cleanup[4]: 4DDDD1: removed (canceled)\npostfix/smtpd[1]: 4AAAA1: lost connection after DATA from a[192.0.2.1]")
	f.Add("postfix/smtpd[1]: NOQUEUE: client=a[192.0.2.1], sasl_method=PLAIN, sasl_username=rita\npostfix/smtpd[2]: 4AAAA1: client=b[127.0.0.1], orig_client=a[192.0.2.1]\npostfix/smtpd[1]: proxy-accept: END-OF-MESSAGE: 250 queued as 4AAAA1; from=<> to=<>\n" + removed)
	f.Fuzz(func(t *testing.T, log string) {
		seen := map[*Mail]bool{}
		for _, m := range follow(strings.Split(log, "\n")...) {
			if seen[m] {
				t.Fatalf("handed out twice: %s", short(m))
			}
			seen[m] = true
			if len(m.Deliveries) > MaxDeliveries || len(m.IDs) > MaxIDs || len(m.IDs) == 0 {
				t.Fatalf("out of bounds: %s", short(m))
			}
			if m.Ended.IsZero() != (m.End == "") {
				t.Fatalf("ended %v, end %q", m.Ended, m.End)
			}
			if _, err := json.Marshal(m); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	out := 0
	tracker := New(func(*Mail) { out++ })
	var l maillog.Line
	const all = MaxOpen + MaxOpen/5
	for i := range all { // nothing ever ends
		if !maillog.Parse(fmt.Appendf(nil, "Nov 23 12:00:00 mx postfix/smtpd[1]: %X: client=unknown[203.0.113.80]", 0xA0000000+i), &l) {
			t.Fatal("not understood")
		}
		tracker.Line(&l, noon)
	}
	if n := len(tracker.open); n > MaxOpen {
		t.Errorf("%d are kept", n)
	}
	tracker.Flush()
	if out != all || len(tracker.open) != 0 {
		t.Errorf("%d of %d were handed out, %d are left", out, all, len(tracker.open))
	}
}

func TestMailIsFoundByWhatPeopleKnowOfIt(t *testing.T) {
	m := follow(anna, "postfix/cleanup[4]: 4AAAA1: message-id=<1@x>", queued,
		"postfix/smtp[3]: 4AAAA1: to=<b@far.example>, orig_to=<team@example.org>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.far.example[192.0.2.25]:25: Connection refused)")[0]
	for key, want := range map[string]bool{
		"4AAAA1": true, "<1@x>": true, "1@x": true, "anna": true, "ANNA": true, "anna@example.org": true, "B@far.example": true, "team@example.org": true,
		`"b"@far.example.`: true, "<Anna@Example.org>": true, "b@far.example.com": false,
		"4aaaa1": false, "": false, "far.example": false, "bob": false,
	} {
		if m.Is(key) != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
	if m.Outcome() != "deferred" {
		t.Error(m.Outcome())
	}
}
