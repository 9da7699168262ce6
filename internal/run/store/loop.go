package store

import (
	"fmt"
	"slices"
	"time"
)

// run is the one goroutine that writes. It ends after close, and after one more try at what is queued.
func (w *Writer) run() {
	defer close(w.stopped)
	tick := time.NewTimer(toTick())
	defer tick.Stop()
	for {
		due := 0
		select {
		case <-w.wake:
		case <-tick.C:
			due = w.tick()
			tick.Reset(toTick())
		}
		if w.ending() {
			w.drain(len(w.queue)) // nothing is added any more
			return
		}
		w.drain(due)
	}
}

// toTick is how long it is to the next full tick of the clock, when others wake up too.
func toTick() time.Duration { return tickEvery - time.Duration(time.Now().UnixNano())%tickEvery }

func (w *Writer) ending() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// tick returns how many groups are due though nobody waits.
func (w *Writer) tick() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return 0
	}
	g := w.queue[0]
	g.ticks++
	if idle := len(g.events) == 0 && g.checkpoint == nil && len(g.bans) == 0; idle && g.ticks < idleTicks && w.trouble == nil {
		return 0
	}
	return len(w.queue)
}

// drain writes the first due groups, and then those that somebody waits for.
func (w *Writer) drain(due int) {
	for g := w.take(due > 0); g != nil; g = w.take(due > 0) {
		err := w.commit(g)
		w.finish(g, err)
		if err != nil {
			return
		}
		due--
	}
}

// take seals the first group and returns it, if it is to be written now.
func (w *Writer) take(due bool) *group {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return nil
	}
	g := w.queue[0]
	hurried := w.trouble == nil && (g.wanted || g.sealed)
	if !due && !hurried {
		return nil
	}
	g.sealed, w.writing = true, g
	return g
}

// finish tells those who wait. After a failure that is everybody: what comes behind cannot be written either.
func (w *Writer) finish(g *group, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = nil
	if err != nil {
		w.trouble = fmt.Errorf("%w: %w", ErrUnavailable, err)
		for _, g := range w.queue {
			g.sealed = true
			g.end(w.trouble)
		}
		return
	}
	w.trouble = nil
	w.events, w.bytes = w.events-len(g.events), w.bytes-g.bytes
	w.queue = slices.Delete(w.queue, 0, 1)
	g.end(nil)
}

// end answers the tickets of g, once.
func (g *group) end(err error) {
	if g.ended {
		return
	}
	g.ended, g.err = true, err
	close(g.done)
}

func (w *Writer) healthy() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble
}

// close writes what is queued, tries no longer than once, and joins the goroutine.
func (w *Writer) close() error {
	w.mu.Lock()
	w.closed = true
	w.hurry()
	w.mu.Unlock()
	<-w.stopped
	if len(w.queue) > 0 {
		return fmt.Errorf("%d events were not written: %w", w.events, w.trouble)
	}
	return nil
}
