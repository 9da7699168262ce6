package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postward/test/rig"
)

// dovecotOf makes a configuration of Dovecot's that includes a directory, if there is a Dovecot on this host.
func dovecotOf(t *testing.T) (config string) {
	t.Helper()
	for _, program := range []string{"/usr/bin/doveconf", "/usr/sbin/postconf"} {
		if _, err := os.Stat(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("no %s here: test/setup.sh test installs it", program)
		}
	}
	version, err := rig.DovecotVersion()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config = filepath.Join(dir, "dovecot.conf")
	for _, err := range []error{os.Mkdir(filepath.Join(dir, "conf.d"), 0o755), os.WriteFile(config, []byte(rig.DovecotBegin(version)+"ssl = no\nprotocols =\n!include_try conf.d/*.conf\n"), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return config
}

// shownBy is what attach shows of Dovecot, and the key file that the configuration names.
func shownBy(t *testing.T, args ...string) (out, said string, code int) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "own.key")
	path := file(t, fmt.Sprintf("[authpolicy]\nlisten = \"127.0.0.1:4711\"\nkey_file = %q\n", key))
	out, said, code = postward(t, append([]string{"--config", path, "attach", "--postfix", postfixOf(t)}, args...)...)
	if _, err := os.Stat(key); err == nil {
		t.Error("who looks makes a key")
	}
	return out, said, code
}

func TestAttachShowsWhatDovecotWouldBeToldAndTellsItNothing(t *testing.T) {
	config := dovecotOf(t)
	out, said, code := shownBy(t, "--dovecot", "--dovecot-conf", config)
	for _, want := range []string{config, filepath.Dir(config) + "/conf.d/99-postward.conf", "auth_policy_server_url = http://127.0.0.1:4711/", "(the digits in ", " --dovecot-conf " + config + " --dovecot\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s%s", want, out, said)
		}
	}
	if code != exitFine {
		t.Errorf("%d %s", code, said)
	}
	if made, err := filepath.Glob(filepath.Dir(config) + "/*/*"); err != nil || len(made) > 0 {
		t.Errorf("%v %v", made, err)
	}
	path := file(t, fmt.Sprintf("[authpolicy]\ndovecot = %q\n", config))
	if out, said, _ := postward(t, "--config", path, "attach", "--postfix", postfixOf(t), "--dovecot"); !strings.Contains(out, " in "+config+"\n") {
		t.Errorf("the one that postward.toml names is not looked at:\n%s%s", out, said)
	}
	if out, _, _ := shownBy(t); strings.Contains(out, "auth_policy") {
		t.Errorf("nobody asked for Dovecot:\n%s", out)
	}
	if out, _, _ := shownBy(t, "--json", "--dovecot", "--dovecot-conf", config); !strings.Contains(out, `"place": "`+filepath.Dir(config)) {
		t.Errorf("not in JSON:\n%s", out)
	}
}

func TestDetachTakesDovecotsFilesAwayAlsoWhenPostfixIsNotAttached(t *testing.T) {
	config := dovecotOf(t)
	place := filepath.Join(filepath.Dir(config), "conf.d", "99-postward.conf")
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if err := os.WriteFile(place, []byte("# Written by postward attach --dovecot, taken away by postward detach. sha256 "+empty+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"detach", "--postfix", postfixOf(t), "--state-dir", t.TempDir(), "--dovecot-conf", config}
	if out, said, code := aside(t, "", append(args, "--dry-run")...); code != exitFine || !strings.Contains(out, place) {
		t.Errorf("%d %s%s", code, out, said)
	}
	if _, err := os.Stat(place); err != nil {
		t.Fatal(err)
	}
	if out, said, code := aside(t, "", args...); code != exitFine || !strings.Contains(out, place+": taken away") || !strings.Contains(out, "doveadm reload") {
		t.Errorf("%d %s%s", code, out, said)
	}
	if _, err := os.Stat(place); err == nil {
		t.Error("it is still there")
	}
	if out, err := exec.Command("doveconf", "-c", config, "-n").CombinedOutput(); err != nil {
		t.Errorf("%v %s", err, out)
	}
}
