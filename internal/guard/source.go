package guard

import (
	"net/netip"
	"time"
)

// A source is familiar after earnMessages messages to people the account already knew, on days earnApart
// apart. Mail to strangers earns nothing: or a drip of two an hour buys trust overnight.
const (
	earnMessages = 4
	earnApart    = 20 * time.Hour
	maxNetworks  = 16 // addresses kept an account; the one not used for longest is dropped
	maxUses      = 8  // the same of networks, countries and programs
)

// Use counts how an account used one address, network, country or client program.
type Use[K comparable] struct {
	What     K      `json:"what"`
	Messages uint32 `json:"messages"` // all of them
	Earned   uint32 `json:"earned"`   // those to known people only
	First    Time   `json:"first"`    // first earning use
	Last     Time   `json:"last"`     // last use
	Apart    bool   `json:"apart,omitempty"`
	Trusted  bool   `json:"trusted,omitempty"` // by an operator's release
}

// Familiar reports whether the account earned trust for u, or was given it.
func (u *Use[K]) Familiar() bool { return u.Trusted || u.Earned >= earnMessages && u.Apart }

// Uses is a bounded set of Use.
type Uses[K comparable] []Use[K]

func (s Uses[K]) find(what K) *Use[K] {
	for i := range s {
		if s[i].What == what {
			return &s[i]
		}
	}
	return nil
}

func (s Uses[K]) familiar(what K) bool {
	u := s.find(what)
	return u != nil && u.Familiar()
}

// count notes one use; earn says that it was mail to known people only. It reports whether what became familiar.
func (s *Uses[K]) count(limit int, what K, now Time, earn bool) bool {
	u := s.find(what)
	if u == nil {
		u = s.room(limit)
		*u = Use[K]{What: what}
	}
	before := u.Familiar()
	u.Messages, u.Last = u.Messages+1, max(u.Last, now)
	if earn {
		if u.Earned == 0 {
			u.First = now
		}
		u.Earned++
		u.Apart = u.Apart || now.Sub(u.First) >= earnApart
	}
	return !before && u.Familiar()
}

func (s *Uses[K]) trust(limit int, what K, now Time) {
	s.count(limit, what, now, false)
	s.find(what).Trusted = true
}

// room returns a place for a new use. A familiar one is dropped only when all are familiar.
func (s *Uses[K]) room(limit int) *Use[K] {
	if len(*s) < limit {
		*s = append(*s, Use[K]{})
		return &(*s)[len(*s)-1]
	}
	worst := &(*s)[0]
	for i := range *s {
		u := &(*s)[i]
		if older := u.Last < worst.Last; u.Familiar() == worst.Familiar() && older || !u.Familiar() && worst.Familiar() {
			worst = u
		}
	}
	return worst
}

// Sources is everything an account sent from.
type Sources struct {
	Networks  Uses[netip.Addr] `json:"networks,omitempty"` // addresses; IPv6 by /64
	ASNs      Uses[uint32]     `json:"asns,omitempty"`
	Countries Uses[string]     `json:"countries,omitempty"`
	Programs  Uses[string]     `json:"programs,omitempty"`
}

// source is where one mail came from.
type source struct {
	Network netip.Addr `json:"network,omitzero"`
	ASN     uint32     `json:"asn,omitempty"`
	Country string     `json:"country,omitempty"`
	Program string     `json:"program,omitempty"`
}

func sourceOf(t *Transaction) source {
	return source{Network: Network(t.Client), ASN: t.ASN, Country: t.Country, Program: t.Mailer}
}

func (s *Sources) level(from source, webmail bool) Level {
	switch {
	case !from.Network.IsValid():
		return LevelAddress // injected on the host itself: it has no other source
	case webmail && s.Countries.familiar(from.Country):
		return LevelCountry // everybody's address: familiar to nobody in particular
	case webmail:
		return LevelNew
	case s.Networks.familiar(from.Network):
		return LevelAddress
	case from.ASN != 0 && s.ASNs.familiar(from.ASN):
		return LevelNetwork
	case from.Country != "" && s.Countries.familiar(from.Country):
		return LevelCountry
	}
	return LevelNew
}

// note counts a mail's source. A webmail host's address and network are left out: they are everybody's.
func (s *Sources) note(from source, now Time, earn, webmail bool) {
	if from.Network.IsValid() && !webmail {
		s.Networks.count(maxNetworks, from.Network, now, earn)
		if from.ASN != 0 {
			s.ASNs.count(maxUses, from.ASN, now, earn)
		}
	}
	if from.Country != "" && !webmail {
		s.Countries.count(maxUses, from.Country, now, earn)
	}
	if from.Program != "" {
		s.Programs.count(maxUses, from.Program, now, earn)
	}
}

func (s *Sources) trust(from source, now Time, webmail bool) {
	if from.Network.IsValid() && !webmail {
		s.Networks.trust(maxNetworks, from.Network, now)
	}
	if from.Program != "" {
		s.Programs.trust(maxUses, from.Program, now)
	}
}
