package guard

import (
	"net/netip"
	"slices"
	"time"
)

// SpamMarks are what operators called spam, for every account: texts and the networks that they came from.
type SpamMarks struct {
	Texts    []SpamText `json:"texts,omitempty"`    // at most maxMarks, oldest first
	Networks []Strange  `json:"networks,omitempty"` // likewise
}

// SpamText is a text that an operator called spam.
type SpamText struct {
	Fingerprint uint64 `json:"fingerprint"`
	At          Time   `json:"at"`
}

const (
	maxMarks = 500
	markFor  = 30 * 24 * time.Hour
)

// calledSpam is what speaks against a message because of what other mail was called.
func (s *Site) calledSpam(t *Transaction) Points {
	p := Points(0)
	if t.Fingerprint != 0 && slices.ContainsFunc(s.Spam.Texts, func(x SpamText) bool {
		return x.Fingerprint == t.Fingerprint && t.At.Sub(x.At) < markFor
	}) {
		p += spamPoints
	}
	network := Network(t.Client)
	if slices.ContainsFunc(s.Spam.Networks, func(x Strange) bool { return x.Network == network && t.At.Sub(x.At) < markFor }) {
		p += spamPoints
	}
	return p
}

func (s *SpamMarks) noteText(fingerprint uint64, now Time) {
	i := slices.IndexFunc(s.Texts, func(x SpamText) bool { return x.Fingerprint == fingerprint })
	s.Texts = append(makeRoom(s.Texts, i, maxMarks), SpamText{fingerprint, now})
}

func (s *SpamMarks) noteNetwork(network netip.Addr, now Time) {
	i := slices.IndexFunc(s.Networks, func(x Strange) bool { return x.Network == network })
	s.Networks = append(makeRoom(s.Networks, i, maxMarks), Strange{network, now})
}

func (s *SpamMarks) clone() SpamMarks {
	return SpamMarks{slices.Clone(s.Texts), slices.Clone(s.Networks)}
}

// spam is what an operator's word teaches: the account is not in its owner's hands, and what it sent from unfamiliar
// networks, and said there, counts against every account.
func (s *State) spam(i *Incident, e *Event) []Effect {
	a := s.touch(i.Account)
	for _, m := range s.mailsOf(i.Account) {
		if m.Incident != i.ID || !m.unfamiliar() {
			continue
		}
		if m.Fingerprint != 0 {
			s.site.Spam.noteText(m.Fingerprint, e.At)
		}
		if m.Source.Network.IsValid() && !s.policy.IsOwn(m.Source.Network) && !sharedSource(s.policy, m.Source.Network) {
			s.site.Spam.noteNetwork(m.Source.Network, e.At)
		}
	}
	s.changed.Site = true
	if i.Status == IncidentClosed || a.Status == Contained {
		return nil
	}
	return s.contain(a, i, e.At)
}
