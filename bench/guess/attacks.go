package main

import (
	"fmt"
	"net/netip"
	"time"
)

// attack is a kind of attack: how one looks, and how many tries of one may go through before it counts as missed.
type attack struct {
	name string
	what string
	// limit is tries of one subject; 0: it is told and nothing is asked, for no password is to be won that way.
	limit int
	plan  func(*generator, string) // nil: an innocent's plan has it
}

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

var attacks = []attack{
	{"focused", "200 sources, 10 tries each within minutes", 5, (*generator).focused},
	{"distributed", "5,000 sources, 4 tries each in 20 hours, on 50 accounts", 60, (*generator).distributed},
	{"slow", "20 sources, a try an hour for three days", 12, (*generator).slow},
	{"one account", "1,000 sources, 2 tries each in half a day, on one account", 100, (*generator).oneAccount},
	{"all week", "800 sources, a try each in a week, on one account whose owner is there", 120, nil},
	{"rotating /24", "a try every 7 minutes for five days, each from the next address of a /24", 40, (*generator).rotating24},
	{"rotating /64", "a try every 4 minutes for a day, each from a new address of a /64", 20, (*generator).rotating64},
	{"nobody's names", "150 sources, 6 tries each in some hours, at alarm, pi, test, scanner, …", 4, (*generator).nobodys},
	{"spray", "10 sources, 120 accounts each, one try an account", 8, (*generator).spray},
	{"wave, then in", "40 sources try an account in four hours, and a new one gets in", 40, (*generator).wave},
	{"carrier's guesser", "a try every 10 minutes for a day at one account, from an address of 40 good users", 40, (*generator).carriersGuesser},
	{"unsaid", "40 sources, 12 sessions each with auth=0/N and no other line", 12, (*generator).unsaid},
	{"scattered", "3,000 sources, one try each at a random name", 0, (*generator).scattered},
	{"pregreet", "40 sources that talk before the greeting, 10 times each", 0, (*generator).pregreet},
	{"relay", "40 sources that try to relay, 20 times each", 0, (*generator).relay},
}

// guilty marks the tries of one attack.
func guilty(kind, subject string) *mark { return &mark{true, kind, subject} }

// tryAt lets a guesser try once at a time, at submission or IMAP.
func (g *generator) tryAt(at time.Time, m *mark, c client, name string) {
	g.visit(at, func(at time.Time) {
		if g.r.IntN(3) == 0 {
			g.mailbox(m, at, "imap", c, g.guess(name))
		} else {
			g.submit(m, at, c, g.guess(name))
		}
	})
}

// some is an account, or a name that is tried everywhere.
func (g *generator) some() string {
	switch g.r.IntN(4) {
	case 0:
		return pick(g.r, common)
	case 1:
		return pick(g.r, common) + "@example.org"
	}
	return pick(g.r, g.site.people).account
}

func (g *generator) focused(kind string) {
	for range 200 {
		c := g.site.stranger("bot")
		m := guilty(kind, c.addr.String())
		at := begin.Add(day + g.between(0, 6*day))
		for range 10 {
			at = at.Add(g.between(4*time.Second, 40*time.Second))
			g.tryAt(at, m, c, g.some())
		}
	}
}

func (g *generator) distributed(kind string) {
	accounts := g.site.accounts(20, 50)
	for range 5000 {
		c := g.site.stranger("bot")
		for k := range 4 {
			name := pick(g.r, accounts)
			g.tryAt(begin.Add(3*day+time.Duration(k)*5*hour+g.between(0, 5*hour)), guilty(kind, name), c, name)
		}
	}
}

func (g *generator) slow(kind string) {
	for range 20 {
		c := g.site.stranger("bot")
		at := begin.Add(2*day + g.between(0, 2*day))
		for range 72 {
			g.tryAt(at.Add(g.between(0, 5*time.Minute)), guilty(kind, c.addr.String()), c, g.some())
			at = at.Add(hour)
		}
	}
}

func (g *generator) oneAccount(kind string) {
	name := g.site.people[70].account
	for range 1000 {
		c := g.site.stranger("bot")
		for range 2 {
			g.tryAt(begin.Add(5*day+g.between(0, 12*hour)), guilty(kind, name), c, name)
		}
	}
}

func (g *generator) rotating24(kind string) {
	network := netip.PrefixFrom(g.site.address(), 24).Masked()
	accounts := g.site.accounts(80, 30)
	a := network.Addr()
	for at := begin.Add(2 * day); at.Before(begin.Add(7 * day)); at = at.Add(7 * time.Minute) {
		if a = a.Next(); !network.Contains(a.Next()) {
			a = network.Addr().Next()
		}
		g.tryAt(at.Add(g.between(0, time.Minute)), guilty(kind, network.String()), client{"unknown", a}, pick(g.r, accounts))
	}
}

func (g *generator) rotating64(kind string) {
	network := netip.PrefixFrom(g.site.address6(), 64).Masked()
	accounts := g.site.accounts(110, 20)
	for at := begin.Add(4 * day); at.Before(begin.Add(5 * day)); at = at.Add(4 * time.Minute) {
		g.tryAt(at, guilty(kind, network.String()), client{"unknown", g.site.within(network)}, pick(g.r, accounts))
	}
}

func (g *generator) nobodys(kind string) {
	for range 150 {
		c := g.site.stranger("bot")
		at := begin.Add(day + g.between(0, 6*day))
		for range 6 {
			g.tryAt(at, guilty(kind, c.addr.String()), c, pick(g.r, nobodies))
			at = at.Add(g.between(20*time.Minute, hour))
		}
	}
}

func (g *generator) spray(kind string) {
	for range 10 {
		c := g.site.stranger("bot")
		at := begin.Add(2*day + g.between(0, 4*day))
		for _, i := range g.r.Perm(len(g.site.people))[:120] {
			at = at.Add(g.between(90*time.Second, 200*time.Second))
			g.tryAt(at, guilty(kind, c.addr.String()), c, g.site.people[i].account)
		}
	}
}

// wave: who got in comes again, as its owner would.
func (g *generator) wave(kind string) {
	for i := range 5 {
		name := g.site.people[130+i].account
		m := guilty(kind, name)
		at := begin.Add(time.Duration(2+i) * day).Add(9 * hour)
		for range 40 {
			g.tryAt(at.Add(g.between(0, 4*hour)), m, g.site.stranger("bot"), name)
		}
		c := g.site.stranger("bot")
		for k := range 3 {
			g.visit(at.Add(4*hour+time.Duration(k)*5*time.Minute), func(at time.Time) { g.mailbox(m, at, "imap", c, right(name)) })
		}
	}
}

func (g *generator) carriersGuesser(kind string) {
	name := g.site.people[140].account
	for at := begin.Add(4 * day); at.Before(begin.Add(5 * day)); at = at.Add(10 * time.Minute) {
		g.tryAt(at.Add(g.between(0, time.Minute)), guilty(kind, name), g.carrier(), name)
	}
}

func (g *generator) unsaid(kind string) {
	for range 40 {
		c := g.site.stranger("bot")
		at := begin.Add(day + g.between(0, 6*day))
		for n := range 12 {
			at = at.Add(g.between(time.Minute, 5*time.Minute))
			g.visit(at, func(at time.Time) { g.unasked(guilty(kind, c.addr.String()), at, c, 1+n%3) })
		}
	}
}

func (g *generator) scattered(kind string) {
	for range 3000 {
		name := fmt.Sprintf("%c%c%c%c%d", 'a'+rune(g.r.IntN(26)), 'a'+rune(g.r.IntN(26)), 'a'+rune(g.r.IntN(26)), 'a'+rune(g.r.IntN(26)), g.r.IntN(100))
		g.tryAt(begin.Add(2*day+g.between(0, 4*day)), guilty(kind, name), g.site.stranger("bot"), name)
	}
}

func (g *generator) pregreet(kind string) {
	for range 40 {
		c := g.site.stranger("bot")
		at := begin.Add(day + g.between(0, 6*day))
		for range 10 {
			at = at.Add(g.between(3*time.Minute, 10*time.Minute))
			g.visit(at, func(at time.Time) { g.talksFirst(guilty(kind, c.addr.String()), at, c) })
		}
	}
}

// talksFirst is what postscreen says of a client that does not wait for the greeting.
func (g *generator) talksFirst(m *mark, at time.Time, c client) {
	port := 1024 + g.r.IntN(60_000)
	const screen = "postfix/postscreen[1340]"
	g.tried(m, at, c, "", came)
	g.say(at, screen, "CONNECT from [%s]:%d to [%s]:25", c.addr, port, own)
	g.say(at.Add(90*time.Millisecond), screen, `PREGREET 11 after 0.09 from [%s]:%d: EHLO User\r\n`, c.addr, port)
	g.say(at.Add(200*time.Millisecond), screen, "DISCONNECT [%s]:%d", c.addr, port)
}

func (g *generator) relay(kind string) {
	for range 40 {
		c := g.site.stranger("bot")
		at := begin.Add(day + g.between(0, 6*day))
		for range 20 {
			at = at.Add(g.between(20*time.Second, 4*time.Minute))
			g.visit(at, func(at time.Time) { g.relays(guilty(kind, c.addr.String()), at, c) })
		}
	}
}

func (g *generator) relays(m *mark, at time.Time, c client) {
	s := g.open(mx, at, c)
	s.wait(100*time.Millisecond, time.Second)
	g.tried(m, s.at, c, "", came)
	s.say("NOQUEUE: reject: RCPT from %s: 454 4.7.1 <spam%d@example.com>: Relay access denied; from=<x@example.net> to=<spam%d@example.com> proto=ESMTP helo=<User>", c, s.pid, s.pid)
	s.end("ehlo=1", "mail=1", "rcpt=0/1", "quit=1")
}
