package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// ordinary is the kind of mail that is no modelled burst: newsletter, announcement, invitation, first day, application.
const ordinary = "normal"

// per returns n for 1000 active user-days.
func (p *play) per(n int) float64 { return 1000 * float64(n) / float64(max(len(p.days), 1)) }

func (p *play) report(w io.Writer) {
	days, per := len(p.days), p.per
	fmt.Fprintf(w, "ordinary mail: %d submissions on %d active user-days, %.1f s\n", p.submitted, days, p.took.Seconds())
	fmt.Fprintf(w, "%-22s %9s %9s %13s   %9s %9s %13s\n", "against the owner", "ordinary", "per 1000", "95 % at most", "all", "per 1000", "95 % at most")
	for _, row := range []struct {
		name string
		n    tally
	}{{"held episodes", p.episodes}, {"held messages", p.held}, {"false containments", p.contained}, {"cooled messages", p.cooled}, {"refused messages", p.refused}} {
		fmt.Fprintf(w, "%-22s", row.name)
		for _, n := range []int{row.n[ordinary], row.n.sum()} {
			fmt.Fprintf(w, " %9d %9.3f %13.3f  ", n, per(n), 1000*upper95(n)/float64(max(days, 1)))
		}
		fmt.Fprintln(w)
		for _, kind := range slices.Sorted(maps.Keys(row.n)) {
			fmt.Fprintf(w, "  %-20s %9d\n", kind, row.n[kind])
		}
	}
	fmt.Fprintf(w, "\n%-42s %4s %8s %8s %8s %14s %8s\n", "scenario (leaked recipients)", "n", "median", "p95", "most", "contained s", "mails")
	for _, s := range p.scenarios() {
		leaked, seconds, mails, never := p.of(s)
		contained := fmt.Sprintf("%d/%d", quantile(seconds, 0.5), quantile(seconds, 0.95))
		if never > 0 {
			contained = fmt.Sprintf("%d never", never)
		}
		fmt.Fprintf(w, "%-42s %4d %8d %8d %8d %14s %8d\n", s, len(leaked), quantile(leaked, 0.5), quantile(leaked, 0.95), quantile(leaked, 1), contained, quantile(mails, 0.95))
	}
	fmt.Fprintf(w, "\ndetect: user_days=%d %s\n", days, p.figures())
}

// figures are those by which one trace is compared with another: of each the more the worse.
type figures struct {
	ordinary, all against           // without the modelled bursts, and with them
	leaks         map[string][2]int // median and p95, by the scenario's letter
	lost          int
}

// against is what is done to owners, of 1000 active user-days.
type against struct{ episodes, held, contained, cooled float64 }

func (p *play) figures() figures {
	f := figures{leaks: map[string][2]int{}, lost: p.lost,
		ordinary: against{p.per(p.episodes[ordinary]), p.per(p.held[ordinary]), p.per(p.contained[ordinary]), p.per(p.cooled[ordinary])},
		all:      against{p.per(p.episodes.sum()), p.per(p.held.sum()), p.per(p.contained.sum()), p.per(p.cooled.sum())}}
	for _, s := range p.scenarios() {
		leaked, _, _, _ := p.of(s)
		f.leaks[strings.Fields(s)[0]] = [2]int{quantile(leaked, 0.5), quantile(leaked, 0.95)}
	}
	return f
}

// worst is each figure of the trace where it is worst; what was lost is of both.
func (f figures) worst(other figures) figures {
	w := figures{f.ordinary.worst(other.ordinary), f.all.worst(other.all), maps.Clone(f.leaks), f.lost + other.lost}
	for letter, n := range other.leaks {
		w.leaks[letter] = [2]int{max(n[0], w.leaks[letter][0]), max(n[1], w.leaks[letter][1])}
	}
	return w
}

func (a against) worst(b against) against {
	return against{max(a.episodes, b.episodes), max(a.held, b.held), max(a.contained, b.contained), max(a.cooled, b.cooled)}
}

func (f figures) String() string {
	return fmt.Sprintf("%s with_bursts: %s %s lost=%d", f.ordinary, f.all, strings.Join(f.leaked(), " "), f.lost)
}

func (a against) String() string {
	return fmt.Sprintf("episodes_per_1000=%.3f held_per_1000=%.3f contained_per_1000=%.3f cooled_per_1000=%.3f", a.episodes, a.held, a.contained, a.cooled)
}

// leaked says for each scenario what leaked: median/p95.
func (f figures) leaked() (all []string) {
	for _, letter := range slices.Sorted(maps.Keys(f.leaks)) {
		all = append(all, fmt.Sprintf("%s=%d/%d", letter, f.leaks[letter][0], f.leaks[letter][1]))
	}
	return all
}

// median returns the median leak of the scenario whose name begins with a letter.
func (p *play) median(letter string) int {
	for _, s := range p.scenarios() {
		if strings.HasPrefix(s, letter) {
			leaked, _, _, _ := p.of(s)
			return quantile(leaked, 0.5)
		}
	}
	return 0
}

func (p *play) scenarios() []string {
	set := map[string]bool{}
	for _, r := range p.outcomes {
		set[r.attack.Scenario] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func (p *play) of(scenario string) (leaked, seconds, mails []int, never int) {
	for _, r := range p.outcomes {
		if r.attack.Scenario != scenario {
			continue
		}
		leaked = append(leaked, r.leaked)
		mails = append(mails, r.before)
		if r.contained < 0 {
			never++
		} else {
			seconds = append(seconds, int(math.Ceil(r.contained)))
		}
	}
	return leaked, seconds, mails, never
}

func quantile(values []int, q float64) int {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(math.Ceil(q*float64(len(sorted)))), len(sorted))-1]
}

// upper95 is the upper end of the one-sided exact Poisson interval for n events.
func upper95(n int) float64 {
	low, high := float64(n), float64(n)+10+5*math.Sqrt(float64(n)+1)
	for range 60 {
		mid := (low + high) / 2
		if poissonAtMost(n, mid) > 0.05 {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

func poissonAtMost(n int, mean float64) float64 {
	sum := 0.0
	for k := 0; k <= n; k++ {
		g, _ := math.Lgamma(float64(k) + 1)
		sum += math.Exp(float64(k)*math.Log(mean) - mean - g)
	}
	return sum
}
