package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Dovecot is a private Dovecot that does nothing but logins for one Postfix (SASL PLAIN and LOGIN), from a file of
// users. Knows the configuration of 2.3 and of 2.4.
type Dovecot struct {
	Dir     string
	Config  string // its dovecot.conf
	LogPath string

	socket  string
	users   string
	process *Process
}

// StartDovecot starts one for a Postfix that has been started once or will be: its socket is private/auth in that
// queue directory. extra are further lines of the configuration (auth_policy_…). It waits for the socket.
func StartDovecot(p *Postfix, users map[string]string, extra ...string) (*Dovecot, error) {
	dir, err := NewDir("dovecot")
	if err != nil {
		return nil, err
	}
	d := &Dovecot{
		Dir: dir, Config: filepath.Join(dir, "dovecot.conf"), LogPath: filepath.Join(dir, "dovecot.log"), users: filepath.Join(dir, "users"),
		socket: filepath.Join(p.QueueDir, "private", "auth"),
	}
	if err := d.start(p, users, extra); err != nil {
		tail, _ := os.ReadFile(d.LogPath)
		return nil, errors.Join(fmt.Errorf("start Dovecot: %w: %s", err, tail), d.Close())
	}
	return d, nil
}

func (d *Dovecot) start(p *Postfix, users map[string]string, extra []string) error {
	// Makes queue/private as Postfix wants it, if it has not been there yet.
	if err := p.tool("postfix", "check"); err != nil {
		return err
	}
	if err := d.SetUsers(users); err != nil {
		return err
	}
	version, err := DovecotVersion()
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.Config, []byte(d.config(version, extra)), 0o644); err != nil {
		return err
	}
	if d.process, err = StartProcess(d.LogPath, nil, "dovecot", "-F", "-c", d.Config); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return Wait(ctx, "the socket private/auth", func() error {
		conn, err := net.Dial("unix", d.socket)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// DovecotVersion is the version of the Dovecot that is installed: "2.3.19.1 (9b53102964)".
func DovecotVersion() (string, error) {
	version, err := exec.Command("dovecot", "--version").Output()
	return strings.TrimSpace(string(version)), err
}

// SetUsers replaces the users: login to password. Dovecot reads the file again by itself.
func (d *Dovecot) SetUsers(users map[string]string) error {
	var text strings.Builder
	for name, password := range users {
		fmt.Fprintf(&text, "%s:{PLAIN}%s\n", name, password)
	}
	next := d.users + ".new"
	if err := os.WriteFile(next, []byte(text.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(next, d.users)
}

// config: no mail, no pause after a failed login (a test that wants Dovecot's own gives auth_failure_delay), and no
// penalty for the address.
func (d *Dovecot) config(version string, extra []string) string {
	return DovecotPasswords(version, d.users) + `protocols =
ssl = no
base_dir = ` + d.Dir + `/run
state_dir = ` + d.Dir + `/state
log_path = ` + d.LogPath + `
auth_mechanisms = plain login
auth_verbose = yes
auth_failure_delay = 0
service auth {
  unix_listener ` + d.socket + ` {
    mode = 0660
    user = postfix
    group = postfix
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
` + strings.Join(extra, "\n") + "\n"
}

// DovecotPasswords is the begin of a configuration for a version of Dovecot, which takes passwords from a file of users, also
// over connections without TLS.
func DovecotPasswords(version, users string) string {
	if Dovecot23(version) {
		return "disable_plaintext_auth = no\npassdb {\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u " + users + "\n}\n"
	}
	return DovecotBegin(version) + "auth_allow_cleartext = yes\npassdb passwd-file {\n  passwd_file_path = " + users + "\n}\n"
}

// DovecotBegin are the lines with which a configuration for a version of Dovecot must begin.
func DovecotBegin(version string) string {
	if Dovecot23(version) {
		return ""
	}
	return "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
}

// Dovecot23 reports whether a version is configured in the syntax of 2.3, and not in that of 2.4 and later.
func Dovecot23(version string) bool { return strings.HasPrefix(version, "2.3.") }

// Doveadm runs doveadm(1) for this Dovecot, and returns what it prints.
func (d *Dovecot) Doveadm(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "doveadm", append([]string{"-c", d.Config}, args...)...).CombinedOutput()
	return string(out), err
}

// Login asks for a login as a process of Dovecot's own does that serves a client: imap, pop3, sieve. It reports whether the
// password was taken, and what Dovecot said.
func (d *Dovecot) Login(ctx context.Context, service, client, session, user, password string) (taken bool, said string) {
	said, err := d.Doveadm(ctx, "auth", "test", "-x", "service="+service, "-x", "rip="+client, "-x", "session="+session, user, password)
	return err == nil, said
}

// Log is what it has written to its log.
func (d *Dovecot) Log() string {
	text, err := os.ReadFile(d.LogPath)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Stop ends it; Postfix then answers AUTH with a temporary failure.
func (d *Dovecot) Stop() error {
	if d.process == nil {
		return nil
	}
	// Dovecot's auth, log and stats outlive the master while an smtpd is connected: systemd ends them by the cgroup.
	for _, r := range inSession(d.process.Pid) {
		_ = syscall.Kill(r.Pid, syscall.SIGTERM)
	}
	return d.process.Stop()
}

// Close stops it and removes its directory.
func (d *Dovecot) Close() error { return errors.Join(d.Stop(), os.RemoveAll(d.Dir)) }
