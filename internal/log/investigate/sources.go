package investigate

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"postward/internal/guard"
	"postward/internal/log/delivery"
)

// Bounds of the networks that accounts sent from: of one account, of all, and of those that the report has.
const (
	maxSources    = 256
	maxAllSources = 200_000
	maxShown      = 32
)

// Source is a network that an account sent from.
type Source struct {
	Network    netip.Addr `json:"network"`
	ASN        uint32     `json:"asn,omitempty"`
	Country    string     `json:"country,omitempty"`
	Mails      int        `json:"mails"`
	Recipients int        `json:"recipients"`
	Kept       int        `json:"would_be_kept,omitempty"` // mails
	First      time.Time  `json:"first"`
	Last       time.Time  `json:"last"`

	begun time.Time // the account to write from there, as far as the whole log tells
}

// source counts a mail for the network that it came from.
func (i *Investigation) source(a *Account, m *delivery.Mail, recipients int, kept bool) {
	if !m.Client.IsValid() {
		return
	}
	network := guard.Network(m.Client)
	s := a.sources[network]
	if s == nil {
		if s = i.newSource(a, network); s == nil {
			return
		}
		s.First = m.Arrived
		s.ASN, s.Country = i.options.Where(m.Client)
	}
	s.Mails, s.Recipients = s.Mails+1, s.Recipients+recipients
	if kept {
		s.Kept++
	}
	if m.Arrived.Before(s.First) {
		s.First = m.Arrived
	}
	if m.Arrived.After(s.Last) {
		s.Last = m.Arrived
	}
}

// newSource makes room for a network: those that sent least are forgotten, so the one that sent most never is.
func (i *Investigation) newSource(a *Account, network netip.Addr) *Source {
	if len(a.sources) >= maxSources {
		i.sources -= a.forgetSources()
	}
	if i.sources >= maxAllSources {
		return nil
	}
	if a.sources == nil {
		a.sources = map[netip.Addr]*Source{}
	}
	s := &Source{Network: network}
	a.sources[network] = s
	i.sources++
	return s
}

// forgetSources keeps the half that sent more, and returns how many it forgot.
func (a *Account) forgetSources() int {
	all := slices.SortedFunc(maps.Values(a.sources), bySize)
	for _, s := range all[len(all)/2:] {
		delete(a.sources, s.Network)
		a.MoreSources++
	}
	return len(all) - len(all)/2
}

// bySize puts the source with most mails first.
func bySize(a, b *Source) int {
	return cmp.Or(cmp.Compare(b.Mails, a.Mails), cmp.Compare(b.Recipients, a.Recipients), a.First.Compare(b.First), a.Network.Compare(b.Network))
}

// settleSources writes what is public, the greatest first.
func (a *Account) settleSources() {
	all := slices.SortedFunc(maps.Values(a.sources), bySize)
	a.Sources = all[:min(len(all), maxShown)]
	a.MoreSources += len(all) - len(a.Sources)
}

// Outbreak returns the sources, those first from which most mails would have been kept.
func (a *Account) Outbreak() []*Source {
	return slices.SortedStableFunc(slices.Values(a.Sources), func(x, y *Source) int { return cmp.Compare(y.Kept, x.Kept) })
}
