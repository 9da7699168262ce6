package main

import "time"

// openings are campaigns that are known from reading the source: the search begins with them, and changes them. Without
// them it finds the same, later.
func openings(r *row) []campaign {
	if r.hosted {
		return []campaign{{accounts: []int{0}, again: true, moves: []move{{to: strangers, each: 1, gap: time.Minute, count: 40, ask: true}}}}
	}
	fresh, close := r.ways[0], r.ways[len(r.ways)-1]
	drip := move{from: fresh, to: strangers, each: 1, gap: 5 * time.Hour, count: 240, ask: true}
	spree := move{from: fresh, to: strangers, each: 1, gap: 3 * time.Minute, count: 240, ask: true}
	trust := move{from: fresh, to: own, each: 1, gap: 5 * time.Hour, count: 6}
	friends := move{from: fresh, to: contacts, each: 1, gap: 5 * time.Hour, count: 6}
	forged := move{inbound: true, to: strangers, each: 1, gap: time.Second, count: 30}
	all := []campaign{
		of(drip), of(trust, spree), of(friends, spree),
		of(forged, with(drip, prepared, 10)), of(with(forged, strangers, 10), short(with(drip, prepared, 40))), of(with(spree, collided, 5)), of(with(drip, collided, 40)),
		of(with(spree, contacts, 5)), of(from(spree, anywhere)), of(from(drip, anywhere)),
		// mailboxes of his own become known from one source, then another one earns trust with them
		of(from(trust, close), late(trust, 11), late(trust, 1), late(trust, 10), spree),
		// colleagues know everybody; and patience, until a source is old
		of(with(friends, staff, 1), spree), of(slow(friends, 1), spree), of(slow(with(friends, contacts, 3), 2), from(spree, anywhere)),
		// he waits between, and washes himself with mail to people it knows
		of(spree, late(friends, 1)), of(with(friends, own, 1), drip),
		// from near, then from far: what is counted apart adds up
		of(from(spree, close), from(spree, r.ways[len(r.ways)/2]), spree),
	}
	all = append(all, together(trust, spree), together(friends, spree), together(drip))
	// he reads the mail for days, and then writes from there
	reads := move{from: close, reads: true, gap: 24 * time.Hour, count: 6}
	all = append(all, of(reads, from(spree, close)), of(reads, from(with(drip, contacts, 40), close)))
	if r.known {
		all = append(all, of(with(spree, contacts, 40)), of(from(with(drip, contacts, 40), anywhere)), of(with(spree, staff, 40)))
		for i := range all {
			all[i].accounts = []int{1} // it knows most people
		}
	}
	return all
}

func of(moves ...move) campaign {
	return campaign{accounts: []int{0}, moves: moves, again: true}
}

// together is done by three accounts, each in turn.
func together(moves ...move) campaign {
	c := campaign{accounts: []int{0, 6, 8}, again: true}
	for _, m := range moves {
		m.who, m.count = everybody, m.count*3
		c.moves = append(c.moves, m)
	}
	return c
}

func with(m move, to whom, each int) move { m.to, m.each = to, each; return m }

func from(m move, w way) move { m.from = w; return m }

func late(m move, after int) move { m.wait = days(after); return m }

func short(m move) move { m.text = noText; return m }

// slow is twelve mails so many days apart.
func slow(m move, every int) move { m.gap, m.count = days(every), 12; return m }
