package check

import "slices"

// Met says whether a requirement is met.
type Met string

// What can be known of a requirement.
const (
	Yes    Met = "yes"
	No     Met = "no"
	Maybe  Met = "not learned"
	Unseen Met = "not to be seen from outside" // only the mail itself shows it, or the receiver's own pages
)

// Requirement is one of what Gmail, Yahoo, Microsoft and Apple ask of those who send to them (their pages for senders, as
// of 2026).
type Requirement struct {
	Name string `json:"name"`
	Who  string `json:"who"`
	Met  Met    `json:"met"`
	By   []ID   `json:"by,omitempty"` // the findings that say no, or that something was not learned
}

// Sign is the requirement as a grade, to be shown.
func (q Requirement) Sign() Grade {
	switch q.Met {
	case Yes:
		return Fine
	case No:
		return Fault
	}
	return Unknown
}

// requirement is how one is judged: not met when a finding of against is there, not learned when one of the topics is
// not; without either it cannot be seen.
type requirement struct {
	name, who string
	against   []ID
	of        []Topic
}

var (
	againstSPF  = []ID{"spf.none", "spf.several", "spf.syntax", "spf.include", "spf.lookups", "spf.sender"}
	againstDKIM = []ID{"dkim.missing", "dkim.broken", "dkim.several", "dkim.revoked", "dkim.short", "dkim.sha1", "dkim.service"}
)

var requirements = []requirement{
	{"SPF passes", "Gmail, Yahoo, Microsoft, Apple", againstSPF, []Topic{"spf"}},
	{"DKIM verifies", "Gmail, Yahoo, Microsoft, Apple", againstDKIM, []Topic{"dkim"}},
	{"a DMARC record, p=none at least", "Gmail, Yahoo, Microsoft, Apple: who sends much", []ID{"dmarc.none", "dmarc.several", "dmarc.broken"}, []Topic{"dmarc"}},
	{"From is the domain of SPF or DKIM", "Gmail, Yahoo, Microsoft: who sends much", nil, nil},
	{"the address has a name that leads back to it, and is no home line's", "all", []ID{"address.no-ptr", "address.unconfirmed", "address.generic"}, []Topic{"address"}},
	{"mail is sent with TLS", "Gmail", nil, nil},
	{"a DKIM key of 1024 bits, better 2048", "Gmail, Yahoo", []ID{"dkim.short"}, []Topic{"dkim"}},
	{"fewer than 1 complaint in 1000 mails", "Gmail, Yahoo", nil, nil},
	{"advertising can be left with one click (RFC 8058)", "Gmail, Yahoo: who sends much", nil, nil},
	{"one From, a Message-ID, a Date", "all", nil, nil},
	{"who passes mail on adds ARC, and nobody writes as gmail.com", "Gmail, Yahoo, Apple", nil, nil},
	{"the sender's domain exists and can be answered", "Yahoo", []ID{"mx.nxdomain", "mx.null", "mx.unresolved"}, []Topic{"mx"}},
}

// requirements holds what was found against what receivers ask for.
func (r *run) requirements() (all []Requirement) {
	if r.Domain == "" {
		return nil
	}
	for _, q := range requirements {
		is := Requirement{Name: q.name, Who: q.who, Met: Unseen}
		if q.of != nil {
			is.Met = Yes
		}
		for _, f := range r.all {
			switch {
			case slices.Contains(q.against, f.ID):
				is.Met = No
				is.By = append(is.By, f.ID)
			case slices.Contains(q.of, f.Topic) && (f.ID == f.Topic.unknown() || f.ID == "dkim.unseen" || f.ID == "dkim.wildcard"):
				is.By = append(is.By, f.ID)
				if is.Met == Yes {
					is.Met = Maybe
				}
			}
		}
		for _, t := range q.of {
			if is.Met == Yes && !slices.ContainsFunc(r.all, func(f Finding) bool { return f.Topic == t }) {
				is.Met = Maybe
			}
		}
		slices.Sort(is.By)
		is.By = slices.Compact(is.By)
		all = append(all, is)
	}
	return all
}
