package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
)

func (a *app) accountCommand() *cobra.Command {
	c := &cobra.Command{Use: "account", Short: "who may send, as whom, and what is known of them"}
	c.AddCommand(a.accountList(), a.accountShow(), a.accountExplain(), a.accountLearn(), a.accountForget(), a.accountAllow(), a.accountDeny(), a.accountRemove(), a.accountRefused(), a.accountClass(),
		a.accountLock(), a.accountUnlock(), a.accountProtect())
	return c
}

func (a *app) accountList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "list the accounts", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		var accounts []ctl.Account
		if err := a.ask(c.Context(), "account/list", nil, &accounts); err != nil || a.json {
			return a.orJSON(err, accounts)
		}
		var rows [][]string
		for _, x := range accounts {
			rows = append(rows, []string{x.Name, listing(x.Account), string(x.Status), fmt.Sprint(x.Messages), when(x.Last), fmt.Sprint(x.Refused), cmp.Or(x.Logins, "-")})
		}
		return a.out.table([]string{"account", "may send", "state", "mails", "last mail", "refused", "logins"}, rows)
	}}
}

func listing(x *guard.Account) string {
	switch l := x.Listing; {
	case l == nil && x.Learned != nil && x.Learned.Messages > 0:
		return "seen in logs"
	case l == nil && x.Learned != nil: // a user of this host, or in a map
		return "known"
	case l == nil:
		return "not listed"
	case l.Denied:
		return "denied"
	case l.Class != "" && l.Class != guard.Person:
		return string(l.Class)
	}
	return "yes"
}

func (a *app) accountShow() *cobra.Command {
	return &cobra.Command{Use: "show ACCOUNT", Short: "show what is known of an account", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		var x ctl.Account
		if err := a.ask(c.Context(), "account/show", ctl.Name{Account: args[0]}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		a.out.line("%s: %s, may send: %s", printable(x.Name), x.Status, listing(x.Account))
		for _, line := range logins(&x) {
			a.out.line("  %s", printable(line))
		}
		if x.Listing != nil {
			a.out.line("  on the list since %s; as %s", when(x.Listing.Since), writesAs(x.Listing))
		}
		if x.Learned != nil && x.Learned.Messages > 0 {
			a.out.line("  in old logs: %s, as %s", guard.Count(x.Learned.Messages, "mail"), addresses(x.Learned.Addresses))
		}
		a.out.line("  %s, last %s; %d refused; %s known", guard.Count(int(x.Messages), "mail"), when(x.Last), x.Refused, guard.Count(x.Known.Len(), "recipient"))
		if x.Today != nil && x.Today.Mails > 0 {
			a.out.line("  today %s, %d of them signed (DKIM)", guard.Count(x.Today.Mails, "mail"), x.Today.Signed)
		}
		a.printSources(&x.Sources)
		a.printNumbers(x.Account)
		return nil
	}}
}

// logins says who may not log in to an account, and what ends that.
func logins(x *ctl.Account) (lines []string) {
	switch x.Logins {
	case string(guard.LoginLocked):
		lines = append(lines, fmt.Sprintf("locked since %s: nobody logs in; postward account unlock %s", when(x.Locked), x.Name))
	case string(guard.LoginContained):
		lines = append(lines, fmt.Sprintf("stopped: it is let in only from networks that it knows; postward account unlock %s", x.Name))
	}
	if p := x.Protected; p != nil {
		said := "protected"
		if strings.HasPrefix(x.Logins, "would") {
			said = x.Logins
		}
		lines = append(lines, fmt.Sprintf("%s until %s (%s): only who logged in before gets in; postward account protect %s --off", said, at(p.Until), p.Why(), x.Name))
	}
	return lines
}

func (a *app) printSources(s *guard.Sources) {
	for _, u := range s.Networks {
		a.out.line("  from %-24s %11s, last %s, %s", u.What, guard.Count(int(u.Messages), "mail"), when(u.Last), familiar(u.Familiar))
	}
	for _, u := range s.ASNs {
		a.out.line("  network AS%-19d %11s, last %s, %s", u.What, guard.Count(int(u.Messages), "mail"), when(u.Last), familiar(u.Familiar))
	}
	for _, r := range s.Readings {
		a.out.line("  network AS%-19d mail was read on %s", r.ASN, guard.Count(int(r.Days), "day"))
	}
	for _, u := range s.Countries {
		a.out.line("  country %-21s %11s, last %s, %s", printable(u.What), guard.Count(int(u.Messages), "mail"), when(u.Last), familiar(u.Familiar))
	}
	for _, u := range s.Programs {
		a.out.line("  program %-21s %11s, last %s, %s", oneLine(u.What), guard.Count(int(u.Messages), "mail"), when(u.Last), familiar(s.Program(u.What)))
	}
}

// printNumbers says what is usual, and what is unusual now.
func (a *app) printNumbers(x *guard.Account) {
	if x.Past != 0 {
		a.out.line("  known from old logs until %s", when(x.Past))
	}
	a.out.line("  never-seen recipients: %d on a usual day, %d at most", x.UsualDay(), x.MaxDay)
	s := &x.Suspicion
	if s.Points == 0 && len(s.Strange) == 0 {
		a.out.line("  nothing is unusual now")
		return
	}
	a.out.line("  unusual: %s points at %s", s.Points, when(s.At))
	for _, n := range s.Strange {
		a.out.line("    unfamiliar network %s, last %s", n.Network, when(n.At))
	}
}

func familiar(yes bool) string {
	if yes {
		return "familiar"
	}
	return "not yet familiar"
}

func addresses(list []string) string {
	if len(list) == 0 {
		return "its own name at the local domains"
	}
	return printable(strings.Join(list, ", "))
}

func (a *app) changeAccount(ctx context.Context, verb, account string, l *guard.Listing, said string) error {
	var x ctl.AccountAnswer
	if err := a.ask(ctx, verb, ctl.AccountChange{Account: account, Listing: l}, &x); err != nil || a.json {
		return a.orJSON(err, x)
	}
	args := []any{printable(x.Name)}
	if strings.Count(said, "%s") > 1 {
		args = append(args, writesAs(x.Listing))
	}
	a.out.line(said, args...)
	if x.Note != "" {
		fmt.Fprintln(os.Stderr, "postward:", printable(x.Note))
	}
	return nil
}

// ask puts a question to the daemon.
func (a *app) ask(ctx context.Context, verb string, request, reply any) error {
	path, err := a.socketPath()
	if err != nil {
		return err
	}
	return ctl.Client{Path: path}.Do(ctx, verb, request, reply)
}

// socketPath is where the daemon listens: as told, or as configured. A configuration that cannot be read names no socket:
// what is wrong with it is the answer, not that nobody listens somewhere else.
func (a *app) socketPath() (string, error) {
	if a.socket != "" {
		return a.socket, nil
	}
	c, err := config.Load(a.config)
	if err != nil {
		return "", err
	}
	return c.Socket, nil
}

// orJSON prints the answer as JSON, unless there is an error.
func (a *app) orJSON(err error, answer any) error {
	if err != nil {
		return err
	}
	return a.out.json(answer)
}
