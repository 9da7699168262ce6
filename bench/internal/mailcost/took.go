package mailcost

import (
	"slices"
	"strings"
	"time"

	"postward/test/rig"
)

// Took is the time of a mail transaction, from MAIL to the last reply, without the session around it.
func Took(steps []rig.Step) (sum time.Duration) {
	begun := false
	for _, s := range steps {
		begun = begun || strings.HasPrefix(s.Command, "MAIL")
		if begun {
			sum += s.Took
		}
	}
	return sum
}

// Quantile q of durations, in milliseconds.
func Quantile(all []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1000
}

// Median of what f says of each run.
func Median[Run any](runs []Run, f func(Run) float64) float64 {
	var all []float64
	for _, r := range runs {
		all = append(all, f(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
