package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
)

// try is one line of the truth: somebody tried to log in, or (outcome "came") was there without trying. It is written beside
// the log, and no detector sees it.
type try struct {
	At      time.Time
	Guilty  bool
	Kind    string // of attack, or of innocents
	Subject string // what one attack is: a source, a network or an account; for innocents who it is
	Addr    netip.Addr
	Account string // as it was tried; empty when none was
	Outcome string
}

// Outcomes of a try.
const (
	gotIn   = "in"
	refused = "refused"
	came    = "came"
)

// mark says whose tries these are.
type mark struct {
	guilty        bool
	kind, subject string
}

// append writes a line of tab-separated fields: when, attack or innocent, kind, subject, address, account, outcome.
func (t *try) append(b []byte) []byte {
	side := "innocent"
	if t.Guilty {
		side = "attack"
	}
	b = t.At.UTC().AppendFormat(b, time.RFC3339Nano)
	return fmt.Appendf(b, "\t%s\t%s\t%s\t%s\t%s\t%s\n", side, t.Kind, t.Subject, t.Addr, t.Account, t.Outcome)
}

// readTruth reads what append wrote.
func readTruth(r io.Reader) (all []try, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 7 {
			return nil, fmt.Errorf("read the truth: line %d has %d fields, not 7", len(all)+1, len(f))
		}
		t := try{Guilty: f[1] == "attack", Kind: f[2], Subject: f[3], Account: f[5], Outcome: f[6]}
		if t.At, err = time.Parse(time.RFC3339Nano, f[0]); err != nil {
			return nil, fmt.Errorf("read the truth: line %d: %w", len(all)+1, err)
		}
		if t.Addr, err = netip.ParseAddr(f[4]); err != nil {
			return nil, fmt.Errorf("read the truth: line %d: %w", len(all)+1, err)
		}
		all = append(all, t)
	}
	return all, lines.Err()
}
