package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"postward/internal/guard"
)

// ordeal is what an outsider without a password does to one innocent: he writes to her, as anybody, and the servers of
// his own domains answer her answers as he likes.
//
// She answers at home (or, where that is asked, from the journey too), at most two mails of strangers a day and to at most ten addresses each. Beside that she writes to
// people she knows: three mails a day from home or the office, and on one day two from a journey abroad.
type ordeal struct {
	victim  int
	lures   []lure
	flood   int           // strangers a day in whose name he writes to her
	floods  int           // for so many days, up to the journey
	journey bool          // she answers from the journey too
	trip    time.Duration // from Monday 08:00 to the first mail from the journey
}

// lure is a mail that she answers.
type lure struct {
	before    time.Duration // so long before the first mail from the journey she answers
	addresses int           // in its Reply-To
	domains   int           // that they are in
	refused   string        // what his servers answer; empty: they take it
	name      int           // in whose name he writes: asOwn, asContact, asColleague
	same      bool          // her answers are one text
}

const (
	asOwn = iota
	asContact
	asColleague
)

// Bounds of what an innocent does in a day.
const (
	answersADay   = 2
	mostAddresses = 10
)

// harm is what an ordeal came to, beyond what happens to her without the outsider.
type harm struct {
	held      int // ordinary mails held for a person
	contained int // accounts that were suspicious or stopped
	why       string
	score     guard.Points // the highest of an ordinary mail: how near it was
}

// none says that nobody was harmed, however near it was.
func (h harm) none() bool { return h.held == 0 && h.contained == 0 }

func (h harm) worse(g harm) bool {
	return cmp.Or(cmp.Compare(h.contained, g.contained), cmp.Compare(h.held, g.held), cmp.Compare(h.score, g.score)) > 0
}

// happening is one thing of an ordeal.
type happening struct {
	at    guard.Time
	order int
	do    func(*innocent)
}

// plain is an ordinary mail of hers. One that does not leave is held for a person, or was refused.
type plain struct {
	why  string
	mail *sent
}

// innocent is the account in one of the two worlds.
type innocent struct {
	*world
	p         *person
	site      *site
	plain     []plain // her ordinary ones, the same in both worlds
	suspected bool
	score     guard.Points // the highest of her ordinary mails
}

// suffer plays an ordeal in two copies of the site, one of them without the outsider.
func (s *site) suffer(o *ordeal) harm {
	with, without := s.innocent(o, true), s.innocent(o, false)
	h := harm{score: with.score}
	for i, m := range with.plain {
		if !m.mail.left && without.plain[i].mail.left {
			h.held++
			h.why = m.why
		}
	}
	if with.suspected && !without.suspected {
		h.contained = 1
	}
	return h
}

func (s *site) innocent(o *ordeal, outsider bool) *innocent {
	n := &innocent{world: s.copied(), p: s.people[o.victim], site: s}
	all := o.ordinary(s, n.p)
	if outsider {
		all = append(all, o.outsider(s)...)
	}
	slices.SortFunc(all, func(a, b happening) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return a.order - b.order
	})
	for _, h := range all {
		n.until(h.at)
		h.do(n)
		n.look()
	}
	n.until(all[len(all)-1].at.Add(time.Hour))
	n.look()
	return n
}

// look notes whether the account is suspected.
func (n *innocent) look() {
	if a := n.state.Account(n.p.name); a != nil && a.Status != guard.Normal {
		n.suspected = true
	}
}

// ordinary is her own mail until a day after the journey began.
func (o *ordeal) ordinary(s *site, p *person) []happening {
	var all []happening
	first := s.start.Add(o.trip)
	abroad := foreignPlace(50)
	for i := range 3 * (int(o.trip.Hours())/24 + 1) {
		at := s.start.Add(days(i/3) + time.Duration(3*(i%3))*time.Hour)
		from := []place{p.home, officePlace, p.home}[i%3]
		if !p.office {
			from = p.home
		}
		if at < first && int(at.Sub(begin).Hours())/24%7 < 5 {
			all = append(all, p.happens(at, i, from))
		}
	}
	return append(all, p.happens(first, 1000, abroad), p.happens(first.Add(20*time.Minute), 1001, abroad), p.happens(first.Add(26*time.Hour), 1002, p.home))
}

// happens is an ordinary mail to somebody she knows.
func (p *person) happens(at guard.Time, i int, from place) happening {
	to := p.contacts[i%len(p.contacts)]
	return happening{at, i, func(n *innocent) {
		m := &sent{account: p.name, to: []string{to}}
		t := p.mail(from, m.to, uint64(i+1)*0x9e3779b97f4a7c15, at)
		n.until(at)
		n.score = max(n.score, guard.Explain(n.state, t).Score)
		v := n.submit(t, m)
		n.plain = append(n.plain, plain{v.Why, m})
	}}
}

// answered is when she answers a lure: from the journey only if she does that at all.
func (o *ordeal) answered(first guard.Time, l lure) guard.Time {
	if o.journey && l.before < 3*time.Hour {
		return first.Add(time.Minute + l.before/10)
	}
	return first.Add(-l.before)
}

// outsider is what he sends, and her answers.
func (o *ordeal) outsider(s *site) []happening {
	var all []happening
	first := s.start.Add(o.trip)
	answered := map[int64]int{}
	for i, l := range o.lures {
		at := o.answered(first, l)
		day := int64(at.Sub(begin) / (24 * time.Hour))
		if at.Sub(s.start) < time.Hour || answered[day] >= answersADay {
			continue
		}
		answered[day]++
		all = append(all, happening{at.Add(-30 * time.Minute), 2000 + i, func(n *innocent) { n.inbound(l.sender(n, i), n.p.address(), at.Add(-30*time.Minute)) }})
		all = append(all, happening{at, 3000 + i, func(n *innocent) { n.reply(&l, i, at, at > first) }})
	}
	for i := range o.flood * o.floods {
		at := first.Add(-days(1 + i/o.flood)).Add(time.Duration(i%o.flood) * time.Second)
		if at < s.start {
			break
		}
		all = append(all, happening{at, 4000 + i, func(n *innocent) { n.inbound("f"+strconv.Itoa(i)+"@forged.example", n.p.address(), at) }})
	}
	return all
}

func (l *lure) sender(n *innocent, i int) string {
	switch l.name {
	case asContact:
		return n.p.contacts[i%len(n.p.contacts)]
	case asColleague:
		return n.site.people[i%len(n.site.people)].address()
	}
	return l.address(i, 0)
}

func (l *lure) address(i, k int) string {
	return fmt.Sprintf("a%d.%d@his%d.example", i, k, k%max(l.domains, 1))
}

// reply is her answer, to all addresses that he named.
func (n *innocent) reply(l *lure, i int, at guard.Time, abroad bool) {
	from := n.p.home
	if abroad {
		from = foreignPlace(50)
	}
	var to []string
	for k := range l.addresses {
		to = append(to, l.address(i, k))
	}
	text := uint64(0x5bd1e9955bd1e995)
	if !l.same {
		text = uint64(i+7) * 0x9e3779b97f4a7c15
	}
	n.submit(n.p.mail(from, to, text, at), &sent{account: n.p.name, to: to, refused: l.refused})
}

func drawOrdeal(rng *rand.Rand, s *site) ordeal {
	o := ordeal{victim: 6 + rng.IntN(len(s.people)-6), trip: time.Duration(1+rng.IntN(44))*24*time.Hour + time.Duration(rng.IntN(13))*time.Hour}
	for range 1 + rng.IntN(6) {
		o.lures = append(o.lures, drawLure(rng))
	}
	if rng.IntN(4) == 0 {
		o.flood, o.floods = pick(rng, []int{10, 30, 60}), pick(rng, []int{5, 20, 40})
	}
	return o
}

func drawLure(rng *rand.Rand) lure {
	return lure{
		before:    time.Duration(1+rng.IntN(pick(rng, []int{120, 24 * 60, 12 * 24 * 60}))) * time.Minute,
		addresses: 1 + rng.IntN(mostAddresses), domains: 1 + rng.IntN(mostAddresses),
		refused: pick(rng, []string{"5.7.1", "5.7.1", "5.1.1", "5.2.2", ""}), name: rng.IntN(3), same: rng.IntN(2) == 0,
	}
}

// mutated returns an ordeal with a change.
func (o *ordeal) mutated(rng *rand.Rand, s *site) ordeal {
	d, drawn := *o, drawOrdeal(rng, s)
	d.lures = slices.Clone(o.lures)
	switch n := rng.IntN(8); {
	case n == 0:
		d.victim = drawn.victim
	case n == 1:
		d.flood, d.floods = drawn.flood, drawn.floods
	case n == 2:
		d.trip = drawn.trip
	case n < 5 && len(d.lures) < 20:
		d.lures = append(d.lures, drawLure(rng))
	case n == 5 && len(d.lures) > 1:
		d.lures = d.lures[1:]
	default:
		d.lures[rng.IntN(len(d.lures))] = drawLure(rng)
	}
	return d
}

// size is how much an ordeal takes.
func (o *ordeal) size() int { return 10*len(o.lures) + o.flood*o.floods }

// searchOutsider looks for the ordeal that does most harm, by hill climbing with restarts.
func (s *site) searchOutsider(seed uint64, until time.Time, journey bool) (ordeal, harm, int) {
	rng := rand.New(rand.NewPCG(seed, 4))
	var best, here ordeal
	var worst, now harm
	tried := 0
	for stale := 100; time.Now().Before(until); tried++ {
		o := here.mutatedOrNew(rng, s, stale >= 100)
		o.journey = journey
		h := s.suffer(&o)
		switch {
		case stale >= 100 || h.worse(now):
			here, now, stale = o, h, 0
		case now.worse(h) || o.size() > here.size():
			stale++
		default:
			here = o
			stale++
		}
		if h.worse(worst) || tried == 0 || h == worst && o.size() < best.size() {
			best, worst = o, h
		}
	}
	best, worst = s.simplified(best, worst)
	return best, worst, tried
}

// simplified takes out of an ordeal what it does not need: people read it.
func (s *site) simplified(o ordeal, h harm) (ordeal, harm) {
	for i := len(o.lures); i >= 0; i-- {
		less := o
		if i == len(o.lures) {
			less.flood = 0
		} else if len(o.lures) > 1 {
			less.lures = slices.Delete(slices.Clone(o.lures), i, i+1)
		}
		if g := s.suffer(&less); g.contained >= h.contained && g.held >= h.held {
			o, h = less, g
		}
	}
	return o, h
}

func (o *ordeal) mutatedOrNew(rng *rand.Rand, s *site, anew bool) ordeal {
	if anew {
		return drawOrdeal(rng, s)
	}
	return o.mutated(rng, s)
}

// words say what the outsider did, in one sentence.
func (o *ordeal) words(s *site, h harm) string {
	if h.none() {
		return fmt.Sprintf("nothing that he tried had a person look at mail of an innocent; the nearest was a score of %s", h.score)
	}
	said := fmt.Sprintf("%s answered %d mails of his", s.people[o.victim].name, len(o.lures))
	for i, l := range o.lures {
		if i == 3 {
			said += ", …"
			break
		}
		answer := "his servers take it"
		if l.refused != "" {
			answer = "his servers answer " + l.refused
		}
		when := spanWords(l.before) + " before the journey"
		if o.journey && l.before < 3*time.Hour {
			when = "from the journey"
		}
		said += fmt.Sprintf(", %s to %d addresses in %d domains (%s)", when, l.addresses, min(l.domains, l.addresses), answer)
	}
	if o.flood > 0 {
		said += fmt.Sprintf("; %d strangers a day wrote to her for %d days", o.flood, o.floods)
	}
	return fmt.Sprintf("%s: %d ordinary mails held (%s), accounts suspected or stopped: %d", said, h.held, h.why, h.contained)
}
