package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

func (a *app) heldCommand() *cobra.Command {
	c := &cobra.Command{Use: "held", Short: "mail that postward holds"}
	c.AddCommand(a.heldList(), a.heldShow(), a.heldRelease(), a.heldDelete(), a.heldDeleted(), a.heldRestore())
	return c
}

func (a *app) heldList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "list held mail, oldest first", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		var x ctl.HeldAnswer
		if err := a.ask(c.Context(), "held/list", ctl.MailsRequest{}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		var rows [][]string
		for _, m := range x.Mails {
			rows = append(rows, []string{m.QueueID, whose(m), waits(m), when(m.At), m.First + more(m.Recipients-1), m.Subject})
		}
		for _, f := range x.Foreign {
			rows = append(rows, []string{f.QueueID, "", "by others", when(f.Arrived), f.Sender, ""})
		}
		return a.out.table([]string{"queue id", "account", "waits for", "since", "to", "subject"}, rows)
	}}
}

// whose is the account of a mail, in words.
func whose(m *guard.Mail) string {
	if m.Account == "" {
		return "(outside)"
	}
	return m.Account
}

func waits(m *guard.Mail) string {
	if m.Status == guard.MailCooling {
		return "its time"
	}
	return "a person"
}

func (a *app) heldShow() *cobra.Command {
	return &cobra.Command{Use: "show QUEUE-ID", Short: "show a held mail: why it is held, and its header section", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		var x ctl.LookAnswer
		if err := a.ask(c.Context(), "held/show", ctl.MailsRequest{QueueIDs: args}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		a.printHeld(x.Mail, x.Text)
		return nil
	}}
}

func (a *app) printHeld(m *guard.Mail, text string) {
	o, incident := a.out, ""
	if m.Incident != 0 {
		incident = fmt.Sprintf("; incident %d", m.Incident)
	}
	of := "of account " + m.Account
	if m.Account == "" {
		of = "from outside, reverse-path <" + m.ReversePath + ">"
	}
	o.line("%s: %s %s, waits for %s", m.QueueID, guard.Count(m.Recipients, "recipient"), printable(of), waits(m))
	o.line("  since %s%s", when(m.At), incident)
	o.line("  %s: %s", m.Reason, oneLine(m.Why))
	switch {
	case m.Status == guard.MailCooling:
		o.line("  It leaves by itself at %s, unless more speaks against its account.", when(m.ReleaseAt))
	case m.Reason == guard.ReasonCooling: // the reason is of then
		o.line("  It was to wait a little only; incident %d was opened, and now a person decides.", m.Incident)
	}
	o.line("%s", printable(text))
	o.line("Next")
	o.line("  postward held release %s   let it go", m.QueueID)
	if m.Account == "" {
		o.line("  postward held delete %s    delete it; a copy is kept for 7 days", m.QueueID)
	}
	if m.Incident != 0 {
		o.line("  postward incident show %d   what else its account sent", m.Incident)
	}
}

func (a *app) heldRelease() *cobra.Command {
	return &cobra.Command{Use: "release QUEUE-ID…", Short: "let held mail go", Args: cobra.MinimumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		return a.actOnHeld(c.Context(), "held/release", args, "%s on the way.")
	}}
}

func (a *app) heldDelete() *cobra.Command {
	return &cobra.Command{Use: "delete QUEUE-ID…", Short: "delete held mail; a copy is kept for 7 days", Args: cobra.MinimumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		if err := a.confirm(fmt.Sprintf("This deletes %s", guard.Count(len(args), "held mail"))); err != nil {
			return err
		}
		return a.actOnHeld(c.Context(), "held/delete", args, "%s being deleted.")
	}}
}

func (a *app) actOnHeld(ctx context.Context, verb string, ids []string, said string) error {
	var acted ctl.Acted
	if err := a.ask(ctx, verb, ctl.MailsRequest{QueueIDs: ids}, &acted); err != nil || a.json {
		return a.orJSON(err, acted)
	}
	a.out.line(said, are(acted.Mails))
	return nil
}

func (a *app) heldDeleted() *cobra.Command {
	return &cobra.Command{Use: "deleted", Short: "list deleted mail that can be restored, the last first", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		var x ctl.HeldAnswer
		if err := a.ask(c.Context(), "held/deleted", nil, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		var rows [][]string
		for _, m := range x.Mails {
			rows = append(rows, []string{m.QueueID, whose(m), when(m.At), m.First + more(m.Recipients-1), m.Subject})
		}
		return a.out.table([]string{"queue id", "account", "since", "to", "subject"}, rows)
	}}
}

func (a *app) heldRestore() *cobra.Command {
	return &cobra.Command{Use: "restore QUEUE-ID…", Short: "bring deleted mail back into hold, from its copy", Args: cobra.MinimumNArgs(1),
		Long: "Bring deleted mail back into hold, as it was: every octet and every recipient. Nothing judges it anew; Postfix gives it another\n" +
			"queue ID, and it waits for a person. A copy is kept for 7 days after the mail was deleted; postward held deleted lists them.",
		RunE: func(c *cobra.Command, args []string) error {
			var x ctl.HeldAnswer
			if err := a.ask(c.Context(), "held/restore", ctl.MailsRequest{QueueIDs: args}, &x); err != nil || a.json {
				return a.orJSON(err, x)
			}
			for _, m := range x.Mails {
				a.out.line("The mail of %s to %s is back in hold: postward held show %s", printable(whose(m)), printable(m.First+more(m.Recipients-1)), m.QueueID)
			}
			return nil
		}}
}
