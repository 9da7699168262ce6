package warden

import "time"

// Cutoff is up to when things may be deleted for their age. The clock that tells their age may be wrong, at boot or when a
// hand slips, and what is deleted does not come back. So the cutoff rests in the first hour after the start and after a
// step of the clock, and then moves no faster than quickest times the time that really goes by.
type Cutoff struct {
	Keep  time.Duration // how long things are kept
	Until time.Time     // what is older may be deleted; as stored by the last one, zero if none is

	wall    time.Time // when Move was last called, by the clock
	elapsed time.Duration
	calm    time.Duration // from when on it moves again
}

const (
	calmAfter = time.Hour
	wallStep  = time.Minute
	quickest  = 3 // so that it catches up on a host that is up for a third of the day
	sane      = 2025
)

// Move moves the cutoff to what the clock (wall) and a time that nobody sets (elapsed) allow. It reports whether there is
// something new to delete. It is to be called at least every hour.
func (c *Cutoff) Move(wall time.Time, elapsed time.Duration) bool {
	since := elapsed - c.elapsed
	step := wall.Round(0).Sub(c.wall) - since
	if c.wall.IsZero() || step.Abs() >= wallStep {
		c.calm = elapsed + calmAfter
	}
	c.wall, c.elapsed = wall.Round(0), elapsed
	if elapsed < c.calm || wall.Year() < sane {
		return false
	}
	until := c.wall.Add(-c.Keep)
	if c.Until.IsZero() || c.Until.After(c.wall) { // the clock was ahead for long
		c.Until = until
		return true
	}
	if most := c.Until.Add(quickest * since); most.Before(until) {
		until = most
	}
	if !until.After(c.Until) {
		return false
	}
	c.Until = until
	return true
}
