package main

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postward/internal/log/maillog"
)

// Where nothing is done, every guesser is missed and nobody is shut out: a variant that could not fail would tell nothing.
func TestEveryVariantIsTried(t *testing.T) {
	for _, v := range slices.Concat(guessers, lookalikes) {
		r, err := v.play(options{seed: 1, detector: "nothing"}, forms[0], t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		attacked := r.attacks[v.name]
		if v.limit > 0 && (attacked == nil || attacked.bad != attacked.subjects) || v.limit == 0 && attacked != nil {
			t.Errorf("%s: %+v", v.name, attacked)
		}
		if len(r.innocents) < 2 && v.limit == 0 {
			t.Errorf("%s: nobody is there but the quiet people", v.name)
		}
		if _, _, wrong := r.sum(); wrong != 0 {
			t.Errorf("%s: %d are shut out by nothing", v.name, wrong)
		}
	}
}

func TestAFoldedLineStandsForSeveral(t *testing.T) {
	var out bytes.Buffer
	f := &folder{to: bufio.NewWriter(&out)}
	const line = "Nov 10 00:00:0%d mx postfix/smtpd[7]: warning: unknown[9.9.9.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6\n"
	for n := range 4 {
		fmt.Fprintf(f, line, n)
	}
	if err := f.flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var l maillog.Line
	if maillog.Parse([]byte(lines[len(lines)-1]), &l); len(lines) != 2 || l.Kind != maillog.LoginFailed || l.Times != 3 {
		t.Errorf("%d lines, the last stands for %d of %s: %q", len(lines), l.Times, l.Kind, lines)
	}
}
