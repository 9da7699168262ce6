package main

import (
	"time"

	"postward/internal/guard"
)

// delivery is somebody reached by one mail.
type delivery struct {
	at  guard.Time
	who int
}

// ledger is what left through one account, in order of time. The bench keeps it from what it gave the guard; what the
// guard takes for known or new does not matter here.
type ledger struct {
	strangers []delivery // each stranger once: the first mail that left to him
	contacts  []delivery // every delivery to somebody whom the account knew before
	reached   map[int]struct{}
}

func (l *ledger) stranger(who int, at guard.Time) {
	if l.reached == nil {
		l.reached = map[int]struct{}{}
	}
	if _, again := l.reached[who]; again {
		return
	}
	l.reached[who] = struct{}{}
	l.strangers = append(l.strangers, delivery{at, who})
}

// most returns the most deliveries in any span of a length. A delivery exactly a span later is outside.
func most(list []delivery, span time.Duration) int {
	best, first := 0, 0
	for i := range list {
		for list[i].at.Sub(list[first].at) >= span {
			first++
		}
		best = max(best, i-first+1)
	}
	return best
}

// people returns the most different people in any span of a length.
func people(list []delivery, span time.Duration) int {
	in := map[int]int{}
	best, first := 0, 0
	for i := range list {
		for ; list[i].at.Sub(list[first].at) >= span; first++ {
			if in[list[first].who]--; in[list[first].who] == 0 {
				delete(in, list[first].who)
			}
		}
		in[list[i].who]++
		best = max(best, len(in))
	}
	return best
}

// days is a span of whole days.
func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
