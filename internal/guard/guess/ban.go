package guess

import (
	"net/netip"
	"slices"
	"time"
)

// Ban is a network that is kept out for a time, and what is remembered of it afterwards.
type Ban struct {
	Prefix   netip.Prefix `json:"prefix"`
	Since    time.Time    `json:"since"`
	Until    time.Time    `json:"until"`
	Times    int          `json:"times"` // this is the so-manieth
	Reason   Reason       `json:"reason"`
	Evidence Evidence     `json:"evidence"`
	By       string       `json:"by,omitempty"`     // the operator; empty: postward
	Logins   bool         `json:"logins,omitempty"` // it is kept from logging in; its mail is still taken
}

// Why says what the ban stands on, and what it leaves open.
func (b *Ban) Why() string {
	why := b.Reason.Why(b.Evidence)
	if b.Logins {
		why += "; kept from logging in alone, for mail was taken from there"
	}
	return why
}

// How long bans last.
const (
	firstBan   = 30 * time.Minute
	banGrows   = 4
	LongestBan = 7 * 24 * time.Hour
	// longestOfManners is for how long a mail server at most is kept out for what it asks for: it may be an honest one, and a sender
	// gives a mail up after some days.
	longestOfManners = 2 * time.Hour
	// banForgotten is after how long without one the next is a first one again.
	banForgotten = 30 * 24 * time.Hour
	// MaxBans bounds those that are remembered. Beyond it the ones that ended first are forgotten, then those that end first.
	MaxBans = 100_000
)

// length is how long the so-manieth ban of a network lasts.
func length(times int) time.Duration {
	d := firstBan
	for range times - 1 {
		if d *= banGrows; d >= LongestBan {
			return LongestBan
		}
	}
	return d
}

// Banned returns the ban that an address is under, or nil. One that shuts out its mail too goes before one of logins alone.
func (w *Watch) Banned(a netip.Addr, now time.Time) (found *Ban) {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || w.Allowed(a) {
		return nil
	}
	for _, bits := range w.widths {
		p, err := a.Prefix(bits)
		if err != nil {
			continue
		}
		if b := w.Ban(p); b != nil && now.Before(b.Until) && (found == nil || found.Logins && !b.Logins) {
			found = b
		}
	}
	return found
}

// noteWidth notes a length of prefixes that are banned: the longest is looked up first.
func (w *Watch) noteWidth(bits int) {
	if !slices.Contains(w.widths, bits) {
		w.widths = append(w.widths, bits)
		slices.Sort(w.widths)
		slices.Reverse(w.widths)
	}
}

// ban bans a network from now on, longer than the last time. It returns nil where one stands already, unless that is of logins alone
// and this one is not.
func (w *Watch) ban(p netip.Prefix, r Reason, e Evidence, now time.Time) *Ban {
	logins := w.ofLogins(p, r, now.Unix())
	if k, is := w.bans[p]; is && now.UnixMicro() < k.until && (logins || !k.logins) {
		return nil // nearly always, where somebody goes on: nothing is made for it
	}
	b := w.Ban(p)
	switch {
	case b == nil:
		b = &Ban{Prefix: p}
	case now.Sub(b.Until) > banForgotten:
		b.Times = 0
	}
	b.Times++
	d := length(b.Times)
	if r == Manners {
		d = min(d, longestOfManners)
	}
	b.Since, b.Until, b.Reason, b.Evidence, b.By, b.Logins = now, now.Add(d), r, e, "", logins
	w.keep(b)
	return b
}

// BanByHand bans a network for a time that an operator says.
func (w *Watch) BanByHand(p netip.Prefix, d time.Duration, by string, now time.Time) *Ban {
	b := w.Ban(p)
	if b == nil {
		b = &Ban{Prefix: p}
	}
	b.Times++
	b.Since, b.Until, b.Reason, b.Evidence, b.By = now, now.Add(min(d, LongestBan)), ByHand, Evidence{}, by
	b.Logins = false
	w.keep(b)
	return b
}

func (w *Watch) keep(b *Ban) {
	w.noteWidth(b.Prefix.Bits())
	if _, is := w.bans[b.Prefix]; !is && len(w.bans) >= MaxBans {
		w.makeRoom()
	}
	w.bans[b.Prefix] = pack(b)
}

// Unban lifts the bans that touch a network, and forgives what led to them: a person said so. It returns those that stood.
func (w *Watch) Unban(p netip.Prefix, now time.Time) []*Ban {
	var lifted []*Ban
	for of, k := range w.bans {
		if !of.Overlaps(p) {
			continue
		}
		if b := k.ban(of); now.Before(b.Until) {
			lifted = append(lifted, &b)
		}
		w.forgetBan(of)
	}
	for s := range w.sources {
		if s.prefix().Overlaps(p) {
			delete(w.sources, s)
		}
	}
	for n := range w.networks {
		if n.prefix().Overlaps(p) {
			delete(w.networks, n)
		}
	}
	slices.SortFunc(lifted, func(a, b *Ban) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	return lifted
}

// Bans returns those that stand, the newest first.
func (w *Watch) Bans(now time.Time) []*Ban {
	var all []*Ban
	for b := range w.Standing(now) {
		all = append(all, &b)
	}
	slices.SortFunc(all, func(a, b *Ban) int {
		if c := b.Since.Compare(a.Since); c != 0 {
			return c
		}
		return a.Prefix.Addr().Compare(b.Prefix.Addr())
	})
	return all
}

// Lift takes back the ban of just this prefix, which cannot be carried out. It forgives nothing, and no other ban.
func (w *Watch) Lift(p netip.Prefix) { delete(w.bans, p) }

// Prune forgets the bans whose time to be remembered is over, and returns the prefixes that are forgotten since the last call.
func (w *Watch) Prune(now time.Time) []netip.Prefix {
	over := now.Add(-banForgotten).UnixMicro()
	for p, k := range w.bans {
		if k.until < over {
			w.forgetBan(p)
		}
	}
	gone := w.gone
	w.gone = nil
	return gone
}

// Allow puts networks on the allow list, whole: what was on it before is not any more.
func (w *Watch) Allow(list []netip.Prefix) { w.allow = slices.Clone(list) }

// Allowed reports whether an address is on the allow list.
func (w *Watch) Allowed(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(w.allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// allowedWhole reports whether all of a network is on the allow list.
func (w *Watch) allowedWhole(p netip.Prefix) bool {
	return slices.ContainsFunc(w.allow, func(a netip.Prefix) bool { return a.Bits() <= p.Bits() && a.Contains(p.Addr()) })
}
