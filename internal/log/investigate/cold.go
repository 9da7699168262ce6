package investigate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// firstDays is how long nobody is known at the beginning of a log: an ordinary account that is busy is held then.
const firstDays = 3 * 24 * time.Hour

// many is from how many mails on an account that was not stopped is worth a word.
const many = 10

// suspect is how much of an account's mail would not have left, once accounts are known.
func (a *Account) suspect() int {
	if a.Cold {
		return 0
	}
	return a.Lost()
}

// rank puts an account that somebody else seems to have sent with before one that is busy, and that before the others.
func (a *Account) rank() int {
	switch {
	case !a.standsOut():
		return 2
	case !a.hijacked():
		return 1
	}
	return 0
}

func (a *Account) standsOut() bool {
	return a.Stopped != nil && (!a.Stopped.Contained.IsZero() || a.suspect() >= many)
}

// StandsOut returns the accounts that postward would have stopped, or held many mails of when it knew them.
func (r *Report) StandsOut() []*Account {
	return keep(slices.Clone(r.Accounts), (*Account).standsOut)
}

// Hijacked returns those of them that somebody else seems to have sent with: what would have been kept came from where the account
// began to write only later, or it would have been stopped and does not just go on as it always did, as a newsletter does.
func (r *Report) Hijacked() []*Account { return keep(r.StandsOut(), (*Account).hijacked) }

// Busy returns the others of them: they write much, from where they always did.
func (r *Report) Busy() []*Account {
	return keep(r.StandsOut(), func(a *Account) bool { return !a.hijacked() })
}

func keep(all []*Account, want func(*Account) bool) []*Account {
	return slices.DeleteFunc(all, func(a *Account) bool { return !want(a) })
}

func (a *Account) hijacked() bool {
	kept, elsewhere := 0, 0
	for _, s := range a.Sources {
		kept += s.Kept
		if s.begun.Sub(a.begun) >= firstDays || s.Kept == s.Mails && a.wroteOtherwise(s) {
			elsewhere += s.Kept
		}
	}
	if kept > 0 && (a.moved || 2*elsewhere >= kept) {
		return true
	}
	return a.Stopped != nil && !a.Stopped.Contained.IsZero() && !a.goesOn()
}

// wroteOtherwise reports whether the account had begun to write from another source before, from where mail left.
func (a *Account) wroteOtherwise(than *Source) bool {
	return slices.ContainsFunc(a.Sources, func(s *Source) bool { return s.Kept < s.Mails && s.begun.Before(than.begun) })
}

// goesOn reports whether what would have been kept comes from sources that the account uses for days, from its first mail on.
func (a *Account) goesOn() bool {
	kept := keptOf(a.Sources)
	return len(kept) > 0 && !slices.ContainsFunc(kept, func(s *Source) bool { return s.begun.Sub(a.begun) >= firstDays || s.Last.Sub(s.begun) < firstDays })
}

func keptOf(sources []*Source) []*Source {
	return slices.DeleteFunc(slices.Clone(sources), func(s *Source) bool { return s.Kept == 0 })
}

// maxNamed bounds the accounts that ColdStart names.
const maxNamed = 12

// ColdStart says which accounts would have had many mails held only because the log begins there; empty: none.
func (r *Report) ColdStart() string {
	var names []string
	more := 0
	for _, a := range r.Accounts {
		switch {
		case !a.Cold || a.Lost() < many:
		case len(names) < maxNamed:
			names = append(names, fmt.Sprintf("%s (%d)", a.Name, a.Lost()))
		default:
			more++
		}
	}
	if len(names) == 0 {
		return ""
	}
	if more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return "on the log's first days nobody is known yet: " + strings.Join(names, ", ") + " would have had mail held; postward attach learns from old logs before it judges"
}
