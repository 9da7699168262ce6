package daemon

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"postward/internal/guard"
	"postward/internal/host/warden"
)

const (
	pruneLook  = time.Hour
	pruneEvery = 24 * time.Hour
)

// prunedName is under which name is stored up to when the journal was pruned.
const prunedName = "pruned"

// pruning takes out of the journal what is older than it is kept: as old as the clock says, if it is not one that is ahead.
type pruning struct {
	cutoff warden.Cutoff
	next   time.Duration // since the start, before which there is no other walk over the journal
}

// pruneOften prunes the journal, a walk over all of it once a day, until ctx ends.
func (d *Daemon) pruneOften(ctx context.Context) error {
	p, err := d.pruning(ctx)
	if err != nil {
		return err
	}
	return every(ctx, pruneLook, func() error {
		n, err := d.prune(ctx, p, time.Now(), time.Since(d.begun))
		if err != nil && !errors.Is(err, context.Canceled) {
			d.log.Error("journal not pruned", "err", err)
		} else if n > 0 {
			d.log.Info("journal pruned", "events", n)
		}
		return nil
	})
}

// pruning begins where the last one ended, or with what the clock showed before this start.
func (d *Daemon) pruning(ctx context.Context) (*pruning, error) {
	p := &pruning{cutoff: warden.Cutoff{Keep: time.Duration(d.config.Retention.JournalDays) * 24 * time.Hour}}
	text, err := d.store.Cursor(ctx, prunedName)
	if err != nil {
		return nil, err
	}
	if text == "" && d.seen != 0 {
		p.cutoff.Until = d.seen.Time().Add(-p.cutoff.Keep)
	}
	if text == "" {
		return p, nil
	}
	until, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read up to when the journal was pruned: %w", err)
	}
	p.cutoff.Until = guard.Time(until).Time()
	return p, nil
}

// prune prunes once, if there is something to prune.
func (d *Daemon) prune(ctx context.Context, p *pruning, wall time.Time, elapsed time.Duration) (int64, error) {
	if !p.cutoff.Move(wall, elapsed) {
		return 0, nil
	}
	until := guard.TimeOf(p.cutoff.Until)
	d.writer.SetCursor(prunedName, strconv.FormatInt(int64(until), 10))
	if elapsed < p.next {
		return 0, nil
	}
	p.next = elapsed + pruneEvery
	return d.store.Prune(ctx, until)
}
