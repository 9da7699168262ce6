package guess

import (
	"net/netip"
	"slices"
	"time"
)

// About is all that is known of an address.
type About struct {
	Client   netip.Addr   `json:"client"`
	Source   netip.Prefix `json:"source"` // what is counted: the address, or its /64
	Hour     int          `json:"failed_hour"`
	Day      int          `json:"failed_day"`
	Week     int          `json:"failed_week"`
	Last     time.Time    `json:"last_failed,omitzero"`
	Names    int          `json:"names"`           // under how many names within a week
	Tried    []string     `json:"tried,omitempty"` // some of them, as they were said
	Manners  int          `json:"manners"`         // what it did within a day that no mail program does
	Good     time.Time    `json:"last_login,omitzero"`
	AtHome   int          `json:"at_home"`             // accounts that logged in from it
	Sent     time.Time    `json:"last_taken,omitzero"` // when a mail of it was taken
	Allowed  bool         `json:"allowed,omitempty"`   // it is on the allow list
	Ban      *Ban         `json:"ban,omitempty"`       // that stands
	Before   *Ban         `json:"last_ban,omitempty"`  // the last one, of the address itself
	Around   int          `json:"network_failed_week"` // refused logins of its neighbourhood, those that are kept
	Confined *Confine     `json:"confined,omitempty"`  // that stands
	Never    string       `json:"never,omitempty"`     // why it is not banned, whatever it tries
	Network  netip.Prefix `json:"network"`             // its neighbourhood
}

// About says what is known of an address.
func (w *Watch) About(client netip.Addr, now time.Time) About {
	client = client.Unmap().WithZone("")
	from, t := placeOf(client), now.Unix()
	around := from.area()
	a := About{Client: client, Source: from.prefix(), Network: around.prefix(), Allowed: w.Allowed(client), Ban: w.Banned(client, now), Before: w.Ban(from.prefix())}
	if s := w.sources[from]; s != nil {
		all := s.tries.of(t, func(*try) bool { return true })
		a.Hour, a.Day, a.Week, a.Tried = all.hour, all.day, all.week, slices.Clone(s.said)
		a.Names = s.tries.names(t, func(*try) bool { return true }).week
		a.Manners = s.rude.of(t, func(*try) bool { return true }).day
		if last := s.tries.last(); last != 0 {
			a.Last = time.Unix(last, 0)
		}
	}
	if n := w.networks[around]; n != nil {
		a.Around = n.of(t, func(*try) bool { return true }).week
	}
	if h := w.homes[from]; h != nil {
		a.Good, a.AtHome = time.Unix(h.last, 0), len(h.stays)
	}
	if at, is := w.senders[from]; is {
		a.Sent = time.Unix(at, 0)
	}
	a.Confined = w.widest(from, now)
	switch {
	case a.Allowed:
		a.Never = "it is on the allow list"
	case client.IsLoopback():
		a.Never = "it is this host"
	case w.front.hides(frontOf(client)):
		a.Never = "as far as is known nearly everybody comes by it: a proxy or a router that hides the clients' addresses"
	case w.lives(from, t):
		a.Never = "somebody logged in from there within the last week"
	}
	return a
}

// keptNames is how many of the names that an address said are kept as they were said, and maxSaid their octets.
const (
	keptNames = 4
	maxSaid   = 48
)

// say keeps a name as it was said.
func (s *source) say(name string) {
	if name = name[:min(len(name), maxSaid)]; name != "" && len(s.said) < keptNames && !slices.Contains(s.said, name) {
		s.said = append(s.said, name)
	}
}
