package dnsbl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"postward/internal/wire/dns"
)

// How many failures in a row open a list's breaker, and for how long it is left alone then.
const (
	failures = 3
	restMin  = 5 * time.Minute
	restMax  = 6 * time.Hour
)

// Options are what the operator has agreed with lists.
type Options struct {
	Keys       map[string]Key  // by List.Key: "spamhaus", "abusix", "spamrats"
	Registered map[string]bool // by List.Name: lists that know the resolver's address
	Public     string          // the public resolver that is asked, as PublicResolver names it; empty is one's own
}

// Checker asks lists. The mutex owns the maps; each zone and operator has its own.
type Checker struct {
	resolver dns.Resolver
	options  Options

	mu        sync.Mutex
	zones     map[string]*zone
	operators map[string]*operator
	inventing map[string]invention // by what the name ended in
}

// invention is whether the resolver answers for a name that nobody has, and until when that is believed.
type invention struct {
	answer string
	until  time.Time
}

// zone is what is remembered of a list that was asked: its health in each kind, and how often it was silent.
type zone struct {
	turn chan struct{} // whoever checks the health holds it

	mu     sync.Mutex
	health map[Kind]Health
	failed int
	rest   time.Time // not asked before
}

// operator is who answers for the zones of a domain: the terms' numbers are for all of them together.
type operator struct {
	turn chan struct{} // goes from query to query, no faster than the terms allow

	mu      sync.Mutex
	day     int64
	queries int
}

// New returns a checker that asks through r.
func New(r dns.Resolver, o Options) *Checker {
	return &Checker{resolver: r, options: o, zones: make(map[string]*zone), operators: make(map[string]*operator), inventing: make(map[string]invention)}
}

// Open returns the lists, those of a directory besides the built-in ones, and who asks them through client, as the operator
// agreed with them: getenv and registered are those of [Set.Options]. An error is a file's, a key's, or a name's that no
// list has.
func Open(client *dns.Client, dir string, getenv func(string) string, registered []string) (*Set, *Checker, error) {
	set, err := Load(dir)
	if err != nil {
		return nil, nil, err
	}
	o, err := set.Options(client.Servers(), getenv, registered)
	if err != nil {
		return nil, nil, err
	}
	return set, New(client, o), nil
}

// String names no more than what it is.
func (c *Checker) String() string { return "DNSBL checker" }

// GoString is String.
func (c *Checker) GoString() string { return c.String() }

// key is the key for l, if it wants one and there is one.
func (c *Checker) key(l *List) Key {
	if l.KeyZone == "" {
		return Key{}
	}
	return c.options.Keys[l.Key]
}

// Zone is the zone that is asked for l, as it may be shown; empty when there is none.
func (c *Checker) Zone(l *List) string {
	if c.key(l).Known() {
		return l.KeyZone
	}
	if len(l.Zones) > 0 {
		return l.Zones[0]
	}
	return ""
}

// name is what is asked for. It may hold a key: it goes to the resolver and nowhere else.
func (c *Checker) name(l *List, s Subject) string {
	if key := c.key(l); key.Known() {
		return s.label() + "." + key.in(l.KeyZone)
	}
	return s.label() + "." + c.Zone(l)
}

// Refuses says why l is not asked at all, or is empty. Registration, a key, a resolver of one's own are for the
// operator to get.
func (c *Checker) Refuses(l *List) string {
	keyed := c.key(l).Known()
	switch {
	case !l.Status.Asked():
		return l.Status.String()
	case len(l.Zones) == 0 && l.KeyZone == "" && l.CountsAs != "":
		return "its answers come with " + l.CountsAs
	case len(l.Zones) == 0 && l.KeyZone == "":
		return "it has no zone that could be asked"
	case keyed:
		return ""
	case l.Terms.Access == WithKey || len(l.Zones) == 0:
		return "it wants a key, and there is none of " + l.Key
	case l.Terms.Access == Register && !c.options.Registered[l.Name]:
		return "it wants the resolver's address registered"
	case l.Terms.Access == NotKnown:
		return "its terms are not known"
	case l.Terms.Access == Customers, l.Terms.Access == NoAccess:
		return "it answers customers only"
	case c.Public(l):
		return "it refuses public resolvers, and " + c.options.Public + " is one"
	}
	return ""
}

// Public reports whether l is not asked because it refuses the public resolver that we ask.
func (c *Checker) Public(l *List) bool {
	return l.Status.Asked() && l.Terms.OwnResolver && c.options.Public != "" && !c.key(l).Known()
}

// cannot says why l is not asked for s, or is empty.
func (c *Checker) cannot(l *List, s Subject, now time.Time) string {
	if why := c.Refuses(l); why != "" {
		return why
	}
	switch {
	case s.nobodys():
		return s.String() + " is nobody's address on the internet"
	case !l.Is(s.kind()):
		return "it lists " + l.kinds() + " only"
	case !askable(c.name(l, s)):
		return "the name is too long to be asked for there"
	case c.operator(l).spent(l.Terms.PerDay, now):
		return fmt.Sprintf("the queries of today, %d by its terms, are used up", l.Terms.PerDay)
	}
	return ""
}

func askable(name string) bool {
	_, ok := dns.Canonical(name)
	return ok
}

// zone returns what is remembered of l.
func (c *Checker) zone(l *List) *zone {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := l.Name + " " + c.Zone(l)
	z := c.zones[at]
	if z == nil {
		z = &zone{turn: make(chan struct{}, 1), health: make(map[Kind]Health)}
		c.zones[at] = z
	}
	return z
}

// operator returns who answers for l's zone: the last two labels of its name.
func (c *Checker) operator(l *List) *operator {
	labels := strings.Split(c.Zone(l), ".")
	domain := strings.Join(labels[max(0, len(labels)-2):], ".")
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.operators[domain]
	if o == nil {
		o = &operator{turn: make(chan struct{}, 1)}
		c.operators[domain] = o
	}
	return o
}

// perSubject is what asking for one subject costs at most: four points, the subject, its text.
const perSubject = 6

// spent reports whether another subject would go beyond so many queries a day; 0 is no limit.
func (o *operator) spent(perDay int, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if day := now.Unix() / 86400; day != o.day {
		o.day, o.queries = day, 0
	}
	return perDay > 0 && o.queries+perSubject > perDay
}

// errWaited is the end of the context before a query's turn came.
var errWaited = errors.New("no turn")

// query asks one question of l's zone, at the pace that its terms allow. The error is errWaited.
func (c *Checker) query(ctx context.Context, l *List, s Subject, t dns.Type) (dns.Answer, error) {
	o := c.operator(l)
	if err := o.wait(ctx, l.Terms.PerSecond); err != nil {
		return dns.Answer{Outcome: dns.Timeout}, err
	}
	o.mu.Lock()
	o.queries++
	o.mu.Unlock()
	return c.resolver.Lookup(ctx, c.name(l, s), t), nil
}

// wait takes the operator's turn and gives it back after the pause between two queries.
func (o *operator) wait(ctx context.Context, perSecond int) error {
	if perSecond == 0 {
		return nil
	}
	select {
	case o.turn <- struct{}{}:
		time.AfterFunc(time.Second/time.Duration(perSecond), func() { <-o.turn })
		return nil
	case <-ctx.Done():
		return errWaited
	}
}

// resting says until when a silent list is left alone, or is zero.
func (z *zone) resting(now time.Time) time.Time {
	z.mu.Lock()
	defer z.mu.Unlock()
	if now.Before(z.rest) {
		return z.rest
	}
	return time.Time{}
}

// heard counts silence. Three times in a row, and the list rests: five minutes, and twice as long each time that it
// is still silent afterwards.
func (z *zone) heard(silent bool, now time.Time) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if !silent {
		z.failed = 0
		return
	}
	if z.failed++; z.failed >= failures {
		z.rest = now.Add(min(restMin<<min(z.failed-failures, 10), restMax))
	}
}

// known is the health in a kind as it was found, if that is not too long ago.
func (z *zone) known(k Kind, now time.Time) (Health, bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	h := z.health[k]
	return h, h.Condition != "" && now.Before(h.Until) && !now.Before(h.Checked.Add(-time.Minute))
}

func (z *zone) found(k Kind, h Health) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.health[k] = h
}

// invents is what the resolver answers for a name that nobody has: below .invalid (RFC 6761 section 6.4), or below a list's
// top-level domain, for some resolvers know the first and rewrite the rest; empty: it says that there is no such name. It is asked
// when a list seems to answer for everything: then it may be the resolver's word and not the list's.
func (c *Checker) invents(ctx context.Context, now time.Time, l *List) string {
	zone := c.Zone(l)
	for _, end := range []string{".invalid", zone[strings.LastIndexByte("."+zone, '.'):]} {
		if answer := c.inventsBelow(ctx, now, "."+strings.TrimPrefix(end, ".")); answer != "" {
			return answer
		}
	}
	return ""
}

func (c *Checker) inventsBelow(ctx context.Context, now time.Time, end string) string {
	c.mu.Lock()
	known := c.inventing[end]
	c.mu.Unlock()
	if now.Before(known.until) {
		return known.answer
	}
	a := c.resolver.Lookup(ctx, randomLabel()+randomLabel()+end, dns.A)
	if !a.Outcome.Known() {
		return ""
	}
	known = invention{until: now.Add(badFor)}
	if len(a.Addrs) > 0 {
		known.answer = a.Addrs[0].String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inventing[end] = known
	return known.answer
}
