package daemon

import (
	"bytes"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"postward/internal/run/ctl"
)

// ear hears one thing in the log.
type ear struct {
	text  string
	heard chan struct{} // closed when it is logged
}

func (e *ear) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(e.text)) {
		close(e.heard)
	}
	return len(b), nil
}

// Somebody else has the store locked, so that pruning takes five seconds and fails.
func TestWhatIsDueDoesNotWaitForPruning(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	t.Cleanup(func() { end(t, d) })
	m := heldMail(t, d)
	must(t, d, "held/release", ctl.MailsRequest{QueueIDs: []string{m.QueueID}})
	if err := d.backUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	release := (<-d.due).effect.ID
	again := func() {
		d.mu.Lock()
		d.state.Effects()[release].Next = 0
		delete(d.inLine, release)
		d.mu.Unlock()
	}
	again()
	other, err := sql.Open("sqlite", "file:"+filepath.Join(dir, storeFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	if _, err := other.Exec("begin immediate"); err != nil {
		t.Fatal(err)
	}
	e := &ear{"journal not pruned", make(chan struct{})}
	d.log = slog.New(slog.NewTextHandler(e, nil))
	runs(t, d.tick)
	<-d.due
	again()
	select {
	case <-d.due:
	case <-e.heard:
		t.Error("what is due waited until the journal was not pruned")
	}
}

// journalled counts what the journal holds.
func journalled(t *testing.T, d *Daemon) (n int) {
	t.Helper()
	for _, err := range d.store.Tail(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestAClockThatIsAheadPrunesNoJournal(t *testing.T) {
	const day = 24 * time.Hour
	for name, running := range map[string]time.Duration{"at boot": 0, "while it runs": 5 * day} {
		dir := t.TempDir()
		d := begin(t, dir)
		heldMail(t, d)
		end(t, d)
		d = begin(t, dir)
		if err := d.backUp(t.Context()); err != nil { // what the checkpoint lacks is not pruned
			t.Fatal(err)
		}
		all := journalled(t, d)
		p, err := d.pruning(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		hourly := func(from, to, ahead time.Duration) {
			for at := from; at <= to; at += pruneLook {
				if _, err := d.prune(t.Context(), p, time.Now().Add(at+ahead), at); err != nil {
					t.Fatal(err)
				}
			}
		}
		hourly(0, running-pruneLook, 0)
		hourly(running, running+10*day, 400*day) // nobody sets it right for ten days
		if n := journalled(t, d); n != all {
			t.Errorf("%s: of %d events %d are left", name, all, n)
		}
		if name == "while it runs" {
			hourly(running+10*day, 93*day, 0)
			if n := journalled(t, d); n != 0 {
				t.Errorf("%s: %d events are kept for more than 90 days", name, n)
			}
		}
		end(t, d)
	}
}
