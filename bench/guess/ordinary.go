package main

import (
	"fmt"
	"time"
)

// ordinary lets mail and people come and go until the log has about so many lines. One visit calls the next; there are four
// times as many by day as by night.
func (g *generator) ordinary(lines int) {
	const perVisit, nights = 5.54, 1.93 // lines; how much faster the pace is than by day alone
	if lines <= 0 {
		return
	}
	pace := time.Duration(float64(length) / (float64(lines) / perVisit) / nights)
	var next func(time.Time)
	next = func(at time.Time) {
		g.one(at)
		gap := time.Duration(g.r.ExpFloat64() * float64(pace))
		if h := at.Hour(); h < 7 || h > 19 {
			gap *= 4
		}
		g.visit(at.Add(gap), next)
	}
	g.visit(begin, next)
}

// one is one visit of every day.
func (g *generator) one(at time.Time) {
	p := pick(g.r, g.site.people)
	m := &mark{kind: "people", subject: p.account}
	switch n := g.r.IntN(1000); {
	case n < 300:
		g.inbound(at, pick(g.r, g.site.mtas), p.account)
	case n < 380:
		g.submit(m, at, g.place(p), right(p.account))
	case n < 760:
		g.mailbox(m, at, "imap", g.place(p), right(p.account))
	case n < 800:
		g.mailbox(m, at, "pop3", p.home, right(p.account))
	case n < 806:
		g.mistypes(m, at, g.place(p), p.account, 1+g.r.IntN(2))
	case n < 930:
		g.badClient(at, pick(g.r, g.site.bad), p.account)
	case n < 960:
		g.troubled(at, pick(g.r, g.site.mtas), p.account)
	default:
		g.say(at, "postfix/anvil[1300]", "statistics: max connection rate %d/60s for (smtpd:%s) at %s", 1+g.r.IntN(4), pick(g.r, g.site.bad).addr, at.Format(time.Stamp))
	}
}

// place is where a person is: at home, or on the way.
func (g *generator) place(p *person) client {
	if g.r.IntN(4) == 0 {
		return g.site.onTheWay(p)
	}
	return p.home
}

// mistypes is a person who gets in after some wrong tries.
func (g *generator) mistypes(m *mark, at time.Time, c client, account string, times int) {
	for range times {
		if g.r.IntN(2) == 0 {
			g.mailbox(m, at, "imap", c, wrong(account))
		} else {
			g.submit(m, at, c, wrong(account))
		}
		at = at.Add(g.between(8*time.Second, 40*time.Second))
	}
	g.mailbox(m, at, "imap", c, right(account))
}

func (g *generator) id() string {
	g.ids++
	return fmt.Sprintf("4%X", 0x1000000000+g.ids*7919)
}

// inbound is a mail from outside to a mailbox here.
func (g *generator) inbound(at time.Time, c client, account string) {
	s := g.open(mx, at, c)
	s.wait(200*time.Millisecond, time.Second)
	id := g.id()
	s.say("%s: client=%s", id, c)
	g.say(s.at, "postfix/cleanup[1310]", "%s: message-id=<%s@%s>", id, id, c.name)
	g.say(s.at, "postfix/qmgr[1301]", "%s: from=<bounce-%d@example.net>, size=%d, nrcpt=1 (queue active)", id, g.r.IntN(900), 2000+g.r.IntN(80_000))
	done := s.at.Add(g.between(100*time.Millisecond, time.Second))
	g.say(done, "dovecot", "lmtp(%s)<%d><%s>: msgid=<%s@%s>: saved mail to INBOX", account, 30_000+g.r.IntN(900), g.site.token(), id, c.name)
	g.say(done, "postfix/lmtp[1320]", "%s: to=<%s>, relay=mx.example.org[private/dovecot-lmtp], delay=0.6, delays=0.5/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 <%s> %s Saved)", id, account, account, g.site.token())
	g.say(done, "postfix/qmgr[1301]", "%s: removed", id)
	s.end("ehlo=2", "starttls=1", "mail=1", "rcpt=1", "data=1", "quit=1")
}

// mail is a mail that an account hands in.
func (g *generator) mail(s *session, account string, recipients int) {
	s.wait(50*time.Millisecond, 400*time.Millisecond)
	id := g.id()
	s.say("%s: client=%s, sasl_method=PLAIN, sasl_username=%s", id, s.c, account)
	g.say(s.at, "postfix/cleanup[1311]", "%s: message-id=<%s@client.example.org>", id, id)
	g.say(s.at, "postfix/qmgr[1301]", "%s: from=<%s>, size=%d, nrcpt=%d (queue active)", id, account, 900+g.r.IntN(60_000), recipients)
	done := s.at
	for k := range recipients {
		done = done.Add(g.between(300*time.Millisecond, 2*time.Second))
		to := pick(g.r, g.site.mtas)
		g.say(done, "postfix/smtp[1330]", "%s: to=<friend%d@example.com>, relay=%s:25, delay=1.2, delays=0.1/0/0.6/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4ZZ%d)", id, k, to, g.r.IntN(99999))
	}
	g.say(done, "postfix/qmgr[1301]", "%s: removed", id)
}

// badClient is one who wants no login: spam, scanners, and what speaks no SMTP. To ban it is neither asked nor wrong.
func (g *generator) badClient(at time.Time, c client, to string) {
	s := g.open(mx, at, c)
	s.wait(100*time.Millisecond, time.Second)
	switch g.r.IntN(5) {
	case 0, 1:
		s.say("NOQUEUE: reject: RCPT from %s: 554 5.7.1 Service unavailable; Client host [%s] blocked using zen.example.net; from=<x@example.net> to=<%s> proto=ESMTP helo=<example.net>", c, c.addr, to)
		s.end("ehlo=1", "mail=1", "rcpt=0/1", "quit=1")
	case 2:
		s.say("NOQUEUE: reject: RCPT from %s: 550 5.1.1 <info%d@example.org>: Recipient address rejected: User unknown in virtual mailbox table; from=<x@example.net> to=<info%d@example.org> proto=ESMTP helo=<example.net>", c, s.pid, s.pid)
		s.end("ehlo=1", "mail=1", "rcpt=0/1", "data=0/1", "rset=1", "quit=1")
	case 3:
		s.say("%slost connection after EHLO from %s", g.form.lost, c)
		s.end("ehlo=1")
	default:
		s.say("warning: non-SMTP command from %s: GET / HTTP/1.1", c)
		s.end("unknown=0/1")
	}
}

// troubled is an honest mail server that is refused or goes away now and then.
func (g *generator) troubled(at time.Time, c client, to string) {
	s := g.open(mx, at, c)
	g.tried(&mark{kind: "mail servers", subject: c.addr.String()}, at, c, "", came)
	s.wait(100*time.Millisecond, time.Second)
	switch g.r.IntN(3) {
	case 0:
		s.say("NOQUEUE: reject: RCPT from %s: 450 4.2.0 <%s>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.org.html; from=<list@example.net> to=<%s> proto=ESMTP helo=<%s>", c, to, to, c.name)
		s.end("ehlo=2", "starttls=1", "mail=1", "rcpt=0/1", "quit=1")
	case 1:
		s.say("NOQUEUE: reject: RCPT from %s: 550 5.1.1 <left@example.org>: Recipient address rejected: User unknown in virtual mailbox table; from=<list@example.net> to=<left@example.org> proto=ESMTP helo=<%s>", c, c.name)
		s.end("ehlo=2", "starttls=1", "mail=1", "rcpt=0/1", "quit=1")
	default:
		s.say("%slost connection after STARTTLS from %s", g.form.lost, c)
		s.end("ehlo=1", "starttls=1")
	}
}
