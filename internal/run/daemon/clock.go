package daemon

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"postward/internal/guard"
)

// clockStep is from when on a difference between the host's clock and the time that really went by counts as a step.
// What NTP corrects in small change is less.
const clockStep = time.Minute

// checkClock tells the State when the host's clock was set since it was last asked. wall and elapsed are the clock's
// time and a time that nobody sets. The caller holds the mutex.
func (d *Daemon) checkClock(wall time.Time, elapsed time.Duration) {
	before := d.clock
	d.clock = clockMark{wall.Round(0), elapsed}
	if before.wall.IsZero() {
		return
	}
	step := d.clock.wall.Sub(before.wall) - (elapsed - before.elapsed)
	if step.Abs() >= clockStep {
		d.clockSet(step, wall)
	}
}

// clockMark is a time by two clocks.
type clockMark struct {
	wall    time.Time
	elapsed time.Duration
}

// checkClockNow is checkClock by the host's clocks. The caller holds the mutex.
func (d *Daemon) checkClockNow() {
	t := time.Now()
	d.checkClock(t, t.Sub(d.begun))
}

// takeStep returns by how much the clock was set since it was last called: the gate's memory is moved by that.
func (d *Daemon) takeStep() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checkClockNow()
	step := d.stepped
	d.stepped = 0
	return step
}

func (d *Daemon) clockSet(step time.Duration, wall time.Time) {
	e := &guard.Event{Key: fmt.Sprintf("clock:%d:%d", guard.TimeOf(wall), step.Milliseconds()), Kind: guard.KindClock, At: guard.TimeOf(wall), Step: step.Milliseconds()}
	if _, err := d.recordLocked(e); err != nil { // status says so
		d.clock.wall = d.clock.wall.Add(-step) // told again with the next look
		return
	}
	d.log.Warn("the clock of this host was set: what waits and what is counted goes on by the new time", "step", step, "now", wall)
	d.stepped += step
	d.noteClock()
}

// clockName is under which name is stored what the clock showed when postward last ran.
const clockName = "clock"

// seenEvery is how often that is stored while nothing happens.
const seenEvery = 5 * time.Minute

// noteClock stores what the clock shows, with what was appended before.
func (d *Daemon) noteClock() { d.writer.SetCursor(clockName, strconv.FormatInt(int64(now()), 10)) }

// lastSeen is what the clock showed when a postward last ran: as stored, or last, when the last event of the journal or
// the backup says so, which is 0 without one. 0: nobody knows.
func (d *Daemon) lastSeen(ctx context.Context, last guard.Time) (guard.Time, error) {
	text, err := d.store.Cursor(ctx, clockName)
	if err != nil || text == "" {
		return last, err
	}
	seen, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read what the clock showed: %w", err)
	}
	return max(guard.Time(seen), last), nil
}

// clockAtStart compares the clock with what it showed when a postward last ran. It may have been set meanwhile, and be
// wrong still: what it says went by is nothing to go by.
func (d *Daemon) clockAtStart(t time.Time, seen guard.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	gap := t.Sub(max(seen, d.state.Site().Latest).Time())
	switch {
	case gap <= -clockStep:
		d.clockSet(gap, t)
	case gap >= clockStep && seen != 0:
		d.beganAgain(gap, t)
	}
	d.checkClock(t, time.Since(d.begun))
}

func (d *Daemon) beganAgain(gap time.Duration, t time.Time) {
	e := &guard.Event{Key: fmt.Sprintf("began:%d", guard.TimeOf(t)), Kind: guard.KindBegan, At: guard.TimeOf(t), Step: gap.Milliseconds()}
	if _, err := d.recordLocked(e); err != nil {
		d.log.Error("that postward did not run is not written", "for", gap, "err", err)
	}
	d.stepped += gap
}
