package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"postward/internal/run/ctl"
)

// aside is postward in a network of its own, for root: the kernel's table of this host's banned is not a test's. before is done there first,
// by a shell; its output, and that of what behind it says, comes before and behind postward's.
func aside(t *testing.T, before string, args ...string) (out, said string, code int) {
	t.Helper()
	if os.Geteuid() != 0 {
		return postward(t, args...)
	}
	cmd := exec.Command("unshare", append([]string{"-n", "sh", "-c", "ip link set lo up; " + before + "\n\"$@\"; code=$?; nft list tables 2>/dev/null; exit $code", "sh", os.Args[0]}, args...)...)
	cmd.Env = append(os.Environ(), "BE_POSTWARD=1")
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// TestDetachTakesTheBansAlongAlsoWhereNothingIsAttached: who detached before, and whose postward made the table again, has no other verb.
func TestDetachTakesTheBansAlongAlsoWhereNothingIsAttached(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil || os.Geteuid() != 0 {
		t.Skip("wants root and nft: another network is made")
	}
	dovecotOf(t)
	args := []string{"--config", file(t, "socket = \"/nonexistent/s\"\n"), "detach", "--postfix", postfixOf(t), "--state-dir", t.TempDir(), "--dovecot-conf", "/nonexistent"}
	const table = "nft add table inet postward; nft add table inet other; "
	out, said, code := aside(t, table, args...)
	if code != exitFine || !strings.Contains(out, "is taken away") || !strings.HasSuffix(out, "\ntable inet other\n") {
		t.Errorf("%d %s%s", code, out, said)
	}
	if out, said, _ = aside(t, "", args...); strings.Contains(out, "banned") {
		t.Errorf("without one: %s%s", out, said)
	}
	if out, said, _ = aside(t, table, append(args, "--json")...); !strings.HasPrefix(out, "{") || !strings.Contains(out, "is taken away") {
		t.Errorf("%s%s", out, said)
	}
	if out, said, _ = aside(t, table, append(args, "--dry-run")...); !strings.Contains(out, "\ntable inet postward\n") || !strings.Contains(out, "Nothing was changed") {
		t.Errorf("a dry run: %s%s", out, said)
	}
}

// TestDetachSaysWhatAPostwardThatRunsGoesOnDoing, and what ends that.
func TestDetachSaysWhatAPostwardThatRunsGoesOnDoing(t *testing.T) {
	dovecotOf(t)
	for want, gate := range map[string]ctl.Gate{
		"postward runs, and keeps 2 networks out again within a minute: systemctl disable --now postward, then postward detach once more": {Enforced: true, Bans: 2},
		"keeps out who guesses from now on: systemctl disable --now postward":                                                             {Enforced: true},
		"postward runs: systemctl disable --now postward ends it":                                                                         {Bans: 2},
	} {
		config := desk(t, map[string]any{"status": ctl.Status{Version: "dev", Gate: gate}})
		out, said, code := aside(t, "", "--config", config, "detach", "--postfix", postfixOf(t), "--state-dir", t.TempDir(), "--dovecot-conf", "/nonexistent")
		if code != exitFine || !strings.Contains(out, want) {
			t.Errorf("no %q: %d %s%s", want, code, out, said)
		}
	}
}
