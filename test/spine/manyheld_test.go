//go:build daemons

package spine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"postward/test/rig"
)

// TestManyMailsOnHoldCostLittle: a start with its comparison, a release and a status take at most twice what they take with few, for
// nothing lists the whole queue.
func TestManyMailsOnHoldCostLittle(t *testing.T) {
	many := 10_000
	if os.Getenv("PROVE") != "" {
		many = 100_000
	}
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[cooling]\ntime = \"1h\"\n"})
	f.do(t, "account", "allow", "anna")
	var sent []rig.Mail
	for n := range 2 * tries {
		sent = append(sent, f.one("anna", stranger, fmt.Sprintf("friend%d@example.net", n)))
	}
	hold := filepath.Join(f.Site.Postfix.QueueDir, "hold")
	file, err := os.ReadFile(filepath.Join(hold, sent[0].QueueID))
	if err != nil {
		t.Fatal(err)
	}
	few := f.timed(t, sent[:tries], 100, func() { multiply(t, hold, file, 0, 100) })
	lot := f.timed(t, sent[tries:], many, func() { multiply(t, hold, file, 100, many) })
	for what := range few {
		t.Logf("%s: %v with 100 on hold, %v with %d", what, few[what], lot[what], many)
		if lot[what] > 2*few[what]+50*time.Millisecond {
			t.Errorf("%s takes %v with %d mails on hold, and %v with 100", what, lot[what], many, few[what])
		}
	}
}

const tries = 3

// timed returns the best of some times that things take, one for each mail that can be released, after others were put on hold.
func (f *field) timed(t *testing.T, mails []rig.Mail, others int, put func()) map[string]time.Duration {
	t.Helper()
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	put()
	best := map[string]time.Duration{}
	note := func(what string, began time.Time) {
		if took := time.Since(began); best[what] == 0 || took < best[what] {
			best[what] = took
		}
	}
	for i, m := range mails {
		began := time.Now()
		if err := f.Start(); err != nil {
			t.Fatal(err)
		}
		note("a start", began)
		f.wait(t, "the comparison", func() error {
			if s := f.status(t); s.Foreign != others {
				return fmt.Errorf("%d by others", s.Foreign)
			}
			return nil
		})
		note("a start and a comparison", began)
		began = time.Now()
		f.status(t)
		note("a status", began)
		before, began := len(f.Sink.Deliveries()), time.Now()
		f.do(t, "held", "release", m.QueueID)
		if err := f.Sink.WaitLen(f.ctx, before+1); err != nil {
			t.Fatal(err)
		}
		note("a release", began)
		if i == len(mails)-1 {
			break
		}
		if err := f.Postward.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	return best
}

// multiply lays copies of a queue file into hold, each under the queue ID that its inode wants.
func multiply(t *testing.T, hold string, file []byte, from, to int) {
	t.Helper()
	owner, err := os.Stat(hold)
	if err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(hold, "part")
	for n := from; n < to; n++ {
		if err := os.WriteFile(part, file, 0o700); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(part)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%05X%X", n, info.Sys().(*syscall.Stat_t).Ino)
		err = errors.Join(os.Chown(part, int(owner.Sys().(*syscall.Stat_t).Uid), -1), os.Rename(part, filepath.Join(hold, name)))
		if err != nil {
			t.Fatal(err)
		}
	}
}
