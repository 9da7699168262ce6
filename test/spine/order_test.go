//go:build daemons

package spine_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"postward/test/rig"
)

// beside starts a milter of the operator's and returns its address as Postfix writes it.
func beside(t *testing.T, m milter.Milter) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := milter.Server{NewMilter: func() milter.Milter { return m }, Actions: milter.OptAddHeader}
	go func() { _ = s.Serve(l) }() // ends with Close
	t.Cleanup(func() { s.Close() })
	return "inet:" + l.Addr().String()
}

// rearrange edits master.cf while Postfix is stopped.
func (f *field) rearrange(t *testing.T, old, is string) {
	t.Helper()
	p := f.Site.Postfix
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.ConfigDir, "master.cf")
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%q is not in master.cf: %v\n%s", old, err, text)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(is), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
}

// TestAnotherMilterRefusesWhatPostwardWouldHold: a scanner that refuses is asked about unusual mail too.
func TestAnotherMilterRefusesWhatPostwardWouldHold(t *testing.T) {
	f := attachedTo(t, rig.PostfixConfig{SubmissionMilters: beside(t, refuser{})}, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	unusual := f.one("anna", stranger, "nobody-knows@example.net")
	if unusual.Code != 550 || !strings.Contains(unusual.Reply, "not with me") {
		t.Errorf("unusual mail: %d %s", unusual.Code, unusual.Reply)
	}
	if s := f.status(t); s.Held+s.Cooling > 0 {
		t.Errorf("%+v", s)
	}
	if ledger := f.account(t, []rig.Mail{unusual}); len(ledger.Refused) != 1 {
		t.Error(ledger)
	}
}

// TestAReleasedMailCarriesTheMarkOfTheOtherMilter: a signer signs what postward holds, before it is held.
func TestAReleasedMailCarriesTheMarkOfTheOtherMilter(t *testing.T) {
	other := beside(t, marker{})
	f := attachedTo(t, rig.PostfixConfig{SubmissionMilters: other, LocalMilters: other},
		rig.PostwardConfig{Mode: "enforce", Settings: settings + "[cooling]\ntime = \"10s\"\n"})
	f.do(t, "account", "allow", "anna")
	usual := f.one("anna", office, "friend@example.com")
	cooled := f.one("anna", stranger, "new@example.net")
	if s := f.status(t); s.Held+s.Cooling != 1 {
		t.Fatalf("%+v", s)
	}
	f.do(t, "held", "release", cooled.QueueID)
	if err := f.Sink.WaitLen(f.ctx, 2); err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Sink.Deliveries() {
		if !bytes.Contains(d.Head, []byte("\nX-Marked: yes")) {
			t.Errorf("it left without the other milter's field:\n%s", d.Head)
		}
	}
	f.account(t, []rig.Mail{usual, cooled})
}

// TestAMilterBehindPostwardIsSaidInStatus: as an attachment of the former kind has it, or a package makes it later.
func TestAMilterBehindPostwardIsSaidInStatus(t *testing.T) {
	other := beside(t, marker{})
	f := attachedTo(t, rig.PostfixConfig{SubmissionMilters: other}, rig.PostwardConfig{Mode: "enforce"})
	said := func() string {
		for _, text := range f.status(t).Troubles {
			if strings.Contains(text, "asks other milters after postward") {
				return text
			}
		}
		return ""
	}
	last, first := other+",$postward_submission", "$postward_submission,"+other
	if text := said(); text != "" {
		t.Errorf("as attached: %s", text)
	}
	f.rearrange(t, last, first)
	f.wait(t, "status to name the milter behind", func() error {
		if text := said(); !strings.Contains(text, other) {
			return fmt.Errorf("it says %q", text)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	if out, err := f.Run(ctx, "attach", "--postfix", f.Site.Postfix.ConfigDir); err != nil || !strings.Contains(out, "asks "+other+" after postward") {
		t.Errorf("attach: %v\n%s", err, out)
	}
	f.rearrange(t, first, last)
	f.wait(t, "status to be content", func() error {
		if text := said(); text != "" {
			return fmt.Errorf("it says %q", text)
		}
		return nil
	})
}
