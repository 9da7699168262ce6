package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
	"postward/internal/run/store"
)

// guarded is a daemon that has a list, a held mail, and a backup.
func guarded(t *testing.T, dir string) *Daemon {
	t.Helper()
	d := begin(t, dir)
	heldMail(t, d)
	if err := d.backUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// goesOn checks that a daemon knows the list and the mail that the one before it held.
func goesOn(t *testing.T, dir, why string) {
	t.Helper()
	d := begin(t, dir)
	defer end(t, d)
	if s := d.status(); len(s.Troubles) == 0 || !strings.Contains(s.Troubles[0], why) {
		t.Errorf("status says %q, want something with %q", s.Troubles, why)
	}
	if a := d.judgeEnd(t.Context(), mail(2, "mallory", 1)); a.Action != guard.Reject {
		t.Errorf("the door is open: an account that is not listed gets %s", a.Action)
	}
	if m := d.state.Queued(fmt.Sprintf("%X", 0xA000001)); m == nil || !m.Waiting() {
		t.Errorf("the mail that is held is forgotten: %+v", m)
	}
}

func TestStoreDeletedWhilePostwardRunsIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	d := guarded(t, dir)
	must(t, d, "account/allow", ctl.AccountChange{Account: "late"}) // not in the backup yet
	if err := os.Remove(filepath.Join(dir, storeFile)); err != nil {
		t.Fatal(err)
	}
	if a := d.judgeEnd(t.Context(), mail(3, "anna", 1)); a.Action != guard.Tempfail {
		t.Errorf("what cannot be written is answered with %s", a.Action)
	}
	if err := d.rescue(); err == nil {
		t.Fatal("the daemon goes on without a store")
	}
	if n := len(d.held().Mails); n != 1 {
		t.Errorf("%d mails are held: one that was put off is counted", n)
	}
	d.store.Close() // says what could not be written
	goesOn(t, dir, "was gone")
	d = begin(t, dir)
	defer end(t, d)
	if a := d.state.Account("late"); a == nil || a.Listing == nil {
		t.Error("what was not in the last backup is forgotten, though the daemon knew it")
	}
}

func TestStoreDamagedWhilePostwardWasDown(t *testing.T) {
	dir := t.TempDir()
	end(t, guarded(t, dir))
	content, err := os.ReadFile(filepath.Join(dir, storeFile))
	if err != nil {
		t.Fatal(err)
	}
	clear(content[100:512])
	if err := os.WriteFile(filepath.Join(dir, storeFile), content, 0o600); err != nil {
		t.Fatal(err)
	}
	goesOn(t, dir, "was damaged")
	if kept, err := filepath.Glob(filepath.Join(dir, storeFile+".corrupt-*")); err != nil || len(kept) == 0 {
		t.Errorf("no copy of the damaged store was kept: %v", err)
	}
}

func TestStoreInUseIsSaid(t *testing.T) {
	dir := t.TempDir()
	d := guarded(t, dir)
	defer end(t, d)
	if _, err := store.Open(t.Context(), filepath.Join(dir, storeFile)); err == nil || !strings.Contains(err.Error(), "stop that postward first") {
		t.Errorf("a second postward: %v", err)
	}
}

// copyStore copies the store in dir to a name beside it, or back.
func copyStore(t *testing.T, dir, from, to string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, from))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, to), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnOldStoreThatIsPutBackOpensNoDoor(t *testing.T) {
	for _, running := range []bool{false, true} {
		dir := t.TempDir()
		d := begin(t, dir)
		must(t, d, "account/allow", ctl.AccountChange{Account: "mallory"})
		end(t, d)
		copyStore(t, dir, storeFile, "old")
		d = begin(t, dir)
		must(t, d, "account/deny", ctl.AccountChange{Account: "mallory"})
		heldMail(t, d)
		if err := d.backUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if running {
			if err := errors.Join(os.Remove(filepath.Join(dir, storeFile)), os.Rename(filepath.Join(dir, "old"), filepath.Join(dir, storeFile))); err != nil {
				t.Fatal(err)
			}
			d.judgeEnd(t.Context(), mail(3, "anna", 1)) // notices
			if d.rescue() == nil {
				t.Fatal("the daemon goes on with a store that is not its own")
			}
			d.store.Close() // says what could not be written
		} else {
			end(t, d)
			copyStore(t, dir, "old", storeFile)
		}
		goesOn(t, dir, "older than its backup")
		if kept, err := filepath.Glob(filepath.Join(dir, storeFile+".old-*")); err != nil || len(kept) == 0 {
			t.Errorf("no copy of the old store was kept: %v", err)
		}
		d = begin(t, dir)
		if s := d.status(); len(s.Troubles) > 1 || s.Open != 1 {
			t.Errorf("the start after: %q, %d incidents are open", s.Troubles, s.Open)
		}
		end(t, d)
	}
}

// A store that was made of a backup is not older than it, also when postward dies before the next one.
func TestAStoreMadeOfItsBackupIsNotOld(t *testing.T) {
	dir := t.TempDir()
	end(t, guarded(t, dir))
	if err := os.Remove(filepath.Join(dir, storeFile)); err != nil {
		t.Fatal(err)
	}
	goesOn(t, dir, "was gone")
	d := begin(t, dir)
	defer end(t, d)
	if s := strings.Join(d.status().Troubles, "|"); strings.Contains(s, "backup") {
		t.Errorf("status says %q", s)
	}
}
