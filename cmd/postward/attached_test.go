package main

import (
	"errors"
	"strings"
	"testing"

	"postward/internal/run/config"
	"postward/internal/run/ctl"
)

// TestAttachSaysTheModeThatTheConfigurationHas: one that was there before may enforce from the first mail on.
func TestAttachSaysTheModeThatTheConfigurationHas(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "In shadow mode, as p.toml says: everything is judged and shown, nothing is held or refused.",
		"mode = \"enforce\"":             "It is enforced, as p.toml says: what is unusual is held, who may not send is refused, and who guesses passwords is kept out.",
		"[guessing]\nmode = \"enforce\"": "and not held or refused; but who guesses passwords is kept out.",
		"mode = \"enforce\"\n[guessing]\nmode = \"shadow\"":    "is refused, and nobody is kept out.",
		"[modes]\nsenders = \"enforce\"\ncooling = \"shadow\"": "As p.toml says, senders are enforced, which hold and refuse mail; accounts, containment, score, budgets, cooling, strangers are in shadow",
	} {
		c, err := config.Parse("p.toml", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := modeSaid(c, "p.toml"); !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// TestWhatIsTrueOfEachPartIsSaid when attach --apply fails half way.
func TestWhatIsTrueOfEachPartIsSaid(t *testing.T) {
	f := attachFlags{apply: true, dovecot: true, again: " --dovecot"}
	var p *ctl.Problem
	if !errors.As(f.withoutPostward(errors.New("no doveconf")), &p) || p.What != "Postfix is attached, and Dovecot is not told to ask postward: no doveconf" || p.Hint != "mend that, then postward attach --apply --dovecot" {
		t.Errorf("%+v", p)
	}
	if !errors.As(f.withoutDovecot(&ctl.Problem{What: "no postconf", Hint: "apt"}), &p) || p.What != "no postconf; nothing of Dovecot was changed" || p.Hint != "apt; then postward attach --apply --dovecot" {
		t.Errorf("%+v", p)
	}
	if f.withoutPostward(nil) != nil || f.withoutDovecot(nil) != nil {
		t.Error("it went well, and is an error")
	}
	only := errors.New("as it is")
	if f.dovecot = false; f.withoutDovecot(only) != only {
		t.Error("nobody asked for Dovecot")
	}
}
