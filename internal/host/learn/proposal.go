package learn

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"postward/internal/guard"
)

// Proposal returns a first postward.toml for this host, with these milter sockets: shadow mode, and what differs from
// the defaults.
func Proposal(p *Site, l *Learned, sockets map[guard.Direction]string) string {
	var b strings.Builder
	b.WriteString("# Written by \"postward attach\". Every key may be left out; see: postward config example.\n")
	b.WriteString("# shadow: everything is judged and shown, nothing is held or refused.\n")
	b.WriteString("mode = \"shadow\"\n\n[postfix]\n")
	fmt.Fprintf(&b, "config_dir = %s\n", toml(p.ConfigDir))
	if log := p.Log(); log != "" {
		fmt.Fprintf(&b, "log_file = %s\n", toml(log))
	}
	fmt.Fprintf(&b, "\n[milter]\ninbound = %s\nsubmission = %s\nlocal = %s\n", toml(sockets[guard.Inbound]), toml(sockets[guard.Submission]), toml(sockets[guard.Local]))
	b.WriteString("\n[networks]\n# mynetworks: never banned, never locked out; mail from here without a login counts for net:ADDRESS\nown = [")
	for _, n := range l.Networks {
		fmt.Fprintf(&b, "\n  %s,", toml(n.String()))
	}
	b.WriteString("\n]\n\n[domains]\n# mydestination: a login NAME may send as NAME@ these\nlocal = [")
	for _, d := range l.Domains {
		fmt.Fprintf(&b, "\n  %s,", toml(d))
	}
	b.WriteString("\n]\n")
	return b.String()
}

// toml writes a basic string (TOML 1.0). Control characters and broken UTF-8, which Go and TOML escape
// differently, are in no path or name that is meant.
func toml(s string) string {
	return strconv.Quote(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, s))
}

// WriteProposal writes text to path unless something is there already; it reports whether it did. Alert URLs
// with secrets will be added to it, so only root and group (the one postward runs as) may read it; without such a
// group on the host everybody may.
func WriteProposal(path, text, group string) (bool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, fmt.Errorf("write a first configuration: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write a first configuration: %w", err)
	}
	if g, err := user.LookupGroup(group); err == nil {
		gid, err := strconv.Atoi(g.Gid)
		if err = errors.Join(err, f.Chown(-1, gid), f.Chmod(0o640)); err != nil {
			return false, errors.Join(fmt.Errorf("write %s: %w", path, err), f.Close(), os.Remove(path))
		}
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, fmt.Errorf("write %s: %w", path, err)
	}
	return true, nil
}
