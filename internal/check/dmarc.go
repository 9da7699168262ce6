package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postward/internal/dmarc"
	"postward/internal/dns"
)

// alignment looks at the DMARC record that holds for the domain (RFC 9989), its own or that of a domain above.
func (r *run) alignment(ctx context.Context) string {
	if r.Domain == "" {
		return ""
	}
	if mx := r.mx(); mx.Outcome == dns.NoName {
		return "" // said by another topic
	}
	f := r.dmarc()
	d := record{run: r, found: f, mended: f.Record}
	several := slices.IndexFunc(f.Steps, func(s dmarc.Step) bool { return len(s.Records) > 1 })
	switch {
	case f.Unknown:
		r.find("dmarc.unknown", r.Domain, "a name on the way to the record did not answer", nil)
		return ""
	case several >= 0:
		d.several(f.Steps[several])
		return ""
	case f.At == "":
		d.none()
		return ""
	}
	d.look(ctx)
	d.tell()
	return fmt.Sprintf("_dmarc.%s: %s", f.At, f.Record.String())
}

// enforced reports whether forgeries of the domain meet more than reports.
func (r *run) enforced() bool {
	f := r.dmarc()
	return f.At != "" && f.Record.Effective(f.Below(), true) != dmarc.None
}

// record is a DMARC record that is looked at, and the one it should be.
type record struct {
	*run
	found  dmarc.Found
	mended dmarc.Record
	said   []found
}

func (d *record) say(id ID, saw, do string) { d.said = append(d.said, found{id, saw, do}) }

// none is also a record that receivers do not go by.
func (d *record) none() {
	mend := &Mend{Do: "Publish one. With p=none nothing happens to the mail but that reports come; read them for some weeks, then say quarantine, then reject.",
		Add: []Record{Text("_dmarc."+d.Domain, "v=DMARC1; p=none; rua=mailto:postmaster@"+d.Domain)}}
	if own := d.found.Steps[0]; len(own.Records) == 1 {
		mend.Remove = []Record{Text("_dmarc."+d.Domain, own.Records[0])}
		d.find("dmarc.broken", d.Domain, own.Records[0], mend)
		return
	}
	d.find("dmarc.none", d.Domain, "no name from _dmarc."+d.Domain+" upwards has one", mend)
}

func (d *record) several(at dmarc.Step) {
	mend := &Mend{Do: "Keep one.", Add: []Record{Text("_dmarc."+at.Domain, at.Records[0])}}
	for _, text := range at.Records {
		mend.Remove = append(mend.Remove, Text("_dmarc."+at.Domain, text))
	}
	d.find("dmarc.several", at.Domain, strings.Join(at.Records, " | "), mend)
}

func (d *record) look(ctx context.Context) {
	is := &d.found.Record
	for _, remark := range is.Remarks {
		switch remark.Mark {
		case dmarc.BadValue, dmarc.BadTag, dmarc.BadURI, dmarc.TwiceTag, dmarc.TooMuch, dmarc.NoPolicy:
			d.say("dmarc.syntax", string(remark.Mark)+": "+remark.Text, "Correct it.")
		case dmarc.OldTag, dmarc.OldSize, dmarc.UnknownTag, dmarc.NotMail:
			d.say("dmarc.old", string(remark.Mark)+": "+remark.Text, "")
		case dmarc.NoReports:
			d.say("dmarc.no-reports", is.String(), "")
		}
	}
	if is.Subdomain.Strength() < is.Policy.Strength() && is.Subdomain != "" {
		d.mended.Subdomain = ""
		d.say("dmarc.subdomain", fmt.Sprintf("p=%s, sp=%s", is.Policy, is.Subdomain), "Leave sp away, or make it as strong as p.")
	}
	if is.Effective(d.found.Below(), true) == dmarc.None {
		d.say("dmarc.monitor", is.String(), "")
	}
	if is.Test {
		d.say("dmarc.test", is.String(), "")
	}
	d.consents(ctx)
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
			mend.Remove = []Record{Text("_dmarc."+d.found.At, d.found.Steps[at].Records[0])}
			mend.Add = []Record{Text("_dmarc."+d.found.At, d.mended.String())}
		}
		d.find(f.id, d.found.At, f.saw, mend)
	}
}
