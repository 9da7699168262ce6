package gate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/warden"
	"postward/internal/log/logins"
	"postward/internal/log/maillog"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/run/health"
	"postward/internal/run/store"
	"postward/internal/wire/netinfo"
)

// Gate is the watch over those who guess, what the kernel is to be told of it, and what the operator said.
type Gate struct {
	config   *config.Config
	log      *slog.Logger
	store    *store.Store
	writer   *store.Writer
	warden   *warden.Client
	where    netinfo.DB
	troubles *health.Troubles
	ask      func(context.Context) []netip.Prefix
	state    func(func(*guard.State))
	stepped  func() time.Duration
	record   func(*guard.Event) (*store.Ticket, error)
	reading  func(account string, client netip.Addr)

	joiner *logins.Joiner // the log's goroutine's alone, as is failed
	failed time.Time      // when it last told of somebody who failed or guessed

	mu       sync.Mutex
	watch    *guess.Watch
	allow    []netip.Prefix           // the allow list
	trusted  []netip.Prefix           // what ask said
	changed  bool                     // of what is written down of it, since it last was
	guessed  bool                     // somebody guessed since then
	saved    time.Time                // when it was, but for steps of the clock
	saving   sync.Mutex               // held while it is; taken before mu
	moved    chan struct{}            // it was shifted by a step of the clock, and is to be written at once
	pause    time.Duration            // for how long it is not written again
	unpruned int                      // bans since it was last looked which are over
	tell     []netip.Prefix           // whose bans the kernel has not been told of
	lift     []netip.Prefix           // networks that the kernel is to let in again
	all      bool                     // it is to be compared whole with what stands here
	vetted   bool                     // the parent was asked about each ban that the kernel is not told of; the telling goroutine's alone
	agreed   uint32                   // the generation in which the kernel had the same; 0: none; the telling goroutine's alone
	noted    *store.Ticket            // of the last that was written into the journal
	news     chan struct{}            // there are some
	sparings map[netip.Prefix]sparing // what the parent refused to ban
	refused  refusedLogins            // by Dovecot, at our word
	reports  map[bool]time.Time       // when Dovecot last told how a login ended; true: one of SMTP
	asked    time.Time                // when Postfix was asked for trusted; the tending goroutine's alone
	unasked  error                    // why Dovecot cannot be answered; nil: it can
	keeps    error                    // why the kernel keeps nobody out; nil: it does

	lists loginLists
}

// Under which names the memory of the watch and the allow list are stored.
const (
	guessName = "guess"
	allowName = "allow"
)

// Restore takes up what the gate knew.
func (g *Gate) Restore(ctx context.Context) error {
	text, err := g.store.Cursor(ctx, guessName)
	if err != nil {
		return err
	}
	saved, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		g.watch, err = guess.Restore(saved)
	}
	if err != nil { // the bans are there all the same; who failed to log in will fail again
		g.log.Error("what was remembered of failed logins is not taken up again", "err", err)
		g.watch = guess.New()
	}
	if err := g.recallBans(ctx); err != nil {
		return err
	}
	if text, err = g.store.Cursor(ctx, allowName); err != nil {
		return err
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &g.allow); err != nil {
			return fmt.Errorf("read the allow list: %w", err)
		}
	}
	g.watch.Allow(g.allow)
	return nil
}

// recallBans takes up the bans that were written down.
func (g *Gate) recallBans(ctx context.Context) error {
	n, err := g.store.CountBans(ctx)
	if err != nil {
		return err
	}
	g.watch.Expect(n)
	var b guess.Ban
	for row, err := range g.store.Bans(ctx) {
		if b = (guess.Ban{}); err == nil {
			err = json.Unmarshal([]byte(row), &b)
		}
		if err != nil {
			return fmt.Errorf("read a ban: %w", err)
		}
		g.watch.Recall(&b)
	}
	return nil
}

// Hear takes a line of the log, if it tells of a login, or of what a guesser does before one.
func (g *Gate) Hear(text []byte, l *maillog.Line) {
	t := time.Now()
	at := t
	if l.Kind.Understood() && l.Kind != maillog.Repeats {
		if at = l.Stamp.Time(t); at.After(t) {
			at = t
		}
	}
	a := g.joiner.Line(text, l, at)
	if x, ok := a.Guess(); ok && !g.toldElsewhere(&a, t) {
		g.attempted(x)
		if x.Kind.Guesses() {
			g.failed = t
		}
	}
}

// Hurries reports whether who failed a moment ago may be about to be banned: lines are read as they come.
func (g *Gate) Hurries() bool { return time.Since(g.failed) < hurry }

// hurry is how long after a guess the next one may be the one that bans.
const hurry = 2 * time.Second

// toldElsewhere reports whether a login is no news: we refused it, or Dovecot reports each.
func (g *Gate) toldElsewhere(a *logins.Attempt, t time.Time) bool {
	if a.Kind != logins.Failed {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused.ours(a.Client, t) || !a.Untold && g.reported(a.Service, t)
}

// reported reports whether Dovecot tells of each login of a service: Postfix may ask another about its own. The caller holds the mutex.
func (g *Gate) reported(s logins.Service, t time.Time) bool {
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
func (g *Gate) attempted(x guess.Attempt) {
	asks := x.Kind.Asks()
	if asks {
		x.ASN = g.asn(x.Client)
	}
	g.lock()
	defer g.mu.Unlock()
	g.state(func(s *guard.State) {
		x.Shared = s.Policy().IsWebmail(x.Client)
		x.Account, x.Exists = Named(s, x.Account)
		if asks {
			g.introduce(s, &x)
		}
	})
	x.At = x.At.Round(0)
	x.Kept = g.kernelKeeps() && time.Since(x.At) < lateLine
	for _, f := range g.watch.Take(x) {
		g.found(&f)
	}
	g.changed = true
	g.guessed = g.guessed || x.Kind.Guesses()
}

// introduce says what the State knows of an attempt's client and account. The caller holds both mutexes.
func (g *Gate) introduce(s *guard.State, x *guess.Attempt) {
	x.Own = s.Policy().IsOwn(x.Client) || g.never(x.Client, time.Now())
	if x.Exists {
		x.Home = homes[guard.Home(s, x.Account, x.Client, x.ASN)]
	}
}

// homes is how well an account knows a source, in the words of the watch.
var homes = map[guard.Level]guess.Home{guard.LevelNetwork: guess.AtNetwork, guard.LevelAddress: guess.AtAddress}

func (g *Gate) asn(a netip.Addr) uint32 {
	if g.where == nil {
		return 0
	}
	return g.where.Lookup(a).ASN
}

// found carries out what the watch found. The caller holds the gate's mutex.
func (g *Gate) found(f *guess.Finding) {
	switch {
	case f.Ban != nil && g.refusedLately(f.Ban.Prefix, time.Now()):
		g.watch.Lift(f.Ban.Prefix)
	case f.Ban != nil:
		g.banned(f.Ban, "")
	case f.Protect != nil:
		p := f.Protect
		why := fmt.Sprintf("%s from %s guess at it", guard.Count(p.Evidence.Tries, "login"), guard.Count(p.Evidence.Sources, "network"))
		g.note(&guard.Event{Kind: guard.KindProtected, Account: p.Account, Until: guard.TimeOf(p.Until), Text: why})
	case f.Confine != nil:
		c := f.Confine
		why := c.Evidence.String()
		g.note(&guard.Event{Kind: guard.KindConfined, Prefix: c.Prefix, Account: c.Account, Until: guard.TimeOf(c.Until), Text: why})
	case f.Lift != nil:
		g.lifted(f.Lift)
	case f.Cracked != nil:
		c := f.Cracked
		why := c.Evidence.String()
		g.note(&guard.Event{Kind: guard.KindGuessed, Account: c.Account, Network: c.Client, Text: why})
		g.troubles.SetAfter("guessed:"+c.Account, fmt.Sprintf("somebody logged in as %s from %s after %s: if that was not its owner, postward account lock %s, and change the password",
			c.Account, c.Client, why, c.Account), 0, time.Now())
	}
}

// note writes a fact about the gate into the journal. That it cannot be written undoes nothing. The caller holds the gate's mutex.
func (g *Gate) note(e *guard.Event) {
	e.At = guard.TimeOf(time.Now())
	e.Key = fmt.Sprintf("%s:%s%s:%d", e.Kind, e.Account, e.Prefix, e.At)
	ticket, err := g.record(e)
	if err != nil {
		g.log.Error("what was found at the gate is not written", "kind", e.Kind, "account", e.Account, "err", err)
		return
	}
	g.noted = ticket
}

// TakeNoted returns the ticket of what was last written about the gate, once; nil: there is none.
func (g *Gate) TakeNoted() *store.Ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	noted := g.noted
	g.noted = nil
	return noted
}

// banned writes a ban down and has the kernel told. The caller holds the gate's mutex.
func (g *Gate) banned(b *guess.Ban, actor string) {
	g.note(&guard.Event{Kind: guard.KindBanned, Actor: actor, Prefix: b.Prefix, Until: guard.TimeOf(b.Until), Text: b.Why()})
	g.keepBan(b)
	if g.unpruned++; g.unpruned >= maxTell {
		g.forgetBans(b.Since)
	}
	g.tell = append(g.tell, b.Prefix)
	if len(g.tell) > maxTell { // the kernel is slower than they are: all that stands, then, the newest first
		g.tell, g.all = nil, true
	}
	g.wake()
}

// maxTell bounds the bans that wait to be told one by one.
const maxTell = guess.MaxBans / 10

// wake has the kernel told of what is new.
func (g *Gate) wake() {
	select {
	case g.news <- struct{}{}:
	default:
	}
}

// Status is what status says of the gate.
func (g *Gate) Status() ctl.Gate {
	t := g.lock()
	defer g.mu.Unlock()
	s := ctl.Gate{Enforced: g.config.BansEnforced(), Bans: g.watch.CountBans(t), Confined: g.watch.CountConfined(t)}
	for _, p := range g.watch.Protections(t) {
		s.Protected = append(s.Protected, p.Account)
	}
	if g.keeps != nil {
		s.Kernel = g.keeps.Error()
	}
	switch {
	case g.config.AuthPolicy.Listen == "":
		s.Unasked = "authpolicy.listen is not set: postward attach --dovecot --apply says what to do"
	case g.unasked != nil:
		s.Unasked = g.unasked.Error()
	}
	return s
}

func (g *Gate) keepBan(b *guess.Ban) {
	row, err := json.Marshal(b)
	if err != nil { // it cannot be: times and numbers
		g.log.Error("a ban is not written", "network", b.Prefix, "err", err)
		return
	}
	g.writer.SetBan(b.Prefix.String(), string(row))
}

// Tend forgets what is over and writes down the rest, until ctx ends.
func (g *Gate) Tend(ctx context.Context) error {
	ticks := time.NewTicker(gateEvery)
	defer ticks.Stop()
	for {
		g.tend(ctx, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-g.moved:
			g.Save(time.Now())
		case <-ticks.C:
		}
	}
}

func (g *Gate) tend(ctx context.Context, t time.Time) {
	g.askTrusted(ctx, t)
	g.forgetBans(g.lock())
	g.mu.Unlock()
	g.tellOfTargets(t)
	g.tellOfFront(t)
	g.saveWhenDue(t)
}

// askEvery is how often Postfix is asked whom it trusts.
const askEvery = 10 * time.Minute

// askTrusted asks Postfix whom it trusts, now and then.
func (g *Gate) askTrusted(ctx context.Context, t time.Time) {
	if g.ask == nil || t.Sub(g.asked) < askEvery {
		return
	}
	g.asked = t
	trusted := g.ask(ctx)
	g.mu.Lock()
	g.trusted = trusted
	g.mu.Unlock()
}

// never reports whether an address is never banned: on the allow list, of mynetworks, a proxy that Dovecot trusts, or what the parent
// refused to ban. The caller holds the mutex.
func (g *Gate) never(a netip.Addr, t time.Time) bool {
	return g.watch.Allowed(a) || g.refusal(a, t) != "" || g.isTrusted(a)
}

func (g *Gate) isTrusted(a netip.Addr) bool {
	return slices.ContainsFunc(g.trusted, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// Trusts reports whether Postfix lets an address relay (mynetworks), or Dovecot trusts it as a proxy.
func (g *Gate) Trusts(a netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.isTrusted(a)
}

// tellOfTargets says in status, and to the owner, at whom many guess. What a person had protected he knows.
func (g *Gate) tellOfTargets(t time.Time) {
	protected := g.watch.Protections(g.lock())
	g.mu.Unlock()
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
	g.troubles.SetAfter("guessing", text, time.Minute, t)
}
