package guard

import "net/netip"

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
		if uses[i].Familiar {
			site[uses[i].What]++
		}
	}
}

// home reports whether the site is at home in a country: at least half as many accounts are familiar with it as with any.
// An address without a country is of a house of its own, or nobody knows.
func (f *familiars) home(country string) bool {
	if country == "" {
		return true
	}
	most := 0
	for _, n := range f.countries {
		most = max(most, n)
	}
	return 2*f.countries[country] >= most && most > 0
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

// take undoes add.
func (f *familiars) take(s *Sources) {
	untally(f.networks, s.Networks)
	untally(f.asns, s.ASNs)
	untally(f.countries, s.Countries)
	untally(f.programs, s.Programs)
}

func untally[K comparable](site map[K]int, uses Uses[K]) {
	for i := range uses {
		if uses[i].Familiar {
			forget(site, uses[i].What)
		}
	}
}

// forget takes one account off the count of those familiar with what.
func forget[K comparable](site map[K]int, what K) {
	if site[what]--; site[what] <= 0 {
		delete(site, what)
	}
}
