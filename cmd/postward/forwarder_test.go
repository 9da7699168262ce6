package main

import (
	"strings"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// TestForwardersAreListedWithWhatToWrite: each under its key, and nothing where there is nobody.
func TestForwardersAreListedWithWhatToWrite(t *testing.T) {
	x := ctl.ForwardersAnswer{Forwarders: []ctl.Forwarder{
		{Domain: "uni.example", As: "forwarders", Mails: 19, Days: 12, Proved: 14, Authors: []string{"a.example", "b.example"}, For: []string{"anna@example.org"}},
		{Domain: "lists.example", As: "sealers", Mails: 4, Days: 3}, {Domain: "alumni.example", As: "forwarders", Mails: 3, Days: 3, Proved: 3},
	}}
	out, said, code := postward(t, "--config", desk(t, map[string]any{"forwarder/list": x}), "forwarder", "list")
	for _, want := range []string{"uni.example", "anna@example.org", "a.example, b.example", `  forwarders = ["alumni.example", "uni.example"]`, `  sealers = ["lists.example"]`, "systemctl reload postward"} {
		if code != exitFine || !strings.Contains(out, want) {
			t.Errorf("no %q: %d %s %s", want, code, out, said)
		}
	}
	if out, said, code = postward(t, "--config", desk(t, map[string]any{"forwarder/list": ctl.ForwardersAnswer{}}), "forwarder", "list"); code != exitFine || strings.Contains(out, "Ask those") {
		t.Errorf("%d %s %s", code, out, said)
	}
}

// TestHeldMailFromOutsideIsShownAsSuch: it has no account.
func TestHeldMailFromOutsideIsShownAsSuch(t *testing.T) {
	m := guard.Mail{QueueID: "A1", Status: guard.MailHeld, Reason: guard.ReasonUnproven, Why: "far.example: no", Recipients: 1, At: 1, ReversePath: "bob@far.example", First: "anna@example.org"}
	config := desk(t, map[string]any{"held/show": ctl.LookAnswer{Mail: &m}, "held/list": ctl.HeldAnswer{Mails: []*guard.Mail{&m}}})
	out, said, code := postward(t, "--config", config, "held", "show", "A1")
	for _, want := range []string{"1 recipient from outside, reverse-path <bob@far.example>, waits for a person", "unproven: far.example: no", "postward held release A1", "postward held delete A1"} {
		if code != exitFine || !strings.Contains(out, want) {
			t.Errorf("no %q: %d %s %s", want, code, out, said)
		}
	}
	if out, _, _ := postward(t, "--config", config, "held", "list"); !strings.Contains(out, "(outside)") {
		t.Error(out)
	}
}
