//go:build daemons

package spine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"postward/test/rig"
)

// postsuper -r gives each mail another queue ID, takes it off hold, and asks no milter: an administrator let it go. It is
// still the mail of its account.
func TestRequeuedMailIsFollowedUnderItsNewID(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	f.Sink.Answer("later@example.net", rig.Answer{Code: 451, Text: "4.3.0 not now"})
	sent := []rig.Mail{
		f.one("anna", office, "later@example.net"),
		f.one("anna", stranger, "v1@example.net", "v2@example.net", "v3@example.net", "v4@example.net", "v5@example.net", "v6@example.net", "v7@example.net"),
	}
	queued := func(deferred, held int) func() error {
		return func() error {
			var s struct{ Queued, Held int }
			if err := f.Ask(f.ctx, &s, "status"); err != nil || s.Queued == deferred && s.Held == held {
				return err
			}
			return fmt.Errorf("%+v", s)
		}
	}
	f.wait(t, "one mail is deferred, one held", queued(1, 1))
	f.wait(t, "the first was tried", func() error {
		if !strings.Contains(f.Site.Postfix.LogTail(100), "status=deferred") {
			return errors.New("not yet")
		}
		return nil
	})
	for _, tool := range [][]string{{"postsuper", "-r", "ALL"}, {"postkick", "public", "pickup", "W"}} {
		if out, err := f.Site.Postfix.Command(f.ctx, tool[0], tool[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	f.wait(t, "the one is deferred again under another ID, the other is gone", queued(1, 0))
	f.Sink.Answer("later@example.net", rig.Answer{})
	f.wait(t, "nothing is left", f.flushing(queued(0, 0)))
	if ledger := f.account(t, sent); len(ledger.AtSink) != 8 {
		t.Error(ledger)
	}
}

// flushing has Postfix try everything again for as long as a fact is not so: what is being delivered in the moment it skips.
func (f *field) flushing(fact func() error) func() error {
	return func() error {
		err := fact()
		if err != nil {
			err = errors.Join(err, f.Site.Postfix.Command(f.ctx, "postqueue", "-f").Run())
		}
		return err
	}
}

// TestRequeuedMailIsFollowedHoweverItsSenderIsWritten: postsuper -r gives the mail another queue ID; the log has the reverse-path as the
// client wrote it.
func TestRequeuedMailIsFollowedHoweverItsSenderIsWritten(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna", "--address", "*@example.org")
	f.Sink.Answer("later@example.net", rig.Answer{Code: 451, Text: "4.3.0 not now"})
	var sent []rig.Mail
	for _, from := range []string{"Anna@Example.ORG", `"anna"@example.org`, `"an na"@example.org`, "ANNA@example.org."} {
		sent = append(sent, f.client("anna", office).SendOne(f.ctx, rig.Mail{From: from, To: []string{"later@example.net"}, Header: "From: <anna@example.org>\r\n"}))
	}
	queued := func(n int) func() error {
		return func() error {
			var s struct{ Queued int }
			if err := f.Ask(f.ctx, &s, "status"); err != nil || s.Queued == n {
				return err
			}
			return fmt.Errorf("%d mails are followed, not %d", s.Queued, n)
		}
	}
	f.wait(t, "all to be deferred", func() error {
		if n := strings.Count(f.Site.Postfix.LogTail(200), "status=deferred"); n < len(sent) {
			return errors.New("not yet")
		}
		return queued(len(sent))()
	})
	for _, tool := range [][]string{{"postsuper", "-r", "ALL"}, {"postkick", "public", "pickup", "W"}} {
		if out, err := f.Site.Postfix.Command(f.ctx, tool[0], tool[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	f.wait(t, "each to be requeued", func() error {
		if n := strings.Count(f.Site.Postfix.LogTail(500), "orig_id="); n < len(sent) {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	f.Sink.Answer("later@example.net", rig.Answer{})
	f.wait(t, "nothing to be left", f.flushing(queued(0)))
	if err := f.Sink.WaitLen(f.ctx, len(sent)); err != nil {
		t.Error(err)
	}
}
