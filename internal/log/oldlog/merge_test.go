package oldlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// clock reads lines that begin with a number of seconds.
func clock(_ *File, line []byte, _ time.Time) (time.Time, bool) {
	var n int64
	if _, err := fmt.Sscanf(string(line), "%d ", &n); err != nil {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

// merged is what Merge hands out of files with these texts, by their names, each line with the name of its file.
func merged(t *testing.T, texts map[string]string, order ...string) (lines, notRead []string) {
	t.Helper()
	dir := t.TempDir()
	var files []File
	for _, name := range order {
		path := filepath.Join(dir, name)
		if text := texts[name]; text != "missing" {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files = append(files, File{Path: path})
	}
	notRead, err := Merge(t.Context(), files, nil, clock, func(f *File, line []byte, _ time.Time) { lines = append(lines, filepath.Base(f.Path)+":"+string(line)) })
	if err != nil {
		t.Fatal(err)
	}
	return lines, notRead
}

func TestLinesComeInTheOrderOfTheirStamps(t *testing.T) {
	texts := map[string]string{"a": "50 a\n51 b\nno stamp\n60 c\n", "b": "10 d\n11 e\n", "c": "49 f\n52 g\nno stamp\n70 h\n", "d": "no stamp at all\n", "e": ""}
	const want = "d:no stamp at all b:10 d b:11 e c:49 f a:50 a a:51 b a:no stamp c:52 g c:no stamp a:60 c c:70 h"
	for _, order := range [][]string{{"a", "b", "c", "d", "e"}, {"e", "d", "c", "b", "a"}, {"c", "a", "e", "b", "d"}} {
		if lines, notRead := merged(t, texts, order...); strings.Join(lines, " ") != want || len(notRead) != 0 {
			t.Errorf("%v: %s, %q", order, strings.Join(lines, " "), notRead)
		}
	}
}

func TestWhatCannotBeReadIsSaidOnceAndTheOthersAreRead(t *testing.T) {
	lines, notRead := merged(t, map[string]string{"a": "1 a\n", "b": "missing", "c": "2 c\n", "d.gz": "\x1f\x8b broken"}, "a", "b", "c", "d.gz")
	if strings.Join(lines, " ") != "a:1 a c:2 c" || len(notRead) != 2 {
		t.Errorf("%q, %q", lines, notRead)
	}
}

func TestManyFilesOfOneTimeAreReadBoundedly(t *testing.T) {
	texts, order, total := map[string]string{}, []string{}, 0
	for n := range 3 * maxOpen {
		name := fmt.Sprintf("f%02d", n)
		order = append(order, name)
		texts[name] = strings.Repeat("7 x\n8 y\n", 5)
		total += 10
	}
	if lines, _ := merged(t, texts, order...); len(lines) != total {
		t.Errorf("%d lines of %d", len(lines), total)
	}
}

func TestAMergeEndsWhenItIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte(strings.Repeat("1 x\n", 20_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	_, err := Merge(ctx, slices.Repeat([]File{{Path: path}}, 2), nil, clock, func(*File, []byte, time.Time) {
		if n++; n == 10 {
			cancel()
		}
	})
	if err == nil || n > 10_000 {
		t.Errorf("%v after %d lines", err, n)
	}
}

// TestTheTimeOfAFilesFirstLineIsNotToldOfItsLast: by it the reader would tell the year of a stamp without one.
func TestTheTimeOfAFilesFirstLineIsNotToldOfItsLast(t *testing.T) {
	dir := t.TempDir()
	var files []File
	for name, text := range map[string]string{"a": "10 a\n20 b\n", "b": "30 c\n90000 d\n180000 e\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, File{Path: path})
	}
	_, err := Merge(t.Context(), files, nil, clock, func(f *File, line []byte, at time.Time) {
		if own, _ := clock(f, line, at); !at.IsZero() && !at.Equal(own) {
			t.Errorf("%s is told with the time %d", line, at.Unix())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
