// Command ban measures how soon whoever guesses is kept out: from the write of a log's line to the address in the kernel's set, by
// `nft monitor`, of postward as shipped and of fail2ban with its stock jails, which read the same log in the same network namespace. Then
// how long many bans take, and what those that stand cost.
//
// Each address fails six times at a name that nobody has: with the sixth postward bans it, and fail2ban's maxretry is set to that.
// The two have a table each, so neither is in the other's way; only the two cores are shared. The clock is this program's: it writes the
// line, and reads what the monitor writes. A subscription to nf_tables' own messages is a second witness.
//
//	ban -postward build/postward
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postward/test/rig"
)

// Goals.
const (
	goalMedian = 5 * time.Millisecond
	goalP99    = 20 * time.Millisecond
	goalMany   = time.Second // ten thousand
	goalStand  = 40.0        // MiB, a hundred thousand
)

func main() {
	o := options{}
	flag.StringVar(&o.binary, "postward", "", "the binary to measure; built if empty")
	flag.IntVar(&o.bans, "bans", 200, "addresses whose bans are timed one by one")
	flag.IntVar(&o.many, "many", 10_000, "addresses that are banned at once")
	flag.IntVar(&o.stand, "stand", 100_000, "bans that stand while memory is measured; 0: it is not")
	flag.BoolVar(&o.alone, "alone", false, "without fail2ban")
	flag.Parse()
	inside, code, err := rig.Enter(rig.Room{Needs: []string{"postfix", "nft", "stdbuf", "fail2ban-server"}})
	if err == nil && inside {
		code, err = 0, measure(o)
	}
	var missed missedGoals
	switch {
	case errors.As(err, &missed):
		fmt.Fprintln(os.Stderr, "ban:", err)
		code = 1
	case err != nil:
		fmt.Fprintln(os.Stderr, "ban:", err)
		code = 2
	}
	os.Exit(code)
}

type options struct {
	binary            string
	bans, many, stand int
	alone             bool
}

// missedGoals says which.
type missedGoals []string

func (m missedGoals) Error() string { return fmt.Sprintf("missed: %q", []string(m)) }

// judge prints a figure beside its goal, and keeps what is missed.
func (m *missedGoals) judge(what string, got, goal float64, unit string) {
	fmt.Printf("%-46s %10.2f %s (goal %g)\n", what, got, unit, goal)
	if got > goal {
		*m = append(*m, what)
	}
}

func measure(o options) (err error) {
	var parts rig.Processes
	defer func() { err = errors.Join(err, parts.Close()) }()
	if o.binary == "" {
		if o.binary, err = rig.Build(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	s, err := lay(&parts, o.binary)
	if err != nil {
		return err
	}
	var missed missedGoals
	ours, theirs, err := s.reactions(ctx, o)
	if err != nil {
		return err
	}
	missed.judge("from the line to the set, median", ms(quantile(ours, 0.5)), ms(goalMedian), "ms")
	missed.judge("from the line to the set, 99 of 100", ms(quantile(ours, 0.99)), ms(goalP99), "ms")
	if err := s.manyAtOnce(ctx, o.many, &missed); err != nil {
		return err
	}
	if err := s.standing(ctx, o.stand, &missed); err != nil {
		return err
	}
	share := "none"
	if len(theirs) > 0 {
		share = fmt.Sprintf("%.4f", float64(quantile(ours, 0.5))/float64(quantile(theirs, 0.5)))
	}
	fmt.Printf("ban: median_ms=%.2f p99_ms=%.2f of_fail2ban=%s\n", ms(quantile(ours, 0.5)), ms(quantile(ours, 0.99)), share)
	if len(missed) > 0 {
		return missed
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile of times, of which there is one at least.
func quantile(all []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// setting is a postward that follows a log, and whose bans two witnesses see.
type setting struct {
	ward    *rig.Postward
	log     *os.File
	monitor *monitor
	events  *events
	pid     int // of the smtpd that the next session is of
}

func lay(parts *rig.Processes, binary string) (*setting, error) {
	dir, err := rig.NewDir("ban")
	if err != nil {
		return nil, err
	}
	s := &setting{pid: 1000}
	if s.log, err = os.OpenFile(filepath.Join(dir, "mail.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return nil, err
	}
	p, err := rig.NewPostfix(rig.PostfixConfig{Sink: "127.0.0.1:1"}) // it is asked for its settings, and does not run
	if err != nil {
		return nil, err
	}
	parts.Add(p.Close)
	s.ward, err = rig.NewPostward(p, rig.PostwardConfig{Binary: binary, Mode: "enforce", Log: s.log.Name(), Settings: "[domains]\nlocal = [\"example.org\"]\n"})
	if err != nil {
		return nil, err
	}
	parts.Add(s.ward.Stop)
	if s.events, err = subscribe(); err != nil {
		return nil, err
	}
	return s, s.ward.Start()
}
