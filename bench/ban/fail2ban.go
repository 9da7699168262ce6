package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"postward/test/rig"
)

// tries is how many logins of one address at one name that nobody has lead to a ban of postward's; fail2ban is told the same.
const tries = 6

// fail2ban starts one on the log: Debian's own jails of Postfix's and Dovecot's logins, as they are shipped, and nothing of this
// machine's jail.d.
func fail2ban(ctx context.Context, parts *rig.Processes, log string) error {
	dir, err := rig.NewDir("fail2ban")
	if err != nil {
		return err
	}
	conf := filepath.Join(dir, "conf")
	if out, err := exec.Command("cp", "-a", "/etc/fail2ban", conf).CombinedOutput(); err != nil {
		return fmt.Errorf("copy fail2ban's configuration: %w: %s", err, out)
	}
	own := map[string]string{
		"jail.local": fmt.Sprintf("[DEFAULT]\nbackend = auto\nbanaction = nftables\nmaxretry = %d\n[postfix-sasl]\nenabled = true\nbackend = auto\nlogpath = %s\n"+
			"[dovecot]\nenabled = true\nbackend = auto\nlogpath = %[2]s\n", tries, log),
		"fail2ban.local": fmt.Sprintf("[Definition]\nlogtarget = %s/log\ndbfile = %[1]s/db\nsocket = %[1]s/sock\npidfile = %[1]s/pid\n", dir),
	}
	err = os.RemoveAll(filepath.Join(conf, "jail.d"))
	for name, text := range own {
		err = errors.Join(err, os.WriteFile(filepath.Join(conf, name), []byte(text), 0o644))
	}
	if err != nil {
		return fmt.Errorf("write fail2ban's configuration: %w", err)
	}
	args := []string{"-c", conf, "-s", filepath.Join(dir, "sock"), "-p", filepath.Join(dir, "pid")}
	server, err := rig.StartProcess(filepath.Join(dir, "said"), nil, "fail2ban-server", append([]string{"-f"}, append(args, "start")...)...)
	if err != nil {
		return err
	}
	parts.Add(server.Kill) // it would take its table away, element by element
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = rig.Wait(ready, "fail2ban's jails", func() error {
		text, err := os.ReadFile(filepath.Join(dir, "log"))
		if err == nil && strings.Count(string(text), "started") < 2 {
			err = fmt.Errorf("it says %q", text)
		}
		return err
	})
	if err == nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log"))
		fmt.Println("fail2ban notices lines by", backend(string(said)))
	}
	return err
}

// backend is by which means fail2ban says that it notices lines.
func backend(log string) string {
	for line := range strings.Lines(log) {
		if _, name, is := strings.Cut(line, "Initiated '"); is {
			name, _, _ = strings.Cut(name, "'")
			if name == "polling" {
				name += ": python3-pyinotify is not installed, which Debian installs with it"
			}
			return name
		}
	}
	return "means that it does not say"
}
