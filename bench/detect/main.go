// Command detect measures the guard on a sending trace, in process and with the trace's clock. It plays the
// ordinary mail into one State; at each compromise it plays the attacker's submissions into a copy of that State.
// It prints what leaked, who was disturbed, and as its last line all of it for machines.
//
// Of several traces each is played by itself, and the last line is the worst of each figure: numbers that are only right for one site
// are wrong.
//
// What it assumes: the first days are history that the server learned before it enforced anything. An account is
// on the list a day before its first mail; one that the ordinary mail never shows has been there for 60 days.
// A false episode is released by the administrator one hour later.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postward/internal/guard"
)

func main() {
	var o options
	traces := flag.String("trace", "", "directories with legit.jsonl.gz and attacks.jsonl.gz, with blanks between them")
	flag.IntVar(&o.warm, "warm", 30, "days at the beginning that are only learned from")
	flag.BoolVar(&o.verbose, "v", false, "print every false episode and every attack")
	study := flag.Bool("study", false, "also move the thresholds, and take each lock away")
	flag.Parse()
	if err := run(o, strings.Fields(*traces), *study); err != nil {
		fmt.Fprintln(os.Stderr, "detect:", err)
		os.Exit(2)
	}
}

// options is how a trace is played.
type options struct {
	dir     string
	warm    int // days
	verbose bool
	policy  *guard.Policy   // its numbers
	off     []guard.Subject // locks that are taken away
}

// configured puts into the policy what the operator of the trace's site configured, if the trace says it.
func (o *options) configured() error {
	text, err := os.ReadFile(filepath.Join(o.dir, "site.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what the site configured: %w", err)
	}
	var site struct {
		Webmail []netip.Addr `json:"webmail"`
		Domains []string     `json:"domains"` // a recipient there is a colleague
	}
	if err := json.Unmarshal(text, &site); err != nil {
		return fmt.Errorf("read what the site configured: %s: %w", filepath.Join(o.dir, "site.json"), err)
	}
	for _, a := range site.Webmail {
		o.policy.Webmail = append(o.policy.Webmail, netip.PrefixFrom(a, a.BitLen()))
	}
	o.policy.Domains = site.Domains
	return nil
}

func run(o options, traces []string, study bool) error {
	if len(traces) == 0 {
		return errors.New("name a trace directory, or several: make bench-detect TRACE=dir")
	}
	var worst figures
	for i, dir := range traces {
		if len(traces) > 1 {
			fmt.Printf("== %s\n", dir)
		}
		p, err := o.site(dir, study)
		if err != nil {
			return err
		}
		if i == 0 {
			worst = p.figures()
		} else {
			worst = worst.worst(p.figures())
		}
	}
	if len(traces) > 1 {
		fmt.Printf("worst: %s\n", worst)
	}
	if worst.lost > 0 {
		return fmt.Errorf("%d mails were accepted and are nowhere", worst.lost)
	}
	return nil
}

// site plays one trace, and reports.
func (o options) site(dir string, study bool) (*play, error) {
	o.dir, o.policy = dir, guard.DefaultPolicy()
	if err := o.configured(); err != nil {
		return nil, err
	}
	if study {
		if err := o.study(os.Stdout); err != nil {
			return nil, err
		}
	}
	p, err := o.measure()
	if err != nil {
		return nil, err
	}
	p.report(os.Stdout)
	return p, nil
}

// measure plays the whole trace.
func (o options) measure() (*play, error) {
	attacks, err := loadAttacks(o.dir)
	if err != nil {
		return nil, err
	}
	p := newPlay(o, attacks)
	p.site.apply(guard.Event{Kind: guard.KindPolicy, At: begin, Policy: o.with(guard.Shadow)})
	started := time.Now()
	if err := read(o.dir, "legit.jsonl.gz", p.ordinary); err != nil {
		return nil, err
	}
	p.settle()
	p.took = time.Since(started)
	return p, nil
}

// with returns the policy with every lock in a mode, but those that are taken away.
func (o options) with(m guard.Mode) *guard.Policy {
	p := *o.policy
	p.Modes = map[guard.Subject]guard.Mode{}
	for _, s := range guard.Subjects {
		p.Modes[s] = m
	}
	for _, s := range o.off {
		p.Modes[s] = guard.Shadow
	}
	p.Domains = append([]string{domain}, p.Domains...)
	return &p
}
