package check

import (
	"net/netip"
	"slices"

	"postward/internal/wire/dns"
)

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
// not, or when one of open says that what it is about was not seen; without a topic it cannot be seen.
type requirement struct {
	name, who string
	against   []ID
	of        []Topic
	open      []ID
}

var (
	againstSPF  = []ID{"spf.none", "spf.several", "spf.syntax", "spf.include", "spf.lookups", "spf.voids", "spf.sender"}
	againstDKIM = []ID{"dkim.missing", "dkim.broken", "dkim.several", "dkim.revoked", "dkim.short", "dkim.sha1", "dkim.service"}
	noKey       = []ID{"dkim.unseen", "dkim.wildcard", "dkim.ed25519"}
	noSender    = []ID{"address.unseen", "address.private"}
)

var requirements = []requirement{
	{"SPF passes", "Gmail, Yahoo, Microsoft, Apple", againstSPF, []Topic{"spf"}, noSender},
	{"DKIM verifies", "Gmail, Yahoo, Microsoft, Apple", againstDKIM, []Topic{"dkim"}, noKey},
	{"a DMARC record, p=none at least", "Gmail, Yahoo, Microsoft, Apple: who sends much", []ID{"dmarc.none", "dmarc.several", "dmarc.broken", "dmarc.almost"}, []Topic{"dmarc"}, nil},
	{"From is the domain of SPF or DKIM", "Gmail, Yahoo, Microsoft: who sends much", nil, nil, nil},
	{"the address has a name that leads back to it, and is no home line's", "all", []ID{"address.no-ptr", "address.unconfirmed", "address.generic"}, []Topic{"address"}, noSender},
	{"mail is sent with TLS", "Gmail", nil, nil, nil},
	{"a DKIM key of 1024 bits, better 2048", "Gmail, Yahoo", []ID{"dkim.short"}, []Topic{"dkim"}, noKey},
	{"fewer than 1 complaint in 1000 mails", "Gmail, Yahoo", nil, nil, nil},
	{"advertising can be left with one click (RFC 8058)", "Gmail, Yahoo: who sends much", nil, nil, nil},
	{"one From, a Message-ID, a Date", "all", nil, nil, nil},
	{"who passes mail on adds ARC, and nobody writes as gmail.com", "Gmail, Yahoo, Apple", nil, nil, nil},
	{"the sender's domain exists and can be answered", "Yahoo", []ID{"mx.nxdomain", "mx.null", "mx.unresolved", "mx.none", "mx.sends-only"}, []Topic{"mx"}, nil},
}

// requirements holds what was found against what receivers ask for.
func (r *run) requirements() (all []Requirement) {
	if r.Domain == "" || r.parked() {
		return nil
	}
	for _, q := range requirements {
		is := Requirement{Name: q.name, Who: q.who, Met: Unseen}
		if q.of != nil {
			is.Met = Yes
		}
		for _, f := range r.all {
			switch {
			case !r.tells(f.ID):
			case slices.Contains(q.against, f.ID):
				is.Met = No
				is.By = append(is.By, f.ID)
			case slices.Contains(q.open, f.ID) || slices.Contains(q.of, f.Topic) && f.ID == f.Topic.unknown():
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

// parked reports whether the domain says that it neither takes nor sends mail: a null MX, and an SPF policy that nobody passes.
func (r *run) parked() bool {
	mx, t := r.mx(), r.spf()
	null := slices.ContainsFunc(mx.Exchangers, func(x dns.Exchanger) bool { return x.Host == "." })
	return null && t.Text != "" && !letsPass(t)
}

// tells reports whether a finding says something of the requirements. Without an MX record mail goes to the domain's address,
// when it has one; and a private address tells nothing beside one that the world sees.
func (r *run) tells(id ID) bool {
	switch id {
	case "mx.none", "mx.sends-only":
		return !r.answerable()
	case "address.private":
		return !slices.ContainsFunc(r.senders(), func(a netip.Addr) bool { return !local(a) })
	}
	return true
}
