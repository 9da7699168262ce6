package rig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Nobody is the user, and the group, that stands for a hijacked daemon.
const Nobody = 65534

// WriteFile writes a file of a test, and makes the directory that it is in.
func WriteFile(t testing.TB, path string, b []byte, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, mode)); err != nil {
		t.Fatal(err)
	}
}

// WriteDir is a new directory with files in it, by name and text, that nobody else reads. It goes with the test.
func WriteDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		WriteFile(t, filepath.Join(dir, name), []byte(text), 0o600)
	}
	return dir
}

// ReadFile is the text of a file that must be there.
func ReadFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// OpenDir is a directory that other users can enter: t.TempDir's cannot be. It goes with the test.
func OpenDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// HostileState is a state directory of the user Nobody, in which root writes, and a file of root's beside it that was
// changed last at a time. Who is not root skips.
func HostileState(t testing.TB, changed time.Time) (state, victim string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be led astray by nobody")
	}
	base := OpenDir(t)
	state, victim = filepath.Join(base, "state"), filepath.Join(base, "victim")
	WriteFile(t, victim, []byte("root's alone"), 0o600)
	if err := errors.Join(os.Mkdir(state, 0o750), os.Chown(state, Nobody, Nobody), os.Chtimes(victim, changed, changed)); err != nil {
		t.Fatal(err)
	}
	return state, victim
}
