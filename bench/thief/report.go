package main

import (
	"fmt"
	"io"
	"time"
)

// collisionRounds find some 60 strangers whose addresses have the hash of a partner: more than any bound of a day.
const collisionRounds = 16

// bench is one run over all rows.
type bench struct {
	*options
	field   *field
	w       io.Writer
	figures map[string]int // by name
	over    []string       // figures over their goals
	end     time.Time      // of the rows and the outsider
	harm    harm
	abroad  harm // when the innocent answers him from a journey too: it has no goal
}

// shares are how the time is divided between the rows and, last, the two outsiders.
var shares = [...]int{5, 5, 5, 3, 1, 4, 1}

// until returns when the n-th share of the time is over.
func (b *bench) until(n int) time.Time {
	rest := 0
	for _, s := range shares[n:] {
		rest += s
	}
	return time.Now().Add(time.Until(b.end) * time.Duration(shares[n]) / time.Duration(rest))
}

// rows searches row after row; a thief who has more can do what the one before did.
func (b *bench) rows() {
	var seeds []campaign
	for i := range rows {
		r := &rows[i]
		if r.hosted {
			seeds = nil // other accounts
		}
		h := b.hunt(b.field, r, seeds)
		h.run(b.until(i))
		h.simplify()
		seeds = append(seeds, h.found()...)
		b.tell(r, h)
	}
}

// tell prints what was found in a row.
func (b *bench) tell(r *row, h *hunt) {
	fmt.Fprintf(b.w, "%s: %s (%d campaigns tried)\n", r.name, r.meaning, h.tried)
	for k, n := range horizons {
		f := h.best(k)
		if r.goals[k] == noGoal && k < 2 {
			continue
		}
		name := fmt.Sprintf("%s_%dd", r.name, n)
		b.note(name, f.figure(k), r.goals[k])
		fmt.Fprintf(b.w, "  in %d days: %s", n, f.said(k, r))
		if r.goals[k] != noGoal {
			fmt.Fprintf(b.w, ", goal %d", r.goals[k])
		}
		fmt.Fprintln(b.w)
		f.tell(b.w, b.field, r)
	}
}

func (f *found) said(k int, r *row) string {
	if r.known {
		return fmt.Sprintf("%d people, in %d deliveries", f.figure(k), f.result.deliveries[k])
	}
	said := fmt.Sprintf("%d strangers", f.figure(k))
	if len(f.campaign.accounts) > 1 {
		said += fmt.Sprintf(" through one account, %d through all", f.result.total[k])
	}
	return said
}

// note keeps a figure, and whether it is over its goal.
func (b *bench) note(name string, n, goal int) {
	b.figures[name] = n
	if n > goal {
		b.over = append(b.over, fmt.Sprintf("%s=%d, goal %d", name, n, goal))
	}
}

func (b *bench) outsider() {
	o, h, tried := b.field.site.searchOutsider(b.seed, b.until(len(rows)), false)
	b.harm = h
	b.note("outsider held", h.held, 0)
	b.note("outsider contained", h.contained, 0)
	fmt.Fprintf(b.w, "outsider: mail to an innocent, and answers to hers (%d tried)\n  %s\n", tried, o.words(b.field.site, h))
	o, b.abroad, _ = b.field.site.searchOutsider(b.seed, b.until(len(rows)+1), true)
	fmt.Fprintf(b.w, "  when she answers him from the journey too: %s\n", o.words(b.field.site, b.abroad))
}

// plants looks for the planted weaknesses, one after the other, and returns how many were found.
func (b *bench) plants(all []plant, end time.Time) (int, error) {
	if len(all) == 0 {
		return 0, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return 0, err
	}
	found := 0
	for i := range all {
		p := &all[i]
		span := max(time.Until(end)/time.Duration(len(all)-i), plantAtLeast)
		n, err := p.hunt(root, b.seed, span)
		if err != nil {
			return found, err
		}
		said := p.verdict(n, b.figures[p.figure])
		if said == plantFound {
			found++
		}
		fmt.Fprintf(b.w, "planted %s (%s): %s=%d, more than %d was to be found: %s\n", p.name, p.undoes, p.figure, n, p.bound, said)
	}
	return found, nil
}

const plantFound = "found"

// verdict says whether a figure shows that the weakness was found: more than the bound, which the code without the
// weakness does not exceed.
func (p *plant) verdict(with, without int) string {
	switch {
	case without > p.bound:
		return fmt.Sprintf("proves nothing, for without it %d are found", without)
	case with > p.bound:
		return plantFound
	}
	return "not found"
}

// plantAtLeast is what a plant gets even if the time is over: else a slow machine finds none.
const plantAtLeast = 3 * time.Second

// report prints the figures, the last line for machines, and says whether all is well.
func (b *bench) report(found, planted int) bool {
	f := b.figures
	fmt.Fprintf(b.w, "known_1d=%d known_10d=%d\n", f["known_1d"], f["known_10d"])
	fmt.Fprintf(b.w, "undeclared_1d=%d\n", f["undeclared_1d"])
	fmt.Fprintf(b.w, "foreign_30d=%d copied_30d=%d own_net_30d=%d known_30d=%d\n", f["foreign_30d"], f["copied_30d"], f["own_net_30d"], f["known_30d"])
	fmt.Fprintf(b.w, "outsider_journey: held=%d contained=%d\n", b.abroad.held, b.abroad.contained)
	fmt.Fprintf(b.w, "outsider: held=%d contained=%d\n", b.harm.held, b.harm.contained)
	for _, line := range b.over {
		fmt.Fprintf(b.w, "over: %s\n", line)
	}
	fmt.Fprintf(b.w, "thief: foreign_1d=%d foreign_10d=%d copied_1d=%d copied_10d=%d own_net_1d=%d own_net_10d=%d found_planted=%d/%d\n",
		f["foreign_1d"], f["foreign_10d"], f["copied_1d"], f["copied_10d"], f["own_net_1d"], f["own_net_10d"], found, planted)
	return len(b.over) == 0 && found == planted
}
