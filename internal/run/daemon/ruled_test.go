package daemon

import (
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/log/maillog"
	"postward/internal/run/ctl"
)

// Two mails of one sender wait that came in the same second: what a table held is the one to whom the line names.
func TestALineOfATableIsAboutTheMailToWhomItNames(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	var ids []string
	for n := range 2 {
		m := mail(n, "anna", 1)
		if a := d.judgeEnd(t.Context(), m); a.Action != guard.Hold {
			t.Fatalf("%+v", a)
		}
		ids = append(ids, m.ID)
	}
	line := func(to string) *maillog.Line {
		return &maillog.Line{Client: maillog.Peer{Addr: []byte("203.0.113.80")}, From: []byte("anna@example.org"), To: []byte(to)}
	}
	note := func(l *maillog.Line) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ruled.note(l, time.Now())
		d.ruled[len(d.ruled)-1].at = now()
		if err := d.takeRuledLocked(now()); err != nil {
			t.Fatal(err)
		}
	}
	note(line("somebody@else.example"))
	note(&maillog.Line{Client: maillog.Peer{Addr: []byte("203.0.113.99")}, From: []byte("anna@example.org"), To: []byte("r1-0@example.net")})
	for _, id := range ids {
		if m := d.state.Mail(id); m.Status != guard.MailCooling {
			t.Errorf("a line about no mail of ours: %s", m.Status)
		}
	}
	note(line("R1-0@example.net"))
	if first, second := d.state.Mail(ids[0]), d.state.Mail(ids[1]); first.Status != guard.MailCooling || second.Status != guard.MailForeign {
		t.Errorf("%s and %s", first.Status, second.Status)
	}
	if len(d.ruled) != 2 {
		t.Errorf("%d lines wait for their mail, want the two about none", len(d.ruled))
	}
}
