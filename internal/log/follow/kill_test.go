package follow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The process that follows is this test binary again; it is told by these what to follow and where to keep what it read.
const followVar, keepVar = "POSTWARD_FOLLOW", "POSTWARD_KEEP"

// record is what the process keeps of a batch, in one write: the lines' numbers, and the position behind them.
type record struct {
	Lines []int    `json:"lines"`
	Gaps  []Gap    `json:"gaps,omitempty"`
	Next  Position `json:"next"`
}

// kept reads whole records; a kill may have torn the last one.
func kept(t *testing.T, path string) (all []record, whole int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return all, whole
		}
		var r record
		if err := json.Unmarshal(b[:end], &r); err != nil {
			t.Fatal(err)
		}
		all, whole, b = append(all, r), whole+int64(end)+1, b[end+1:]
	}
}

// TestFollowing is the process that is killed.
func TestFollowing(t *testing.T) {
	path, keep := os.Getenv(followVar), os.Getenv(keepVar)
	if path == "" {
		t.Skip("for TestEveryLineOnceThoughTheProcessIsKilled")
	}
	before, whole := kept(t, keep)
	out, err := os.OpenFile(keep, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = out.Truncate(whole)
	}
	if err == nil {
		_, err = out.Seek(whole, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Path: path, Begin: FromStart, Poll: 10 * time.Millisecond}
	if len(before) > 0 {
		c.From = before[len(before)-1].Next
	}
	t.Fatal(Follow(t.Context(), c, func(b Batch) error {
		r := record{Next: b.Next, Gaps: b.Gaps}
		for _, l := range b.Lines {
			n := 0
			if _, err := fmt.Sscanf(string(l.Text), "line %d ", &n); err != nil {
				return fmt.Errorf("%q: %w", l.Text, err)
			}
			r.Lines = append(r.Lines, n)
		}
		text, err := json.Marshal(r)
		if err == nil {
			_, err = out.Write(append(text, '\n'))
		}
		return err
	}))
}

// TestEveryLineOnceThoughTheProcessIsKilled: lines are written as fast as it goes while the log is rotated, and the
// process that follows is killed 20 times (SIGKILL), mostly in the middle of its work.
func TestEveryLineOnceThoughTheProcessIsKilled(t *testing.T) {
	const kills, rotations = 20, 25
	total := 20_000
	if os.Getenv("PROVE") != "" {
		total = 200_000
	}
	for name, rotate := range map[string]func(l *log){
		"rename":       func(l *log) { l.rename(); l.reopen() },
		"copytruncate": func(l *log) { l.copyTruncate() },
		"rename and compress the last but one": func(l *log) {
			l.rename()
			l.reopen()
			if out, err := exec.Command("gzip", "-f", l.path+".2").CombinedOutput(); err != nil && exists(l.path+".2") {
				l.must(fmt.Errorf("gzip: %w: %s", err, out))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := newLog(t)
			log.reopen()
			keep := filepath.Join(t.TempDir(), "kept")
			// A file without a line has no sign that tells it from others: what came of it could not be known.
			log.write("line 0 \n")
			followUntil(t, log.path, keep, 1)
			written := make(chan struct{})
			log.elsewhere = true
			go func() {
				defer close(written)
				for i := 1; i < total; i++ {
					log.write(fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", i%150)))
					if i%(total/rotations) == total/rotations/2 {
						rotate(log)
					}
				}
			}()
			for k := range kills {
				followUntil(t, log.path, keep, total*(k+1)/kills)
			}
			<-written
			records, _ := kept(t, keep)
			next := 0
			for _, r := range records {
				if len(r.Gaps) > 0 {
					t.Fatalf("gaps %+v", r.Gaps)
				}
				for _, n := range r.Lines {
					if n != next {
						t.Fatalf("line %d comes where line %d should", n, next)
					}
					next++
				}
			}
			if next != total {
				t.Errorf("%d lines", next)
			}
			t.Logf("%d lines, %d rotations, %d kills: each line once", next, rotations, kills)
		})
	}
}

// followUntil runs the process until it has kept so many lines, and kills it.
func followUntil(t *testing.T, path, keep string, enough int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, "-test.run=^TestFollowing$", "-test.timeout=2m")
	c.Env = append(os.Environ(), followVar+"="+path, keepVar+"="+keep)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	late := time.After(time.Minute)
	for {
		records, _ := kept(t, keep)
		n := 0
		for _, r := range records {
			n += len(r.Lines)
		}
		if n >= enough {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-ended
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("the process ended: %v\n%s", err, said.String())
		case <-late:
			t.Fatalf("%d lines of %d are kept\n%s", n, enough, said.String())
		case <-time.After(2 * time.Millisecond):
		}
	}
}
