package daemon

import (
	"fmt"
	"strings"
	"testing"

	"postward/internal/ctl"
	"postward/internal/follow"
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
