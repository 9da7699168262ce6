package investigate

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postward/internal/log/maillog"
	"postward/internal/mail/message"
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

// wrong counts failed logins of a client.
func (i *Investigation) wrong(l *maillog.Line, times int, at time.Time) {
	if times <= 0 {
		return
	}
	i.hour(at).Wrong += times
	name := message.Account(string(l.SASLUsername))
	i.logins.tried(name, times)
	addr, err := netip.ParseAddr(string(l.Client.Addr))
	if err != nil {
		return
	}
	addr = addr.Unmap()
	g := i.report.guessers[addr]
	if g == nil {
		if len(i.report.guessers) >= maxGuessers {
			return
		}
		g = &Guesser{Client: addr, First: at}
		g.ASN, g.Country = i.options.Where(addr)
		i.report.guessers[addr] = g
	}
	g.Failed, g.Last = g.Failed+times, at
	g.tried(name, times)
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
func (i *Investigation) gotIn(l *maillog.Line, at time.Time) {
	addr := l.Client.Addr
	if l.Origin.Addr != nil {
		addr = l.Origin.Addr
	}
	client, err := netip.ParseAddr(string(addr))
	if err != nil || len(l.SASLUsername) == 0 {
		return
	}
	g, account := i.report.guessers[client.Unmap()], message.Account(string(l.SASLUsername))
	if g == nil || slices.Contains(g.LoggedIn, account) || len(g.LoggedIn) >= maxEntered {
		return
	}
	g.LoggedIn = append(g.LoggedIn, account)
	if g.Failed > mistyped {
		g.Entered = append(g.Entered, Entered{account, g.Failed, at})
	}
}

// Broken returns the clients that got in after so many failures that they may have guessed.
func (r *Report) Broken() []*Guesser {
	return slices.DeleteFunc(slices.Clone(r.Guessers), func(g *Guesser) bool { return len(g.Entered) == 0 })
}
