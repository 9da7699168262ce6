package guard

import (
	"fmt"
	"testing"
	"time"
)

// down lets postward not run for a while, after which the clock of the host is ahead.
func (w *world) down(d, ahead time.Duration) {
	w.now = w.now.Add(d + ahead)
	w.apply(Event{Key: fmt.Sprintf("began:%d", w.now), Kind: KindBegan, Step: (d + ahead).Milliseconds()})
}

// aheads are clocks in local time, of another year, and of no battery that guess too late a date.
var aheads = []time.Duration{11 * time.Hour, 30 * time.Hour, 400 * 24 * time.Hour}

func TestAClockThatIsAheadAtBootGivesNoBudgetBack(t *testing.T) {
	for _, ahead := range aheads {
		t.Run(ahead.String(), func(t *testing.T) {
			w := budgetAlone(t)
			spend := func(tag string) int {
				left := w.spendTwelve(tag)
				w.apply(Event{Key: "close" + tag, Kind: KindClosed, Incident: w.state.site.LastIncident}) // else what is held speaks against it
				return left
			}
			all := spend("first")
			if all == 0 || all == 12 {
				t.Fatalf("%d of 12 left: the test proves nothing", all)
			}
			w.down(5*time.Minute, ahead)
			if n := spend("ahead"); n != 0 {
				t.Errorf("%d more left at a clock that is ahead", n)
			}
			w.now = w.now.Add(5 * time.Minute)
			w.set(-ahead)
			if n := spend("right"); n != 0 {
				t.Errorf("%d more left when the clock was set right", n)
			}
			w.now = w.now.Add(27 * time.Hour)
			if n := spend("next"); n != all {
				t.Errorf("%d left the next day, want %d again", n, all)
			}
			w.same()
		})
	}
}

func TestAClockThatIsAheadAtBootAgesNothing(t *testing.T) {
	for _, ahead := range aheads {
		for _, steps := range [][]time.Duration{{-ahead}, {-ahead / 2, -ahead / 2}, {time.Hour, -ahead - time.Hour}} {
			t.Run(fmt.Sprint(ahead, steps), func(t *testing.T) {
				w := newWorld(t)
				w.allow("anna")
				began := w.now
				w.send(w.mail("anna", "203.0.113.80", "a@far.example"))
				w.pass(3 * time.Minute) // it cools, and leaves
				a := w.state.Account("anna")
				points := a.Suspicion.Points
				w.down(time.Minute, ahead)
				w.send(w.mail("anna", "203.0.113.99", "b@far.example")) // is dated by the wrong clock
				w.pass(3 * time.Minute)
				for _, step := range steps {
					w.down(time.Minute, 0) // it is started again, and the clock is still wrong
					w.set(step)
				}
				for what, at := range map[string]Time{"listed": a.Listing.Since, "first": a.First, "last": a.Last, "site": w.state.site.First} {
					if at < began || at > w.now {
						t.Errorf("%s: %s, and it began at %s", what, at.Time(), began.Time())
					}
				}
				if a.Suspicion.Points < points {
					t.Errorf("of %v points %v are left", points, a.Suspicion.Points)
				}
				w.same()
			})
		}
	}
}

func TestCoolingMailWaitsItsTimeAfterABootWithAClockThatIsAhead(t *testing.T) {
	for _, ahead := range aheads {
		w := newWorld(t)
		w.allow("anna")
		if v, _ := w.send(w.mail("anna", "203.0.113.80", "a@far.example")); !v.Cool {
			t.Fatalf("the mail does not cool: %+v", v)
		}
		w.pass(time.Minute)
		w.down(10*time.Minute, ahead)
		m := w.state.Mail("m1")
		w.pass(10 * time.Second)
		w.set(-ahead)
		w.pass(20 * time.Second)
		if m.Status != MailCooling {
			t.Errorf("%s: it is %s half a minute too early", ahead, m.Status)
		}
		w.pass(35 * time.Second)
		if m.Status == MailCooling {
			t.Errorf("%s: it waits on when its time is over", ahead)
		}
		w.same()
	}
}

// Nobody set the clock for a week: the time did go by, and a step back is one like any other.
func TestALeapThatNobodyTakesBackIsBelieved(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.down(time.Minute, 400*24*time.Hour)
	w.now = w.now.Add(leapFor)
	since := w.state.Account("anna").Listing.Since
	w.set(-2 * time.Hour)
	if moved := w.state.Account("anna").Listing.Since.Sub(since); moved != -2*time.Hour {
		t.Errorf("a date moved by %s", moved)
	}
	w.same()
}
