package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMain lets the test binary be postward itself.
func TestMain(m *testing.M) {
	if os.Getenv("BE_POSTWARD") != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func postward(t *testing.T, args ...string) (out, said string, code int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "BE_POSTWARD=1")
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postward.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAWrongConfigurationIsToldWholeAndNothingStarts(t *testing.T) {
	path := file(t, "mode = \"enforced\"\n[budget]\nunfamilar = 6\n")
	for _, verb := range [][]string{{"config", "check"}, {"serve"}, {"notify", "test"}} {
		_, said, code := postward(t, append([]string{"--config", path}, verb...)...)
		if code != exitFailed || !strings.Contains(said, path+":1: mode") || !strings.Contains(said, path+":3: budget.unfamilar: no such key; did you mean budget.unfamiliar?") {
			t.Errorf("%v: %d %s", verb, code, said)
		}
	}
}

func TestWithoutADaemonTheNextStepIsSaid(t *testing.T) {
	path := file(t, "socket = \"/nonexistent/control.sock\"\n")
	for _, verb := range [][]string{{"status"}, {"account", "list"}, {"incident", "list"}, {"held", "list"}} {
		_, said, code := postward(t, append([]string{"--config", path}, verb...)...)
		if code != exitFailed || !strings.Contains(said, "/nonexistent/control.sock") || !strings.Contains(said, "systemctl start postward") {
			t.Errorf("%v: %d %s", verb, code, said)
		}
	}
}

func TestConfigShowsWhatDiffers(t *testing.T) {
	out, said, code := postward(t, "--config", file(t, "mode = \"enforce\"\n[notify]\nurls = [\"ntfy://u:hunter2@ntfy.example.org/t\"]\n"), "config", "show")
	if code != exitFine || !strings.Contains(out, "mode\t\"enforce\"\t\"shadow\"") || strings.Contains(out, "hunter2") {
		t.Errorf("%d %q %s", code, out, said)
	}
	if out, _, code := postward(t, "--config", file(t, ""), "config", "check"); code != exitFine || !strings.Contains(out, "is good") {
		t.Errorf("%d %q", code, out)
	}
}

func TestNobodyToTellIsAnError(t *testing.T) {
	_, said, code := postward(t, "--config", file(t, ""), "notify", "test")
	if code != exitFailed || !strings.Contains(said, "set notify.urls or notify.command") {
		t.Errorf("%d %s", code, said)
	}
}

func TestManualAndCompletionAreMade(t *testing.T) {
	dir := t.TempDir()
	if _, said, code := postward(t, "manual", dir); code != exitFine {
		t.Fatal(said)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "postward*.8"))
	if err != nil || len(pages) < 20 {
		t.Errorf("%d pages, %v", len(pages), err)
	}
	if out, said, code := postward(t, "completion", "bash"); code != exitFine || !strings.Contains(out, "postward") {
		t.Error(said)
	}
}

// TestEveryManPageThatIsReferredToIsThere: in a directory of any name, and where man(1) looks for it.
func TestEveryManPageThatIsReferredToIsThere(t *testing.T) {
	refers := regexp.MustCompile(`(postward[a-z.\\-]*)(?:\\fP)? ?\(([1-8])\)`)
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "man")} {
		if _, said, code := postward(t, "manual", dir); code != exitFine {
			t.Fatal(said)
		}
		pages := map[string]string{}
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				text, read := os.ReadFile(path)
				pages[filepath.Base(path)], err = string(text), read
				if filepath.Base(dir) == "man" && !strings.HasSuffix(filepath.Dir(path), "man"+filepath.Ext(path)[1:]) {
					t.Errorf("%s is where nobody looks for it", path)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for name, text := range pages {
			for _, m := range refers.FindAllStringSubmatch(text, -1) {
				found++
				if page := strings.ReplaceAll(m[1], "\\", "") + "." + m[2]; pages[page] == "" {
					t.Errorf("%s refers to %s, which is missing", name, page)
				}
			}
		}
		if !strings.Contains(pages["postward.8"], "postward-reasons(7)") || found < 100 {
			t.Errorf("%d references, postward(8) ends with %.200s", found, pages["postward.8"][max(len(pages["postward.8"])-200, 0):])
		}
	}
}

// Every reason of the guard stands in its man page.
func TestReasonsPageIsWhole(t *testing.T) {
	source, err := os.ReadFile("../../internal/guard/reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Reason = "([a-z-]+)"`).FindAllSubmatch(source, -1)
	if len(found) < 10 {
		t.Fatalf("only %d reasons were found: the test looks in the wrong place", len(found))
	}
	for _, m := range found {
		if !bytes.Contains(reasonsPage, []byte("\n.B "+string(m[1])+"\n")) {
			t.Errorf("postward-reasons(7) does not say what %s is", m[1])
		}
	}
}
