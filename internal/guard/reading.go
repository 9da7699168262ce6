package guard

import (
	"net/netip"
	"slices"
)

// Who reads an account's mail from a network on many days lives there, as far as anybody can say. Whoever has the password
// can log in, so it opens no budget of strangers; it is asked of for longer than mail is, and nothing is counted while an
// incident is open.

// Reading counts on how many days an account's mail was read (IMAP, POP3) from an autonomous system.
type Reading struct {
	ASN   uint32 `json:"asn"`
	Days  uint16 `json:"days"`
	First int32  `json:"first"` // the first of them, since 1970
	Last  int32  `json:"last"`  // the last
}

// readFor is how many days of reading are asked, and from the first to the last.
type readFor struct{ days, span int }

var (
	readOften = readFor{5, 7}   // the score knows the network
	readLong  = readFor{12, 32} // it is not strange to the account any more
)

const (
	maxReadings = 8
	// readingEnds is after how many days without a login it begins anew.
	readingEnds = 30
)

func (r *Reading) enough(asked readFor) bool {
	return int(r.Days) >= asked.days && int(r.Last-r.First) >= asked.span
}

// reads reports whether the account's mail is read from a network for as long as asked.
func (s *Sources) reads(from source, asked readFor) bool {
	i := slices.IndexFunc(s.Readings, func(r Reading) bool { return r.ASN == from.ASN })
	return i >= 0 && s.Readings[i].enough(asked)
}

// LoginTells reports whether a good login to an account's mailbox is news: the first of the day from its network. Of
// webmail hosts, and of addresses in no network, none is.
func LoginTells(s *State, account string, client netip.Addr, asn uint32, at Time) bool {
	a := s.accounts[account]
	from := sourceOf(&Transaction{Client: client, ASN: asn})
	if a == nil || s.open[account] != 0 || from.ASN == 0 || sharedSource(s.policy, client) {
		return false
	}
	return !slices.ContainsFunc(a.Sources.Readings, func(r Reading) bool { return r.ASN == from.ASN && r.Last >= int32(dayOf(at)) })
}

// login counts a day on which an account's mail was read.
func (s *State) login(e *Event) {
	if LoginTells(s, e.Account, e.Network, e.ASN, e.At) {
		from := sourceOf(&Transaction{Client: e.Network, ASN: e.ASN})
		s.touch(e.Account).Sources.read(from.ASN, int32(dayOf(e.At)))
	}
}

func (s *Sources) read(asn uint32, today int32) {
	i := slices.IndexFunc(s.Readings, func(r Reading) bool { return r.ASN == asn })
	switch {
	case i >= 0:
	case len(s.Readings) < maxReadings:
		s.Readings = append(s.Readings, Reading{ASN: asn})
		i = len(s.Readings) - 1
	default:
		i = s.leastRead(today)
		s.Readings[i] = Reading{ASN: asn}
	}
	r := &s.Readings[i]
	if r.Days == 0 || today-r.Last > readingEnds {
		*r = Reading{ASN: asn, First: today}
	}
	r.Days, r.Last = sum16(r.Days, 1), today
}

// leastRead returns the reading to forget for a new one: one that has ended, else the one of the fewest days.
func (s *Sources) leastRead(today int32) int {
	least := 0
	for i, r := range s.Readings {
		if today-r.Last > readingEnds {
			return i
		}
		if r.Days < s.Readings[least].Days {
			least = i
		}
	}
	return least
}
