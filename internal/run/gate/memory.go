package gate

import (
	"encoding/base64"
	"iter"
	"net/netip"
	"time"

	"postward/internal/guard/guess"
)

// lock takes the gate's mutex, moves what the watch knows by what the clock was set meanwhile, and returns the time. It is that of
// the clock alone, as all is that the watch keeps: what the monotonic clock says besides would count a step twice.
func (g *Gate) lock() time.Time {
	g.mu.Lock()
	if step := g.stepped(); step != 0 {
		g.shift(step)
	}
	return time.Now().Round(0)
}

// shift moves what the watch knows, and what is written of it: the rows of bans say until when. The caller holds the gate's mutex.
func (g *Gate) shift(step time.Duration) {
	g.watch.Shift(step)
	for b := range g.everyBan() {
		g.keepBan(&b)
	}
	g.changed = true
	select {
	case g.moved <- struct{}{}:
	default:
	}
}

// everyBan is each ban that is remembered: one that is over would stand again if the clock is set back, and one of an allowed network
// when that is not allowed any more. The caller holds the mutex.
func (g *Gate) everyBan() iter.Seq[guess.Ban] {
	return func(yield func(guess.Ban) bool) {
		g.watch.Allow(nil)
		defer g.watch.Allow(g.allow)
		g.watch.Standing(time.Time{})(yield)
	}
}

// forgetBans forgets the bans that are over, or one too many, and returns them. The caller holds the gate's mutex.
func (g *Gate) forgetBans(t time.Time) (gone []netip.Prefix) {
	for _, p := range g.watch.Prune(t) {
		if g.watch.Ban(p) == nil { // else it was banned anew meanwhile
			g.writer.SetBan(p.String(), "")
			gone = append(gone, p)
		}
	}
	g.unpruned = 0
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
func (g *Gate) saveWhenDue(now time.Time) {
	g.mu.Lock()
	pause := savedEvery
	if g.guessed {
		pause = g.pause
	}
	due := now.Sub(g.saved) >= pause-gateEvery/2 // it is asked each minute, or nearly
	g.mu.Unlock()
	if due {
		g.Save(now)
	}
}

// Save writes the memory of the watch down, with what was appended before. Who asks meanwhile waits neither until a large one is
// copied nor until it is encoded. The caller does not hold the gate's mutex.
func (g *Gate) Save(now time.Time) {
	g.saving.Lock() // an older one must not be written after a newer
	defer g.saving.Unlock()
	m := g.remembered(now)
	if m == nil {
		return
	}
	pause := g.write(m)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pause = pause
}

// remembered copies the memory of the watch; nil: it is written as it is. Where the clock is set meanwhile it begins again.
func (g *Gate) remembered(now time.Time) (m *guess.Memory) {
	t := g.lock()
	defer g.mu.Unlock()
	for m == nil && g.changed {
		g.changed, g.guessed, g.saved = false, false, now
		m = g.watch.Remembered(t, func() {
			g.mu.Unlock()
			t = g.lock()
		})
	}
	return m
}

// write writes a memory down, and returns for how long none is written again.
func (g *Gate) write(m *guess.Memory) (pause time.Duration) {
	saved, err := m.Encode()
	if err != nil {
		g.log.Error("what is remembered of failed logins is not written", "err", err)
		return savedEvery
	}
	text := base64.StdEncoding.EncodeToString(saved)
	g.writer.SetCursor(guessName, text)
	return pauseAfter(len(text))
}
