package daemon

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"postward/internal/log/follow"
	"postward/internal/run/ctl"
)

func TestLinesThatAreNotUnderstoodAreCountedPerProgram(t *testing.T) {
	d := &Daemon{hearing: hearing{puzzling: map[string]*ctl.Puzzling{}}}
	hear := func(text string) {
		t.Helper()
		if _, err := d.hear(t.Context(), []byte(text), follow.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	hear("Nov 24 01:02:03 mx postfix/smtpd[1]: connect from unknown[203.0.113.80]")
	hear("Nov 24 01:02:03 mx cron[1]: postfix/smtpd[1]: something new")
	hear("no line of a log at all")
	hear("Nov 24 01:02:03 mx postfix/submission/smtpd[1]: something new")
	hear("Nov 24 01:02:03 mx postfix/smtpd[1]: something else \x1b[31m" + strings.Repeat("x", 500))
	hear("Nov 24 01:02:03 mx postfix/qmgr[1]: a song")
	told := d.hearing.told()
	if len(told.Puzzling) != 2 || told.Puzzling[0].Program != "smtpd" || told.Puzzling[0].Lines != 2 || told.Puzzling[1].Program != "qmgr" {
		t.Fatalf("%+v", told.Puzzling)
	}
	if n := len(told.Puzzling[0].Example); n != maxExample {
		t.Errorf("the example has %d octets", n)
	}
	for i := range 2 * maxPuzzling {
		hear(fmt.Sprintf("Nov 24 01:02:03 mx postfix/smtpd%d[1]: unknown programs are not ours", i))
	}
	if n := len(d.hearing.told().Puzzling); n != 2 {
		t.Errorf("%d programs are named", n)
	}
}

func TestWhatWasMissedOfTheLogIsSaidForADay(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	d := &Daemon{log: slog.New(slog.DiscardHandler), troubles: troubles{open: map[string]*trouble{}}}
	d.takeGaps([]follow.Gap{{Reason: follow.Truncated, Path: "/var/log/mail.log"}}, noon)
	d.checkLog(noon.Add(gapTold - time.Second))
	if all := d.troubles.list(); len(all) != 1 || !strings.Contains(all[0], "could not be read on 2026-11-23 12:00:00 (truncated: /var/log/mail.log)") {
		t.Errorf("%q", all)
	}
	if due := d.troubles.due(1); len(due) != 0 {
		t.Errorf("the owner is called: %v", due)
	}
	d.takeGaps([]follow.Gap{{Reason: follow.Unreadable, Path: "journal", Count: 2}}, noon.Add(time.Hour))
	d.checkLog(noon.Add(gapTold))
	if all := d.troubles.list(); len(all) != 1 || !strings.HasPrefix(all[0], "2 lines of the mail log") {
		t.Errorf("%q", all)
	}
	d.checkLog(noon.Add(time.Hour + gapTold))
	if all := d.troubles.list(); len(all) != 0 {
		t.Errorf("a day later: %q", all)
	}
}

func TestOnlyWhatIsLeftOutOfMailCounts(t *testing.T) {
	d := &Daemon{log: slog.New(slog.DiscardHandler), troubles: troubles{open: map[string]*trouble{}}}
	for says, count := range map[string]uint64{
		"Suppressed 1 messages from postfix@-.service": 1, "Suppressed 10 messages from dovecot.service": 10, "Suppressed 100 messages from saslauthd.service": 100, "Suppressed 1000 messages from cron.service": 1000,
	} {
		d.takeGaps([]follow.Gap{{Reason: follow.Suppressed, Path: says, Count: count}}, time.Now())
	}
	if told := d.hearing.told(); told.Lost != 111 || d.hearing.missing(time.Now()) != "" {
		t.Errorf("%+v", told)
	}
}
