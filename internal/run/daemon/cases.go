package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/lists/cases"
	"postward/internal/lists/dnsbl"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/wire/dns"
)

// casebook is the cases, and what is known of lists. The zero value is ready.
type casebook struct {
	mu   sync.Mutex
	book cases.Book
	set  *dnsbl.Set
	// names is who is asked by which names this server is known; nil: the host's resolver.
	names dns.Resolver
}

// casesName is under which the store keeps the cases.
const casesName = "cases"

// recallCases takes up the cases. That they are lost is no reason not to start: what is listed opens one anew.
func (d *Daemon) recallCases(ctx context.Context) {
	text, err := d.store.Cursor(ctx, casesName)
	if err == nil && text != "" {
		err = d.cases.book.Load(text)
	}
	if err != nil {
		d.log.Warn("what was done about listings is forgotten", "err", err)
	}
}

// openCases takes in what the lists say now.
func (d *Daemon) openCases(l *lists, now time.Time) {
	var all []cases.Listing
	for _, c := range l.watch.Listed() {
		for _, m := range cases.Members(l.set.ByName(c.List), strings.Fields(c.Codes), l.set.ByName) {
			all = append(all, cases.Listing{List: m, Subject: c.Subject, Since: c.Since, Said: c.Said})
		}
	}
	d.cases.mu.Lock()
	defer d.cases.mu.Unlock()
	d.cases.set = l.set
	d.cases.book.Lists(all, now)
	d.keepCases()
}

// keepCases writes down what changed. The caller holds the casebook's mutex.
func (d *Daemon) keepCases() {
	text, err := d.cases.book.Save()
	if err != nil {
		d.log.Error("the cases cannot be kept", "err", err)
	} else if text != "" {
		d.writer.SetCursor(casesName, text)
	}
}

// rule is what is known of the list of a case. The caller holds the mutex.
func (b *casebook) rule(c *cases.Case) *cases.Rule {
	if b.set == nil { // nothing was asked yet
		set, err := dnsbl.Load(config.ListsDir)
		if err != nil {
			return &cases.Rule{Title: c.List, Asks: cases.Unknown}
		}
		b.set = set
	}
	if l := b.set.ByName(c.List); l != nil {
		return cases.RuleOf(l)
	}
	return &cases.Rule{Title: c.List, Asks: cases.Unknown}
}

func (d *Daemon) caseList(ctx context.Context) (ctl.CasesAnswer, error) {
	d.cases.mu.Lock()
	defer d.cases.mu.Unlock()
	return d.casesNow(ctx), nil
}

// casesNow are the cases. The caller holds the mutex.
func (d *Daemon) casesNow(ctx context.Context) ctl.CasesAnswer {
	a := ctl.CasesAnswer{Cases: []ctl.Case{}, Ended: []ctl.Case{}, Watched: len(d.config.Watch.Names) > 0}
	facts, _ := d.caseFacts(ctx)
	for _, v := range d.cases.book.Views(d.cases.rule, facts, time.Now()) {
		a.Cases = append(a.Cases, caseOf(&v))
	}
	for _, c := range d.cases.book.Ended() {
		a.Ended = append(a.Ended, caseOf(&cases.View{Case: c, Rule: d.cases.rule(c)}))
	}
	return a
}

func caseOf(v *cases.View) ctl.Case {
	c := ctl.Case{ID: v.ID, List: v.List, Title: v.Rule.Title, Subject: v.Subject, Said: v.Said, Since: v.Since, Again: v.Again, Between: v.Between,
		Stage: string(v.Stage), Next: v.Next, Earliest: v.Earliest, Left: v.Left, Asks: string(v.Rule.Asks), Rules: v.Rule.Rules, Wants: v.Rule.Wants,
		Link: v.Rule.Link, LinkUnsure: v.Rule.Link != "" && !v.Rule.Sure, Ends: v.Forecast.At, Sure: string(v.Forecast.Sure), Usual: v.Forecast.Words,
		Ended: v.Ended, Outcome: string(v.Outcome), By: v.By}
	for _, o := range v.Obstacles {
		c.Obstacles = append(c.Obstacles, ctl.Obstacle(o))
	}
	for _, r := range v.Requests {
		c.Requests = append(c.Requests, ctl.Request(r))
	}
	return c
}

// nameTime is how long it may take to ask for the names of this server: somebody waits for the answer.
const nameTime = 3 * time.Second

// caseFacts is what was measured of this server, and by which name its first watched address is known; empty: by none that was seen.
func (d *Daemon) caseFacts(ctx context.Context) (*cases.Facts, string) {
	f := &cases.Facts{}
	d.reads(func(s *guard.State) {
		for _, m := range s.Mails() {
			if m.Waiting() && m.Incident != 0 {
				f.Waiting++
			}
		}
		for id, i := range s.Incidents() {
			if i.Status != guard.IncidentClosed {
				f.Incidents = append(f.Incidents, id)
			}
			if at := when(i.LeftAt); i.LeftAt != 0 && isSpam(i) && at.After(f.LastSpam) {
				f.LastSpam = at
			}
		}
	})
	slices.Sort(f.Incidents)
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	var resolver dns.Resolver = &d.resolver
	if d.cases.names != nil {
		resolver = d.cases.names
	}
	host := ""
	for _, name := range d.config.Watch.Names {
		address, err := netip.ParseAddr(name)
		if err != nil {
			continue
		}
		found, wrong := nameOf(ctx, resolver, address)
		if host = cmp.Or(host, found); wrong != nil {
			f.Names = append(f.Names, *wrong)
		}
	}
	return f, host
}

// isSpam reports whether an incident's mail counts as spam: a person said of no mail of it that it was the owner's.
func isSpam(i *guard.Incident) bool { return i.Outcome != "released" }

func when(t guard.Time) time.Time { return time.UnixMilli(int64(t)) }

// nameOf is the name of an address that points back to it, or what is wrong. What the DNS did not say is neither.
func nameOf(ctx context.Context, r dns.Resolver, address netip.Addr) (name string, wrong *cases.Obstacle) {
	names := r.PTR(ctx, address)
	if !names.Outcome.Known() {
		return "", nil
	}
	for _, name := range names.Names[:min(len(names.Names), 10)] {
		switch a := r.Addresses(ctx, name); {
		case slices.Contains(a.Addrs, address):
			return dns.Show(name), nil
		case !a.Outcome.Known():
			return "", nil
		}
	}
	what := fmt.Sprintf("%s has no name", address)
	if len(names.Names) > 0 {
		what = fmt.Sprintf("the name of %s does not point back to it", address)
	}
	return "", &cases.Obstacle{What: what + ": whoever answers looks at that first", Command: "postward check " + address.String()}
}

// actOnCase notes what a person did about a case.
func (d *Daemon) actOnCase(ctx context.Context, actor, verb string, r ctl.CaseRequest) (ctl.CasesAnswer, error) {
	d.cases.mu.Lock()
	defer d.cases.mu.Unlock()
	var err error
	switch now := time.Now(); verb {
	case "case/requested":
		err = d.cases.book.Requested(r.ID, actor, now)
	case "case/denied":
		err = d.cases.book.Denied(r.ID, now)
	default:
		err = d.cases.book.Close(r.ID, actor, now)
	}
	if err != nil {
		return ctl.CasesAnswer{}, err
	}
	d.keepCases()
	d.log.Info("a person acted on a case", "case", r.ID, "verb", verb, "actor", actor)
	return d.casesNow(ctx), d.writer.Flush(ctx)
}

// draftCase writes the request of a case.
func (d *Daemon) draftCase(ctx context.Context, r ctl.DraftRequest) (ctl.DraftAnswer, error) {
	d.cases.mu.Lock()
	defer d.cases.mu.Unlock()
	now := time.Now()
	facts, host := d.caseFacts(ctx)
	v, err := d.cases.book.View(r.ID, d.cases.rule, facts, now)
	if err != nil {
		return ctl.DraftAnswer{}, err
	}
	story := d.storyOf(&v, host)
	draft, err := v.Draft(story, r.Language, facts, now)
	if errors.Is(err, cases.ErrNotYet) {
		return ctl.DraftAnswer{}, &ctl.Problem{What: err.Error(), Hint: fmt.Sprintf("postward case show %d", r.ID)}
	}
	if err == nil {
		err = d.cases.book.Drafted(r.ID, now)
	}
	if err != nil {
		return ctl.DraftAnswer{}, err
	}
	d.keepCases()
	return ctl.DraftAnswer{Case: caseOf(&v), To: draft.To, From: story.Contact, Subject: draft.Subject, Text: draft.Text, Mail: draft.Mail(story.Contact)}, nil
}

// storyOf is what was measured of this server and of the last incident of which something left.
func (d *Daemon) storyOf(v *cases.View, host string) *cases.Story {
	s := &cases.Story{Address: v.Subject, Host: host, Prevents: []cases.Prevention{cases.Watches}}
	if g := d.gate.Status(); g.Enforced && g.Kernel == "" {
		s.Prevents = append(s.Prevents, cases.Bans)
	}
	if _, err := netip.ParseAddr(v.Subject); err != nil { // a domain is listed: it has no name that points back
		s.Host = ""
	}
	d.reads(func(state *guard.State) {
		policy := state.Policy()
		if len(policy.Domains) > 0 {
			s.Domain, s.Contact = policy.Domains[0], "postmaster@"+policy.Domains[0]
		}
		if policy.Enforces(guard.Accounts) && state.Site().Listed > 0 {
			s.Prevents = append(s.Prevents, cases.OnList)
		}
		if policy.Enforces(guard.Budgets) {
			s.Prevents = append(s.Prevents, cases.Budgets)
		}
		s.Incident = lastThatLeft(state)
	})
	if p := d.prover.Load(); p != nil && len(p.Signs()) > 0 {
		s.Prevents = append(s.Prevents, cases.Signed)
	}
	return s
}

// lastThatLeft is the last incident of which something left; nil: there is none.
func lastThatLeft(state *guard.State) (last *cases.Incident) {
	var at guard.Time
	for _, i := range state.Incidents() {
		if i.LeftAt <= at || !isSpam(i) {
			continue
		}
		at = i.LeftAt
		last = &cases.Incident{First: when(i.First), Last: when(i.LeftAt), Left: i.Left, Found: when(i.Opened), Held: i.Held, Deleted: i.Deleted}
		if i.Contained != 0 && !i.Shadow {
			last.Stopped = when(i.Contained)
		}
	}
	return last
}
