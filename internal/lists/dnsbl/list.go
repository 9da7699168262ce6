package dnsbl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Role is what it means to be on a list.
type Role string

// The roles.
const (
	Block      Role = "block"
	Allow      Role = "allow"
	Reputation Role = "reputation" // a score, or a receiver's own opinion that is no list at all
)

// Kind is what a list lists.
type Kind string

// The kinds.
const (
	IPv4   Kind = "ip4"
	IPv6   Kind = "ip6"
	Domain Kind = "domain"
	Hash   Kind = "hash" // of mail addresses; known, not asked
)

// State is how a list is.
type State string

// The states. Only the first two are asked.
const (
	Alive    State = "alive"
	Doubtful State = "doubtful" // sources disagree, or are old: its test points decide
	Retired  State = "retired"  // merged into another, or not to be used any more
	Dead     State = "dead"
	Fraud    State = "fraud" // looks like a list, is a business
)

// Level is how much of the world's mail depends on a list.
type Level string

// Levels is all of them, the least first.
var levels = []Level{"none", "very low", "low", "medium", "high", "very high"}

// Rank is 0 for none to 5 for very high.
func (l Level) Rank() int { return max(0, slices.Index(levels, l)) }

// Access is what it takes to be answered.
type Access string

// The kinds of access.
const (
	Free      Access = "free"
	Register  Access = "register"  // the resolver's address has to be registered with the list
	WithKey   Access = "key"       // the name holds a key
	Customers Access = "customers" // not for us
	NoAccess  Access = "none"      // there is nothing to ask
	NotKnown  Access = "unknown"   // no terms were seen: not asked until the operator says so
)

// List is what is known of one. Texts are plain text of at most maxText octets.
type List struct {
	Name     string   `json:"name"` // lower case letters, digits, hyphens; never re-used
	Title    string   `json:"title"`
	Role     Role     `json:"role"`
	Kinds    []Kind   `json:"kinds"`
	Zones    []string `json:"zones,omitempty"`     // the first is asked, the others are known names of it; "*.zone" only where nobody asks
	Key      string   `json:"key,omitempty"`       // whose key belongs into KeyZone
	KeyZone  string   `json:"key_zone,omitempty"`  // asked instead of the zone when there is a key: "{key}.zen.dq.spamhaus.net"
	Logins   bool     `json:"logins,omitempty"`    // a listing says that the address guesses passwords or uses stolen ones: it may be asked at a login
	CountsAs string   `json:"counts_as,omitempty"` // the list that has this one's data too: a listing counts there, once

	Codes    []Code `json:"codes,omitempty"`    // answers that are a listing
	Notes    []Code `json:"notes,omitempty"`    // answers that are none
	Refusals []Code `json:"refusals,omitempty"` // answers that say that we were not answered; 127.255.255.0/24 always is

	Test      Points    `json:"test"`
	Status    Status    `json:"status"`
	Influence Influence `json:"influence"`
	Because   string    `json:"because,omitempty"`       // what gets one listed
	Lasts     string    `json:"lasts,omitempty"`         // how long
	Expires   int       `json:"expires_hours,omitempty"` // hours after the last hit, when a listing ends by itself
	Removal   Removal   `json:"removal"`
	Terms     Terms     `json:"terms"`
	Advice    string    `json:"advice,omitempty"`
	Certainty string    `json:"certainty"` // confirmed, partly, uncertain
	Doubts    string    `json:"doubts,omitempty"`
	Sources   []string  `json:"sources,omitempty"`
	From      string    `json:"from"` // file:line of its last change
}

// Points are where a list's health shows; empty is RFC 5782 section 5's, "none" is that there is no such point.
type Points struct {
	Listed         string `json:"listed,omitempty"`          // an IPv4 address, 127.0.0.2
	Unlisted       string `json:"unlisted,omitempty"`        // 127.0.0.1
	Expect         string `json:"expect,omitempty"`          // what the listed point answers, when it looks like a refusal
	Listed6        string `json:"listed6,omitempty"`         // ::ffff:7f00:2
	Unlisted6      string `json:"unlisted6,omitempty"`       // ::ffff:7f00:1
	ListedDomain   string `json:"listed_domain,omitempty"`   // none: RFC 5782's TEST is rarely there
	UnlistedDomain string `json:"unlisted_domain,omitempty"` // invalid
}

// Status is how a list is, since when, and what happened.
type Status struct {
	State           State  `json:"state"`
	Since           string `json:"since,omitempty"` // 2024, 2024-06 or 2024-06-05
	ListsEverything bool   `json:"lists_everything,omitempty"`
	Note            string `json:"note,omitempty"`
}

// Asked reports whether a list in that state is asked at all.
func (s *Status) Asked() bool { return s.State == Alive || s.State == Doubtful }

func (s *Status) String() string {
	text := string(s.State)
	if s.Since != "" {
		text += " since " + s.Since
	}
	if s.Note != "" {
		text += ": " + s.Note
	}
	return text
}

// Influence is who uses a list.
type Influence struct {
	Level Level  `json:"level"`
	Who   string `json:"who,omitempty"`
}

// Removal is how one leaves a list.
type Removal struct {
	Method        string   `json:"method"` // one of methods
	URL           string   `json:"url,omitempty"`
	URLFromMemory bool     `json:"url_from_memory,omitempty"` // no source shows it: look before you send somebody there
	Rules         []string `json:"rules,omitempty"`
	Time          string   `json:"time,omitempty"`
	Paid          string   `json:"paid,omitempty"`
	Evidence      string   `json:"evidence,omitempty"`
}

// methods are the ways off a list: by itself, by oneself, a form that people read, one with an account, a mail, the
// provider's mail, the link in the SMTP reply, for money, at the lists that it has its data from, none, not known.
var methods = []string{"automatic", "self-service", "form", "account", "mail", "provider", "reply", "paid", "members", "none", "unknown"}

// Terms are on what conditions a list answers.
type Terms struct {
	Access      Access `json:"access"`
	OwnResolver bool   `json:"own_resolver,omitempty"` // public resolvers are refused
	PerDay      int    `json:"per_day,omitempty"`      // queries
	PerSecond   int    `json:"per_second,omitempty"`
	Text        string `json:"text,omitempty"`
}

// Is reports whether the list lists that kind.
func (l *List) Is(k Kind) bool { return slices.Contains(l.Kinds, k) }

// Lists reports whether the list has subjects of that kind.
func (l *List) Lists(s Subject) bool { return l.Is(s.kind()) }

// Line is the list in one line.
func (l *List) Line() string {
	return fmt.Sprintf("%s: %s (%s of %s, %s)", l.Name, l.Title, l.Role, l.kinds(), l.Status.State)
}

func (l *List) kinds() string {
	words := map[Kind]string{IPv4: "IPv4", IPv6: "IPv6", Domain: "domains", Hash: "hashes"}
	var all []string
	for _, k := range l.Kinds {
		all = append(all, words[k])
	}
	return strings.Join(all, ", ")
}

// Fact is one thing that is known of a list, for people.
type Fact struct{ Label, Text string }

// Facts is everything that is known, in the order in which it is read. What is not known is left out.
func (l *List) Facts() []Fact {
	var all []Fact
	add := func(label string, text string) {
		if text != "" {
			all = append(all, Fact{label, text})
		}
	}
	add("name", l.Name)
	add("title", l.Title)
	add("lists", string(l.Role)+": "+l.kinds())
	add("zone", strings.Join(l.Zones, " "))
	add("zone with key", l.KeyZone)
	add("counts as", l.CountsAs)
	add("status", l.Status.String())
	add("used by", strings.TrimSuffix(string(l.Influence.Level)+": "+l.Influence.Who, ": "))
	add("listed for", l.Because)
	add("lasts", l.Lasts)
	if l.Expires > 0 {
		add("ends by itself", strconv.Itoa(l.Expires)+" h after the last hit")
	}
	l.Removal.facts(add)
	add("terms", l.Terms.String())
	for _, group := range []struct {
		label string
		codes []Code
	}{{"listed", l.Codes}, {"note", l.Notes}, {"refused", l.Refusals}} {
		for i := range group.codes {
			add(group.label, group.codes[i].Text+": "+group.codes[i].Means)
		}
	}
	add("advice", l.Advice)
	add("certainty", strings.TrimSuffix(l.Certainty+": "+l.Doubts, ": "))
	add("sources", strings.Join(l.Sources, "\n"))
	add("said in", l.From)
	return all
}

func (r *Removal) facts(add func(label, text string)) {
	add("removal", r.Method)
	if r.URL != "" && r.URLFromMemory {
		add("where", r.URL+" (no source shows this address)")
	} else {
		add("where", r.URL)
	}
	add("rules", strings.Join(r.Rules, "\n"))
	add("takes", r.Time)
	add("costs", r.Paid)
	add("wants", r.Evidence)
}

func (t *Terms) String() string {
	words := []string{string(t.Access)}
	if t.OwnResolver {
		words = append(words, "public resolvers are refused")
	}
	if t.PerDay > 0 {
		words = append(words, strconv.Itoa(t.PerDay)+" queries a day")
	}
	if t.PerSecond > 0 {
		words = append(words, strconv.Itoa(t.PerSecond)+" a second")
	}
	if t.Text != "" {
		words = append(words, t.Text)
	}
	return strings.Join(words, "; ")
}
