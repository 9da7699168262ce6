package dmarc

import (
	"context"
	"slices"
	"strings"

	"postward/internal/wire/dns"
)

// MaxQueries is how many names a walk asks for at most (RFC 9989 section 4.10).
const MaxQueries = 8

// Step is one name of a walk.
type Step struct {
	Domain  string      `json:"domain"` // without _dmarc
	Outcome dns.Outcome `json:"outcome"`
	Records []string    `json:"records,omitempty"` // DMARC records there; more than one count as none
	Record  *Record     `json:"record,omitempty"`
	Almost  []string    `json:"almost,omitempty"` // texts that mean to be a record and are none, where there is no record
}

// Found is what a walk found for a domain.
type Found struct {
	Domain string `json:"domain"`
	Steps  []Step `json:"steps"`
	// Unknown: a name did not answer that what holds depends on; the fields below are then empty.
	Unknown        bool   `json:"unknown,omitempty"`
	Organizational string `json:"organizational,omitempty"` // the Organizational Domain (section 4.10.2)
	At             string `json:"at,omitempty"`             // whose record holds (section 4.10.1); empty: there is none
	Record         Record `json:"record,omitzero"`
	// Unusable is whose record would hold and does not, for its policy cannot be read and nobody is to be told. No other
	// holds in its place (section 4.10.1).
	Unusable string `json:"unusable,omitempty"`
}

// Below reports whether the record that holds is that of a domain above.
func (f *Found) Below() bool { return f.At != "" && f.At != f.Domain }

// Discover walks the tree for a domain. It returns when the context ends at the latest. The names are asked for all at
// once: a walk takes as long as its slowest answer. What stands above a stop is asked for and not looked at.
func Discover(ctx context.Context, r dns.Resolver, domain string) Found {
	f := Found{Domain: canonical(domain)}
	if f.Domain == "" {
		f.Domain = printable(domain)
		return f
	}
	for _, s := range look(ctx, r, walk(f.Domain)) {
		f.Steps = append(f.Steps, s)
		if s.Record != nil && s.Record.PSD != "u" {
			break
		}
	}
	f.choose()
	return f
}

// canonical is a domain in lower case without its final dot; empty: it is none that DNS could carry.
func canonical(domain string) string {
	name, _ := dns.Canonical(domain)
	return strings.TrimSuffix(name, ".")
}

// walk is the names of a walk.
func walk(domain string) (names []string) {
	for name := domain; name != "" && len(names) < MaxQueries; name = above(name) {
		names = append(names, name)
	}
	return names
}

// look asks for all names.
func look(ctx context.Context, r dns.Resolver, names []string) []Step {
	steps := make([]Step, len(names))
	var all dns.Group
	for i, name := range names {
		all.Go(func() { steps[i] = step(ctx, r, name) })
	}
	all.Wait()
	return steps
}

// above is the next name of a walk: a label less, and never more than seven (section 4.10).
func above(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	for strings.Count(rest, ".") >= MaxQueries-1 {
		_, rest, _ = strings.Cut(rest, ".")
	}
	return rest
}

// step asks one name.
func step(ctx context.Context, r dns.Resolver, name string) Step {
	s := Step{Domain: name, Outcome: dns.Timeout}
	if ctx.Err() != nil {
		return s
	}
	a := r.TXT(ctx, "_dmarc."+name)
	s.Outcome = a.Outcome
	for _, text := range a.Texts {
		if IsRecord(text) {
			s.Records = append(s.Records, text)
		}
	}
	if len(s.Records) == 0 {
		s.Almost = slices.DeleteFunc(slices.Clone(a.Texts), func(text string) bool { return !Almost(text) })
	}
	if len(s.Records) == 1 {
		record := Parse(s.Records[0])
		s.Record = &record
	}
	return s
}

// choose finds the Organizational Domain and the record that holds.
func (f *Found) choose() {
	own, last := f.Steps[0], f.Steps[len(f.Steps)-1]
	if !own.Outcome.Known() {
		f.Unknown = true
		return
	}
	org, known := f.organizational()
	f.Organizational = org.Domain
	switch {
	case own.Record != nil:
		f.take(own)
	case !known:
		f.Unknown = true
	case org.Record != nil:
		f.take(org)
	case last.Record != nil && last.Record.PSD == "y":
		f.take(last)
	}
}

// take makes a step's record the one that holds, or the one that cannot.
func (f *Found) take(s Step) {
	if s.Record.Holds() {
		f.At, f.Record = s.Domain, *s.Record
	} else {
		f.Unusable = s.Domain
	}
}

// Inherited is whose record would hold if the domain had none itself; empty: nobody's, or that is not known.
func (f *Found) Inherited() string {
	if len(f.Steps) == 0 {
		return ""
	}
	without := Found{Domain: f.Domain, Steps: slices.Clone(f.Steps)}
	without.Steps[0].Record = nil
	without.choose()
	return without.At
}

// organizational is the step of the Organizational Domain: that with psd=n, the one below that with psd=y, else the
// record with the fewest labels; the domain itself without any (section 4.10.2). A step that did not answer could have had
// either, so nothing above it decides.
func (f *Found) organizational() (org Step, known bool) {
	org = f.Steps[0]
	for i, s := range f.Steps {
		switch {
		case !s.Outcome.Known():
			return Step{}, false
		case s.Record == nil:
		case s.Record.PSD == "y" && i > 0:
			return f.below(i), true
		default:
			org = s
		}
	}
	return org, true
}

// below is the step one label below step i; a walk that jumped over it did not ask for its record.
func (f *Found) below(i int) Step {
	top := f.Steps[i].Domain
	labels := strings.Split(strings.TrimSuffix(f.Domain, "."+top), ".")
	name := labels[len(labels)-1] + "." + top
	if f.Steps[i-1].Domain == name {
		return f.Steps[i-1]
	}
	return Step{Domain: name}
}

// Consent is whether a host wants a domain's reports.
type Consent struct {
	Host    string      `json:"host"`
	Name    string      `json:"name,omitempty"` // where the host says so; empty: it need not, for it is the domain's own
	Outcome dns.Outcome `json:"outcome,omitempty"`
	Given   bool        `json:"given"`
}

// Reporting asks whether a host wants the reports about a domain (RFC 9990 section 4): one with the same Organizational
// Domain does, another says so with a record at Name. When it has none, and whether it is one of the domain's own depends on a
// step that did not answer, Name and Outcome are that step's.
func Reporting(ctx context.Context, r dns.Resolver, of *Found, host string) Consent {
	c := Consent{Host: host}
	if own := of.own(); host == of.At || own != "" && within(host, own) {
		c.Given = true
		return c
	}
	c.Name = of.At + "._report._dmarc." + host
	if ctx.Err() != nil {
		c.Outcome = dns.Timeout
		return c
	}
	a := r.TXT(ctx, c.Name)
	c.Outcome = a.Outcome
	for _, text := range a.Texts {
		c.Given = c.Given || IsRecord(text)
	}
	if s := of.silent(); !c.Given && s != nil && within(host, of.Steps[len(of.Steps)-1].Domain) {
		c.Name, c.Outcome = "_dmarc."+s.Domain, s.Outcome
	}
	return c
}

// own is the Organizational Domain. While that is not known it is a name whose own are the organization's too, for whatever
// the silent step has, it stands above.
func (f *Found) own() string {
	if f.Organizational != "" {
		return f.Organizational
	}
	sure := ""
	for _, s := range f.Steps {
		if !s.Outcome.Known() {
			break
		}
		if s.Record != nil || sure == "" {
			sure = s.Domain
		}
	}
	return sure
}

// silent is the step that the Organizational Domain could not be learned for; nil: it is known.
func (f *Found) silent() *Step {
	for i := range f.Steps {
		if f.Organizational == "" && !f.Steps[i].Outcome.Known() {
			return &f.Steps[i]
		}
	}
	return nil
}

func within(host, domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
