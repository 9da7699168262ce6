package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

func (p *play) report(w io.Writer, took time.Duration) {
	days := len(p.days)
	per := func(n int) float64 { return 1000 * float64(n) / float64(max(days, 1)) }
	const ordinary = "normal" // all but modelled bursts: newsletters, announcements, invitations, first days, applications
	fmt.Fprintf(w, "ordinary mail: %d submissions on %d active user-days, %.1f s\n", p.submitted, days, took.Seconds())
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
	fmt.Fprintf(w, "\n%-42s %4s %8s %8s %8s %12s %8s\n", "scenario", "n", "median", "p95", "most", "contained s", "mails")
	var short []string
	for _, s := range p.scenarios() {
		leaked, seconds, mails, never := p.of(s)
		name := strings.Fields(s)[0]
		short = append(short, fmt.Sprintf("%s=%d/%d", name, quantile(leaked, 0.5), quantile(leaked, 0.95)))
		contained := fmt.Sprintf("%d", quantile(seconds, 0.95))
		if never > 0 {
			contained = fmt.Sprintf("%d never", never)
		}
		fmt.Fprintf(w, "%-42s %4d %8d %8d %8d %12s %8d\n", s, len(leaked), quantile(leaked, 0.5), quantile(leaked, 0.95), quantile(leaked, 1), contained, quantile(mails, 0.95))
	}
	fmt.Fprintf(w, "\ndetect: user_days=%d episodes_per_1000=%.3f held_per_1000=%.3f contained_per_1000=%.3f cooled_per_1000=%.3f with_bursts: episodes_per_1000=%.3f held_per_1000=%.3f contained_per_1000=%.3f cooled_per_1000=%.3f %s lost=%d\n",
		days, per(p.episodes[ordinary]), per(p.held[ordinary]), per(p.contained[ordinary]), per(p.cooled[ordinary]),
		per(p.episodes.sum()), per(p.held.sum()), per(p.contained.sum()), per(p.cooled.sum()), strings.Join(short, " "), p.lost)
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
