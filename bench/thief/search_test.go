package main

import (
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"postward/internal/guard"
)

// aField is one for all tests, which only read it; the search for collisions has a test of its own.
var aField = sync.OnceValue(func() *field { return newField(1, 0) })

func TestTheSameCampaignComesToTheSame(t *testing.T) {
	f := aField()
	for i := range rows {
		h := newHunt(f, &rows[i], 7, nil)
		for range 10 {
			c := h.genes.campaign(h.rng)
			if a, b := f.perform(&rows[i], &c), f.perform(&rows[i], &c); !reflect.DeepEqual(a, b) {
				t.Fatalf("%s: %+v came to %+v and to %+v", rows[i].name, c, a, b)
			}
		}
	}
}

func TestTheSameSeedTriesTheSame(t *testing.T) {
	search := func() *hunt {
		h := newHunt(aField(), &rows[0], 3, openings(&rows[0]))
		for range 3 {
			h.batch()
		}
		return h
	}
	if a, b := search(), search(); !reflect.DeepEqual(a.herds, b.herds) {
		t.Error("two searches from one seed found different campaigns")
	}
}

func TestOrdinaryMailOfTheSitePasses(t *testing.T) {
	f := aField()
	for _, p := range f.site.people {
		if p.from > 0 || p.to < historyDays {
			continue
		}
		w := f.site.copied()
		to := []string{p.contacts[0], "somebody@new.example"}
		v := w.submit(p.mail(p.home, to, 1, f.site.start.Add(time.Hour)), &sent{account: p.name, to: to})
		if v.Action != guard.Accept {
			t.Errorf("mail of %s to somebody it knows and to a stranger, from home: %s (%s); the site is not one where thieves are unusual", p.name, v.Action, v.Why)
		}
	}
}

func TestOwnMailboxesAndKnownPeopleAreNoStrangers(t *testing.T) {
	for _, to := range []whom{own, contacts, staff} {
		c := of(move{from: machine, to: to, each: 2, gap: time.Hour, count: 20})
		c.again = false
		r := aField().perform(rowNamed(t, "own_net"), &c)
		if r.figures != [3]int{} {
			t.Errorf("mail to %s counts as %v strangers", whomNames[to], r.figures)
		}
		if r.moves[0].left == 0 {
			t.Errorf("no mail to %s left: the test sees nothing", whomNames[to])
		}
	}
}

func TestKnownPeopleCountWhereTheyAreCounted(t *testing.T) {
	c := of(move{from: country, to: contacts, each: 1, gap: time.Hour, count: 5})
	c.again = false
	r := aField().perform(rowNamed(t, "known"), &c)
	if r.figures[0] != r.moves[0].left || r.figures[0] == 0 {
		t.Errorf("%d deliveries are counted of %d mails to one each that left", r.figures[0], r.moves[0].left)
	}
}

func TestMailThatAnotherMilterRefusesReachesNobody(t *testing.T) {
	c := of(move{from: machine, to: strangers, each: 1, gap: time.Hour, count: 5, undone: true})
	if r := aField().perform(rowNamed(t, "own_net"), &c); r.figures != [3]int{} {
		t.Errorf("mail that nobody got reached %v strangers", r.figures)
	}
}

func TestAnAccountIsInACampaignOnce(t *testing.T) {
	h := newHunt(aField(), &rows[0], 5, nil)
	for range 300 {
		c := h.genes.campaign(h.rng)
		d := h.genes.mutated(h.rng, &c)
		e := h.joined(&c, &d)
		for _, x := range []campaign{c, d, e} {
			if got := slices.Compact(slices.Sorted(slices.Values(x.accounts))); len(got) != len(x.accounts) || len(got) == 0 {
				t.Fatalf("a campaign has the accounts %v", x.accounts)
			}
		}
	}
}

func TestTheThiefReadsThePolicy(t *testing.T) {
	numbers, spans := policyNumbers()
	p := guard.DefaultPolicy()
	if !slices.Contains(numbers, p.Budget.Unfamiliar) || !slices.Contains(spans, p.Cooling.Time) {
		t.Errorf("he reads %v and %v: without the budget of new networks, or how long a mail cools", numbers, spans)
	}
}

func rowNamed(t *testing.T, name string) *row {
	t.Helper()
	for i := range rows {
		if rows[i].name == name {
			return &rows[i]
		}
	}
	t.Fatalf("there is no row %s", name)
	return nil
}
