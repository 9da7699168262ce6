package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"postward/internal/guard"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
)

// What attach says of what is so now.

// withoutDovecot is why Postfix is not attached, where Dovecot was to be told too.
func (f *attachFlags) withoutDovecot(err error) error {
	return f.halfDone("", err, "; nothing of Dovecot was changed")
}

// withoutPostward is why Dovecot is not told, where Postfix is attached: that stays.
func (f *attachFlags) withoutPostward(err error) error {
	return f.halfDone("Postfix is attached, and Dovecot is not told to ask postward: ", err, "")
}

// halfDone is what went wrong with one of the two, with what is true of the other.
func (f *attachFlags) halfDone(before string, err error, behind string) error {
	if err == nil || !f.apply || !f.dovecot {
		return err
	}
	what, hint := err.Error(), "mend that, then postward attach --apply"+f.again
	var p *ctl.Problem
	if errors.As(err, &p) {
		what = p.What
		if p.Hint != "" {
			hint = p.Hint + "; then postward attach --apply" + f.again
		}
	}
	return &ctl.Problem{What: before + what + behind, Hint: hint}
}

// modeSaid says what becomes of mail from now on, as a configuration that was there before may say.
func modeSaid(c *config.Config, path string) string {
	var enforced, shadow []string
	for _, s := range guard.Subjects {
		if c.Policy().Enforces(s) {
			enforced = append(enforced, string(s))
		} else {
			shadow = append(shadow, string(s))
		}
	}
	guessers := map[bool]string{true: "who guesses passwords is kept out", false: "nobody is kept out"}[c.BansEnforced()]
	switch {
	case len(enforced) == 0 && !c.BansEnforced():
		return "In shadow mode, as " + path + " says: everything is judged and shown, nothing is held or refused."
	case len(enforced) == 0:
		return "In shadow mode, as " + path + " says: mail is judged and shown, and not held or refused; but " + guessers + "."
	case len(shadow) > 0:
		return fmt.Sprintf("As %s says, %s are enforced, which hold and refuse mail; %s are in shadow, and only shown; %s.", path, strings.Join(enforced, ", "), strings.Join(shadow, ", "), guessers)
	}
	return "It is enforced, as " + path + " says: what is unusual is held, who may not send is refused, and " + guessers + ". To look first: mode = \"shadow\" there."
}

// warnEnforced says, to who only looks, that a configuration that is there does not begin with shadow mode.
func (a *app) warnEnforced() {
	c, err := config.Load(a.config)
	if err == nil && slices.ContainsFunc(guard.Subjects[:], c.Policy().Enforces) {
		a.out.line("Note: %s", modeSaid(c, a.config))
	}
}
