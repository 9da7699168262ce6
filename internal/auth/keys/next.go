package keys

import (
	"cmp"
	"slices"
	"time"
)

// Seen is what the name servers showed, by the names of keys. Of a key that is not in it nothing is known.
type Seen map[string]Sight

// Step is a change of one key, and why.
type Step struct {
	Key Key    `json:"key"` // as it is after it
	Was State  `json:"was"`
	Why string `json:"why"`

	Forget bool `json:"forget,omitempty"` // it is not remembered any more
}

// Next returns the steps that are due by what was seen, which LookedAt was told before. It never makes a key active that is not seen at every server now, and
// steps that it returned once are not returned again when they were taken.
func (r Ring) Next(now time.Time, seen Seen) []Step {
	var steps []Step
	for _, k := range r.byAge() { // the newest first: an older one then finds that it is not needed
		for _, s := range r.step(k, now, seen) {
			steps = append(steps, s)
			r = r.Take(s)
		}
	}
	return steps
}

// Take is the ring after some steps.
func (r Ring) Take(steps ...Step) Ring {
	for _, s := range steps {
		if s.Forget {
			r = r.without(s.Key.Name())
		} else {
			r = r.With(s.Key)
		}
	}
	return r
}

// byAge are the keys, the newest first.
func (r Ring) byAge() []Key {
	all := slices.Clone(r.keys)
	slices.SortStableFunc(all, func(a, b Key) int { return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(a.Name(), b.Name())) })
	return all
}

// step is what is due of one key. What ended before it began is of a clock that was set back: it begins anew.
func (r Ring) step(k Key, now time.Time, seen Seen) []Step {
	k, _ = r.Find(k.Name()) // a step of another may have changed it
	sight, looked := seen[k.Name()]
	switch {
	case k.State == Made && looked && sight.Everywhere():
		return r.shown(k, now, &sight)
	case k.State == Published && looked && sight.Elsewise():
		return one(k, Made, now, sight.Why())
	case k.State == Published && now.Before(k.Since):
		steps := one(k, Published, now, "the clock was set back")
		steps[0].Key.Until = now.Add(k.Until.Sub(k.Since))
		return steps
	case k.State == Published && looked && sight.Everywhere() && k.over(k.Until, now):
		return r.activate(k, now)
	case k.State == Active && looked && sight.Nowhere():
		return one(k, Made, now, "none of the zone's name servers shows it any more")
	case k.State == Retiring && now.Before(k.Since):
		return one(k, Retiring, now, "the clock was set back")
	case k.State == Retiring && k.over(k.Since.Add(Keep), now):
		return one(k, Removed, now, "no mail that was signed with it is on its way any more")
	case k.State == Removed && (looked && sight.Nowhere() || k.over(k.Since.Add(remembered), now)):
		return []Step{{Key: k, Was: Removed, Why: "its record is gone too", Forget: true}}
	}
	return nil
}

// over reports whether a time is over, by a clock that can be believed: one that is ahead when the machine starts may be set right
// in the next minutes. So a leap ends nothing before another look, some minutes later.
func (k *Key) over(end, now time.Time) bool {
	return !now.Before(end) && !k.leaps(now) && now.Sub(k.Steady) >= soon
}

// leaps reports whether so much time has passed since the last look, or so little, that the clock may have been set.
func (k *Key) leaps(now time.Time) bool {
	since := now.Sub(k.Looked)
	return since < 0 || since > 2*k.every(k.Looked)
}

// one is the step of a key to a state.
func one(k Key, to State, now time.Time, why string) []Step {
	was := k.State
	k.State, k.Since, k.Until, k.Known = to, now, time.Time{}, false
	k.Signed = k.Signed || was == Active || to == Active
	return []Step{{Key: k, Was: was, Why: why}}
}

// shown is the step of a key that every server shows. What resolvers know already need not wait.
func (r Ring) shown(k Key, now time.Time, sight *Sight) []Step {
	if k.Known {
		return r.activate(k, now)
	}
	wait := min(max(k.Stale, sight.Negative, leastWait), mostWait)
	steps := one(k, Published, now, "every name server of its zone shows it")
	steps[0].Key.Until = now.Add(wait)
	return steps
}

// activate lets a key sign, and the older ones of its domain and algorithm retire. When a newer one signs already, it is this one
// that retires: it may be in signatures that are on their way.
func (r Ring) activate(k Key, now time.Time) []Step {
	newer := func(o *Key) bool { return o.Made.After(k.Made) }
	if r.newest(k.Domain, k.Algorithm, newer) != nil {
		return one(k, Retiring, now, "a newer key signs")
	}
	steps := one(k, Active, now, "no resolver believes an older answer any more")
	for _, o := range r.keys {
		if o.Domain == k.Domain && o.Algorithm == k.Algorithm && o.State == Active && o.Name() != k.Name() {
			steps = append(steps, one(o, Retiring, now, k.Selector+" signs in its place")...)
		}
	}
	return steps
}

// How often the servers are asked about a key.
const (
	soon   = 5 * time.Minute // while somebody may be waiting
	hourly = time.Hour
	daily  = 24 * time.Hour
)

// every is how often a key is looked at.
func (k *Key) every(now time.Time) time.Duration {
	switch {
	case k.State == Published, k.State == Made && now.Sub(k.Since) < daily:
		return soon
	case k.State == Made:
		return hourly
	}
	return daily
}

// Due are the keys that have to be looked at. One whose last look is in the future is: a clock was set.
func (r Ring) Due(now time.Time) []Key {
	return slices.DeleteFunc(r.Keys(), func(k Key) bool {
		since := now.Sub(k.Looked)
		return since >= 0 && since < k.every(now)
	})
}

// LookedAt is the ring after a look: when it was, and for how long it may be believed elsewhere that a key is not there.
func (r Ring) LookedAt(seen Seen) Ring {
	keys := slices.Clone(r.keys)
	for i := range keys {
		if s, ok := seen[keys[i].Name()]; ok {
			if keys[i].leaps(s.At) {
				keys[i].Steady = s.At
			}
			keys[i].Looked = s.At
			if keys[i].State == Made && s.Elsewise() {
				keys[i].Stale, keys[i].Known = s.Stale, false
			}
		}
	}
	return Ring{keys: keys}
}

// Retire is the step by which a person has a key signed with no more. One that never signed is removed at once; one that did, here
// or elsewhere, retires even when it does not sign now: mail with it may be on its way.
func (k Key) Retire(now time.Time) (Step, bool) {
	switch k.State {
	case Active, Made, Published:
		if k.Signed || k.State == Active {
			return one(k, Retiring, now, "a person retired it")[0], true
		}
		return one(k, Removed, now, "a person retired it before it signed")[0], true
	}
	return Step{}, false
}
