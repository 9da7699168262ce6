package mailauth

import (
	"slices"
	"strings"

	"postward/internal/domain/dmarc"
	"postward/internal/domain/spf"
	"postward/internal/mail/arc"
	"postward/internal/mail/authres"
	"postward/internal/mail/dkim"
	"postward/internal/mail/message"
)

// Result is what was found out about a mail, and what is to be done.
type Result struct {
	NullPath bool `json:"null_path,omitempty"` // MailFrom is then HELO's result
	MailFrom SPF  `json:"mailfrom"`
	HELO     SPF  `json:"helo"`

	IPRev IPRev         `json:"iprev"`
	DKIM  []dkim.Result `json:"dkim,omitempty"`
	ARC   arc.Result    `json:"arc"`

	Authors []string        `json:"authors,omitempty"` // the Author Domains
	Reading message.Reading `json:"reading"`           // whether that is sure
	Unread  bool            `json:"unread,omitempty"`  // the header section, or From, is longer than is looked at
	DMARC   dmarc.Verdict   `json:"dmarc"`

	Disposition Disposition `json:"disposition"`
	Why         Why         `json:"why,omitempty"` // the rule that decided; of an overridden mail the one that would have
	Signs       []Sign      `json:"signs,omitempty"`
	Handed      []Handed    `json:"-"` // who handed it on for others; decides nothing
	Survived    bool        `json:"-"` // each author's own signature shows that he wrote it, though its client sends for none of them
	Overridden  Override    `json:"overridden,omitempty"`
	By          string      `json:"by,omitempty"` // the domain that Overridden is about
	// AsUs: an Author Domain is ours, and nothing vouches for it.
	AsUs    bool `json:"as_us,omitempty"`
	perhaps bool // AsUs, and what could not be asked for may vouch for it

	// Panic is what a part of the mail panicked with, and where: our bug, to be logged and counted. That part's result is temperror,
	// and nothing is held or rejected. Empty: none did.
	Panic string `json:"panic,omitempty"`

	// Flooded: more than MaxForged fields pass for ours. Cut: there are more fields than anybody kept. Nobody honest writes such a mail.
	// It cannot be freed of what is forged at a cost that is bounded, or at all: it is rejected, whatever the policy says, and
	// Remove is empty.
	Flooded bool `json:"flooded,omitempty"`
	Cut     bool `json:"cut,omitempty"`

	// Add is what is behind the colon of our Authentication-Results. Remove are the fields that pass for ours, in the order
	// in which they can be taken away one after the other.
	Add    string    `json:"add,omitempty"`
	Remove []Removal `json:"remove,omitempty"`
}

// Removal is a header field to be taken away: the one so many from the top, from 1, of those with the name.
type Removal struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
}

// identifiers is what DMARC is told.
func (r *Result) identifiers() dmarc.Mail {
	d := dmarc.Mail{Authors: r.Authors, NullPath: r.NullPath,
		MailFrom:  dmarc.Identifier{Domain: r.MailFrom.Domain, Result: string(r.MailFrom.Result)},
		HELO:      dmarc.Identifier{Domain: r.HELO.Domain, Result: string(r.HELO.Result)},
		Uncertain: r.Reading != message.Agreed && r.Reading != message.NoDomain}
	for _, s := range r.DKIM {
		d.DKIM = append(d.DKIM, dmarc.Identifier{Domain: s.Domain, Result: s.Status.String()})
	}
	return d
}

// proven are the domains that the mail was shown to come from, by the client or by a signature.
func (r *Result) proven() (all []string) {
	for _, s := range []SPF{r.MailFrom, r.HELO} {
		if s.Result == spf.Pass {
			all = append(all, s.Domain)
		}
	}
	for _, s := range r.DKIM {
		if s.Status == dkim.Pass {
			all = append(all, s.Domain)
		}
	}
	return all
}

// results are what our field says, in the order in which the checks stand on each other.
func (m *Mail) results(r *Result) []authres.Result {
	all := []authres.Result{authres.IPRev(string(r.IPRev.Result), m.session.Client)}
	if !r.NullPath {
		all = append(all, authres.SPF(string(r.MailFrom.Result), m.session.MailFrom, ""))
	}
	all = append(all, authres.SPF(string(r.HELO.Result), "", m.session.Helo))
	for _, s := range r.DKIM {
		one := authres.DKIM(s.Status.String(), s.Domain, s.Selector, s.Algorithm, s.Sum)
		one.Reason = string(s.Reason)
		all = append(all, one)
	}
	if len(r.DKIM) == 0 {
		all = append(all, authres.DKIM("none", "", "", "", ""))
	}
	if r.ARC.Status != arc.None {
		all = append(all, authres.ARC(r.ARC.Status.String(), m.session.Client, r.ARC.OldestPass))
	}
	return append(all, r.dmarcResults()...)
}

// dmarcResults are one for each Author Domain, all with the mail's result: who looks for a pass must find none in a mail of
// which another author fails.
func (r *Result) dmarcResults() (all []authres.Result) {
	policy := string([]dmarc.Policy{dmarc.None, dmarc.Quarantine, dmarc.Quarantine, dmarc.Reject}[r.Disposition])
	for _, a := range r.DMARC.Authors {
		all = append(all, authres.DMARC(string(r.DMARC.Result), a.Domain, policy))
	}
	if len(all) == 0 {
		all = append(all, authres.DMARC(string(r.DMARC.Result), "", policy))
	}
	return all
}

// MaxForged is how many fields that pass for ours a mail may have: Postfix walks through the header section for each that is removed.
const MaxForged = 50

// forged finds the fields that pass for ours (RFC 8601 section 5). The last one comes first, for the indices of those above it
// stay as they are when it goes.
func (m *Mail) forged() (all []Removal) {
	count := map[string]int{}
	for _, f := range m.header {
		name := strings.ToLower(strings.TrimRight(f.Name, " \t"))
		count[name]++
		if m.checker.Service.Claims(f.Name, f.Value) {
			all = append(all, Removal{f.Name, count[name]})
		}
	}
	slices.Reverse(all)
	return all
}
