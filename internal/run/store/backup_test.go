package store

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"postward/internal/guard"
)

// backedUp makes a store with a history and a backup of it, closes it, and returns its State as JSON.
func backedUp(t *testing.T) (path, rows string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, path)
	w := newWorld("a", 4)
	w.tell(t, s.Writer(), 200)
	s.Writer().Checkpoint(w.state.TakeChanges())
	if err := errors.Join(s.Writer().Flush(t.Context()), s.Backup(t.Context())); err != nil {
		t.Fatal(err)
	}
	rows = stateOf(t, s)
	newWorld("b", 5).tell(t, s.Writer(), 100) // lost with the store
	closed(t, s)
	return path, rows
}

// stateOf is the rows of the last checkpoint.
func stateOf(t *testing.T, s *Store) string {
	t.Helper()
	rows, _, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLostStoreBeginsAnewWithItsBackup(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"deleted":   os.Remove,
		"truncated": func(p string) error { return os.Truncate(p, 700) },
		"overwritten": func(p string) error {
			return os.WriteFile(p, []byte("this is no database, this is no database, this is no database"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, want := backedUp(t)
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			if name == "deleted" != Gone(path) {
				t.Errorf("Gone says %v", Gone(path))
			}
			if _, err := Restore(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, path)
			if got := stateOf(t, s); got != want {
				t.Errorf("got %.300s\nwant %.300s", got, want)
			}
			w := newWorld("c", 6) // it goes on
			w.tell(t, s.Writer(), 20)
			closed(t, s)
			copies, err := filepath.Glob(path + ".corrupt-*")
			if err != nil || (name == "deleted") != (len(copies) == 0) {
				t.Errorf("copies of the lost one: %v, %v", copies, err)
			}
		})
	}
}

func TestHalfABackupIsNoBackup(t *testing.T) {
	path, _ := backedUp(t)
	content, err := os.ReadFile(backupOf(path))
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, len(content) / 2, len(content) - 3} {
		if err := os.WriteFile(backupOf(path), content[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), path); err == nil {
			t.Errorf("%d of %d octets were taken for a backup", n, len(content))
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("the store was changed, %v", err)
		}
	}
}

func TestRowThatIsNoJSONIsDamage(t *testing.T) {
	path, _ := backedUp(t)
	s := mustOpen(t, path)
	defer closed(t, s)
	if _, err := s.write.Exec(`update account set body = '{"name":' where name = (select min(name) from account)`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Load(t.Context()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Load: %v", err)
	}
}

func TestWithoutABackupThereIsNothingToRestore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if _, err := Restore(t.Context(), path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if Gone(path) {
		t.Error("a store that never was is gone")
	}
	s := mustOpen(t, path)
	defer closed(t, s)
	s.path = filepath.Join(path, "no", "directory")
	if err := s.LastBackup(&guard.Rows{}); err == nil {
		t.Error("a backup was written nowhere")
	}
}
