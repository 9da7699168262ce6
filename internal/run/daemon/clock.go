package daemon

import (
	"fmt"
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

func (d *Daemon) clockSet(step time.Duration, wall time.Time) {
	d.log.Warn("the clock of this host was set: what waits and what is counted goes on by the new time", "step", step, "now", wall)
	e := &guard.Event{Key: fmt.Sprintf("clock:%d:%d", guard.TimeOf(wall), step.Milliseconds()), Kind: guard.KindClock, At: guard.TimeOf(wall), Step: step.Milliseconds()}
	if _, err := d.recordLocked(e); err != nil {
		d.clock.wall = d.clock.wall.Add(-step) // told again with the next look
		d.log.Error("the step of the clock is not written", "err", err)
	}
}

// clockAtStart compares the clock with the last judgement: it may have been set back while postward was down.
func (d *Daemon) clockAtStart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := time.Now()
	if latest := d.state.Site().Latest.Time(); t.Add(clockStep).Before(latest) {
		d.clockSet(t.Sub(latest), t)
	}
	d.checkClockNow()
}
