package follow

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watch waits for a reason to look. It watches the directory: a watched file's watch dies with its name.
type watch struct {
	dir, base string
	poll      *time.Ticker
	notify    *fsnotify.Watcher // nil when inotify cannot be had: then the poll does alone
}

func newWatch(log string, poll time.Duration) *watch {
	w := &watch{dir: filepath.Dir(log), base: filepath.Base(log), poll: time.NewTicker(poll)}
	if notify, err := fsnotify.NewWatcher(); err == nil {
		w.notify = notify
		w.add()
	}
	return w
}

// add is repeated with every poll: the directory may come late, or be made anew. Failing costs only time.
func (w *watch) add() {
	if w.notify != nil {
		_ = w.notify.Add(w.dir)
	}
}

func (w *watch) close() {
	w.poll.Stop()
	if w.notify != nil {
		_ = w.notify.Close()
	}
}

// wait returns when something may have happened to the log, and with an error when ctx is done.
func (w *watch) wait(ctx context.Context) error {
	var events chan fsnotify.Event
	var errors chan error
	if w.notify != nil {
		events, errors = w.notify.Events, w.notify.Errors
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.poll.C:
			w.add()
			return nil
		case <-errors: // the kernel's queue ran over: something happened
			return nil
		case event := <-events:
			if w.ours(event) {
				w.drain(events)
				return nil
			}
		}
	}
}

// drain forgets what is already waiting: one look sees all of it.
func (w *watch) drain(events chan fsnotify.Event) {
	for {
		select {
		case <-events:
		default:
			return
		}
	}
}

// ours leaves out the directory's other files.
func (w *watch) ours(event fsnotify.Event) bool {
	stem := strings.TrimSuffix(w.base, filepath.Ext(w.base))
	return strings.HasPrefix(filepath.Base(event.Name), stem)
}
