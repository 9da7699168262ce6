package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"postward/internal/lists/dnsbl"
)

// matters is the rank of a list's influence from which on being listed there loses mail; below it, and above none, it
// costs some.
const matters = 3

// blocklists asks the lists about the addresses that send and about the domain. How a list is, is never held against
// the target; but what lists that matter did not say is said not to be known.
func (r *run) blocklists(ctx context.Context) string {
	if r.Checker == nil || r.Lists == nil {
		return ""
	}
	if r.invented(ctx) != "" {
		r.find("lists.unknown", r.Target.String(), "nothing that this resolver says of a list can be believed: see the resolver", nil)
		return ""
	}
	words := words{list: map[string]*dnsbl.List{}}
	for _, l := range r.Lists.All() {
		words.list[l.Name] = l
	}
	words.ask(ctx, r)
	for _, w := range words.all {
		if w.Outcome == dnsbl.Listed && w.Role == dnsbl.Block && !words.elsewhere(&w) {
			r.listed(&w, words.list)
		}
	}
	if len(words.refused) > 0 {
		r.find("lists.refused", r.Target.String(), words.refused.String(), &Mend{Do: words.answered(r.Servers)})
	}
	if len(words.unheard) > 0 {
		r.find("lists.unknown", r.Target.String(), words.unheard.String(), nil)
	} else if words.heard == 0 && words.asked > 0 {
		r.find("lists.unknown", r.Target.String(), fmt.Sprintf("no list gave an answer that can be believed (asked: %d)", words.asked), nil)
	}
	return words.line()
}

// words are what the lists said.
type words struct {
	list         map[string]*dnsbl.List
	all          []dnsbl.Result
	asked, heard int
	refused      reasons // lists that matter and refuse us
	refusals     []dnsbl.Refusal
	unheard      reasons  // lists that matter and said nothing that can be believed
	unasked      []string // lists that matter and want a key or a registration
	allowed      []string
}

// ask asks about everything at once.
func (w *words) ask(ctx context.Context, r *run) {
	var subjects []dnsbl.Subject
	for _, a := range r.senders() {
		if !local(a) {
			subjects = append(subjects, dnsbl.Address(a))
		}
	}
	if s, err := dnsbl.DomainName(r.Domain); r.Domain != "" && err == nil {
		subjects = append(subjects, s)
	}
	answers := make([][]dnsbl.Result, len(subjects))
	var all sync.WaitGroup
	for i, s := range subjects {
		lists := slices.DeleteFunc(r.Lists.All(), func(l *dnsbl.List) bool { return !l.Status.Asked() || !l.Lists(s) })
		all.Go(func() { answers[i] = r.Checker.AskAll(ctx, r.Now, lists, s) })
	}
	all.Wait()
	for _, results := range answers {
		for _, result := range results {
			w.add(result, r.Checker)
		}
	}
}

func (w *words) add(r dnsbl.Result, c *dnsbl.Checker) {
	w.all = append(w.all, r)
	l := w.list[r.List]
	important := l.Influence.Level.Rank() >= matters && r.Role == dnsbl.Block && l.CountsAs == ""
	switch r.Outcome {
	case dnsbl.NotAsked:
		switch {
		case !important:
		case c.Public(l):
			w.refuse(dnsbl.WrongResolver, r.Why, r.List)
		default:
			note(&w.unasked, r.List)
		}
		return
	case dnsbl.Listed, dnsbl.Clear:
		w.heard++
		if r.Outcome == dnsbl.Listed && r.Role == dnsbl.Allow {
			w.allowed = append(w.allowed, r.List)
		}
	case dnsbl.Refused:
		if important {
			w.refuse(r.Refusal, r.Why, r.List)
		}
	default:
		if important {
			w.unheard = w.unheard.with(r.Why, r.List)
		}
	}
	w.asked++
}

func (w *words) refuse(of dnsbl.Refusal, why, list string) {
	w.refused = w.refused.with(why, list)
	note(&w.refusals, of)
}

// answered is what to do to be answered, for each reason that was given.
func (w *words) answered(servers []netip.AddrPort) string {
	const own = "Ask through a resolver of your own (unbound is enough) that asks the name servers itself, from an address with a PTR record."
	var do []string
	add := func(of dnsbl.Refusal, sentence string) {
		if slices.Contains(w.refusals, of) {
			do = append(do, sentence)
		}
	}
	add(dnsbl.WrongZone, "The name of the zone has a slip: look into the file that names it (postward lists show NAME says which).")
	if slices.ContainsFunc(servers, func(s netip.AddrPort) bool { return s.Addr().IsLoopback() }) {
		add(dnsbl.WrongResolver, "The resolver on this host may be your own, or hand its questions on to a public one (forward-zone in unbound, forwarders in BIND, server= in dnsmasq, DNS= in resolved): then let it ask the name servers itself, from an address with a PTR record.")
	} else {
		add(dnsbl.WrongResolver, own)
	}
	add(dnsbl.TooMany, "Too many questions came from this resolver today, yours or those of others who share it: ask less, or through a resolver that nobody else has.")
	add("", own)
	return strings.Join(append(do, "A key always works where the list gives one away, and so does registering where it wants that: postward lists show NAME."), " ")
}

// reasons are names of lists by why they said nothing.
type reasons []struct {
	why   string
	lists []string
}

func (r reasons) with(why, list string) reasons {
	for i := range r {
		if r[i].why == why {
			note(&r[i].lists, list)
			return r
		}
	}
	return append(r, struct {
		why   string
		lists []string
	}{why, []string{list}})
}

// String is "a, b (why); c (another why)".
func (r reasons) String() string {
	var words []string
	for _, of := range r {
		words = append(words, strings.Join(of.lists, ", ")+" ("+of.why+")")
	}
	return strings.Join(words, "; ")
}

// note keeps a name once.
func note[T comparable](names *[]T, name T) {
	if !slices.Contains(*names, name) {
		*names = append(*names, name)
	}
}

// elsewhere reports whether a listing counts at another list that has it too.
func (w *words) elsewhere(of *dnsbl.Result) bool {
	parent := w.list[of.List].CountsAs
	return parent != "" && slices.ContainsFunc(w.all, func(r dnsbl.Result) bool {
		return r.List == parent && r.Subject == of.Subject && r.Outcome == dnsbl.Listed
	})
}

// line is what the lists said in one line.
func (w *words) line() string {
	if w.asked == 0 {
		return ""
	}
	line := fmt.Sprintf("on none of the lists that answered; %d of %d answers can be believed", w.heard, w.asked)
	if len(w.unasked) > 0 {
		line += "; not asked, for they want a key or a registration: " + strings.Join(w.unasked, ", ")
	}
	if len(w.allowed) > 0 {
		line += "; known as a good sender to " + strings.Join(w.allowed, ", ")
	}
	return line
}

// listed says that a subject is on a list, and how it leaves it: by the rules of the member list that has it, when an answer
// names one.
func (r *run) listed(w *dnsbl.Result, lists map[string]*dnsbl.List) {
	l := lists[w.List]
	holder := l
	id := ID("lists.unused")
	switch rank := l.Influence.Level.Rank(); {
	case rank >= matters:
		id = "lists.listed"
	case rank > 0:
		id = "lists.minor"
	}
	var said []string
	for _, s := range w.Said {
		if s.Listing {
			said = append(said, s.Answer+" "+s.Means)
			if member := lists[s.List]; member != nil && holder == l {
				holder = member
			}
		}
	}
	saw := l.Title + ": " + strings.Join(said, "; ")
	if w.Reason != "" {
		saw += "; it says: " + w.Reason
	}
	r.find(id, w.Subject+" on "+l.Name, saw, &Mend{Do: leaving(holder)})
}

// leaving is how one leaves a list, in a sentence or two.
func leaving(l *dnsbl.List) string {
	do := "First end what got it listed"
	if l.Because != "" {
		do += " (" + strings.TrimSuffix(l.Because, ".") + ")"
	}
	switch l.Removal.Method {
	case "automatic":
		do += "; then the listing ends by itself"
	case "none":
		do += "; nobody takes entries out there"
	case "paid":
		do += "; do not pay for it"
	default:
		do += "; then ask for removal (" + l.Removal.Method + ")"
	}
	if l.Removal.URL != "" && l.Removal.Method != "paid" {
		do += " at " + l.Removal.URL
	}
	return do + ". All of it: postward lists show " + l.Name + "."
}
