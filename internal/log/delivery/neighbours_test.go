package delivery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func shorts(lines ...string) (all []string) {
	for _, m := range follow(lines...) {
		all = append(all, short(m)+" = "+m.Outcome())
	}
	slices.Sort(all)
	return all
}

func sentTo(id, to, relay, dsn, reply string) string {
	return fmt.Sprintf("postfix/smtp[3]: %s: to=<%s>, relay=%s, delay=1, delays=0/0/0/1, dsn=%s, status=sent (%s)", id, to, relay, dsn, reply)
}

// TestWhoNeverFinishedAMailDidNotSendIt: since Postfix 3.10 smtpd says of which mail it lost the client, and cleanup that it
// gave the mail up.
func TestWhoNeverFinishedAMailDidNotSendIt(t *testing.T) {
	const smtpd = "postfix/submission/smtpd[1]: "
	for _, how := range []string{"lost connection after DATA (39105 bytes)", "lost connection after RCPT", "timeout after DATA (21 bytes)", "too many errors after RCPT"} {
		for _, with := range [][]string{{ids}, {}} {
			log := slices.Concat([]string{anna}, with, []string{smtpd + "4AAAA1: " + how + " from unknown[203.0.113.80]", bye})
			if got := shorts(log...); len(got) != 1 || got[0] != "4AAAA1 anna <>  abandoned = broken off by its client" {
				t.Errorf("%s, %d: %q", how, len(with), got)
			}
		}
	}
	if got := shorts(anna, bye, "postfix/cleanup[4]: 4AAAA1: removed (canceled)"); len(got) != 1 || !strings.HasSuffix(got[0], "broken off by its client") {
		t.Errorf("%q", got)
	}
	if got := shorts(anna, ids, queued, smtpd+"4AAAA1: lost connection after DATA (7 bytes) from unknown[203.0.113.80]", removed); len(got) != 1 || strings.Contains(got[0], "broken") {
		t.Errorf("queued all the same: %q", got)
	}
}

// TestSentIsNotAlwaysReceived: what a filter of ours or discard(8) took and gave nobody; what a server elsewhere says of itself is no
// news of ours.
func TestSentIsNotAlwaysReceived(t *testing.T) {
	for line, want := range map[string]string{
		sentTo("4AAAA1", "b@far.example", ours, "2.7.0", "250 2.7.0 Ok, discarded, id=20711-05 - spam"):                                 "discarded",
		sentTo("4AAAA1", "b@far.example", "filter[10.0.0.9]:10024", "2.5.0", "250 2.5.0 Ok, id=00123-01, BOUNCE"):                       "discarded",
		sentTo("4AAAA1", "b@far.example", "mx[private/scan]", "2.0.0", "250 message quarantined"):                                       "discarded",
		sentTo("4AAAA1", "b@far.example", wire, "2.7.0", "250 2.7.0 Ok, discarded"):                                                     "sent",
		sentTo("4AAAA1", "b@far.example", "mx[private/lmtp]", "2.0.0", "250 2.0.0 <discarded@far.example> Saved"):                       "sent",
		strings.Replace(sentTo("4AAAA1", "b@far.example", "none", "2.0.0", "far.example"), "postfix/smtp", "postfix/discard", 1):        "discarded",
		strings.Replace(sentTo("4AAAA1", "b@far.example", "none", "2.0.0", "x"), "postfix/smtp", "postfix/hole/discard", 1):             "discarded",
		strings.Replace(sentTo("4AAAA1", "b@mx", "local", "2.0.0", "delivered to file: /dev/null"), "postfix/smtp", "postfix/local", 1): "discarded",
		strings.Replace(sentTo("4AAAA1", "b@mx", "local", "2.0.0", "delivered to mailbox"), "postfix/smtp", "postfix/local", 1):         "sent",
	} {
		if got := follow(anna, ids, queued, line, removed); len(got) != 1 || got[0].Outcome() != want {
			t.Errorf("%s: %q, want %s", line, got[0].Outcome(), want)
		}
	}
}

// TestAMailBehindAProxyFilterIsItsSenders: smtpd_proxy_filter gives a mail its queue ID behind the filter.
func TestAMailBehindAProxyFilterIsItsSenders(t *testing.T) {
	front := func(pid int, account string) string {
		if account != "" {
			account = ", sasl_method=PLAIN, sasl_username=" + account
		}
		return fmt.Sprintf("postfix/submission/smtpd[%d]: NOQUEUE: client=unknown[203.0.113.80]%s", pid, account)
	}
	accepted := func(pid int, words string) string {
		return fmt.Sprintf("postfix/submission/smtpd[%d]: proxy-accept: END-OF-MESSAGE: 250 2.0.0 %s; from=<anna@example.org> to=<b@far.example> proto=ESMTP helo=<x>", pid, words)
	}
	const named = "postfix/10026/smtpd[8]: 4DDDD1: client=localhost[127.0.0.1], orig_client=unknown[203.0.113.80]"
	tail := []string{behind, sentTo("4DDDD1", "b@far.example", wire, "2.0.0", "250 ok"), gone}
	for name, c := range map[string]struct {
		log            []string
		account, where string
	}{
		"the filter names the client":                     {[]string{front(1, "anna"), named, accepted(1, "Ok: queued as 4DDDD1")}, "anna", "203.0.113.80"},
		"the filter's words come from elsewhere":          {[]string{front(1, "anna"), named, accepted(1, "Ok")}, "anna", "203.0.113.80"},
		"the filter names no client":                      {[]string{front(1, "anna"), filterTook, accepted(1, "from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4DDDD1")}, "anna", "203.0.113.80"},
		"two log in from one address":                     {[]string{front(1, "anna"), front(2, "carl"), named, accepted(2, "Ok: queued as 4DDDD1")}, "carl", "203.0.113.80"},
		"two of one address, and nobody says which":       {[]string{front(1, "anna"), front(2, "carl"), named, accepted(2, "Ok")}, "", "203.0.113.80"},
		"a stranger hands it in":                          {[]string{front(1, ""), named, accepted(1, "Ok: queued as 4DDDD1")}, "", "203.0.113.80"},
		"a stranger hands it in, the client is not named": {[]string{front(1, ""), filterTook, accepted(1, "Ok: queued as 4DDDD1")}, "", "203.0.113.80"},
		"who logged in before has gone":                   {[]string{front(1, "anna"), bye, front(2, ""), named, accepted(2, "Ok: queued as 4DDDD1")}, "", "203.0.113.80"},
		"another client":                                  {[]string{front(1, "anna"), strings.Replace(named, "203.0.113.80", "203.0.113.81", 1)}, "", "203.0.113.81"},
	} {
		mails := follow(slices.Concat(c.log, tail)...)
		if len(mails) != 1 || mails[0].Account != c.account || mails[0].Client.String() != c.where {
			t.Errorf("%s: %d mails, %q at %s", name, len(mails), mails[0].Account, mails[0].Client)
		}
	}
}

// TestMailScannersMailIsOne: it takes a mail out of the hold queue and puts it back under another ID; or throws it away.
func TestMailScannersMailIsOne(t *testing.T) {
	hold := "postfix/cleanup[4]: 4AAAA1: hold: header Received: from x from unknown[203.0.113.80]" + envelope
	requeue := "MailScanner[9]: Requeue: 4AAAA1.A1F3C to 4DDDD1"
	took := sentTo("4DDDD1", "b@far.example", wire, "2.0.0", "250 ok")
	const want = "4AAAA1+4DDDD1 anna <anna@example.org> b@far.example=sent*1 removed = sent"
	if got := shorts(anna, hold, ids, requeue, behind, took, gone); len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
	if got := shorts(anna, hold, ids, behind, requeue, took, gone); len(got) != 1 || got[0] != want {
		t.Errorf("qmgr was faster: %q", got)
	}
	if got := shorts(anna, hold, ids, requeue); len(got) != 1 || !strings.HasSuffix(got[0], "on its way") {
		t.Errorf("the log ends: %q", got)
	}
	if got := shorts(anna, hold, ids, "MailScanner[9]: Spam Actions: message 4AAAA1.A1F3C actions are delete"); len(got) != 1 || !strings.HasSuffix(got[0], "discarded") {
		t.Errorf("%q", got)
	}
	if got := shorts(anna, hold, ids, "MailScanner[9]: Requeue: 4BBBB1.A1F3C to 4DDDD1", behind, took, gone); len(got) != 2 {
		t.Errorf("another mail: %q", got)
	}
}

// TestWhyAMailWasStoppedIsTold, and to whom it was, who has had no attempt.
func TestWhyAMailWasStoppedIsTold(t *testing.T) {
	for line, want := range map[string]string{
		"postfix/cleanup[4]: 4AAAA1: milter-reject: END-OF-MESSAGE from unknown[203.0.113.80]: 5.7.1 not from you" + envelope:                                                                          "milter-reject: 5.7.1 not from you",
		"postfix/cleanup[4]: 4AAAA1: milter-hold: END-OF-MESSAGE from unknown[203.0.113.80]: milter triggers HOLD action" + envelope:                                                                   "milter-hold: milter triggers HOLD action",
		"postfix/cleanup[4]: 4AAAA1: reject: header Subject: x from unknown[203.0.113.80]" + envelope + ": 5.7.1 no such subjects":                                                                     "reject: 5.7.1 no such subjects",
		"postfix/submission/smtpd[1]: 4AAAA1: discard: DATA from unknown[203.0.113.80]: <DATA>: Data command triggers DISCARD action; from=<anna@example.org> to=<b@far.example> proto=ESMTP helo=<x>": "discard: <DATA>: Data command triggers DISCARD action",
	} {
		mails := follow(anna, ids, line)
		if len(mails) != 1 || mails[0].Why != want || !mails[0].Is("B@far.example") {
			t.Errorf("%s: %q for %q", line, mails[0].Why, mails[0].Named)
		}
	}
}
