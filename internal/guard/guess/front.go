package guess

import (
	"net/netip"
	"slices"
	"time"
)

// front finds who brings nearly everybody: a load balancer, Docker's bridge, a router, that puts its own address in the place of the
// clients'. Who guesses through it cannot be told from those who do not, and to ban it would shut all of them out.
//
// It is told from an office, where thirty people log in, by the mail of strangers, which does not come from an office; and from a spammer,
// who may send most of that, by the people who log in. An address that is not of the internet is spared as long as hardly anybody is
// known to log in from elsewhere: strangers cannot have it. One account, or mail alone, makes nobody a front: a guesser may have both.
// Its fields have capitals for they are written down (memory.go).
type front struct {
	Addr  netip.Addr // who may be it; of IPv6 the /64
	Lead  int        // of it in the vote among logins and mails taken: who has more than half of them wins (Boyer and Moore)
	Began int64      // when the newer of the two weeks began that are counted
	Own   [2]brought // by Addr; the newer week first
	All   [2]brought // by everybody
	Names []uint32   // some of those who logged in there
	Spare spare
	// Inside is how many mails were taken from addresses that are not of the internet, at most maxInside of them: what brings the mail
	// of strangers, and is none, stands for others. So Docker hands on those of IPv4 and hides those of IPv6.
	Inside map[netip.Addr]int
}

// brought is how many logins, and how many mails that were taken, came by an address.
type brought struct{ Good, Taken int }

// spare is what was tried by an address that was spared, within a day.
type spare struct {
	Addr  netip.Addr
	Last  netip.Addr // as it came last
	Tries int
	Names []uint32 // some of them
	At    int64    // the last
}

const (
	mostLead    = 200 // a front of yesterday is outvoted soon
	nearlyAll   = 20  // all but one in so many
	frontBrings = 10  // logins, and mails, at least
	frontMails  = 100 // where nobody logs in at all
	frontPeople = 3
	maxInside   = 16
	toldTries   = 8 // under so many names as frontPeople: more than one telephone with an old password
)

// Front is an address by which nearly everybody comes, and guessers too: nobody of them can be kept out.
type Front struct {
	Client netip.Addr
	Logins int // that came by it
	Mails  int // that were taken from it
	Tries  int // refused logins within a day
}

// Front returns the one that guesses come by, or nil.
func (w *Watch) Front(now time.Time) *Front {
	f := &w.front
	s := &f.Spare
	if s.Tries < toldTries || len(s.Names) < frontPeople || now.Unix()-s.At >= day || !f.hides(s.Addr) {
		return nil
	}
	own := f.own(s.Addr)
	return &Front{Client: s.Last, Logins: own.Good, Mails: own.Taken, Tries: s.Tries}
}

// spares counts what an address brings, and reports whether a client's guess or bad manners are to be passed over, for it is
// everybody's.
func (w *Watch) spares(a *Attempt) ([]Finding, bool) {
	if !a.Client.IsValid() {
		return nil, false
	}
	f, from := &w.front, frontOf(a.Client)
	if a.Kind == Good || a.Kind == Taken {
		f.count(a, from)
		if from != f.Addr {
			return nil, false
		}
		lifted := w.letIn(from, a.At)
		return lifted, lifted != nil // one login that makes nobody at home is no loss
	}
	if a.Shared || from.IsLoopback() || !f.hides(from) {
		return nil, false
	}
	f.Spare.note(a, from)
	return w.letIn(from, a.At), true
}

// letIn lifts the bans of ours, its own and its network's, that an address is under that turns out to be a front. Of its neighbours
// nobody is forgiven.
func (w *Watch) letIn(from netip.Addr, now time.Time) []Finding {
	var lifted []Finding
	p := placeOf(from)
	for _, of := range []netip.Prefix{p.prefix(), p.area().prefix()} {
		if b := w.Ban(of); b != nil && b.By == "" && now.Before(b.Until) && w.front.hides(from) {
			w.Lift(of)
			lifted = append(lifted, Finding{Lift: b})
		}
	}
	if lifted != nil {
		delete(w.sources, p)
	}
	return lifted
}

// frontOf is the address that counts: of IPv6 the /64 without its hosts.
func frontOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() || a.IsLoopback() {
		return a
	}
	return placeOf(a).prefix().Addr()
}

// count counts a login or a mail that was taken. What comes over loopback, as webmail on this host does, does not say how strangers come.
func (f *front) count(a *Attempt, from netip.Addr) {
	if from.IsLoopback() {
		return
	}
	f.turn(a.At.Unix())
	f.All[0].add(a.Kind)
	if a.Kind == Taken && inside(from) {
		f.bringsMail(from)
	}
	switch {
	case from == f.Addr:
		f.Lead = min(f.Lead+1, mostLead)
	case f.Lead > 0 || a.Shared:
		f.Lead = max(f.Lead-1, 0)
		return
	default:
		*f = front{Addr: from, Lead: 1, Began: f.Began, All: f.All, Names: f.Names[:0], Spare: f.Spare, Inside: f.Inside}
	}
	f.Own[0].add(a.Kind)
	if a.Kind == Good {
		f.Names = meet(f.Names, a.Account)
	}
}

// bringsMail counts a mail from an address that is not of the internet.
func (f *front) bringsMail(from netip.Addr) {
	if f.Inside == nil {
		f.Inside = map[netip.Addr]int{}
	}
	makeRoomBut(f.Inside, from, maxInside)
	f.Inside[from] = min(f.Inside[from]+1, 2*frontBrings)
}

// makeRoomBut forgets the one with the fewest mails where another one needs its place.
func makeRoomBut(mails map[netip.Addr]int, but netip.Addr, limit int) {
	if _, is := mails[but]; is || len(mails) < limit {
		return
	}
	least := but
	for a, n := range mails {
		if least == but || n < mails[least] {
			least = a
		}
	}
	delete(mails, least)
}

func (b *brought) add(k Kind) {
	if k == Good {
		b.Good++
	} else {
		b.Taken++
	}
}

// turn begins a new week when it is time.
func (f *front) turn(now int64) {
	if now-f.Began < week {
		return
	}
	last := now-f.Began < 2*week
	for a := range f.Inside {
		f.Inside[a] /= 2
	}
	f.Own, f.All, f.Began = [2]brought{{}, f.Own[0]}, [2]brought{{}, f.All[0]}, now
	if !last {
		f.Own, f.All = [2]brought{}, [2]brought{}
	}
}

func sum(b [2]brought) brought { return brought{b[0].Good + b[1].Good, b[0].Taken + b[1].Taken} }

func (f *front) own(from netip.Addr) brought {
	if from != f.Addr {
		return brought{}
	}
	return sum(f.Own)
}

// hides reports whether nearly everybody comes by an address.
func (f *front) hides(from netip.Addr) bool {
	own, all := f.own(from), sum(f.All)
	switch {
	case f.Inside[from] >= frontBrings:
		return true
	case (all.Good-own.Good)*nearlyAll > all.Good:
		return false
	case inside(from):
		return true
	case (all.Taken-own.Taken)*nearlyAll > all.Taken:
		return false
	case all.Good == 0:
		return own.Taken >= frontMails
	}
	return own.Good >= frontBrings && own.Taken >= frontBrings && len(f.Names) >= frontPeople
}

// carriers are the addresses of networks within networks (RFC 6598), translators those by which a site translates IPv4 as it likes
// (RFC 8215).
var (
	carriers    = netip.MustParsePrefix("100.64.0.0/10")
	translators = netip.MustParsePrefix("64:ff9b:1::/48")
)

// inside reports whether an address is not of the internet: no stranger has it.
func inside(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || carriers.Contains(a) || translators.Contains(a)
}

func (s *spare) note(a *Attempt, from netip.Addr) {
	now := a.At.Unix()
	if s.Addr != from || now-s.At >= day {
		*s = spare{Addr: from}
	}
	s.Last, s.At = a.Client.Unmap(), now
	if a.Kind == Failed {
		s.Tries += max(a.Times, 1)
		s.Names = meet(s.Names, a.Account)
	}
}

// meet remembers a name, if it is one of the first.
func meet(names []uint32, account string) []uint32 {
	if len(names) >= frontPeople || account == "" {
		return names
	}
	if name := hash(person(account)); !slices.Contains(names, name) {
		names = append(names, name)
	}
	return names
}

// shift moves all of it by a step of the clock.
func (f *front) shift(by int64) {
	f.Began += by
	f.Spare.At += by
}
