package main

import (
	"net/netip"
	"time"
)

// lookalikes are variants of innocents.
var lookalikes = []variant{
	{name: "traveller, guessed at", what: "40 addresses guess at a traveller's account; she gets in from a hotel with the right password", plan: func(g *generator, kind string) {
		p := g.site.people[3]
		for n := range 40 {
			g.imapAt(friday.Add(time.Duration(n)*time.Minute), guilty("the botnet", p.account), bot(g), p.account)
		}
		g.visit(friday.Add(45*time.Minute), func(at time.Time) {
			g.mailbox(good("traveller", p.account), at, "imap", g.site.stranger("hotel"), right(p.account))
		})
	}},
	{name: "a switch", what: "22 hours of guessing, 66 minutes of silence, and again: hours that a traveller is kept out, of 72", plan: func(g *generator, kind string) {
		p, hotel, last := g.site.people[3], g.site.stranger("hotel"), friday
		for at := friday; at.Before(friday.Add(72 * hour)); {
			g.imapAt(at, guilty("the botnet", p.account), bot(g), p.account)
			if at = at.Add(6 * time.Minute); at.Sub(last) > 22*hour+50*time.Minute {
				at = at.Add(66 * time.Minute)
				last = at
			}
		}
		for n := range 72 {
			at := friday.Add(70*time.Minute + time.Duration(n)*time.Hour)
			g.visit(at, func(at time.Time) {
				g.mailbox(good("hours of a traveller", at.Format(time.DateTime)), at, "imap", hotel, right(p.account))
			})
		}
	}},
	{name: "conference", what: "30 guests behind a new address; four mistype before the first gets in", plan: func(g *generator, kind string) {
		c := g.site.stranger("nat")
		for i, p := range g.site.people[60:90] {
			at, m := friday.Add(time.Duration(i)*20*time.Second), good("guests", p.account)
			if i < 4 {
				g.visit(at, func(at time.Time) { g.mailbox(m, at, "imap", c, wrong(p.account)) })
			}
			g.visit(at.Add(3*time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right(p.account)) })
		}
	}},
	{name: "conference, second", what: "the first guest gets in at once; then 5 mistype three times each, and 20 more come", plan: func(g *generator, kind string) {
		c := g.site.stranger("nat")
		for i, p := range g.site.people[60:90] {
			m := good("guests", p.account)
			if i > 0 && i < 6 {
				for n := range 3 {
					g.visit(friday.Add(time.Duration(1+n)*time.Minute+time.Duration(i)*time.Second), func(at time.Time) { g.mailbox(m, at, "imap", c, wrong(p.account)) })
				}
			}
			g.visit(friday.Add(time.Duration(i*20)*time.Second), func(at time.Time) {
				if i == 0 || i > 5 {
					g.mailbox(m, at, "imap", c, right(p.account))
				}
			})
			g.visit(friday.Add(15*time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right(p.account)) })
		}
	}},
	{name: "five guests", what: "a new address; five mistype, one of them twice, within a quarter of an hour, and then get in", plan: func(g *generator, kind string) {
		guests(g, 3*time.Minute)
	}},
	{name: "five hasty guests", what: "the same within three minutes: nobody can know", plan: func(g *generator, kind string) {
		guests(g, 30*time.Second)
	}},
	{name: "family", what: "a flat where nobody ever logged in; four telephones with old passwords, two tries each within two minutes, then the right ones", plan: func(g *generator, kind string) {
		c := g.site.stranger("nat")
		for i, p := range g.site.people[60:64] {
			m := good("family", p.account)
			for n := range 2 {
				g.visit(friday.Add(time.Duration(n)*time.Minute+time.Duration(i)*5*time.Second), func(at time.Time) { g.mailbox(m, at, "imap", c, wrong(p.account)) })
			}
			g.visit(friday.Add(10*time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right(p.account)) })
		}
	}},
	{name: "old telephone, new place", what: "at a friend's: a telephone with the old password every 5 minutes, an hour later the laptop with the new", plan: func(g *generator, kind string) {
		p, c := g.site.people[3], g.site.stranger("dsl")
		g.every(friday, friday.Add(2*hour), 5*time.Minute, func(at time.Time) { g.mailbox(good("old telephone", p.account), at, "imap", c, wrong(p.account)) })
		g.visit(friday.Add(hour), func(at time.Time) { g.mailbox(good("laptop", p.account), at, "imap", c, right(p.account)) })
	}},
	{name: "new address of the day", what: "at home, under a new address of the provider: the telephone with the old password every 5 minutes, the PC 4 hours later", plan: func(g *generator, kind string) {
		p := g.site.people[3]
		c := g.inSystem(p.home.addr)
		g.every(friday, friday.Add(5*hour), 5*time.Minute, func(at time.Time) { g.mailbox(good("old telephone", p.account), at, "imap", c, wrong(p.account)) })
		g.visit(friday.Add(4*hour), func(at time.Time) { g.mailbox(good("PC", p.account), at, "imap", c, right(p.account)) })
	}},
	{name: "mailboxes that never write", what: "a client with three mailboxes that are no accounts of postward's, each wrong once, in a new place", plan: func(g *generator, kind string) {
		c := g.site.stranger("dsl")
		for n, name := range []string{"buchhaltung@example.org", "empfang@example.org", "lager@example.org"} {
			m := good("mailboxes", name)
			g.visit(friday.Add(time.Duration(n)*time.Second), func(at time.Time) { g.mailbox(m, at, "imap", c, wrong(name)) })
			g.visit(friday.Add(time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right(name)) })
		}
	}},
	{name: "mailbox named like one", what: "the same with one mailbox, scan@: wrong once", plan: func(g *generator, kind string) {
		c, m := g.site.stranger("dsl"), good("mailboxes", "scan@example.org")
		g.visit(friday, func(at time.Time) { g.mailbox(m, at, "imap", c, wrong("scan@example.org")) })
		g.visit(friday.Add(time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right("scan@example.org")) })
	}},
	{name: "passwords cannot be asked", what: "30 guests behind a new address while Dovecot's auth is away, ten tries each", plan: func(g *generator, kind string) {
		c := g.site.stranger("nat")
		for i, p := range g.site.people[60:90] {
			m := good("guests", p.account)
			for n := range 10 {
				g.visit(friday.Add(time.Duration(n)*time.Minute+time.Duration(i)*time.Second), func(at time.Time) { g.away(m, at, c, p.account) })
			}
			g.visit(friday.Add(12*time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right(p.account)) })
		}
	}},
	{name: "old telephone, carrier", what: "a telephone with an old password, 15 minutes apart, at one address of its own carrier for a day", plan: func(g *generator, kind string) {
		p := g.site.people[3]
		c := g.site.onTheWay(p)
		g.every(friday, friday.Add(day), 15*time.Minute, func(at time.Time) { g.mailbox(good("old telephone", p.account), at, "imap", c, wrong(p.account)) })
	}},
	{name: "smtpd speaks first", what: "a traveller mistypes four times, and smtpd's line comes before Dovecot's (auth_failure_delay = 0)", plan: func(g *generator, kind string) {
		p, c := g.site.people[3], g.site.stranger("hotel")
		m := good("traveller", p.account)
		for n := range 4 {
			g.visit(friday.Add(time.Duration(n)*25*time.Second), func(at time.Time) { g.hasty(m, at, c, wrong(p.account)) })
		}
		g.visit(friday.Add(3*time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right(p.account)) })
	}},
	{name: "next with the address", what: "a bot is banned time and again; the day after, its dynamic address is a user's of that provider", plan: func(g *generator, kind string) {
		p := g.site.people[3]
		c := g.inSystem(p.home.addr)
		for n := range 200 {
			g.imapAt(begin.Add(day+time.Duration(n)*20*time.Minute), guilty("the bot", c.addr.String()), c, pick(g.r, nobodies))
		}
		g.visit(begin.Add(day+200*20*time.Minute+12*hour), func(at time.Time) { g.mailbox(good("next", p.account), at, "imap", c, right(p.account)) })
	}},
	{name: "shared /64", what: "a user's server in a /64 that a hoster gives to many; a neighbour guesses; he comes for the first time", plan: func(g *generator, kind string) {
		network := netip.PrefixFrom(g.site.address6(), 64).Masked()
		p := g.site.people[3]
		for n := range 10 {
			g.imapAt(friday.Add(time.Duration(n)*time.Minute), guilty("the neighbour", network.String()), client{"unknown", host(network, 5)}, g.site.people[9].account)
		}
		g.visit(friday.Add(15*time.Minute), func(at time.Time) {
			g.mailbox(good("in that /64", p.account), at, "imap", client{"unknown", host(network, 9)}, right(p.account))
		})
	}},
	{name: "seven mistakes", what: "a traveller mistypes seven times", plan: func(g *generator, kind string) {
		p := g.site.people[3]
		g.visit(friday, func(at time.Time) {
			g.mistypes(good("traveller", p.account), at, g.site.stranger("hotel"), p.account, 7)
		})
	}},
	{name: "folded mistakes", what: "a traveller mistypes four times in one session, and the syslog daemon folds", fold: true, plan: func(g *generator, kind string) {
		p, c := g.site.people[3], g.site.stranger("hotel")
		m := good("traveller", p.account)
		g.visit(friday, func(at time.Time) { g.submit(m, at, c, times(4, p.account)...) })
		g.visit(friday.Add(2*time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right(p.account)) })
	}},
	{name: "old customers", what: "a newsletter's server asks for 15 people who left, then for one who is there", plan: func(g *generator, kind string) {
		c := g.site.stranger("mx")
		m := good("newsletter", c.addr.String())
		for n := range 16 {
			g.visit(friday.Add(time.Duration(n)*time.Minute), func(at time.Time) { g.gone(m, at, c, n) })
		}
		g.visit(friday.Add(20*time.Minute), func(at time.Time) {
			g.tried(m, at, c, "", came)
			g.inbound(at, c, g.site.people[3].account)
		})
	}},
	{name: "backscatter", what: "16 spams a day in the name of nobody here, and a server that bounces them: hours that it is kept out, of 96", plan: func(g *generator, kind string) {
		c := g.site.stranger("mx")
		m := good("bouncing server", c.addr.String())
		for n := range 6 * 16 {
			g.visit(begin.Add(day+time.Duration(n/16)*day+time.Duration(n%16)*time.Minute), func(at time.Time) { g.gone(m, at, c, n) })
		}
		for n := range 96 {
			at := begin.Add(3*day + time.Duration(n)*hour + 30*time.Minute)
			g.visit(at, func(at time.Time) { g.tried(good("hours of its mail", at.Format(time.DateTime)), at, c, "", came) })
		}
	}},
	{name: "homes are flooded", what: "one stolen account logs in from 70,000 networks of a /32; then a telephone with an old password tries 12 times at home", plan: func(g *generator, kind string) {
		whole := g.oneSystem()
		thief := good("thief's own", "x")
		for n := range 70_000 {
			g.visit(friday.Add(time.Duration(n)*time.Second/4), func(at time.Time) {
				g.mailbox(thief, at, "imap", client{"unknown", g.site.within(whole)}, right(g.site.people[59].account))
			})
		}
		p, c := g.site.people[61], g.site.stranger("dsl")
		m := good("old telephone at home", p.account)
		g.visit(friday.Add(-time.Hour), func(at time.Time) { g.mailbox(m, at, "imap", c, right(p.account)) })
		g.every(friday.Add(6*time.Hour), friday.Add(9*time.Hour), 10*time.Minute, func(at time.Time) { g.mailbox(m, at, "imap", c, wrong(p.account)) })
	}},
	{name: "probe of AUTH", what: "monitoring from outside that goes as far as AUTH every 5 minutes and hangs up", plan: func(g *generator, kind string) {
		c := g.site.stranger("monitor")
		g.every(friday, friday.Add(3*hour), 5*time.Minute, func(at time.Time) {
			s := g.open(submission, at, c)
			g.tried(good("probe", c.addr.String()), at, c, "", came)
			s.say("%slost connection after AUTH from %s", g.form.lost, c)
			s.end(s.hello("auth=0/1")...)
		})
	}},
	{name: "probe that speaks HTTP", what: "a load balancer's check that says GET / on port 25 every minute", plan: func(g *generator, kind string) {
		c := g.site.stranger("monitor")
		g.every(friday, friday.Add(hour), time.Minute, func(at time.Time) {
			s := g.open(mx, at, c)
			g.tried(good("probe", c.addr.String()), at, c, "", came)
			s.say("warning: non-SMTP command from %s: GET / HTTP/1.1", c)
			s.end("unknown=0/1")
		})
	}},
}

// guests are five at a new address, who mistype one after the other; the first again.
func guests(g *generator, gap time.Duration) {
	c := g.site.stranger("nat")
	for n := range 6 {
		p := g.site.people[60+n%5]
		g.visit(friday.Add(time.Duration(n)*gap), func(at time.Time) { g.mailbox(good("guests", p.account), at, "imap", c, wrong(p.account)) })
	}
	for _, p := range g.site.people[60:65] {
		g.visit(friday.Add(7*gap), func(at time.Time) { g.mailbox(good("guests", p.account), at, "imap", c, right(p.account)) })
	}
}

// times is so many wrong tries.
func times(n int, account string) (all []login) {
	for range n {
		all = append(all, wrong(account))
	}
	return all
}

// hasty is a session whose refusal smtpd tells before Dovecot does.
func (g *generator) hasty(m *mark, at time.Time, c client, l login) {
	s := g.open(submission, at, c)
	s.wait(100*time.Millisecond, 200*time.Millisecond)
	g.tried(m, s.at, c, l.account, refused)
	s.say("warning: %s: SASL PLAIN authentication failed: (reason unavailable), sasl_username=%s", c, l.account)
	g.refusal(s.at.Add(3*time.Millisecond), l, c, "")
	s.end(s.hello("auth=0/1", "quit=1")...)
}

// away is a try that could not be checked.
func (g *generator) away(m *mark, at time.Time, c client, account string) {
	s := g.open(submission, at, c)
	g.tried(m, at, c, account, refused)
	s.say("warning: %s: SASL PLAIN authentication failed: Connection lost to authentication server, sasl_username=%s", c, account)
	s.end(s.hello("auth=0/1", "quit=1")...)
}

// gone is a mail to somebody who left.
func (g *generator) gone(m *mark, at time.Time, c client, n int) {
	s := g.open(mx, at, c)
	g.tried(m, at, c, "", came)
	s.wait(100*time.Millisecond, time.Second)
	s.say("NOQUEUE: reject: RCPT from %s: 550 5.1.1 <left%d@example.org>: Recipient address rejected: User unknown in virtual mailbox table; from=<list@example.net> to=<left%d@example.org> proto=ESMTP helo=<%s>", c, n, n, c.name)
	s.end("ehlo=2", "starttls=1", "mail=1", "rcpt=0/1", "quit=1")
}
