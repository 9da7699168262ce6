package main

import (
	"net/netip"
	"time"
)

// answer is what became of a try: whether it went through to the server's password, or what kept it out.
type answer uint8

const (
	through answer = iota
	banned         // its address may not connect
	locked         // the account is protected from it
)

// report is what a detector is worth, by kind.
type report struct {
	attacks   map[string]*tally
	innocents map[string]*tally
}

// tally counts subjects of a kind: those that tried, those that were missed or shut out, and tries that went through.
type tally struct {
	subjects, bad int
	tries, open   int
	blamed        []*try // of each that was missed or shut out, the try that says so
}

// subject is one attack, or one innocent.
type subject struct {
	kind, name string
	guilty     bool
}

// fate is what became of a subject's tries.
type fate struct {
	tries, open int
	bad         bool
}

// judge holds the answers to tries against the truth. An attack is missed when more tries went through than its limit, or one that
// got in. An innocent is wronged when an address of his is banned while he is there, or when he knows his password and is locked
// out; to be refused with a wrong password is no harm.
func judge(tries []try, answers []answer, of []attack) *report {
	r := &report{map[string]*tally{}, map[string]*tally{}}
	limits := map[string]int{}
	for _, a := range of {
		limits[a.name] = a.limit
	}
	fates := map[subject]*fate{}
	for i := range tries {
		t := &tries[i]
		s := subject{t.Kind, t.Subject, t.Guilty}
		f := fates[s]
		if f == nil {
			f = &fate{}
			fates[s] = f
			r.of(s).subjects++
		}
		f.tries++
		r.of(s).tries++
		if answers[i] == through {
			f.open++
			r.of(s).open++
		}
		if !f.bad && (t.Guilty && f.missed(t, limits[t.Kind], answers[i]) || !t.Guilty && wronged(t, answers[i])) {
			f.bad = true
			r.of(s).blame(t)
		}
	}
	return r
}

// missed: of an attack with nothing to be won there is no limit.
func (f *fate) missed(t *try, limit int, a answer) bool {
	return limit > 0 && a == through && (f.open > limit || t.Outcome == gotIn)
}

func wronged(t *try, a answer) bool { return a == banned || a == locked && t.Outcome != refused }

func (r *report) of(s subject) *tally {
	side := r.innocents
	if s.guilty {
		side = r.attacks
	}
	if side[s.kind] == nil {
		side[s.kind] = &tally{}
	}
	return side[s.kind]
}

func (t *tally) blame(at *try) {
	t.bad++
	t.blamed = append(t.blamed, at)
}

// sum counts attacks that were found and missed, where anything is asked, and innocents who were wronged.
func (r *report) sum() (found, missed, wrong int) {
	for _, a := range attacks {
		if t := r.attacks[a.name]; t != nil && a.limit > 0 {
			found += t.subjects - t.bad
			missed += t.bad
		}
	}
	for _, t := range r.innocents {
		wrong += t.bad
	}
	return found, missed, wrong
}

// ban is an address or a network that may not connect for a time.
type ban struct {
	Net         netip.Prefix
	From, Until time.Time
}

// bans are those of one detector, by network, in the order in which they began.
type bans map[netip.Prefix][]ban

func (b bans) add(net netip.Prefix, from, until time.Time) {
	b[net] = append(b[net], ban{net, from, until})
}

// answers says of each try whether its address was banned.
func (b bans) answers(tries []try) []answer {
	bits := map[int]bool{}
	for net := range b {
		bits[net.Bits()] = true
	}
	all := make([]answer, len(tries))
	for i := range tries {
		for n := range bits {
			if net, err := tries[i].Addr.Prefix(n); err == nil && b.cover(net, tries[i].At) {
				all[i] = banned
			}
		}
	}
	return all
}

func (b bans) cover(net netip.Prefix, at time.Time) bool {
	for _, x := range b[net] {
		if x.From.Before(at) && at.Before(x.Until) {
			return true
		}
	}
	return false
}
