package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

func (a *app) incidentCommand() *cobra.Command {
	c := &cobra.Command{Use: "incident", Short: "what happened, and what to do about it"}
	c.AddCommand(a.incidentList(), a.incidentShow(), a.incidentRelease(), a.incidentSpam(), a.incidentDelete(), a.incidentClose())
	return c
}

func (a *app) incidentList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "list the incidents, newest first", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		var list []ctl.IncidentRow
		if err := a.ask(c.Context(), "incident/list", nil, &list); err != nil || a.json {
			return a.orJSON(err, list)
		}
		var rows [][]string
		for _, i := range list {
			rows = append(rows, incidentRow(&i))
		}
		return a.out.table([]string{"incident", "account", "state", "opened", "held now", "left", "refused", "would be stopped"}, rows)
	}}
}

// incidentRow is an incident in a line. What shadow mode would have stopped was neither held nor refused.
func incidentRow(i *ctl.IncidentRow) []string {
	refused, would := i.Refused, 0
	if i.Shadow {
		refused, would = 0, i.Held+i.Refused
	}
	row := []string{fmt.Sprint(i.ID), i.Account, incidentState(i.Incident), when(i.Opened)}
	for _, n := range []int{i.Waiting, i.Left + i.Freed, refused, would} {
		row = append(row, fmt.Sprint(n))
	}
	return row
}

func incidentState(i *guard.Incident) string {
	switch {
	case i.Status == guard.IncidentClosed:
		return i.Outcome
	case i.Shadow && i.Contained != 0:
		return "would be contained (shadow)"
	case i.Shadow:
		return "open (shadow)"
	}
	return string(i.Status)
}

func (a *app) incidentShow() *cobra.Command {
	return &cobra.Command{Use: "show N", Short: "show an incident on one page", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		id, err := incidentID(args[0])
		if err != nil {
			return err
		}
		var x ctl.IncidentAnswer
		if err := a.ask(c.Context(), "incident/show", ctl.IncidentRequest{ID: id}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		a.printIncident(&x)
		return nil
	}}
}

func (a *app) printIncident(x *ctl.IncidentAnswer) {
	i, o := x.Incident, a.out
	o.line("Incident %d: account %s, %s", i.ID, o.paint(watch, printable(i.Account)), o.paint(stateColour(i), incidentState(i)))
	o.line("  first mail %s, last %s", when(i.First), when(i.Last))
	if len(i.Sentences) > 0 {
		o.line("  noticed by %s", i.Sentences[0].Reason)
	}
	if i.Contained != 0 {
		o.line("  %s %s after %s", map[bool]string{false: "contained", true: "would be contained"}[i.Shadow], when(i.Contained), guard.Count(i.Before, "mail"))
	}
	if i.Would != 0 {
		o.line("  would be contained %s: containment is in shadow mode", when(i.Would))
	}
	a.printFigures(i, len(x.Mails))
	o.line("Why")
	for _, s := range i.Sentences {
		o.line("  %s  %-12s %s%s", clock(s.At), s.Reason, oneLine(s.Why), again(s.Times-1))
	}
	o.line("From")
	for _, s := range i.Sources {
		o.line("  %-24s %-18s %s, %s, %s to %s", s.Network, place(s.ASN, s.Country), guard.Count(s.Messages, "mail"), s.Level, clock(s.First), clock(s.Last))
	}
	if len(x.Mails) > 0 {
		o.line("Still held: %s", guard.Count(len(x.Mails), "mail"))
		for _, m := range x.Mails[:min(len(x.Mails), 5)] {
			o.line("  %-12s %s -> %s%s  %q", m.QueueID, printable(m.ReversePath), printable(m.First), more(m.Recipients-1), printable(m.Subject))
		}
		if n := len(x.Mails) - 5; n > 0 {
			o.line("  and %d more: postward held list", n)
		}
	}
	a.printIncidentNext(i)
}

// printFigures says how much it was, and what became of it since. In shadow mode nothing was held.
func (a *app) printFigures(i *guard.Incident, waiting int) {
	o := a.out
	if i.Shadow {
		o.line("  shadow mode: nothing was stopped, left for %s; enforced: %d held, %d refused", guard.Count(i.Left, "recipient"), i.Held, i.Refused)
		return
	}
	before := ""
	if i.Released+i.Freed > 0 {
		before = " before a release"
	}
	o.line("  held %d, still %d   refused %d   put back on hold %d   left for %s%s", i.Held, waiting, i.Refused, i.Stopped, guard.Count(i.Left, "recipient"), before)
	if i.Released+i.Freed > 0 {
		o.line("  released %d, and with that left for %s", i.Released, guard.Count(i.Freed, "recipient"))
	}
	if i.Deleted > 0 {
		o.line("  deleted %d", i.Deleted)
	}
}

// printIncidentNext says what a person can do now. What was called spam is not offered to be let go.
func (a *app) printIncidentNext(i *guard.Incident) {
	o := a.out
	if i.Status == guard.IncidentClosed {
		return
	}
	o.line("Next")
	switch {
	case i.Shadow && !i.Spam:
		o.line("  postward incident release %d   it was the owner: learn from it", i.ID)
	case !i.Spam:
		o.line("  postward incident release %d   it was the owner: let the mail go and learn from it", i.ID)
		o.line("  postward incident spam %d      it was not: delete what is held (a copy is kept for 7 days) and remember it", i.ID)
	}
	o.line("  %s", printable(guard.Remedy(i.Account)))
	if i.Shadow {
		o.line("  postward incident close %d     it was not, or is nothing to learn from; what goes on is told again after a day", i.ID)
		return
	}
	o.line("  postward incident close %d     done: %s, %s may send again", i.ID, guard.Cured(i.Account), printable(i.Account))
}

// place says where a network is: "AS3303 CH".
func place(asn uint32, country string) string {
	if asn == 0 {
		return country
	}
	return strings.TrimSpace(fmt.Sprintf("AS%d %s", asn, country))
}

func again(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("  (and %s)", guard.Count(n, "more time"))
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

func stateColour(i *guard.Incident) string {
	switch i.Status {
	case guard.IncidentClosed:
		return calm
	case guard.IncidentContained:
		return alarm
	}
	return watch
}

func (a *app) incidentRelease() *cobra.Command {
	var l guard.Listing
	var class string
	c := &cobra.Command{Use: "release N", Short: "it was the owner: let the held mail go and learn from it", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		r := ctl.IncidentRequest{}
		if class != "" {
			l.Class = guard.Class(class)
			r.Listing = &l
		}
		return a.actOnIncident(c.Context(), "incident/release", args[0], r, "Incident %d: %s on the way.")
	}}
	c.Flags().StringVar(&class, "class", "", "it is a newsletter or an application: declare the account so")
	c.Flags().IntVar(&l.Budget, "budget", 0, "with --class: never-seen recipients a day")
	return c
}

func (a *app) incidentSpam() *cobra.Command {
	return &cobra.Command{Use: "spam N", Short: "it was spam: delete it, stop the account, and remember text and networks", Args: cobra.ExactArgs(1),
		Long: "It was spam: the held mail is deleted (a copy is kept for 7 days), the account stays stopped until the incident is\n" +
			"closed, and for 30 days the text and the networks that it came from count against every account.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.confirm("This deletes every held mail of incident " + args[0]); err != nil {
				return err
			}
			return a.actOnIncident(c.Context(), "incident/spam", args[0], ctl.IncidentRequest{}, "Incident %d: %s being deleted; its text and networks are remembered.")
		}}
}

func (a *app) incidentDelete() *cobra.Command {
	return &cobra.Command{Use: "delete N", Short: "delete the held mail of an incident; a copy is kept for 7 days", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		if err := a.confirm("This deletes every held mail of incident " + args[0]); err != nil {
			return err
		}
		return a.actOnIncident(c.Context(), "incident/delete", args[0], ctl.IncidentRequest{}, "Incident %d: %s being deleted.")
	}}
}

func (a *app) incidentClose() *cobra.Command {
	return &cobra.Command{Use: "close N", Short: "done: the account may send again, held mail stays held", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		return a.actOnIncident(c.Context(), "incident/close", args[0], ctl.IncidentRequest{}, "Incident %d is closed; %s still held.")
	}}
}

func (a *app) actOnIncident(ctx context.Context, verb, arg string, r ctl.IncidentRequest, said string) error {
	id, err := incidentID(arg)
	if err != nil {
		return err
	}
	r.ID = id
	var acted ctl.Acted
	if err := a.ask(ctx, verb, r, &acted); err != nil || a.json {
		return a.orJSON(err, acted)
	}
	if acted.Shadow {
		a.out.line("Incident %d is done with. It is one of shadow mode: nothing was held.", id)
		return nil
	}
	a.out.line(said, id, are(acted.Mails))
	return nil
}

// are is how many mails something is done with: "1 mail is", "2 mails are", "no mail is".
func are(mails int) string {
	switch mails {
	case 0:
		return "no mail is"
	case 1:
		return "1 mail is"
	}
	return guard.Count(mails, "mail") + " are"
}

func incidentID(arg string) (int64, error) {
	id, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || id < 1 {
		return 0, &ctl.Problem{What: fmt.Sprintf("%q is not the number of an incident", arg), Hint: "postward incident list"}
	}
	return id, nil
}
