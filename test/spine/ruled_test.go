//go:build daemons

package spine_test

import (
	"fmt"
	"strings"
	"testing"

	"postward/test/rig"
)

// What the administrator's own tables put on hold is his, whatever postward thinks of it: a mail that would wait a little and
// go stays.
func TestWhatATableHoldsIsNotLetGo(t *testing.T) {
	f := attachedTo(t, rig.PostfixConfig{Main: map[string]string{
		"smtpd_recipient_restrictions": "check_recipient_access inline:{{x@hold.example=HOLD legal}}",
		"header_checks":                "regexp:{{/^Subject: .*secret/ HOLD dlp}}",
	}}, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[cooling]\ntime = \"10s\"\n"})
	f.do(t, "account", "allow", "anna")
	c := f.client("anna", stranger)
	sent := []rig.Mail{
		c.SendOne(f.ctx, rig.Mail{From: "anna@example.org", To: []string{"x@hold.example"}}),
		c.SendOne(f.ctx, rig.Mail{From: "anna@example.org", To: []string{"y@new.example"}, Header: "From: anna@example.org\r\nSubject: a secret\r\n"}),
		c.SendOne(f.ctx, rig.Mail{From: "anna@example.org", To: []string{"z@new.example"}}),
	}
	if err := f.Sink.WaitLen(f.ctx, 1); err != nil { // the third has waited longest of all
		t.Fatal(err)
	}
	f.wait(t, "nothing of ours to wait", func() error {
		if s := f.status(t); s.Cooling != 0 {
			return fmt.Errorf("%+v", s)
		}
		return f.nothingMoves()
	})
	if ledger := f.account(t, sent); len(ledger.AtSink) != 1 || len(ledger.Held) != 2 {
		t.Error(ledger)
	}
	if list := f.do(t, "held", "list"); strings.Count(list, "by others") == 0 {
		t.Errorf("held list:\n%s", list)
	}
}
