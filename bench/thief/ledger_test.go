package main

import (
	"testing"
	"time"

	"postward/internal/guard"
)

func deliveries(hours ...float64) []delivery {
	var list []delivery
	for i, h := range hours {
		list = append(list, delivery{guard.Time(h * 3600 * 1000), i})
	}
	return list
}

func TestTheWorstSpanCounts(t *testing.T) {
	for _, c := range []struct {
		name  string
		hours []float64
		want  int
	}{
		{"none", nil, 0},
		{"one", []float64{5}, 1},
		{"across midnight", []float64{20, 23, 25, 43}, 4},
		{"exactly a day later is outside", []float64{0, 12, 24, 36}, 2},
		{"a second less is inside", []float64{0, 12, 24 - 1./3600}, 3},
		{"the worst one, not the last", []float64{0, 1, 2, 30, 60}, 3},
	} {
		if n := most(deliveries(c.hours...), days(1)); n != c.want {
			t.Errorf("%s: %d, not %d", c.name, n, c.want)
		}
	}
}

func TestAStrangerCountsOnce(t *testing.T) {
	var l ledger
	l.stranger(7, 1)
	l.stranger(8, 2)
	l.stranger(7, guard.Time(days(3)/time.Millisecond))
	if len(l.strangers) != 2 || l.strangers[1].who != 8 {
		t.Errorf("the ledger has %v", l.strangers)
	}
}

func TestSomebodyWhoGetsTwoMailsIsOneOfThePeople(t *testing.T) {
	list := deliveries(0, 1, 2, 30, 31)
	list[2].who, list[4].who = 0, 3
	if n := people(list, days(1)); n != 2 {
		t.Errorf("%d people in the worst day, not 2", n)
	}
	if n := people(list, days(2)); n != 3 {
		t.Errorf("%d people in the worst two days, not 3", n)
	}
}
