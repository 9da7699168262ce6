package daemon

import (
	"encoding/base64"
	"iter"
	"net/netip"
	"time"

	"postward/internal/guard/guess"
)

// lockGate takes the gate's mutex, moves what the watch knows by what the clock was set meanwhile, and returns the time. It is that of
// the clock alone, as all is that the watch keeps: what the monotonic clock says besides would count a step twice.
func (d *Daemon) lockGate() time.Time {
	d.gate.mu.Lock()
	d.mu.Lock()
	d.checkClockNow()
	step := d.stepped
	d.stepped = 0
	d.mu.Unlock()
	if step != 0 {
		d.shiftGate(step)
	}
	return time.Now().Round(0)
}

// shiftGate moves what the watch knows, and what is written of it: the rows of bans say until when. The caller holds the gate's mutex.
func (d *Daemon) shiftGate(step time.Duration) {
	d.gate.watch.Shift(step)
	for b := range d.gate.everyBan() {
		d.keepBan(&b)
	}
	d.gate.changed = true
	select {
	case d.gate.moved <- struct{}{}:
	default:
	}
}

// everyBan is each ban that is remembered: one that is over would stand again if the clock is set back, and one of an allowed network
// when that is not allowed any more. The caller holds the mutex.
func (g *gate) everyBan() iter.Seq[guess.Ban] {
	return func(yield func(guess.Ban) bool) {
		g.watch.Allow(nil)
		defer g.watch.Allow(g.allow)
		g.watch.Standing(time.Time{})(yield)
	}
}

// forgetBans forgets the bans that are over, or one too many, and returns them. The caller holds the gate's mutex.
func (d *Daemon) forgetBans(t time.Time) (gone []netip.Prefix) {
	for _, p := range d.gate.watch.Prune(t) {
		if d.gate.watch.Ban(p) == nil { // else it was banned anew meanwhile
			d.writer.SetBan(p.String(), "")
			gone = append(gone, p)
		}
	}
	d.gate.banned = 0
	return gone
}

const (
	gateEvery  = time.Minute      // how often what is over is forgotten, and the memory may be written
	savedEvery = 10 * time.Minute // how often it is written while nobody guesses, or when it is large
	// savedPerDay is how many octets of it a day those who guess have written, as long as that is no more than ten minutes of them that a
	// crash forgets: an SD card wears out.
	savedPerDay = 32 << 20
)

// pauseAfter is for how long nothing is written after a memory of so many octets, while somebody guesses.
func pauseAfter(octets int) time.Duration {
	pause := time.Duration(octets) * (24 * time.Hour / savedPerDay)
	return min(max(pause, gateEvery), savedEvery)
}

// saveWhenDue writes the memory of the watch down if that is due. now has the monotonic clock too.
func (d *Daemon) saveWhenDue(now time.Time) {
	d.gate.mu.Lock()
	pause := savedEvery
	if d.gate.guessed {
		pause = d.gate.pause
	}
	due := now.Sub(d.gate.saved) >= pause-gateEvery/2 // it is asked each minute, or nearly
	d.gate.mu.Unlock()
	if due {
		d.saveGate(now)
	}
}

// saveGate writes the memory of the watch down, with what was appended before. Who asks meanwhile waits neither until a large one is
// copied nor until it is encoded. The caller does not hold the gate's mutex.
func (d *Daemon) saveGate(now time.Time) {
	d.gate.saving.Lock() // an older one must not be written after a newer
	defer d.gate.saving.Unlock()
	m := d.remembered(now)
	if m == nil {
		return
	}
	pause := d.write(m)
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	d.gate.pause = pause
}

// remembered copies the memory of the watch; nil: it is written as it is. Where the clock is set meanwhile it begins again.
func (d *Daemon) remembered(now time.Time) (m *guess.Memory) {
	t := d.lockGate()
	defer d.gate.mu.Unlock()
	for m == nil && d.gate.changed {
		d.gate.changed, d.gate.guessed, d.gate.saved = false, false, now
		m = d.gate.watch.Remembered(t, func() {
			d.gate.mu.Unlock()
			t = d.lockGate()
		})
	}
	return m
}

// write writes a memory down, and returns for how long none is written again.
func (d *Daemon) write(m *guess.Memory) (pause time.Duration) {
	saved, err := m.Encode()
	if err != nil {
		d.log.Error("what is remembered of failed logins is not written", "err", err)
		return savedEvery
	}
	text := base64.StdEncoding.EncodeToString(saved)
	d.writer.SetCursor(guessName, text)
	return pauseAfter(len(text))
}
