package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/run/ctl"
)

func (a *app) accountLock() *cobra.Command {
	return &cobra.Command{Use: "lock ACCOUNT", Short: "let nobody log in as an account, whatever the password", Args: cobra.ExactArgs(1),
		Long: "Let nobody log in as an account, whatever the password, and end its sessions. Dovecot asks postward at each login\n" +
			"(postward attach --dovecot); mail that is sent without a login is not concerned.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.lockAccount(c.Context(), "account/lock", args[0], "Nobody logs in as %s any more. To open it: postward account unlock %[1]s")
		}}
}

func (a *app) accountUnlock() *cobra.Command {
	return &cobra.Command{Use: "unlock ACCOUNT", Short: "let an account log in again that was locked, or stopped", Args: cobra.ExactArgs(1),
		Long: "Let an account log in again that was locked, or stopped with its mail. Whether its mail is refused is another matter\n" +
			"(postward incident list), and so is a protection (postward account protect ACCOUNT --off).",
		RunE: func(c *cobra.Command, args []string) error {
			return a.lockAccount(c.Context(), "account/unlock", args[0], "%s is not locked: whoever has its password may log in. Whether its mail is refused says its incident: postward incident list")
		}}
}

func (a *app) lockAccount(ctx context.Context, verb, account, done string) error {
	var x ctl.Account
	if err := a.ask(ctx, verb, ctl.Name{Account: account}, &x); err != nil || a.json {
		return a.orJSON(err, x)
	}
	a.out.line(done, printable(x.Name))
	if verb == "account/unlock" {
		for _, line := range logins(&x) {
			if !strings.HasPrefix(line, "would") {
				line = "is " + line
			}
			a.out.line("But it %s", printable(line))
		}
		return nil
	}
	a.warnNew(x.New, x.Name)
	return a.warnUnasked(ctx, false)
}

// warnNew says that a name was never heard of: who only reads mail is none of those that are listed, and a slip of the finger is not, either.
func (a *app) warnNew(isNew bool, account string) {
	if isNew {
		a.out.line("postward has not heard of %s: is that the name it logs in with? Those that sent mail: postward account list", printable(account))
	}
}

// warnUnasked says that a lock or a protection holds nobody, where Dovecot does not ask: somebody relies on it. In shadow mode a
// protection does not, either.
func (a *app) warnUnasked(ctx context.Context, shadows bool) error {
	var s ctl.Status
	if err := a.ask(ctx, "status", nil, &s); err != nil {
		return err
	}
	shadows = shadows && !s.Gate.Enforced
	if shadows {
		a.out.line("But guessing.mode is shadow, and nobody is refused for it. To refuse everybody: postward account lock ACCOUNT")
	}
	if s.Gate.Unasked != "" {
		a.out.line("But Dovecot does not ask postward, and lets in whose password is right: %s", printable(s.Gate.Unasked))
	}
	if shadows || s.Gate.Unasked != "" {
		return errFound
	}
	return nil
}

func (a *app) accountProtect() *cobra.Command {
	var d time.Duration
	var off bool
	c := &cobra.Command{Use: "protect ACCOUNT", Short: "for a time, let only those in who logged in to an account before", Args: cobra.ExactArgs(1), Long: "For a time, let only those in who logged in to an account before, or from beside there, as it is where many guess at it. Dovecot asks\n" +
		"postward at each login (postward attach --dovecot). Exit status 1: it holds nobody, for Dovecot does not ask, or\n" +
		"guessing.mode is shadow.", RunE: func(c *cobra.Command, args []string) error {
		switch {
		case off && c.Flags().Changed("for"):
			return &ctl.Problem{What: "--for begins a protection, and --off ends one", Hint: "one of them"}
		case off:
			d = 0
		case d <= 0:
			return &ctl.Problem{What: fmt.Sprintf("%s is no time to protect an account for", d), Hint: "a time up to 720h, like --for 24h; --off ends one"}
		}
		var p ctl.ProtectAnswer
		if err := a.ask(c.Context(), "account/protect", ctl.ProtectRequest{Account: args[0], For: d}, &p); err != nil || a.json {
			return a.orJSON(err, p)
		}
		if off {
			a.out.line("%s is not protected.", printable(p.Account))
			a.warnNew(p.New, p.Account)
			return nil
		}
		a.out.line("Until %s only who logged in to %s before, from a network that it knows, gets in. To end it: postward account protect %[2]s --off", at(p.Until), printable(p.Account))
		a.warnNew(p.New, p.Account)
		return a.warnUnasked(c.Context(), true)
	}}
	c.Flags().DurationVar(&d, "for", 24*time.Hour, "how long, up to 720h")
	c.Flags().BoolVar(&off, "off", false, "end it")
	return c
}
