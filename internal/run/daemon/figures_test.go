package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// outbreak has an account send to strangers, one after the other, until an incident is open.
func outbreak(t *testing.T, d *Daemon, account string) *guard.Incident {
	t.Helper()
	must(t, d, "account/allow", ctl.AccountChange{Account: account})
	for n := range 120 {
		m := mail(n, account, 1)
		m.Recipients = []string{fmt.Sprintf("v%d@far.example", n)}
		d.judgeEnd(t.Context(), m)
	}
	i := d.state.OpenIncident(account)
	if i == nil {
		t.Fatal("no incident is open")
	}
	return i
}

// TestHeldNowFallsWhenMailIsLetGo: what was held once says nothing of what is to be done.
func TestHeldNowFallsWhenMailIsLetGo(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	i := outbreak(t, d, "anna")
	before := must(t, d, "incident/list", nil).([]ctl.IncidentRow)[0]
	must(t, d, "incident/release", ctl.IncidentRequest{ID: i.ID})
	after := must(t, d, "incident/list", nil).([]ctl.IncidentRow)[0]
	if before.Waiting == 0 || before.Waiting != before.Held || after.Waiting != 0 || after.Held == 0 {
		t.Errorf("waiting %d of %d, and then %d", before.Waiting, before.Held, after.Waiting)
	}
}

// TestInShadowModeNothingIsSaidToBeHeldOrStopped: by status, by the account, by an alert.
func TestInShadowModeNothingIsSaidToBeHeldOrStopped(t *testing.T) {
	d := beginIn(t, t.TempDir(), guard.Shadow)
	defer end(t, d)
	i := outbreak(t, d, "anna")
	if i.Status != guard.IncidentContained || !i.Shadow {
		t.Fatalf("%+v", i)
	}
	if s := must(t, d, "status", nil).(ctl.Status); len(s.Contained) != 0 {
		t.Errorf("status: %v", s.Contained)
	}
	for _, a := range append(must(t, d, "account/list", nil).([]ctl.Account), must(t, d, "account/show", ctl.Name{Account: "anna"}).(ctl.Account)) {
		if a.Name == "anna" && a.Status != "would be contained" {
			t.Errorf("%s is %s", a.Name, a.Status)
		}
	}
	for _, s := range i.Sentences {
		if strings.Contains(s.Why, "is held") || strings.Contains(s.Why, "was stopped") {
			t.Error(s.Why)
		}
	}
	for _, stage := range []string{guard.AlertOpened, guard.AlertContained, guard.AlertMany, guard.AlertElsewhere} {
		if a := alertOf("mx", i, stage); strings.Contains(a.Text, "mails held") || !strings.Contains(a.Text, "would be held") {
			t.Errorf("%s: %s", stage, a.Text)
		}
	}
}

// TestAnAlertNamesWhatCanBeDone: a machine has no password, and what was called spam is not offered to be let go.
func TestAnAlertNamesWhatCanBeDone(t *testing.T) {
	next := func(i guard.Incident) string { return strings.Join(alertOf("mx", &i, guard.AlertOpened).Next, "\n") }
	if said := next(guard.Incident{ID: 1, Account: "net:192.0.2.10"}); strings.Contains(said, "password") || !strings.Contains(said, "the machine 192.0.2.10") {
		t.Error(said)
	}
	if said := next(guard.Incident{ID: 1, Account: "anna", Spam: true}); strings.Contains(said, "release") || !strings.Contains(said, "change the password of anna") {
		t.Error(said)
	}
	if said := next(guard.Incident{ID: 1, Account: "anna"}); !strings.Contains(said, "release 1") {
		t.Error(said)
	}
}

// TestACopyOfTheSitesOwnIsNoRecipientOfAnAccount: always_bcc, and what its server answers.
func TestACopyOfTheSitesOwnIsNoRecipientOfAnAccount(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	tr := mail(1, "anna", 1)
	tr.Recipients = []string{"staff@example.org"}
	d.judgeEnd(t.Context(), tr)
	m := d.state.Queued(tr.QueueID)
	say := func(n int64, to, status string) {
		line(t, d, fmt.Sprintf("%s mx postfix/smtp[9]: %s: to=<%s, relay=mx.far.example[203.0.113.7]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=%s", time.Now().UTC().Format(time.RFC3339), tr.QueueID, to, status), n)
	}
	line(t, d, fmt.Sprintf("%s mx postfix/virtual[9]: %s: to=<four@imap.example>, orig_to=<staff@example.org>, relay=virtual, delay=1, delays=0/0/1/0, dsn=5.1.1, status=bounced (unknown user)", time.Now().UTC().Format(time.RFC3339), tr.QueueID), 50)
	if len(m.Bounced) != 0 {
		t.Error("what this site answers itself counts as a refusal")
	}
	say(100, "archive@vault.example>", "bounced (host mx.far.example[203.0.113.7] said: 552 5.2.2 mailbox full)")
	say(200, "one@imap.example>, orig_to=<Staff@example.org>", "bounced (host mx.far.example[203.0.113.7] said: 550 no such user)")
	say(300, "two@imap.example>, orig_to=<Staff@example.org>", "sent (250 ok)")
	say(400, "three@imap.example>, orig_to=<Staff@example.org>", "sent (250 ok)")
	say(500, "archive@vault.example>", "sent (250 ok)")
	if len(m.Left) != 1 || len(m.Bounced) != 1 {
		t.Errorf("left %d, bounced %d, and one of each is right", len(m.Left), len(m.Bounced))
	}
	if n := d.state.Account("anna").Suspicion.Bouncers; len(n) != 1 {
		t.Errorf("%d domains refused: the archive's is not the account's", len(n))
	}
}

// TestWhatWasDeletedIsListedUntilItIsBack: whichever is read first, the log or the act's outcome.
func TestWhatWasDeletedIsListedUntilItIsBack(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	m := heldMail(t, d)
	list := func() []*guard.Mail { return must(t, d, "held/deleted", nil).(ctl.HeldAnswer).Mails }
	must(t, d, "held/delete", ctl.MailsRequest{QueueIDs: []string{m.QueueID}})
	if len(list()) != 0 {
		t.Error("what is in hold still is listed as deleted")
	}
	say := func(e *guard.Event) {
		t.Helper()
		if err := d.recordAndWait(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	say(&guard.Event{Key: "removed:" + m.ID, Kind: guard.KindRemoved, At: now(), Mail: m.ID})
	gone := list()
	if len(gone) != 1 || gone[0].QueueID != m.QueueID {
		t.Fatalf("%+v", gone)
	}
	if _, err := d.answer(t.Context(), "root", "held/restore", []byte(`{"queue_ids":["A1B2C3D4"]}`)); err == nil {
		t.Error("a mail that nobody deleted was restored")
	}
	if _, err := d.answer(t.Context(), "root", "held/restore", []byte(`{"queue_ids":["`+m.QueueID+`"]}`)); err == nil {
		t.Error("restored without a Postfix")
	}
	say(&guard.Event{Key: "restored:" + m.ID, Kind: guard.KindRestored, At: now() + 1, Mail: m.ID, Account: m.Account, QueueID: "B1B2C3D4", Trashed: gone})
	if len(list()) != 0 || d.state.Queued("B1B2C3D4") == nil {
		t.Errorf("%+v", list())
	}
}
