//go:build daemons

package spine_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"postward/test/rig"
)

// TestALogOfRootsAloneIsRead, as Postfix's own is from 3.9 on: before it is rotated, while postward is down, and after it.
func TestALogOfRootsAloneIsRead(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	log := f.Site.Postfix.LogPath
	gone := func(n int) {
		t.Helper()
		sent := f.one("anna", office, "b@example.net")
		f.wait(t, "postward has read that it left", func() error {
			if q := queued(t, f); q != 0 || f.Sink.Len() != n {
				return fmt.Errorf("%d queued, %d arrived: %s", q, f.Sink.Len(), sent.Reply)
			}
			return nil
		})
	}
	if err := os.Chmod(log, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.KillChild(); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "the next daemon", func() error { return f.Ask(f.ctx, new(status), "status") })
	gone(1)
	if err := f.Site.Postfix.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Site.Postfix.Start(); err != nil {
		t.Fatal(err)
	}
	gone(2)
	for _, trouble := range f.status(t).Troubles {
		if strings.Contains(trouble, "log") {
			t.Error(trouble)
		}
	}
}

// queued is how many mails postward believes to be on their way.
func queued(t *testing.T, f *field) int {
	t.Helper()
	var s struct{ Queued int }
	if err := f.Ask(f.ctx, &s, "status"); err != nil {
		t.Fatal(err)
	}
	return s.Queued
}
