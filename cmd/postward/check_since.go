package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postward/internal/domain/check"
	"postward/internal/run/ctl"
)

// Bounds of an earlier report's file and of its name, in octets.
const (
	maxKept     = 8 << 20
	maxKeptName = 100
)

// since is what became of an earlier report; first: there was none.
type since struct {
	check.Diff
	first bool
}

// compare compares a report with the earlier one that --diff means; nil without --diff. The last run is kept for the
// next, a file that was named stays as it is.
func (f *checkFlags) compare(r *check.Report) (*since, error) {
	switch f.diff {
	case "":
		return nil, nil
	case lastRun:
		return compareLast(r)
	}
	was, err := readReport(f.diff)
	if err != nil {
		return nil, fmt.Errorf("compare with an earlier report: %w", err)
	}
	if was.Target != r.Target {
		return nil, &ctl.Problem{What: fmt.Sprintf("%s is about %q, not %s", f.diff, was.Target, r.Target), Hint: "a report of the same target"}
	}
	return &since{Diff: check.Compare(was, r)}, nil
}

func compareLast(r *check.Report) (*since, error) {
	path, err := keptPath(r.Target)
	if err != nil {
		return nil, err
	}
	s, known := &since{first: true}, *r
	was, err := readReport(path)
	switch {
	case err == nil:
		s = &since{Diff: check.Compare(was, r)}
		known = s.Known(*r)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &ctl.Problem{What: fmt.Sprintf("compare with the last run: %v", err), Hint: "rm " + path + ", and begin anew"}
	}
	if !r.Learned() { // nothing to compare the next run with
		return s, nil
	}
	return s, keep(path, &known)
}

// keptPath is where a target's last run is kept: ~/.local/state/postward/check/TARGET.json (XDG Base Directory).
func keptPath(target string) (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", &ctl.Problem{What: "there is no directory to keep a report in: " + err.Error(), Hint: "set XDG_STATE_HOME, or name a file: --diff=FILE"}
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "postward", "check", keptName(target)), nil
}

// keptName makes a file's name of a target. Two targets never have the same.
func keptName(target string) string {
	name := strings.Map(func(r rune) rune {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:", r)) {
			return r
		}
		return '_'
	}, target)
	if name != target || len(name) > maxKeptName {
		name = fmt.Sprintf("%s_%.8x", name[:min(len(name), maxKeptName)], sha256.Sum256([]byte(target)))
	}
	return name + ".json"
}

func readReport(path string) (*check.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // os says what and where
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKept+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKept {
		return nil, fmt.Errorf("%s has more than %d octets: it is no report", path, maxKept)
	}
	r := new(check.Report)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s is no report: %w", path, err)
	}
	return r, nil
}

// keep writes a report whole or not at all, for its owner only.
func keep(path string, r *check.Report) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep the report: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return fmt.Errorf("keep the report: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keep the report: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
