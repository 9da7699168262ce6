package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"postward/internal/domain/dmarc"
)

// alignment looks at the DMARC record that holds for the domain (RFC 9989), its own or that of a domain above.
func (r *run) alignment(ctx context.Context) string {
	if r.absent() {
		return ""
	}
	f := r.dmarc()
	d := record{run: r, found: f}
	several := slices.IndexFunc(d.passed(), func(s dmarc.Step) bool { return len(s.Records) > 1 })
	if almost := f.Steps[0].Almost; len(almost) > 0 {
		d.almost(almost)
	}
	switch own := f.Steps[0]; {
	case f.At == "" && len(own.Almost) > 0:
		return "" // said
	case f.Unknown:
		r.find("dmarc.unknown", r.Domain, "a name on the way to the record did not answer", nil)
		return ""
	case several >= 0:
		d.several(f.Steps[several])
		return ""
	case own.Record != nil && !own.Record.Holds():
		d.broken(own.Records[0])
		return ""
	case f.At == "":
		d.none()
		return ""
	}
	d.look(ctx)
	d.tell()
	return fmt.Sprintf("_dmarc.%s: %s", f.At, f.Record.String())
}

// enforced reports whether forgeries of the domain meet more than reports. A policy that is a test counts as the next
// weaker one.
func (r *run) enforced() bool {
	f := r.dmarc()
	strength := f.Record.Effective(f.Below(), true).Strength()
	if f.Record.Test {
		strength--
	}
	return f.At != "" && strength > 0
}

// record is a DMARC record that is looked at, and the tags that it should not have.
type record struct {
	*run
	found   dmarc.Found
	without []string
	said    []found
}

// passed are the steps that matter: those that the walk had to pass to come to the record that holds. What stands above
// that is nobody's business, nor is what stands at a top-level domain: its owner is another.
func (d *record) passed() []dmarc.Step {
	n := slices.IndexFunc(d.found.Steps, func(s dmarc.Step) bool { return s.Domain == d.found.At || !strings.Contains(s.Domain, ".") })
	if n < 0 {
		n = len(d.found.Steps)
	}
	return d.found.Steps[:n]
}

func (d *record) say(id ID, saw, do string) { d.said = append(d.said, found{id, saw, do}) }

func (d *record) none() {
	d.find("dmarc.none", d.Domain, "no name from _dmarc."+d.Domain+" upwards has one", &Mend{
		Do:  "Publish one. With p=none nothing happens to the mail but that reports come; read them for some weeks, then say quarantine, then reject.",
		Add: []Record{Text("_dmarc."+d.Domain, "v=DMARC1; p=none; "+d.reportsTo())}})
}

// almost is what means to be the domain's own record. The one that was meant takes its place: beside it there would be two that a
// reader has to choose from.
func (d *record) almost(texts []string) {
	at := "_dmarc." + d.Domain
	mend := &Mend{Do: "Publish what was meant in its place.", Add: []Record{Text(at, strongest(texts))}, Remove: removeTexts(at, texts)}
	if is := dmarc.Parse(strongest(texts)); is.Policy.Strength() > 0 {
		mend.Do += " Receivers do not go by it now and will act then: say p=none in it first, when nobody has read reports yet."
	}
	d.find("dmarc.almost", d.Domain, strings.Join(texts, " | "), mend)
}

// reportsTo is who reads the reports when the record does not say.
func (d *record) reportsTo() string { return "rua=mailto:postmaster@" + d.Domain }

// broken is the domain's own record when receivers do not go by it.
func (d *record) broken(text string) {
	above := d.found.Inherited()
	mend := &Mend{Do: "Take it out: the record of _dmarc." + above + " holds then, which it does not now.", Remove: []Record{Text("_dmarc."+d.Domain, text)}}
	if above == "" {
		better := dmarc.Mended(text)
		if is := dmarc.Parse(better); is.Has(dmarc.NoReports) {
			better += "; " + d.reportsTo()
		}
		mend.Do, mend.Add = "Publish it without what cannot be read; where that was p, say the policy that was meant in the place of none.", []Record{Text("_dmarc."+d.Domain, better)}
	}
	d.find("dmarc.broken", d.Domain, text, mend)
}

func (d *record) several(at dmarc.Step) {
	mend := &Mend{Do: "Keep one. Receivers go by none of them now; by this one they act at once: say p=none in it first, when nobody has read reports yet.", Add: []Record{Text("_dmarc."+at.Domain, strongest(at.Records))}, Remove: removeTexts("_dmarc."+at.Domain, at.Records)}
	d.find("dmarc.several", at.Domain, strings.Join(at.Records, " | "), mend)
}

// strongest is the record, mended, that protects most; of like ones that which names somebody to report to.
func strongest(texts []string) string {
	var all []string
	for _, text := range texts {
		all = append(all, dmarc.Mended(text))
	}
	return slices.MaxFunc(all, func(a, b string) int {
		x, y := dmarc.Parse(a), dmarc.Parse(b)
		return cmp.Or(cmp.Compare(x.Policy.Strength(), y.Policy.Strength()), cmp.Compare(x.Effective(true, true).Strength(), y.Effective(true, true).Strength()),
			cmp.Compare(min(len(x.Aggregate), 1), min(len(y.Aggregate), 1)))
	})
}

func (d *record) look(ctx context.Context) {
	is := &d.found.Record
	for _, remark := range is.Remarks {
		switch remark.Mark {
		case dmarc.BadValue, dmarc.BadTag, dmarc.BadURI, dmarc.TwiceTag, dmarc.TooMuch:
			d.say("dmarc.syntax", string(remark.Mark)+": "+remark.Text, "Write what was meant.")
		case dmarc.NoPolicy:
			d.say("dmarc.no-policy", "there is no p in it", "Say which one is meant.")
		case dmarc.OldTag, dmarc.OldSize, dmarc.UnknownTag, dmarc.NotMail:
			d.say("dmarc.old", string(remark.Mark)+": "+remark.Text, "")
		case dmarc.NoReports:
			d.say("dmarc.no-reports", is.String(), "")
		}
	}
	d.below(is)
	if is.Effective(d.found.Below(), true) == dmarc.None {
		d.say("dmarc.monitor", is.String(), "")
	}
	if is.Test {
		d.say("dmarc.test", is.String(), "")
	}
	d.consents(ctx)
}

// below looks whether names below the domain, those that exist and those that do not, are protected as it is.
func (d *record) below(is *dmarc.Record) {
	saw := "p=" + string(is.Policy)
	for _, of := range []struct {
		tag    string
		policy dmarc.Policy
	}{{"sp", is.Subdomain}, {"np", is.NonExistent}} {
		if of.policy != "" && of.policy.Strength() < is.Policy.Strength() {
			d.without, saw = append(d.without, of.tag), saw+", "+of.tag+"="+string(of.policy)
		}
	}
	if len(d.without) > 0 {
		which := strings.Join(d.without, " and ")
		d.say("dmarc.subdomain", saw, "Leave "+which+" out, or let them be as strong as p.")
	}
}

// consents looks whether those whom reports are sent to want them.
func (d *record) consents(ctx context.Context) {
	asked := map[string]bool{}
	for _, u := range slices.Concat(d.found.Record.Aggregate, d.found.Record.Failures) {
		if u.Host == "" || asked[u.Host] {
			continue
		}
		asked[u.Host] = true
		switch c := dmarc.Reporting(ctx, d.Resolver, &d.found, u.Host); {
		case c.Given:
		case !c.Outcome.Known():
			d.find("dmarc.unknown", d.found.At, "asked for TXT of "+c.Name+": "+c.Outcome.String(), nil)
		default:
			d.find("dmarc.consent", u.Host, "no record at "+c.Name, &Mend{
				Do: "Let " + u.Host + " publish that it wants the reports, or name another address.", Add: []Record{Text(c.Name, "v=DMARC1")}})
		}
	}
}

// tell emits what was found; the record that mends it stands with the most urgent, once.
func (d *record) tell() {
	slices.SortStableFunc(d.said, func(a, b found) int { return a.id.place() - b.id.place() })
	told := false
	for _, f := range d.said {
		var mend *Mend
		if f.do != "" {
			mend = &Mend{Do: f.do}
		}
		if mend != nil && !told {
			told = true
			at := slices.IndexFunc(d.found.Steps, func(s dmarc.Step) bool { return s.Domain == d.found.At })
			text := d.found.Steps[at].Records[0]
			mend.Remove = []Record{Text("_dmarc."+d.found.At, text)}
			better := dmarc.Mended(text, d.without...)
			mend.Add = []Record{Text("_dmarc."+d.found.At, better)}
			if is := dmarc.Parse(better); is.Policy.Strength() > d.found.Record.Policy.Strength() {
				mend.Do += " Receivers go by p=" + string(d.found.Record.Policy) + " now and will act then: say p=none in it first, when nobody has read reports yet."
			}
		}
		d.find(f.id, d.found.At, f.saw, mend)
	}
}
