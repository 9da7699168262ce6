package guard

import (
	"net/netip"
	"slices"
	"time"
)

// A source is familiar after earnMessages messages to people the account already knew, on days earnApart
// apart. Mail to strangers earns nothing: or a drip of two an hour buys trust overnight.
const (
	earnMessages = 4
	earnProgram  = 2 // the same for a client program
	earnApart    = 20 * time.Hour
	maxNetworks  = 12 // addresses kept an account; the one not used for longest is dropped
	maxEarned    = 1000
	maxUses      = 8 // the same of networks, countries and programs
)

// Use counts how an account used one address, network, country or client program.
type Use[K comparable] struct {
	What     K      `json:"what"`
	Messages uint32 `json:"messages"`          // all of them
	Earned   uint16 `json:"earned"`            // those to known people only, at most maxEarned are counted
	Apart    bool   `json:"apart,omitempty"`   // they are earnApart apart
	Trusted  bool   `json:"trusted,omitempty"` // by an operator's release
	First    Time   `json:"first"`             // first earning use
	Last     Time   `json:"last"`              // last use
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

// count notes one use; earn says that it was mail to known people only. site counts who is familiar with what.
func (s *Uses[K]) count(limit int, what K, now Time, earn bool, site map[K]int) {
	u := s.find(what)
	if u == nil {
		u = s.room(limit)
		if u.Familiar() {
			forget(site, u.What)
		}
		*u = Use[K]{What: what}
	}
	before := u.Familiar()
	u.Messages, u.Last = u.Messages+1, max(u.Last, now)
	if earn {
		if u.Earned == 0 {
			u.First = now
		}
		u.Earned = min(u.Earned+1, maxEarned)
		u.Apart = u.Apart || now.Sub(u.First) >= earnApart
	}
	if !before && u.Familiar() {
		site[what]++
	}
}

// take undoes add.
func (f *familiars) take(s *Sources) {
	untally(f.networks, s.Networks)
	untally(f.asns, s.ASNs)
	untally(f.countries, s.Countries)
	untally(f.programs, s.Programs)
}

func untally[K comparable](site map[K]int, uses Uses[K]) {
	for i := range uses {
		if uses[i].Familiar() {
			forget(site, uses[i].What)
		}
	}
}

// drop takes a network out. Autonomous systems and countries are earned again: which of them it was in is not kept.
func (s *Sources) drop(network netip.Addr) {
	s.ASNs, s.Countries = nil, nil
	s.Networks = slices.DeleteFunc(s.Networks, func(u Use[netip.Addr]) bool { return u.What == network })
}

// forget takes one account off the count of those familiar with what.
func forget[K comparable](site map[K]int, what K) {
	if site[what]--; site[what] <= 0 {
		delete(site, what)
	}
}

func (s *Uses[K]) trust(limit int, what K, now Time, site map[K]int) {
	s.count(limit, what, now, false, site)
	if u := s.find(what); !u.Familiar() {
		u.Trusted = true
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

// Program reports whether the account is familiar with a client program.
func (s *Sources) Program(name string) bool {
	u := s.Programs.find(name)
	return u != nil && (u.Trusted || u.Earned >= earnProgram && u.Apart)
}

// note counts a mail's source. A program is earned by any mail from a familiar address too. A webmail host's address
// and network are left out: they are everybody's.
func (s *Sources) note(from source, level Level, now Time, earn, webmail bool, site *familiars) {
	if from.Network.IsValid() && !webmail {
		s.Networks.count(maxNetworks, from.Network, now, earn, site.networks)
		if from.ASN != 0 {
			s.ASNs.count(maxUses, from.ASN, now, earn, site.asns)
		}
	}
	if from.Country != "" && !webmail {
		s.Countries.count(maxUses, from.Country, now, earn, site.countries)
	}
	if from.Program != "" {
		s.Programs.count(maxUses, from.Program, now, earn || level == LevelAddress, site.programs)
	}
}

func (s *Sources) trust(from source, now Time, webmail bool, site *familiars) {
	if from.Network.IsValid() && !webmail {
		s.Networks.trust(maxNetworks, from.Network, now, site.networks)
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

// siteFamiliar is how many accounts must be familiar with a source before the site is.
const siteFamiliar = 3

// familiars counts, for each source, the accounts familiar with it. It is derived from the accounts.
type familiars struct {
	networks  map[netip.Addr]int
	asns      map[uint32]int
	countries map[string]int
	programs  map[string]int
}

func newFamiliars() familiars {
	return familiars{map[netip.Addr]int{}, map[uint32]int{}, map[string]int{}, map[string]int{}}
}

// add counts what an account is familiar with.
func (f *familiars) add(s *Sources) {
	tally(f.networks, s.Networks)
	tally(f.asns, s.ASNs)
	tally(f.countries, s.Countries)
	tally(f.programs, s.Programs)
}

func tally[K comparable](site map[K]int, uses Uses[K]) {
	for i := range uses {
		if uses[i].Familiar() {
			site[uses[i].What]++
		}
	}
}

// level says how familiar a source is to the site as a whole.
func (f *familiars) level(from source) Level {
	switch {
	case f.networks[from.Network] >= siteFamiliar:
		return LevelAddress
	case f.asns[from.ASN] >= siteFamiliar:
		return LevelNetwork
	case f.countries[from.Country] >= siteFamiliar:
		return LevelCountry
	}
	return LevelNew
}
