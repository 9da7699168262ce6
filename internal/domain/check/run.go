package check

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/lists/dnsbl"
	"postward/internal/wire/dns"
)

// Bounds of one target.
const (
	MaxHosts = 10 // mail exchangers that are looked at
	MaxAddrs = 20 // addresses: of the target, and of its exchangers
	maxSame  = 20 // findings with one ID: a stranger's record may have a thousand terms
)

// DefaultTimeout lets a person have the whole answer within two seconds.
const DefaultTimeout = 1900 * time.Millisecond

// Target is what is looked at. A part that is missing is found where it can be.
type Target struct {
	Domain    string       // the Author Domain, lower case; empty: only the addresses are looked at
	Addrs     []netip.Addr // what sends its mail; empty: the exchangers' addresses, where it can be seen that they send too
	HELO      string       // what those say in HELO; empty: it is not looked at
	Selectors []string     // of DKIM; empty: the well-known ones
	Own       bool         // ours, or named by the owner: the tries that only an owner may make are made
}

// String is the target in words.
func (t *Target) String() string {
	var words []string
	if t.Domain != "" {
		words = append(words, dns.Show(t.Domain))
	}
	for _, a := range t.Addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}

// Config is with what a check looks.
type Config struct {
	Resolver dns.Resolver
	// Unchecked asks the same servers for answers that do not verify too; nil: nobody.
	Unchecked dns.Resolver
	Servers   []netip.AddrPort // whom Resolver asks; empty: not known
	Doubted   bool             // the way to them is not trusted, so their word that an answer is validated does not count
	Lists     *dnsbl.Set
	Checker   *dnsbl.Checker
	Connect   bool                                                                 // the exchangers are connected to
	Roots     *x509.CertPool                                                       // of their certificates; nil: the system's
	Dial      func(ctx context.Context, network, address string) (net.Conn, error) // nil: net.Dialer's
	Name      string                                                               // our own, to say in HELO
	Timeout   time.Duration                                                        // for everything; 0: DefaultTimeout
	Now       time.Time
}

// Report is what a check found: the worst first, and what should be mended first before what may wait.
type Report struct {
	Target   string        `json:"target"`
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took_ns"`
	Grade    Grade         `json:"grade"` // the worst
	Findings []Finding     `json:"findings"`
	Policy   []string      `json:"spf_tree,omitempty"` // the SPF policy with all that it includes, a line a term
	Skipped  []Topic       `json:"skipped,omitempty"`  // topics that were not to be looked at
	Senders  []Requirement `json:"senders,omitempty"`  // what receivers ask of those who send to them; of a domain only
}

// First is what to mend first, or nil.
func (r *Report) First() *Finding {
	if len(r.Findings) == 0 || !r.Findings[0].Grade.Worth() {
		return nil
	}
	return &r.Findings[0]
}

// run is one check under way.
type run struct {
	Config
	Target
	facts

	mu   sync.Mutex
	emit func(Finding)
	all  []Finding
	many map[ID]int // how often each was found
}

// Run looks at a target until everything is known, or the time is over. Every finding is given to emit as it is
// made, one at a time; emit may be nil.
func Run(ctx context.Context, c Config, t Target, emit func(Finding)) Report {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	began := time.Now()
	r := &run{Config: c, Target: t, emit: emit, many: map[ID]int{}}
	r.learn(ctx)
	var all sync.WaitGroup
	for _, t := range topics {
		all.Go(func() {
			if saw := t.look(r, ctx); saw != "" && !r.said(t.topic) {
				r.find(t.topic.fine(), r.Target.String(), saw, nil)
			}
		})
	}
	all.Wait()
	r.countRest()
	slices.SortStableFunc(r.all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Grade, a.Grade), cmp.Compare(a.ID.urgency(), b.ID.urgency()), cmp.Compare(a.Subject, b.Subject))
	})
	report := Report{Target: r.Target.String(), At: r.Now, Took: time.Since(began), Findings: r.all, Policy: r.tree(), Skipped: r.skipped(), Senders: r.requirements()}
	for i := range r.all {
		report.Grade = max(report.Grade, r.all[i].Grade)
	}
	return report
}

// skipped are the topics that the caller did not want to be looked at.
func (r *run) skipped() (all []Topic) {
	if !r.Connect {
		all = append(all, "smtp", "tls")
	}
	if !r.Own {
		all = append(all, "relay")
	}
	if r.Checker == nil {
		all = append(all, "lists")
	}
	return all
}

// said reports whether a topic has a finding that is not Fine.
func (r *run) said(t Topic) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.all, func(f Finding) bool { return f.Topic == t && f.Grade != Fine })
}

// find emits a finding, with the grade that the catalogue has for it.
func (r *run) find(id ID, subject, saw string, mend *Mend) {
	e := id.entry()
	f := Finding{Topic: id.Topic(), ID: id, Subject: seen(subject), Grade: e.grade, Title: e.title, Seen: seen(saw), Why: e.why, Mend: mend}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.many[id]++; r.many[id] > maxSame {
		return
	}
	r.all = append(r.all, f)
	if r.emit != nil {
		r.emit(f)
	}
}

// countRest lets the last finding of each ID say how many more there were.
func (r *run) countRest() {
	for i, f := range slices.Backward(r.all) {
		if rest := r.many[f.ID] - maxSame; rest > 0 {
			r.all[i].Seen += fmt.Sprintf(", and %d more", rest)
			r.many[f.ID] = 0
		}
	}
}

// unanswered emits that a question had no answer, unless it was answered.
func (r *run) unanswered(t Topic, subject string, a *dns.Answer, what string) bool {
	if a.Outcome.Known() {
		return false
	}
	r.find(t.unknown(), subject, "asked for "+what+": "+a.Outcome.String(), nil)
	return true
}
