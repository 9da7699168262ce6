package attach

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"postward/internal/host/postfix"
)

// Rehearse writes the planned files into a temporary directory and lets Postfix read them there: every service
// must get exactly the milters that were meant. It changes nothing else, so that a dry run can call it.
func (p *Plan) Rehearse(ctx context.Context) error {
	if p.again != nil {
		return p.again.Rehearse(ctx)
	}
	dir, err := os.MkdirTemp("", "postward-attach-")
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	defer os.RemoveAll(dir)
	before, err := writePair(filepath.Join(dir, "before"), p.Host.main, p.Host.master)
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	after, err := writePair(filepath.Join(dir, "after"), p.main, p.master)
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	known, err := postfix.Instance{ConfigDir: before}.Warnings(ctx)
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	if err := p.verify(ctx, after, known); err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	return nil
}

// writePair writes files that look old: Postfix waits up to two seconds for a main.cf that was written just now.
func writePair(dir string, main, master []byte) (string, error) {
	past := time.Now().Add(-time.Hour)
	path := filepath.Join(dir, mainCF)
	return dir, errors.Join(
		os.Mkdir(dir, 0o700),
		os.WriteFile(path, main, 0o600),
		os.WriteFile(filepath.Join(dir, masterCF), master, 0o600),
		os.Chtimes(path, past, past),
	)
}

// verify asks Postfix what the configuration in dir means now. known are the warnings it gave before.
func (p *Plan) verify(ctx context.Context, dir string, known []string) error {
	master, err := postfix.ReadFile(filepath.Join(dir, masterCF))
	if err != nil {
		return err
	}
	if err := p.verifyMilters(master, valuesIn(ctx, dir)); err != nil {
		return err
	}
	warnings, err := postfix.Instance{ConfigDir: dir}.Warnings(ctx)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		if !slices.ContainsFunc(known, func(k string) bool { return numberless(k) == numberless(w) }) {
			return fmt.Errorf("postconf has a new complaint: %s", w)
		}
	}
	return nil
}

var lineNumber = regexp.MustCompile(`line \d+`)

// numberless is a warning without the number of its line, which moves when lines are put in.
func numberless(warning string) string { return lineNumber.ReplaceAllString(warning, "line") }

// verifyMilters compares the effective milters of every service in master with what the plan meant.
func (p *Plan) verifyMilters(master []byte, get values) error {
	seen := 0
	kept, _ := inForce(entries(master))
	for _, e := range kept {
		name := "smtpd_milters"
		switch filepath.Base(e.command) {
		case "smtpd":
		case "cleanup":
			name = "non_smtpd_milters"
		default:
			continue
		}
		key := e.name + "/" + e.kind
		want, ok := p.want[key]
		if !ok {
			return fmt.Errorf("check %s (master.cf:%d): a service the plan does not know", key, e.number)
		}
		v, err := get(e.options, name)
		if err != nil {
			return fmt.Errorf("check %s: %w", key, err)
		}
		if got := postfix.SplitList(v[name]); !slices.Equal(got, want) {
			return fmt.Errorf("check %s (master.cf:%d): %s would be %q, meant was %q",
				key, e.number, name, strings.Join(got, ", "), strings.Join(want, ", "))
		}
		seen++
	}
	if seen < len(p.want) {
		return fmt.Errorf("check master.cf: %d services found, %d were planned", seen, len(p.want))
	}
	return nil
}
