package publish

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/domain/mtasts"
	"postward/internal/wire/dns"
)

// Topic is what a record is about.
type Topic string

// The topics.
const (
	SPF    Topic = "spf"
	DKIM   Topic = "dkim"
	DMARC  Topic = "dmarc"
	TLSRPT Topic = "tls-rpt"
	MTASTS Topic = "mta-sts"
)

// Act is what has to be done about a record.
type Act string

// The acts. Hand is for what only a person can decide; Why says what. Unknown could not be learned.
const (
	Keep    Act = "keep"
	Add     Act = "add"
	Change  Act = "change"
	Remove  Act = "remove"
	Hand    Act = "by hand"
	Unknown Act = "unknown"
)

// Site is what a domain's zone is to say.
type Site struct {
	Domain  string       // lower case, no final dot
	Senders []netip.Addr // what sends its mail; none: what check takes for it
	Keys    []Record
	Reports string      // a mail address that DMARC and TLS reports go to; empty: postmaster of the domain
	MTASTS  mtasts.Mode // empty: no policy of ours; a record that is there is looked at all the same
}

// Config is with what a plan is made.
type Config struct {
	Resolver dns.Resolver
	Primary  netip.AddrPort // the server that is asked first and that updates go to; invalid: the one that the SOA record names
	Timeout  time.Duration  // for everything; 0: 20 s
	Now      time.Time
	Web      mtasts.Config // how the domain's policy host is asked
}

// Item is one record: what is there, and what should be.
type Item struct {
	Topic Topic    `json:"topic"`
	Name  string   `json:"name"` // no final dot
	Act   Act      `json:"act"`
	Want  string   `json:"want,omitempty"` // the text; empty: none of this topic, or it is not known
	Now   []string `json:"now,omitempty"`  // texts of this topic that are there
	Gone  []string `json:"gone,omitempty"` // those that go
	Other int      `json:"other"`          // texts at the name that are none of ours, and stay
	TTL   uint32   `json:"ttl"`
	Why   []string `json:"why,omitempty"`
	Zone  string   `json:"zone,omitempty"`
	Seen  []Seen   `json:"seen,omitempty"` // the primary first, the resolver last
	// Behind are the servers that do not say what the primary says.
	Behind []string `json:"behind,omitempty"`

	truth Seen // what the acts are made of
}

// Differs reports whether something is not as it should be.
func (i *Item) Differs() bool { return i.Act != Keep && i.Act != Unknown || len(i.Behind) > 0 }

// Changes reports whether an update has something to do.
func (i *Item) Changes() bool { return i.Act == Add || i.Act == Change || i.Act == Remove }

// Field is the wanted record for a web form.
func (i *Item) Field(domain string) Field {
	zone := i.Zone
	if zone == "" {
		zone = domain
	}
	return field(zone, i.Name, i.Want)
}

// Plan is what has to be done for a domain.
type Plan struct {
	Domain string           `json:"domain"`
	At     time.Time        `json:"at"`
	Items  []*Item          `json:"records"`
	Zones  map[string]*Zone `json:"zones"` // by apex
	Policy string           `json:"mta_sts_policy,omitempty"`
	Notes  []string         `json:"notes,omitempty"`
}

// Differs reports whether something is not as it should be.
func (p *Plan) Differs() bool { return slices.ContainsFunc(p.Items, (*Item).Differs) }

// Learned reports whether it is known of every record.
func (p *Plan) Learned() bool {
	return !slices.ContainsFunc(p.Items, func(i *Item) bool { return i.Act == Unknown })
}

// defaultTimeout lets slow servers answer, and a person wait.
const defaultTimeout = 20 * time.Second

// Look makes the plan for a domain. An error is about the site or the way to its zone; what single servers did not answer is in
// the items.
func Look(ctx context.Context, c Config, s Site) (*Plan, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var notes []string
	s.Keys, notes = lookedAt(s.Keys)
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	l := &look{Config: c, Site: s, plan: &Plan{Domain: s.Domain, At: c.Now, Zones: map[string]*Zone{}, Notes: notes}}
	if err := l.learn(ctx); err != nil {
		return nil, err
	}
	l.judge(ctx)
	return l.plan, nil
}

func (s *Site) check() error {
	if n := len(signing(s.Keys)); n > maxKeys {
		return fmt.Errorf("publish %d keys: at most %d are: retire some, or name those that are meant with --dkim", n, maxKeys)
	}
	for i := range s.Keys {
		if err := s.Keys[i].check(); err != nil {
			return err
		}
		if n := slices.IndexFunc(s.Keys, func(k Record) bool { return k.Selector == s.Keys[i].Selector }); n != i {
			return fmt.Errorf("publish the key %q: there are two with that selector: give each its own", s.Keys[i].Selector)
		}
	}
	if s.Reports != "" && (!strings.Contains(s.Reports, "@") || strings.ContainsAny(s.Reports, " ,;!\"\\<>:?%\t\r\n")) {
		return fmt.Errorf("send the reports to %q: it is no plain mail address like postmaster@example.org", s.Reports)
	}
	if !slices.Contains([]mtasts.Mode{"", mtasts.Testing, mtasts.Enforce, mtasts.None}, s.MTASTS) {
		return fmt.Errorf("publish the MTA-STS mode %q: it is testing, enforce or none", s.MTASTS)
	}
	return nil
}

// reports is whom reports go to.
func (s *Site) reports() string {
	if s.Reports != "" {
		return s.Reports
	}
	return "postmaster@" + s.Domain
}

// look is a plan that is made.
type look struct {
	Config
	Site
	plan *Plan
}

// learn finds the zone of every name, and asks its servers and the resolver.
func (l *look) learn(ctx context.Context) error {
	l.plan.Items = l.items()
	var all sync.WaitGroup
	for _, i := range l.plan.Items {
		err := l.place(ctx, i)
		if err != nil && i.Name == l.Domain {
			return err
		}
		if err != nil {
			i.Act, i.Why, i.truth.Outcome = Unknown, []string{err.Error()}, dns.Failure
			continue
		}
		all.Go(func() { l.ask(ctx, i) })
	}
	all.Wait()
	return ctx.Err()
}

// items are the records that there are to be, not yet looked at.
func (l *look) items() []*Item {
	all := []*Item{{Topic: SPF, Name: l.Domain}}
	for i := range l.Keys {
		all = append(all, &Item{Topic: DKIM, Name: keyName(l.Keys[i].Selector, l.Domain)})
	}
	return append(all, &Item{Topic: DMARC, Name: "_dmarc." + l.Domain}, &Item{Topic: TLSRPT, Name: "_smtp._tls." + l.Domain}, &Item{Topic: MTASTS, Name: "_mta-sts." + l.Domain})
}

// keyName is where a key stands (RFC 6376 section 3.6.2.1).
func keyName(selector, domain string) string { return selector + "._domainkey." + domain }

// place finds the zone that an item stands in. That the servers of a zone are not to be had is no error: the resolver's word is
// left then.
func (l *look) place(ctx context.Context, i *Item) error {
	apex, primary, err := apexOf(ctx, l.Resolver, i.Name)
	if err != nil {
		return err
	}
	i.Zone = apex
	if l.plan.Zones[apex] != nil {
		return nil
	}
	z, err := findZone(ctx, l.Resolver, apex, primary, l.given(ctx, apex))
	if err != nil {
		l.plan.Notes = append(l.plan.Notes, err.Error())
	}
	l.plan.Zones[apex] = z
	return nil
}

// given is the primary server that was named, where it is that zone's. It is the domain's own that is meant; a part that another
// provider serves has another.
func (l *look) given(ctx context.Context, apex string) netip.AddrPort {
	own := len(l.plan.Zones) == 0 // the domain's name is the first that is looked for
	if !own && l.Primary.IsValid() && !askServer(ctx, Server{"primary", l.Primary}, apex).Outcome.Known() {
		return netip.AddrPort{}
	}
	return l.Primary
}

// ask asks everybody about an item.
func (l *look) ask(ctx context.Context, i *Item) {
	servers := l.plan.Zones[i.Zone].all()
	i.Seen = make([]Seen, len(servers)+1)
	var all sync.WaitGroup
	for n, s := range servers {
		all.Go(func() { i.Seen[n] = askServer(ctx, s, i.Name) })
	}
	all.Go(func() { i.Seen[len(servers)] = askResolver(ctx, l.Resolver, i.Name) })
	all.Wait()
	i.truth = i.Seen[len(servers)]
	for n := range i.Seen {
		if i.Seen[n].Outcome.Known() {
			i.truth = i.Seen[n]
			break
		}
	}
	i.TTL = i.truth.ttl()
	i.compare()
	if i.truth.Alias != "" { // what it leads to the resolver has found
		i.truth.Outcome, i.truth.Texts = i.Seen[len(servers)].Outcome, i.Seen[len(servers)].Texts
	}
}

// compare names who says something else than what counts.
func (i *Item) compare() {
	i.Behind = nil
	for n := range i.Seen {
		s := &i.Seen[n]
		if resolver := n == len(i.Seen)-1; resolver && i.truth.Alias != "" {
			continue // it has followed the alias
		}
		there := s.Outcome == dns.Answered || i.truth.Outcome == dns.Answered
		if !s.Outcome.Known() || there && !s.same(&i.truth) {
			i.Behind = append(i.Behind, s.Server)
		}
	}
}

// current answers as the authoritative servers do where they were asked, and as the resolver elsewhere.
type current struct {
	dns.Resolver
	truth map[string]Seen
}

func (c current) TXT(ctx context.Context, name string) dns.Answer {
	s, asked := c.truth[strings.ToLower(strings.TrimSuffix(name, "."))]
	if !asked {
		return c.Resolver.TXT(ctx, name)
	}
	return dns.Answer{Outcome: s.Outcome, Texts: s.Texts}
}

// now is the resolver by which the items are judged. What is an alias is followed by the host's own resolver.
func (l *look) now() dns.Resolver {
	c := current{l.Resolver, map[string]Seen{}}
	for _, i := range l.plan.Items {
		if i.truth.Alias == "" {
			c.truth[i.Name] = i.truth
		}
	}
	return c
}
