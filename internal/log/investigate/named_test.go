package investigate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// to is one recipient of a mail in a log: as he was expanded, as he was given, and what became of him.
type to struct{ name, orig, status string }

func (w *writer) many(at time.Time, account, client string, all ...to) {
	w.ids++
	id := fmt.Sprintf("%X", 0xA00000+w.ids)
	w.line(at, "postfix/submission/smtpd[9]: %s: client=unknown[%s], sasl_method=PLAIN, sasl_username=%s", id, client, account)
	w.line(at, "postfix/qmgr[2]: %s: from=<%s@example.org>, size=900, nrcpt=%d (queue active)", id, account, len(all))
	for _, x := range all {
		orig := ""
		if x.orig != "" {
			orig = " orig_to=<" + x.orig + ">,"
		}
		status := x.status
		if status == "" {
			status = "relay=mx.example.net[192.0.2.9]:25, delay=1, delays=0/0/0/1, " + took
		}
		w.line(at, "postfix/smtp[3]: %s: to=<%s>,%s %s", id, x.name, orig, status)
	}
	w.line(at, "postfix/qmgr[2]: %s: removed", id)
}

// TestAnAliasIsOneRecipientHoweverManyItHas: the milter sees its name alone; names that differ are as many.
func TestAnAliasIsOneRecipientHoweverManyItHas(t *testing.T) {
	w := &writer{}
	for day := range 5 {
		w.mail(monday.AddDate(0, 0, day), "anna", "198.51.100.7", "bob@far.example", took)
	}
	late := monday.AddDate(0, 0, 6)
	for n, alias := range []string{"staff", "press", "members"} {
		var members []to
		for i := range 20 {
			orig := alias + "@example.org"
			if i%2 == 1 {
				orig = strings.ToUpper(alias) + "@Example.ORG"
			}
			members = append(members, to{name: fmt.Sprintf("%s%d@in.example.org", alias, i), orig: orig})
		}
		w.many(late.Add(time.Duration(n)*10*time.Minute), "anna", "198.51.100.7", members...)
	}
	r := investigated(Options{}, w.lines)
	if a := r.Accounts[0]; a.Mails != 8 || a.Recipients != 8 || a.Delivered != 8 || a.Lost() != 0 {
		t.Errorf("%d mails, %d recipients, %d delivered, %d kept", a.Mails, a.Recipients, a.Delivered, a.Lost())
	}
	var each []to
	for i := range 20 {
		each = append(each, to{name: "postmaster@in.example.org", orig: fmt.Sprintf("alias%d@example.org", i)})
	}
	w = &writer{}
	w.many(late, "anna", "198.51.100.7", each...)
	if a := investigated(Options{}, w.lines).Accounts[0]; a.Recipients != 20 || a.Delivered != 20 {
		t.Errorf("%d recipients of 20", a.Recipients)
	}
}

// TestAnAliasIsRefusedOnceAndReachedWhenOneIs: what became of it is one thing.
func TestAnAliasIsRefusedOnceAndReachedWhenOneIs(t *testing.T) {
	w := &writer{}
	bad := "relay=mx.example.net[192.0.2.9]:25, delay=1, delays=0/0/0/1, " + refused
	w.many(monday, "anna", "198.51.100.7", to{"a@in.example.org", "staff@example.org", bad}, to{"b@in.example.org", "staff@example.org", ""}, to{"c@in.example.org", "gone@example.org", bad}, to{"d@in.example.org", "gone@example.org", bad})
	if a := investigated(Options{}, w.lines).Accounts[0]; a.Recipients != 2 || a.Delivered != 1 || a.Bounced != 1 {
		t.Errorf("%d recipients, %d delivered, %d bounced", a.Recipients, a.Delivered, a.Bounced)
	}
}

// TestACopyOfEveryMailIsNobodysRecipient: of always_bcc, whatever its server says.
func TestACopyOfEveryMailIsNobodysRecipient(t *testing.T) {
	archive := to{name: "archive@vault.example"}
	full := to{"archive@vault.example", "", "relay=mx.vault.example[192.0.2.8]:25, delay=1, delays=0/0/0/1, dsn=5.2.2, status=bounced (host mx.vault.example[192.0.2.8] said: 552 5.2.2 mailbox full)"}
	w := &writer{}
	at := monday
	for n := range 60 {
		at = at.Add(time.Hour)
		w.many(at, fmt.Sprintf("u%d", n%5), fmt.Sprintf("198.51.100.%d", n%5), to{name: fmt.Sprintf("bob%d@far.example", n%7)}, archive)
	}
	for n := range 40 {
		at = at.Add(time.Hour)
		w.many(at, fmt.Sprintf("u%d", n%5), fmt.Sprintf("198.51.100.%d", n%5), full, to{name: fmt.Sprintf("new%d@far.example", n)})
	}
	r := investigated(Options{}, w.lines)
	if !slices.Equal(r.Copies, []string{"archive@vault.example"}) || !strings.Contains(r.CopiedTo(), "always_bcc") {
		t.Errorf("%q", r.Copies)
	}
	for _, a := range r.Accounts {
		if a.Mails != 20 || a.Recipients > 24 || a.Bounced != 0 || a.Lost() != 0 {
			t.Errorf("%s: %d mails, %d recipients, %d bounced, %d kept", a.Name, a.Mails, a.Recipients, a.Bounced, a.Lost())
		}
	}
	w = &writer{}
	for n := range 60 { // one account's own friend is no copy, nor is who gets most mail
		w.many(monday.Add(time.Duration(n)*time.Hour), "anna", "198.51.100.7", to{name: "bob@far.example"}, to{name: fmt.Sprintf("c%d@far.example", n)})
		w.many(monday.Add(time.Duration(n)*time.Hour+time.Minute), fmt.Sprintf("u%d", n%5), "198.51.100.8", to{name: fmt.Sprintf("c%d@far.example", n)})
	}
	if r := investigated(Options{}, w.lines); len(r.Copies) != 0 {
		t.Errorf("%q", r.Copies)
	}
}

// TestNoWordOfThisSiteIsAReceivers: of smtp(8) itself, and of a filter of this site.
func TestNoWordOfThisSiteIsAReceivers(t *testing.T) {
	w := &writer{}
	const at = ", delay=1, delays=0/0/0/1, "
	for n, said := range []string{
		"relay=none" + at + "dsn=5.4.4, status=bounced (Host or domain name not found. Name service error for name=d.example type=A: Host not found)",
		"relay=127.0.0.1[127.0.0.1]:10024" + at + "dsn=5.7.1, status=bounced (host 127.0.0.1[127.0.0.1] said: 554 5.7.1 it looks like spam (in reply to end of DATA command))",
		"relay=filter.example.org[10.0.0.5]:25" + at + "dsn=5.7.1, status=bounced (host filter.example.org[10.0.0.5] said: 554 5.7.1 it looks like spam)",
		"relay=mx.d.example[192.0.2.9]:25" + at + "dsn=5.3.4, status=bounced (message size 20480000 exceeds size limit 10240000 of server mx.d.example[192.0.2.9])",
		"relay=mx.d.example[192.0.2.9]:25" + at + "dsn=4.7.4, status=deferred (TLS is required, but was not offered by host mx.d.example[192.0.2.9])",
		"relay=mx.d.example[192.0.2.9]:25" + at + "dsn=4.4.2, status=deferred (lost connection with mx.d.example[192.0.2.9] while sending RCPT TO)",
		"relay=local" + at + "dsn=5.1.1, status=bounced (unknown user: \"x\")",
		"relay=mx.example.org[private/dovecot-lmtp]" + at + "dsn=5.2.2, status=bounced (host mx.example.org[private/dovecot-lmtp] said: 552 5.2.2 Quota exceeded)",
	} {
		w.many(monday.Add(time.Duration(n)*time.Hour), "anna", "198.51.100.7", to{fmt.Sprintf("x@d%d.example", n), "", said})
	}
	for _, x := range investigated(Options{}, w.lines).Replies {
		if x.Sample != "" || x.Refused != 0 {
			t.Errorf("%s: %d refusals, %q", x.Domain, x.Refused, x.Sample)
		}
	}
	w.many(monday.Add(20*time.Hour), "anna", "198.51.100.7", to{"x@e.example", "", "relay=mx.e.example[192.0.2.9]:25" + at + "dsn=5.7.1, status=bounced (host mx.e.example[192.0.2.9] refused to talk to me: 554 5.7.1 no)"})
	if r := investigated(Options{}, w.lines); r.Replies[0].Domain != "e.example" || r.Replies[0].Refused != 1 || r.Replies[0].Policy != 1 {
		t.Errorf("%+v", r.Replies[0])
	}
}
