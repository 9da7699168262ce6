package main

import (
	"fmt"
	"net/netip"
	"time"
)

// guessers are variants of attacks.
var guessers = []variant{
	{name: "one good login first", what: "a guesser who logged in once as somebody tries four accounts in turn, 240 an hour", limit: 40, plan: func(g *generator, kind string) {
		c := bot(g)
		g.visit(friday, func(at time.Time) {
			g.mailbox(good("thief's own", "x"), at, "imap", c, right(g.site.people[59].account))
		})
		for n := range 480 {
			name := g.site.people[n%4].account
			g.imapAt(friday.Add(time.Hour+time.Duration(n)*15*time.Second), guilty(kind, c.addr.String()), c, name)
		}
	}},
	{name: "19 an hour where one lives", what: "the same at one account, 19 an hour for a day", limit: 40, plan: func(g *generator, kind string) {
		c := bot(g)
		g.visit(friday, func(at time.Time) {
			g.mailbox(good("thief's own", "x"), at, "imap", c, right(g.site.people[59].account))
		})
		for n := range 19 * 24 {
			g.imapAt(friday.Add(time.Hour+time.Duration(n)*time.Hour/19), guilty(kind, c.addr.String()), c, g.site.people[3].account)
		}
	}},
	{name: "seven each, in turn", what: "100 addresses, one after the other, seven tries each at one account, in a day", limit: 40, plan: func(g *generator, kind string) {
		name := g.site.people[3].account
		for n := range 100 {
			c := bot(g)
			for k := range 7 {
				g.imapAt(friday.Add(time.Duration(n)*14*time.Minute+time.Duration(k)*2*time.Minute), guilty(kind, name), c, name)
			}
		}
	}},
	{name: "who had the password", what: "who logged in once as somebody guesses at the new password, 240 an hour", limit: 40, plan: func(g *generator, kind string) {
		c, name := bot(g), g.site.people[3].account
		g.visit(friday, func(at time.Time) { g.mailbox(good("thief's own", "x"), at, "imap", c, right(name)) })
		for n := range 480 {
			g.imapAt(friday.Add(time.Hour+time.Duration(n)*15*time.Second), guilty(kind, c.addr.String()), c, name)
		}
	}},
	{name: "the town's provider", what: "all users are of one provider; one of its addresses tries all 60 in turn, 240 an hour", limit: 40, site: oneTown, plan: func(g *generator, kind string) {
		c := g.inSystem(g.site.people[0].home.addr)
		for n := range 480 {
			g.imapAt(friday.Add(time.Duration(n)*15*time.Second), guilty(kind, c.addr.String()), c, g.site.people[n%60].account)
		}
	}},
	{name: "nine a day", what: "one account, every 27 hours 9 new addresses of other networks, 11 tries each in two hours", limit: 40, plan: func(g *generator, kind string) {
		name := g.site.people[3].account
		for d := range 3 {
			for range 9 {
				c, at := bot(g), begin.Add(2*day+time.Duration(d)*27*hour)
				for n := range 11 {
					g.imapAt(at.Add(time.Duration(n)*11*time.Minute), guilty(kind, name), c, name)
				}
			}
		}
	}},
	{name: "spread spray", what: "480 addresses, one try each in a day, 8 at each of 60 accounts", limit: 40, plan: func(g *generator, kind string) {
		for n := range 480 {
			g.imapAt(friday.Add(g.between(0, day)), guilty(kind, "all"), bot(g), g.site.people[n%60].account)
		}
	}},
	{name: "own provider", what: "200 addresses of the provider where the account reads its mail, 5 tries each in a day", limit: 40, plan: func(g *generator, kind string) {
		p := g.site.people[3]
		for range 200 {
			c := g.inSystem(p.home.addr)
			for range 5 {
				g.imapAt(friday.Add(g.between(0, day)), guilty(kind, p.account), c, p.account)
			}
		}
	}},
	{name: "own provider, one", what: "one address there, a try every 42 minutes for three days", limit: 20, plan: func(g *generator, kind string) {
		p := g.site.people[3]
		c := g.inSystem(p.home.addr)
		for n := range 100 {
			g.imapAt(friday.Add(time.Duration(n)*42*time.Minute), guilty(kind, p.account), c, p.account)
		}
	}},
	{name: "second day", what: "one account, 20 new addresses an hour for two days", limit: 40, plan: func(g *generator, kind string) {
		name := g.site.people[3].account
		for n := range 48 * 20 {
			g.imapAt(friday.Add(time.Duration(n)*3*time.Minute), guilty(kind, name), bot(g), name)
		}
	}},
	{name: "24 of one system", what: "one account, 24 networks of one autonomous system a day, 11 tries each", limit: 40, plan: func(g *generator, kind string) {
		name, first := g.site.people[3].account, bot(g)
		for n := range 24 {
			c := g.inSystem(first.addr)
			for k := range 11 {
				g.imapAt(friday.Add(time.Duration(k)*2*hour+time.Duration(n)*time.Minute), guilty(kind, name), c, name)
			}
		}
	}},
	{name: "one mail first", what: "a /24 that had one mail taken: 250 addresses, 3 tries each in a day, on 60 accounts", limit: 40, plan: func(g *generator, kind string) {
		network := netip.PrefixFrom(g.site.address(), 24).Masked()
		g.visit(friday, func(at time.Time) {
			g.inbound(at, client{"unknown", host(network, 1)}, g.site.people[5].account)
		})
		for n := range 750 {
			g.imapAt(friday.Add(hour+g.between(0, day)), guilty(kind, network.String()), client{"unknown", host(network, 2+n%250)}, g.site.people[n%60].account)
		}
	}},
	{name: "neighbour lives there", what: "the same without the mail, and one user reads his mail from that /24", limit: 40, plan: func(g *generator, kind string) {
		network := netip.PrefixFrom(g.site.address(), 24).Masked()
		g.visit(friday, func(at time.Time) {
			p := g.site.people[5]
			g.mailbox(good("neighbour", p.account), at, "imap", client{"unknown", host(network, 1)}, right(p.account))
		})
		for n := range 750 {
			g.imapAt(friday.Add(hour+g.between(0, day)), guilty(kind, network.String()), client{"unknown", host(network, 2+n%250)}, g.site.people[n%60].account)
		}
	}},
	{name: "own /32 of IPv6", what: "1,200 tries in a day, each from another /48 of a /32, 20 at each of 60 accounts", limit: 40, plan: func(g *generator, kind string) {
		whole := g.oneSystem()
		for n := range 1200 {
			g.imapAt(friday.Add(g.between(0, day)), guilty(kind, whole.String()), client{"unknown", g.site.within(whole)}, g.site.people[n%60].account)
		}
	}},
	{name: "19 a week", what: "40 addresses, each a try every 9 hours for a week, at one account", limit: 5, plan: func(g *generator, kind string) {
		for i := range 40 {
			c := bot(g)
			for n := range 18 {
				g.imapAt(begin.Add(day+time.Duration(n)*9*hour+g.between(0, hour)), guilty(kind, c.addr.String()), c, g.site.people[i%60].account)
			}
		}
	}},
	{name: "another domain each time", what: "300 addresses, a try each at one person, under another domain each time", limit: 40, plan: func(g *generator, kind string) {
		local := g.site.people[3].account[:len(g.site.people[3].account)-len("@example.org")]
		for n := range 300 {
			g.imapAt(friday.Add(g.between(0, 12*hour)), guilty(kind, local), bot(g), fmt.Sprintf("%s@mail%d.example.net", local, n))
		}
	}},
	{name: "with and without domain", what: "36 addresses in a day, 11 tries each, half of them at anna, half at anna@example.org", limit: 40, plan: func(g *generator, kind string) {
		full := g.site.people[3].account
		local := full[:len(full)-len("@example.org")]
		for n := range 18 {
			c, name := bot(g), full
			if n%2 == 0 {
				name = local
			}
			for k := range 11 {
				g.imapAt(friday.Add(time.Duration(k)*2*hour+g.between(0, hour)), guilty(kind, full), c, name)
			}
		}
	}},
	{name: "in after 61 minutes", what: "40 addresses guess at an account, and 61 minutes after the last one a new one gets in", limit: 40, plan: func(g *generator, kind string) {
		name := g.site.people[3].account
		for n := range 40 {
			g.imapAt(friday.Add(time.Duration(n)*time.Minute), guilty(kind, name), bot(g), name)
		}
		g.visit(friday.Add(40*time.Minute+61*time.Minute), func(at time.Time) { g.mailbox(guilty(kind, name), at, "imap", bot(g), right(name)) })
	}},
	{name: "in after 35 minutes", what: "the same, 35 minutes after", limit: 40, plan: func(g *generator, kind string) {
		name := g.site.people[3].account
		for n := range 40 {
			g.imapAt(friday.Add(time.Duration(n)*time.Minute), guilty(kind, name), bot(g), name)
		}
		g.visit(friday.Add(39*time.Minute+35*time.Minute), func(at time.Time) { g.mailbox(guilty(kind, name), at, "imap", bot(g), right(name)) })
	}},
	{name: "folded", what: "the syslog daemon folds: one source, ten tries in each of two sessions", limit: 12, fold: true, plan: func(g *generator, kind string) {
		c := bot(g)
		for n := range 2 {
			g.visit(friday.Add(time.Duration(n)*3*time.Minute), func(at time.Time) {
				g.submit(guilty(kind, "x"), at, c, times(10, g.site.people[3].account)...)
			})
		}
	}},
	{name: "many tries a session", what: "IMAP sessions of 10 tries each, 5 of them", limit: 20, plan: func(g *generator, kind string) {
		c := bot(g)
		for n := range 5 {
			g.visit(friday.Add(time.Duration(n)*2*time.Minute), func(at time.Time) {
				g.mailbox(guilty(kind, "x"), at, "imap", c, times(10, g.site.people[3].account)...)
			})
		}
	}},
}
