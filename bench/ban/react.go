package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postward/test/rig"
)

// patience is how long a ban is waited for.
const patience = 20 * time.Second

// reactions are the times from the line to the element, of postward and of fail2ban, address by address. The first of each kind makes
// the tables and is not counted.
func (s *setting) reactions(ctx context.Context, o options) (ours, theirs []time.Duration, err error) {
	var both rig.Processes // besides postward, and for this alone
	defer func() { err = errors.Join(err, both.Close()) }()
	if s.monitor, err = watch(&both); err != nil {
		return nil, nil, err
	}
	if !o.alone {
		if err := fail2ban(ctx, &both, s.log.Name()); err != nil {
			return nil, nil, err
		}
	}
	var all []reaction
	spent := cpu(s.ward.Pids())
	for n := range o.bans + 2 {
		r, err := s.react(ctx, n, o.alone)
		if err != nil {
			return nil, nil, fmt.Errorf("%w\n%s", err, s.ward.LogTail(10))
		}
		all = append(all, r)
	}
	all = all[2:]
	fmt.Printf("%-46s %10.2f ms (parent and child, with the lines before)\n", "postward, CPU a ban", ms(cpu(s.ward.Pids())-spent)/float64(o.bans+2))
	ours = show("postward, by nft monitor", all, func(r reaction) time.Duration { return r.ours })
	show("postward, by nf_tables' own messages", all, func(r reaction) time.Duration { return r.witness })
	if !o.alone {
		theirs = show("fail2ban, by nft monitor", all, func(r reaction) time.Duration { return r.theirs })
	}
	return ours, theirs, nil
}

// reaction is how long after its line a ban was seen in the sets.
type reaction struct{ ours, witness, theirs time.Duration }

// react has a suspect banned.
func (s *setting) react(ctx context.Context, n int, alone bool) (r reaction, err error) {
	at, err := s.crosses(n)
	if err != nil {
		return r, err
	}
	own := element{tableOurs, suspect(n)}
	if r.ours, err = s.monitor.after(ctx, own, at); err != nil {
		return r, err
	}
	if r.witness, err = s.events.after(ctx, own, at); err != nil {
		return r, err
	}
	if !alone {
		if r.theirs, err = s.monitor.after(ctx, element{tableTheirs, suspect(n)}, at); err != nil {
			return r, fmt.Errorf("fail2ban: %w", err)
		}
	}
	return r, s.leaves(n)
}

// crosses writes so many failures of a suspect as lead to a ban, and returns when the last line was about to be written.
func (s *setting) crosses(n int) (at time.Time, err error) {
	for range tries {
		if at, err = s.fails(n); err != nil {
			return at, err
		}
	}
	return at, nil
}

// after waits for an element, and returns how long after a moment it was seen.
func (s *seen) after(ctx context.Context, e element, moment time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var at time.Time
	err := s.wait(ctx, fmt.Sprintf("%s in the table %s", e.addr, e.table), func(s *seen) (is bool) { at, is = s.at[e]; return is })
	return at.Sub(moment), err
}

func show(who string, of []reaction, took func(reaction) time.Duration) (all []time.Duration) {
	for _, r := range of {
		all = append(all, took(r))
	}
	fmt.Printf("%-46s %d bans: median %.2f ms, 90 of 100 %.2f, 99 of 100 %.2f, longest %.2f\n", who, len(all), ms(quantile(all, 0.5)), ms(quantile(all, 0.9)), ms(quantile(all, 0.99)), ms(quantile(all, 1)))
	return all
}
