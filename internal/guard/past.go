package guard

import "net/netip"

// Past is what old logs say of an account: with it the first day is not cold.
type Past struct {
	First    Time       `json:"first"`
	Last     Time       `json:"last"`
	Messages uint64     `json:"messages"`
	Known    Recipients `json:"known"`
	Sources  Sources    `json:"sources"`
	MaxDay   uint16     `json:"max_day,omitempty"`  // as in Account
	MeanDay  uint16     `json:"mean_day,omitempty"` // likewise

	day    int32 // that runs while it is being made
	dayNew uint16
}

// pastDay bounds the never-seen recipients of one day that are learned from a log: a night of spam must not make its
// victims known, nor itself usual.
const pastDay = 60

// Note counts one mail of the past. Mails come in order of time.
func (p *Past) Note(client netip.Addr, asn uint32, country string, recipients []string, at Time) {
	p.roll(at)
	fresh, known := 0, 0
	for _, r := range recipients {
		h := hashRecipient(r)
		switch {
		case p.Known.has(h):
			known++
			p.Known.add(h, at)
		case p.dayNew < pastDay:
			fresh++
			p.dayNew++
			p.Known.add(h, at)
		default:
			fresh++
		}
	}
	if p.First == 0 {
		p.First = at
	}
	p.Last = max(p.Last, at)
	p.Messages++
	site := newFamiliars() // only of the past: the State counts again
	from := source{Network: Network(client), ASN: asn, Country: country}
	p.Sources.note(from, LevelNew, at, fresh == 0 && known > 0, client.IsLoopback(), &site)
}

// roll ends a day. One that was not ordinary is left out of the numbers.
func (p *Past) roll(at Time) {
	day := int32(at / (24 * hour))
	if day == p.day {
		return
	}
	if p.day != 0 && p.dayNew < pastDay {
		p.MaxDay = max(p.MaxDay, p.dayNew)
		p.MeanDay = uint16((uint32(p.MeanDay)*7 + uint32(p.dayNew)*16) / 8)
	}
	p.day, p.dayNew = day, 0
}

// remember takes over what a log says, as far as the account has no history of its own.
func (s *State) remember(a *Account, p *Past) {
	for i, h := range p.Known.hashes {
		a.Known.add(h, Time(p.Known.days[i])*24*hour)
	}
	if a.Messages > 0 || a.Past != 0 {
		return
	}
	a.Past = p.Last
	a.First, a.Last, a.Messages = p.First, p.Last, p.Messages
	a.MaxDay, a.MeanDay = p.MaxDay, p.MeanDay
	a.Sources = p.Sources
	s.familiar.add(&a.Sources)
}

// forget strikes out what was learned of an account: one network with what it says, or everything but its listing.
func (s *State) forget(e *Event) {
	a := s.accounts[e.Account]
	if a == nil {
		return
	}
	a = s.touch(e.Account)
	s.familiar.take(&a.Sources)
	if e.Network.IsValid() {
		a.Sources.drop(e.Network)
	} else {
		a.Sources, a.Known = Sources{}, Recipients{}
		a.MaxDay, a.MeanDay, a.Granted = 0, 0, 0
	}
	s.familiar.add(&a.Sources)
}
