package guard

import (
	"net/netip"
	"slices"
	"time"
)

// SpamMarks are what is known of spam for every account: what operators called so, texts and the networks that they
// came from; and which texts several accounts sent from unfamiliar sources, as nobody does who is not hijacked.
type SpamMarks struct {
	Texts    []SpamText   `json:"texts,omitempty"`    // at most maxMarks, oldest first
	Networks []Strange    `json:"networks,omitempty"` // likewise
	Shared   []SharedText `json:"shared,omitempty"`   // likewise
}

// SharedText is a text from unfamiliar sources, and who sent it.
type SharedText struct {
	Fingerprint uint64                 `json:"fingerprint"`
	Accounts    [sharedAccounts]uint64 `json:"accounts"` // hashes of their names; 0: none yet
	At          Time                   `json:"at"`
}

// sharedAccounts is how many accounts must send a text from unfamiliar sources within sharedFor to make it suspect.
const (
	sharedAccounts = 2
	sharedFor      = 24 * hour
)

// SpamText is a text that an operator called spam.
type SpamText struct {
	Fingerprint uint64 `json:"fingerprint"`
	At          Time   `json:"at"`
}

const (
	maxMarks = 500
	markFor  = 30 * 24 * time.Hour
)

// others returns how many accounts besides one sent a text, and where it stands in Shared (-1: nowhere).
func (s *SpamMarks) others(fingerprint, account uint64, now Time) (n, at int) {
	at = slices.IndexFunc(s.Shared, func(x SharedText) bool { return Alike(x.Fingerprint, fingerprint) && now-x.At < sharedFor })
	if at < 0 {
		return 0, at
	}
	for _, who := range s.Shared[at].Accounts {
		if who != 0 && who != account {
			n++
		}
	}
	return n, at
}

// noteShared counts a text that an account sent from an unfamiliar source.
func (s *SpamMarks) noteShared(fingerprint, account uint64, now Time) {
	_, at := s.others(fingerprint, account, now)
	x := SharedText{Fingerprint: fingerprint}
	if at >= 0 {
		x = s.Shared[at]
	}
	if i := slices.Index(x.Accounts[:], 0); i >= 0 && !slices.Contains(x.Accounts[:], account) {
		x.Accounts[i] = account
	}
	x.At = now
	s.Shared = append(makeRoom(s.Shared, at, maxMarks), x)
}

// calledSpam is what speaks against a message because of other accounts' mail.
func (s *Site) calledSpam(t *Transaction, account string, level Level) Points {
	p := Points(0)
	if t.Fingerprint != 0 && slices.ContainsFunc(s.Spam.Texts, func(x SpamText) bool {
		return Alike(x.Fingerprint, t.Fingerprint) && t.At.Sub(x.At) < markFor
	}) {
		p += spamPoints
	}
	network := Network(t.Client)
	if slices.ContainsFunc(s.Spam.Networks, func(x Strange) bool { return x.Network == network && t.At.Sub(x.At) < markFor }) {
		p += spamPoints
	}
	if t.Fingerprint != 0 && level <= LevelCountry {
		if n, _ := s.Spam.others(t.Fingerprint, s.Secret.hash(account), t.At); n >= sharedAccounts {
			p += spamPoints
		}
	}
	return p
}

func (s *SpamMarks) noteText(fingerprint uint64, now Time) {
	i := slices.IndexFunc(s.Texts, func(x SpamText) bool { return Alike(x.Fingerprint, fingerprint) })
	s.Texts = append(makeRoom(s.Texts, i, maxMarks), SpamText{fingerprint, now})
}

func (s *SpamMarks) noteNetwork(network netip.Addr, now Time) {
	i := slices.IndexFunc(s.Networks, func(x Strange) bool { return x.Network == network })
	s.Networks = append(makeRoom(s.Networks, i, maxMarks), Strange{network, now})
}

func (s *SpamMarks) clone() SpamMarks {
	return SpamMarks{slices.Clone(s.Texts), slices.Clone(s.Networks), slices.Clone(s.Shared)}
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
	s.changed.Site, i.Spam = true, true
	if i.Status == IncidentClosed || a.Status == Contained {
		return nil
	}
	return s.contain(a, i, e.At)
}
