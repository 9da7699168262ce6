package investigate

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postward/internal/guard/guess"
	"postward/internal/log/logins"
)

// Guesser is a client that failed to log in.
type Guesser struct {
	Client   netip.Addr `json:"client"`
	ASN      uint32     `json:"asn,omitempty"`
	Country  string     `json:"country,omitempty"`
	Failed   int        `json:"failed"`
	Tried    []Tried    `json:"tried,omitempty"`     // under which names, the most tried first; some of them
	LoggedIn []string   `json:"logged_in,omitempty"` // accounts that it got in as, by SMTP, IMAP or POP3
	Entered  []Entered  `json:"entered,omitempty"`   // those of them that it got in as after failures
	First    time.Time  `json:"first"`
	Last     time.Time  `json:"last"`

	names map[string]int
}

// Tried is a name under which a login failed.
type Tried struct {
	Name   string `json:"name"` // what the client said
	Failed int    `json:"failed"`
}

// Entered is a login that succeeded after others had failed.
type Entered struct {
	Account string    `json:"account"`
	After   int       `json:"after"` // failures
	At      time.Time `json:"at"`
}

// Bounds of what is kept of a guesser.
const (
	maxTried   = 8
	maxEntered = 10
	maxName    = 64 // octets
)

// mistyped is how many failures before a login are nobody's guesses.
const mistyped = 2

// names counts failures by the name that was tried: it may be an account that sends later.
type names map[string]int

// maxNames bounds them.
const maxNames = 20_000

// tried counts failures under a name. A guesser tries many: when there is no room, those that were tried least are forgotten.
func (n names) tried(name string, times int) {
	if name == "" {
		return
	}
	for least := 1; len(n) >= maxNames && n[name] == 0; least *= 2 {
		for other, times := range n {
			if times <= least {
				delete(n, other)
			}
		}
	}
	n[name] += times
}

// maxBans bounds the bans that are reported.
const maxBans = 10_000

// watched has the watch judge an attempt, as if nobody were known before the first line: whoever logged in has an account.
func (i *Investigation) watched(a *logins.Attempt) {
	x, ok := a.Guess()
	if !ok {
		return
	}
	x.ASN, _ = i.options.Where(x.Client)
	for _, f := range i.watch.Take(x) {
		if f.Ban != nil && len(i.report.Bans) < maxBans && !a.At.Before(i.options.Since) {
			b := *f.Ban
			i.report.Bans = append(i.report.Bans, &b)
		}
	}
}

// Kept returns the networks that would have been banned, each once, as it was banned first.
func (r *Report) Kept() []*guess.Ban {
	return slices.DeleteFunc(slices.Clone(r.Bans), func(b *guess.Ban) bool { return b.Times > 1 })
}

// attempted takes what a client tried, if it belongs into the report.
func (i *Investigation) attempted(a logins.Attempt) {
	i.watched(&a)
	if a.At.Before(i.options.Since) {
		return
	}
	switch a.Kind {
	case logins.Failed:
		i.wrong(a)
	case logins.Unchecked:
		i.report.Unchecked += a.Times
	case logins.Good:
		i.gotIn(a)
	}
}

// wrong counts failed logins of a client.
func (i *Investigation) wrong(a logins.Attempt) {
	i.hour(a.At).Wrong += a.Times
	i.names.tried(a.Account, a.Times)
	if !a.Client.IsValid() {
		return
	}
	g := i.report.guessers[a.Client]
	if g == nil {
		if len(i.report.guessers) >= maxGuessers {
			return
		}
		g = &Guesser{Client: a.Client, First: a.At}
		g.ASN, g.Country = i.options.Where(a.Client)
		i.report.guessers[a.Client] = g
	}
	g.Failed, g.Last = g.Failed+a.Times, a.At
	g.tried(a.Account, a.Times)
}

func (g *Guesser) tried(name string, times int) {
	name = strings.ToValidUTF8(name[:min(len(name), maxName)], "?")
	if _, known := g.names[name]; name == "" || !known && len(g.names) >= maxTried {
		return
	}
	if g.names == nil {
		g.names = map[string]int{}
	}
	g.names[name] += times
}

// settle writes the names into what is public.
func (g *Guesser) settle() {
	for _, name := range slices.Sorted(maps.Keys(g.names)) {
		g.Tried = append(g.Tried, Tried{name, g.names[name]})
	}
	slices.SortStableFunc(g.Tried, func(a, b Tried) int { return cmp.Compare(b.Failed, a.Failed) })
}

// gotIn notes that a client that had failed to log in did not fail.
func (i *Investigation) gotIn(a logins.Attempt) {
	g := i.report.guessers[a.Client]
	if g == nil || a.Account == "" || slices.Contains(g.LoggedIn, a.Account) || len(g.LoggedIn) >= maxEntered {
		return
	}
	g.LoggedIn = append(g.LoggedIn, a.Account)
	if g.Failed > mistyped {
		g.Entered = append(g.Entered, Entered{a.Account, g.Failed, a.At})
	}
}

// Broken returns the clients that got in after so many failures that they may have guessed.
func (r *Report) Broken() []*Guesser {
	return slices.DeleteFunc(slices.Clone(r.Guessers), func(g *Guesser) bool { return len(g.Entered) == 0 })
}
