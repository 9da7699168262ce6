package daemon

import (
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// What arrived while the clock was set is still found in Postfix's queue, whichever clock it was dated by.
func TestMailDuringWhichTheClockWasSetIsFoundInTheQueue(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, time.Hour, -400 * 24 * time.Hour} {
		d := begin(t, t.TempDir())
		must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
		m := mail(1, "anna", 20)
		m.MailAt = m.At.Add(-step)
		if a := d.judgeEnd(t.Context(), m); a.Action != guard.Hold {
			t.Fatalf("a mail over the budget: %+v", a)
		}
		must(t, d, "held/release", ctl.MailsRequest{QueueIDs: []string{m.QueueID}})
		w := <-d.due
		e, _, ok := d.errand(&w.effect)
		for clock, arrived := range map[string]time.Time{"the old": m.MailAt.Time(), "the new": m.At.Time()} {
			if !ok || arrived.Before(e.mail.After) || arrived.After(e.mail.Before) {
				t.Errorf("a step of %s: by %s clock it arrived %s, and is looked for between %s and %s", step, clock, arrived, e.mail.After, e.mail.Before)
			}
		}
		end(t, d)
	}
}

// The clock was a year ahead when a mail was judged. Whether it must be in the queue by now is not asked of that clock.
func TestMailOfAClockThatWasAheadSettles(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	m := mail(1, "anna", 20)
	const year = 365 * 24 * time.Hour
	m.At, m.MailAt = m.At.Add(year), m.MailAt.Add(year)
	d.judgeEnd(t.Context(), m)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clockSet(-year, time.Now())
	judged := d.state.Queued(m.QueueID)
	if olderThan(judged, settling, now()) || !olderThan(judged, settling, now().Add(settling+time.Second)) {
		t.Errorf("it settles when log lines from %s on are about it, and it is %s", judged.LinesFrom.Time(), now().Time())
	}
}
