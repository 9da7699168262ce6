package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postward/internal/guard"
)

// disk stands in for the transaction alone: the loop is tested by its clock, the SQL in the suite.
type disk struct {
	mu     sync.Mutex
	groups [][]string // keys, or names of cursors
	err    error
	tries  int
}

func (d *disk) commit(g *group) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if d.err != nil {
		return d.err
	}
	var what []string
	for _, e := range g.events {
		what = append(what, e.key)
	}
	for name := range g.cursors {
		what = append(what, name)
	}
	d.groups = append(d.groups, what)
	return nil
}

// fail makes every commit fail with err; nil: succeed again.
func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *disk) written() [][]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.groups)
}

// inBubble runs a test under a clock of its own; wait returns when every goroutine waits for it.
func inBubble(t *testing.T, test func(t *testing.T, d *disk, w *Writer)) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		w := newWriter(0, d.commit)
		test(t, d, w)
		d.fail(nil)
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
}

func add(t *testing.T, w *Writer, key string) *Ticket {
	t.Helper()
	ticket, err := w.Append(&guard.Event{Key: key, Kind: guard.KindLeft})
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// pass lets the bubble's clock go on.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestWhatNobodyWaitsForIsWrittenWithinASecond(t *testing.T) {
	inBubble(t, func(t *testing.T, d *disk, w *Writer) {
		pass(tickEvery / 2)
		add(t, w, "1")
		add(t, w, "2")
		synctest.Wait()
		if len(d.written()) != 0 {
			t.Errorf("written though nobody waits: %v", d.written())
		}
		pass(tickEvery)
		if fmt.Sprint(d.written()) != "[[1 2]]" {
			t.Errorf("after a second: %v", d.written())
		}
	})
}

func TestWhoeverWaitsTakesTheOthersAlong(t *testing.T) {
	inBubble(t, func(t *testing.T, d *disk, w *Writer) {
		add(t, w, "1")
		w.SetCursor("log", "x")
		if err := add(t, w, "2").Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if fmt.Sprint(d.written()) != "[[1 2 log]]" {
			t.Errorf("written: %v", d.written())
		}
	})
}

func TestALonePositionWaitsAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, d *disk, w *Writer) {
		for range 58 {
			w.SetCursor("log", "x")
			pass(time.Second)
		}
		if len(d.written()) != 0 {
			t.Errorf("written: %v", d.written())
		}
		pass(3 * time.Second)
		if len(d.written()) != 1 {
			t.Errorf("after a minute: %v", d.written())
		}
	})
}

func TestAFailedGroupIsTriedAgainEverySecondInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, d *disk, w *Writer) {
		d.fail(errors.New("no space"))
		pass(tickEvery / 2)
		var want []string
		var tickets []*Ticket
		d.mu.Lock()                      // the first group is full long before the disk answers
		for n := range groupEvents + 5 { // two groups
			key := fmt.Sprint(n)
			tickets, want = append(tickets, add(t, w, key)), append(want, key)
		}
		w.SetCursor("log", "x")
		d.mu.Unlock()
		for n, ticket := range tickets {
			if err := ticket.Wait(t.Context()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, d.err) {
				t.Fatalf("ticket %d: %v", n, err)
			}
		}
		if _, err := w.Append(&guard.Event{Key: "x"}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Append in trouble: %v", err)
		}
		before, start := d.tries, time.Now()
		flushed := make(chan error)
		w.SetCursor("log", "y")
		go func() { flushed <- w.Flush(t.Context()) }() // somebody in a hurry does not make it more
		if err := <-flushed; !errors.Is(err, ErrUnavailable) {
			t.Errorf("Flush in trouble: %v", err)
		}
		pass(10*time.Second - time.Since(start))
		if n := d.tries - before; n != 10 {
			t.Errorf("%d tries in 10 seconds", n)
		}
		d.fail(nil)
		pass(time.Second)
		if err := w.healthy(); err != nil {
			t.Errorf("after recovery: %v", err)
		}
		if got := slices.Concat(d.written()...); !slices.Equal(got, append(want, "log", "log")) {
			t.Errorf("written: %d events", len(got))
		}
		if err := add(t, w, "after").Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if w.events != 0 || w.bytes != 0 || len(w.queue) != 0 {
			t.Errorf("the queue counts %d events, %d octets, %d groups", w.events, w.bytes, len(w.queue))
		}
	})
}

func TestTroubleEndsWithinASecondEvenWithoutEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, d *disk, w *Writer) {
		d.fail(errors.New("no space"))
		w.SetCursor("log", "x")
		if err := w.Flush(t.Context()); !errors.Is(err, ErrUnavailable) || w.healthy() == nil {
			t.Errorf("Flush: %v", err)
		}
		d.fail(nil)
		pass(time.Second)
		if err := w.healthy(); err != nil {
			t.Errorf("after a second: %v", err)
		}
	})
}

func TestWhatComesAfterRecoveryHasATicketOfItsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, d *disk, w *Writer) {
		d.fail(errors.New("no space"))
		if err := add(t, w, "1").Wait(t.Context()); err == nil {
			t.Error("written")
		}
		w.SetCursor("log", "x") // accepted in trouble, behind the failed group
		d.fail(nil)
		pass(2 * time.Second)
		if err := add(t, w, "2").Wait(t.Context()); err != nil {
			t.Errorf("ticket of a later event: %v", err)
		}
	})
}

func TestCloseSaysWhatWasNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{err: errors.New("no space")}
		w := newWriter(0, d.commit)
		ticket := add(t, w, "1")
		if err := w.close(); err == nil || err.Error() != "1 events were not written: the store is unavailable: no space" {
			t.Errorf("close: %v", err)
		}
		if err := ticket.Wait(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("ticket: %v", err)
		}
	})
}

func TestAnEventIsCopiedWhenItIsAppended(t *testing.T) {
	inBubble(t, func(t *testing.T, d *disk, w *Writer) {
		e := &guard.Event{Key: "1", Kind: guard.KindLeft}
		ticket, err := w.Append(e)
		if err != nil {
			t.Fatal(err)
		}
		e.Key = "changed"
		if err := ticket.Wait(t.Context()); err != nil || fmt.Sprint(d.written()) != "[[1]]" {
			t.Errorf("%v, %v", d.written(), err)
		}
	})
}
