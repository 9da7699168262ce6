//go:build daemons

package postfix_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"postward/internal/host/postfix"
	"postward/test/rig"
)

// TestWhatIsFoundIsWhatIsListed: by ID as postqueue(1) lists it, however the queue and its IDs look, whether Postfix runs or not, in
// whatever zone its tools print times, with IDs between them that nobody has, and with a file that is damaged.
func TestWhatIsFoundIsWhatIsListed(t *testing.T) {
	for name, main := range map[string]map[string]string{
		"as Debian ships it": {},
		"long queue IDs":     {"enable_long_queue_ids": "yes", "import_environment": "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME TZ=America/New_York"},
		"hashed":             {"hash_queue_names": "hold, deferred, defer", "hash_queue_depth": "2"},
		"hashed, long":       {"hash_queue_names": "hold, deferred, defer", "hash_queue_depth": "2", "enable_long_queue_ids": "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, pause := range []string{"queue_run_delay", "minimal_backoff_time", "maximal_backoff_time"} {
				main[pause] = "1h" // what is deferred stays so
			}
			main["smtpd_recipient_restrictions"] = "check_recipient_access inline:{ {held@example.net = HOLD} }, permit_mynetworks, reject"
			s := rig.TestSite(t, rig.PostfixConfig{Main: main}, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			i := postfix.Instance{ConfigDir: s.Postfix.ConfigDir}
			s.Sink.Answer("later@example.net", rig.Answer{Code: 451, Text: "4.3.0 not now"})
			for _, to := range []string{"held@example.net", "held@example.net", "later@example.net"} {
				for _, from := range []string{"a@example.org", ""} {
					if m := (rig.Client{Addr: s.Postfix.SMTP()}).SendOne(ctx, rig.Mail{From: from, To: []string{to}}); m.Outcome != rig.Accepted {
						t.Fatalf("<%s> to %s: %d %s", from, to, m.Code, m.Reply)
					}
				}
			}
			if err := s.Postfix.WaitQueue(ctx, "two deferred mails", deferred(2)); err != nil {
				t.Fatal(err)
			}
			agree(ctx, t, i, s.Postfix, 4)
			if err := s.Postfix.Stop(); err != nil {
				t.Fatal(err)
			}
			agree(ctx, t, i, s.Postfix, 4)
			damage(t, s.Postfix)
			agree(ctx, t, i, s.Postfix, 3)
		})
	}
}

func deferred(n int) func([]rig.Queued) error {
	return func(all []rig.Queued) error {
		if got := len(slices.DeleteFunc(slices.Clone(all), func(q rig.Queued) bool { return q.Queue != "deferred" })); got != n {
			return fmt.Errorf("%d of %+v", got, all)
		}
		return nil
	}
}

// agree compares what is found with what is listed, of which so many are in hold and sound.
func agree(ctx context.Context, t *testing.T, i postfix.Instance, p *rig.Postfix, sound int) {
	t.Helper()
	all, err := p.Queue()
	if err != nil || len(all) != sound+2 {
		t.Fatal(all, err)
	}
	named, err := i.HeldIDs(ctx) // with the one that is damaged
	if err != nil || len(named) != 4 {
		t.Errorf("in hold are %v (%v)", named, err)
	}
	want, ids := map[postfix.QueueID]postfix.Entry{}, append([]postfix.QueueID{"ABCDEF1", "4dXYZ12345z6789"}, named...)
	for _, q := range all {
		e := postfix.Entry{Queue: q.Queue, ID: postfix.QueueID(q.ID), Sender: q.Sender, Arrived: time.Unix(q.Arrival, 0), Size: q.Size}
		if e.Sender == "MAILER-DAEMON" { // as showq(8) has it
			e.Sender = ""
		}
		if e.Queue == postfix.QueueHold && !slices.Contains(named, e.ID) {
			t.Errorf("%s is in hold and not among %v", e.ID, named)
		}
		want[e.ID], ids = e, append(ids, e.ID)
	}
	found, err := i.Find(ctx, ids)
	if err != nil || len(found) != len(all) {
		t.Errorf("found are %v (%v), listed %v", found, err, all)
	}
	for id, e := range found {
		if *e != want[id] {
			t.Errorf("%+v is listed as %+v", *e, want[id])
		}
	}
}

// damage cuts the file of a held mail in its envelope.
func damage(t *testing.T, p *rig.Postfix) {
	t.Helper()
	held, err := p.Held()
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(p.QueueDir, "hold"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != held[0].ID {
			return err
		}
		return os.Truncate(path, 20)
	})
	if err != nil {
		t.Fatal(err)
	}
}
