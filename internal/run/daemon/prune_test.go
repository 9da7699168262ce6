package daemon

import (
	"bytes"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"

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
