package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postward/internal/guard"
	"postward/internal/run/store"
)

const healthEvery = 2 * time.Second

// watchHealth looks at the store and the log until ctx ends. A store that is lost for good ends the daemon: the next one
// begins with what this one knows. Nothing here may wait for anybody.
func (d *Daemon) watchHealth(ctx context.Context) error {
	return every(ctx, healthEvery, func() error {
		d.checkHealth(time.Now())
		return d.rescue()
	})
}

// checkHealth has health judge the store, the log and postward itself.
func (d *Daemon) checkHealth(now time.Time) {
	d.mu.Lock()
	logErr := d.logErr
	d.mu.Unlock()
	d.troubles.Journal(d.store.Healthy(), now)
	d.troubles.Log(logErr, &d.mailLog, now)
	d.troubles.Nameless(&d.nameless, d.injectors.late(), now)
	d.troubles.Vanished(&d.vanished, now)
	for _, m := range d.servers {
		d.troubles.Panics(m.Direction, m.Panics(), now)
	}
}

// rescue saves what this daemon knows when its store is lost for good: deleted, or damaged.
func (d *Daemon) rescue() error {
	err := d.store.Healthy()
	if !errors.Is(err, store.ErrGone) && !errors.Is(err, store.ErrCorrupt) {
		return nil
	}
	d.mu.Lock()
	for _, e := range d.owed {
		guard.Apply(d.state, e)
	}
	rows := d.state.All()
	d.mu.Unlock()
	if failed := d.store.LastBackup(rows); failed != nil {
		d.log.Error("the store is lost, and what it held cannot be saved yet", "err", failed)
		return nil
	}
	return fmt.Errorf("%w; what it held is saved, and postward begins anew with it", err)
}
