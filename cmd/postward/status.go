package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "one screen: what stands, what needs you", Args: cobra.NoArgs,
		Long: "One screen: what stands, what needs you. Exit status 0: nothing needs you; 1: something does; 2: no answer.",
		RunE: func(c *cobra.Command, _ []string) error {
			var s ctl.Status
			if err := a.ask(c.Context(), "status", nil, &s); err != nil {
				return err
			}
			needs := needsOf(&s)
			if a.json {
				if err := a.out.json(s); err != nil {
					return err
				}
			} else {
				a.printStatus(&s, needs)
			}
			if len(needs) > 0 {
				return errFound
			}
			return nil
		}}
}

// needsOf says what needs a person.
func needsOf(s *ctl.Status) []string {
	needs := s.Troubles
	if s.Open > 0 {
		needs = append(needs, guard.Count(s.Open, "open incident")+": postward incident list")
	}
	for _, e := range s.Undone {
		needs = append(needs, fmt.Sprintf("%s failed %s (%s)", e.ID, guard.Count(e.Attempts, "time"), oneLine(e.Error)))
	}
	return needs
}

// printStatus says what needs a person first.
func (a *app) printStatus(s *ctl.Status, needs []string) {
	o := a.out
	if len(needs) == 0 {
		o.line("%s", o.paint(calm, "Nothing needs you."))
	}
	for _, n := range needs {
		o.line("%s %s", o.paint(alarm, "!"), printable(n))
	}
	o.line("")
	o.line("postward %s on %s, up since %s", s.Version, printable(s.Node), when(s.Started))
	o.line("modes      %s", modes(s.Modes))
	o.line("accounts   %d known, %d may send, %d seen in old logs only", s.Accounts, s.Listed, s.Learned)
	if len(s.Contained) > 0 {
		o.line("contained  %s", o.paint(alarm, printable(strings.Join(s.Contained, ", "))))
	}
	o.line("mail       %d held for a person, %d cooling, %d on the way", s.Held, s.Cooling, s.Queued)
	if s.Foreign > 0 {
		o.line("by others  %s in hold: postward held list", guard.Count(s.Foreign, "mail"))
	}
	o.line("guessing   %s", guessing(&s.Gate))
	o.line("strangers  %s", fromOutside(&s.Proof))
	if s.Proof.Forwarders > 0 {
		o.line("forwarders %s", handedOn(s.Proof.Forwarders))
	}
	if len(s.Proof.Signs) > 0 || s.Proof.Out["mails"] > 0 {
		o.line("signed     %s", signed(&s.Proof))
	}
	for _, x := range s.Unlisted {
		o.line("not listed %s tried to send %s, last %s: postward account allow %s", printable(x.Name), guard.Count(int(x.Refused), "time"), ago(x.LastNo, s.Now), printable(x.Name))
	}
	if s.NotAs > 0 {
		o.line("not as     %s", notAs(s))
	}
	for _, d := range slices.Sorted(maps.Keys(s.Sockets)) {
		o.line("%-10s %s, %s", d, s.Sockets[d], guard.Count(s.Sessions[d], "session"))
	}
	if s.NetworksOf != 0 {
		o.line("networks   table of %s, %s old", s.NetworksOf.Time().Format("2006-01-02"), guard.Count(int(s.Now.Sub(s.NetworksOf).Hours()/24), "day"))
	}
	o.line("log        %s", logRead(&s.Log))
	o.line("verdicts   %s", verdicts(s.Verdicts))
}

// notAs says how many addresses accounts wrote as and may not, in one line.
func notAs(s *ctl.Status) string {
	text := fmt.Sprintf("%d refused", s.NotAs-s.WouldRefuse)
	switch {
	case s.WouldRefuse == s.NotAs:
		text = fmt.Sprintf("%d would be refused", s.WouldRefuse)
	case s.WouldRefuse > 0:
		text += fmt.Sprintf(", %d would be", s.WouldRefuse)
	}
	return "of the addresses that accounts wrote as " + text + ": postward account refused"
}

// guessing says who is kept out, in one line.
func guessing(g *ctl.Gate) string {
	text := guard.Count(g.Bans, "network") + " banned"
	switch {
	case g.Bans == 0 && !g.Enforced:
		text = "nobody would be banned (guessing.mode is shadow)"
	case g.Bans == 0:
		text = "nobody is banned"
	case !g.Enforced:
		text = guard.Count(g.Bans, "network") + " would be banned (guessing.mode is shadow): postward ban list"
	case g.Kernel != "":
		text += " and refused when they speak: the kernel keeps nobody out"
	}
	would := ""
	if !g.Enforced {
		would = "would be "
	}
	if len(g.Protected) > 0 {
		text += ", " + guard.Count(len(g.Protected), "account") + " " + would + "protected"
	}
	if g.Confined > 0 {
		text += ", " + guard.Count(g.Confined, "network") + " " + would + "confined"
	}
	if len(g.Locked) > 0 {
		text += ", locked: " + printable(strings.Join(g.Locked[:min(len(g.Locked), maxPuzzlingShown)], ", "))
	}
	return text
}

// fromOutside says what was proved today of mail from outside, in one line.
func fromOutside(p *ctl.Proof) string {
	if !p.Inbound {
		return "mail from outside is not authenticated"
	}
	text := "mail from outside is authenticated, today " + guard.Count(p.In["mails"], "mail")
	if p.In["mails"] == 0 {
		return "mail from outside is authenticated, none came today"
	}
	for _, method := range []string{"SPF", "DKIM", "DMARC"} {
		low := strings.ToLower(method)
		text += fmt.Sprintf(", %s %d pass %d fail", method, p.In[low+" pass"], p.In[low+" fail"])
	}
	for _, what := range []string{"as us", "refused", "would be refused", "held", "would be held"} {
		if n := p.In[what]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, what)
		}
	}
	return text
}

// signed says of how many of today's mails of accounts are signed, in one line.
func signed(p *ctl.Proof) string {
	by := "no domain has a key that signs: postward dkim key list"
	if len(p.Signs) > 0 {
		by = "by " + printable(strings.Join(p.Signs[:min(len(p.Signs), maxPuzzlingShown)], ", "))
	}
	return fmt.Sprintf("%d of %s today, %s", p.Out["signed"], guard.Count(p.Out["mails"], "mail"), by)
}

func modes(m map[guard.Subject]guard.Mode) string {
	var parts []string
	for _, s := range guard.Subjects {
		parts = append(parts, fmt.Sprintf("%s %s", s, m[s]))
	}
	return strings.Join(parts, ", ")
}

func verdicts(v map[guard.Reason]uint64) string {
	var parts []string
	for _, r := range slices.Sorted(maps.Keys(v)) {
		parts = append(parts, fmt.Sprintf("%s %d", r, v[r]))
	}
	if len(parts) == 0 {
		return "none since the start"
	}
	return strings.Join(parts, ", ")
}

// logRead says how much of the mail log was read, and what of it was not understood.
func logRead(l *ctl.Log) string {
	text := guard.Count(int(l.Lines), "line") + " read"
	if l.Lost > 0 {
		text += fmt.Sprintf(", %d left out by the journal itself", l.Lost)
	}
	if l.Unread > 0 {
		text += fmt.Sprintf(", %d of mail programs in a form that is not read", l.Unread)
	}
	for _, f := range l.Forms[:min(len(l.Forms), 1)] {
		text += fmt.Sprintf(" (%s…)", oneLine(f.Header))
	}
	var parts []string
	for _, p := range l.Puzzling {
		parts = append(parts, fmt.Sprintf("%s %d", printable(p.Program), p.Lines))
	}
	if len(parts) > 0 {
		text += ", not understood: " + strings.Join(parts[:min(len(parts), maxPuzzlingShown)], ", ")
	}
	return text
}

// maxPuzzlingShown bounds the programs that status names: it is one screen, --json has them all.
const maxPuzzlingShown = 5
