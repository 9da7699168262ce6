//go:build daemons

package spine_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"postward/test/rig"
)

// A queue that is restored or moved has other inodes, and postsuper(1) gives each mail another queue ID at the start. What
// cools is still let go, and what an operator releases is released.
func TestRestoredQueueLosesNoHeldMail(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[cooling]\ntime = \"30s\"\n"})
	f.do(t, "account", "allow", "anna")
	sent := []rig.Mail{f.one("anna", stranger, "x@example.net"), f.one("anna", stranger, "y@example.net")}
	f.wait(t, "both cool", func() error {
		if s := f.status(t); s.Cooling != 2 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if err := f.Site.Postfix.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	restore(t, filepath.Join(f.Site.Postfix.QueueDir, "hold"))
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.Site.Postfix.LogPath, 0o666); err != nil { // postsuper(1) writes to it as the user postfix
		t.Fatal(err)
	}
	if err := f.Site.Postfix.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.Sink.WaitLen(f.ctx, 2); err != nil {
		t.Fatal(err)
	}
	f.account(t, sent)
	if s := f.status(t); len(s.Troubles) > 1 { // nobody is told in this room
		t.Errorf("%q", s.Troubles)
	}
}

// restore puts copies in the place of a directory's files, with the owners and times of the files.
func restore(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatal("nothing to restore", err)
	}
	var old []*os.File // keeps the inodes from being used again
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		old = append(old, f)
		if out, err := exec.Command("sh", "-c", `cp -a "$1" "$1.copy" && mv "$1.copy" "$1"`, "sh", name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, f := range old {
		f.Close()
	}
}
