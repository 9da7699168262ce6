package guess

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// memory is a Watch as it is written down, but for its bans, which are rows of their own. What tells passwords apart is not in it.
type memory struct {
	Sources  map[netip.Prefix]savedSource
	Networks map[netip.Prefix][]savedTry
	Targets  map[string]savedTarget
	Homes    map[netip.Prefix]map[uint32]savedStay
	Around   map[netip.Prefix]map[uint32]savedStay
	People   map[uint32]int64
	Senders  map[netip.Prefix]int64
	Confined map[netip.Prefix]Confine

	Front front
}

type savedSource struct {
	Tries, Rude []savedTry
	Cracked     int64
	Said        []string
}

type savedTry struct {
	At     int64
	Name   uint32
	To     uint32 // of Rude: the recipient
	Exists bool
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

// Save returns the memory as octets, without what no window reaches any more.
func (w *Watch) Save(now time.Time) ([]byte, error) {
	t := now.Unix()
	m := memory{
		Sources: map[netip.Prefix]savedSource{}, Networks: map[netip.Prefix][]savedTry{}, Targets: map[string]savedTarget{},
		Homes: saveHomes(w.homes, t), Around: saveHomes(w.around, t), People: map[uint32]int64{}, Senders: w.senders, Confined: map[netip.Prefix]Confine{},
	}
	for _, p := range w.latest(t) {
		s := w.sources[p]
		m.Sources[p] = savedSource{saveRoll(&s.tries, false), saveRoll(&s.rude, true), s.cracked, s.said}
	}
	for p, r := range w.networks {
		if t-r.last() < week {
			m.Networks[p] = saveRoll(r, false)
		}
	}
	for name, x := range w.targets {
		if t-x.keep() < week {
			saved := savedTarget{Wave: x.wave, Near: x.near, Period: x.period, Spent: x.spent, Protected: x.protected}
			for _, h := range x.hits {
				saved.Hits = append(saved.Hits, savedHit{h.at, h.from, h.asn, h.near})
			}
			m.Targets[name] = saved
		}
	}
	for name, r := range w.people {
		m.People[name] = r.last
	}
	for p, c := range w.confined {
		if now.Before(c.Until) {
			m.Confined[p] = *c
		}
	}
	m.Front = w.front
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(m); err != nil {
		return nil, fmt.Errorf("write down who guesses: %w", err)
	}
	return b.Bytes(), nil
}

// latest returns the sources of the last week, at most maxSaved, those that tried last.
func (w *Watch) latest(now int64) []netip.Prefix {
	last := func(p netip.Prefix) int64 { s := w.sources[p]; return max(s.tries.last(), s.rude.last()) }
	all := slices.DeleteFunc(slices.Collect(maps.Keys(w.sources)), func(p netip.Prefix) bool { return now-last(p) >= week })
	if len(all) > maxSaved {
		slices.SortFunc(all, func(a, b netip.Prefix) int { return int(last(b) - last(a)) })
		all = all[:maxSaved]
	}
	return all
}

func saveRoll(r *roll, to bool) []savedTry {
	var out []savedTry
	for _, t := range r.tries {
		x := savedTry{At: t.at, Name: t.name, Exists: t.exists}
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
		r.tries = append(r.tries, try{at: t.At, name: t.Name, password: t.To, exists: t.Exists})
	}
	return r
}

func saveHomes(homes map[netip.Prefix]*home, now int64) map[netip.Prefix]map[uint32]savedStay {
	saved := map[netip.Prefix]map[uint32]savedStay{}
	for p, h := range homes {
		if now-h.last >= atHomeFor {
			continue
		}
		saved[p] = map[uint32]savedStay{}
		for name, at := range h.accounts {
			saved[p][name] = savedStay{at.first, at.last, at.days}
		}
	}
	return saved
}

func restoreHomes(saved map[netip.Prefix]map[uint32]savedStay) map[netip.Prefix]*home {
	homes := map[netip.Prefix]*home{}
	for p, accounts := range saved {
		h := &home{accounts: map[uint32]stay{}}
		for name, at := range accounts {
			h.accounts[name] = stay{at.First, at.Last, at.Days}
			h.last = max(h.last, at.Last)
		}
		homes[p] = h
	}
	return homes
}

// Restore makes a Watch of what was written down: its memory (nil: none) and its bans.
func Restore(saved []byte, bans []*Ban) (*Watch, error) {
	w := New()
	for _, b := range bans {
		w.keep(b)
	}
	if len(saved) == 0 {
		return w, nil
	}
	var m memory
	if err := gob.NewDecoder(bytes.NewReader(saved)).Decode(&m); err != nil {
		return w, fmt.Errorf("read who guessed: %w", err)
	}
	w.front = m.Front
	for p, s := range m.Sources {
		w.sources[p] = &source{restoreRoll(s.Tries), restoreRoll(s.Rude), s.Cracked, s.Said}
	}
	for p, tries := range m.Networks {
		r := restoreRoll(tries)
		w.networks[p] = &r
	}
	for name, x := range m.Targets {
		t := &target{wave: x.Wave, near: x.Near, period: x.Period, spent: x.Spent, protected: x.Protected}
		for _, h := range x.Hits[max(len(x.Hits)-keptHits, 0):] {
			t.hits = append(t.hits, hit{h.At, h.From, hashAddr(network(h.From).Addr()), h.ASN, h.Near})
		}
		w.targets[name] = t
	}
	w.homes, w.around = restoreHomes(m.Homes), restoreHomes(m.Around)
	for p, h := range w.homes {
		for name, at := range h.accounts {
			w.enter(p, name, at.last)
		}
	}
	for name, last := range m.People {
		r := w.resident(name)
		r.last = max(r.last, last)
	}
	if m.Senders != nil {
		w.senders = m.Senders
	}
	for p, c := range m.Confined {
		w.confined[p] = &c
	}
	return w, nil
}

// Shift moves everything by a step of the clock: what is remembered keeps its age, and what is banned the time that is left.
func (w *Watch) Shift(step time.Duration) {
	if step == 0 {
		return
	}
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
		for _, p := range t.protected {
			p.Since, p.Until, p.told = p.Since.Add(step), p.Until.Add(step), p.told.Add(step)
		}
	}
	for _, homes := range []map[netip.Prefix]*home{w.homes, w.around} {
		for _, h := range homes {
			h.last += by
			for name, at := range h.accounts {
				at.first, at.last = at.first+by, at.last+by
				h.accounts[name] = at
			}
		}
	}
	for p := range w.senders {
		w.senders[p] += by
	}
	for _, r := range w.people {
		r.last += by
	}
	for _, c := range w.confined {
		c.Since, c.Until = c.Since.Add(step), c.Until.Add(step)
	}
	for _, b := range w.bans {
		b.Since, b.Until = b.Since.Add(step), b.Until.Add(step)
	}
}
