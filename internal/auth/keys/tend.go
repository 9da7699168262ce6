package keys

import (
	"context"
	"time"
)

// Tend does one round: it asks the name servers about the keys that are due, or about all of some domains, and takes the steps that
// follow. It returns what was seen and what was done. A call while nothing is due asks nobody and writes nothing. One that cannot write
// asks nobody either: it would not remember that it did, and ask again and again.
func (d Dir) Tend(ctx context.Context, a *Asker, now time.Time, domains ...string) (Seen, []Step, error) {
	ring, _, err := d.Load()
	if err != nil {
		return nil, nil, err
	}
	due := ring.Due(now)
	if len(domains) > 0 {
		due = nil
		for _, domain := range domains {
			due = append(due, ring.Of(domain)...)
		}
	}
	if len(due) == 0 {
		return nil, nil, nil
	}
	if err := d.Change(func(r Ring) (Ring, error) { return r, nil }); err != nil {
		return nil, nil, err
	}
	seen := a.Look(ctx, now, due)
	if err := ctx.Err(); err != nil { // servers that were not asked long enough were not silent
		return nil, nil, err
	}
	var steps []Step
	err = d.Change(func(r Ring) (Ring, error) {
		r = r.LookedAt(seen)
		steps = r.Next(now, seen)
		return r.Take(steps...), nil
	})
	return seen, steps, err
}
