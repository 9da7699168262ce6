package follow

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// FuzzSplit cuts any bytes into lines, and puts them together again.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("one\ntwo\n\nthree"), 2)
	f.Add(bytes.Repeat([]byte("x"), MaxLine+2), 1)
	f.Add(append(bytes.Repeat([]byte("x"), MaxLine+2), '\n'), 1)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		const base = 1000
		limit = limit&0xf + 1
		var all []byte
		rest := b
		for {
			at := base + int64(len(all))
			lines, done := split(rest, at, nil, limit)
			if len(lines) > limit || (len(lines) == 0) != (done == 0) {
				t.Fatalf("%d lines take %d bytes", len(lines), done)
			}
			if done == 0 {
				break
			}
			for _, line := range lines {
				if line.Offset != base+int64(len(all)) || len(line.Text) > MaxLine || bytes.IndexByte(line.Text, '\n') >= 0 {
					t.Fatalf("line %+v", line)
				}
				whole := b[len(all) : len(all)+bytes.IndexByte(b[len(all):], '\n')+1]
				if line.Cut != (len(whole)-1 > MaxLine) || !bytes.HasPrefix(whole, line.Text) {
					t.Fatalf("line of %d is cut: %v", len(whole), line.Cut)
				}
				all = append(all, whole...)
			}
			rest = rest[done:]
		}
		if !bytes.HasPrefix(b, all) || bytes.IndexByte(rest, '\n') >= 0 || len(all)+len(rest) != len(b) {
			t.Fatalf("%d of %d bytes were taken", len(all), len(b))
		}
	})
}

func TestRotatedFilesAreOrderedByAge(t *testing.T) {
	for _, c := range []struct {
		log         string
		files, want []string
	}{
		{"mail.log", []string{"mail.log.2", "mail.log.10", "mail.log.1", "mail.log", "mail.log.3.gz", "mail.log.2.gz", "mail.log.old", "mail.log.1.swp", "mail.logs.1", "mail.err.1", "mail.log.gz"},
			[]string{"mail.log.10", "mail.log.3.gz", "mail.log.2", "mail.log.1", "mail.log"}},
		{"mail.log", []string{"mail.log", "mail.log-20241123", "mail.log-20241122.xz", "mail.log-20241124-1732400000"},
			[]string{"mail.log-20241122.xz", "mail.log-20241123", "mail.log-20241124-1732400000", "mail.log"}},
		{"mail.log", []string{"mail.1.log", "mail.2.log.zst", "mail.log", "mail-x.log"}, []string{"mail.2.log.zst", "mail.1.log", "mail.log"}},
		{"maillog", []string{"maillog-20241101", "maillog", "maillog-20241108"}, []string{"maillog-20241101", "maillog-20241108", "maillog"}},
	} {
		dir := t.TempDir()
		for _, name := range c.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(dir, c.log+".9"), 0o700); err != nil {
			t.Fatal(err)
		}
		entries, err := chain(filepath.Join(dir, c.log))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, filepath.Base(e.path))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v\n got %v\nwant %v", c.files, got, c.want)
		}
	}
}

func TestWhatCameAfterAVanishedFile(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	entries := []entry{
		{path: "log.4", suffix: "4", changed: at(10), id: identity{1, 4}},
		{path: "log.3.gz", suffix: "3", compressed: true, changed: at(20), id: identity{1, 3}},
		{path: "log.2.gz", suffix: "2", compressed: true, changed: at(30), id: identity{1, 2}},
		{path: "log", changed: at(5), id: identity{1, 9}},
	}
	got := since(entries, identity{1, 77}, at(20))
	if len(got) != 2 || got[0].path != "log.2.gz" || got[1].path != "log" {
		t.Errorf("%v", got)
	}
	if got := since(entries, identity{1, 3}, at(0)); len(got) != 2 || got[0].path != "log.2.gz" {
		t.Errorf("%v", got)
	}
}
