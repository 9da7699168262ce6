package guess

import (
	"net/netip"
	"time"
)

// A ban is about logging in. Where mail comes from too, an honest server's or a hoster's, it is one of logins alone: the mail would
// wait for what somebody else tried there, or one machine of the site's own that has a wrong password. Mail is no shield either: one
// is sent soon, so it keeps nobody from being banned, and whoever goes on by the port that stays open has his address banned whole.

// sends reports whether mail of an address was taken within the last days.
func (w *Watch) sends(p place, now int64) bool {
	at, is := w.senders[p]
	return is && now-at < livesFor
}

// ofLogins reports whether a ban of a network is one of logins alone: of all that lead to one, guessing is; and mail comes from there.
func (w *Watch) ofLogins(p netip.Prefix, r Reason, now int64) bool {
	switch r {
	case Manners, GoesOn, ByHand:
		return false
	}
	if of := areaOf(p); p == of.prefix() {
		at, is := w.sendersAround[of]
		return is && now-at < livesFor
	}
	return w.sends(placeOf(p.Addr()), now)
}

// underWay is for how long after a ban began a login that fails may be one that was under way.
const underWay = 10 * time.Second

// GoesOn takes a login that was refused for a ban, where who is kept from logging in reaches port 25 alone.
func (w *Watch) GoesOn(l Login) []Finding { return w.goesOn(l.from(), l.Account, l.At) }

// goesOn bans an address whole that goes on logging in though it, or its network, is kept from it.
func (w *Watch) goesOn(from place, account string, at time.Time) []Finding {
	p := from.prefix()
	b := w.Banned(p.Addr(), at)
	if b == nil || !b.Logins || at.Sub(b.Since) <= underWay {
		return nil
	}
	return w.banning(p, GoesOn, Evidence{Tries: 1, Account: account}, at)
}
