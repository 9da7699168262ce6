package guard

import (
	"encoding/json"
	"math/bits"
	"net/netip"
	"slices"
	"time"
)

// Trust in a source is given by others, never by oneself: a source becomes familiar by mail to people whom the account
// knew from elsewhere, to several of them and for long enough. Mail to strangers earns nothing, nor does mail to those
// whom it knows from unfamiliar sources only: a thief has mailboxes of his own.
type earning struct {
	messages uint16        // to people who vouch
	people   int           // distinct ones, at least
	span     time.Duration // from the first to the last use
}

var (
	// earnSettled holds on a site that is known: what somebody does for a month in sight of the account's own people.
	earnSettled = earning{4, 3, 30 * 24 * time.Hour}
	// earnLearning holds in a site's first days and for old logs, when nothing is familiar yet.
	earnLearning = earning{4, 2, 20 * time.Hour}
	// earnProgram holds for a client program, of mail from familiar sources.
	earnProgram = earning{2, 0, 20 * time.Hour}
)

// learningFor is how long a site is new: from its first mail on.
const learningFor = 30 * 24 * time.Hour

const (
	maxNetworks = 10 // addresses kept an account; the one not used for longest is dropped
	maxUses     = 8  // the same of networks, countries and programs
	maxEarned   = 1000
)

// Use counts how an account used one address, network, country or client program.
type Use[K comparable] struct {
	What     K      `json:"what"`
	Messages uint32 `json:"messages"`           // all of them
	Earned   uint16 `json:"earned"`             // those that earn, at most maxEarned are counted
	People   uint8  `json:"people,omitempty"`   // to whom: a bit each, by their hash
	Familiar bool   `json:"familiar,omitempty"` // earned, or given by an operator's release
	First    Time   `json:"first"`              // first earning use
	Last     Time   `json:"last"`               // last use
}

// UnmarshalJSON reads the first release's form too: it earned by four mails, twenty hours apart.
func (u *Use[K]) UnmarshalJSON(text []byte) error {
	type plain Use[K]
	v := struct {
		*plain
		Apart   bool `json:"apart"`
		Trusted bool `json:"trusted"`
	}{plain: (*plain)(u)}
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	u.Familiar = u.Familiar || v.Trusted || v.Apart && u.Earned >= 4
	return nil
}

// met reports whether the account used u with its own people for a day at least. It is no trust yet: the score knows it,
// and no budget.
func (u *Use[K]) met() bool {
	return u.Familiar || u.Earned >= 4 && bits.OnesCount8(u.People) >= 2 && u.Last.Sub(u.First) >= 20*time.Hour
}

// merit is what one mail does for its source: whom it went to, of those who vouch, and what is asked in all.
type merit struct {
	people uint8 // a bit each; 0: it earns nothing
	asked  earning
}

// earns notes a use that earns.
func (u *Use[K]) earns(m merit, now Time) {
	if u.Earned == 0 {
		u.First = now
	}
	u.Earned = min(u.Earned+1, maxEarned)
	u.People |= m.people
	if u.Earned >= m.asked.messages && bits.OnesCount8(u.People) >= m.asked.people && now.Sub(u.First) >= m.asked.span {
		u.Familiar = true
	}
}

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

func (s Uses[K]) met(what K) bool {
	u := s.find(what)
	return u != nil && u.met()
}

func (s Uses[K]) familiar(what K) bool {
	u := s.find(what)
	return u != nil && u.Familiar
}

// count notes one use. site counts who is familiar with what.
func (s *Uses[K]) count(limit int, what K, now Time, m merit, site map[K]int) {
	u := s.find(what)
	if u == nil {
		u = s.room(limit)
		if u.Familiar {
			forget(site, u.What)
		}
		*u = Use[K]{What: what}
	}
	before := u.Familiar
	u.Messages, u.Last = u.Messages+1, max(u.Last, now)
	if m.people != 0 {
		u.earns(m, now)
	}
	if !before && u.Familiar {
		site[what]++
	}
}

// drop takes a network out. Autonomous systems and countries are earned again: which of them it was in is not kept.
func (s *Sources) drop(network netip.Addr) {
	s.ASNs, s.Countries, s.Readings = nil, nil, nil
	s.Networks = slices.DeleteFunc(s.Networks, func(u Use[netip.Addr]) bool { return u.What == network })
}

func (s *Uses[K]) trust(limit int, what K, now Time, site map[K]int) {
	s.count(limit, what, now, merit{}, site)
	if u := s.find(what); !u.Familiar {
		u.Familiar = true
		site[what]++
	}
}

// room returns a place for a new use. A familiar one is dropped only when all are familiar.
func (s *Uses[K]) room(limit int) *Use[K] {
	if len(*s) < limit {
		if len(*s) == cap(*s) { // doubled, but never past the limit: there are many accounts
			*s = append(make([]Use[K], 0, min(max(2*len(*s), 1), limit)), *s...)
		}
		*s = append(*s, Use[K]{})
		return &(*s)[len(*s)-1]
	}
	worst := &(*s)[0]
	for i := range *s {
		u := &(*s)[i]
		if older := u.Last < worst.Last; u.Familiar == worst.Familiar && older || !u.Familiar && worst.Familiar {
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
	Readings  []Reading        `json:"readings,omitempty"` // from where its mail was read, at most maxReadings
}

// source is where one mail came from.
type source struct {
	Network netip.Addr `json:"network,omitzero"`
	ASN     uint32     `json:"asn,omitempty"`
	Country string     `json:"country,omitempty"`
	Program string     `json:"program,omitempty"`
}

func sourceOf(t *Transaction) source {
	from := source{Network: Network(t.Client), ASN: t.ASN, Country: t.Country, Program: t.Mailer}
	if from.ASN == 0 && t.Client.IsPrivate() {
		from.ASN = privateSpace
	}
	return from
}

// privateSpace stands for the autonomous system of private addresses (RFC 1918, RFC 4193): whoever has one is in the
// site's own house, at whatever desk. No other can have the number (RFC 7300).
const privateSpace = 4294967295

func (s *Sources) level(from source, webmail bool) Level {
	switch {
	case !from.Network.IsValid():
		return LevelAddress // injected on the host itself: it has no other source
	case webmail && s.met(source{Network: from.Network}):
		return LevelNetwork // everybody's address, and the account writes through it
	case webmail:
		return LevelCountry
	case s.Networks.familiar(from.Network):
		return LevelAddress
	case from.ASN != 0 && s.ASNs.familiar(from.ASN):
		return LevelNetwork
	case from.Country != "" && s.Countries.met(from.Country):
		return LevelCountry
	}
	return LevelNew
}

// met reports whether a source's address or network was used with the account's own people for a day at least, or its
// mail was read from there for longer.
func (s *Sources) met(from source) bool {
	return s.Networks.met(from.Network) || from.ASN != 0 && (s.ASNs.met(from.ASN) || s.reads(from, readOften))
}

// Program reports whether the account is familiar with a client program.
func (s *Sources) Program(name string) bool { return s.Programs.familiar(name) }

// cold reports whether the account is familiar with no address and no network yet: nobody can vouch from elsewhere.
func (s *Sources) cold() bool {
	return !slices.ContainsFunc(s.Networks, func(u Use[netip.Addr]) bool { return u.Familiar }) &&
		!slices.ContainsFunc(s.ASNs, func(u Use[uint32]) bool { return u.Familiar })
}

// note counts a mail's source, and what it earns. Of a webmail host the address alone counts: it is everybody's.
func (s *Sources) note(from source, now Time, by, program merit, webmail bool, site *familiars) {
	if from.Network.IsValid() {
		s.Networks.count(maxNetworks, from.Network, now, by, site.networks)
	}
	if from.Network.IsValid() && from.ASN != 0 && !webmail {
		s.ASNs.count(maxUses, from.ASN, now, by, site.asns)
	}
	if from.Country != "" && !webmail {
		s.Countries.count(maxUses, from.Country, now, by, site.countries)
	}
	if from.Program != "" {
		s.Programs.count(maxUses, from.Program, now, program, site.programs)
	}
}

func (s *Sources) trust(from source, now Time, webmail bool, site *familiars) {
	if from.Network.IsValid() && !webmail {
		s.Networks.trust(maxNetworks, from.Network, now, site.networks)
	}
	if from.Country != "" && !webmail {
		s.Countries.trust(maxUses, from.Country, now, site.countries)
	}
	if from.Program != "" {
		s.Programs.trust(maxUses, from.Program, now, site.programs)
	}
}

// LastSource returns the address that an account last wrote from, mail that was held or refused included; the zero Addr
// if none is known.
func (s *State) LastSource(account string) netip.Addr {
	var latest netip.Addr
	at := Time(0)
	note := func(network netip.Addr, last Time) {
		if network.IsValid() && last > at {
			latest, at = network, last
		}
	}
	if a := s.accounts[account]; a != nil {
		for _, u := range a.Sources.Networks {
			note(u.What, u.Last)
		}
		for _, x := range a.Suspicion.Strange {
			note(x.Network, x.At)
		}
	}
	for _, m := range s.mailsOf(account) {
		note(m.Source.Network, m.At)
	}
	for _, i := range s.incidents {
		for k := range i.Sources {
			if i.Account == account {
				note(i.Sources[k].Network, i.Sources[k].Last)
			}
		}
	}
	return latest
}
