package investigate

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTheFirstDaysStandOutFromNothing: a busy account on the first day of a log is not an outbreak, and the outbreak of the
// eighth day is one.
func TestTheFirstDaysStandOutFromNothing(t *testing.T) {
	w := &writer{}
	for n := range 16 {
		w.mail(monday.Add(time.Duration(n)*20*time.Minute), "busy", "198.51.100.90", fmt.Sprintf("customer%d@shop%d.example", n, n%40), took)
	}
	w.lines = append(w.lines, outbreak()...)
	r := investigated(Options{Where: where}, w.lines)
	if out := r.StandsOut(); len(out) != 1 || out[0].Name != "alarm" || r.Accounts[0].Name != "alarm" || out[0].Cold {
		t.Fatalf("%d accounts stand out, the first is %+v, the last %+v", len(out), r.Accounts[0], out[len(out)-1].Stopped)
	}
	busy := r.accounts["busy"]
	if busy.Stopped == nil || !busy.Cold || busy.Lost() < many {
		t.Fatalf("%+v, %+v", busy, busy.Stopped)
	}
	want := fmt.Sprintf("on the log's first days nobody is known yet: busy (%d) would have had mail held; postward attach", busy.Lost())
	if got := r.ColdStart(); !strings.HasPrefix(got, want) {
		t.Errorf("%q", got)
	}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil || !strings.Contains(page.String(), "busy (") {
		t.Errorf("the page has no such line: %v", err)
	}
}

func TestOnlyTheFirstDaysAreCold(t *testing.T) {
	held := func(after time.Duration, contained time.Time) *Account {
		i := New(Options{})
		i.start = monday
		i.report.accounts["anna"] = &Account{Name: "anna", Stopped: &Stop{Held: many, Last: monday.Add(after), Contained: contained}}
		return i.Finish().Accounts[0]
	}
	if !held(firstDays-time.Second, time.Time{}).Cold || held(firstDays, time.Time{}).Cold || held(0, monday).Cold {
		t.Error("cold is not what is held on the first three days")
	}
	r := &Report{}
	for n := range 3 * maxNamed {
		r.Accounts = append(r.Accounts, &Account{Name: fmt.Sprint("a", n), Cold: true, Stopped: &Stop{Held: many}})
	}
	if got := r.ColdStart(); !strings.Contains(got, "a11 (10), 24 more would") {
		t.Error(got)
	}
}

func TestWhatJournaldLeftOutIsSaid(t *testing.T) {
	const say = "2026-11-09T08:00:00Z pi systemd-journald[1]: Suppressed %d messages from %s"
	lines := []string{fmt.Sprintf(say, 17, "postfix@-.service"), fmt.Sprintf(say, 2, "the mail log that journalctl cannot print"), fmt.Sprintf(say, 1000, "cron.service"),
		"2026-11-09T08:00:00Z pi cron[1]: Suppressed 5 messages from postfix@-.service", "2026-11-09T08:00:00Z pi systemd-journald[1]: Suppressed many messages from postfix", "2026-10-09T08:00:00Z pi systemd-journald[1]: Suppressed 3 messages from dovecot.service"}
	r := investigated(Options{Since: monday}, lines)
	if r.Suppressed != 17+2 || !strings.HasPrefix(r.LeftOut(), "19 lines are not in the log") {
		t.Errorf("%d: %q", r.Suppressed, r.LeftOut())
	}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil || !strings.Contains(page.String(), "19 lines are not") {
		t.Errorf("the page does not say it: %v", err)
	}
}
