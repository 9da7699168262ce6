package store

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postward/internal/guard"
)

func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLite(t *testing.T) {
	testStore(t, func(t *testing.T) func() *Store {
		path := filepath.Join(t.TempDir(), "store.db")
		return func() *Store { return mustOpen(t, path) }
	})
}

func TestCommitsReachTheDisk(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "store.db"))
	defer closed(t, s)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "page_size": "512", "wal_autocheckpoint": "4096", "busy_timeout": "5000",
	} {
		var got string
		if err := s.write.QueryRow("pragma " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("pragma %s = %s, %v, want %s", pragma, got, err, want)
		}
	}
	if _, err := s.read.Exec(`delete from journal`); err == nil {
		t.Error("a reading connection can write")
	}
}

func TestOnlyTheOwnerReadsTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, path)
	defer closed(t, s)
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", suffix, info, err)
		}
	}
}

func TestAPathIsNotTakenForOptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?mode=memory&x=%41#c.db")
	closed(t, mustOpen(t, path))
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestSecondPostwardIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, path)
	_, err := Open(t.Context(), path)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("second Open: %v", err)
	}
	if err := s.Healthy(); err != nil {
		t.Errorf("the first one suffers: %v", err)
	}
	closed(t, s)
	closed(t, mustOpen(t, path))
}

func TestMissingDirectoryIsSaid(t *testing.T) {
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "none", "store.db"))
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "there is no directory") {
		t.Errorf("Open: %v", err)
	}
}

func TestNewerSchemaIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, path)
	if _, err := s.write.Exec(`insert into schema_version (version_id, is_applied) values (7, 1)`); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = "this store was written by a newer postward (schema 7, this one knows 2): install that version or newer"
	if _, err := Open(t.Context(), path); !errors.Is(err, ErrNewer) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Open: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, %v", err)
	}
}

func TestDamagedStoreIsKeptAsideOnce(t *testing.T) {
	for name, spoil := range map[string]func(content []byte){
		"header": func(c []byte) { copy(c, "this is no database") },
		"schema": func(c []byte) { clear(c[100:pageSize]) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			s := mustOpen(t, path)
			newWorld("a", 4).tell(t, s.Writer(), 50)
			closed(t, s)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoil(content)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 3 { // a service that is restarted
				_, err := Open(t.Context(), path)
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "restore a backup") {
					t.Errorf("Open: %v", err)
				}
			}
			copies, err := filepath.Glob(path + ".corrupt-*")
			if err != nil || len(copies) != 1 {
				t.Fatalf("copies: %v, %v", copies, err)
			}
			if kept, err := os.ReadFile(copies[0]); err != nil || string(kept) != string(content) {
				t.Errorf("the copy differs, %v", err)
			}
		})
	}
}

func TestDamagedJournalIsNotReadAsAShortOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, path)
	newWorld("a", 4).tell(t, s.Writer(), 500)
	closed(t, s)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(content[len(content)/3 : len(content)/2])
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), path)
	if err == nil {
		defer s.Close()
		for _, e := range s.Tail(t.Context(), 0) {
			err = e
		}
	}
	if err == nil {
		t.Error("half the journal is gone, and nobody says so")
	}
}

func TestAStoreThatIsGoneIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, path)
	defer closed(t, s)
	w := newWorld("a", 5)
	if err := w.tell(t, s.Writer(), 10).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := w.tell(t, s.Writer(), 10).Wait(t.Context()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Wait = %v", err)
	}
	if err := s.Healthy(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Healthy = %v", err)
	}
	if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Writer().SetCursor("log", "x")
	if err := s.Writer().Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("Flush into another file = %v", err)
	}
	if _, err := s.Writer().Append(&guard.Event{Key: "x"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Append = %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	awaitHealth(t, s)
	if err := w.tell(t, s.Writer(), 10).Wait(t.Context()); err != nil {
		t.Errorf("Wait after the file is back: %v", err)
	}
	if got, want := asJSON(t, restored(t, s).All()), asJSON(t, w.state.All()); got != want {
		t.Errorf("the journal parted from the state:\n%s\nwant\n%s", got, want)
	}
}
