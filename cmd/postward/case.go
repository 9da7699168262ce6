package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

func (a *app) caseCommand() *cobra.Command {
	c := &cobra.Command{Use: "case", Short: "the way off each blocklist: what it wants, and when it can be asked"}
	c.AddCommand(a.caseList(), a.caseShow(), a.caseDraft(),
		a.caseAct("requested", "say that you asked", "Say that you sent the request of a case. It is not to be asked again for a week then, and a month after that."),
		a.caseAct("denied", "say that they said no", "Say that the request of a case was denied."),
		a.caseAct("close", "end a case that is none", "End a case. It is not opened again while the list says the same."))
	return c
}

func (a *app) caseList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "list the cases, what you can do now first", Args: cobra.NoArgs,
		Long: "List the listings that watch.names has on blocklists, each with its way out. postward asks nobody: it says whom, when and with what words.",
		RunE: func(c *cobra.Command, _ []string) error {
			x, err := a.cases(c.Context())
			if err != nil || a.json {
				return a.orJSON(err, x)
			}
			return a.sayCases(x)
		}}
}

func (a *app) cases(ctx context.Context) (*ctl.CasesAnswer, error) {
	var x ctl.CasesAnswer
	return &x, a.ask(ctx, "case/list", nil, &x)
}

func (a *app) sayCases(x *ctl.CasesAnswer) error {
	var rows [][]string
	for _, c := range x.Cases {
		rows = append(rows, []string{fmt.Sprint(c.ID), c.Title, c.Subject, c.Stage, dated(c.Since), dated(c.Earliest), ends(&c), c.Next})
	}
	if len(rows) == 0 && a.out.person {
		a.out.line("%s", noCases(x))
		return nil
	}
	return a.out.table([]string{"case", "list", "about", "stage", "since", "not before", "ends", "next"}, rows)
}

func noCases(x *ctl.CasesAnswer) string {
	if !x.Watched {
		return "No case: no blocklist is asked. Name your addresses and domains: watch.names in the configuration"
	}
	return "No case: no blocklist that is asked has this server. postward watch show says which are"
}

// dated is a time, if it is one.
func dated(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return when(guard.TimeOf(t))
}

// ends is the forecast of a case in a few words.
func ends(c *ctl.Case) string {
	if c.Ends.IsZero() {
		return c.Usual
	}
	return dated(c.Ends) + ", " + c.Sure
}

func (a *app) caseShow() *cobra.Command {
	return &cobra.Command{Use: "show CASE", Short: "everything about one case", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		id, err := caseNumber(args[0])
		if err != nil {
			return err
		}
		x, err := a.cases(c.Context())
		if err != nil {
			return err
		}
		for _, one := range append(x.Cases, x.Ended...) {
			if one.ID == id && a.json {
				return a.out.json(one)
			} else if one.ID == id {
				a.sayCase(&one)
				return nil
			}
		}
		return &ctl.Problem{What: fmt.Sprintf("no case %d", id), Hint: "postward case list"}
	}}
}

func caseNumber(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, &ctl.Problem{What: fmt.Sprintf("%q is no number of a case", text), Hint: "postward case list"}
	}
	return id, nil
}

func (a *app) sayCase(c *ctl.Case) {
	a.out.line("%s", printable(fmt.Sprintf("Case %d: %s on %s, since %s", c.ID, c.Subject, c.Title, dated(c.Since))))
	fact := func(label, text string) {
		if text != "" {
			a.out.line("  %-12s %s", label, oneLine(text))
		}
	}
	fact("it says", c.Said)
	if c.Again > 0 {
		fact("came back", fmt.Sprintf("it had ended on %s: what it was for had not", dated(c.Between)))
	}
	if !c.Ended.IsZero() {
		fact("ended", strings.TrimSpace(dated(c.Ended)+", "+c.Outcome+" "+c.By))
		return
	}
	fact("stage", c.Stage)
	for _, o := range c.Obstacles {
		fact("in the way", o.What+until(o.Until)+": "+o.Command)
	}
	fact("next", c.Next+until(c.Earliest))
	fact("ends", ends(c))
	for _, r := range c.Requests {
		fact("asked", dated(r.At)+" by "+r.By)
	}
	fact("asks", map[string]string{"nobody": "nobody can ask it", "self": "a form that a machine answers", "people": "people answer", "provider": "the network's owner alone can ask"}[c.Asks])
	for _, r := range c.Rules {
		fact("rule", r)
	}
	fact("wants", c.Wants)
	if c.LinkUnsure {
		c.Link += " (no source shows this address: look before you trust it)"
	}
	fact("where", c.Link)
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", until " + dated(t)
}

func (a *app) caseDraft() *cobra.Command {
	var language string
	var eml bool
	c := &cobra.Command{Use: "draft CASE", Short: "write the request, for you to read and send", Args: cobra.ExactArgs(1),
		Long: "Write the request of a case from what was measured: what happened, when it ended, what prevents it now. No recipient, no text of a mail and\n" +
			"no account is in it. It is not written while spam leaves or anything else stands in the way. Read it, send it yourself, and say so:\npostward case requested CASE.",
		RunE: func(c *cobra.Command, args []string) error {
			id, err := caseNumber(args[0])
			if err != nil {
				return err
			}
			var x ctl.DraftAnswer
			if err := a.ask(c.Context(), "case/draft", ctl.DraftRequest{ID: id, Language: language}, &x); err != nil || a.json {
				return a.orJSON(err, x)
			}
			return a.sayDraft(&x, eml)
		}}
	c.Flags().StringVar(&language, "language", "en", "en or de")
	c.Flags().BoolVar(&eml, "eml", false, "print it as a file that a mail program opens")
	return c
}

func (a *app) sayDraft(x *ctl.DraftAnswer, eml bool) error {
	if eml {
		_, err := a.out.w.Write(x.Mail)
		return err
	}
	if x.To != "" {
		a.out.line("To: %s", printable(x.To))
	}
	a.out.line("Subject: %s\n\n%s", printable(x.Subject), printable(x.Text))
	if a.out.person {
		a.out.line("Where: %s", oneLine(x.Case.Link))
		a.out.line("Read it, send it yourself, and say so: postward case requested %d", x.Case.ID)
	}
	return nil
}

// caseAct is a verb by which a person says what he did.
func (a *app) caseAct(verb, short, long string) *cobra.Command {
	return &cobra.Command{Use: verb + " CASE", Short: short, Long: long, Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		id, err := caseNumber(args[0])
		if err != nil {
			return err
		}
		var x ctl.CasesAnswer
		if err := a.ask(c.Context(), "case/"+verb, ctl.CaseRequest{ID: id}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		return a.sayCases(&x)
	}}
}
