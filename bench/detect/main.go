// Command detect measures the guard on a sending trace, in process and with the trace's clock. It plays the
// ordinary mail into one State; at each compromise it plays the attacker's submissions into a copy of that State.
// It prints what leaked, who was disturbed, and as its last line all of it for machines.
//
// What it assumes: the first days are history that the server learned before it enforced anything. An account is
// on the list a day before its first mail; one that the ordinary mail never shows has been there for 60 days.
// A false episode is released by the administrator one hour later.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"postward/internal/guard"
)

func main() {
	dir := flag.String("trace", "", "directory with legit.jsonl.gz and attacks.jsonl.gz")
	warm := flag.Int("warm", 30, "days at the beginning that are only learned from")
	verbose := flag.Bool("v", false, "print every false episode and every attack")
	flag.Parse()
	if *dir == "" {
		fmt.Fprintln(os.Stderr, "detect: name a trace directory: make bench-detect TRACE=dir")
		os.Exit(2)
	}
	if err := measure(*dir, *warm, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "detect:", err)
		os.Exit(2)
	}
}

func measure(dir string, warm int, verbose bool) error {
	attacks, err := loadAttacks(dir)
	if err != nil {
		return err
	}
	p := &play{site: newSite(), attacks: attacks, warm: at(float64(warm * 86400)), verbose: verbose, days: map[string]bool{}, listed: map[string]bool{}, cooled: tally{}, held: tally{}, refused: tally{}, episodes: tally{}, contained: tally{}}
	p.site.apply(guard.Event{Kind: guard.KindPolicy, At: begin, Policy: policy(guard.Shadow)})
	started := time.Now()
	if err := read(dir, "legit.jsonl.gz", p.ordinary); err != nil {
		return err
	}
	p.report(os.Stdout, time.Since(started))
	return nil
}

func policy(m guard.Mode) *guard.Policy {
	p := guard.DefaultPolicy()
	for _, s := range guard.Subjects {
		p.Modes[s] = m
	}
	p.Domains = []string{domain}
	return p
}
