//go:build daemons

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		before := rooms(t)
		cmd, ended := makeRun(t)
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
		if after := rooms(t); !slices.Equal(after, before) {
			t.Errorf("%s: left behind: %v", s, after)
		}
	}
}

// makeRun starts make run, as somebody outside of any room does, and waits for the last line of its story.
func makeRun(t *testing.T) (cmd *exec.Cmd, ended <-chan string) {
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
	told, end := make(chan bool, 1), make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "Postfix's own log: ") {
				told <- true
			}
		}
		end <- all.String() + fmt.Sprint(cmd.Wait())
	}()
	select {
	case <-told:
	case all := <-end:
		t.Fatalf("make run ended before its story was told:\n%s", all)
	case <-time.After(10 * time.Minute):
		_ = cmd.Process.Kill()
		t.Fatal("make run tells no end of its story")
	}
	return cmd, end
}

// rooms are the directories of rooms that are there.
func rooms(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("/var/lib/postward-rig-*")
	if err != nil {
		t.Fatal(err)
	}
	return all
}
