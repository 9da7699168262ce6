package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/lists/receivers"
	"postward/internal/run/ctl"
)

func (a *app) receiverCommand() *cobra.Command {
	c := &cobra.Command{Use: "receiver", Short: "who takes your mail, puts it off or refuses it"}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "list the receivers, the worst first", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return a.receiverList(c.Context()) }},
		&cobra.Command{Use: "show NAME", Short: "what a receiver says, since when, whose mail it was about, and what to do", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error { return a.receiverShow(c.Context(), args[0]) }})
	return c
}

func (a *app) replyCommand() *cobra.Command {
	c := &cobra.Command{Use: "reply", Short: "what receivers say that nothing known matches"}
	c.AddCommand(&cobra.Command{Use: "list", Short: "list the replies that nothing matches, the most frequent first", Args: cobra.NoArgs,
		Long: "List the replies of receivers that no pattern matches and whose codes say nothing sure. To name one, write a pattern for it into a\n" +
			"file of your own in /etc/postward/replies; postward config check reads it.",
		RunE: func(c *cobra.Command, _ []string) error { return a.replyList(c.Context()) }})
	return c
}

func (a *app) receiverList(ctx context.Context) error {
	var x ctl.ReceiversAnswer
	if err := a.ask(ctx, "receiver/list", nil, &x); err != nil || a.json {
		return a.orJSON(err, x)
	}
	var rows [][]string
	for _, r := range x.Receivers {
		rows = append(rows, []string{r.Receiver, string(r.State), dated(r.Since), share(r.Days), string(r.Class), accounts(r.Accounts), r.Title})
	}
	if err := a.out.table([]string{"name", "state", "since", "refused", "about", "accounts", "title"}, rows); err != nil {
		return err
	}
	if n := len(x.Unknown); n > 0 {
		a.out.line("\n%s: postward reply list", unknown(n))
	}
	return nil
}

func unknown(n int) string {
	if n == 1 {
		return "1 reply that nothing matches"
	}
	return fmt.Sprintf("%d replies that nothing matches", n)
}

func (a *app) receiverShow(ctx context.Context, name string) error {
	var x ctl.ReceiversAnswer
	if err := a.ask(ctx, "receiver/list", nil, &x); err != nil {
		return err
	}
	at := slices.IndexFunc(x.Receivers, func(r receivers.Row) bool { return r.Receiver == strings.ToLower(name) })
	if at < 0 {
		return &ctl.Problem{What: fmt.Sprintf("no mail went to a receiver %q", name), Hint: "postward receiver list"}
	}
	if a.json {
		return a.out.json(x.Receivers[at])
	}
	a.printReceiver(&x.Receivers[at])
	return nil
}

func (a *app) printReceiver(r *receivers.Row) {
	a.out.line("%s (%s): %s since %s", printable(r.Title), printable(r.Receiver), r.State, dated(r.Since))
	if !r.Ended.IsZero() {
		a.out.line("  %-10s accepts again, after %s", "before", r.Lasted)
	}
	for _, f := range [][2]string{{"said", r.Said}, {"means", r.Means}, {"do", r.Do}, {"at", r.Link}, {"accounts", accounts(r.Accounts)}, {"domains", strings.Join(r.Domains, ", ")}} {
		if f[1] != "" {
			a.out.line("  %-10s %s", f[0], oneLine(f[1]))
		}
	}
	for _, d := range r.Days {
		a.out.line("  %-10s %d accepted, %d refused, %d put off, %d for the recipient's sake", d.Date, d.Accepted, d.Refused, d.Put, d.Other)
	}
	if len(r.Advised) > 0 {
		a.out.line("\nTo write to it slowly, in Postfix's own terms (postward does not do it):")
	}
	for _, l := range r.Advised {
		a.out.line("  %s", printable(l))
	}
}

func (a *app) replyList(ctx context.Context) error {
	var x ctl.ReceiversAnswer
	if err := a.ask(ctx, "receiver/list", nil, &x); err != nil || a.json {
		return a.orJSON(err, x.Unknown)
	}
	var rows [][]string
	for _, u := range x.Unknown {
		rows = append(rows, []string{strconv.Itoa(u.Count), dated(u.Last), u.Receiver, u.Example})
	}
	return a.out.table([]string{"times", "last", "receiver", "reply"}, rows)
}

// share is how much of the last day with mail was refused or put off.
func share(days []receivers.Day) string {
	if len(days) == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f%% on %s", 100*days[len(days)-1].Share(), days[len(days)-1].Date)
}

// accounts are whose mail it was about, the most first.
func accounts(of map[string]int) string {
	names := slices.Sorted(maps.Keys(of))
	slices.SortStableFunc(names, func(x, y string) int { return of[y] - of[x] })
	for i, n := range names {
		names[i] = fmt.Sprintf("%s (%d)", printable(n), of[n])
	}
	return strings.Join(names, ", ")
}
