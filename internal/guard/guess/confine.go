package guess

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Confine is an address that is shared with guessers: it may only log in to accounts that it had logged in to. Where one account
// alone is guessed at, it is about that one.
type Confine struct {
	Prefix   netip.Prefix `json:"prefix"`
	Account  string       `json:"account,omitempty"` // empty: about all
	Strict   bool         `json:"strict,omitempty"`  // whoever logged in there before is meant too, if he is not settled
	Since    time.Time    `json:"since"`
	Until    time.Time    `json:"until"`
	Evidence Evidence     `json:"evidence"`
}

// covers reports whether what one forbids the other forbids too.
func (c *Confine) covers(x *Confine) bool {
	return c.Account == "" && !x.Strict || c.isAbout(x.Account) && c.Strict || c.Account == x.Account && c.Strict == x.Strict
}

// isAbout reports whether it is about an account alone.
func (c *Confine) isAbout(account string) bool {
	return c.Account != "" && strings.EqualFold(c.Account, account)
}

// confineFor is how long a shared address is confined, from the last guess on; of one account it is shorter: it may be its own
// person, who will find the right password.
const (
	confineFor    = time.Hour
	confineForOne = 15 * time.Minute
)

// What a shared address may try at accounts that are not at home there.
var (
	confinePersons  = 3
	confineTries    = 30
	confineOne      = limit{20, 36, never}
	confineNobodies = 10
	confineInTurns  = 8 // of the last keptTries, at an account that is at home there
)

// confine asks whether a guesser sits among those who log in from an address.
func (w *Watch) confine(a *attempt, s *source) []Finding {
	now := a.now
	all, persons := s.tries.of(now, func(*try) bool { return true }), s.tries.names(now, func(*try) bool { return true })
	one := s.tries.of(now, func(t *try) bool { return t.account == a.account })
	nobodies := s.tries.names(now, func(t *try) bool { return !t.exists && t.name != nameless })
	many := persons.day >= confinePersons && all.day >= confineTries || nobodies.day >= confineNobodies
	until, account := a.At.Add(confineFor), ""
	switch {
	case many:
	case all.day >= keptTries && s.tries.accounts(now) > 1: // two, and what is kept of each is not all that he tried
		until = a.At.Add(confineForOne)
	case one.reach(confineOne):
		until, account = a.At.Add(confineForOne), a.Account
	default:
		return nil
	}
	return w.confineTo(a.from, &Confine{Account: account, Since: a.At, Until: until,
		Evidence: Evidence{Tries: all.day, Names: persons.day, Account: account, Seconds: now - all.firstDay}})
}

// confinedHere is about how many subjects an address is confined at most: beyond them the one that ends first is forgotten. Whoever
// tries several accounts is confined about all, so only those that are at home there may be more than two.
const confinedHere = 32

// confineTo confines an address, or goes on doing so. It is news when it begins, or is about more than it was.
func (w *Watch) confineTo(from place, c *Confine) []Finding {
	c.Prefix = from.prefix()
	all := slices.DeleteFunc(w.confined[from], func(x *Confine) bool { return !c.Since.Before(x.Until) })
	if i := slices.IndexFunc(all, func(x *Confine) bool { return x.covers(c) }); i >= 0 {
		all[i].Until, all[i].Evidence = maxTime(all[i].Until, c.Until), c.Evidence
		w.confined[from] = all
		return nil
	}
	all = slices.DeleteFunc(all, c.covers)
	if len(all) >= confinedHere {
		first := slices.IndexFunc(all, func(x *Confine) bool { return x.Until.Equal(slices.MinFunc(all, endsFirst).Until) })
		all = slices.Delete(all, first, first+1)
	}
	if _, is := w.confined[from]; !is {
		makeRoom(w.confined, maxConfined, func(all []*Confine) int64 { return slices.MaxFunc(all, endsFirst).Until.Unix() })
	}
	w.confined[from] = append(all, c)
	return []Finding{{Confine: c}}
}

func endsFirst(a, b *Confine) int { return a.Until.Compare(b.Until) }

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// atOwnHome asks whether somebody who knew an account's password guesses the new one: only distinct passwords say so, and who is
// settled there may try what he likes.
func (w *Watch) atOwnHome(a *attempt) []Finding {
	if a.Password == 0 || a.Home == AtAddress || a.Own || w.Settled(a.Account, a.Client, a.At) {
		return nil
	}
	now, s := a.now, w.source(a.from)
	if s.tries.add(try{at: now, name: a.name, account: a.account, password: a.Password, exists: true}, 1) == 0 {
		return nil
	}
	one := s.tries.of(now, func(t *try) bool { return t.account == a.account })
	all := s.tries.of(now, func(*try) bool { return true })
	inTurns := all.day >= keptTries && one.day >= confineInTurns // what is kept of each is not all that he tried
	if !inTurns && !one.reach(confineOne) {
		return nil
	}
	return w.confineTo(a.from, &Confine{Account: a.Account, Strict: true, Since: a.At, Until: a.At.Add(confineFor),
		Evidence: Evidence{Tries: one.day, Names: 1, Account: a.Account, Seconds: now - one.firstDay}})
}

// confinedFor returns whether somebody is confined who wants to log in, and whether strictly.
func (w *Watch) confinedFor(l *Login, from place) (confined, strict bool) {
	for _, c := range w.confined[from] {
		if l.At.Before(c.Until) && (c.Account == "" || c.isAbout(l.Account)) {
			confined, strict = true, strict || c.Strict
		}
	}
	return confined, strict
}

// widest is what an address is confined about now: all, if it is, else the one account whose confinement lasts longest; nil: nothing.
func (w *Watch) widest(from place, now time.Time) (found *Confine) {
	for _, c := range w.confined[from] {
		if now.Before(c.Until) && (found == nil || c.Account == "" || found.Account != "" && c.Until.After(found.Until)) {
			found = c
		}
	}
	return found
}

// Confined returns what is confined, the newest first: an address once for each subject.
func (w *Watch) Confined(now time.Time) []*Confine {
	var all []*Confine
	for _, here := range w.confined {
		for _, c := range here {
			if now.Before(c.Until) {
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, func(a, b *Confine) int { return b.Since.Compare(a.Since) })
	return all
}

// CountConfined returns how many addresses are confined.
func (w *Watch) CountConfined(now time.Time) (n int) {
	for from := range w.confined {
		if w.widest(from, now) != nil {
			n++
		}
	}
	return n
}
