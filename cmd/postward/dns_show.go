package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postward/internal/auth/publish"
	"postward/internal/run/ctl"
)

// shownRecord is a record in every form, for programs.
type shownRecord struct {
	*publish.Item
	Line    string        `json:"line,omitempty"`
	Strings []string      `json:"strings,omitempty"`
	Field   publish.Field `json:"field"`
}

// dnsShow prints what should be in the zone.
func (a *app) dnsShow(ctx context.Context, f *dnsFlags, domain string) error {
	if f.form != formBIND && f.form != formWeb {
		return &ctl.Problem{What: fmt.Sprintf("--form %q is none", f.form), Hint: "bind or web; --json has both"}
	}
	p, err := a.plan(ctx, f, domain)
	if err != nil {
		return err
	}
	switch {
	case f.policy && p.Policy == "":
		return &ctl.Problem{What: "there is no MTA-STS policy for " + p.Domain, Hint: "--mta-sts testing (it needs MX records)"}
	case f.policy:
		_, err = fmt.Fprint(a.out.w, p.Policy)
		return err
	case a.json:
		err = a.out.json(shownRecords(p))
	case f.form == formWeb:
		err = a.showFields(p)
	default:
		a.showLines(p)
	}
	if err != nil {
		return err
	}
	return unlearned(p)
}

func shownRecords(p *publish.Plan) (all []shownRecord) {
	for _, i := range p.Items {
		s := shownRecord{Item: i, Field: i.Field(p.Domain)}
		if i.Want != "" {
			s.Line, s.Strings = publish.Line(i.Name, i.Want, i.TTL), publish.Strings(i.Want)
		}
		all = append(all, s)
	}
	return all
}

// unlearned is the error of a plan in which something is not known.
func unlearned(p *publish.Plan) error {
	if p.Learned() {
		return nil
	}
	return &ctl.Problem{What: "not everything could be learned: see above", Hint: "again, or another --resolver or --server"}
}

// showLines prints the wanted records as a zone file has them, and what a person has to decide behind #.
func (a *app) showLines(p *publish.Plan) {
	a.dnsNotes(p)
	for _, i := range p.Items {
		if i.Act == publish.Hand || i.Act == publish.Unknown {
			a.why(i)
		}
		if i.Want != "" && i.Act != publish.Hand {
			a.out.line("%s", publish.Line(i.Name, i.Want, i.TTL))
		}
	}
}

// showFields prints them as web forms want them.
func (a *app) showFields(p *publish.Plan) error {
	var rows [][]string
	for _, i := range p.Items {
		if i.Act == publish.Hand || i.Act == publish.Unknown {
			a.note(topicOf(i) + ": " + string(i.Act) + ": " + strings.Join(i.Why, "; "))
		}
		if i.Want != "" && i.Act != publish.Hand {
			field := i.Field(p.Domain)
			rows = append(rows, []string{field.Name, field.Type, field.Value})
		}
	}
	return a.out.table([]string{"name", "type", "value"}, rows)
}

func topicOf(i *publish.Item) string { return string(i.Topic) + " at " + i.Name }

// comment prints a line that a zone file would pass over.
func (a *app) comment(text string) { a.out.line("%s", a.out.paint(quiet, "# "+oneLine(text))) }

func (a *app) dnsNotes(p *publish.Plan) {
	for _, note := range p.Notes {
		a.comment(note)
	}
}

// why prints what an item is about and why something is to be done about it.
func (a *app) why(i *publish.Item) {
	word := string(i.Act)
	if len(i.Why) == 0 {
		a.comment(topicOf(i) + ": " + word)
	}
	for _, why := range i.Why {
		a.comment(topicOf(i) + ": " + word + ": " + why)
	}
}

// dnsDiff prints what differs.
func (a *app) dnsDiff(ctx context.Context, f *dnsFlags, domain string) error {
	p, err := a.plan(ctx, f, domain)
	if err != nil {
		return err
	}
	if a.json {
		if err := a.out.json(p); err != nil {
			return err
		}
	} else {
		a.showDiff(p)
	}
	if p.Differs() {
		return errFound
	}
	for _, z := range p.Zones {
		if len(z.Servers) == 0 && !z.Primary.Addr.IsValid() {
			return &ctl.Problem{What: "no server of the zone " + z.Apex + " was asked, only the resolver", Hint: "--server ADDRESS"}
		}
	}
	return unlearned(p)
}

// showDiff prints each record with a sign before it, and who says something else.
func (a *app) showDiff(p *publish.Plan) {
	a.dnsAsked(p)
	a.dnsNotes(p)
	for _, i := range p.Items {
		if i.Act != publish.Keep {
			a.why(i)
		}
		a.diffLines(i)
		if i.Other > 0 && i.Changes() {
			a.comment(fmt.Sprintf("%s: other texts at the name, which stay as they are: %d", topicOf(i), i.Other))
		}
		a.behind(i)
	}
	a.comment(tally(p))
}

// dnsAsked says who was asked.
func (a *app) dnsAsked(p *publish.Plan) {
	apexes := make([]string, 0, len(p.Zones))
	for apex := range p.Zones {
		apexes = append(apexes, apex)
	}
	slices.Sort(apexes)
	for _, apex := range apexes {
		z := p.Zones[apex]
		var words []string
		if z.Primary.Addr.IsValid() {
			words = append(words, z.Primary.String())
		}
		for _, s := range z.Servers {
			if s.Addr != z.Primary.Addr {
				words = append(words, s.String())
			}
		}
		a.comment("zone " + apex + ": asked " + strings.Join(append(words, "the resolver"), ", "))
		for _, name := range z.Silent {
			a.comment("zone " + apex + ": its server " + name + " does not answer")
		}
	}
}

// diffLines prints what goes, what comes and what stays.
func (a *app) diffLines(i *publish.Item) {
	for _, text := range i.Now {
		sign, colour := " ", quiet
		if slices.Contains(i.Gone, text) {
			sign, colour = "-", alarm
		}
		a.out.line("%s", a.out.paint(colour, sign+publish.Line(i.Name, text, i.TTL)))
	}
	if i.Want != "" && !slices.Contains(i.Now, i.Want) && i.Act != publish.Hand {
		a.out.line("%s", a.out.paint(calm, "+"+publish.Line(i.Name, i.Want, i.TTL)))
	}
}

// behind names who does not say what the primary says.
func (a *app) behind(i *publish.Item) {
	for _, s := range i.Seen {
		if !slices.Contains(i.Behind, s.Server) {
			continue
		}
		said := s.Outcome.String()
		if len(s.Texts) > 0 {
			said = "says " + strings.Join(s.Texts, " | ")
		}
		if s.Note != "" {
			said += ": " + s.Note
		}
		a.comment(topicOf(i) + ": " + s.Server + " differs: " + said)
	}
}

// tally counts what is to be done.
func tally(p *publish.Plan) string {
	count := map[publish.Act]int{}
	behind := 0
	for _, i := range p.Items {
		count[i.Act]++
		behind += min(1, len(i.Behind))
	}
	var words []string
	for _, act := range []publish.Act{publish.Add, publish.Change, publish.Remove, publish.Hand, publish.Unknown} {
		if count[act] > 0 {
			words = append(words, fmt.Sprintf("%d %s", count[act], tallied[act]))
		}
	}
	if behind > 0 {
		words = append(words, fmt.Sprintf("%d not yet the same everywhere", behind))
	}
	if len(words) == 0 {
		return p.Domain + ": all is as it should be"
	}
	return p.Domain + ": " + strings.Join(words, ", ")
}

var tallied = map[publish.Act]string{publish.Add: "to add", publish.Change: "to change", publish.Remove: "to take out", publish.Hand: "to do by hand", publish.Unknown: "not learned"}

// published is what became of a plan.
type published struct {
	*publish.Plan
	Updates []publish.Update  `json:"updates,omitempty"`
	Applied bool              `json:"applied"`
	Late    []publish.Pending `json:"late,omitempty"`
}

// dnsPublish shows what is to be written, and writes it with --apply.
func (a *app) dnsPublish(ctx context.Context, f *dnsFlags, domain string) error {
	if f.wait < 0 || f.wait > maxTimeout {
		return &ctl.Problem{What: fmt.Sprintf("--wait %v is out of range", f.wait), Hint: "0s to 5m"}
	}
	p, err := a.plan(ctx, f, domain)
	if err != nil {
		return err
	}
	done := published{Plan: p}
	if done.Updates, err = p.Updates(ctx); err != nil {
		return err
	}
	if !a.json {
		a.showDiff(p)
	}
	if f.apply && len(done.Updates) > 0 {
		if f.signErr != nil {
			return f.signErr
		}
		if err := a.write(ctx, &done, f.sign, f.wait); err != nil {
			return err
		}
	}
	return a.wrote(&done)
}

// write sends the updates and waits until every server shows them.
func (a *app) write(ctx context.Context, done *published, key *publish.TSIG, wait time.Duration) error {
	for n := range done.Updates {
		if err := done.Updates[n].Send(ctx, key, time.Now()); err != nil {
			if n > 0 {
				err = fmt.Errorf("%w; what is in the zone %s is written", err, done.Updates[0].Zone)
			}
			return err
		}
	}
	done.Applied = true
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	done.Late = done.Settle(ctx, done.Updates)
	return nil
}

// wrote says what became of it, and is the exit status.
func (a *app) wrote(done *published) error {
	if a.json {
		if err := a.out.json(done); err != nil {
			return err
		}
	} else {
		a.saidOf(done)
	}
	left := slices.ContainsFunc(done.Items, func(i *publish.Item) bool { return i.Act == publish.Hand || i.Changes() && !done.Applied })
	if left || len(done.Late) > 0 {
		return errFound
	}
	return unlearned(done.Plan)
}

func (a *app) saidOf(done *published) {
	switch {
	case len(done.Updates) == 0:
		a.comment("nothing is to be written")
	case !done.Applied:
		for _, u := range done.Updates {
			a.comment("nothing was written; --apply writes into the zone " + u.Zone + " at " + u.Server.String())
		}
	case len(done.Late) == 0:
		a.comment("written, and every server of the zone shows it; resolvers may say the old for as long as its TTL was")
	default:
		for _, late := range done.Late {
			a.comment("written, and " + late.Server + " does not show " + late.Name + " yet (" + late.Says.String() + "): look whether it takes the zone over (its log; NOTIFY)")
		}
	}
}
