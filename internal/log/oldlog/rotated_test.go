package oldlog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// put writes files of one line into a new directory, changed one minute after the other, and names those found in it.
func put(t *testing.T, names string, step time.Duration) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i, name := range strings.Fields(names) {
		path := filepath.Join(dir, name)
		at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * step)
		if err := os.WriteFile(path, []byte("x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func found(t *testing.T, paths ...string) string {
	t.Helper()
	files, err := Find(paths...)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.Path))
	}
	return strings.Join(names, " ")
}

func TestADirectorysLinesAreReadOnce(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"mail.log.1 mail.log mail.info mail.info.1 syslog syslog.1", "mail.log.1 mail.log"},
		{"mail.info.1 mail.info syslog", "mail.info.1 mail.info"},
		{"mail-20261101.xz mail mail.info messages", "mail-20261101.xz mail"},
		{"maillog-20261101 maillog messages", "maillog-20261101 maillog"},
		{"messages syslog.1", "syslog.1"},
		{"messages-20261101 messages auth.log", "messages-20261101 messages"},
		{"postfix.log mail.log", "postfix.log"},
		{"mail.2.log.gz mail.1.log mail.log mail.err", "mail.2.log.gz mail.1.log mail.log"},
		{"mail.log.2.gz mail.log.2 mail.log.1 mail.log.1.gz mail.log", "mail.log.2 mail.log.1 mail.log"},
	} {
		if got := found(t, put(t, c.names, time.Minute)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.names, got, c.want)
		}
	}
}

func TestCopiesAreReadAsTheyWereRotated(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"mail.log mail.log.1 mail.log.10.gz mail.log.2.gz", "mail.log.10.gz mail.log.2.gz mail.log.1 mail.log"},
		{"mail.log mail.log-20261108 mail.log-20261101", "mail.log-20261101 mail.log-20261108 mail.log"},
		{"mail.1.log mail.2.log mail.log", "mail.2.log mail.1.log mail.log"},
	} {
		for _, step := range []time.Duration{0, time.Second} { // cp -r: no times at all, or those of copying
			dir := put(t, c.names, step)
			var each []string
			for _, name := range strings.Fields(c.names) {
				each = append(each, filepath.Join(dir, name))
			}
			if got := found(t, dir); got != c.want {
				t.Errorf("%v apart: %s", step, got)
			}
			if got := found(t, each...); got != c.want {
				t.Errorf("%v apart, named: %s", step, got)
			}
		}
	}
	dir := put(t, "old.log old.log.1 old.log.2", 0)
	if got := found(t, dir+"/old.log", dir+"/old.log.1", dir+"/old.log.2"); got != "old.log.2 old.log.1 old.log" {
		t.Error(got)
	}
	dir = put(t, "part-1.log part-2.log", time.Minute) // not rotated: their times tell
	if got := found(t, dir+"/part-2.log", dir+"/part-1.log"); got != "part-1.log part-2.log" {
		t.Error(got)
	}
}

func TestSeveralLogsAreReadIntoEachOther(t *testing.T) {
	a, b := put(t, "mail.log.1 mail.log", 48*time.Hour), put(t, "maillog-20261119 maillog", 24*time.Hour)
	if got := found(t, b, a); got != "mail.log.1 maillog-20261119 maillog mail.log" && got != "maillog-20261119 mail.log.1 maillog mail.log" {
		t.Error(got)
	}
}

func TestRotationsOfALogThatIsGone(t *testing.T) {
	dir := put(t, "postward.log.1 postward.log.2.gz other.log", time.Minute)
	files, err := Rotations(filepath.Join(dir, "postward.log"))
	if err != nil || len(files) != 2 || filepath.Base(files[0].Path) != "postward.log.2.gz" {
		t.Errorf("%v %v", files, err)
	}
}
