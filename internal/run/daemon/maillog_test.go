package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postward/internal/log/follow"
	"postward/test/rig"
)

// What health shows of the log: for how long, how many octets of a line, how many programs.
const (
	shownFor    = 24 * time.Hour
	maxExample  = 200
	maxPuzzling = 50
)

func TestLinesThatAreNotUnderstoodAreCountedPerProgram(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
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
	log := d.mailLog.Log()
	if len(log.Puzzling) != 2 || log.Puzzling[0].Program != "smtpd" || log.Puzzling[0].Lines != 2 || log.Puzzling[1].Program != "qmgr" {
		t.Fatalf("%+v", log.Puzzling)
	}
	if n := len(log.Puzzling[0].Example); n != maxExample {
		t.Errorf("the example has %d octets", n)
	}
	for i := range 2 * maxPuzzling {
		hear(fmt.Sprintf("Nov 24 01:02:03 mx postfix/smtpd%d[1]: unknown programs are not ours", i))
	}
	if n := len(d.mailLog.Log().Puzzling); n != 2 {
		t.Errorf("%d programs are named", n)
	}
}

// TestTheFirstPlaceInALogIsWrittenAtOnce: a daemon that is killed in its first minute goes on there, and not behind what came meanwhile.
func TestTheFirstPlaceInALogIsWrittenAtOnce(t *testing.T) {
	for name, before := range map[string]string{"the first log": "", "another log": `{"path": "/var/log/other.log", "dev": 1, "ino": 1, "offset": 7}`} {
		t.Run(name, func(t *testing.T) {
			d := begin(t, t.TempDir())
			defer end(t, d)
			if before != "" {
				d.writer.SetCursor(cursorName, before)
				if err := d.writer.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(rig.WriteDir(t, map[string]string{"mail.log": "Nov 24 01:02:03 mx postfix/qmgr[1]: old\n"}), "mail.log")
			d.config.Postfix.LogFile = path
			ctx, cancel := context.WithCancel(t.Context())
			read := make(chan error)
			go func() { read <- d.readLog(ctx) }()
			soon, over := context.WithTimeout(t.Context(), 20*time.Second) // of the minute that a place waits for company
			defer over()
			if err := rig.Wait(soon, "the place in the log", func() error {
				place, err := d.store.Cursor(t.Context(), cursorName)
				if err == nil && !strings.Contains(place, path) {
					err = fmt.Errorf("written is %q", place)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
			cancel()
			if err := <-read; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatWasMissedOfTheLogIsSaidForADay(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.takeGaps([]follow.Gap{{Reason: follow.Truncated, Path: "/var/log/mail.log"}}, noon)
	d.troubles.Log(nil, &d.mailLog, noon.Add(shownFor-time.Second))
	if all := d.troubles.List(); len(all) != 1 || !strings.Contains(all[0], "could not be read on 2026-11-23 12:00:00 (truncated: /var/log/mail.log)") {
		t.Errorf("%q", all)
	}
	if due := d.troubles.Due(1, noon.Add(shownFor)); len(due) != 0 {
		t.Errorf("the owner is called: %v", due)
	}
	d.takeGaps([]follow.Gap{{Reason: follow.Unreadable, Path: "journal", Count: 2}}, noon.Add(time.Hour))
	d.troubles.Log(nil, &d.mailLog, noon.Add(shownFor))
	if all := d.troubles.List(); len(all) != 1 || !strings.HasPrefix(all[0], "2 lines of the mail log") {
		t.Errorf("%q", all)
	}
	d.troubles.Log(nil, &d.mailLog, noon.Add(time.Hour+shownFor))
	if all := d.troubles.List(); len(all) != 0 {
		t.Errorf("a day later: %q", all)
	}
}

func TestOnlyWhatIsLeftOutOfMailCounts(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for says, count := range map[string]uint64{
		"Suppressed 1 messages from postfix@-.service": 1, "Suppressed 10 messages from dovecot.service": 10, "Suppressed 100 messages from saslauthd.service": 100, "Suppressed 1000 messages from cron.service": 1000,
	} {
		d.takeGaps([]follow.Gap{{Reason: follow.Suppressed, Path: says, Count: count}}, time.Now())
	}
	if log := d.mailLog.Log(); log.Lost != 111 || d.mailLog.Missing(time.Now()) != "" {
		t.Errorf("%+v", log)
	}
}

// TestALogThatChangedItsFormIsSaid: what is read no more is no silence.
func TestALogThatChangedItsFormIsSaid(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	hear := func(text string) {
		if _, err := d.hear(t.Context(), []byte(text), follow.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	const good = "Nov 24 01:02:03 mx postfix/smtpd[1]: connect from unknown[203.0.113.80]"
	troubles := func() []string { d.troubles.Log(nil, &d.mailLog, time.Now()); return d.troubles.List() }
	hear(good)
	for n := range 20 {
		if all := troubles(); len(all) != 0 {
			t.Fatalf("after %d lines: %q", n, all)
		}
		hear("24/11/26 01:02 mx postfix/qmgr[1]: 4A1B2C3D: removed")
		hear("Nov 24 01:02:03 mx cron[1]: nothing of mail")
	}
	if all := troubles(); len(all) != 1 || !strings.Contains(all[0], `20 lines`) || !strings.Contains(all[0], `24/11/26 01:02 mx postfix/qmgr`) {
		t.Errorf("%q", all)
	}
	if told := d.mailLog.Log(); told.Unread != 20 || len(told.Forms) != 1 {
		t.Errorf("%+v", told)
	}
	hear(good)
	if all := troubles(); len(all) != 0 {
		t.Errorf("it is read again: %q", all)
	}
}

func TestAnExampleOfStatusHoldsNoPassword(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for _, text := range []string{"auth: passwd-file(anna,192.0.2.1): a new word (given password: secret)", "auth-worker(anna,192.0.2.1)<7>: new: word (given password: secret)"} {
		if _, err := d.hear(t.Context(), []byte("Nov 24 01:02:03 mx dovecot: "+text), follow.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	if told := fmt.Sprintf("%+v", d.mailLog.Log()); strings.Contains(told, "secret") || !strings.Contains(told, "dovecot") {
		t.Error(told)
	}
}
