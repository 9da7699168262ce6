package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

func (a *app) accountExplain() *cobra.Command {
	var r ctl.ExplainRequest
	var from string
	c := &cobra.Command{Use: "explain ACCOUNT", Short: "why its next mail would pass or be held", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		r.Account = args[0]
		if from != "" {
			addr, err := netip.ParseAddr(from)
			if err != nil {
				return &ctl.Problem{What: fmt.Sprintf("%q is no address", from), Hint: "postward account explain " + args[0] + " --from 203.0.113.80"}
			}
			r.From = addr
		}
		var x guard.Explanation
		if err := a.ask(c.Context(), "account/explain", r, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		a.printExplanation(&x)
		return nil
	}}
	c.Flags().StringVar(&from, "from", "", "the client's address (default: where the account last wrote from, or a new one if that is not known)")
	c.Flags().StringArrayVar(&r.Recipients, "to", nil, "a recipient (repeat; default: one that was never seen)")
	c.Flags().StringVar(&r.Program, "program", "", "the mail program, as in its User-Agent or X-Mailer field")
	return c
}

func (a *app) printExplanation(x *guard.Explanation) {
	o := a.out
	o.line("%s (%s)", printable(x.Source), x.Level)
	o.line("  budget  %d of %d never-seen recipients a day are used, from a source like this", x.Spent, x.Budget)
	o.line("  score   %s of %s", x.Score, x.Hold)
	for _, p := range x.Parts {
		o.line("    %5s  %s", p.Points, p.What)
	}
	v := &x.Verdict
	switch {
	case v.Why == "":
		o.line("It would pass.")
	case v.Action == guard.Accept:
		o.line("It would pass, in shadow mode; enforced: %s, %s: %s", v.Would, v.Reason, oneLine(v.Why))
	case v.Cool:
		o.line("It would wait a little, %s: %s", v.Reason, oneLine(v.Why))
	default:
		o.line("%s, %s: %s", v.Action, v.Reason, oneLine(v.Why))
	}
}
