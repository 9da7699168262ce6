package attach

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// LearnedFile is the name, in the state directory, of what was learned: one guard.Event in JSON a line. The
// daemon imports it when it starts; keys are natural, so importing twice changes nothing.
const LearnedFile = "learned.jsonl"

// Write puts the events into the state directory, readable for whoever owns that directory. The directory is
// the user postward's own, so nothing there is followed: a new file takes the old one's place.
func (l *Learned) Write(stateDir string, now time.Time) (string, error) {
	dir, err := os.OpenRoot(stateDir)
	if err != nil {
		return "", fmt.Errorf("write what was learned: %w", err)
	}
	defer dir.Close()
	var text []byte
	for _, e := range l.Events(now) {
		b, err := json.Marshal(e)
		if err != nil {
			return "", fmt.Errorf("write what was learned about %s: %w", e.Account, err)
		}
		text = append(append(text, b...), '\n')
	}
	it := Item{Mode: 0o640, UID: os.Geteuid(), GID: os.Getegid(), MTime: now}
	if info, err := dir.Stat("."); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			it.UID, it.GID = int(st.Uid), int(st.Gid)
		}
	}
	path := filepath.Join(stateDir, LearnedFile)
	if err := replace(dir, LearnedFile, text, it, nil); err != nil {
		return "", fmt.Errorf("write what was learned to %s: %w", path, err)
	}
	return path, nil
}

// Proposal returns a first postward.toml for this host: shadow mode, and what differs from the defaults.
func Proposal(h *Host, l *Learned, s Sockets) string {
	var b strings.Builder
	b.WriteString("# Written by \"postward attach\". Every key may be left out; see: postward config example.\n")
	b.WriteString("# shadow: everything is judged and shown, nothing is held or refused.\n")
	b.WriteString("mode = \"shadow\"\n\n[postfix]\n")
	fmt.Fprintf(&b, "config_dir = %s\n", toml(h.ConfigDir))
	if log := h.Log(); log != "" {
		fmt.Fprintf(&b, "log_file = %s\n", toml(log))
	}
	fmt.Fprintf(&b, "\n[milter]\ninbound = %s\nsubmission = %s\nlocal = %s\n", toml(s.Inbound), toml(s.Submission), toml(s.Local))
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
