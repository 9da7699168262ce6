//go:build daemons

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/test/rig"
)

// TestMain runs this package's tests in a room of their own: whatever make leaves behind is seen there.
func TestMain(m *testing.M) {
	os.Exit(rig.MainIn(rig.Room{Needs: []string{"postfix", "dovecot", "swaks", "make"}}, m, rig.Skip))
}

// TestMakeRunEndsWithItsFirstProcess: whoever starts it from a script has no terminal to press Ctrl-C in.
func TestMakeRunEndsWithItsFirstProcess(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, ended, room := makeRun(t)
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Errorf("%s: make is still there", s)
			_ = cmd.Process.Kill() // what it leaves is told below
		}
		for _, p := range rig.Leftovers(10 * time.Second) {
			t.Errorf("%s: left behind: %s", s, p)
		}
		if _, err := os.Stat(room); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: left behind: %s (%v)", s, room, err)
		}
	}
}

// rooms is where rooms have their directories.
const rooms = "/var/lib/"

// makeRun starts make run, as somebody outside of any room does, and waits for the last line of its story,
// which names a file in the directory of its room.
func makeRun(t *testing.T) (cmd *exec.Cmd, ended <-chan string, room string) {
	t.Helper()
	cmd = exec.Command("make", "-C", "../..", "run")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "POSTWARD_RIG_") || strings.HasPrefix(v, "MAKE") })
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal, and a group that is not the test's
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told, end := make(chan string, 1), make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if log, ok := strings.CutPrefix(lines.Text(), "Postfix's own log: "); ok {
				told <- log
			}
		}
		end <- all.String() + fmt.Sprint(cmd.Wait())
	}()
	select {
	case log := <-told:
		room, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(log), rooms), "/")
	case all := <-end:
		t.Fatalf("make run ended before its story was told:\n%s", all)
	case <-time.After(10 * time.Minute):
		_ = cmd.Process.Kill()
		t.Fatal("make run tells no end of its story")
	}
	if room == "" {
		t.Fatal("make run names no file of its room")
	}
	return cmd, end, rooms + room
}
