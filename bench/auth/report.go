package main

import (
	"fmt"
	"math"

	"postward/bench/internal/mailcost"
)

func rate(r run) float64  { return r.perSecond }
func spent(r run) float64 { return r.cpu }

// way of a name; nil: it is not there.
func (b *bench) way(name string) *way {
	for _, w := range b.ways {
		if w.name == name {
			return w
		}
	}
	return nil
}

// report prints what was measured, and returns the goals that were missed.
func (b *bench) report() []string {
	b.rates()
	b.latencies()
	fmt.Println()
	for _, w := range b.ways {
		w.work()
	}
	for _, why := range b.lacks {
		fmt.Println(why)
	}
	fmt.Printf("one mail in %d from outside is the first of its domain; what the resolver was asked before in a run it answers at once\n", every)
	f := b.figures()
	fmt.Printf("auth: of_nothing=%.2f of_set=%.2f cpu_of_set=%.2f pss_MiB=%.1f p95_in_ms=%.1f p95_out_ms=%.1f\n",
		f.ofNothing, f.ofSet, f.cpuOfSet, f.pss, f.p95In, f.p95Out)
	return f.missed()
}

func (b *bench) rates() {
	fmt.Printf("%-26s %-9s %9s %11s %11s %14s %14s\n", "mail", "", "mails/s", "of nothing", "of the set", "CPU s/1000", "above nothing")
	nobody, peers := b.way(nothing), b.way(set)
	for _, l := range loads() {
		for _, w := range b.ways {
			r, base := w.runs[l], nobody.runs[l]
			ofSet := "-"
			if peers != nil {
				ofSet = fmt.Sprintf("%.2f", mailcost.Median(r, rate)/mailcost.Median(peers.runs[l], rate))
			}
			fmt.Printf("%-26s %-9s %9.0f %11.2f %11s %14.2f %14.2f\n", l, w.name, mailcost.Median(r, rate), mailcost.Median(r, rate)/mailcost.Median(base, rate), ofSet,
				mailcost.Median(r, spent), mailcost.Median(r, spent)-mailcost.Median(base, spent))
		}
	}
}

func (l load) String() string {
	return fmt.Sprintf("%-3s %6d B, DNS %s", l.direction, l.octets, l.dns)
}

func (b *bench) latencies() {
	fmt.Printf("\n%-26s %-9s %8s %8s %8s   %s\n", "one by one, ms", "", "p50", "p95", "p99", "added: p50      p95      p99")
	quantiles := []float64{0.5, 0.95, 0.99}
	for _, l := range singles() {
		for _, w := range b.ways {
			fmt.Printf("%-26s %-9s", l, w.name)
			for _, q := range quantiles {
				fmt.Printf(" %8.1f", mailcost.Quantile(w.took[l], q))
			}
			fmt.Print("  ")
			for _, q := range quantiles {
				fmt.Printf(" %8.1f", b.added(w, l, q))
			}
			fmt.Println()
		}
	}
}

// added is a quantile of what a mail takes, less the same one of who does nothing.
func (b *bench) added(w *way, l load, q float64) float64 {
	return mailcost.Quantile(w.took[l], q) - mailcost.Quantile(b.way(nothing).took[l], q)
}

// work is what a way did, and what it used.
func (w *way) work() {
	fmt.Printf("%-9s peak PSS %6.1f MiB; of %d mails from outside %d have what it should find; of %d of ours %d have %d signatures; %.1f questions a mail from outside, %.0f %% of them new to the resolver\n",
		w.name, w.peak, w.seen.from, w.seen.proved, w.seen.sent, w.seen.signed, w.seen.signatures,
		float64(w.asked)/float64(max(1, w.seen.from)), 100*float64(w.new)/float64(max(1, w.asked)))
	if w.seen.lacking != "" {
		fmt.Printf("%-9s did not do all of its work; the first time: %s\n", w.name, w.seen.lacking)
	}
}

// figures are those of the last line. Where there is no set, what is compared with it is NaN.
type figures struct {
	ofNothing float64 // throughput at 2 kB, of who does nothing: the worse of both directions
	ofSet     float64 // and of the set's, from outside: on submission only opendkim stands there
	cpuOfSet  float64 // all CPU of the room, from outside, at 2 kB
	pss       float64
	pssSet    float64
	p95In     float64 // added, each answer of the DNS taking 50 ms where no cache has it
	p95Out    float64
	lacking   string // what postward did not do
}

func (b *bench) figures() figures {
	ward, nobody, peers := b.way(postward), b.way(nothing), b.way(set)
	of := func(other *way, direction string, what func(run) float64) float64 {
		if other == nil {
			return math.NaN()
		}
		l := load{direction, small, 0}
		return mailcost.Median(ward.runs[l], what) / mailcost.Median(other.runs[l], what)
	}
	f := figures{
		ofNothing: min(of(nobody, in, rate), of(nobody, out, rate)), ofSet: of(peers, in, rate), cpuOfSet: of(peers, in, spent), pss: ward.peak,
		p95In: b.added(ward, load{in, small, slow}, 0.95), p95Out: b.added(ward, load{out, small, slow}, 0.95), lacking: ward.seen.lacking, pssSet: math.NaN(),
	}
	if peers != nil {
		f.pssSet = peers.peak
	}
	return f
}

// missed are the goals of the project that were missed. What could not be compared is missed.
func (f figures) missed() (all []string) {
	for _, goal := range []struct {
		held bool
		text string
	}{
		{f.ofNothing >= 0.8, fmt.Sprintf("0.8 of the throughput of a milter that does nothing: it is %.2f", f.ofNothing)},
		{f.ofSet >= 1.5, fmt.Sprintf("1.5 times the throughput of the set: it is %.2f", f.ofSet)},
		{f.cpuOfSet <= 0.5, fmt.Sprintf("half of the set's CPU: it is %.2f", f.cpuOfSet)},
		{f.pss <= f.pssSet/5, fmt.Sprintf("a fifth of the set's memory, %.1f MiB: it is %.1f MiB", f.pssSet/5, f.pss)},
		{f.p95In <= 120, fmt.Sprintf("120 ms added to 95 of 100 mails from outside: it is %.1f ms", f.p95In)},
		{f.p95Out <= 5, fmt.Sprintf("5 ms added to 95 of 100 mails on submission: it is %.1f ms", f.p95Out)},
		{f.lacking == "", "every mail proved, and signed by both keys: " + f.lacking},
	} {
		if !goal.held {
			all = append(all, goal.text)
		}
	}
	return all
}
