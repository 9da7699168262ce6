package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/lists/dnsbl"
	"postward/internal/lists/standing"
	"postward/internal/run/health"
	"postward/internal/wire/dns"
)

// watchName is under which name what the lists said is stored.
const watchName = "watch"

const (
	watchEvery = 5 * time.Second // how often it is looked what is due
	watchRound = time.Minute     // the longest that a round of questions may take
)

// Subjects are what blocklists are asked about, of names in a configuration.
func Subjects(names []string) ([]dnsbl.Subject, error) {
	var all []dnsbl.Subject
	for _, name := range names {
		if a, err := netip.ParseAddr(name); err == nil {
			all = append(all, dnsbl.Address(a))
			continue
		}
		s, err := dnsbl.DomainName(name)
		if err != nil {
			return nil, fmt.Errorf("watch %q: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// lists is the watch of the blocklists, and who is asked.
type lists struct {
	set     *dnsbl.Set
	watch   *standing.Watch
	checker *dnsbl.Checker
	begun   time.Time
	resolv  time.Time // when resolv.conf was changed
}

// watchLists asks the blocklists about the server's own names until ctx ends, anew when the resolver is another one. That
// they cannot be asked is a trouble, and no reason not to guard the mail.
func (d *Daemon) watchLists(ctx context.Context) error {
	if len(d.config.Watch.Names) == 0 {
		return nil
	}
	var l *lists
	return every(ctx, watchEvery, func() error {
		if changed := changedAt(dns.ResolvConf); l == nil || !changed.Equal(l.resolv) {
			l = d.beginLists(ctx, changed)
		}
		if l != nil {
			d.askLists(ctx, l, time.Now())
		}
		return nil
	})
}

// changedAt is when a file was changed last; zero when that cannot be known.
func changedAt(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// beginLists is the watch from here on; nil when it cannot be.
func (d *Daemon) beginLists(ctx context.Context, resolv time.Time) *lists {
	err := d.writer.Flush(ctx) // what was said so far is read from the store
	var l *lists
	if err == nil {
		l, err = d.prepareLists(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			d.troubles.Set("lists", fmt.Sprintf("blocklists are not asked (%v): mend that; what is in postward.toml wants systemctl reload postward", err), time.Now())
		}
		return nil
	}
	d.troubles.Set("lists", "", time.Now())
	l.resolv = resolv
	return l
}

// prepareLists finds whom to ask.
func (d *Daemon) prepareLists(ctx context.Context) (*lists, error) {
	set, checker, err := d.openLists()
	if err != nil {
		return nil, err
	}
	return d.newLists(ctx, set, checker)
}

// newLists takes up the watch where it ended.
func (d *Daemon) newLists(ctx context.Context, set *dnsbl.Set, checker *dnsbl.Checker) (*lists, error) {
	subjects, err := Subjects(d.config.Watch.Names)
	if err != nil {
		return nil, err
	}
	l := &lists{set: set, checker: checker, begun: time.Now()}
	l.watch = standing.New(set.All(), subjects, func(x *dnsbl.List) bool { return l.checker.Refuses(x) == "" })
	saved, err := d.store.Cursor(ctx, watchName)
	if err != nil {
		return nil, err
	}
	if saved != "" {
		if err := l.watch.Load(saved); err != nil {
			d.log.Warn("what the blocklists said before is lost", "err", err)
		}
	}
	for _, c := range l.watch.Listed() {
		key, text := listKey(&c), listText(&c)
		switch {
		case d.troubles.Has(key): // only the resolver is another one
		case c.Alerted:
			d.troubles.Knew(key, text, len(d.notify.Channels()), time.Now())
		default:
			d.troubles.Anew(key, text, time.Now())
		}
	}
	return l, nil
}

// askLists asks what is due, each subject's lists at once, and tells what changed.
func (d *Daemon) askLists(ctx context.Context, l *lists, now time.Time) {
	d.mu.Lock()
	urgent := d.state.AnyOpen()
	d.mu.Unlock()
	alerted := l.noteAlerted(&d.troubles, len(d.notify.Channels()))
	bySubject := map[dnsbl.Subject][]standing.Question{}
	for _, q := range l.watch.Due(now, l.begun, urgent) {
		bySubject[q.Subject] = append(bySubject[q.Subject], q)
	}
	if len(bySubject) == 0 && !alerted {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, watchRound)
	defer cancel()
	var wait sync.WaitGroup
	var mu sync.Mutex
	for s, questions := range bySubject {
		var zones []*dnsbl.List
		for _, q := range questions {
			zones = append(zones, q.List)
		}
		wait.Go(func() {
			results := l.checker.AskAll(ctx, now, zones, s)
			if errors.Is(ctx.Err(), context.Canceled) {
				return // the daemon ends: nobody was silent
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range results {
				if c := l.watch.Take(questions[i], &results[i], now); c != nil {
					d.listChanged(c)
				}
			}
		})
	}
	wait.Wait()
	saved, err := l.watch.Save()
	if err != nil {
		d.log.Error("what the blocklists said cannot be kept", "err", err)
		return
	}
	d.writer.SetCursor(watchName, saved)
	d.openCases(l, now)
}

// noteAlerted notes which listings the owner was told of since, so that a start does not tell them again, nor forgets those that
// nobody could be told of. It reports whether there were any.
func (l *lists) noteAlerted(troubles *health.Troubles, channels int) (some bool) {
	for _, c := range l.watch.Listed() {
		if !c.Alerted && troubles.Reached(listKey(&c), channels) {
			l.watch.Alerted(&c)
			some = true
		}
	}
	return some
}

// listChanged tells the journal, status and the owner.
func (d *Daemon) listChanged(c *standing.Change) {
	e := &guard.Event{Kind: guard.KindCleared, At: now(), Text: c.Subject + " on " + c.List}
	if c.Listed {
		e.Kind = guard.KindListed
		e.Text += ": " + c.Said
		d.troubles.Anew(listKey(c), listText(c), time.Now())
	} else {
		d.troubles.SetAfter(listKey(c), "", 0, time.Now())
	}
	e.Text = e.Text[:min(len(e.Text), guard.MaxText)]
	e.Key = fmt.Sprintf("%s:%s:%s:%d", e.Kind, c.List, c.Subject, e.At)
	if _, err := d.record(e); err != nil {
		d.log.Error("a listing cannot be written to the journal", "list", c.List, "subject", c.Subject, "err", err)
	}
}

func listKey(c *standing.Change) string { return "listed " + c.List + " " + c.Subject }

func listText(c *standing.Change) string {
	return fmt.Sprintf("%s is listed by %s since %s (%s): postward lists show %s", c.Subject, c.Title, c.Since.UTC().Format("2006-01-02 15:04 UTC"), c.Said, c.List)
}
