package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// whom is to whom a move's mails go.
type whom int

const (
	strangers whom = iota
	prepared       // strangers by whom mail came to the account before, forged by the thief
	collided       // strangers whose address has the hash of somebody known
	own            // mailboxes of the thief's own
	contacts       // whom the account wrote to before
	staff          // colleagues: addresses of the site's own domain
)

// program is the mail program that a thief says he has.
type program int

const (
	ownersProgram program = iota // where the row has copied it
	noProgram
	onesProgram // one that nobody of the site uses
	anyProgram  // another one each time
)

// text says how alike the mails of a move are.
type text int

const (
	variedText text = iota
	sameText
	noText // too short to have a fingerprint
)

// move is one stretch of a campaign: mails of one kind.
type move struct {
	wait    time.Duration // before it begins
	inbound bool          // no mail of the account: mail to it, forged from whom
	reads   bool          // no mail at all: he reads the account's
	who     int           // which of the campaign's accounts; everybody: each in turn
	from    way
	spread  int // addresses of that way, used in turn
	program program
	to      whom
	each    int // recipients a mail
	with    int // known people beside them in each mail
	gap     time.Duration
	count   int // mails
	text    text
	ask     bool // asks his copy of the guard first, and sends only what leaves: to fewer, or not now
	stop    bool // goes on to the next move when a mail does not leave
	answers bool // his own mailboxes write back
	bounces bool // they refuse it for good
	tagged  bool // recipients get a plus tag, another one each time: the mailbox is the same
	undone  bool // a milter behind the guard refuses it: nothing leaves, and the guard is told
}

const everybody = -1

// campaign is what a thief does in up to 30 days. It is a value: campaigns are bred, not changed.
type campaign struct {
	accounts []int // of the row's accounts, by number
	moves    []move
	again    bool          // from the start when it is through, until the days are over
	later    time.Duration // after Monday 08:00
	away     bool          // the owners write no mail of their own meanwhile
}

// maxMoves bounds a campaign's moves.
const maxMoves = 7

func (c *campaign) clone() campaign {
	d := *c
	d.accounts, d.moves = slices.Clone(c.accounts), slices.Clone(c.moves)
	return d
}

// tidy leaves each account in once: what leaves through it is counted in one place.
func (c *campaign) tidy() {
	seen := map[int]bool{}
	c.accounts = slices.DeleteFunc(c.accounts, func(n int) bool {
		twice := seen[n]
		seen[n] = true
		return twice
	})
}

// genes are the values that a campaign may take in a row, the policy's own numbers among them.
type genes struct {
	row      *row
	accounts int
	known    int // accounts from 0 that are worth most where mail to known people is counted
	gaps     []time.Duration
	waits    []time.Duration
	each     []int
	counts   []int
	ways     []way
}

func newGenes(r *row, accounts int) *genes {
	numbers, spans := policyNumbers()
	g := &genes{row: r, accounts: accounts, each: []int{1, 1, 1, 2, 3, 4, 5, 10, 20}, counts: []int{1, 2, 3, 4, 5, 6, 8, 10, 20, 48, 100, 240}}
	for _, h := range []float64{0, 0, 1. / 3600, 1. / 60, 1. / 30, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 12, 16, 20, 24, 25, 48} {
		g.gaps = append(g.gaps, time.Duration(h*float64(time.Hour)))
	}
	for _, h := range []float64{0, 0, 0, 1, 5, 8, 20, 21, 24, 25, 48, 5 * 24, 10 * 24, 11 * 24, 14 * 24} {
		g.waits = append(g.waits, time.Duration(h*float64(time.Hour)))
	}
	for _, n := range horizons[:2] { // what was counted then is just out of a span of so many days
		g.gaps, g.waits = append(g.gaps, days(n)+time.Second), append(g.waits, days(n)+time.Second)
	}
	for _, n := range numbers {
		if n > 0 && n <= 200 {
			g.each, g.counts = append(g.each, n), append(g.counts, n)
			g.gaps = append(g.gaps, (25 * time.Hour / time.Duration(n)).Truncate(time.Second))
		}
	}
	for _, d := range spans {
		if d <= 15*24*time.Hour {
			g.gaps, g.waits = append(g.gaps, d+time.Second), append(g.waits, d+time.Second)
		}
	}
	g.ways = append(slices.Clone(r.ways), anywhere)
	return g
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func (g *genes) move(rng *rand.Rand) move {
	m := move{
		who: 0, from: pick(rng, g.ways), spread: pick(rng, []int{1, 1, 1, 2, 5, 50}), program: program(rng.IntN(4)),
		to: g.whom(rng), each: pick(rng, g.each), gap: pick(rng, g.gaps), count: pick(rng, g.counts),
		wait: pick(rng, g.waits), text: text(rng.IntN(3)), ask: rng.IntN(3) > 0, stop: rng.IntN(3) == 0,
		answers: rng.IntN(4) == 0, bounces: rng.IntN(12) == 0, tagged: rng.IntN(10) == 0, undone: rng.IntN(30) == 0, inbound: rng.IntN(10) == 0,
		reads: rng.IntN(10) == 0,
	}
	if rng.IntN(4) == 0 {
		m.who = everybody
	}
	return m
}

func (g *genes) whom(rng *rand.Rand) whom {
	if g.row.known && rng.IntN(2) == 0 {
		return contacts
	}
	return pick(rng, []whom{strangers, strangers, strangers, prepared, collided, own, own, contacts, contacts, staff})
}

func (g *genes) campaign(rng *rand.Rand) campaign {
	c := campaign{again: rng.IntN(2) == 0, away: rng.IntN(3) == 0, later: g.start(rng)}
	for range pick(rng, []int{1, 1, 1, 1, 2, 3, 5}) {
		c.accounts = append(c.accounts, g.account(rng))
	}
	for range 1 + rng.IntN(4) {
		c.moves = append(c.moves, g.move(rng))
	}
	c.tidy()
	return c
}

// account draws an account; the first ones are those that are not like the others.
func (g *genes) account(rng *rand.Rand) int {
	if g.row.known {
		return rng.IntN(min(g.known, g.accounts))
	}
	if rng.IntN(2) == 0 {
		return rng.IntN(min(8, g.accounts))
	}
	return rng.IntN(g.accounts)
}

// start is when a campaign begins: on the hour, at its edge, somewhere; on a working day or not.
func (g *genes) start(rng *rand.Rand) time.Duration {
	hours := time.Duration(rng.IntN(7*24)) * time.Hour
	return hours + pick(rng, []time.Duration{0, 59*time.Minute + 59*time.Second, time.Duration(rng.IntN(3600)) * time.Second})
}

// mutated returns c with one to three changes.
func (g *genes) mutated(rng *rand.Rand, c *campaign) campaign {
	d := c.clone()
	for range 1 + rng.IntN(3) {
		g.change(rng, &d)
	}
	d.tidy()
	return d
}

// change changes one thing.
func (g *genes) change(rng *rand.Rand, c *campaign) {
	at := rng.IntN(len(c.moves))
	switch n := rng.IntN(24); {
	case n < 2 && len(c.moves) < maxMoves:
		c.moves = slices.Insert(c.moves, at, g.move(rng))
	case n == 2 && len(c.moves) < maxMoves:
		c.moves = slices.Insert(c.moves, at, c.moves[at])
	case n == 3 && len(c.moves) > 1:
		c.moves = slices.Delete(c.moves, at, at+1)
	case n == 4:
		other := rng.IntN(len(c.moves))
		c.moves[at], c.moves[other] = c.moves[other], c.moves[at]
	case n == 5:
		c.again = !c.again
	case n == 6:
		c.away = !c.away
	case n == 7:
		c.later = g.start(rng)
	case n == 8:
		c.accounts[rng.IntN(len(c.accounts))] = g.account(rng)
	case n == 9:
		g.regroup(rng, c)
	default:
		g.changeMove(rng, &c.moves[at])
	}
}

// regroup takes one more account, or one less.
func (g *genes) regroup(rng *rand.Rand, c *campaign) {
	if len(c.accounts) > 1 && rng.IntN(2) == 0 {
		c.accounts = c.accounts[:len(c.accounts)-1]
	} else if len(c.accounts) < 6 {
		c.accounts = append(c.accounts, g.account(rng))
	}
}

// changeMove takes one gene of a move from a new one.
func (g *genes) changeMove(rng *rand.Rand, m *move) {
	drawn := g.move(rng)
	switch rng.IntN(16) {
	case 15:
		m.reads = !m.reads
	case 0:
		m.wait = drawn.wait
	case 1:
		m.inbound = !m.inbound
	case 2:
		m.who = drawn.who
	case 3:
		m.from = drawn.from
	case 4:
		m.spread = drawn.spread
	case 5:
		m.program = drawn.program
	case 6:
		m.to = drawn.to
	case 7:
		m.each = drawn.each
	case 8:
		m.with = pick(rng, []int{0, 0, 1, 2, 5})
	case 9:
		m.gap = drawn.gap
	case 10:
		m.count = drawn.count
	case 11:
		m.text = drawn.text
	case 12:
		m.ask, m.stop = drawn.ask, drawn.stop
	case 13:
		m.answers, m.bounces = drawn.answers, drawn.bounces
	case 14:
		m.tagged, m.undone = drawn.tagged, drawn.undone
	}
}
