package guess

import (
	"net/netip"
	"time"
)

// Bounds of what is remembered. What outsiders can fill (sources, networks, names) is apart from what only a good login fills.
const (
	maxSources  = 40_000
	maxNetworks = 20_000
	maxTargets  = 20_000
	maxHomes    = 50_000
	maxPeople   = 200_000
	maxSenders  = 50_000
	maxConfined = 5_000
)

// Watch is what is known of who logs in and who does not.
type Watch struct {
	sources       map[place]*source     // those that failed
	networks      map[area]*roll        // their neighbourhoods
	targets       map[string]*target    // accounts, and names that nobody has, that many try
	homes         map[place]*home       // from where somebody logs in
	around        map[area]*home        // the same of their neighbourhoods
	people        map[uint32]*resident  // who logged in or gets mail, by the hash of the account, and of the name alone
	senders       map[place]int64       // whose mail was taken, when last
	sendersAround map[area]int64        // the same of their neighbourhoods
	bans          map[netip.Prefix]kept // those that stand, and those that are remembered
	confined      map[place][]*Confine  // shared addresses that guess, one a subject
	widths        []int                 // of bans
	gone          []netip.Prefix        // bans that are forgotten, and not yet told
	allow         []netip.Prefix
	shifts        int   // how often all of it was shifted
	front         front // by which nearly everybody comes, if there is one
}

// New returns a Watch that has seen nothing.
func New() *Watch {
	return &Watch{
		sources: map[place]*source{}, networks: map[area]*roll{}, targets: map[string]*target{}, homes: map[place]*home{}, around: map[area]*home{},
		people: map[uint32]*resident{}, senders: map[place]int64{}, sendersAround: map[area]int64{}, bans: map[netip.Prefix]kept{}, confined: map[place][]*Confine{},
	}
}

// Finding is something to be done, or told. Exactly one field is set.
type Finding struct {
	Ban     *Ban
	Protect *Protection
	Confine *Confine
	Cracked *Cracked
	Lift    *Ban // that turns out to be of an address by which everybody comes
}

// Cracked is a login that succeeded where guesses were made: the guesser may have found the password.
type Cracked struct {
	Account  string
	Client   netip.Addr
	At       time.Time
	Evidence Evidence
}

// The windows that are asked, in seconds.
const (
	burst = 600
	hour  = 3600
	day   = 24 * hour
	week  = 7 * day
)

// source is an address that failed.
type source struct {
	tries   roll
	rude    roll     // what it did before any login
	cracked int64    // when it was told that it found a password
	said    []string // some of the names it tried
}

// Take folds one attempt, and returns what follows.
func (w *Watch) Take(a Attempt) []Finding {
	if a.Kind == Delivered {
		x := opened(a)
		w.resident(x.account).last, w.resident(x.name).last = x.now, x.now
		return nil
	}
	if findings, spared := w.spares(&a); spared {
		return findings
	}
	if !a.Client.IsValid() || a.Client.IsLoopback() {
		return nil
	}
	a.Client = a.Client.Unmap().WithZone("")
	x := opened(a)
	switch a.Kind {
	case Failed:
		return w.failed(&x)
	case Good:
		return w.good(&x)
	case Taken:
		w.taken(&x)
	case Aborted, Pregreet, Relay, NoMailbox, NotSMTP:
		return w.rude(&x)
	}
	return nil
}

// failed counts a refused login.
func (w *Watch) failed(a *attempt) []Finding {
	a.known = a.Exists || w.isSomebodys(a.account)
	a.Exists = a.known || w.isSomebodys(a.name)
	h := w.homes[a.from]
	if a.Home == AtAddress || h.stay(a.account, a.now) != nil {
		return w.atOwnHome(a) // the owner, or the telephone that still has the old password
	}
	s := w.source(a.from)
	try := try{at: a.now, name: a.name, account: a.account, password: a.Password, exists: a.Exists}
	n := s.tries.add(try, max(a.Times, 1))
	s.say(a.Account)
	if n == 0 {
		return nil
	}
	findings := w.guessedAt(a)
	switch {
	case a.Own || a.Shared:
	case h.isLivedIn(a.now):
		findings = append(findings, w.confine(a, s)...)
	default:
		findings = append(findings, w.judge(a, s)...)
		for range n {
			findings = append(findings, w.neighbourhood(a, s)...)
		}
	}
	return findings
}

// judge asks whether what an address tried is enough.
func (w *Watch) judge(a *attempt, s *source) []Finding {
	if a.Kept {
		if goes := w.goesOn(a.from, a.Account, a.At); goes != nil {
			return goes
		}
	}
	if w.begunAnew(s, a.from) {
		return nil
	}
	r, e := w.verdict(a, s)
	if r == "" {
		return nil
	}
	return w.banning(a.from.prefix(), r, e, a.At)
}

// again is how many tries, so long after a ban, are no other person's mistakes who has the address now. A guesser comes back at once.
const (
	again      = 3
	againAfter = 6 * hour
)

// begunAnew reports whether an address tried too little since its last ban ended to be judged by what it tried before.
func (w *Watch) begunAnew(s *source, from place) bool {
	b, is := w.bans[from.prefix()]
	if !is {
		return false
	}
	n, until := 0, time.UnixMicro(b.until).Unix()
	if s.tries.last()-until < againAfter {
		return false
	}
	for i := range s.tries.tries {
		if s.tries.tries[i].at >= until {
			n++
		}
	}
	return n < again
}

// limit is how many of something are enough within an hour, a day and a week.
type limit struct{ hour, day, week int }

// never is a limit that is not reached.
const never = keptTries + 1

var (
	onePerson   = limit{8, 12, 20}
	nobodys     = limit{6, 10, 16} // one name that nobody has
	atNetwork   = limit{32, never, never}
	nearTold    = limit{16, 24, 32} // the same of passwords that are known to differ: no telephone's old one
	nearBurst   = 10                // of one name in ten minutes, where its owner has his provider: no telephone is as hasty
	persons     = limit{6, 8, 12}
	fewPersons  = 5                 // in ten minutes, in as many tries as persons has people: a list has some of them twice
	nearPersons = limit{12, 12, 16} // of accounts that use the network
	severals    = limit{12, 20, 30} // tries at more than one
	nobodyNames = limit{3, 3, 4}
	inWave      = limit{3, 3, 3}
)

func (l limit) reached(hour, day, week int) bool {
	return hour >= l.hour || day >= l.day || week >= l.week
}

func (c counts) reach(l limit) bool { return l.reached(c.hour, c.day, c.week) }

// verdict says by which rule an address is to be banned; an empty reason: by none.
func (w *Watch) verdict(a *attempt, s *source) (Reason, Evidence) {
	if r, e := w.ofName(a, s); r != "" {
		return r, e
	}
	now := a.now
	all := s.tries.of(now, func(*try) bool { return true })
	if all.week < nobodyNames.hour {
		return "", Evidence{}
	}
	nobodies := s.tries.names(now, func(t *try) bool { return !t.exists && t.name != nameless })
	if nobodies.reach(nobodyNames) {
		return Names, Evidence{Tries: all.week, Names: nobodies.week, Seconds: now - all.firstWeek}
	}
	names := s.tries.names(now, func(t *try) bool { return t.name != nameless })
	several := Evidence{Tries: all.week, Names: names.week, Seconds: now - all.firstWeek}
	switch {
	case a.Home != Abroad:
		if names.reach(nearPersons) {
			return Accounts, several
		}
	case names.reach(persons), names.burst >= fewPersons && all.burst >= persons.hour, names.week > 1 && all.reach(severals):
		return Accounts, several
	}
	return "", Evidence{}
}

// ofName says by which rule about the name that was tried.
func (w *Watch) ofName(a *attempt, s *source) (Reason, Evidence) {
	now, name := a.now, a.name
	if !a.Exists && everybodys[a.person] {
		return Default, Evidence{Tries: 1, Account: a.Account}
	}
	if len(s.tries.tries) < inWave.hour {
		return "", Evidence{} // no limit is lower
	}
	one, few := s.tries.of(now, func(t *try) bool { return t.name == name }), onePerson
	switch {
	case a.Home == AtNetwork:
		few = atNetwork
	case !a.Exists:
		few = nobodys
	}
	if one.reach(few) || a.Home == AtNetwork && one.burst >= nearBurst {
		return Passwords, Evidence{Tries: one.best(few), Account: a.Account, Seconds: now - one.first(few)}
	}
	if told := s.tries.of(now, func(t *try) bool { return t.name == name && t.password != 0 }); told.reach(nearTold) {
		return Passwords, Evidence{Tries: told.best(nearTold), Account: a.Account, Seconds: now - told.first(nearTold)}
	}
	if t := w.targets[a.Account]; t != nil && a.Home == Abroad && now < t.wave && one.reach(inWave) {
		return Wave, Evidence{Tries: one.day, Account: a.Account, Sources: t.nets(now), Seconds: now - one.firstDay}
	}
	return "", Evidence{}
}

// What a neighbourhood from where nobody ever logged in may try, and from how many addresses at least. Where somebody lives it is
// more, and each of its addresses pays for itself.
var (
	manyOfNetwork   = limit{12, 12, 30}
	sourcesInDay    = 4
	sourcesInWeek   = 8
	manyOfHomely    = 24
	sourcesOfHomely = 8
)

// neighbourhood asks whether a whole network guesses, each address a little.
func (w *Watch) neighbourhood(a *attempt, s *source) []Finding {
	now, of := a.now, a.from.area()
	n := w.networks[of]
	if n == nil {
		makeRoom(w.networks, maxNetworks, func(r *roll) int64 { return r.last() })
		n = &roll{}
		w.networks[of] = n
	}
	n.push(try{at: now, name: a.from.within()})
	if a.Home != Abroad || len(n.tries) < manyOfNetwork.hour {
		return nil
	}
	tries := n.of(now, func(*try) bool { return true })
	if !tries.reach(manyOfNetwork) {
		return nil
	}
	sources := n.names(now, func(*try) bool { return true })
	if w.homely(of, now) {
		own := s.tries.of(now, func(*try) bool { return true })
		if tries.day < manyOfHomely || sources.day < sourcesOfHomely || !own.reach(inWave) {
			return nil
		}
		return w.banning(a.from.prefix(), Network, Evidence{Tries: tries.week, Sources: sources.week, Seconds: now - tries.firstWeek}, a.At)
	}
	enough := tries.day >= manyOfNetwork.day && sources.day >= sourcesInDay || tries.week >= manyOfNetwork.week && sources.week >= sourcesInWeek
	if !enough {
		return nil
	}
	return w.banning(of.prefix(), Network, Evidence{Tries: tries.week, Sources: sources.week, Seconds: now - tries.firstWeek}, a.At)
}

// banning is a ban as a finding; nil where one stands.
func (w *Watch) banning(p netip.Prefix, r Reason, e Evidence, at time.Time) []Finding {
	if b := w.ban(p, r, e, at); b != nil {
		return []Finding{{Ban: b}}
	}
	return nil
}

// source returns what is counted of an address, made if it is new.
func (w *Watch) source(p place) *source {
	s := w.sources[p]
	if s == nil {
		makeRoom(w.sources, maxSources, func(s *source) int64 { return max(s.tries.last(), s.rude.last()) })
		s = &source{}
		w.sources[p] = s
	}
	return s
}

// makeRoom forgets, where there are too many, the one of some that was last seen the longest ago.
func makeRoom[K comparable, V any](m map[K]V, limit int, last func(V) int64) {
	if len(m) < limit {
		return
	}
	const some = 16
	var oldest K
	at, seen := int64(0), 0
	for k, v := range m {
		if t := last(v); seen == 0 || t < at {
			oldest, at = k, t
		}
		if seen++; seen == some {
			break
		}
	}
	delete(m, oldest)
}
