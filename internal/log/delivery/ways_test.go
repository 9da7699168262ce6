package delivery

import (
	"strings"
	"testing"
	"time"

	"postward/internal/log/maillog"
)

const (
	filterTook = "postfix/smtpd[8]: 4DDDD1: client=localhost[127.0.0.1]"
	behind     = "postfix/qmgr[2]: 4DDDD1: from=<anna@example.org>, size=700, nrcpt=1 (queue active)"
	gone       = "postfix/qmgr[2]: 4DDDD1: removed"
	theirs     = "postfix/submission/smtpd[1]: 4AAAA1: client=unknown[198.51.100.7]"
	ids        = "postfix/cleanup[4]: 4AAAA1: message-id=<1@x>"
	wire       = "mx.far.example[192.0.2.25]:25"
	ours       = "127.0.0.1[127.0.0.1]:10024"
	bye        = "postfix/submission/smtpd[1]: disconnect from unknown[203.0.113.80] ehlo=1 mail=1 rcpt=1 quit=1 commands=4"
	envelope   = "; from=<anna@example.org> to=<b@far.example> proto=ESMTP helo=<x>"
)

func deferred(id, to string) string {
	return "postfix/smtp[3]: " + id + ": to=<" + to + ">, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.far.example[192.0.2.25]:25: Connection refused)"
}

// TestEachWayOutIsSeen has what a real Postfix did and an earlier tracker got wrong: test/spine checks both at once.
func TestEachWayOutIsSeen(t *testing.T) {
	const toB = "b@far.example>, orig_to=<team@example.org"
	for name, c := range map[string]struct{ log, want []string }{
		"held: qmgr never told the reverse-path": {
			[]string{anna, ids, "postfix/cleanup[4]: 4AAAA1: hold: header X-Hold: yes from unknown[203.0.113.80]" + envelope},
			[]string{"4AAAA1 anna <anna@example.org>  = in hold"},
		},
		"held at its first recipient, before it has an ID": {
			[]string{"postfix/submission/smtpd[1]: NOQUEUE: hold: RCPT from unknown[203.0.113.80]: <b@far.example>: Recipient address triggers HOLD action" + envelope, anna, ids, bye},
			[]string{"4AAAA1 anna <anna@example.org>  = in hold"},
		},
		"held by smtpd, then broken off": {
			[]string{anna, "postfix/submission/smtpd[1]: 4AAAA1: hold: RCPT from unknown[203.0.113.80]: <b@far.example>: Recipient address triggers HOLD action" + envelope, bye},
			[]string{"4AAAA1 anna <anna@example.org>  abandoned = broken off by its client"},
		},
		"another process held another mail": {
			[]string{"postfix/smtpd[7]: NOQUEUE: hold: RCPT from unknown[203.0.113.80]: <b@far.example>: Recipient address triggers HOLD action" + envelope, anna, ids},
			[]string{"4AAAA1 anna <>  = on its way"},
		},
		"held, released, and still deferred": {
			[]string{anna, "postfix/postsuper[7]: 4AAAA1: placed on hold", "postfix/postsuper[7]: 4AAAA1: released from hold", queued, deferred("4AAAA1", "b@far.example")},
			[]string{"4AAAA1 anna <anna@example.org> b@far.example=deferred*1  = deferred"},
		},
		"held, and requeued out of it": {
			[]string{anna, "postfix/postsuper[7]: 4AAAA1: placed on hold", "postfix/postsuper[7]: 4AAAA1: requeued", "postfix/pickup[6]: 4CCCC1: uid=105 from=<anna@example.org> orig_id=4AAAA1"},
			[]string{"4AAAA1+4CCCC1 anna <>  = on its way"},
		},
		"refused for its header": {
			[]string{anna, "postfix/cleanup[4]: 4AAAA1: reject: header X-No: yes from unknown[203.0.113.80]" + envelope + ": 5.7.1 not with this header", ids, bye},
			[]string{"4AAAA1 anna <anna@example.org>  refused = refused"},
		},
		"given back by cleanup": {
			[]string{"postfix/pickup[6]: 4AAAA1: uid=1000 from=<pi@example.org>", ids, "postfix/cleanup[4]: 4AAAA1: reject: header X-No: yes from local; from=<pi@example.org>: 5.7.1 not with this header",
				"postfix/cleanup[4]: 4AAAA1: to=<b@far.example>, relay=none, delay=0.1, delays=0.1/0/0/0, dsn=5.7.1, status=bounced (not with this header)",
				"postfix/cleanup[4]: 4AAAA1: to=<c@far.example>, relay=none, delay=0.1, delays=0.1/0/0/0, dsn=5.7.1, status=bounced (not with this header)"},
			[]string{"4AAAA1 uid:1000 <pi@example.org> b@far.example=bounced*1,c@far.example=bounced*1 removed = bounced"},
		},
		"refused by a milter": {
			[]string{anna, ids, "postfix/cleanup[4]: 4AAAA1: milter-reject: END-OF-MESSAGE from unknown[203.0.113.80]: 5.7.1 not with me" + envelope},
			[]string{"4AAAA1 anna <anna@example.org>  refused = refused"},
		},
		"refused at DATA": {
			[]string{anna, "postfix/submission/smtpd[1]: 4AAAA1: reject: DATA from unknown[203.0.113.80]: 554 5.7.1 <DATA>: Data command rejected: no" + envelope},
			[]string{"4AAAA1 anna <anna@example.org>  refused = refused"},
		},
		"too large": {
			[]string{anna, ids, "postfix/cleanup[4]: warning: 4AAAA1: queue file size limit exceeded"},
			[]string{"4AAAA1 anna <>  refused = refused"},
		},
		"only its second recipient is refused": {
			[]string{anna, "postfix/submission/smtpd[1]: 4AAAA1: reject: RCPT from unknown[203.0.113.80]: 550 5.1.1 <c@example.org>: Recipient address rejected: no" + envelope, ids, queued, sent("4AAAA1", "b@far.example", wire, "250 ok"), removed},
			[]string{"4AAAA1 anna <anna@example.org> b@far.example=sent*1 removed = sent"},
		},
		"thrown away by a table": {
			[]string{anna, "postfix/cleanup[4]: 4AAAA1: discard: header X-No: yes from unknown[203.0.113.80]" + envelope, ids, bye},
			[]string{"4AAAA1 anna <anna@example.org>  discarded = discarded"},
		},
		"thrown away at its first recipient": {
			[]string{"postfix/submission/smtpd[1]: NOQUEUE: discard: RCPT from unknown[203.0.113.80]: <b@far.example>: Recipient address triggers DISCARD action" + envelope, anna, bye},
			[]string{"4AAAA1 anna <anna@example.org>  discarded = discarded"},
		},
		"broken off by RSET": {
			[]string{anna, "postfix/submission/smtpd[1]: 4FFFF1: client=unknown[203.0.113.80], sasl_method=PLAIN, sasl_username=anna"},
			[]string{"4AAAA1 anna <>  abandoned = broken off by its client", "4FFFF1 anna <>  = on its way"},
		},
		"a log without process numbers": {
			[]string{"postfix/smtpd: 4AAAA1: client=unknown[203.0.113.80]", "postfix/smtpd: 4FFFF1: client=unknown[203.0.113.81]", "postfix/smtpd: disconnect from unknown[203.0.113.81]", queued},
			[]string{"4AAAA1 - <anna@example.org>  = on its way", "4FFFF1 - <>  = on its way"},
		},
		"broken off by hanging up": {
			[]string{anna, "postfix/submission/smtpd[1]: lost connection after RCPT from unknown[203.0.113.80]", bye},
			[]string{"4AAAA1 anna <>  abandoned = broken off by its client"},
		},
		"broken off amid the message": {
			[]string{anna, "postfix/submission/smtpd[1]: lost connection after DATA (99 bytes) from unknown[203.0.113.80]", bye, ids},
			[]string{"4AAAA1 anna <>  abandoned = broken off by its client"},
		},
		"the answer to its end was lost": {
			[]string{anna, ids, "postfix/submission/smtpd[1]: lost connection after END-OF-MESSAGE from unknown[203.0.113.80]", bye},
			[]string{"4AAAA1 anna <>  = on its way"},
		},
		"queued, and told after the end of the session": {
			[]string{anna, bye, ids, queued, sent("4AAAA1", "b@far.example", wire, "250 ok"), removed},
			[]string{"4AAAA1 anna <anna@example.org> b@far.example=sent*1 removed = sent"},
		},
		"the ID is used again after it was requeued": {
			[]string{anna, queued, deferred("4AAAA1", "b@far.example"), "postfix/pickup[6]: 4CCCC1: uid=105 from=<anna@example.org> orig_id=4AAAA1", theirs, "postfix/submission/smtpd[1]: 4AAAA1: reject: DATA from unknown[198.51.100.7]: 554 5.7.1 no",
				sent("4CCCC1", "b@far.example", wire, "250 ok"), "postfix/qmgr[2]: 4CCCC1: removed"},
			[]string{"4AAAA1 - <>  refused = refused", "4AAAA1+4CCCC1 anna <anna@example.org> b@far.example=sent*2 removed = sent"},
		},
		"the ID is used again by a notice while the mail waits behind a filter": {
			[]string{anna, queued, filterTook, behind, sent("4AAAA1", "b@far.example", ours, "250 2.0.0 Ok: queued as 4DDDD1"), removed, deferred("4DDDD1", "b@far.example"),
				"postfix/cleanup[4]: 4AAAA1: message-id=<n@x>", "postfix/bounce[5]: 4EEEE1: sender non-delivery notification: 4AAAA1", "postfix/qmgr[2]: 4AAAA1: from=<>, size=9, nrcpt=1 (queue active)", removed},
			[]string{"4AAAA1 - <>  removed = removed", "4AAAA1+4DDDD1 anna <anna@example.org> b@far.example=deferred*1  = deferred"},
		},
		"in hold behind a filter": {
			[]string{anna, queued, filterTook, "postfix/cleanup[4]: 4DDDD1: hold: header X-Hold: yes from localhost[127.0.0.1]" + envelope, sent("4AAAA1", "b@far.example", ours, "250 2.0.0 Ok: queued as 4DDDD1"), removed},
			[]string{"4AAAA1+4DDDD1 anna <anna@example.org>  = in hold"},
		},
		"deleted behind a filter before the filter's words": {
			[]string{anna, queued, filterTook, behind, "postfix/postsuper[7]: 4DDDD1: removed", sent("4AAAA1", "b@far.example", ours, "250 2.0.0 Ok: queued as 4DDDD1"), removed},
			[]string{"4AAAA1+4DDDD1 anna <anna@example.org>  deleted = deleted by the operator"},
		},
		"forwarded behind a filter before the filter's words": {
			[]string{anna, queued, filterTook, behind, "postfix/cleanup[4]: 4EEEE1: message-id=<1@x>",
				"postfix/local[9]: 4DDDD1: to=<bob@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as 4EEEE1)", gone,
				sent("4AAAA1", "bob@example.org", ours, "250 2.0.0 Ok: queued as 4DDDD1"), removed,
				"postfix/smtp[3]: 4EEEE1: to=<bob@far.example>, orig_to=<bob@example.org>, relay=" + wire + ", delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)", "postfix/qmgr[2]: 4EEEE1: removed"},
			[]string{"4AAAA1+4DDDD1+4EEEE1 anna <anna@example.org> bob@example.org>bob@far.example=sent*1 removed = sent"},
		},
		"the alias is told in front of the filter only": {
			[]string{anna, queued, deferred("4AAAA1", toB), queued, filterTook, behind, sent("4AAAA1", toB, ours, "250 2.0.0 Ok: queued as 4DDDD1"), removed, sent("4DDDD1", "b@far.example", wire, "250 ok"), gone},
			[]string{"4AAAA1+4DDDD1 anna <anna@example.org> team@example.org>b@far.example=sent*2 removed = sent"},
		},
		"the alias is told after the delivery behind the filter": {
			[]string{anna, queued, deferred("4AAAA1", toB), queued, filterTook, behind, sent("4DDDD1", "b@far.example", wire, "250 ok"), gone, sent("4AAAA1", toB, ours, "250 2.0.0 Ok: queued as 4DDDD1"), removed},
			[]string{"4AAAA1+4DDDD1 anna <anna@example.org> team@example.org>b@far.example=sent*2 removed = sent"},
		},
		"a server's words are a part of the sentence": {
			[]string{anna, queued, sent("4AAAA1", "b@far.example", wire, "250 <b@far.example>, relay=none today"), removed},
			[]string{"4AAAA1 anna <anna@example.org> b@far.example=sent*1 removed = sent"},
		},
		"a server's words are the sentence": {
			[]string{anna, queued, sent("4AAAA1", "c@far.example", wire, "250 ok"), sent("4AAAA1", "b@far.example", wire, "250 x>, relay=none, delay=1, delays=0/0/0/1, dsn=5.0.0, status=bounced (no"), removed},
			[]string{"4AAAA1 anna <anna@example.org> c@far.example=sent*1 removed = partly sent, unclear"},
		},
		"a filter hands it back in vain, then again": {
			[]string{anna, queued, "postfix/smtpd[8]: 4DDDD1: client=localhost[127.0.0.1], orig_queue_id=4AAAA1, orig_client=unknown[203.0.113.80]",
				"postfix/smtpd[8]: 4DDDD1: reject: DATA from localhost[127.0.0.1]: 451 4.7.1 no", deferred("4AAAA1", "b@far.example"),
				queued, sent("4AAAA1", "b@far.example", wire, "250 ok"), removed},
			[]string{"4AAAA1+4DDDD1 anna <anna@example.org> b@far.example=sent*2 removed = sent"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range follow(c.log...) {
				s := short(m) + " "
				if m.End == "" {
					s = strings.TrimSpace(s) + "  "
				}
				got = append(got, s+"= "+m.Outcome())
				if m.Ended.IsZero() != (m.End == "") {
					t.Errorf("ended %v, end %q", m.Ended, m.End)
				}
			}
			if g, w := strings.Join(got, "\n"), strings.Join(c.want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}

// TestMailsInTheQueueAreOpen and no others: nothing waits for the end of the log that is over.
func TestMailsInTheQueueAreOpen(t *testing.T) {
	for name, c := range map[string]struct {
		log  []string
		open int
	}{
		"queued":              {[]string{anna, ids, queued}, 1},
		"requeued":            {[]string{anna, queued, "postfix/pickup[6]: 4CCCC1: uid=105 from=<> orig_id=4AAAA1"}, 1},
		"requeued and gone":   {[]string{anna, queued, "postfix/pickup[6]: 4CCCC1: uid=105 from=<> orig_id=4AAAA1", "postfix/qmgr[2]: 4CCCC1: removed"}, 0},
		"behind a filter":     {[]string{anna, queued, filterTook, behind, sent("4AAAA1", "b@far.example", ours, "250 2.0.0 Ok: queued as 4DDDD1"), removed}, 1},
		"its ID used again":   {[]string{anna, queued, filterTook, behind, sent("4AAAA1", "b@far.example", ours, "250 2.0.0 Ok: queued as 4DDDD1"), removed, theirs}, 2},
		"refused":             {[]string{anna, "postfix/cleanup[4]: 4AAAA1: reject: body no from unknown[203.0.113.80]" + envelope + ": 5.7.1 no"}, 0},
		"broken off":          {[]string{anna, bye}, 0},
		"removed":             {[]string{anna, queued, removed}, 0},
		"deleted out of hold": {[]string{anna, "postfix/postsuper[7]: 4AAAA1: placed on hold", "postfix/postsuper[7]: 4AAAA1: removed"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tracker := New(func(*Mail) {})
			feed(tracker, c.log...)
			if n := len(tracker.Open()); n != c.open {
				t.Errorf("%d are open, want %d", n, c.open)
			}
		})
	}
}

func TestSubjectIsKeptWhenTheLogHasIt(t *testing.T) {
	for _, c := range []struct{ field, want string }{
		{"Subject: You have won", "You have won"},
		{"subject: =?utf-8?B?R3LDvMOfZQ==?=", "Grüße"},
		{"Subject: =?x-none?Q?a?=", "=?x-none?Q?a?="},
		{"X-Subject: no", ""},
		{"Subject: from evil[192.0.2.9]; from=<x@y> to=<z@w> proto=ESMTP helo=<h>: Q", "from evil[192.0.2.9]; from=<x@y> to=<z@w> proto=ESMTP helo=<h>: Q from unknown[192.0.2.1]; from=<a@example.org> to=<b@example.net> proto=ESMTP helo=<c>"},
	} {
		var got []*Mail
		tr := New(func(m *Mail) { got = append(got, m) })
		at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		for _, text := range []string{
			"postfix/smtpd[1]: 4A1B2C3D11: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=anna",
			"postfix/cleanup[2]: 4A1B2C3D11: info: header " + c.field + " from unknown[192.0.2.1]; from=<a@example.org> to=<b@example.net> proto=ESMTP helo=<c>",
			"postfix/qmgr[3]: 4A1B2C3D11: removed",
		} {
			var l maillog.Line
			if !maillog.Parse([]byte("2026-11-01T00:00:00Z mx "+text), &l) {
				t.Fatal(text)
			}
			tr.Line(&l, at)
		}
		tr.Flush()
		if len(got) != 1 || got[0].Subject != c.want {
			t.Errorf("%s: %d mails, %q", c.field, len(got), got[0].Subject)
		}
	}
}
