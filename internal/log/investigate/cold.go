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

// StandsOut returns the accounts that postward would have stopped, or held many mails of when it knew them.
func (r *Report) StandsOut() []*Account {
	var out []*Account
	for _, a := range r.Accounts {
		if a.Stopped != nil && (!a.Stopped.Contained.IsZero() || a.suspect() >= many) {
			out = append(out, a)
		}
	}
	return out
}

// Hijacked returns those of them that would have been stopped: the others are only busy.
func (r *Report) Hijacked() []*Account {
	return slices.DeleteFunc(r.StandsOut(), func(a *Account) bool { return a.Stopped.Contained.IsZero() })
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
