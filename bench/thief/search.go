package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
)

// hunt is a search in one row: hill climbing on the best of every kind at once, for all horizons together. What it tries depends
// on its seed alone; how much, on its time and the machine.
type hunt struct {
	field *field
	row   *row
	genes *genes
	rng   *rand.Rand
	herds [3]herd // by horizon
	focus []int   // the horizons that campaigns are bred for, in turn
	tried int
}

// herd are the best campaigns for one horizon: the best of each kind, so that one trick that is found early does not
// crowd out another that needs a second thought.
type herd struct {
	best   found
	elites []found // at most one of a kind, in the order in which the kinds were found
}

// kind is what two campaigns may have in common: whom they write to, whether they forge, whether there are several
// accounts.
type kind struct {
	whom            [staff + 1]bool
	forges, several bool
}

func kindOf(c *campaign) kind {
	k := kind{several: len(c.accounts) > 1}
	for i := range c.moves {
		m := &c.moves[i]
		k.forges = k.forges || m.inbound
		k.whom[m.to] = k.whom[m.to] || !m.inbound
	}
	return k
}

// found is a campaign and what it came to.
type found struct {
	campaign campaign
	result   *result
}

// batchSize is how many campaigns are tried at once.
const batchSize = 16

func newHunt(f *field, r *row, seed uint64, seeds []campaign) *hunt {
	accounts := len(f.site.people)
	if r.hosted {
		accounts = len(hostAccounts)
	}
	h := &hunt{field: f, row: r, genes: newGenes(r, accounts), rng: rand.New(rand.NewPCG(seed, 3))}
	h.genes.known = 3
	h.focus = r.focus()
	for len(seeds) > 0 {
		n := min(len(seeds), batchSize)
		h.fold(seeds[:n])
		seeds = seeds[n:]
	}
	return h
}

// run searches until the time is over.
func (h *hunt) run(until time.Time) {
	for time.Now().Before(until) {
		h.batch()
	}
}

// only searches for one horizon's figure, until it is more than enough (0: never enough) or the time is over.
func (h *hunt) only(until time.Time, horizon, enough int) {
	h.focus = []int{horizon}
	for time.Now().Before(until) && (enough == 0 || h.best(horizon).figure(horizon) <= enough) {
		h.batch()
	}
}

// batch breeds and tries some campaigns.
func (h *hunt) batch() {
	batch := make([]campaign, batchSize)
	for i := range batch {
		batch[i] = h.breed(h.focus[i%len(h.focus)])
	}
	h.fold(batch)
}

// focus returns the horizons that count: those with a goal more than the others.
func (r *row) focus() []int {
	var all []int
	for range 3 {
		for k := range horizons {
			if r.goals[k] != noGoal {
				all = append(all, k)
			}
		}
	}
	return append(all, len(horizons)-1)
}

// breed makes a campaign for a horizon: a new one, or one of its herd's, changed, perhaps with a part of another.
func (h *hunt) breed(horizon int) campaign {
	d := &h.herds[horizon]
	switch n := h.rng.IntN(20); {
	case n == 0 || len(d.elites) == 0:
		return h.genes.campaign(h.rng)
	case n < 4:
		return h.genes.mutated(h.rng, &d.best.campaign)
	case n < 7:
		c := h.joined(h.one(d, horizon), h.one(&h.herds[h.rng.IntN(len(h.herds))], horizon))
		return h.genes.mutated(h.rng, &c)
	}
	return h.genes.mutated(h.rng, h.one(d, horizon))
}

// joined begins as one campaign and goes on as another.
func (h *hunt) joined(a, b *campaign) campaign {
	c := a.clone()
	c.moves = append(c.moves[:1+h.rng.IntN(len(c.moves))], b.moves[h.rng.IntN(len(b.moves)):]...)
	c.moves = c.moves[:min(len(c.moves), maxMoves)]
	c.accounts = append(c.accounts, b.accounts[:min(len(b.accounts), h.rng.IntN(3))]...)
	c.tidy()
	return c
}

// fold tries campaigns side by side and takes the results in order: how many run at once changes nothing.
func (h *hunt) fold(batch []campaign) {
	results := make([]*result, len(batch))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range batch {
		slots <- struct{}{}
		wg.Go(func() {
			results[i] = h.field.perform(h.row, &batch[i])
			<-slots
		})
	}
	wg.Wait()
	h.tried += len(batch)
	for n := range h.herds {
		d := &h.herds[n]
		for i := range batch {
			d.take(found{batch[i], results[i]}, n)
		}
	}
}

// figure is what a search wants more of.
func (f *found) figure(horizon int) int {
	if f.result == nil {
		return -1
	}
	return f.result.figures[horizon]
}

// better says that f is worth more for a horizon: by the figure, then by the longer ones, then by less effort.
func (f *found) better(g *found, horizon int) bool {
	if a, b := f.figure(horizon), g.figure(horizon); a != b {
		return a > b
	}
	if a, b := f.figure(2), g.figure(2); a != b {
		return a > b
	}
	return f.result.mails < g.result.mails
}

// take keeps a campaign that is as good as the best of its kind.
func (d *herd) take(f found, horizon int) {
	if d.best.result == nil || f.better(&d.best, horizon) {
		d.best = f
	}
	k := kindOf(&f.campaign)
	for i := range d.elites {
		if e := &d.elites[i]; kindOf(&e.campaign) == k {
			if !e.better(&f, horizon) {
				*e = f
			}
			return
		}
	}
	d.elites = append(d.elites, f)
}

func (h *hunt) best(horizon int) *found { return &h.herds[horizon].best }

// simplify takes out of the best campaigns what they do not need: people read them.
func (h *hunt) simplify() {
	for n := range h.herds {
		best := &h.herds[n].best
		for _, less := range lesser(&best.campaign) {
			simple := less(&best.campaign)
			if simple == nil {
				continue
			}
			if r := h.field.perform(h.row, simple); r.figures[n] >= best.figure(n) {
				*best = found{*simple, r}
			}
		}
	}
}

// lesser returns ways to make a campaign simpler, each of which is nil for one that has not what it takes away.
func lesser(c *campaign) []func(*campaign) *campaign {
	var all []func(*campaign) *campaign
	for i := len(c.moves) - 1; i >= 0; i-- {
		all = append(all, func(c *campaign) *campaign {
			if i >= len(c.moves) || len(c.moves) == 1 {
				return nil
			}
			d := c.clone()
			d.moves = slices.Delete(d.moves, i, i+1)
			return &d
		})
	}
	for i := len(c.accounts) - 1; i > 0; i-- {
		all = append(all, func(c *campaign) *campaign {
			d := c.clone()
			d.accounts = slices.Delete(d.accounts, i, i+1)
			return &d
		})
	}
	return append(all, plainer)
}

// plainer takes the quirks out of all moves.
func plainer(c *campaign) *campaign {
	d := c.clone()
	for i := range d.moves {
		m := &d.moves[i]
		m.spread, m.with, m.answers, m.bounces, m.tagged, m.undone = 1, 0, false, false, false, false
	}
	return &d
}

// found returns the best campaigns, for the next row to begin with.
func (h *hunt) found() []campaign {
	var all []campaign
	for i := range h.herds {
		if h.herds[i].best.result != nil {
			all = append(all, h.herds[i].best.campaign)
		}
	}
	return all
}

// one draws a campaign of a herd: any kind's best, or the best of three.
func (h *hunt) one(d *herd, horizon int) *campaign {
	best := &d.elites[h.rng.IntN(len(d.elites))]
	if h.rng.IntN(2) == 0 {
		return &best.campaign
	}
	for range 2 {
		if e := &d.elites[h.rng.IntN(len(d.elites))]; e.better(best, horizon) {
			best = e
		}
	}
	return &best.campaign
}
