package guess

// roll keeps the last tries, oldest first, so that every window is exact.
type roll struct {
	tries []try
}

// keptTries is how many tries are kept: no limit is higher.
const keptTries = 40

// firstTries is for how many there is room at once: few guessers try only once.
const firstTries = 4

// try is one of them.
type try struct {
	at       int64  // Unix seconds
	name     uint32 // under which name, by a hash
	account  uint32 // at which account, likewise
	password uint32 // 0: not told
	exists   bool   // there is such an account
}

// nameless is the name of a try that does not tell its name.
var nameless = hash("")

// hash makes a name small. Two names with one hash are counted as one: the guesser's advantage is one try in four thousand million.
func hash(s string) uint32 { return hashOn(fnvOffset, s) }

// hashOn is the hash of a text that goes on behind one whose hash is known.
func hashOn(h uint32, s string) uint32 {
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * fnvPrime
	}
	return h
}

// FNV-1a.
const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619
)

// add counts a try so many times, and returns how many of them are new: the same password of the same account is no second guess.
func (r *roll) add(t try, times int) int {
	if t.password != 0 {
		for i := range r.tries {
			if x := &r.tries[i]; x.account == t.account && x.password == t.password && t.at-x.at < week {
				return 0
			}
		}
		times = 1
	}
	times = min(times, keptTries)
	for range times {
		r.push(t)
	}
	return times
}

func (r *roll) push(t try) {
	if len(r.tries) >= keptTries {
		copy(r.tries, r.tries[1:])
		r.tries = r.tries[:len(r.tries)-1]
	}
	if r.tries == nil {
		r.tries = make([]try, 0, firstTries)
	}
	r.tries = append(r.tries, t)
}

func (r *roll) last() int64 {
	if len(r.tries) == 0 {
		return 0
	}
	return r.tries[len(r.tries)-1].at
}

// forgive forgets the tries at an account.
func (r *roll) forgive(account uint32) {
	kept := r.tries[:0]
	for _, t := range r.tries {
		if t.account != account {
			kept = append(kept, t)
		}
	}
	r.tries = kept
}

// counts are how many tries lie within an hour, a day and a week, and when the first of each was.
type counts struct {
	burst, hour, day, week         int // burst: within ten minutes
	firstHour, firstDay, firstWeek int64
}

// of counts the tries that are asked for.
func (r *roll) of(now int64, which func(*try) bool) counts {
	var c counts
	for i := len(r.tries) - 1; i >= 0; i-- {
		if t := &r.tries[i]; which(t) {
			c.note(now, t.at)
		}
	}
	return c
}

// names counts under how many names they were.
func (r *roll) names(now int64, which func(*try) bool) counts {
	var c counts
	var seen [keptTries]uint32
	n := 0
next:
	for i := len(r.tries) - 1; i >= 0; i-- {
		t := &r.tries[i]
		if !which(t) {
			continue
		}
		for _, name := range seen[:n] {
			if name == t.name {
				continue next
			}
		}
		seen[n] = t.name
		n++
		c.note(now, t.at)
	}
	return c
}

// accounts is at how many accounts they were within a day.
func (r *roll) accounts(now int64) int {
	seen := map[uint32]bool{}
	for i := range r.tries {
		if t := &r.tries[i]; t.name != nameless && now-t.at < day {
			seen[t.account] = true
		}
	}
	return len(seen)
}

func (c *counts) note(now, at int64) {
	age := now - at
	if age < burst {
		c.burst++
	}
	if age < hour {
		c.hour, c.firstHour = c.hour+1, at
	}
	if age < day {
		c.day, c.firstDay = c.day+1, at
	}
	if age < week {
		c.week, c.firstWeek = c.week+1, at
	}
}

// best is the count of the shortest window that reached its limit, and first when that began.
func (c *counts) best(l limit) int {
	switch {
	case c.hour >= l.hour:
		return c.hour
	case c.day >= l.day:
		return c.day
	}
	return c.week
}

func (c *counts) first(l limit) int64 {
	switch {
	case c.hour >= l.hour:
		return c.firstHour
	case c.day >= l.day:
		return c.firstDay
	}
	return c.firstWeek
}
