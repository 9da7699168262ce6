package daemon

import (
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

func TestStepOfTheClockIsNoticed(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, 366 * 24 * time.Hour, -366 * 24 * time.Hour, 30 * time.Second} {
		d := begin(t, t.TempDir())
		must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
		if a := d.judgeEnd(t.Context(), mail(1, "anna", 1)); a.Action != guard.Hold {
			t.Fatalf("a first mail does not cool: %+v", a)
		}
		before := d.held().Mails[0].ReleaseAt
		d.mu.Lock()
		wall := d.clock.wall
		d.checkClock(wall.Add(10*time.Second), d.clock.elapsed+10*time.Second) // time goes by
		d.checkClock(wall.Add(11*time.Second+step), d.clock.elapsed+time.Second)
		d.mu.Unlock()
		moved := d.held().Mails[0].ReleaseAt.Sub(before)
		if want := step; step.Abs() < clockStep && moved != 0 || step.Abs() >= clockStep && (moved-want).Abs() > time.Millisecond {
			t.Errorf("a step of %s moved the cooling by %s", step, moved)
		}
		end(t, d)
	}
}

func TestClockSetBackWhilePostwardWasDown(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	m := mail(1, "anna", 1)
	m.At = m.At.Add(1000 * time.Hour)
	d.judgeEnd(t.Context(), m)
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	if wait := d.held().Mails[0].ReleaseAt.Sub(now()); wait > time.Hour {
		t.Errorf("its mail waits %s", wait)
	}
}

func TestBootWithAClockThatIsAheadIsTakenBackWhole(t *testing.T) {
	for _, ahead := range []time.Duration{11 * time.Hour, 400 * 24 * time.Hour} {
		dir := t.TempDir()
		d := begin(t, dir)
		must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
		d.judgeEnd(t.Context(), mail(1, "anna", 1))
		listed, rest := d.state.Account("anna").Listing.Since, d.held().Mails[0].ReleaseAt.Sub(now())
		end(t, d)
		d = begin(t, dir)
		seen, err := d.lastSeen(t.Context(), 0)
		if err != nil || seen == 0 {
			t.Fatalf("what the clock showed is not stored: %d, %v", seen, err)
		}
		d.clock = clockMark{} // it starts again
		wrong := time.Now().Add(ahead)
		d.clockAtStart(wrong, seen)
		if left := d.held().Mails[0].ReleaseAt.Sub(guard.TimeOf(wrong)); (left - rest).Abs() > clockStep {
			t.Errorf("%s ahead: a mail that waited %s more waits %s", ahead, rest, left)
		}
		d.mu.Lock()
		d.checkClockNow() // set right
		d.mu.Unlock()
		if left := d.held().Mails[0].ReleaseAt.Sub(now()); (left - rest).Abs() > clockStep {
			t.Errorf("%s ahead, set right: a mail that waited %s more waits %s", ahead, rest, left)
		}
		if since := d.state.Account("anna").Listing.Since; since != listed {
			t.Errorf("%s ahead: on the list since %s, and it is %s", ahead, since.Time(), listed.Time())
		}
		end(t, d)
	}
}
