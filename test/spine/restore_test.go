//go:build daemons

package spine_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/test/rig"
)

// queued is the queue file of a mail in hold, and its envelope and text as Postfix shows them.
func (f *field) queued(t *testing.T, id string) (file []byte, shown string) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(f.Site.Postfix.QueueDir, "hold", id))
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.Site.Postfix.Command(f.ctx, "postcat", "-q", id).Output()
	if err != nil {
		t.Fatal(err)
	}
	return file, strings.ReplaceAll(string(out), id, "ID")
}

// emptied waits until nothing is in hold, nor in the queue.
func (f *field) emptied(t *testing.T) {
	t.Helper()
	f.wait(t, "nothing to be in hold", func() error {
		if queue, err := f.Site.Postfix.Held(); err != nil || len(queue) > 0 {
			return fmt.Errorf("%v %v", queue, err)
		}
		return nil
	})
	if err := f.Site.Postfix.WaitDelivered(f.ctx); err != nil {
		t.Fatal(err)
	}
}

// TestADeletedMailComesBackAsItWas: every octet and recipient, into hold, unjudged, once; and then leaves once.
func TestADeletedMailComesBackAsItWas(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	to := []string{"v1@example.net", "V2@Example.NET", `"v 3"@example.net`, "v4+tag@example.net", "v5@example.net", "v6@example.com", "v7@example.com"}
	m := f.one("anna", stranger, to...)
	other := f.one("anna", stranger, "w1@example.net", "w2@example.net", "w3@example.net", "w4@example.net", "w5@example.net", "w6@example.net", "w7@example.net")
	var s struct{ Held, Queued, Open int }
	f.wait(t, "both to be held", func() error {
		if err := f.Ask(f.ctx, &s, "status"); err != nil && s.Held != 2 {
			return fmt.Errorf("%v %+v", err, s)
		}
		if s.Held != 2 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	f.wait(t, "the mail to be found by a recipient whom the log does not name", func() error {
		found, err := f.Run(f.ctx, "mail", "find", "v4+tag@example.net")
		if err != nil || !strings.Contains(found, m.QueueID) {
			return fmt.Errorf("%v %s", err, found)
		}
		return nil
	})
	if seen := f.do(t, "held", "show", m.QueueID); strings.Count(seen, "\n") > 60 || !strings.Contains(seen, "X-Token: ") {
		t.Errorf("%s", seen)
	}
	file, shown := f.queued(t, m.QueueID)
	f.do(t, "--yes", "held", "delete", m.QueueID)
	f.wait(t, "the mail to be deleted", func() error {
		if list, err := f.Run(f.ctx, "held", "deleted"); err != nil || !strings.Contains(list, m.QueueID) {
			return fmt.Errorf("%v %s", err, list)
		}
		return nil
	})
	if _, err := os.Stat(filepath.Join(f.Site.Postfix.QueueDir, "hold", m.QueueID)); err == nil {
		t.Fatal("it is still in hold")
	}
	if out, err := f.Run(f.ctx, "held", "restore", other.QueueID); err == nil {
		t.Errorf("a mail that was not deleted was restored: %s", out)
	}
	var back struct {
		Mails []struct {
			QueueID string `json:"queue_id"`
			ID      string `json:"id"`
		}
	}
	if err := f.Ask(f.ctx, &back, "held", "restore", m.QueueID); err != nil || len(back.Mails) != 1 {
		t.Fatalf("%v %+v", err, back)
	}
	id := back.Mails[0].QueueID
	again, shownAgain := f.queued(t, id)
	if !bytes.Equal(file, again) {
		t.Errorf("%d octets were deleted, %d came back", len(file), len(again))
	}
	if shownAgain = strings.ReplaceAll(shownAgain, m.QueueID, "ID"); shown != shownAgain { // the file has its first name in it
		t.Errorf("was\n%s\nis\n%s", shown, shownAgain)
	}
	for _, r := range []string{"v1@example.net", "V2@Example.NET", "v4+tag@example.net", "v7@example.com"} {
		if !strings.Contains(shownAgain, "recipient: "+r) {
			t.Errorf("%s is not a recipient any more", r)
		}
	}
	if out, err := f.Run(f.ctx, "held", "restore", m.QueueID); err == nil {
		t.Errorf("it was restored twice: %s", out)
	}
	if list := f.do(t, "held", "list"); strings.Contains(list, "by others") || strings.Count(list, "a person") != 2 {
		t.Error(list)
	}
	f.do(t, "held", "release", id)
	f.do(t, "held", "release", other.QueueID)
	f.emptied(t)
	if ledger := f.account(t, []rig.Mail{m, other}); len(ledger.AtSink) != 14 {
		t.Error(ledger)
	}
}

// TestARestoreThatWasInterruptedIsDoneOnce: it was back in hold, and nobody had written that down.
func TestARestoreThatWasInterruptedIsDoneOnce(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	m := f.one("anna", stranger, "v1@example.net", "v2@example.net", "v3@example.net", "v4@example.net", "v5@example.net", "v6@example.net", "v7@example.net")
	f.do(t, "--yes", "held", "delete", m.QueueID)
	var copies []string
	f.wait(t, "the mail to be deleted", func() error {
		list, err := f.Run(f.ctx, "held", "deleted")
		copies, _ = filepath.Glob(filepath.Join(f.Postward.Dir, "trash", m.QueueID+"-*"))
		if err != nil || !strings.Contains(list, m.QueueID) || len(copies) != 1 {
			return fmt.Errorf("%v %s %v", err, list, copies)
		}
		return nil
	})
	text, err := os.ReadFile(copies[0])
	if err != nil {
		t.Fatal(err)
	}
	f.do(t, "held", "restore", m.QueueID)
	queue, err := f.Site.Postfix.Held()
	if err != nil || len(queue) != 1 {
		t.Fatalf("%v %v", queue, err)
	}
	// What a death leaves: the mail in hold, its copy in the trash, and not a word of it in the journal.
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copies[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := f.Run(f.ctx, "held", "restore", m.QueueID); err == nil {
		t.Errorf("it is known, and came back again: %s", out)
	}
	f.do(t, "held", "release", queue[0].ID)
	f.emptied(t)
	if ledger := f.account(t, []rig.Mail{m}); len(ledger.AtSink) != 7 {
		t.Error(ledger)
	}
}
