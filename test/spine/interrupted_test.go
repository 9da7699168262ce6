//go:build daemons

package spine_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postward/test/rig"
)

// Somebody presses Ctrl-C, twice, or his connection is gone, when the first of the two files is written.
func TestAnInterruptedAttachPutsEverythingBack(t *testing.T) {
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	site, err := rig.NewSite(rig.PostfixConfig{}, users)
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	w, err := rig.NewPostward(site.Postfix, rig.PostwardConfig{Binary: binary, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // under nohup it is ignored, and who is started inherits that
	before := configuration(t, site.Postfix.ConfigDir)
	for name, interrupt := range map[string]func(p *os.Process, out io.Closer) error{
		"Ctrl-C":       func(p *os.Process, _ io.Closer) error { return p.Signal(syscall.SIGINT) },
		"systemd":      func(p *os.Process, _ io.Closer) error { return p.Signal(syscall.SIGTERM) },
		"a hang-up":    func(p *os.Process, out io.Closer) error { out.Close(); return p.Signal(syscall.SIGHUP) },
		"twice Ctrl-C": func(p *os.Process, _ io.Closer) error { p.Signal(syscall.SIGINT); return p.Signal(syscall.SIGINT) },
	} {
		cmd := exec.Command(binary, "--config", w.Config, "attach", "--apply", "--unheard", "--no-reload", "--postfix", site.Postfix.ConfigDir, "--state-dir", w.StateDir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "wrote ") {
				if err := interrupt(cmd.Process, out); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err == nil || !strings.Contains(said.String(), "everything was put back") {
			t.Errorf("%s: %v, it said %q", name, err, said.String())
		}
		if after := configuration(t, site.Postfix.ConfigDir); after != before {
			t.Errorf("%s: the configuration is not what it was:\n%s", name, after)
		}
	}
}

func configuration(t *testing.T, dir string) string {
	t.Helper()
	var all []byte
	for _, name := range []string{"main.cf", "master.cf"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return string(all)
}
