package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const deadline = 20 * time.Second

// ledger is a consumer: it keeps lines and position together, as a database transaction would.
type ledger struct {
	mu    sync.Mutex
	lines []string
	cut   []bool
	keys  map[Key]string
	gaps  []Gap
	pos   Position
	ills  []string
	crash func() error // asked before (true) and after each commit
	grown chan struct{}
	trace []string
}

func newLedger() *ledger {
	return &ledger{keys: map[Key]string{}, grown: make(chan struct{}, 1)}
}

func (l *ledger) take(b Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.crash != nil {
		if err := l.crash(); err != nil {
			return err // before the commit: nothing was kept
		}
	}
	for i, line := range b.Lines {
		key := b.Key(i)
		if old, twice := l.keys[key]; twice {
			return fmt.Errorf("key %v twice: %q and %q", key, old, line.Text)
		}
		l.keys[key] = string(line.Text)
		l.lines, l.cut = append(l.lines, string(line.Text)), append(l.cut, line.Cut)
	}
	l.gaps = append(l.gaps, b.Gaps...)
	l.pos = b.Next
	l.trace = append(l.trace, fmt.Sprintf("%d lines -> ino %d off %d head %x at %s\n", len(b.Lines), b.Next.Ino, b.Next.Offset, b.Next.Head, b.Next.At.Format("05.000000")))
	select {
	case l.grown <- struct{}{}:
	default:
	}
	if l.crash != nil {
		return l.crash() // after the commit: all was kept
	}
	return nil
}

func (l *ledger) trouble(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ills = append(l.ills, fmt.Sprint(err))
	select {
	case l.grown <- struct{}{}:
	default:
	}
}

// holds reports whether a fact holds now.
func (l *ledger) holds(fact func() bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fact()
}

// await waits until a fact holds, and fails after the deadline.
func (l *ledger) await(t *testing.T, fact string, holds func() bool) {
	t.Helper()
	timeout := time.After(deadline)
	for {
		l.mu.Lock()
		ok := holds()
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-l.grown:
		case <-timeout:
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("%s: not within %v: %d lines, last %q, gaps %v, position %+v, trouble %q",
				fact, deadline, len(l.lines), l.lines[max(0, len(l.lines)-3):], l.gaps, l.pos, l.ills)
		}
	}
}

func (l *ledger) awaitLines(t *testing.T, want ...string) {
	t.Helper()
	l.await(t, fmt.Sprintf("lines %q", want), func() bool { return len(l.lines) >= len(want) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Join(l.lines, "|"); got != strings.Join(want, "|") {
		t.Fatalf("lines %q, want %q", got, want)
	}
}

// run follows until stop is called; stop waits for the end.
func (l *ledger) run(t *testing.T, path string, begin Begin) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	c := Config{Path: path, From: l.pos, Begin: begin, Poll: 50 * time.Millisecond, Trouble: l.trouble}
	go func() { ended <- Follow(ctx, c, l.take) }()
	return stopping(t, cancel, ended)
}

func stopping(t *testing.T, cancel func(), ended <-chan error) func() {
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatalf("Follow ended with %v", err)
		}
	}
}

// nobody is who may read nothing of root's.
const nobody = 65534

// runAs is run, in a thread that opens files as another user.
func (l *ledger) runAs(t *testing.T, uid int, c Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	c.From, c.Poll, c.Trouble = l.pos, 50*time.Millisecond, l.trouble
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if _, err := unix.SetfsuidRetUid(uid); err != nil {
			ended <- err
			return
		}
		ended <- Follow(ctx, c, l.take)
	}()
	return stopping(t, cancel, ended)
}

// openedElsewhere opens a file in another thread, with the rights of the test.
func openedElsewhere(path string) (f *os.File, err error) {
	done := make(chan struct{})
	go func() { f, err = os.Open(path); close(done) }()
	<-done
	return f, err
}

// log is a log file that a test writes and rotates.
type log struct {
	t    *testing.T
	path string
	f    *os.File
	mode os.FileMode // 0640 if none is said
	// elsewhere: a goroutine that is not the test's writes it. What fails there ends that goroutine.
	elsewhere bool
}

func newLog(t *testing.T) *log {
	l := &log{t: t, path: filepath.Join(t.TempDir(), "mail.log")}
	t.Cleanup(func() { l.f.Close() })
	return l
}

func (l *log) must(err error) {
	l.t.Helper()
	switch {
	case err == nil:
	case l.elsewhere:
		l.t.Error(err)
		runtime.Goexit()
	default:
		l.t.Fatal(err)
	}
}

// closed makes it root's alone, in a directory that everybody may read.
func (l *log) closed() {
	l.mode = 0o600
	for dir := filepath.Dir(l.path); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		l.must(os.Chmod(dir, 0o755))
	}
}

// reopen is what a syslog daemon does at SIGHUP.
func (l *log) reopen() {
	l.t.Helper()
	if l.f != nil {
		l.must(l.f.Close())
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, cmp.Or(l.mode, 0o640))
	l.must(err)
	l.f = f
}

func (l *log) write(text string) {
	l.t.Helper()
	if l.f == nil {
		l.reopen()
	}
	_, err := l.f.WriteString(text)
	l.must(err)
}

// shift renames the rotated files up by one; to is the name that the log itself will have.
func (l *log) shift() (to string) {
	l.t.Helper()
	n := 1
	for l.rotated(n) != "" {
		n++
	}
	for ; n > 1; n-- {
		old := l.rotated(n - 1)
		l.must(os.Rename(old, fmt.Sprintf("%s.%d", l.path, n)+strings.TrimPrefix(old, fmt.Sprintf("%s.%d", l.path, n-1))))
	}
	return l.path + ".1"
}

// rotated is the name of the rotated file n, compressed or not; empty when there is none.
func (l *log) rotated(n int) string {
	for _, ext := range []string{"", ".gz"} {
		if path := fmt.Sprintf("%s.%d%s", l.path, n, ext); exists(path) {
			return path
		}
	}
	return ""
}

// rename rotates as logrotate does with "create"; the writer goes on in the old file until reopen.
func (l *log) rename() {
	l.t.Helper()
	l.must(os.Rename(l.path, l.shift()))
}

// copyTruncate rotates as logrotate does with "copytruncate". Files are told apart by the times they were changed, and
// a test rotates faster than the file system's clock ticks: so the last line, the copy, the truncated file and the next
// line each have a tick of their own.
func (l *log) copyTruncate() {
	l.t.Helper()
	time.Sleep(tick)
	b, err := os.ReadFile(l.path)
	l.must(err)
	l.must(os.WriteFile(l.shift(), b, 0o640))
	time.Sleep(tick)
	l.must(os.Truncate(l.path, 0))
	time.Sleep(tick)
}

// tick is longer than a tick of the file system's clock (10 ms where CONFIG_HZ is 100).
const tick = 12 * time.Millisecond

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
