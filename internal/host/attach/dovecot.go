package attach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postward/internal/host/authpolicy"
	"postward/internal/host/doveadm"
	"postward/internal/host/postfix"
)

// Our two files. The first is in a directory that Dovecot's configuration includes, and includes the second, which has the
// key and which only root can read. All settings are in the second: Dovecot's processes that are not root's read the
// configuration too (dovecot-lda), and Dovecot refuses one that has the address of a policy server and no nonce.
const (
	dovecotPlace    = "99-postward.conf"
	dovecotSettings = "postward.conf.ext" // beside dovecot.conf; no pattern like *.conf finds it
)

// Dovecot is a Dovecot as it was found, and how postward is told to it. It is a value of one goroutine.
type Dovecot struct {
	Config   string   `json:"config"`   // /etc/dovecot/dovecot.conf
	Version  string   `json:"version"`  // 2.3.19.1
	Place    string   `json:"place"`    // a file of ours that Config includes; empty: it includes no directory
	Settings string   `json:"settings"` // a file of ours that only root reads
	Attached bool     `json:"attached"`
	Notes    []string `json:"notes"`
	Problems []string `json:"problems"` // why nothing can be written, each with what to do
}

// FindDovecot looks at a Dovecot's configuration, and whether the Postfix in postfixDir asks it for logins. It changes nothing.
func FindDovecot(ctx context.Context, postfixDir, config string) (*Dovecot, error) {
	version, err := doveadm.Version(ctx)
	if err != nil {
		return nil, err
	}
	config, err = filepath.Abs(config)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", config, err)
	}
	text, err := readDovecot(config)
	if err != nil {
		return nil, err
	}
	d := &Dovecot{Config: config, Version: version, Settings: filepath.Join(filepath.Dir(config), dovecotSettings)}
	if dir := included(text, filepath.Dir(config)); dir != "" {
		d.Place = filepath.Join(dir, dovecotPlace)
	} else {
		d.problem("%s includes no directory: append the line `!include_try %s` to it, and put the settings there (mode 600)", config, d.Settings)
	}
	if _, err := authpolicy.Preview(version, "", ""); err != nil {
		d.problem("%v", err)
	}
	if err := d.look(ctx); err != nil {
		return nil, err
	}
	return d, d.asked(ctx, postfixDir)
}

func readDovecot(config string) (string, error) {
	f, _, err := openRegular(config)
	if err != nil {
		return "", fmt.Errorf("read Dovecot's configuration: %w (another one? --dovecot-conf)", err)
	}
	defer f.Close()
	b, err := readBounded(f, postfix.MaxFile)
	if err != nil {
		return "", fmt.Errorf("read Dovecot's configuration %s: %w", config, err)
	}
	return string(b), nil
}

func (d *Dovecot) problem(format string, args ...any) {
	d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
}

// look finds what is there: files of ours, and another policy server.
func (d *Dovecot) look(ctx context.Context) error {
	for _, path := range d.files() {
		switch s, err := readSealed(path); {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return fmt.Errorf("look at Dovecot's configuration: %w", err)
		case !s.ours:
			d.problem("%s is there and not postward's: rename it", path)
		case s.edited:
			d.problem("%s was edited since attach wrote it: postward detach keeps it under another name, then attach again", path)
			d.Attached = true
		default:
			d.Attached = true
		}
	}
	if err := (doveadm.Instance{Config: d.Config}).Check(ctx); err != nil {
		d.problem("Dovecot does not like its configuration as it is: %v", err)
		return nil
	}
	server, err := d.server(ctx)
	if err == nil && server != "" && !d.Attached {
		d.problem("Dovecot asks %s about logins already, and asks one policy server only: take auth_policy_server_url out first", withoutPassword(server))
	}
	return err
}

// server is whom Dovecot asks about logins. From 2.4 on the setting stands in a block, whatever form it was written in, and
// doveconf says of its old name that it is empty.
func (d *Dovecot) server(ctx context.Context) (string, error) {
	name := "auth_policy/server_url"
	if strings.HasPrefix(d.Version, "2.3.") {
		name = "auth_policy_server_url"
	}
	return doveadm.Instance{Config: d.Config}.Get(ctx, name)
}

// files are ours, the one that includes the other last.
func (d *Dovecot) files() []string {
	if d.Place == "" {
		return []string{d.Settings}
	}
	return []string{d.Settings, d.Place}
}

func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "another policy server"
	}
	return u.Redacted()
}

// asked finds out whether Postfix asks this Dovecot for logins (postconf(5), smtpd_sasl_type, smtpd_sasl_path).
func (d *Dovecot) asked(ctx context.Context, postfixDir string) error {
	p := postfix.Instance{ConfigDir: postfixDir}
	kinds, err := p.Everywhere(ctx, "smtpd_sasl_type")
	if err != nil {
		return err
	}
	if !slices.Contains(kinds, "dovecot") {
		d.Notes = append(d.Notes, "the Postfix in "+postfixDir+" asks no Dovecot for its logins (smtpd_sasl_type): postward hears of Dovecot's own logins only")
		return nil
	}
	paths, err := p.Everywhere(ctx, "smtpd_sasl_path")
	if err != nil {
		return err
	}
	queue, err := p.Get(ctx, "queue_directory")
	if err != nil {
		return err
	}
	text, err := doveadm.Instance{Config: d.Config}.Text(ctx)
	if err != nil {
		return nil // said already
	}
	for _, path := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		if why := listensAt(text, path, queue); why != "" {
			d.Notes = append(d.Notes, why)
		}
	}
	return nil
}

// listensAt says why a Dovecot with this configuration is not the one that Postfix asks at a path, if so.
func listensAt(text, path, queue string) string {
	if hostPort, ok := strings.CutPrefix(path, "inet:"); ok {
		host, _, err := net.SplitHostPort(hostPort)
		if a, parsed := netip.ParseAddr(strings.Trim(host, "[]")); err != nil || parsed == nil && !a.IsLoopback() || parsed != nil && host != "localhost" {
			return "Postfix asks a Dovecot at " + hostPort + " for its logins: if that is another host, tell Dovecot there, with a postward of its own"
		}
		return ""
	}
	path = strings.TrimPrefix(path, "unix:")
	if !filepath.IsAbs(path) {
		path = filepath.Join(queue, path)
	}
	if !strings.Contains(text, "unix_listener "+path+" {") {
		return "Postfix asks at " + path + " for its logins, where this Dovecot does not listen: is it another one? --dovecot-conf"
	}
	return ""
}

// included returns a directory whose files a configuration includes, if dovecotPlace would be one of them; the last one,
// whose settings count. It reads the lines outside of all blocks.
func included(text, base string) (dir string) {
	depth := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		switch {
		case line == "" || line[0] == '#':
		case strings.HasSuffix(line, "{"):
			depth++
		case line == "}":
			depth--
		case depth == 0 && len(words) == 2 && (words[0] == "!include" || words[0] == "!include_try"):
			pattern := words[1]
			if !filepath.IsAbs(pattern) {
				pattern = filepath.Join(base, pattern)
			}
			if fits(pattern) {
				dir = filepath.Dir(pattern)
			}
		}
	}
	return dir
}

// fits reports whether a pattern finds our file, and not its settings, in a directory that is there.
func fits(pattern string) bool {
	dir, name := filepath.Split(pattern)
	found, err := filepath.Match(name, dovecotPlace)
	both, _ := filepath.Match(name, dovecotSettings)
	info, missing := os.Stat(dir)
	return err == nil && found && !both && strings.Contains(name, "*") && missing == nil && info.IsDir()
}
