package follow

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// laid writes files into a directory of their own, and returns the log's path.
func laid(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "mail.log")
}

// A copy that is made of the log after it was opened, and before it is truncated, is not read besides it, not even while it
// is in the making.
func TestACopyInTheMakingIsNotReadBesidesTheLog(t *testing.T) {
	for _, copied := range []string{"one\ntwo\n", "one\n", "o"} {
		path := laid(t, map[string]string{"mail.log": ""})
		f := &follower{config: Config{Path: path}}
		seen, err := f.look() // the log is empty
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{path: "one\ntwo\n", path + ".1": copied} {
			if err := os.WriteFile(name, []byte(text), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := chain(path)
		if err != nil {
			t.Fatal(err)
		}
		next, _, err := f.first(seen, entries, Position{})
		if err != nil || next == nil || next.Name() != path {
			t.Errorf("copied %q: %v, %v", copied, next, err)
		}
		next.close()
	}
}

// What was copied away before the follower saw a line of it is read although the log stays empty.
func TestACopyIsReadWhileTheLogStaysEmpty(t *testing.T) {
	path := laid(t, map[string]string{"mail.log": ""})
	led := newLedger()
	stop := led.run(t, path, FromStart)
	led.await(t, "the first position", func() bool { return led.pos.Ino != 0 })
	stop()
	time.Sleep(2 * tick) // the file system's clock
	for name, text := range map[string]string{path + ".1": "one\n", path: ""} {
		if err := os.WriteFile(name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	stop = led.run(t, path, FromStart)
	defer stop()
	led.await(t, "the line of the copy", func() bool { return len(led.lines) == 1 })
}

// A log that is just being truncated is empty and has the time of its last line still (ext4): its copy was read.
func TestALogWithAnOldTimeIsNotReadTwice(t *testing.T) {
	old, later := time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	path := laid(t, map[string]string{"mail.log": "", "mail.log.1": "one\n"})
	for name, at := range map[string]time.Time{path: old, path + ".1": later} {
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	f := &follower{ctx: t.Context(), config: Config{Path: path}, out: func(Batch) error { return nil }, buf: make([]byte, bufferSize)}
	var err error
	if f.file, err = f.whole(path + ".1"); err != nil {
		t.Fatal(err)
	}
	next, err := f.whole(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.finish(next, nil); err != nil {
		t.Fatal(err)
	}
	defer f.leave()
	if err := os.WriteFile(path, []byte("two\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if copied, _, err := f.missed(); err != nil || copied != nil {
		t.Errorf("%v, %v", copied, err)
	}
}
