package guess

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// memory is a Watch as it is written down, but for its bans, which are rows of their own. What tells passwords apart is not in it.
type memory struct {
	Sources                map[netip.Prefix]savedSource
	Networks               map[netip.Prefix][]savedTry
	Targets                map[string]savedTarget
	Homes                  map[netip.Prefix]map[uint32]savedStay
	Around                 map[netip.Prefix]map[uint32]savedStay
	People                 map[uint32]int64
	Senders, SendersAround map[netip.Prefix]int64
	Confined               map[netip.Prefix]Confine // as an older postward wrote it: one an address
	Confines               []Confine

	Front front
}

type savedSource struct {
	Tries, Rude []savedTry
	Cracked     int64
	Said        []string
}

type savedTry struct {
	At      int64
	Name    uint32
	Account uint32
	To      uint32 // of Rude: the recipient
	Exists  bool
}

type savedStay struct {
	First, Last int64
	Days        uint16
}

type savedTarget struct {
	Hits               []savedHit
	Wave, Near, Period int64
	Spent              time.Duration
	Protected          []*Protection
}

type savedHit struct {
	At   int64
	From netip.Prefix
	ASN  uint32
	Near bool
}

// maxSaved bounds what is written of the sources: the ones that tried last.
const maxSaved = 20_000

// Memory is what a Watch remembered at one moment, to be written down while the Watch goes on.
type Memory struct{ memory }

// atOnce is how many sources, homes or the like are copied before others may have the Watch: a few milliseconds' work at most. What takes
// longest is to choose the sources that tried last, some 40 ms of the largest memory.
const atOnce = 64

// Remembered returns the memory, without what no window reaches any more. It shares nothing with the Watch. A large one takes seconds:
// rest is called again and again meanwhile, and lets others have the Watch. What they take in then is in it or is not; where they
// shifted it, it would be half in one time and half in another, and is nil.
func (w *Watch) Remembered(now time.Time, rest func()) *Memory {
	t, shifts, n := now.Unix(), w.shifts, 0
	next := func() {
		if n++; n%atOnce == 0 {
			rest()
		}
	}
	m := memory{
		Sources: map[netip.Prefix]savedSource{}, Networks: map[netip.Prefix][]savedTry{}, Targets: map[string]savedTarget{},
		Homes: saveHomes(w.homes, t, next), Around: saveHomes(w.around, t, next), People: map[uint32]int64{}, Senders: saveSenders(w.senders, next),
		SendersAround: saveSenders(w.sendersAround, next),
	}
	for _, p := range w.latest(t) {
		if s := w.sources[p]; s != nil { // else it was forgotten meanwhile
			m.Sources[p.prefix()] = savedSource{saveRoll(&s.tries, false), saveRoll(&s.rude, true), s.cracked, slices.Clone(s.said)}
		}
		next()
	}
	for p, r := range w.networks {
		if t-r.last() < week {
			m.Networks[p.prefix()] = saveRoll(r, false)
		}
		next()
	}
	for name, x := range w.targets {
		if t-x.keep() < week {
			saved := savedTarget{Wave: x.wave, Near: x.near, Period: x.period, Spent: x.spent}
			if x.protected != nil {
				own := *x.protected
				saved.Protected = []*Protection{&own}
			}
			saved.Hits = make([]savedHit, 0, len(x.hits))
			for _, h := range x.hits {
				saved.Hits = append(saved.Hits, savedHit{h.at, h.from.prefix(), h.asn, h.near})
			}
			m.Targets[name] = saved
		}
		next()
	}
	for name, r := range w.people {
		m.People[name] = r.last
		next()
	}
	for _, here := range w.confined {
		for _, c := range here {
			if now.Before(c.Until) {
				m.Confines = append(m.Confines, *c)
			}
		}
		next()
	}
	if w.shifts != shifts {
		return nil
	}
	m.Front = w.front
	m.Front.Names, m.Front.Spare.Names, m.Front.Inside = slices.Clone(w.front.Names), slices.Clone(w.front.Spare.Names), maps.Clone(w.front.Inside)
	return &Memory{m}
}

// Encode returns the memory as octets.
func (m *Memory) Encode() ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(m.memory); err != nil {
		return nil, fmt.Errorf("write down who guesses: %w", err)
	}
	return b.Bytes(), nil
}

// latest returns the sources of the last week, at most maxSaved, those that tried last.
func (w *Watch) latest(now int64) []place {
	type tried struct {
		from place
		last int64
	}
	var all []tried
	for p, s := range w.sources {
		if last := max(s.tries.last(), s.rude.last()); now-last < week {
			all = append(all, tried{p, last})
		}
	}
	if len(all) > maxSaved {
		slices.SortFunc(all, func(a, b tried) int { return cmp.Compare(b.last, a.last) })
		all = all[:maxSaved]
	}
	places := make([]place, len(all))
	for i := range all {
		places[i] = all[i].from
	}
	return places
}

func saveRoll(r *roll, to bool) []savedTry {
	out := make([]savedTry, 0, len(r.tries))
	for _, t := range r.tries {
		x := savedTry{At: t.at, Name: t.name, Account: t.account, Exists: t.exists}
		if to {
			x.To = t.password
		}
		out = append(out, x)
	}
	return out
}

func restoreRoll(saved []savedTry) roll {
	var r roll
	for _, t := range saved[max(len(saved)-keptTries, 0):] {
		r.tries = append(r.tries, try{at: t.At, name: t.Name, account: t.Account, password: t.To, exists: t.Exists})
	}
	return r
}

// prefixed is a place or an area.
type prefixed interface {
	comparable
	prefix() netip.Prefix
}

func saveSenders[P prefixed](senders map[P]int64, next func()) map[netip.Prefix]int64 {
	saved := map[netip.Prefix]int64{}
	for p, at := range senders {
		saved[p.prefix()] = at
		next()
	}
	return saved
}

func saveHomes[P prefixed](homes map[P]*home, now int64, next func()) map[netip.Prefix]map[uint32]savedStay {
	saved := map[netip.Prefix]map[uint32]savedStay{}
	for p, h := range homes {
		next()
		if now-h.last >= atHomeFor {
			continue
		}
		stays := make(map[uint32]savedStay, len(h.stays))
		for _, at := range h.stays {
			stays[at.account] = savedStay{at.first, at.last, at.days}
		}
		saved[p.prefix()] = stays
	}
	return saved
}

func restoreHome(stays map[uint32]savedStay) *home {
	h := &home{}
	for _, account := range slices.Sorted(maps.Keys(stays)) {
		at := stays[account]
		h.stays = append(h.stays, stay{at.First, at.Last, account, at.Days})
		h.last = max(h.last, at.Last)
	}
	return h
}

// Restore makes a Watch of its memory as it was written down (nil: none), without bans.
func Restore(saved []byte) (*Watch, error) {
	w := New()
	if len(saved) == 0 {
		return w, nil
	}
	var m memory
	if err := gob.NewDecoder(bytes.NewReader(saved)).Decode(&m); err != nil {
		return w, fmt.Errorf("read who guessed: %w", err)
	}
	w.front = m.Front
	for p, s := range m.Sources {
		w.sources[placeOf(p.Addr())] = &source{restoreRoll(s.Tries), restoreRoll(s.Rude), s.Cracked, s.Said}
	}
	for p, tries := range m.Networks {
		r := restoreRoll(tries)
		w.networks[areaOf(p)] = &r
	}
	for name, x := range m.Targets {
		t := &target{wave: x.Wave, near: x.Near, period: x.Period, spent: x.Spent}
		if len(x.Protected) > 0 {
			t.protected = x.Protected[0]
		}
		for _, h := range x.Hits[max(len(x.Hits)-keptHits, 0):] {
			t.hits = append(t.hits, hit{h.At, placeOf(h.From.Addr()), h.ASN, h.Near})
		}
		w.targets[name] = t
	}
	for p, stays := range m.Around {
		w.around[areaOf(p)] = restoreHome(stays)
	}
	for p, stays := range m.Homes {
		from := placeOf(p.Addr())
		w.homes[from] = restoreHome(stays)
		for account, at := range stays {
			w.enter(from, account, at.Last)
		}
	}
	for name, last := range m.People {
		r := w.resident(name)
		r.last = max(r.last, last)
	}
	for p, at := range m.Senders {
		w.senders[placeOf(p.Addr())] = at
	}
	for p, at := range m.SendersAround {
		w.sendersAround[areaOf(p)] = at
	}
	for _, c := range slices.AppendSeq(m.Confines, maps.Values(m.Confined)) {
		from := placeOf(c.Prefix.Addr())
		w.confined[from] = append(w.confined[from], &c)
	}
	return w, nil
}

// Shift moves everything by a step of the clock: what is remembered keeps its age, and what is banned the time that is left.
func (w *Watch) Shift(step time.Duration) {
	if step == 0 {
		return
	}
	w.shifts++
	by := int64(step / time.Second)
	shiftRoll := func(r *roll) {
		for i := range r.tries {
			r.tries[i].at += by
		}
	}
	w.front.shift(by)
	for _, s := range w.sources {
		shiftRoll(&s.tries)
		shiftRoll(&s.rude)
		s.cracked += by
	}
	for _, r := range w.networks {
		shiftRoll(r)
	}
	for _, t := range w.targets {
		t.wave, t.counted, t.near, t.period = t.wave+by, t.counted+by, t.near+by, t.period+by
		for i := range t.hits {
			t.hits[i].at += by
		}
		if p := t.protected; p != nil {
			p.Since, p.Until, p.told = p.Since.Add(step), p.Until.Add(step), p.told.Add(step)
		}
	}
	for _, h := range w.homes {
		h.shift(by)
	}
	for _, h := range w.around {
		h.shift(by)
	}
	for p := range w.senders {
		w.senders[p] += by
	}
	for p := range w.sendersAround {
		w.sendersAround[p] += by
	}
	for _, r := range w.people {
		r.last += by
	}
	for _, here := range w.confined {
		for _, c := range here {
			c.Since, c.Until = c.Since.Add(step), c.Until.Add(step)
		}
	}
	for p, k := range w.bans {
		k.since, k.until = k.since+step.Microseconds(), k.until+step.Microseconds()
		w.bans[p] = k
	}
}

func (h *home) shift(by int64) {
	h.last += by
	for i := range h.stays {
		h.stays[i].first, h.stays[i].last = h.stays[i].first+by, h.stays[i].last+by
	}
}
