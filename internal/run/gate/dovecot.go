package gate

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/authpolicy"
)

// AnswerDovecot answers what Dovecot asks about each login, until ctx ends. That it cannot be heard is a trouble, and no reason not
// to guard the mail: Dovecot lets everybody in meanwhile whose password is right.
func (g *Gate) AnswerDovecot(ctx context.Context) error {
	if g.config.AuthPolicy.Listen == "" {
		return nil
	}
	for {
		err := g.listenToDovecot(ctx)
		if ctx.Err() != nil {
			return nil
		}
		g.setUnasked(err)
		g.troubles.Set("dovecot", fmt.Sprintf("Dovecot is not answered, and lets everybody in whose password is right: %v", err), time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(listenAgain):
		}
	}
}

func (g *Gate) setUnasked(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unasked = why
}

// listenAgain is how soon it is tried again to listen.
const listenAgain = 2 * time.Second

func (g *Gate) listenToDovecot(ctx context.Context) error {
	key, err := authpolicy.LoadKey(g.config.AuthPolicy.KeyFile)
	if err != nil {
		return err
	}
	l, err := authpolicy.Listen(g.config.AuthPolicy.Listen)
	if err != nil {
		return err
	}
	g.setUnasked(nil)
	g.troubles.Set("dovecot", "", time.Now())
	s := &authpolicy.Server{Key: key, Before: g.MayLogin, Report: g.report, Log: g.log}
	return s.Serve(ctx, l)
}

// MayLogin answers before a password is looked at: who is refused learns nothing about it.
func (g *Gate) MayLogin(ctx context.Context, a *authpolicy.Attempt) authpolicy.Answer {
	switch {
	case internal[a.Protocol]:
		return authpolicy.Pass()
	case g.locked(a.Account): // first, and without the gate: who is locked out must not profit by others who keep it busy
		return g.refuseLogin(a, whyLocked)
	case !a.Client.IsValid() || a.Client.IsLoopback(): // webmail on this host: of the person nothing is known but the name
		return authpolicy.Pass()
	}
	why, login := g.mayEnter(a)
	if why != "" {
		return g.refuseLogin(a, why)
	}
	if !g.config.BansEnforced() {
		return authpolicy.Pass()
	}
	return g.stranger(ctx, a, login)
}

// stranger answers about whom nothing here refuses: the lists are asked if nobody of the site was ever there, and who failed lately
// waits.
func (g *Gate) stranger(ctx context.Context, a *authpolicy.Attempt, l guess.Login) authpolicy.Answer {
	g.mu.Lock()
	stranger, delay := g.watch.Stranger(l), g.watch.Delay(l)
	g.mu.Unlock()
	if !stranger {
		return authpolicy.Pass()
	}
	if title := g.lists.has(ctx, a.Client, l.At); title != "" {
		g.log.Info("a login was refused: its address is listed", "account", a.Account, "client", a.Client, "list", title)
		return g.refuseLogin(a, "this address is on a list of those that guess passwords ("+title+"); ask the administrator")
	}
	return authpolicy.Delay(delay)
}

// mayEnter says why somebody is not let in, by what is known here; empty: nothing speaks against him.
func (g *Gate) mayEnter(a *authpolicy.Attempt) (why string, l guess.Login) {
	asn := g.asn(a.Client)
	t := g.lock()
	defer g.mu.Unlock()
	var refusal guard.LoginRefusal
	g.state(func(s *guard.State) {
		l = g.loginOf(s, a.Account, a.Client, asn, t)
		refusal = guard.MayLogin(s, l.Account, a.Client, asn)
	})
	switch {
	case refusal == guard.LoginContained && !g.watch.Settled(l.Account, a.Client, l.At):
		return "this account was stopped; it can be read from where it always was. Ask the administrator", l
	case g.config.BansEnforced():
		refused := g.watch.May(l)
		if refused == guess.RefusedBanned && a.Protocol == "smtp" && g.kernelKeeps() {
			g.goesOn(l)
		}
		why = whyRefused[refused]
	}
	return why, l
}

// loginOf is somebody who wants to log in, with what is known of him. The caller holds both mutexes.
func (g *Gate) loginOf(s *guard.State, account string, client netip.Addr, asn uint32, t time.Time) guess.Login {
	name, _ := Named(s, account)
	return guess.Login{Account: name, Client: client, ASN: asn, At: t, Own: s.Policy().IsOwn(client) || g.never(client, time.Now()),
		Home: homes[guard.Home(s, name, client, asn)]}
}

// goesOn takes a login by port 25, which a ban of logins leaves open. The caller holds the gate's mutex.
func (g *Gate) goesOn(l guess.Login) {
	for _, f := range g.watch.GoesOn(l) {
		g.found(&f)
	}
}

const whyLocked = "this account is locked; ask the administrator"

// locked reports whether nobody may log in to an account, from wherever.
func (g *Gate) locked(account string) (is bool) {
	g.state(func(s *guard.State) {
		name, _ := Named(s, account)
		is = guard.MayLogin(s, name, netip.Addr{}, 0) == guard.LoginLocked
	})
	return is
}

// whyRefused is what a mail program shows to whoever is refused.
var whyRefused = map[guess.Refusal]string{
	guess.RefusedBanned:    "this address is kept out for guessing passwords; ask the administrator",
	guess.RefusedConfined:  "somebody at this address guesses passwords: only who logged in from here before gets in. Try later, or ask the administrator",
	guess.RefusedProtected: "many guess at this account: for a time it can be used only from where it was before. Ask the administrator",
}

// internal are the protocols by which a mail server's own parts log in.
var internal = map[string]bool{"lmtp": true, "doveadm": true, "lda": true}

// refuseLogin refuses, and notes it: that it failed is our doing, and nobody's guess.
func (g *Gate) refuseLogin(a *authpolicy.Attempt, why string) authpolicy.Answer {
	g.refused.note(a.Client, time.Now())
	return authpolicy.Refuse(why)
}

// report takes how a login ended.
func (g *Gate) report(a *authpolicy.Attempt) {
	if !a.Client.IsValid() || internal[a.Protocol] || a.PolicyReject {
		return
	}
	x := guess.Attempt{Kind: guess.Failed, At: time.Now(), Client: a.Client, Account: a.Account, Password: fold(uint64(a.PasswordHash))}
	switch {
	case a.Success:
		x.Kind = guess.Good
	case a.Failure != "" && a.Failure != "credentials" && a.Failure != "account":
		return // expired, disabled, a trouble of the server's: nobody's guess
	}
	g.mu.Lock()
	g.reports[a.Protocol == "smtp" || a.Protocol == "submission"] = x.At
	g.mu.Unlock()
	g.attempted(x)
	if a.Success && (a.Protocol == "imap" || a.Protocol == "pop3") {
		g.reading(a.Account, a.Client)
	}
}

// fold makes a hash small; 0, which is none, stays so.
func fold(h uint64) uint32 { return uint32(h) ^ uint32(h>>32) }

// reportsLast is for how long after a report of Dovecot's the log's lines about logins tell nothing new: each is reported too, with
// what tells one password from another.
const reportsLast = 10 * time.Minute

// refusedLogins counts what we refused, until the log tells of it.
type refusedLogins struct {
	mu sync.Mutex
	by map[netip.Addr]refusedLogin
}

type refusedLogin struct {
	times int
	last  time.Time
}

// refusedFor is for how long the log may tell of a login that we refused; maxRefused bounds the addresses.
const (
	refusedFor = 5 * time.Minute
	maxRefused = 10_000
)

func (r *refusedLogins) note(client netip.Addr, t time.Time) {
	client = client.Unmap()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil || len(r.by) >= maxRefused {
		r.by = map[netip.Addr]refusedLogin{}
	}
	r.by[client] = refusedLogin{r.by[client].times + 1, t}
}

// ours reports whether a login that failed is one that we refused.
func (r *refusedLogins) ours(client netip.Addr, t time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, is := r.by[client]
	if !is {
		return false
	}
	if x.times--; x.times <= 0 || t.Sub(x.last) > refusedFor {
		delete(r.by, client)
	} else {
		r.by[client] = x
	}
	return t.Sub(x.last) <= refusedFor
}
