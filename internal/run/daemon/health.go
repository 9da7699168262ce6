package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"postward/internal/guard"
	"postward/internal/run/health"
	"postward/internal/run/notify"
	"postward/internal/run/store"
)

const (
	healthEvery = 2 * time.Second
	retellEvery = 30 * time.Second // a channel that took nothing is asked again
)

// watchHealth looks at the store and the log, and tells the owner what lasts, until ctx ends. A store that is lost for
// good ends the daemon: the next one begins with what this one knows.
func (d *Daemon) watchHealth(ctx context.Context) error {
	every := time.NewTicker(healthEvery)
	defer every.Stop()
	failed := map[string]time.Time{}
	for {
		d.checkHealth(time.Now())
		if err := d.rescue(); err != nil {
			return err
		}
		for key, x := range d.troubles.Due(len(d.notify.Channels()), time.Now()) {
			if time.Since(failed[key]) < retellEvery {
				continue
			}
			results := d.notify.Send(ctx, troubleAlert(d.config.Node, &x, time.Now()), x.Skip()...)
			took := notify.Took(results)
			d.troubles.Took(key, x, took)
			delete(failed, key)
			if len(took) < len(results) {
				failed[key] = time.Now()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

func troubleAlert(node string, x *health.Trouble, now time.Time) notify.Alert {
	a := notify.Alert{Stage: "trouble", Node: node, At: now, Title: node + ": postward needs you", Text: x.Text, Next: []string{"postward status"}}
	if x.Over {
		a.Title, a.Text = node+": postward is well again", fmt.Sprintf("Over after %s: %s", now.Sub(x.Since).Round(time.Second), x.Text)
	}
	return a
}

// checkHealth has health judge the store, the log and postward itself.
func (d *Daemon) checkHealth(now time.Time) {
	d.mu.Lock()
	deaf := d.deaf
	d.mu.Unlock()
	d.troubles.Journal(d.store.Healthy(), now)
	d.troubles.Log(deaf, &d.mailLog, now)
	d.troubles.Nameless(&d.nameless, d.injectors.late(), now)
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
	path := filepath.Join(d.config.StateDir, storeFile)
	if failed := store.LastBackup(path, rows); failed != nil {
		d.log.Error("the store is lost, and what it held cannot be saved yet", "err", failed)
		return nil
	}
	return fmt.Errorf("%w; what it held is saved, and postward begins anew with it", err)
}
