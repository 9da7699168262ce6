package cases

import (
	"time"

	"postward/internal/lists/dnsbl"
)

// How long no spam may have left before somebody is asked, by who answers (the knowledge is in lists.yaml; these two are ours: a machine lists
// again at once what still sends, a person believes nobody twice).
const (
	quietForMachines = 6 * time.Hour
	quietForPeople   = 24 * time.Hour
)

// pauses are how long one waits after each request before the next one. Who was asked as often is not asked again.
var pauses = []time.Duration{7 * 24 * time.Hour, 30 * 24 * time.Hour, 30 * 24 * time.Hour}

// Rule is what leads off a list.
type Rule struct {
	Title string
	Asks  Asks
	// Expires is how long after the last spam the listing ends by itself; 0: it does not, or nobody says after what time.
	Expires time.Duration
	Lasts   string // the same in words
	Quiet   time.Duration
	Rules   []string
	Wants   string // evidence
	Usual   string // how long an answer usually takes, in words
	Link    string
	Sure    bool // a source shows the link: else look before you go there
	Level   dnsbl.Level
}

// Asks is who can ask, and how.
type Asks string

// The ways. None of them costs money: what is for money is not advised.
const (
	Nobody   Asks = "nobody"   // it ends by itself
	Self     Asks = "self"     // a form that a machine answers
	People   Asks = "people"   // a form, an account or a mail that people answer
	Provider Asks = "provider" // the owner of the network alone
	Unknown  Asks = "unknown"  // nothing is known, or there is nobody
)

// ways are what the methods of lists.yaml mean. A list whose data is its members' has no way of its own.
var ways = map[string]Asks{
	"automatic": Nobody, "self-service": Self, "form": People, "account": People, "mail": People, "reply": People, "provider": Provider,
}

// RuleOf is a list's.
func RuleOf(l *dnsbl.List) *Rule {
	asks, known := ways[l.Removal.Method]
	if !known {
		asks = Unknown
	}
	r := &Rule{Title: l.Title, Asks: asks, Expires: time.Duration(l.Expires) * time.Hour, Lasts: l.Lasts, Rules: l.Removal.Rules, Wants: l.Removal.Evidence,
		Usual: l.Removal.Time, Link: l.Removal.URL, Sure: !l.Removal.URLFromMemory, Level: l.Influence.Level}
	switch asks {
	case Self:
		r.Quiet = quietForMachines
	case People, Provider:
		r.Quiet = quietForPeople
	}
	return r
}

// Members are the lists that a listing comes from, by the answers that list it: a request goes to each of them, and none to their sum.
// The list itself where it says nothing of that.
func Members(l *dnsbl.List, answers []string, list func(name string) *dnsbl.List) (all []*dnsbl.List) {
	for _, answer := range answers {
		for _, name := range l.MembersOf(answer) {
			if m := list(name); m != nil {
				all = append(all, m)
			}
		}
	}
	if len(all) == 0 {
		return []*dnsbl.List{l}
	}
	return all
}
