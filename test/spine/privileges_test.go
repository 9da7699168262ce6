//go:build daemons

package spine_test

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/test/rig"
)

// TestTheDaemonHasNoGroupOfItsSockets: Postfix reaches them all the same, for the parent gives them away.
func TestTheDaemonHasNoGroupOfItsSockets(t *testing.T) {
	operators, err := user.LookupGroup("mail") // any group that the user postward is not in
	if err != nil {
		t.Fatal(err)
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Main: "group = \"mail\"\n"})
	f.do(t, "account", "allow", "anna")
	if m := f.one("anna", office, "friend@example.com"); m.Code != 250 {
		t.Errorf("%d %s", m.Code, m.Reply)
	}
	if err := f.KillChild(); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "the next daemon to take a mail", func() error {
		if m := f.one("anna", office, "friend@example.com"); m.Code != 250 {
			return fmt.Errorf("%d %s", m.Code, m.Reply)
		}
		return nil
	})
	pids := f.Pids()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pids[1]))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if groups, ok := strings.CutPrefix(line, "Groups:"); ok {
			for _, gid := range []string{owner.Gid, operators.Gid, "0"} {
				if slices.Contains(strings.Fields(groups), gid) {
					t.Errorf("the daemon has the group %s:%s", gid, groups)
				}
			}
		}
	}
	for path, gid := range map[string]string{
		filepath.Join(f.Site.Postfix.QueueDir, "postward", "inbound.sock"): owner.Gid, filepath.Join(f.Dir, "run", "control.sock"): operators.Gid,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); fmt.Sprint(st.Gid) != gid || info.Mode().Perm() != 0o660 {
			t.Errorf("%s: group %d, want %s, %s", path, st.Gid, gid, info.Mode())
		}
	}
}

// TestADirectoryOfPostfixsIsNotTaken: a socket path in private/ is refused, and says what to set.
func TestADirectoryOfPostfixsIsNotTaken(t *testing.T) {
	f := attached(t, rig.PostwardConfig{})
	if err := f.Stop(); err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(f.Site.Postfix.QueueDir, "private")
	before, err := os.Stat(private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.Config)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "/postward/inbound.sock", "/private/postward.sock", 1))
	if err := os.WriteFile(f.Config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(f.ctx, 10*time.Second)
	defer cancel()
	if out, err := f.Run(ctx, "serve"); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "private: it belongs to user") || !strings.Contains(err.Error(), "milter.inbound") {
		t.Errorf("%v %s", err, out)
	}
	after, err := os.Stat(private)
	if err != nil {
		t.Fatal(err)
	}
	if was, is := before.Sys().(*syscall.Stat_t), after.Sys().(*syscall.Stat_t); was.Uid != is.Uid || was.Gid != is.Gid || before.Mode() != after.Mode() {
		t.Errorf("private was %d:%d %s and is %d:%d %s", was.Uid, was.Gid, before.Mode(), is.Uid, is.Gid, after.Mode())
	}
}
