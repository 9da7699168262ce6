package store

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postward/internal/guard"
)

// childOf names the store a re-executed test works on; empty in the parent.
const childOf = "POSTWARD_STORE_TEST"

// child is the running test once more, in a process of its own.
func child(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
	c.Env = append(os.Environ(), childOf+"="+path)
	return c
}

func awaitHealth(t *testing.T, s *Store) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for s.Healthy() != nil {
		select {
		case <-deadline:
			t.Fatalf("still in trouble: %v", s.Healthy())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	if path := os.Getenv(childOf); path != "" {
		appendForEver(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "store.db")
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	var before []string // the journal's keys
	for round := range rounds {
		appended, acknowledged := killed(t, path, time.Duration(1+rand.IntN(80))*time.Millisecond)
		before = checkKilled(t, path, before, appended, acknowledged)
		t.Logf("round %d: %d appended, %d acknowledged, %d in the journal", round, len(appended), len(acknowledged), len(before))
	}
}

// appendForEver works as the daemon does, and says "appended KEY" and "committed KEY" until it is killed.
func appendForEver(t *testing.T, path string) {
	s := mustOpen(t, path)
	w := newWorld(fmt.Sprint("p", os.Getpid()), rand.Uint64())
	w.state = restored(t, s)
	var mu sync.Mutex
	turn := func() (*guard.Event, *Ticket) {
		mu.Lock()
		defer mu.Unlock()
		e := w.next()
		ticket, err := s.Writer().Append(e)
		if err != nil {
			t.Error(err)
			return nil, nil
		}
		guard.Apply(w.state, e)
		fmt.Println("appended", e.Key)
		if e.Kind != guard.KindJudged {
			s.Writer().SetCursor("mail.log", e.Key)
		}
		if w.made%50 == 0 {
			s.Writer().Checkpoint(w.state.TakeChanges())
		}
		return e, ticket
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for e, ticket := turn(); e != nil; e, ticket = turn() {
				if e.Kind != guard.KindJudged {
					continue // nobody waits for what the log says
				}
				if err := ticket.Wait(t.Context()); err != nil {
					t.Error(err)
					return
				}
				fmt.Println("committed", e.Key)
			}
		})
	}
	wg.Wait()
}

// killed starts a child, kills it some time after its first commit, and returns what it had said.
func killed(t *testing.T, path string, after time.Duration) (appended, acknowledged []string) {
	t.Helper()
	c := child(t, path)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var shot *time.Timer
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // and what was cut off was not said
		}
		what, key, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch what {
		case "appended":
			appended = append(appended, key)
		case "committed":
			acknowledged = append(acknowledged, key)
			if shot == nil {
				shot = time.AfterFunc(after, func() { c.Process.Kill() })
			}
		default:
			t.Errorf("child: %s", line)
		}
	}
	var ended *exec.ExitError
	if err := c.Wait(); !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child was not killed: %v", err)
	}
	return appended, acknowledged
}

// checkKilled compares the journal with what was said, and returns its keys.
func checkKilled(t *testing.T, path string, before, appended, acknowledged []string) []string {
	t.Helper()
	s := mustOpen(t, path)
	defer closed(t, s)
	folded := guard.New()
	var keys []string
	has := map[string]bool{}
	for _, r := range all(t, s.Tail(t.Context(), 0)) {
		if has[r.Event.Key] {
			t.Errorf("%s stands twice", r.Event.Key)
		}
		keys, has[r.Event.Key] = append(keys, r.Event.Key), true
		guard.Apply(folded, r.Event)
	}
	if len(keys) < len(before) || !slices.Equal(keys[:len(before)], before) {
		t.Fatal("what stood there before the crash has changed")
	}
	// The child may have been killed between one Append and saying so.
	said := min(len(appended), len(keys)-len(before))
	if !slices.Equal(keys[len(before):len(before)+said], appended[:said]) || len(keys)-len(before)-said > 1 {
		t.Error("the journal is no beginning of what was appended, in order")
	}
	for _, key := range acknowledged {
		if !has[key] {
			t.Errorf("%s was acknowledged and is gone", key)
		}
	}
	if c, err := s.Cursor(t.Context(), "mail.log"); err != nil || c != "" && !has[c] {
		t.Errorf("the log is read up to %s, %v, and the journal does not have it", c, err)
	}
	if got, want := asJSON(t, restored(t, s).All()), asJSON(t, folded.All()); got != want {
		t.Errorf("rows and tail give\n%s\nthe whole journal gives\n%s", got, want)
	}
	return keys
}

func TestFullDiskLosesNothingAndPasses(t *testing.T) {
	// In the first case the write-ahead log cannot grow, in the second its copy into the database fails before.
	for name, limit := range map[string]uint64{"log": 256 << 10, "copy": 2400 << 10} {
		t.Run(name, func(t *testing.T) {
			if path := os.Getenv(childOf); path != "" {
				fillDisk(t, path, limit)
				return
			}
			path := filepath.Join(t.TempDir(), "store.db")
			out, err := child(t, path).CombinedOutput()
			if _, gone := os.Stat(path); err != nil || gone != nil {
				t.Errorf("%v, %v\n%s", err, gone, out)
			}
		})
	}
}

// fillDisk writes until no file may be larger than limit allows, and then lets it grow again.
func fillDisk(t *testing.T, path string, limit uint64) {
	signal.Ignore(syscall.SIGXFSZ)
	var free syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: free.Max}); err != nil {
		t.Fatal(err)
	}
	w := newWorld("a", 6)
	var err error
	for n := 0; err == nil; n++ {
		if n > 1000 {
			t.Fatal("the disk does not get full")
		}
		err = w.tell(t, s.Writer(), 20).Wait(t.Context())
	}
	if !errors.Is(err, ErrUnavailable) || !errors.Is(s.Healthy(), ErrUnavailable) {
		t.Errorf("Wait = %v, Healthy = %v", err, s.Healthy())
	}
	if _, err := s.Writer().Append(&guard.Event{Key: "x"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Append = %v", err)
	}
	s.Writer().Checkpoint(w.state.TakeChanges())
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		t.Fatal(err)
	}
	awaitHealth(t, s)
	if err := w.tell(t, s.Writer(), 20).Wait(t.Context()); err != nil {
		t.Errorf("after recovery: %v", err)
	}
	closed(t, s)
	s = mustOpen(t, path)
	defer closed(t, s)
	if n := len(all(t, s.Tail(t.Context(), 0))); n != w.made {
		t.Errorf("%d events in the journal, %d were taken", n, w.made)
	}
	if got, want := asJSON(t, restored(t, s).All()), asJSON(t, w.state.All()); got != want {
		t.Errorf("restored\n%s\nwant\n%s", got, want)
	}
}
