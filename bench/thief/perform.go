package main

import (
	"fmt"
	"time"

	"postward/internal/guard"
)

// Bounds of one campaign: a search that spends its time on one finds little.
const (
	maxMails  = 2000
	maxProbes = 10000
)

// result is what a campaign came to.
type result struct {
	figures    [3]int // of the horizons: the most through one account
	deliveries [3]int // where mail to known people is counted: each time
	total      [3]int // through all its accounts together
	moves      []tally
	mails      int
}

// tally is what became of a move's mails, for the words.
type tally struct{ sent, left, waited, held, refused, reached int }

// thief performs one campaign in a copy of the site.
type thief struct {
	*world
	field   *field
	row     *row
	c       *campaign
	now     guard.Time
	end     guard.Time
	ledgers []ledger // by place in c.accounts
	all     ledger
	tallies []tally
	next    int   // the next stranger nobody has used
	clashes int   // the next of field.collided
	ready   []int // strangers who are prepared
	mailbox int
	probes  int
	mails   int
	work    int // the next ordinary mail of the owners
}

// field is what all campaigns of a run share and only read.
type field struct {
	site     *site
	names    []string // strangers, by number
	collided []string // strangers' addresses with the hash of partner
}

// mark is what the ledger must know of a mail.
type mark struct {
	account, move int
	strangers     []int
	contacts      []int
}

// perform plays a campaign and counts.
func (f *field) perform(r *row, c *campaign) *result {
	t := &thief{world: f.site.copied(), field: f, row: r, c: c, now: f.site.start.Add(c.later), ledgers: make([]ledger, len(c.accounts)), tallies: make([]tally, len(c.moves))}
	t.end = t.now.Add(days(horizons[2]))
	t.leaving = t.enter
	t.ordinary(t.now)
	for round := 0; round == 0 || c.again && round < maxMails; round++ {
		before := t.now
		for i := range c.moves {
			t.move(i)
		}
		if t.now >= t.end || t.now == before || t.spent() {
			break
		}
	}
	t.until(t.now.Add(time.Hour))
	return t.result()
}

func (t *thief) spent() bool { return t.mails >= maxMails || t.probes >= maxProbes }

func (t *thief) result() *result {
	res := &result{moves: t.tallies, mails: t.mails}
	for h, n := range horizons {
		for i := range t.ledgers {
			l := &t.ledgers[i]
			if t.row.known {
				res.figures[h], res.deliveries[h] = max(res.figures[h], people(l.contacts, days(n))), max(res.deliveries[h], most(l.contacts, days(n)))
			} else {
				res.figures[h] = max(res.figures[h], most(l.strangers, days(n)))
			}
		}
		res.total[h] = most(t.all.strangers, days(n))
	}
	return res
}

// enter enters what left into the ledgers.
func (t *thief) enter(m *sent, at guard.Time) {
	k, ok := m.tag.(*mark)
	if !ok {
		return
	}
	t.tallies[k.move].left++
	l := &t.ledgers[k.account]
	for _, who := range k.strangers {
		l.stranger(who, at)
		t.all.stranger(who, at)
		t.tallies[k.move].reached++
	}
	for _, who := range k.contacts {
		l.contacts = append(l.contacts, delivery{at, who})
	}
}

// move carries out one move.
func (t *thief) move(n int) {
	m := &t.c.moves[n]
	t.now = t.now.Add(m.wait)
	for i := range m.count {
		if t.now >= t.end || t.spent() {
			return
		}
		left := t.step(n, i)
		t.now = t.now.Add(m.gap)
		if !left && m.stop {
			return
		}
	}
}

// step is the i-th mail of a move; it reports whether it left, or will.
func (t *thief) step(n, i int) bool {
	m := &t.c.moves[n]
	account := m.who
	if account == everybody || account >= len(t.c.accounts) {
		account = i % len(t.c.accounts)
	}
	t.ordinary(t.now)
	if m.reads {
		t.read(m, i, account)
		return true
	}
	if m.inbound {
		t.forge(m, account)
		return true
	}
	for each := m.each; each > 0; each /= 2 {
		if t.try(n, i, account, each) {
			return true
		}
		if !m.ask {
			return false
		}
	}
	return false
}

// try sends a mail to so many, if it leaves or he does not ask; from each of the row's ways in turn, if from anywhere.
func (t *thief) try(n, i, account, each int) bool {
	m := &t.c.moves[n]
	l := t.address(m, account, each)
	if len(l.to) == 0 {
		return false
	}
	if m.from != anywhere {
		return t.send(n, account, l, t.mail(m, i, account, m.from, l.to))
	}
	for k := len(t.row.ways) - 1; k >= 0; k-- {
		mail := t.mail(m, i, account, t.row.ways[k], l.to)
		if t.probe(mail) || k == 0 && !m.ask {
			return t.send(n, account, l, mail)
		}
	}
	return false
}

func (t *thief) probe(mail *guard.Transaction) bool {
	t.probes++
	return t.would(mail)
}

// send sends a mail, if it leaves or he does not ask, and reports whether it leaves.
func (t *thief) send(n, account int, l letter, mail *guard.Transaction) bool {
	m := &t.c.moves[n]
	if m.ask && !t.probe(mail) {
		return false
	}
	t.mails++
	l.use(t)
	out := &sent{account: mail.Login, to: l.to, undone: m.undone, tag: &mark{account, n, l.strangers, l.contacts}}
	if m.bounces && m.to == own {
		out.refused = "5.1.1"
	}
	return t.outcome(m, &t.tallies[n], account, out, t.submit(mail, out))
}

// outcome counts what became of a mail, and reports whether it leaves.
func (t *thief) outcome(m *move, k *tally, account int, out *sent, v guard.Verdict) bool {
	k.sent++
	switch {
	case v.Action == guard.Accept:
	case v.Action == guard.Hold && v.Cool:
		k.waited++
	case v.Action == guard.Hold:
		k.held++
		return false
	default:
		k.refused++
		return false
	}
	if m.answers && m.to == own {
		t.writeBack(out.to, account)
	}
	return true
}

// read logs in to the account's mailbox, from the most familiar of the row's sources if from anywhere.
func (t *thief) read(m *move, i, account int) {
	if t.row.hosted {
		return
	}
	from := m.from
	if from == anywhere {
		from = t.row.ways[len(t.row.ways)-1]
	}
	p := t.field.site.people[t.c.accounts[account]]
	t.until(t.now)
	t.mails++
	t.login(p, from.place(p, i%max(m.spread, 1)), t.now)
}

func (t *thief) writeBack(from []string, account int) {
	for _, address := range from {
		t.inbound(address, t.addressOf(account), t.now)
	}
}

// forge writes to the account as whom it will write to later.
func (t *thief) forge(m *move, account int) {
	l := t.address(m, account, m.each)
	l.use(t)
	t.mails++
	for _, address := range l.to {
		t.inbound(address, t.addressOf(account), t.now)
	}
	if m.to == strangers {
		t.ready = append(t.ready, l.strangers...)
	}
}

// ordinary is the owners' own mail until now, if they are not away: three mails to people they know, on working days.
func (t *thief) ordinary(now guard.Time) {
	if t.c.away || t.row.hosted {
		return
	}
	for ; ; t.work++ {
		day := time.Duration(t.work/3) * 24 * time.Hour
		at := t.field.site.start.Add(day + time.Duration(1+3*(t.work%3))*time.Hour)
		if at > now {
			return
		}
		if int(at.Sub(begin).Hours())/24%7 > 4 || at < t.field.site.start.Add(t.c.later) {
			continue
		}
		t.owners(at)
	}
}

func (t *thief) owners(at guard.Time) {
	for _, n := range t.c.accounts {
		p := t.field.site.people[n]
		if len(p.contacts) == 0 || p.to < historyDays {
			continue
		}
		to := []string{p.contacts[t.work%len(p.contacts)]}
		t.submit(p.mail(p.home, to, uint64(t.work+1)*0x9e3779b97f4a7c15, at), &sent{account: p.name, to: to})
	}
}

func (t *thief) addressOf(account int) string {
	n := t.c.accounts[account]
	if t.row.hosted {
		return hostAccounts[n].address
	}
	return t.field.site.people[n].address()
}

// newField makes the site and the names; collisions rounds of the search for them.
func newField(seed uint64, collisions int) *field {
	f := &field{site: newSite(seed)}
	for n := range maxMails * 8 {
		f.names = append(f.names, fmt.Sprintf("s%d%s", n, provider))
	}
	if collisions > 0 {
		f.collided = collisionsOf(partner, collisions, seed)
	}
	return f
}
