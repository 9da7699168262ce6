package guess

import "slices"

// home is an address, or a neighbourhood, from where somebody logs in.
type home struct {
	last  int64  // the last good login of any
	stays []stay // whose, by account; at most maxAtHome
}

// stay is how long somebody has been logging in from somewhere.
type stay struct {
	first, last int64
	account     uint32 // whose, by a hash
	days        uint16 // on so many
}

// settled reports whether somebody lives there, as far as logins can tell: a password that was found is no reason to.
func (s *stay) settled(now int64) bool { return s.days >= settledDays && now-s.first >= settledFor }

const (
	maxAtHome = 4096 // accounts that are remembered of an address: a university's; only good logins fill it
	// manyAtHome is how many accounts make an address everybody's: nobody has found the passwords of so many.
	manyAtHome = 50
	// livesFor is for how long after a good login an address is never banned.
	livesFor = week
	// atHomeFor is for how long an account is at home where it logged in.
	atHomeFor = 30 * day
	// settledDays and settledFor are how many days with a login, and how long after the first, make somebody settled.
	settledDays = 5
	settledFor  = 7 * day
)

// lives reports whether somebody logged in from an address within the last days.
func (w *Watch) lives(p place, now int64) bool { return w.homes[p].isLivedIn(now) }

func (h *home) isLivedIn(now int64) bool { return h != nil && now-h.last < livesFor }

// manyLive reports whether so many log in from an address that it is a webmail host's, a carrier's or a company's.
func (w *Watch) manyLive(p place, now int64) bool {
	h := w.homes[p]
	if h == nil {
		return false
	}
	n := 0
	for i := range h.stays {
		if now-h.stays[i].last < livesFor {
			n++
		}
	}
	return n >= manyAtHome
}

// atHome reports whether an account logged in from an address before.
func (w *Watch) atHome(p place, account uint32, now int64) bool {
	return w.homes[p].stay(account, now) != nil
}

// stay returns how long an account has been logging in from a home; nil: it does not, or did long ago.
func (h *home) stay(account uint32, now int64) *stay {
	if h == nil || account == nameless {
		return nil
	}
	if i, is := h.find(account); is && now-h.stays[i].last < atHomeFor {
		return &h.stays[i]
	}
	return nil
}

// find returns where an account is, or should be.
func (h *home) find(account uint32) (int, bool) {
	from, to := 0, len(h.stays)
	for from < to { // as slices.BinarySearchFunc does, which calls a function for each
		if mid := (from + to) / 2; h.stays[mid].account < account {
			from = mid + 1
		} else {
			to = mid
		}
	}
	return from, from < len(h.stays) && h.stays[from].account == account
}

// homely reports whether somebody logs in from a neighbourhood. That mail of it was taken says nothing: anybody sends one.
func (w *Watch) homely(of area, now int64) bool {
	h := w.around[of]
	return h != nil && now-h.last < atHomeFor
}

// good notes a login, if it is one: what ends a wave of guesses is told, and makes nobody at home.
func (w *Watch) good(a *attempt) []Finding {
	if a.Account == "" {
		return nil
	}
	s, t, h := w.sources[a.from], w.targets[a.Account], w.homes[a.from]
	if a.Home != AtAddress && !a.Own && h.stay(a.account, a.now) == nil {
		if e, guessed := guessed(a, s, t); guessed {
			return w.cracked(a, e)
		}
	}
	if s != nil {
		s.tries.forgive(a.account)
	}
	if t != nil {
		t.forget(a.from)
	}
	w.enterAt(h, a.from, a.account, a.now)
	w.resident(a.name).last = a.now
	return nil
}

// resident is somebody who logs in.
type resident struct {
	last  int64
	homes []place // where he did last, the latest last; at most keptHomes
}

// keptHomes is at how many addresses one account is at home: whoever has one account must not fill the memory of all.
const keptHomes = 64

// enter notes that an account is at home at an address, and that it is somebody's.
func (w *Watch) enter(from place, account uint32, now int64) {
	w.enterAt(w.homes[from], from, account, now)
}

// enterAt is enter where the home of the address was looked up; nil: it has none yet.
func (w *Watch) enterAt(h *home, from place, account uint32, now int64) {
	r := w.resident(account)
	r.last = max(r.last, now)
	if n := len(r.homes); n == 0 || r.homes[n-1] != from {
		w.moves(r, account, from)
	}
	enter(w.homes, h, from, account, now)
	around := from.area()
	enter(w.around, w.around[around], around, account, now)
}

// moves makes a home the latest of somebody. The one that he was at the longest ago is forgotten where he has too many.
func (w *Watch) moves(r *resident, account uint32, to place) {
	if i := slices.Index(r.homes, to); i >= 0 {
		r.homes = slices.Delete(r.homes, i, i+1)
	} else if len(r.homes) >= keptHomes {
		left := r.homes[0]
		r.homes = slices.Delete(r.homes, 0, 1)
		leave(w.homes, left, account)
		if !slices.ContainsFunc(r.homes, func(p place) bool { return p.area() == left.area() }) {
			leave(w.around, left.area(), account)
		}
	}
	r.homes = append(r.homes, to)
}

// isSomebodys reports whether there is such an account, or one of such a name, as far as somebody logged in to it or gets mail.
func (w *Watch) isSomebodys(name uint32) bool { return w.people[name] != nil }

// resident returns what is known of an account, or a name, that somebody has, made if it is new.
func (w *Watch) resident(name uint32) *resident {
	r := w.people[name]
	if r == nil {
		makeRoom(w.people, maxPeople, func(r *resident) int64 { return r.last })
		r = &resident{}
		w.people[name] = r
	}
	return r
}

// leave forgets that an account is at home somewhere.
func leave[P comparable](homes map[P]*home, p P, account uint32) {
	h := homes[p]
	if h == nil {
		return
	}
	if i, is := h.find(account); is {
		h.stays = slices.Delete(h.stays, i, i+1)
	}
	if len(h.stays) == 0 {
		delete(homes, p)
	}
}

// enter notes that an account is at home somewhere, of which a home may be known.
func enter[P comparable](homes map[P]*home, h *home, p P, account uint32, now int64) {
	if h == nil {
		makeRoom(homes, maxHomes, func(h *home) int64 { return h.last })
		h = &home{}
		homes[p] = h
	}
	h.enter(account, now)
}

func (h *home) enter(account uint32, now int64) {
	h.last = max(h.last, now)
	i, is := h.find(account)
	if !is && len(h.stays) >= maxAtHome {
		h.forget()
		i, _ = h.find(account)
	}
	if !is {
		h.stays = slices.Insert(h.stays, i, stay{account: account})
	}
	at := &h.stays[i]
	switch {
	case now-at.last >= atHomeFor:
		*at = stay{first: now, last: now, account: account, days: 1}
	case now/day > at.last/day:
		at.days++
	}
	at.last = max(at.last, now)
}

// forget forgets who was there the longest ago.
func (h *home) forget() {
	oldest := 0
	for i := range h.stays {
		if h.stays[i].last < h.stays[oldest].last {
			oldest = i
		}
	}
	h.stays = slices.Delete(h.stays, oldest, oldest+1)
}

// cracked tells of a login that ends a wave, once a day and address.
func (w *Watch) cracked(a *attempt, e Evidence) []Finding {
	s := w.source(a.from)
	if a.now-s.cracked < day {
		return nil
	}
	s.cracked = a.now
	return []Finding{{Cracked: &Cracked{a.Account, a.Client, a.At, e}}}
}

// guessed reports whether a login looks like the end of a wave: of its address, or of many at its account.
func guessed(a *attempt, s *source, t *target) (Evidence, bool) {
	now := a.now
	if t != nil && now < t.wave && a.Home == Abroad {
		return t.evidence(now, a.Account), true
	}
	if s == nil {
		return Evidence{}, false
	}
	one := s.tries.of(now, func(t *try) bool { return t.account == a.account })
	others := s.tries.names(now, func(t *try) bool { return t.name != a.name && t.name != nameless })
	if one.week >= onePerson.hour || others.week >= persons.hour-1 {
		all := s.tries.of(now, func(*try) bool { return true })
		return Evidence{Tries: all.week, Names: others.week + 1, Account: a.Account, Seconds: now - all.firstWeek}, true
	}
	return Evidence{}, false
}

// taken notes whose mail was taken.
func (w *Watch) taken(a *attempt) {
	sent(w.senders, a.from, a.now)
	sent(w.sendersAround, a.from.area(), a.now)
}

func sent[P comparable](senders map[P]int64, p P, now int64) {
	if _, is := senders[p]; !is {
		makeRoom(senders, maxSenders, func(at int64) int64 { return at })
	}
	senders[p] = now
}

// What a client does before any login, in points; and how many are enough in a day.
var rudeness = map[Kind]int{Aborted: 6, Pregreet: 15, Relay: 12, NoMailbox: 2, NotSMTP: 20}

const tooRude = 60

// rude counts what a client does before any login. Whose mail is taken, or who lives here, is forgiven: a big provider's server
// asks for people who left, and a neighbour's old exchanger for relay.
func (w *Watch) rude(a *attempt) []Finding {
	now, from := a.now, a.from
	if a.Own || a.Shared || a.Home != Abroad || w.lives(from, now) || w.sends(from, now) {
		return nil
	}
	s := w.source(from)
	t := try{at: now, name: uint32(a.Kind)}
	if a.Kind == NoMailbox {
		t.password = hash(a.To) // the same recipient again is no other one
	}
	if s.rude.add(t, max(a.Times, 1)) == 0 {
		return nil
	}
	points := 0
	all := s.rude.of(now, func(t *try) bool {
		if now-t.at < day {
			points += rudeness[Kind(t.name)]
		}
		return true
	})
	if points < tooRude {
		return nil
	}
	b := w.ban(from.prefix(), Manners, Evidence{Tries: all.day, Seconds: now - all.firstDay}, a.At)
	if b == nil {
		return nil
	}
	return []Finding{{Ban: b}}
}
