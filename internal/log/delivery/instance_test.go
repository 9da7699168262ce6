package delivery

import (
	"fmt"
	"strings"
	"testing"
)

func bounced(id, to string) string {
	return "postfix/smtp[3]: " + id + ": to=<" + to + ">, relay=" + wire + ", delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.far.example[192.0.2.25] said: 550 5.1.1 no such user (in reply to RCPT TO command))"
}

// of lets another instance or host say a line of the main one.
func of(instance, line string) string { return strings.Replace(line, "postfix/", instance+"/", 1) }

// TestWhatComesBackIsTheSameMail whoever hands it back: not loopback alone, and not to the same instance alone. And it is
// not the same mail because a stranger says so.
func TestWhatComesBackIsTheSameMail(t *testing.T) {
	const (
		lan, far  = "filter.lan[10.0.0.5]:10024", "filter.example[192.0.2.77]:10024"
		fromLAN   = "postfix/smtpd[8]: 4DDDD1: client=filter.lan[10.0.0.5]"
		fromFar   = "postfix/smtpd[8]: 4DDDD1: client=filter.example[192.0.2.77]"
		again     = "postfix/cleanup[4]: 4DDDD1: message-id=<1@x>"
		another   = "postfix/cleanup[4]: 4DDDD1: message-id=<2@x>"
		took      = "250 2.0.0 Ok: queued as 4DDDD1"
		withQueue = "postfix/smtpd[8]: 4DDDD1: client=localhost[127.0.0.1], orig_queue_id=4AAAA1, orig_client=unknown[203.0.113.80]"
		one       = "4AAAA1+4DDDD1 anna <anna@example.org> b@far.example=bounced*1 removed"
		two       = "4AAAA1 anna <anna@example.org> b@far.example=sent*1 removed\n4DDDD1 - <anna@example.org> b@far.example=bounced*1 removed"
	)
	through := func(client, id, relay string) []string {
		return []string{anna, ids, queued, client, id, behind, sent("4AAAA1", "b@far.example", relay, took), removed, bounced("4DDDD1", "b@far.example"), gone}
	}
	for name, c := range map[string]struct {
		log  []string
		want string
	}{
		"from a filter on the LAN":               {through(fromLAN, again, lan), one},
		"from a filter elsewhere":                {through(fromFar, again, far), one},
		"to a filter behind a socket":            {through(fromLAN, again, "filter[private/filter]"), one},
		"from a filter elsewhere, another mail":  {through(fromFar, another, far), two},
		"from another than who took it":          {through(fromFar, again, wire), two},
		"with an account of its own":             {through("postfix/smtpd[8]: 4DDDD1: client=filter.lan[10.0.0.5], sasl_method=PLAIN, sasl_username=bob", again, lan), strings.Replace(two, "4DDDD1 -", "4DDDD1 bob", 1)},
		"with its queue ID to a second instance": {[]string{anna, ids, queued, of("postfix-out", withQueue), of("postfix-out", behind), sent("4AAAA1", "b@far.example", ours, took), removed, of("postfix-out", bounced("4DDDD1", "b@far.example")), of("postfix-out", gone)}, one},
		"to a second instance":                   {[]string{anna, ids, queued, of("postfix-out", filterTook), of("postfix-out", behind), sent("4AAAA1", "b@far.example", ours, took), removed, of("postfix-out", bounced("4DDDD1", "b@far.example")), of("postfix-out", gone)}, one},
		"with the queue ID that both instances use": {[]string{anna, queued, of("postfix-out", "postfix/smtpd[7]: 4AAAA1: client=unknown[192.0.2.4]"), of("postfix-out", withQueue), of("postfix-out", behind), sent("4AAAA1", "b@far.example", ours, took), removed, of("postfix-out", bounced("4DDDD1", "b@far.example")), of("postfix-out", gone)},
			one + "\n4AAAA1 - <>"},
		"from elsewhere, and a filter on loopback names it": {through(fromFar, another, ours), two},
		"from loopback, and a stranger names it":            {through("postfix/smtpd[8]: 4DDDD1: client=localhost[127.0.0.1]", another, far), two},
		"from the LAN, and a stranger names it":             {through(fromLAN, again, far), two},
		"from the LAN, without a Message-ID":                {[]string{anna, queued, fromLAN, behind, sent("4AAAA1", "b@far.example", lan, took), removed, bounced("4DDDD1", "b@far.example"), gone}, two},
		"from the LAN, with another sender": {[]string{anna, ids, queued, fromLAN, again, strings.Replace(behind, "anna@", "bob@", 1), sent("4AAAA1", "b@far.example", lan, took), removed, bounced("4DDDD1", "b@far.example"), gone},
			strings.Replace(two, "4DDDD1 - <anna@", "4DDDD1 - <bob@", 1)},
		"from the LAN, and local(8) names it": {[]string{anna, ids, queued, fromLAN, again, behind, "postfix/local[9]: 4AAAA1: to=<b@far.example>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as 4DDDD1)", removed, bounced("4DDDD1", "b@far.example"), gone}, two},
		"an older mail":                       {[]string{filterTook, behind, anna, queued, sent("4AAAA1", "b@far.example", ours, took), removed, bounced("4DDDD1", "b@far.example"), gone}, two},
		"under the same ID": {[]string{anna, queued, "postfix/smtpd[8]: 4AAAA1: client=localhost[127.0.0.1], orig_queue_id=4AAAA1, orig_client=unknown[203.0.113.80]"},
			"4AAAA1 anna <anna@example.org>\n4AAAA1 - <>"},
		"a filter names the mail itself": {[]string{anna, queued, sent("4AAAA1", "b@far.example", ours, "250 2.0.0 Ok: queued as 4AAAA1"), removed}, "4AAAA1 anna <anna@example.org> b@far.example=sent*1 removed"},
		"a part of it has an ID that is another mail's by now": {[]string{anna, queued, filterTook, behind, "postfix/cleanup[4]: 4EEEE1: message-id=<1@x>",
			"postfix/local[9]: 4DDDD1: to=<b@far.example>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as 4EEEE1)", gone, "postfix/smtpd[7]: 4DDDD1: client=unknown[198.51.100.7]",
			sent("4AAAA1", "b@far.example", ours, "250 2.0.0 Ok: queued as 4EEEE1"), removed, bounced("4EEEE1", "b@far.example"), "postfix/qmgr[2]: 4EEEE1: removed", sent("4DDDD1", "c@far.example", wire, "250 ok"), gone},
			"4AAAA1+4DDDD1+4EEEE1 anna <anna@example.org> b@far.example=bounced*1 removed\n4DDDD1 - <> c@far.example=sent*1 removed"},
		"a stranger names an earlier ID of it, to hide": {[]string{anna, queued, filterTook, behind, sent("4AAAA1", "b@far.example", ours, took), sent("4DDDD1", "b@far.example", wire, "250 2.0.0 Ok: queued as 4AAAA1"), gone, removed},
			"4AAAA1+4DDDD1 anna <anna@example.org> b@far.example=sent*1 removed"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, c.log, c.want) })
	}
}

// expect follows a log and compares what became of each mail.
func expect(t *testing.T, log []string, want string) {
	t.Helper()
	var got []string
	for _, m := range follow(log...) {
		got = append(got, short(m))
	}
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}

func TestHostsAndInstancesAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		log  []string
		want string
	}{
		"two hosts use one ID": {
			[]string{"mx1|" + anna, "mx1|" + queued, "mx2|" + bounced("4AAAA1", "victim@bank.example"), "mx2|" + removed, "mx1|" + sent("4AAAA1", "b@far.example", wire, "250 ok"), "mx1|" + removed},
			"4AAAA1 - <> victim@bank.example=bounced*1 removed\n4AAAA1 anna <anna@example.org> b@far.example=sent*1 removed",
		},
		"one host's smtpd ends no other host's mail": {
			[]string{"mx1|" + anna, "mx2|" + bye, "mx1|" + ids, "mx1|" + queued, "mx1|" + removed},
			"4AAAA1 anna <anna@example.org>  removed",
		},
		"instances with names of their own": {
			[]string{of("mx-in", queued), of("mx-out", queued), of("mx-in", bounced("4AAAA1", "b@far.example")), of("mx-in", removed), of("mx-out", sent("4AAAA1", "c@far.example", wire, "250 ok")), of("mx-out", removed)},
			"4AAAA1 - <anna@example.org> b@far.example=bounced*1 removed\n4AAAA1 - <anna@example.org> c@far.example=sent*1 removed",
		},
		"an instance whose queue manager speaks last": {
			[]string{of("mx-in", "postfix/smtpd[1]: 4AAAA1: client=unknown[203.0.113.80]"), of("mx-in", ids), of("mx-in", queued), of("postfix", "postfix/smtpd[1]: 4AAAA1: client=unknown[203.0.113.81]"), of("mx-in", bounced("4AAAA1", "b@far.example")), of("mx-in", removed)},
			"4AAAA1 - <anna@example.org> b@far.example=bounced*1 removed\n4AAAA1 - <>",
		},
		"a mail that was broken off in it": {
			[]string{of("mx-in", "postfix/smtpd[1]: 4AAAA1: client=unknown[203.0.113.80]"), of("mx-in", "postfix/smtpd[1]: disconnect from unknown[203.0.113.80] mail=1 commands=1"), of("mx-in", behind), of("mx-in", gone)},
			"4AAAA1 - <>  abandoned\n4DDDD1 - <anna@example.org>  removed",
		},
		"an instance whose operator speaks first": {
			[]string{anna, queued, of("mx-in", "postfix/postsuper[9]: 4AAAA1: removed"), removed},
			"4AAAA1 - <>  deleted\n4AAAA1 anna <anna@example.org>  removed",
		},
		"a service with a name of its own is the main instance's": {
			[]string{"submission/smtpd[1]: 4AAAA1: client=unknown[203.0.113.80], sasl_method=PLAIN, sasl_username=anna", queued, removed},
			"4AAAA1 anna <anna@example.org>  removed",
		},
	} {
		t.Run(name, func(t *testing.T) { expect(t, c.log, c.want) })
	}
}

func TestInstancesAreBounded(t *testing.T) {
	tracker := New(func(*Mail) {})
	for i := range 3 * maxInstances {
		feed(tracker, fmt.Sprintf("mx%d|x%d/qmgr[2]: 4AAAA1: removed", i%7, i), fmt.Sprintf("mx%d|postfix-%d/qmgr[2]: 4AAAA1: removed", i%7, i))
	}
	n := 0
	for _, names := range tracker.instances {
		n += len(names)
	}
	if n > maxInstances {
		t.Errorf("%d are kept", n)
	}
}

func TestEveryOutcomeHasAWord(t *testing.T) {
	soft := strings.Replace(bounced("4AAAA1", "b@far.example"), "status=bounced", "status=SOFTBOUNCE", 1)
	for want, log := range map[string][]string{
		"SOFTBOUNCE":                           {anna, queued, soft},
		"partly sent, SOFTBOUNCE":              {anna, queued, soft, sent("4AAAA1", "c@far.example", wire, "250 ok")},
		"partly sent, bounced":                 {anna, queued, bounced("4AAAA1", "b@far.example"), sent("4AAAA1", "c@far.example", wire, "250 ok"), removed},
		"partly sent, deferred, undeliverable": {anna, queued, deferred("4AAAA1", "d@far.example"), sent("4AAAA1", "c@far.example", wire, "250 ok"), strings.Replace(bounced("4AAAA1", "e@far.example"), "bounced", "undeliverable", 1)},
	} {
		if got := follow(log...)[0].Outcome(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
