//go:build daemons

package spine_test

import (
	"fmt"
	"strings"
	"testing"

	"postward/test/rig"
)

// A machine without a syslog daemon: Postfix logs to journald alone, and postward learns from there what became of each
// mail, what it missed while it was down too.
func TestJournaldIsTheOnlyLog(t *testing.T) {
	j, err := rig.StartJournald("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Stop(); err != nil {
			t.Error(err)
		}
	})
	f := attachedTo(t, rig.PostfixConfig{Main: map[string]string{"maillog_file": ""}}, rig.PostwardConfig{Mode: "enforce", Log: "journal"})
	f.do(t, "account", "allow", "anna")
	queued := func(n int) func() error {
		return func() error {
			var s struct{ Queued, Held int }
			if err := f.Ask(f.ctx, &s, "status"); err != nil || s.Queued == n && s.Held == 0 {
				return err
			}
			return fmt.Errorf("%+v", s)
		}
	}
	f.Sink.Answer("later@example.net", rig.Answer{Code: 451, Text: "4.3.0 not now"})
	sent := []rig.Mail{f.one("anna", office, "b@example.net"), f.one("anna", office, "later@example.net")}
	f.wait(t, "one mail left, the other waits", queued(1))

	f.wait(t, "the first attempt", func() error {
		if len(f.Sink.Denials()) == 0 {
			return fmt.Errorf("nobody was put off")
		}
		return nil
	})
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	f.Sink.Answer("later@example.net", rig.Answer{})
	if err := f.Site.Postfix.Command(f.ctx, "postqueue", "-f").Run(); err != nil {
		t.Fatal(err)
	}
	if err := f.Sink.WaitLen(f.ctx, 2); err != nil {
		t.Fatal(err)
	}
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "postward has read of it", queued(0))
	if ledger := f.account(t, sent); len(ledger.AtSink) != 2 {
		t.Error(ledger)
	}
	out, err := f.Run(f.ctx, "mail", "trace", "later@example.net")
	if err != nil || !strings.Contains(out, "2 attempts") {
		t.Errorf("mail trace: %v\n%s", err, out)
	}
}
