//go:build daemons

package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/test/rig"
)

var journald *rig.Journald

func TestMain(m *testing.M) {
	if os.Getenv(followVar) != "" { // the process that is killed: it needs no room of its own
		os.Exit(m.Run())
	}
	os.Exit(rig.Main(withJournald{m}))
}

// withJournald runs the tests while there is a journald.
type withJournald struct{ *testing.M }

func (m withJournald) Run() int {
	var err error
	if journald, err = rig.StartJournald("RateLimitBurst=0\n"); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	code := m.M.Run()
	if err := journald.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	return code
}

// TestJournal reads a real journald's journal: what was there before, what comes, what is not ours to read, over
// restarts of both sides, rotation, and entries that were vacuumed.
func TestJournal(t *testing.T) {
	j := journald
	syslog, err := j.Syslog()
	if err != nil {
		t.Fatal(err)
	}
	native, err := j.Native()
	if err != nil {
		t.Fatal(err)
	}
	say := func(to net.Conn, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if _, err := io.WriteString(to, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	led := newLedger()
	say(syslog, "<22>postfix/qmgr[7]: before")
	settle(t, j)
	stop := led.run(t, "journal", FromEnd)
	led.await(t, "the first position", func() bool { return led.pos.Cursor != "" })

	say(syslog, "<22>postfix/smtpd[8]: one", "<30>systemd[1]: not mail", "<86>auth: pam_unix(dovecot:auth): two")
	settle(t, j)
	say(native, "MESSAGE=thr\xffee\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=postfix/smtp\nSYSLOG_PID=9\n",
		"MESSAGE=Suppressed 17 messages from postfix@-.service\nMESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\nN_DROPPED=17\n", // not journald's word
		"MESSAGE\n\x09\x00\x00\x00\x00\x00\x00\x00four\nfive\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=postfix/local\n",
		"MESSAGE="+strings.Repeat("long ", 2000)+"\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=postfix/cleanup\n")
	for _, uid := range []uint32{1000, 33, 100_000} {
		forge(t, uid, "postfix/qmgr", "forged")
	}
	settle(t, j)
	say(syslog, "<22>postfix/qmgr[7]: end")
	led.await(t, "the last of six", func() bool { return len(led.lines) > 0 && strings.HasSuffix(led.lines[len(led.lines)-1], "end") })
	stop()
	var texts []string
	for _, line := range led.lines {
		stamp, rest, _ := strings.Cut(line, " ")
		if at, err := time.Parse(time.RFC3339Nano, stamp); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("stamp %q: %v", stamp, err)
		}
		_, rest, _ = strings.Cut(rest, " ")
		texts = append(texts, strings.ReplaceAll(rest, fmt.Sprintf("[%d]", os.Getpid()), "[own]"))
	}
	want := "postfix/smtpd[8]: one|auth[own]: pam_unix(dovecot:auth): two|postfix/smtp[9]: thr\xffee|postfix/local[own]: four five|postfix/qmgr[7]: end"
	if got := strings.Join(texts, "|"); got != want {
		t.Errorf("lines\n%q, want\n%q", got, want)
	}
	if len(led.gaps) != 1 || led.gaps[0].Reason != Unreadable || led.gaps[0].Count != 1 {
		t.Errorf("gaps %+v, want one entry that is longer than journalctl prints", led.gaps)
	}

	// What is logged while nobody follows is read later, over journald's own rotation and restart.
	say(syslog, "<22>postfix/qmgr[7]: six")
	ctx := t.Context()
	if err := j.Ctl(ctx, "--rotate"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Stop(), j.Start()); err != nil {
		t.Fatal(err)
	}
	if syslog, err = j.Syslog(); err != nil {
		t.Fatal(err)
	}
	say(syslog, "<22>postfix/qmgr[7]: seven")
	led.lines = nil
	stop = led.run(t, "journal", FromEnd)
	led.await(t, "six and seven", func() bool { return len(led.lines) == 2 })
	stop()
	if len(led.gaps) != 1 {
		t.Errorf("gaps %+v", led.gaps)
	}

	// The entry of the position is gone: a gap, and on with what is there.
	say(syslog, "<22>postfix/qmgr[7]: eight")
	if err := errors.Join(j.Ctl(ctx, "--sync"), j.Ctl(ctx, "--rotate"), j.Ctl(ctx, "--vacuum-files=1")); err != nil {
		t.Fatal(err)
	}
	say(syslog, "<22>postfix/qmgr[7]: nine")
	led.lines = nil
	stop = led.run(t, "journal", FromEnd)
	led.await(t, "nine", func() bool { return len(led.lines) > 0 && strings.HasSuffix(led.lines[len(led.lines)-1], "nine") })
	stop()
	if len(led.gaps) != 2 || led.gaps[1].Reason != Lost {
		t.Errorf("gaps %+v", led.gaps)
	}
	if len(led.ills) != 0 {
		t.Errorf("trouble %q", led.ills)
	}
}

// TestJournalTorture writes numbered entries while journald rotates, journalctl is killed and the consumer crashes.
// Every entry must arrive once, in order.
func TestJournalTorture(t *testing.T) {
	total := 10_000
	if os.Getenv("PROVE") != "" {
		total = 200_000
	}
	led := newLedger()
	begin := func(b Batch) error { return errors.Join(led.take(b), errCrash) }
	if err := Follow(t.Context(), Config{Path: "journal"}, begin); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	syslog, err := journald.Syslog()
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		for i := range total {
			if _, err := fmt.Fprintf(syslog, "<22>postfix/qmgr[7]: line %d", i); err != nil {
				written <- err
				return
			}
			if i%(total/20) == total/40 {
				if err := journald.Ctl(t.Context(), "--rotate"); err != nil {
					written <- err
					return
				}
			}
		}
		written <- nil
	}()
	r := rand.New(rand.NewPCG(5, 5))
	led.crash = func() error {
		if r.IntN(40) == 0 {
			return errCrash
		}
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("not all came"))
	defer cancel()
	killed := 0
	for seen(led) < total {
		out := func(b Batch) error {
			err := led.take(b)
			if err == nil && seen(led) >= total {
				return errCrash
			}
			if err == nil && r.IntN(40) == 0 && killJournalctl(t) {
				killed++
			}
			return err
		}
		if err := Follow(ctx, Config{Path: "journal", From: led.pos, Poll: time.Millisecond}, out); !errors.Is(err, errCrash) {
			t.Fatalf("%v after %d lines", err, seen(led))
		}
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	for i, line := range led.lines {
		if !strings.HasSuffix(line, fmt.Sprintf("]: line %d", i)) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if len(led.lines) != total || len(led.gaps) != 0 || killed == 0 {
		t.Errorf("%d lines, gaps %v, journalctl killed %d times", len(led.lines), led.gaps, killed)
	}
	t.Logf("%d lines; journalctl killed %d times", total, killed)

	all, began := newLedger(), time.Now()
	err = Follow(ctx, Config{Path: "journal", Begin: FromStart}, func(b Batch) error {
		err := all.take(b)
		if err == nil && b.Next == led.pos {
			return errCrash
		}
		return err
	})
	if !errors.Is(err, errCrash) || seen(all) < total {
		t.Errorf("from the start: %d lines, %v", seen(all), err)
	}
	t.Logf("from the start: %.0f lines/s", float64(seen(all))/time.Since(began).Seconds())
}

// TestFileSystemFills: what was written whole before is read, the line that was torn goes on where the writer goes on when
// there is room again, and nothing comes twice.
func TestFileSystemFills(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast, path := filepath.Join(dir, "ballast"), filepath.Join(dir, "mail.log")
	if err := os.WriteFile(ballast, make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	led := newLedger()
	stop := led.run(t, path, FromStart)
	whole, torn := 0, 0
	for {
		n, err := fmt.Fprintf(log, "line %d %s\n", whole, strings.Repeat("x", 100))
		if errors.Is(err, syscall.ENOSPC) {
			torn = n
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		whole++
	}
	led.await(t, "all whole lines", func() bool { return len(led.lines) == whole })
	stop()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	stop = led.run(t, path, FromStart)
	if _, err := io.WriteString(log, "after\nlast\n"); err != nil {
		t.Fatal(err)
	}
	led.await(t, "the rest", func() bool { return len(led.lines) == whole+2 })
	stop()
	if got := led.lines[whole]; torn == 0 || len(got) != torn+len("after") || !strings.HasPrefix(got, fmt.Sprintf("line %d ", whole)) || led.lines[whole+1] != "last" {
		t.Errorf("%d octets were torn, then %q", torn, led.lines[whole:])
	}
	if len(led.gaps) != 0 {
		t.Errorf("gaps %v", led.gaps)
	}
}

// killJournalctl kills the journalctl that follows, if there is one.
func killJournalctl(t *testing.T) bool {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		children, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err != nil {
			continue // the thread has ended
		}
		for _, pid := range strings.Fields(string(children)) {
			if args, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && strings.Contains(string(args), "--follow") {
				n, err := strconv.Atoi(pid)
				if err != nil {
					t.Fatal(err)
				}
				return syscall.Kill(n, syscall.SIGKILL) == nil
			}
		}
	}
	return false
}

// TestWhatJournaldLeavesOutIsAGap: a service logs more than its limit allows, and the real journald says how much it
// left out.
func TestWhatJournaldLeavesOutIsAGap(t *testing.T) {
	const unit = "postfix@-.service"
	units := "/run/systemd/units"
	err := os.MkdirAll(units, 0o755)
	for name, value := range map[string]string{"interval": "500000", "burst": "5"} { // as systemd tells journald
		err = errors.Join(err, os.Symlink(value, filepath.Join(units, "log-rate-limit-"+name+":"+unit)))
	}
	if err != nil {
		t.Fatal(err)
	}
	led := newLedger()
	stop := led.run(t, "journal", FromEnd)
	led.await(t, "the first position", func() bool { return led.pos != (Position{}) })
	chatter := inUnit(t, unit)
	sent := 0
	say := func() {
		sent++
		if _, err := fmt.Fprintln(chatter, "line", sent); err != nil {
			t.Fatal(err)
		}
	}
	for range 500 {
		say()
	}
	// journald says it with the first message that it takes again.
	for end := time.Now().Add(deadline); time.Now().Before(end) && !led.holds(func() bool { return len(led.gaps) > 0 }); {
		say()
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	if len(led.gaps) == 0 || led.gaps[0].Reason != Suppressed || led.gaps[0].Count == 0 || led.gaps[0].Count > uint64(sent) || !strings.Contains(led.gaps[0].Path, unit) {
		t.Errorf("%d of %d lines came, gaps %+v", len(led.lines), sent, led.gaps)
	}
}

// inUnit starts a program that logs what is written to it, and that journald takes for a service's.
func inUnit(t *testing.T, unit string) io.Writer {
	t.Helper()
	c := exec.Command("logger", "-p", "mail.info", "-t", "postfix/qmgr")
	in, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	own, path := filepath.Join(t.TempDir(), "cgroup"), fmt.Sprintf("/proc/%d/cgroup", c.Process.Pid)
	group := "/system.slice/" + unit
	err = os.WriteFile(own, []byte("1:name=systemd:"+group+"\n0::"+group+"\n"), 0o644)
	if err == nil {
		err = unix.Mount(own, path, "", unix.MS_BIND, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), unix.Unmount(path, unix.MNT_DETACH), c.Wait()); err != nil {
			t.Error(err)
		}
	})
	return in
}

// forge lets a user who is no mail program say something.
func forge(t *testing.T, uid uint32, program, text string) {
	t.Helper()
	c := exec.Command("logger", "-p", "mail.info", "-t", program, text)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("logger: %v: %s", err, out)
	}
}

// settle waits until journald has written what it was told.
func settle(t *testing.T, j *rig.Journald) {
	t.Helper()
	if err := j.Ctl(t.Context(), "--sync"); err != nil {
		t.Fatal(err)
	}
}
