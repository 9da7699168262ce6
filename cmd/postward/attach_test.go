package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// postfixOf makes a directory that attach can read, if there is a Postfix on this host.
func postfixOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.cf": "compatibility_level = 3.6\nmaillog_file = /nonexistent/mail.log\n", "master.cf": "smtp inet n - y - - smtpd\npickup unix n - y 60 1 pickup\ncleanup unix n - y - 0 cleanup\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAttachAndDetachTakeTheirDirectoriesFromTheConfiguration(t *testing.T) {
	pf, state := filepath.Join(t.TempDir(), "pf"), filepath.Join(t.TempDir(), "state")
	path := file(t, fmt.Sprintf("state_dir = %q\n[postfix]\nconfig_dir = %q\n", state, pf))
	_, said, code := postward(t, "--config", path, "attach")
	if code != exitFailed || !strings.Contains(said, pf+"/main.cf") || !strings.Contains(said, "--postfix") {
		t.Errorf("attach: %d %s", code, said)
	}
	var f attachFlags
	c := &cobra.Command{Use: "attach"}
	f.add(c)
	a := &app{config: path}
	if err := a.fromConfig(c, &f); err != nil || f.postfix != pf || f.stateDir != state {
		t.Errorf("%+v %v", f, err)
	}
	if err := c.ParseFlags([]string{"--postfix", "/told"}); err != nil {
		t.Fatal(err)
	}
	if err := a.fromConfig(c, &f); err != nil || f.postfix != "/told" || f.stateDir != state {
		t.Errorf("told: %+v %v", f, err)
	}
}

func TestAttachWithABrokenConfigurationTouchesNoOtherPostfix(t *testing.T) {
	path := file(t, "mode = \"enforc\"\n")
	for _, verb := range []string{"attach", "detach"} {
		_, said, code := postward(t, "--config", path, verb)
		if code != exitFailed || !strings.Contains(said, path+":1: mode") || !strings.Contains(said, "--postfix") {
			t.Errorf("%s: %d %s", verb, code, said)
		}
	}
	_, said, _ := postward(t, "--config", path, "attach", "--postfix", "/nonexistent", "--state-dir", "/nonexistent")
	if !strings.Contains(said, "/nonexistent/main.cf") {
		t.Error(said)
	}
}

func TestWhatTheDryRunShowedIsDoneByTheCommandItNames(t *testing.T) {
	if _, err := os.Stat("/usr/sbin/postconf"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("no Postfix here: test/setup.sh test installs it")
	}
	pf, path := postfixOf(t), filepath.Join(t.TempDir(), "new one.toml")
	out, said, code := postward(t, "attach", "--sockets", "/var/spool/postfix/x", "--postfix", pf, "--config", path)
	want := fmt.Sprintf("To do it: postward attach --apply --config '%s' --postfix %s --sockets /var/spool/postfix/x\n", path, pf)
	if code != exitFine || !strings.HasSuffix(out, want) {
		t.Errorf("%d %s\n%s", code, out, said)
	}
}
