package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/run/notify"
	"postward/internal/run/store"
)

// troubles is what is wrong with postward itself or with its neighbours, not with an account: status shows it, and
// the owner is told once when it lasts, and once when it is over.
type troubles struct {
	mu   sync.Mutex
	open map[string]*trouble
}

type trouble struct {
	text  string // a sentence that ends with the next step
	since time.Time
	grace time.Duration // it must last so long before the owner is told
	told  []int         // channels that took the alert
	is    bool          // false: it is over, and those who were told of it must be told so
}

// lasting is how long a trouble lasts before the owner is told, if nothing else is said: a full disk may be empty a
// moment later.
const lasting = 10 * time.Second

// set notes that something is wrong, or, with an empty text, that it is not.
func (t *troubles) set(key, text string) { t.setAfter(key, text, lasting) }

func (t *troubles) setAfter(key, text string, grace time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.open[key]
	switch {
	case text == "" && x == nil:
	case text == "" && len(x.told) == 0:
		delete(t.open, key)
	case text == "":
		x.is = false
	case x == nil || !x.is:
		t.open[key] = &trouble{text: text, since: time.Now(), grace: grace, is: true}
	default:
		x.text = text
	}
}

// anew notes that something is wrong which the owner is told of even if the trouble has been open, for another reason.
func (t *troubles) anew(key, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[key] = &trouble{text: text, since: time.Now(), is: true}
}

// has reports whether something is wrong.
func (t *troubles) has(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[key] != nil && t.open[key].is
}

// reached reports whether all channels took the alert.
func (t *troubles) reached(key string, channels int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.open[key]
	return x != nil && x.is && channels > 0 && len(x.told) >= channels
}

// knew notes what all channels were told before this daemon began.
func (t *troubles) knew(key, text string, channels int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := &trouble{text: text, since: time.Now(), is: true}
	for n := range channels {
		x.told = append(x.told, n)
	}
	t.open[key] = x
}

// list returns what is wrong now, the oldest first.
func (t *troubles) list() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	texts := []string{}
	for _, x := range slices.SortedFunc(maps.Values(t.open), func(a, b *trouble) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.text, b.text))
	}) {
		if x.is {
			texts = append(texts, x.text)
		}
	}
	return texts
}

// due returns the keys of what the owner must be told of.
func (t *troubles) due(channels int) map[string]trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	due := map[string]trouble{}
	for key, x := range t.open {
		if !x.is || time.Since(x.since) >= x.grace && len(x.told) < channels {
			due[key] = *x
		}
	}
	return due
}

// took notes that a channel took an alert. What is over needs no second try.
func (t *troubles) took(key string, before trouble, results []notify.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.open[key]
	if x == nil || !x.since.Equal(before.since) { // it has begun anew
		return
	}
	if !before.is {
		if !x.is {
			delete(t.open, key)
		}
		return
	}
	for _, r := range results {
		if r.Err == nil {
			x.told = append(x.told, r.Number)
		}
	}
}

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
		d.checkHealth()
		if err := d.rescue(); err != nil {
			return err
		}
		for key, x := range d.troubles.due(len(d.notify.Channels())) {
			if time.Since(failed[key]) < retellEvery {
				continue
			}
			results := d.notify.Send(ctx, d.troubleAlert(&x), skipped(&x)...)
			d.troubles.took(key, x, results)
			delete(failed, key)
			if slices.ContainsFunc(results, func(r notify.Result) bool { return r.Err != nil }) {
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

// skipped are the channels that are not to be told: of a trouble those that know it, of its end those that do not.
// That it is over is told to all: one that missed the beginning learns it so.
func skipped(x *trouble) []int {
	if x.is {
		return x.told
	}
	return nil
}

func (d *Daemon) troubleAlert(x *trouble) notify.Alert {
	a := notify.Alert{Stage: "trouble", Node: d.config.Node, At: time.Now(), Title: d.config.Node + ": postward needs you", Text: x.text, Next: []string{"postward status"}}
	if !x.is {
		a.Title, a.Text = d.config.Node+": postward is well again", fmt.Sprintf("Over after %s: %s", time.Since(x.since).Round(time.Second), x.text)
	}
	return a
}

// checkHealth notes what is wrong with the store, the log and postward itself.
func (d *Daemon) checkHealth() {
	text := ""
	if err := d.store.Healthy(); err != nil {
		text = fmt.Sprintf("the journal cannot be written (%v): submissions get 4xx until it can; look at the disk", err)
	}
	d.troubles.set("journal", text)
	d.checkLog(time.Now())
	for _, m := range d.servers {
		if n := m.Panics(); n > 0 {
			d.troubles.set("panics "+string(m.Direction), fmt.Sprintf("%d mails of %s were put off by a bug: journalctl -u postward | grep bug", n, m.Direction))
		}
	}
}

// checkLog notes that the log cannot be read, and for a day that a part of it could not be. The owner is not called for
// what is over and cannot be mended.
func (d *Daemon) checkLog(now time.Time) {
	d.mu.Lock()
	deaf := d.deaf
	d.mu.Unlock()
	text := ""
	if deaf != nil {
		text = deaf.Error()
	}
	d.troubles.set("log", text)
	d.troubles.setAfter("missed", d.hearing.missing(now), 2*gapTold)
	d.checkNameless(now)
}

// checkNameless notes that it is not known who of this host sent mails. The owner is not called for the past either; that
// the kernel cannot be asked is not over.
func (d *Daemon) checkNameless(now time.Time) {
	local, wire, kernel := d.nameless.troubles(d.injectors.late(), now)
	d.troubles.setAfter("nameless local", local, 2*gapTold)
	d.troubles.setAfter("nameless wire", wire, 2*gapTold)
	d.troubles.set("nameless kernel", kernel)
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
