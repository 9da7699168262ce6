package daemon

import (
	"context"
	"sync"
	"time"
)

// injectors joins the log line that says who injected a local mail with the milter session that judges it.
type injectors struct {
	mu      sync.Mutex
	known   map[string]injector      // by queue ID, not asked for yet
	older   map[string]injector      // the same, noted before known was full
	waiting map[string]chan struct{} // by queue ID; closed when the line comes
	missed  map[string]time.Time     // when a mail was judged without its line, by queue ID
	behind  time.Duration            // how long after the mail was judged the last such line came; zero: not yet
}

type injector struct {
	user string
	at   time.Time
}

const (
	// injectorWait is how long a local mail waits for the log to say who injected it.
	injectorWait = 2 * time.Second
	// injectorKeep is how much older than its mail a line may be: queue ids come again.
	injectorKeep = time.Minute
	maxInjectors = 10_000
)

func newInjectors() injectors {
	return injectors{known: map[string]injector{}, waiting: map[string]chan struct{}{}, missed: map[string]time.Time{}}
}

// note keeps who injected the mail with a queue id, and when.
func (i *injectors) note(queueID string, uid uint64, t time.Time) {
	who := injector{userName(uid), t}
	i.mu.Lock()
	defer i.mu.Unlock()
	if gone, late := i.missed[queueID]; late && !t.After(gone) {
		i.behind = time.Since(gone)
		delete(i.missed, queueID)
		return // a mail that has this ID next is another one
	}
	if len(i.known) >= maxInjectors {
		i.known, i.older = map[string]injector{}, i.known
	}
	i.known[queueID] = who
	if wakes := i.waiting[queueID]; wakes != nil {
		close(wakes)
		delete(i.waiting, queueID)
	}
}

// wait returns who injected a mail that came at a time; empty when the log does not say so soon.
func (i *injectors) wait(ctx context.Context, queueID string, at time.Time) string {
	ctx, cancel := context.WithTimeout(ctx, injectorWait)
	defer cancel()
	for {
		user, comes := i.take(queueID, at)
		if comes == nil {
			return user
		}
		select {
		case <-ctx.Done():
			return i.giveUp(queueID, at)
		case <-comes:
		}
	}
}

// take returns who injected a mail, or what to wait for. What the log said long before the mail was about another one.
func (i *injectors) take(queueID string, at time.Time) (user string, comes <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if user = i.pop(queueID, at); user != "" {
		return user, nil
	}
	if i.waiting[queueID] == nil {
		i.waiting[queueID] = make(chan struct{})
	}
	return "", i.waiting[queueID]
}

// giveUp looks a last time, and remembers that the line is missing.
func (i *injectors) giveUp(queueID string, at time.Time) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.waiting, queueID)
	if user := i.pop(queueID, at); user != "" {
		return user
	}
	if len(i.missed) >= maxInjectors {
		clear(i.missed)
	}
	i.missed[queueID] = time.Now()
	i.behind = 0
	return ""
}

// pop takes out what is known of a queue ID. The caller holds the mutex.
func (i *injectors) pop(queueID string, at time.Time) string {
	who, ok := i.known[queueID]
	if !ok {
		who = i.older[queueID]
	}
	delete(i.known, queueID)
	delete(i.older, queueID)
	if at.Sub(who.at) >= injectorKeep {
		return ""
	}
	return who.user
}

// late returns how late the log last was for a mail; zero: no line came at all.
func (i *injectors) late() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.behind
}
