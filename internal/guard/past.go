package guard

import "net/netip"

// Past is what old logs say of an account: with it the first day is not cold.
type Past struct {
	First    Time       `json:"first"`
	Last     Time       `json:"last"`
	Messages uint64     `json:"messages"`
	People   []Contact  `json:"people,omitempty"` // whom it wrote to, at most maxKnown, in no order
	Known    Recipients `json:"known,omitzero"`   // the same as the first release wrote it
	Sources  Sources    `json:"sources"`
	MaxDay   uint16     `json:"max_day,omitempty"`  // as in Account
	MeanDay  uint16     `json:"mean_day,omitempty"` // likewise
	Steady   uint32     `json:"steady,omitempty"`   // likewise

	day    int32 // that runs while it is being made
	dayNew uint16
	index  map[string]int // where in People
}

// Contact is somebody an account wrote to.
type Contact struct {
	Address string `json:"address"` // canonical
	Last    Time   `json:"last"`
}

// pastDay bounds the never-seen recipients of one day that are learned from a log: a night of spam must not make its
// victims known, nor itself usual.
const pastDay = 60

// Note counts one mail of the past. Mails come in order of time. answers says of a recipient that he had written first: he vouches
// for where the mail came from, as somebody does who is known, for an answering machine never writes to one of these; nil: nobody had.
func (p *Past) Note(client netip.Addr, asn uint32, country string, recipients []string, answers func(recipient string) bool, at Time) {
	p.roll(at)
	fresh, people := 0, uint8(0)
	for _, r := range recipients {
		if n, known := p.index[r]; known {
			people |= 1 << (n & 7)
			p.People[n].Last = at
			continue
		}
		if answers != nil && answers(r) {
			people |= 1 << (hashed(r) & 7)
		} else {
			fresh++
		}
		if p.dayNew < pastDay {
			p.dayNew++
			p.meet(r, at)
		}
	}
	if p.First == 0 {
		p.First = at
	}
	p.Last = max(p.Last, at)
	p.Messages++
	by := merit{asked: earnLearning}
	if fresh == 0 {
		by.people = people
	}
	site := newFamiliars() // only of the past: the State counts again
	from := sourceOf(&Transaction{Client: client, ASN: asn, Country: country})
	p.Sources.note(from, at, by, merit{}, client.IsLoopback(), &site)
}

// meet enters somebody who was not written to before, in the place of who was not for longest when there are too many.
func (p *Past) meet(address string, at Time) {
	if p.index == nil {
		p.index = map[string]int{}
	}
	n := len(p.People)
	if n < maxKnown {
		p.People = append(p.People, Contact{})
	} else {
		n = p.longest()
	}
	delete(p.index, p.People[n].Address)
	p.People[n], p.index[address] = Contact{address, at}, n
}

func (p *Past) longest() int {
	n := 0
	for i := range p.People {
		if p.People[i].Last < p.People[n].Last {
			n = i
		}
	}
	return n
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
		p.Steady += uint32(p.dayNew) * 256 / steadyDays
	}
	for range min(max(day-p.day, 0), 10*steadyDays) {
		p.Steady -= p.Steady / steadyDays
	}
	p.day, p.dayNew = day, 0
}

// remember takes over what a log says, as far as the account has no history of its own.
func (s *State) remember(a *Account, p *Past) {
	for _, x := range p.People {
		h, notes := s.site.Secret.hash(x.Address), uint16(0)
		if a.Known.has(h) && !a.Known.vouched(h) {
			notes = unvouched // a log has a thief's mailboxes too
		}
		a.Known.add(h, x.Last, notes)
	}
	a.rememberUnkeyed(p.Known.hashes, p.Last)
	if a.Messages > 0 || a.Past != 0 {
		return
	}
	a.Past = p.Last
	a.First, a.Last, a.Messages = p.First, p.Last, p.Messages
	a.MaxDay, a.MeanDay, a.Steady, a.Usual = p.MaxDay, p.MeanDay, p.Steady, [2]uint32{p.Steady, p.Steady}
	s.familiar.take(&a.Sources)
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
		a.Sources, a.Known, a.Unkeyed, a.Writers = Sources{}, Recipients{}, nil, nil
		a.MaxDay, a.MeanDay, a.Granted, a.Peaks, a.Steady, a.Usual = 0, 0, 0, [2]uint16{}, 0, [2]uint32{}
	}
	s.familiar.add(&a.Sources)
}
