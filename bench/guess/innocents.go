package main

import (
	"net/netip"
	"time"
)

// innocent is a kind of people who must not be shut out, whatever it looks like.
type innocent struct {
	name string
	what string
	plan func(*generator, string)
}

var innocents = []innocent{
	{"office", "30 users behind one address, and a telephone with an old password for three days", (*generator).office},
	{"traveller", "mistypes four times in a hotel, then gets in", (*generator).traveller},
	{"carrier", "40 users behind one address that a guesser shares", (*generator).carriersUsers},
	{"password change", "a Monday on which 20 people of an office mistype, and their telephones know nothing yet", (*generator).passwordChange},
	{"two accounts", "a mail client, one of whose two accounts is wrong every 10 minutes for a week", (*generator).twoAccounts},
	{"probes", "monitoring that connects every minute and says goodbye", (*generator).probes},
	{"webmail", "a host through which everybody logs in, some of them wrongly", (*generator).webmail},
	{"three countries", "a login in each of three countries within a week", (*generator).threeCountries},
	{"guessed at", "reads mail at home and in the train while a botnet tries the same account all week", (*generator).guessedAt},
	{"old telephone", "a telephone on the way that tries an old password every 15 minutes for four days", (*generator).oldTelephone},
	{"forgetful", "six tries at home within some minutes, and in 20 minutes later", (*generator).forgetful},
}

// everyDay are those of the ordinary traffic.
var everyDay = []innocent{
	{"people", "who read and write at home and on the way, and mistype now and then", nil},
	{"mail servers", "of others, which are refused or go away now and then", nil},
}

func good(kind, subject string) *mark { return &mark{false, kind, subject} }

// every lets f happen from a time on, again and again, with some seconds more or less.
func (g *generator) every(from, until time.Time, gap time.Duration, f func(at time.Time)) {
	for at := from; at.Before(until); at = at.Add(gap) {
		g.visit(at.Add(g.between(0, gap/8)), f)
	}
}

// working reports whether people are at work.
func working(at time.Time) bool {
	return at.Hour() >= 7 && at.Hour() < 18 && at.Weekday() != time.Saturday && at.Weekday() != time.Sunday
}

// shared is an address that several people have in common, always the same one for a name.
func (g *generator) shared(name string) client {
	if g.site.shared == nil {
		g.site.shared = map[string]client{}
	}
	if _, there := g.site.shared[name]; !there {
		g.site.shared[name] = g.site.stranger("nat")
	}
	return g.site.shared[name]
}

func (g *generator) carrier() client { return g.shared("carrier") }

// atWork lets people read and write at an address through the days.
func (g *generator) atWork(kind string, c client, people []*person, gap time.Duration, always bool) {
	for _, p := range people {
		m := good(kind, p.account)
		g.every(begin.Add(g.between(0, gap)), begin.Add(length), gap, func(at time.Time) {
			switch n := g.r.IntN(100); {
			case !always && !working(at):
			case n < 2:
				g.mistypes(m, at, c, p.account, 1+g.r.IntN(2))
			case n < 20:
				g.submit(m, at, c, right(p.account))
			default:
				g.mailbox(m, at, "imap", c, right(p.account))
			}
		})
	}
}

func (g *generator) office(kind string) {
	c, people := g.shared(kind), g.site.people[:30]
	g.atWork(kind, c, people, 50*time.Minute, false)
	p := people[7]
	g.every(begin.Add(2*day+7*hour), begin.Add(5*day), 5*time.Minute, func(at time.Time) {
		if working(at) {
			g.mailbox(good(kind, p.account), at, "imap", c, wrong(p.account))
		}
	})
}

func (g *generator) traveller(kind string) {
	for i := range 12 {
		p, c := g.site.people[160+i], g.site.stranger("hotel")
		at := begin.Add(2*day + time.Duration(i)*10*hour)
		m := good(kind, p.account)
		g.visit(at, func(at time.Time) { g.mistypes(m, at, c, p.account, 4) })
		g.every(at.Add(10*time.Minute), at.Add(day), 2*hour, func(at time.Time) { g.mailbox(m, at, "imap", c, right(p.account)) })
	}
}

func (g *generator) carriersUsers(kind string) {
	g.atWork(kind, g.carrier(), g.site.people[40:80], 3*hour, true)
}

// passwordChange: the day is the second Monday. Each telephone tries the old password until somebody looks at it.
func (g *generator) passwordChange(kind string) {
	c, people := g.shared(kind), g.site.people[90:115]
	g.atWork(kind, c, people, 90*time.Minute, false)
	morning := begin.Add(7*day + 8*hour)
	for _, p := range people[:20] {
		m, at := good(kind, p.account), morning.Add(g.between(0, 40*time.Minute))
		g.visit(at, func(at time.Time) { g.mistypes(m, at, c, p.account, 1+g.r.IntN(3)) })
		g.every(morning, at.Add(hour), 10*time.Minute, func(at time.Time) { g.mailbox(m, at, "imap", c, wrong(p.account)) })
	}
}

func (g *generator) twoAccounts(kind string) {
	for i := range 3 {
		p, other := g.site.people[172+i], g.site.people[175+i].account
		if i == 2 {
			other = "old.name@example.org" // it is gone
		}
		m := good(kind, p.account)
		g.every(begin.Add(g.between(0, hour)), begin.Add(length), 10*time.Minute, func(at time.Time) {
			g.mailbox(m, at, "imap", p.home, g.old(other))
			g.mailbox(m, at.Add(time.Second), "imap", p.home, right(p.account))
		})
	}
}

// old is what a client tries that was not told of a change.
func (g *generator) old(account string) login {
	if !g.site.has(account) {
		return login{account: account, why: nobody}
	}
	return wrong(account)
}

func (g *generator) probes(kind string) {
	c := g.site.stranger("monitor")
	m := good(kind, c.addr.String())
	g.every(begin, begin.Add(length), time.Minute, func(at time.Time) {
		s := g.open(mx, at, c)
		g.tried(m, at, c, "", came)
		s.end("quit=1")
		g.mailbox(m, at.Add(time.Second), "imap", c)
	})
	g.every(begin, begin.Add(length), 10*time.Minute, func(at time.Time) { // and TLS, without a goodbye
		s := g.open(submission, at, c)
		s.say("%slost connection after STARTTLS from %s", g.form.lost, c)
		s.end("ehlo=1", "starttls=1")
	})
}

func (g *generator) webmail(kind string) {
	c := client{"webmail.example.org", netip.MustParseAddr("192.0.2.80")}
	g.every(begin, begin.Add(length), 4*time.Minute, func(at time.Time) {
		p := pick(g.r, g.site.people)
		if m := good(kind, p.account); g.r.IntN(10) == 0 {
			g.mistypes(m, at, c, p.account, 1+g.r.IntN(3))
		} else {
			g.mailbox(m, at, "imap", c, right(p.account))
		}
	})
}

func (g *generator) threeCountries(kind string) {
	for i := range 5 {
		p := g.site.people[178+i]
		for k := range 3 {
			c, at := g.site.stranger("hotel"), begin.Add(time.Duration(1+2*k)*day+g.between(8*hour, 20*hour))
			g.visit(at, func(at time.Time) { g.mistypes(good(kind, p.account), at, c, p.account, k%2) })
			g.every(at.Add(hour), at.Add(12*hour), 3*hour, func(at time.Time) { g.submit(good(kind, p.account), at, c, right(p.account)) })
		}
	}
}

// guessedAt: the botnet is an attack on the account, and its owner must get in all the while. In the train the address is another
// every hour.
func (g *generator) guessedAt(kind string) {
	p := g.site.people[150]
	m := good(kind, p.account)
	g.every(begin.Add(g.between(0, hour)), begin.Add(length), 20*time.Minute, func(at time.Time) {
		c := p.home
		if h := at.Hour(); h == 7 || h == 8 || h == 17 || h == 18 {
			c = client{"unknown", host(p.carrier, int(at.Sub(begin)/hour)*37%1000)}
		}
		g.mailbox(m, at, "imap", c, right(p.account))
	})
	for range 800 {
		c := g.site.stranger("bot")
		g.tryAt(begin.Add(day+g.between(0, 7*day)), guilty("all week", p.account), c, p.account)
	}
}

// oldTelephone: for two days it knows the password.
func (g *generator) oldTelephone(kind string) {
	p := g.site.people[183]
	m, c := good(kind, p.account), g.site.onTheWay(p)
	g.every(begin, begin.Add(6*day), 15*time.Minute, func(at time.Time) {
		if g.r.IntN(12) == 0 {
			c = g.site.onTheWay(p)
		}
		if at.Before(begin.Add(2 * day)) {
			g.mailbox(m, at, "imap", c, right(p.account))
		} else {
			g.mailbox(m, at, "imap", c, wrong(p.account))
		}
	})
	g.every(begin, begin.Add(length), 2*hour, func(at time.Time) { g.mailbox(m, at, "imap", p.home, right(p.account)) })
}

func (g *generator) forgetful(kind string) {
	for i := range 8 {
		p := g.site.people[184+i]
		m, at := good(kind, p.account), begin.Add(2*day+time.Duration(i)*11*hour)
		g.every(begin, at, 5*hour, func(at time.Time) { g.mailbox(m, at, "imap", p.home, right(p.account)) })
		for k := range 6 {
			g.visit(at.Add(time.Duration(k)*45*time.Second), func(at time.Time) { g.mailbox(m, at, "imap", p.home, wrong(p.account)) })
		}
		g.visit(at.Add(25*time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", p.home, right(p.account)) })
	}
}
