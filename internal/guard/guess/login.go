package guess

import (
	"net/netip"
	"strings"
	"time"
)

// Refusal is why a login is not let in.
type Refusal string

const (
	RefusedBanned    Refusal = "banned"
	RefusedConfined  Refusal = "confined"
	RefusedProtected Refusal = "protected"
)

// Login is somebody who wants to log in.
type Login struct {
	Account string // whose it is, as in an Attempt
	Client  netip.Addr
	ASN     uint32 // 0: not known
	Home    Home
	Own     bool
	At      time.Time
}

func (l *Login) from() place { return placeOf(l.Client.Unmap().WithZone("")) }

func (l *Login) account() uint32 { return hash(strings.ToLower(l.Account)) }

// May reports whether somebody may log in now, whatever password he has; an empty Refusal: he may.
func (w *Watch) May(l Login) Refusal {
	if l.Own || l.Home == AtAddress || w.Allowed(l.Client) {
		return ""
	}
	from, account, now := l.from(), l.account(), l.At.Unix()
	confined, strict := w.confinedFor(&l, from)
	if strict && !w.Settled(l.Account, l.Client, l.At) {
		return RefusedConfined
	}
	if w.atHome(from, account, now) {
		return ""
	}
	if w.Banned(l.Client, l.At) != nil && !w.lives(from, now) {
		return RefusedBanned
	}
	if confined {
		return RefusedConfined
	}
	if w.protects(l, from) {
		return RefusedProtected
	}
	return ""
}

// Stranger reports whether nobody here ever logged in from where somebody wants to log in.
func (w *Watch) Stranger(l Login) bool {
	if l.Own || l.Home != Abroad || w.Allowed(l.Client) {
		return false
	}
	from, account, now := l.from(), l.account(), l.At.Unix()
	return w.around[from.area()].stay(account, now) == nil && !w.atHome(from, account, now) && !w.lives(from, now)
}

// A stranger may fail so often in an hour before he is kept waiting, a second longer each time, up to maxDelay: who guesses over
// one connection is slowed, and a person does not notice.
const (
	freeTries = 2
	maxDelay  = 5 * time.Second
)

// Delay is how long somebody who wants to log in waits for his answer.
func (w *Watch) Delay(l Login) time.Duration {
	s := w.sources[l.from()]
	if s == nil || !w.Stranger(l) {
		return 0
	}
	failed := s.tries.of(l.At.Unix(), func(*try) bool { return true }).hour
	return min(time.Duration(max(failed-freeTries, 0))*time.Second, maxDelay)
}

// protects reports whether an account is guessed at, and must not be used from a source that it does not know. Who comes for the
// first time from where many live, as by webmail, is one of them; who guesses among them is confined.
func (w *Watch) protects(l Login, from place) bool {
	now, t := l.At.Unix(), w.targets[strings.ToLower(l.Account)]
	if t == nil || l.Home == AtNetwork && now >= t.near {
		return false
	}
	if w.around[from.area()].stay(l.account(), now) != nil || w.manyLive(from, now) {
		return false
	}
	return w.Protected(l.Account, l.At) != nil || t.guesses(from, l.ASN, now)
}
