package keys

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// How long steps wait.
const (
	// Keep is how long the record of a retired key stays: mail that was signed with it may be on its way for five days, and
	// may have been held for weeks before.
	Keep = 30 * 24 * time.Hour

	// leastWait and mostWait bound the wait for old answers: resolvers keep none for less than minutes, and ours believes none
	// for more than a day.
	leastWait = 5 * time.Minute
	mostWait  = 24 * time.Hour

	// remembered is how long a removed key is remembered whose record never goes.
	remembered = 365 * 24 * time.Hour
)

// Ring is what is known of all keys, each by its name. It is never changed: Take makes another.
type Ring struct {
	keys []Key
}

// NewRing is a ring of keys; of two with one name the first is taken.
func NewRing(all []Key) Ring {
	r := Ring{keys: slices.Clone(all)}
	slices.SortStableFunc(r.keys, inOrder)
	r.keys = slices.CompactFunc(r.keys, func(a, b Key) bool { return a.Domain == b.Domain && a.Selector == b.Selector })
	return r
}

// inOrder is the order in which a ring has them.
func inOrder(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Selector, b.Selector))
}

// Keys are the keys as they are shown: by domain, what signs first, then what is to come, then what has been.
func (r Ring) Keys() []Key {
	all := slices.Clone(r.keys)
	slices.SortStableFunc(all, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(shownAt[a.State], shownAt[b.State]), b.Made.Compare(a.Made),
			-cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.Selector, b.Selector))
	})
	return all
}

var shownAt = map[State]int{Active: 1, Published: 2, Made: 3, Retiring: 4, Removed: 5}

// Of are the keys of a domain, as they are shown.
func (r Ring) Of(domain string) []Key {
	return slices.DeleteFunc(r.Keys(), func(k Key) bool { return k.Domain != domain })
}

// Find returns the key of a name.
func (r Ring) Find(name string) (Key, bool) {
	selector, domain, _ := strings.Cut(name, "._domainkey.") // no selector has that in it
	i, found := slices.BinarySearchFunc(r.keys, Key{Domain: domain, Selector: selector}, inOrder)
	if !found {
		return Key{}, false
	}
	return r.keys[i], true
}

// With is the ring with a key put in, or put in the place of the one with its name.
func (r Ring) With(k Key) Ring {
	others := slices.DeleteFunc(slices.Clone(r.keys), func(o Key) bool { return o.Name() == k.Name() })
	return NewRing(append(others, k))
}

func (r Ring) without(name string) Ring {
	return Ring{keys: slices.DeleteFunc(slices.Clone(r.keys), func(k Key) bool { return k.Name() == name })}
}

// Has reports whether a domain has a key of an algorithm in one of some states.
func (r Ring) Has(domain string, a Algorithm, states ...State) bool {
	return slices.ContainsFunc(r.keys, func(k Key) bool {
		return k.Domain == domain && k.Algorithm == a && slices.Contains(states, k.State)
	})
}

// Choose returns with which keys mail of an author's domain is signed: the active ones of the domain, or of the nearest domain
// above it that has some, at most one of each algorithm, RSA first. None: the mail is not signed.
func (r Ring) Choose(domain string) []Key {
	return r.choose(domain, func(*Key) bool { return true })
}

// choose is Choose among the keys that can be used.
func (r Ring) choose(domain string, usable func(*Key) bool) []Key {
	for above := true; above; _, domain, above = strings.Cut(domain, ".") {
		var chosen []Key
		for _, a := range Algorithms {
			if k := r.newest(domain, a, usable); k != nil {
				chosen = append(chosen, *k)
			}
		}
		if len(chosen) > 0 {
			return chosen
		}
	}
	return nil
}

// newest is the newest active key of a domain and an algorithm.
func (r Ring) newest(domain string, a Algorithm, usable func(*Key) bool) *Key {
	var best *Key
	for i := range r.keys {
		k := &r.keys[i]
		if k.Domain == domain && k.Algorithm == a && k.State == Active && usable(k) && (best == nil || k.Made.After(best.Made)) {
			best = k
		}
	}
	return best
}

// next is when a key is made: now, or after the newest of its domain and algorithm, which a clock that was ahead may have dated. Else it
// would be older than what it is to take the place of.
func (r Ring) next(domain string, a Algorithm, now time.Time) time.Time {
	for i := range r.keys {
		if k := &r.keys[i]; k.Domain == domain && k.Algorithm == a && !k.Made.Before(now) {
			now = k.Made.Add(time.Second)
		}
	}
	return now
}
