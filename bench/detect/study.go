package main

import (
	"fmt"
	"io"
	"strings"

	"postward/internal/guard"
)

// study plays the trace again and again: with the score's threshold moved, and with each lock taken away.
func (o options) study(w io.Writer) error {
	fmt.Fprintf(w, "score.hold moved: false holds against leak (medians of the slow and quiet attacks)\n")
	fmt.Fprintf(w, "%6s %12s %12s %5s %5s %5s %5s\n", "hold", "episodes", "with bursts", "D", "E", "H", "K")
	for hold := 4 * guard.Point; hold <= 12*guard.Point; hold += guard.Point {
		moved := o
		policy := *o.policy
		policy.Score.Hold = hold
		moved.policy = &policy
		if err := moved.row(w, hold.String()); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\neach lock taken away (it judges, and is not obeyed)\n")
	fmt.Fprintf(w, "%12s %12s %12s  %s\n", "without", "episodes", "with bursts", "leaked: median/p95")
	for _, off := range []guard.Subject{"", guard.Budgets, guard.Cooling, guard.Score, guard.Containment} {
		without := o
		if off != "" {
			without.off = []guard.Subject{off}
		}
		p, err := without.measure()
		if err != nil {
			return err
		}
		name := string(off)
		if name == "" {
			name = "none"
		}
		fmt.Fprintf(w, "%12s %12.3f %12.3f  %s\n", name, p.per(p.episodes[ordinary]), p.per(p.episodes.sum()), strings.Join(p.figures().leaked(), " "))
	}
	fmt.Fprintln(w)
	return nil
}

// row prints one threshold, its numbers and a bar of its false holds.
func (o options) row(w io.Writer, name string) error {
	p, err := o.measure()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%6s %12.3f %12.3f", name, p.per(p.episodes[ordinary]), p.per(p.episodes.sum()))
	for _, letter := range []string{"D", "E", "H", "K"} {
		fmt.Fprintf(w, " %5d", p.median(letter))
	}
	fmt.Fprintf(w, "  %s\n", strings.Repeat("#", min(int(p.per(p.episodes.sum())*10), 70)))
	return nil
}
