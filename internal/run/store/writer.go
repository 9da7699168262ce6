package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"postward/internal/guard"
)

// Bounds of the queue, of one transaction, and of patience.
const (
	maxEvents   = 10_000
	maxBytes    = 64 << 20
	groupEvents = 1000
	groupBytes  = 4 << 20
	tickEvery   = time.Second // what nobody waits for is written then, and what failed is tried again
	idleTicks   = 60          // ticks that a log position waits for when no event goes with it
)

// Writer puts events into the journal, in the order in which they were appended. Its methods never wait for the
// disk; a Ticket does.
//
// Whoever waits is written together: while one group is being synced, the next one fills. When a group cannot be
// written, the tickets of all that is queued fail, and Append refuses from then on; but what was queued stays, and
// is tried again every second, because the caller's State has it already. So State and journal do not part while
// the process lives; if it dies, what is lost was never acknowledged.
//
// Append before Apply: an event that Append refuses must not be applied.
type Writer struct {
	commit func(*group) error // writes a group in one transaction

	mu      sync.Mutex
	queue   []*group // oldest first; only the last may be unsealed
	writing *group   // the first of queue while commit has it
	events  int      // in queue
	bytes   int      // of events in queue
	last    int64    // sequence number given out last
	lastAt  guard.Time
	trouble error // why the last try failed
	closed  bool

	wake    chan struct{} // something must be written now
	stopped chan struct{} // closed when run has returned
}

// group is what is written in one transaction.
type group struct {
	events     []row
	bytes      int
	cursors    map[string]position
	bans       map[string]string // by network; empty: it is forgotten
	checkpoint *guard.Checkpoint
	upTo       int64 // the event that checkpoint is up to

	sealed bool // takes no more
	wanted bool // somebody waits
	ended  bool
	ticks  int
	err    error         // valid when done is closed
	done   chan struct{} // closed when written, or when the first try failed
}

type position struct {
	at   guard.Time
	body string
}

// Ticket is the receipt for an event.
type Ticket struct {
	w *Writer
	g *group
}

func newWriter(last int64, commit func(*group) error) *Writer {
	w := &Writer{last: last, commit: commit, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	go w.run()
	return w
}

// Append queues an event and gives it its sequence number. It keeps no reference to e. An event whose key the
// journal has already is written nowhere, and its ticket is as good. The error is ErrUnavailable when the store is
// in trouble, the queue is full, or the store is closed.
func (w *Writer) Append(e *guard.Event) (*Ticket, error) {
	r, err := rowOf(e)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refusal(len(r.body)); err != nil {
		return nil, err
	}
	g := w.open()
	w.last++
	r.seq, w.lastAt = w.last, r.at
	g.events = append(g.events, r)
	g.bytes += len(r.body)
	w.events, w.bytes = w.events+1, w.bytes+len(r.body)
	if len(g.events) >= groupEvents || g.bytes >= groupBytes {
		g.sealed = true
		w.hurry()
	}
	return &Ticket{w, g}, nil
}

func (w *Writer) refusal(size int) error {
	switch {
	case w.closed:
		return fmt.Errorf("%w: it is closed", ErrUnavailable)
	case w.trouble != nil:
		return w.trouble
	case w.events >= maxEvents || w.bytes+size > maxBytes:
		return fmt.Errorf("%w: %d events (%d octets) wait to be written", ErrUnavailable, w.events, w.bytes)
	}
	return nil
}

// newest is the sequence number given out last.
func (w *Writer) newest() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// SetCursor notes how far a log was read, as text that only its follower understands. It is written in one
// transaction with the events appended before it, or after them; never before.
func (w *Writer) SetCursor(name, body string) { w.SetCursors(map[string]string{name: body}) }

// SetCursors is SetCursor of several, which are written in one transaction.
func (w *Writer) SetCursors(bodies map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	g := w.open()
	if g.cursors == nil {
		g.cursors = map[string]position{}
	}
	for name, body := range bodies {
		g.cursors[name] = position{w.lastAt, body}
	}
}

// SetBan notes what is known of a network that is or was banned, as text that only its owner understands; empty: nothing any more.
func (w *Writer) SetBan(network, body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	g := w.open()
	if g.bans == nil {
		g.bans = map[string]string{}
	}
	g.bans[network] = body
}

// Checkpoint queues the rows that changed up to the last event appended, and owns them from then on. It is never
// refused, since the caller's State does not name these rows again: what is still queued is merged, so that there
// are never more than two.
func (w *Writer) Checkpoint(c *guard.Checkpoint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	for _, g := range w.queue {
		if g.checkpoint != nil && g != w.writing {
			c = merge(g.checkpoint, c)
			g.checkpoint = nil
		}
	}
	g := w.open()
	g.checkpoint, g.upTo = c, w.last
}

// Flush waits until everything queued before it is written.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	if len(w.queue) == 0 {
		defer w.mu.Unlock()
		return w.trouble
	}
	t := Ticket{w, w.queue[len(w.queue)-1]}
	w.mu.Unlock()
	return t.Wait(ctx)
}

// Wait returns nil when the event is on disk, and an ErrUnavailable when the first try to write it failed: then
// it is written later or, if the process ends before, never. When ctx ends first, nothing is known.
func (t *Ticket) Wait(ctx context.Context) error {
	t.w.want(t.g)
	select {
	case <-t.g.done: // even when ctx has ended too
		return t.g.err
	default:
	}
	select {
	case <-t.g.done:
		return t.g.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the journal: %w", ctx.Err())
	}
}

func (w *Writer) want(g *group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !g.ended && !g.wanted {
		g.wanted = true
		w.hurry()
	}
}

// open returns the group that fills.
func (w *Writer) open() *group {
	if n := len(w.queue); n > 0 && !w.queue[n-1].sealed {
		return w.queue[n-1]
	}
	g := &group{done: make(chan struct{})}
	w.queue = append(w.queue, g)
	return g
}

func (w *Writer) hurry() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already
	}
}
