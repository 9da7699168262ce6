package guard

import (
	"fmt"
	"testing"
	"time"
)

// steps are what may happen to a clock.
var steps = []time.Duration{time.Hour, -time.Hour, 90 * time.Minute, -90 * time.Minute, 365 * 24 * time.Hour, -365 * 24 * time.Hour}

// set sets the clock, as somebody with date(1) does, and tells the State.
func (w *world) set(step time.Duration) {
	w.now = w.now.Add(step)
	w.apply(Event{Key: fmt.Sprintf("clock:%d", w.now), Kind: KindClock, Step: step.Milliseconds()})
}

// budgetAlone is a world in which no score holds anything.
func budgetAlone(t *testing.T) *world {
	w := newWorld(t)
	w.state.policy.Modes[Score] = Shadow
	w.apply(Event{Key: "policy2", Kind: KindPolicy, Policy: w.state.policy})
	w.allow("anna")
	return w
}

// spendTwelve has anna write to twelve strangers from abroad, and returns how many of the mails leave.
func (w *world) spendTwelve(tag string) (left int) {
	for i := range 12 {
		if v, _ := w.send(w.mail("anna", "203.0.113.80", fmt.Sprintf("%s%d@far.example", tag, i))); leaves(v) {
			left++
		}
	}
	return left
}

func TestBudgetOutlivesAStepOfTheClockAndEnds(t *testing.T) {
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			w := budgetAlone(t)
			spend := w.spendTwelve
			all := spend("first")
			if all == 0 || all == 12 {
				t.Fatalf("%d of 12 left: the test proves nothing", all)
			}
			w.set(step)
			w.apply(Event{Key: "close", Kind: KindClosed, Incident: 1}) // else what is held speaks against it
			w.now = w.now.Add(20 * time.Hour)
			if n := spend("second"); n != 0 {
				t.Errorf("%d more left 20 hours after the clock was set", n)
			}
			w.apply(Event{Key: "close2", Kind: KindClosed, Incident: 2})
			w.now = w.now.Add(7 * time.Hour)
			if n := spend("third"); n != all {
				t.Errorf("%d left 27 hours after the first, want %d again", n, all)
			}
			w.same()
		})
	}
}

func TestCoolingMailWaitsItsTimeWhateverTheClockSays(t *testing.T) {
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			w := newWorld(t)
			w.allow("anna")
			v, _ := w.send(w.mail("anna", "203.0.113.80", "a@far.example"))
			if !v.Cool {
				t.Fatalf("the mail does not cool: %+v", v)
			}
			w.pass(time.Minute)
			w.set(step)
			m := w.state.Mail("m1")
			w.pass(30 * time.Second)
			if m.Status != MailCooling {
				t.Errorf("it is %s half a minute too early", m.Status)
			}
			w.pass(35 * time.Second)
			if m.Status == MailCooling {
				t.Error("it waits on when its time is over")
			}
			if !m.Tells(w.now) {
				t.Error("what the log says of it now is taken for another mail's")
			}
			w.same()
		})
	}
}

func TestEffectIsTriedAgainWhenTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	_, effects := w.send(w.mail("anna", "203.0.113.80", rcpts(20, "v")...))
	if len(effects) == 0 {
		t.Fatal("no alert")
	}
	w.set(-365 * 24 * time.Hour)
	if due := Due(w.state, w.now.Add(effectLease)).Effects; len(due) != len(effects) {
		t.Errorf("%d of %d effects are due a minute later", len(due), len(effects))
	}
	w.same()
}

// Who was first seen under a wrong clock is not a newcomer for a year.
func TestDatesFromTheFutureAreBroughtBack(t *testing.T) {
	w := newWorld(t)
	w.set(365 * 24 * time.Hour)
	w.allow("anna")
	w.send(w.mail("anna", "203.0.113.80", "a@far.example"))
	w.pass(5 * time.Minute)
	w.set(-365 * 24 * time.Hour)
	a := w.state.Account("anna")
	for what, at := range map[string]Time{"listed": a.Listing.Since, "first": a.First, "last": a.Last, "source": a.Sources.Networks[0].Last} {
		if at > w.now {
			t.Errorf("%s: %s, and it is %s", what, at.Time(), w.now.Time())
		}
	}
	w.same()
}

// What cooled when a backup was written may belong to an account that was stopped since.
func TestOldRowsLetNothingGoByThemselves(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.allow("bob")
	w.send(w.mail("anna", "203.0.113.80", "a@far.example"))
	w.send(w.mail("bob", "203.0.113.81", "b@far.example"))
	w.now = w.state.Mail("m1").ReleaseAt
	w.apply(Event{Key: "cooled:m1", Kind: KindCooled, Mail: "m1"})
	rows := w.state.All()
	if rows.Mails[0].Status != MailReleasing || rows.Mails[1].Status != MailCooling || len(rows.Effects) == 0 {
		t.Fatalf("%+v %+v", rows.Mails[0], rows.Mails[1])
	}
	rows.HoldAll()
	s := Restore(rows)
	jobs := Due(s, w.now.Add(24*time.Hour))
	if len(jobs.Events) != 0 || len(jobs.Effects) != 0 {
		t.Errorf("due: %+v", jobs)
	}
	for _, id := range []string{"m1", "m2"} {
		m := s.Mail(id)
		if m.Status != MailHeld || s.Account(m.Account).Waiting != 1 {
			t.Errorf("%s is %s, of %s wait %d", id, m.Status, m.Account, s.Account(m.Account).Waiting)
		}
	}
}
