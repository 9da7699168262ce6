package dmarc

import "strings"

// Relation is what an identifier is to the Author Domain (section 4.10.2). The set is closed. The zero value is no identifier.
type Relation string

// The relations. The first two are alignment.
const (
	Identical         Relation = "identical"
	SameOrganization  Relation = "same organization"
	NotIdentical      Relation = "not identical" // and the mode is strict
	OtherOrganization Relation = "other organization"
	Unauthenticated   Relation = "not authenticated"
	NotKnown          Relation = "not known"              // a look-up did not end, the mechanism's own or one of a walk
	NotLooked         Relation = "more than is looked at" // it is one behind MaxIdentifiers
)

// Match is an identifier beside an Author Domain.
type Match struct {
	Domain string    `json:"domain"` // printable
	Result string    `json:"result"` // of its mechanism
	Mode   Alignment `json:"mode"`
	Is     Relation  `json:"is"`
}

// align compares each identifier with the Author Domain.
func (a *Author) align(m *Mail, f *Found, known *Known) {
	if id := m.spf(); id.Domain != "" {
		a.SPF = match(f, id, f.Record.SPF, known)
	}
	for _, id := range m.DKIM {
		a.DKIM = append(a.DKIM, match(f, id, f.Record.DKIM, known))
	}
}

func match(f *Found, id Identifier, mode Alignment, known *Known) Match {
	m := Match{Domain: printable(id.Domain), Result: printable(id.Result), Mode: mode, Is: Unauthenticated}
	if id.Result != string(Pass) && id.Result != string(TempError) {
		return m
	}
	if m.Is = f.relation(canonical(id.Domain), mode, known); id.Result == string(TempError) && (m.Is == Identical || m.Is == SameOrganization) {
		m.Is = NotKnown // it would be aligned, had its own look-ups ended
	}
	return m
}

// relation compares a domain with the Author Domain.
func (f *Found) relation(domain string, mode Alignment, known *Known) Relation {
	switch {
	case domain == "":
		return Unauthenticated
	case domain == f.Domain:
		return Identical
	case mode == Strict:
		return NotIdentical
	case !f.akin(domain):
		return OtherOrganization
	case f.Organizational == "":
		return NotKnown
	}
	switch other, asked := known.Walks[domain]; {
	case !asked:
		return NotLooked
	case other.Organizational == "":
		return NotKnown
	case other.Organizational == f.Organizational:
		return SameOrganization
	}
	return OtherOrganization
}

// akin reports whether another domain can have the same Organizational Domain at all. That stands above both, or is one of
// them: most strangers are told without asking anybody.
func (f *Found) akin(domain string) bool {
	above := f.Organizational
	if above == "" {
		above = f.Domain[strings.LastIndexByte(f.Domain, '.')+1:]
	}
	return within(domain, above)
}
