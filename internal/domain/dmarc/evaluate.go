package dmarc

import (
	"slices"

	"postward/internal/wire/dns"
)

// MaxAuthors is how many Author Domains of a mail are looked at (section 11.5 wants a limit).
const MaxAuthors = 4

// Result is what DMARC says of a mail, in the words of RFC 8601 (RFC 9989 section 9.2).
type Result string

// The results. Inapplicable is the RFC's "none": the mechanism does not apply. TempError can end otherwise later;
// PermError cannot.
const (
	Inapplicable Result = "none"
	Pass         Result = "pass"
	Fail         Result = "fail"
	TempError    Result = "temperror"
	PermError    Result = "permerror"
)

// Reason is how a result came about. The set is closed.
type Reason string

// The reasons.
const (
	Aligned     Reason = "aligned"
	NoneAligned Reason = "nothing aligned"
	NoRecord    Reason = "no record"
	Unreadable  Reason = "record cannot be read"
	NoDomain    Reason = "not a domain name"
	Silent      Reason = "DNS did not answer"
	Undecided   Reason = "alignment not known"    // an identifier is NotKnown, and none aligns
	Unlooked    Reason = "more than is looked at" // an identifier is NotLooked, and none aligns
	NoExistence Reason = "existence not known"    // of the Author Domain, and the policy depends on it
)

// Mail is what is known of a mail when DMARC is asked. Domains are A-labels, in whichever case; who reads U-labels converts
// them (section 5.3.1; RFC 8616 for d=).
type Mail struct {
	// Authors are the Author Domains of the From field, each once.
	Authors []string
	// Uncertain: the From field is absent, repeated, malformed, or read by some otherwise than by others (section 4.4).
	// Authors are then whoever a reader may take for one. Such a mail never passes.
	Uncertain bool
	// NullPath: the reverse-path is null, and the MAIL FROM identity is postmaster at the HELO name (section 3.2.4).
	NullPath bool
	MailFrom Identifier // SPF's result for the domain of the reverse-path
	HELO     Identifier // SPF's result for the HELO name; counts with NullPath, and only then
	DKIM     []Identifier
}

// Identifier is a domain, and how its authentication ended: for SPF the one that was checked, for DKIM a signature's d=.
type Identifier struct {
	Domain string
	Result string // a word of RFC 8601; what is neither "pass" nor "temperror" authenticates nothing
}

// spf is the identity that DMARC goes by.
func (m *Mail) spf() Identifier {
	if m.NullPath {
		return m.HELO
	}
	return m.MailFrom
}

// authors are the domains that are looked at.
func (m *Mail) authors() []string { return m.Authors[:min(len(m.Authors), MaxAuthors)] }

// Known is what the DNS said of a mail's domains. Gather fills it; the keys are canonical.
type Known struct {
	Walks  map[string]Found
	Exists map[string]dns.Outcome // of asking for the Author Domain itself, where its policy depends on that
}

// Verdict is what DMARC says of a mail.
type Verdict struct {
	Result Result `json:"result"`
	// Asked is the disposition that the owners ask for: the most strict policy among the Author Domains that fail (section
	// 11.5), test mode considered; none for every other mail. It is there for an Uncertain mail too, whose result is
	// permerror. What to do is the receiver's: section 7.4 forbids to reject for this alone.
	Asked   Policy   `json:"asked"`
	Authors []Author `json:"authors,omitempty"`
	// Incomplete: there are more Author Domains than were looked at. Such a mail never passes.
	Incomplete bool `json:"incomplete,omitempty"`
}

// Author is what DMARC says of one Author Domain.
type Author struct {
	Domain         string `json:"domain"`
	Result         Result `json:"result"`
	Why            Reason `json:"why"`
	Organizational string `json:"organizational,omitempty"`
	// At is the DMARC Policy Domain, Where what it is to the Author Domain. Both are empty without a record that holds.
	At    string `json:"at,omitempty"`
	Where Place  `json:"where,omitempty"`
	// Tag is the tag of the record that says Published: p, sp or np. Empty: it depends on an existence that is not known.
	Tag       string `json:"tag,omitempty"`
	Published Policy `json:"published,omitempty"`
	Test      bool   `json:"t,omitempty"`
	// Policy is what holds for mail of this author that fails: Published, or with t=y the next weaker.
	Policy Policy  `json:"policy,omitempty"`
	SPF    Match   `json:"spf,omitzero"`
	DKIM   []Match `json:"dkim,omitempty"`
}

// Place is where the record that applies stands (section 4.10.1).
type Place string

// The places, the most preferred first.
const (
	AtAuthor         Place = "author"
	AtOrganizational Place = "organizational"
	AtPublicSuffix   Place = "psd"
)

// Evaluate judges a mail by what the DNS said. It asks nobody.
func Evaluate(m Mail, known Known) Verdict {
	v := Verdict{Asked: None, Incomplete: len(m.Authors) > MaxAuthors}
	for _, domain := range m.authors() {
		v.Authors = append(v.Authors, author(&m, domain, &known))
	}
	v.conclude(m.Uncertain)
	return v
}

// conclude makes one result of the authors'. One that fails is not mended by another, whatever that comes to; a mail
// passes when all of its authors do.
func (v *Verdict) conclude(uncertain bool) {
	has := map[Result]bool{}
	for _, a := range v.Authors {
		has[a.Result] = true
		if a.Result == Fail && a.Policy.Strength() > v.Asked.Strength() {
			v.Asked = a.Policy
		}
	}
	has[PermError] = has[PermError] || v.Incomplete
	switch order := []Result{Fail, TempError, PermError, Inapplicable, Pass}; {
	case uncertain:
		v.Result = PermError
	case len(v.Authors) == 0:
		v.Result = Inapplicable // section 5.3.1
	default:
		v.Result = order[slices.IndexFunc(order, func(r Result) bool { return has[r] })]
	}
}

// author judges a mail for one Author Domain (sections 5.3.2 to 5.3.6).
func author(m *Mail, domain string, known *Known) Author {
	name := canonical(domain)
	f, asked := known.Walks[name]
	a := Author{Domain: f.Domain, Organizational: f.Organizational, At: f.At, Where: f.where()}
	switch {
	case name == "":
		a.Domain = printable(domain)
		a.Result, a.Why = PermError, NoDomain
	case !asked || f.Unknown:
		a.Domain = name
		a.Result, a.Why = TempError, Silent
	case f.Unusable != "":
		a.Result, a.Why = PermError, Unreadable
	case f.At == "":
		a.Result, a.Why = Inapplicable, NoRecord
	default:
		a.policy(&f, known)
		a.align(m, &f, known)
		a.conclude()
	}
	return a
}

// where is what the record's domain is to the Author Domain.
func (f *Found) where() Place {
	switch f.At {
	case "":
		return ""
	case f.Domain:
		return AtAuthor
	case f.Organizational:
		return AtOrganizational
	}
	return AtPublicSuffix
}

// policy finds the policy that holds (section 4.10.1). It stays empty when that depends on an existence that is not known.
func (a *Author) policy(f *Found, known *Known) {
	a.Test = f.Record.Test
	exists := true
	if f.mayNotExist() {
		outcome := known.Exists[f.Domain]
		if exists = outcome != dns.NoName; !outcome.Known() && f.inForce(true) != f.inForce(false) {
			return
		}
	}
	a.Tag, a.Published = f.Record.applies(f.Below(), exists)
	a.Policy = f.inForce(exists)
}

// mayNotExist reports whether another tag would apply if the Author Domain did not exist, and the walk has not shown that it
// does: where _dmarc stands below it, it exists (section 3.2.13, RFC 8020).
func (f *Found) mayNotExist() bool {
	return f.Below() && f.Record.NonExistent != "" && f.Steps[0].Outcome == dns.NoName
}

// inForce is the policy of the record, and with t=y the next weaker (section 4.7, t).
func (f *Found) inForce(exists bool) Policy {
	p := f.Record.Effective(f.Below(), exists)
	if f.Record.Test && p.Strength() > 0 {
		return []Policy{None, Quarantine}[p.Strength()-1]
	}
	return p
}

// conclude makes a result of what is aligned. One aligned identifier is enough, whatever is not known of others (section
// 5.3.5); a look-up that did not end is neither pass nor fail (section 5.3.6).
func (a *Author) conclude() {
	has := map[Relation]bool{a.SPF.Is: true}
	for _, m := range a.DKIM {
		has[m.Is] = true
	}
	switch {
	case has[Identical] || has[SameOrganization]:
		a.Result, a.Why = Pass, Aligned
	case has[NotKnown]:
		a.Result, a.Why = TempError, Undecided
	case has[NotLooked]:
		a.Result, a.Why = PermError, Unlooked
	case a.Policy == "":
		a.Result, a.Why = TempError, NoExistence
	default:
		a.Result, a.Why = Fail, NoneAligned
	}
}
