package main

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"postward/internal/guard"
)

// play is one run: the ordinary mail, the attacks beside it, and the counts.
type play struct {
	options options
	site    *site
	attacks []*attack // by T0
	warm    guard.Time
	hot     bool // enforcing
	listed  map[string]bool
	source  map[string]line // an account's last ordinary mail
	last    guard.Time
	took    time.Duration

	days      map[string]bool // account/day that sent
	submitted int
	lost      int
	// What happened to ordinary mail, by its kind; for episodes and containments the kind of the mail that began them.
	cooled, held, refused, episodes, contained tally
	outcomes                                   []result
}

// tally counts by kind of mail.
type tally map[string]int

func (t tally) sum() int {
	n := 0
	for _, k := range t {
		n += k
	}
	return n
}

// result is what one attack came to.
type result struct {
	attack    *attack
	leaked    int     // recipients whose servers were given the mail within a day (or attack.Days)
	contained float64 // seconds after the first accepted mail; negative: never
	before    int     // mails accepted before containment
}

func loadAttacks(dir string) ([]*attack, error) {
	var attacks []*attack
	err := read(dir, "attacks.jsonl.gz", func(a *attack) error {
		attacks = append(attacks, a)
		return nil
	})
	slices.SortFunc(attacks, func(a, b *attack) int { return int(a.T0 - b.T0) })
	return attacks, err
}

func newPlay(o options, attacks []*attack) *play {
	return &play{
		options: o, site: newSite(), attacks: attacks, warm: at(float64(o.warm * 86400)), days: map[string]bool{}, listed: map[string]bool{}, source: map[string]line{},
		cooled: tally{}, held: tally{}, refused: tally{}, episodes: tally{}, contained: tally{},
	}
}

// settle lets a day go by and counts the mails that were accepted and are nowhere: neither sent on nor in hold.
func (p *play) settle() {
	p.site.until(p.last.Add(24 * time.Hour))
	for id, m := range p.site.mails {
		if kept := p.site.state.Mail(id); !m.left && (kept == nil || !kept.Waiting()) {
			p.lost++
		}
	}
}

func (p *play) ordinary(l *line) error {
	t := at(l.T)
	p.last = t
	if !p.hot && t >= p.warm {
		p.hot = true
		p.enforce(t)
	}
	for len(p.attacks) > 0 && p.attacks[0].T0 <= l.T {
		p.inject(p.attacks[0])
		p.others(p.attacks[0])
		p.attacks = p.attacks[1:]
	}
	switch l.Ev {
	case "submit":
		p.submit(l, t)
	case "login":
		if client, err := netip.ParseAddr(l.IP); err == nil {
			p.site.until(t)
			p.site.apply(guard.Event{Kind: guard.KindLogin, At: t, Account: l.Acct, Network: client, ASN: l.ASN})
		}
	case "inbound":
		p.site.apply(guard.Event{Kind: guard.KindWrote, At: t, Account: l.Acct, Recipient: l.Rcpts[0]})
	}
	return nil
}

func (p *play) enforce(t guard.Time) {
	p.site.until(t)
	p.site.apply(guard.Event{Kind: guard.KindPolicy, At: t, Policy: p.options.with(guard.Enforce)})
	for id, i := range p.site.state.Incidents() {
		if i.Status != guard.IncidentClosed { // what shadow mode would have held is looked through once
			p.site.apply(guard.Event{Kind: guard.KindRelease, At: t, Incident: id, Actor: "administrator"})
		}
	}
}

func (p *play) list(account string, since guard.Time, kind string) {
	if p.listed[account] {
		return
	}
	p.listed[account] = true
	listing := &guard.Listing{}
	if kind == "app" { // an administrator knows his applications, and declares them
		listing.Class, listing.Budget = guard.Application, 500
	}
	p.site.apply(guard.Event{Kind: guard.KindAllowed, At: since, Account: account, Listing: listing})
}

func (p *play) submit(l *line, t guard.Time) {
	p.list(l.Acct, t.Add(-24*time.Hour), l.Kind)
	before := p.site.state.OpenIncident(l.Acct)
	p.source[l.Acct] = *l
	v, m := p.site.submit(l)
	if !p.hot {
		return
	}
	p.submitted++
	p.days[fmt.Sprintf("%s/%d", l.Acct, int(l.T/86400))] = true
	switch {
	case m.cooled:
		p.cooled[l.Kind]++
	case m.held:
		p.held[l.Kind]++
	case v.Action == guard.Reject || v.Action == guard.Tempfail:
		p.refused[l.Kind]++
	}
	i := p.site.state.OpenIncident(l.Acct)
	if i == nil || i == before {
		p.noteContained(i, l, v.Why, t)
		return
	}
	p.episodes[l.Kind]++
	p.site.at(t.Add(time.Hour), guard.Event{Kind: guard.KindRelease, Incident: i.ID, Actor: "administrator"})
	if p.options.verbose {
		fmt.Printf("episode: %s %s %s: %s\n", t, l.Acct, l.Kind, v.Why)
	}
	p.noteContained(i, l, v.Why, t)
}

func (p *play) noteContained(i *guard.Incident, l *line, why string, t guard.Time) {
	if i != nil && i.Contained == t {
		p.contained[l.Kind]++
		if p.options.verbose {
			fmt.Printf("contained: %s %s %s: %v: %s\n", t, l.Acct, l.Kind, i.Evidence.Names(), why)
		}
	}
}

// inject plays one attack against a copy.
func (p *play) inject(a *attack) {
	p.list(a.Acct, begin.Add(-60*24*time.Hour), "")
	p.site.until(at(a.T0))
	s := p.site.copied()
	r := result{attack: a, contained: -1}
	first := guard.Time(0)
	leaves := map[*mail]bool{}
	for n := range a.Submits {
		v, m := s.submit(&a.Submits[n])
		if v.Action == guard.Accept || v.Action == guard.Hold {
			leaves[m] = true
			if first == 0 {
				first = m.at
			}
			if r.contained < 0 {
				r.before++
			}
		}
		if i := s.state.OpenIncident(a.Acct); i != nil && i.Contained != 0 && r.contained < 0 && first != 0 {
			r.contained = i.Contained.Sub(first).Seconds()
		}
	}
	end := at(a.T0).Add(time.Duration(max(a.Days, 1)) * 24 * time.Hour)
	s.until(end)
	for m := range leaves {
		if m.left && m.at <= end {
			r.leaked += len(m.line.Rcpts)
		}
	}
	p.outcomes = append(p.outcomes, r)
	if p.options.verbose {
		fmt.Printf("attack: %s %s: leaked %d, contained after %.0f s and %d mails\n", a.ID, a.Scenario, r.leaked, r.contained, r.before)
	}
}
