package daemon

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/log/logins"
	"postward/internal/log/maillog"
	"postward/internal/run/ctl"
	"postward/internal/run/store"
)

// gate is who may log in, and who is kept out: the watch over those who guess, what the kernel is to be told of it, and what the
// operator said. The watch has a mutex of its own, which is taken before the State's and never after it.
type gate struct {
	joiner *logins.Joiner // the log's goroutine's alone, as is failed
	failed time.Time      // when it last told of somebody who failed or guessed

	mu      sync.Mutex
	watch   *guess.Watch
	allow   []netip.Prefix                       // the allow list
	ask     func(context.Context) []netip.Prefix // Postfix for its mynetworks, Dovecot for the proxies it trusts
	trusted []netip.Prefix                       // what it said
	changed bool                                 // of what is written down of it, since it last was
	guessed bool                                 // somebody guessed since then
	saved   time.Time                            // when it was, but for steps of the clock
	saving  sync.Mutex                           // held while it is; taken before mu
	moved   chan struct{}                        // it was shifted by a step of the clock, and is to be written at once
	pause   time.Duration                        // for how long it is not written again
	banned  int                                  // bans since it was last looked which are over
	tell    []netip.Prefix                       // whose bans the kernel has not been told of
	lift    []netip.Prefix                       // networks that the kernel is to let in again
	all     bool                                 // it is to be compared whole with what stands here
	vetted  bool                                 // the parent was asked about each ban that the kernel is not told of; the telling goroutine's alone
	agreed  uint32                               // the generation in which the kernel had the same; 0: none; the telling goroutine's alone
	noted   *store.Ticket                        // of the last that was written into the journal
	news    chan struct{}                        // there are some
	spared  map[netip.Prefix]sparing             // what the parent refused to ban
	refused refusedLogins                        // by Dovecot, at our word
	reports map[bool]time.Time                   // when Dovecot last told how a login ended; true: one of SMTP
	asked   time.Time                            // when Postfix was asked for trusted; the tending goroutine's alone
	unasked error                                // why Dovecot cannot be answered; nil: it can
	keeps   error                                // why the kernel keeps nobody out; nil: it does
}

func newGate(ask func(context.Context) []netip.Prefix) gate {
	return gate{ask: ask, joiner: logins.New(), watch: guess.New(), news: make(chan struct{}, 1), moved: make(chan struct{}, 1), spared: map[netip.Prefix]sparing{}, reports: map[bool]time.Time{}}
}

// Under which names the memory of the watch and the allow list are stored.
const (
	guessName = "guess"
	allowName = "allow"
)

// restoreGate takes up what the gate knew.
func (d *Daemon) restoreGate(ctx context.Context) error {
	text, err := d.store.Cursor(ctx, guessName)
	if err != nil {
		return err
	}
	saved, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		d.gate.watch, err = guess.Restore(saved)
	}
	if err != nil { // the bans are there all the same; who failed to log in will fail again
		d.log.Error("what was remembered of failed logins is not taken up again", "err", err)
		d.gate.watch = guess.New()
	}
	var b guess.Ban
	for row, err := range d.store.Bans(ctx) {
		if b = (guess.Ban{}); err == nil {
			err = json.Unmarshal([]byte(row), &b)
		}
		if err != nil {
			return fmt.Errorf("read a ban: %w", err)
		}
		d.gate.watch.Recall(&b)
	}
	if text, err = d.store.Cursor(ctx, allowName); err != nil {
		return err
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &d.gate.allow); err != nil {
			return fmt.Errorf("read the allow list: %w", err)
		}
	}
	d.gate.watch.Allow(d.gate.allow)
	return nil
}

// hearLogin takes a line, if it tells of a login, or of what a guesser does before one.
func (d *Daemon) hearLogin(text []byte, l *maillog.Line) {
	t := time.Now()
	at := t
	if l.Kind.Understood() && l.Kind != maillog.Repeats {
		if at = l.Stamp.Time(t); at.After(t) {
			at = t
		}
	}
	a := d.gate.joiner.Line(text, l, at)
	if x, ok := a.Guess(); ok && !d.toldElsewhere(&a, t) {
		d.attempted(x)
		if x.Kind.Guesses() {
			d.gate.failed = t
		}
	}
}

// hurries reports whether who failed a moment ago may be about to be banned: lines are read as they come.
func (d *Daemon) hurries() bool { return time.Since(d.gate.failed) < hurry }

const hurry = 100 * time.Millisecond

// toldElsewhere reports whether a login is no news: we refused it, or Dovecot reports each.
func (d *Daemon) toldElsewhere(a *logins.Attempt, t time.Time) bool {
	if a.Kind != logins.Failed {
		return false
	}
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	return d.gate.refused.ours(a.Client, t) || !a.Untold && d.gate.reported(a.Service, t)
}

// reported reports whether Dovecot tells of each login of a service: Postfix may ask another about its own. The caller holds the mutex.
func (g *gate) reported(s logins.Service, t time.Time) bool {
	lately := func(smtp bool) bool { return t.Sub(g.reports[smtp]) < reportsLast }
	switch s {
	case logins.SMTP:
		return lately(true)
	case logins.Mailbox: // a line of Dovecot's that does not name the service
		return lately(true) || lately(false)
	}
	return lately(false)
}

// lateLine is how old a line is that was read too late to tell whether a ban stood in the kernel when it was written. It is shorter than
// what the watch takes for under way.
const lateLine = 5 * time.Second

// attempted has the watch judge an attempt, and carries out what it finds.
func (d *Daemon) attempted(x guess.Attempt) {
	asks := x.Kind.Asks()
	if asks {
		x.ASN = d.asn(x.Client)
	}
	d.lockGate()
	defer d.gate.mu.Unlock()
	d.mu.Lock()
	x.Shared = d.state.Policy().IsWebmail(x.Client)
	d.named(&x)
	if asks {
		d.introduce(&x)
	}
	d.mu.Unlock()
	x.At = x.At.Round(0)
	x.Kept = d.kernelKeeps() && time.Since(x.At) < lateLine
	for _, f := range d.gate.watch.Take(x) {
		d.found(&f)
	}
	d.gate.changed = true
	d.gate.guessed = d.gate.guessed || x.Kind.Guesses()
}

// introduce says what the State knows of an attempt's client and account. The caller holds both mutexes.
func (d *Daemon) introduce(x *guess.Attempt) {
	x.Own = d.state.Policy().IsOwn(x.Client) || d.gate.never(x.Client, time.Now())
	if x.Exists {
		x.Home = homes[guard.Home(d.state, x.Account, x.Client, x.ASN)]
	}
}

// named says whose account an attempt is at. The caller holds the State's mutex.
func (d *Daemon) named(x *guess.Attempt) {
	account := d.accountOf(x.Account)
	if x.Exists = account != ""; x.Exists {
		x.Account = account
		return
	}
	x.Account = d.plain(x.Account)
}

// plain is a name that is no account's that is known here: where the site has one domain, with it and without is the same. The caller
// holds the State's mutex.
func (d *Daemon) plain(name string) string {
	local, domain, full := strings.Cut(name, "@")
	if own := d.state.Policy().Domains; full && len(own) == 1 && domain == own[0] {
		return local
	}
	return name
}

// homes is how well an account knows a source, in the words of the watch.
var homes = map[guard.Level]guess.Home{guard.LevelNetwork: guess.AtNetwork, guard.LevelAddress: guess.AtAddress}

func (d *Daemon) asn(a netip.Addr) uint32 {
	if d.where == nil {
		return 0
	}
	return d.where.Lookup(a).ASN
}

// accountOf finds the account that a name means, with or without a domain of the site's; empty: none is known. The caller holds
// the State's mutex.
func (d *Daemon) accountOf(name string) string {
	if name == "" {
		return ""
	}
	if d.state.Account(name) != nil {
		return name
	}
	local, domain, full := strings.Cut(name, "@")
	for _, own := range d.state.Policy().Domains {
		switch {
		case full && domain == own && d.state.Account(local) != nil:
			return local
		case !full && d.state.Account(name+"@"+own) != nil:
			return name + "@" + own
		}
	}
	return ""
}

// found carries out what the watch found. The caller holds the gate's mutex.
func (d *Daemon) found(f *guess.Finding) {
	switch {
	case f.Ban != nil && d.gate.refusedLately(f.Ban.Prefix, time.Now()):
		d.gate.watch.Lift(f.Ban.Prefix)
	case f.Ban != nil:
		d.banned(f.Ban, "")
	case f.Protect != nil:
		p := f.Protect
		why := fmt.Sprintf("%s from %s guess at it", guard.Count(p.Evidence.Tries, "login"), guard.Count(p.Evidence.Sources, "network"))
		d.note(&guard.Event{Kind: guard.KindProtected, Account: p.Account, Until: guard.TimeOf(p.Until), Text: why})
	case f.Confine != nil:
		c := f.Confine
		why := c.Evidence.String()
		d.note(&guard.Event{Kind: guard.KindConfined, Prefix: c.Prefix, Account: c.Account, Until: guard.TimeOf(c.Until), Text: why})
	case f.Lift != nil:
		d.lifted(f.Lift)
	case f.Cracked != nil:
		c := f.Cracked
		why := c.Evidence.String()
		d.note(&guard.Event{Kind: guard.KindGuessed, Account: c.Account, Network: c.Client, Text: why})
		d.troubles.SetAfter("guessed:"+c.Account, fmt.Sprintf("somebody logged in as %s from %s after %s: if that was not its owner, postward account lock %s, and change the password",
			c.Account, c.Client, why, c.Account), 0, time.Now())
	}
}

// note writes a fact about the gate into the journal. That it cannot be written undoes nothing. The caller holds the gate's mutex.
func (d *Daemon) note(e *guard.Event) {
	e.At = now()
	e.Key = fmt.Sprintf("%s:%s%s:%d", e.Kind, e.Account, e.Prefix, e.At)
	ticket, err := d.record(e)
	if err != nil {
		d.log.Error("what was found at the gate is not written", "kind", e.Kind, "account", e.Account, "err", err)
		return
	}
	d.gate.noted = ticket
}

// takeNoted returns the ticket of what was last written about the gate, once; nil: there is none.
func (d *Daemon) takeNoted() *store.Ticket {
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	noted := d.gate.noted
	d.gate.noted = nil
	return noted
}

// banned writes a ban down and has the kernel told. The caller holds the gate's mutex.
func (d *Daemon) banned(b *guess.Ban, actor string) {
	d.note(&guard.Event{Kind: guard.KindBanned, Actor: actor, Prefix: b.Prefix, Until: guard.TimeOf(b.Until), Text: b.Why()})
	d.keepBan(b)
	if d.gate.banned++; d.gate.banned >= maxTell {
		d.forgetBans(b.Since)
	}
	d.gate.tell = append(d.gate.tell, b.Prefix)
	if len(d.gate.tell) > maxTell { // the kernel is slower than they are: all that stands, then, the newest first
		d.gate.tell, d.gate.all = nil, true
	}
	d.wakeGate()
}

// maxTell bounds the bans that wait to be told one by one.
const maxTell = guess.MaxBans / 10

// wakeGate has the kernel told of what is new.
func (d *Daemon) wakeGate() {
	select {
	case d.gate.news <- struct{}{}:
	default:
	}
}

// gateStatus is what status says of the gate.
func (d *Daemon) gateStatus() ctl.Gate {
	t := d.lockGate()
	defer d.gate.mu.Unlock()
	s := ctl.Gate{Enforced: d.config.BansEnforced(), Bans: d.gate.watch.CountBans(t), Confined: d.gate.watch.CountConfined(t)}
	for _, p := range d.gate.watch.Protections(t) {
		s.Protected = append(s.Protected, p.Account)
	}
	if d.gate.keeps != nil {
		s.Kernel = d.gate.keeps.Error()
	}
	switch {
	case d.config.AuthPolicy.Listen == "":
		s.Unasked = "authpolicy.listen is not set: postward attach --dovecot --apply says what to do"
	case d.gate.unasked != nil:
		s.Unasked = d.gate.unasked.Error()
	}
	return s
}

func (d *Daemon) keepBan(b *guess.Ban) {
	row, err := json.Marshal(b)
	if err != nil { // it cannot be: times and numbers
		d.log.Error("a ban is not written", "network", b.Prefix, "err", err)
		return
	}
	d.writer.SetBan(b.Prefix.String(), string(row))
}

// tendGate forgets what is over and writes down the rest, until ctx ends.
func (d *Daemon) tendGate(ctx context.Context) error {
	ticks := time.NewTicker(gateEvery)
	defer ticks.Stop()
	for {
		d.tend(ctx, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-d.gate.moved:
			d.saveGate(time.Now())
		case <-ticks.C:
		}
	}
}

func (d *Daemon) tend(ctx context.Context, t time.Time) {
	d.askTrusted(ctx, t)
	d.forgetBans(d.lockGate())
	d.gate.mu.Unlock()
	d.tellOfGate(t)
	d.tellOfFront(t)
	d.saveWhenDue(t)
}

// askEvery is how often Postfix is asked whom it trusts.
const askEvery = 10 * time.Minute

// askTrusted asks Postfix whom it trusts, now and then.
func (d *Daemon) askTrusted(ctx context.Context, t time.Time) {
	if d.gate.ask == nil || t.Sub(d.gate.asked) < askEvery {
		return
	}
	d.gate.asked = t
	trusted := d.gate.ask(ctx)
	d.gate.mu.Lock()
	d.gate.trusted = trusted
	d.gate.mu.Unlock()
}

// never reports whether an address is never banned: on the allow list, of mynetworks, a proxy that Dovecot trusts, or what the parent
// refused to ban. The caller holds the mutex.
func (g *gate) never(a netip.Addr, t time.Time) bool {
	return g.watch.Allowed(a) || g.refusal(a, t) != "" || slices.ContainsFunc(g.trusted, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// tellOfGate says in status, and to the owner, at whom many guess. What a person had protected he knows.
func (d *Daemon) tellOfGate(t time.Time) {
	protected := d.gate.watch.Protections(d.lockGate())
	d.gate.mu.Unlock()
	protected = slices.DeleteFunc(protected, func(p *guess.Protection) bool { return p.By != "" })
	text := ""
	if len(protected) > 0 {
		var names []string
		for _, p := range protected[:min(len(protected), 5)] {
			names = append(names, p.Account)
		}
		if more := len(protected) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		text = fmt.Sprintf("many networks guess the password of %s: for a time only who logged in from there before gets in. postward ban list says who is kept out; postward account protect ACCOUNT --off ends it",
			strings.Join(names, ", "))
	}
	d.troubles.SetAfter("guessing", text, time.Minute, t)
}
