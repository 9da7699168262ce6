package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/authpolicy"
)

// answerDovecot answers what Dovecot asks about each login, until ctx ends. That it cannot be heard is a trouble, and no reason not
// to guard the mail: Dovecot lets everybody in meanwhile whose password is right.
func (d *Daemon) answerDovecot(ctx context.Context) error {
	if d.config.AuthPolicy.Listen == "" {
		return nil
	}
	for {
		err := d.listenToDovecot(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.setUnasked(err)
		d.troubles.Set("dovecot", fmt.Sprintf("Dovecot is not answered, and lets everybody in whose password is right: %v", err), time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(listenAgain):
		}
	}
}

func (d *Daemon) setUnasked(why error) {
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	d.gate.unasked = why
}

// listenAgain is how soon it is tried again to listen.
const listenAgain = 2 * time.Second

func (d *Daemon) listenToDovecot(ctx context.Context) error {
	key, err := authpolicy.LoadKey(d.config.AuthPolicy.KeyFile)
	if err != nil {
		return err
	}
	l, err := authpolicy.Listen(d.config.AuthPolicy.Listen)
	if err != nil {
		return err
	}
	d.setUnasked(nil)
	d.troubles.Set("dovecot", "", time.Now())
	s := &authpolicy.Server{Key: key, Before: d.mayLogin, Report: d.reported, Log: d.log}
	return s.Serve(ctx, l)
}

// mayLogin answers before a password is looked at: who is refused learns nothing about it.
func (d *Daemon) mayLogin(ctx context.Context, a *authpolicy.Attempt) authpolicy.Answer {
	switch {
	case internal[a.Protocol]:
		return authpolicy.Pass()
	case d.locked(a.Account): // first, and without the gate: who is locked out must not profit by others who keep it busy
		return d.refuseLogin(a, whyLocked)
	case !a.Client.IsValid() || a.Client.IsLoopback(): // webmail on this host: of the person nothing is known but the name
		return authpolicy.Pass()
	}
	why, login := d.mayEnter(a)
	if why != "" {
		return d.refuseLogin(a, why)
	}
	if !d.config.BansEnforced() {
		return authpolicy.Pass()
	}
	return d.stranger(ctx, a, login)
}

// stranger answers about whom nothing here refuses: the lists are asked if nobody of the site was ever there, and who failed lately
// waits.
func (d *Daemon) stranger(ctx context.Context, a *authpolicy.Attempt, l guess.Login) authpolicy.Answer {
	d.gate.mu.Lock()
	stranger, delay := d.gate.watch.Stranger(l), d.gate.watch.Delay(l)
	d.gate.mu.Unlock()
	if !stranger {
		return authpolicy.Pass()
	}
	if title := d.loginLists.has(ctx, a.Client, l.At); title != "" {
		d.log.Info("a login was refused: its address is listed", "account", a.Account, "client", a.Client, "list", title)
		return d.refuseLogin(a, "this address is on a list of those that guess passwords ("+title+"); ask the administrator")
	}
	return authpolicy.Delay(delay)
}

// mayEnter says why somebody is not let in, by what is known here; empty: nothing speaks against him.
func (d *Daemon) mayEnter(a *authpolicy.Attempt) (why string, l guess.Login) {
	asn := d.asn(a.Client)
	t := d.lockGate()
	defer d.gate.mu.Unlock()
	d.mu.Lock()
	l = d.loginOf(a.Account, a.Client, asn, t)
	refusal := guard.MayLogin(d.state, d.accountOf(a.Account), a.Client, l.ASN)
	d.mu.Unlock()
	switch {
	case refusal == guard.LoginContained && !d.gate.watch.Settled(l.Account, a.Client, l.At):
		return "this account was stopped; it can be read from where it always was. Ask the administrator", l
	case d.config.BansEnforced():
		refused := d.gate.watch.May(l)
		if refused == guess.RefusedBanned && a.Protocol == "smtp" && d.kernelKeeps() {
			d.goesOn(l)
		}
		why = whyRefused[refused]
	}
	return why, l
}

// loginOf is somebody who wants to log in, with what is known of him. The caller holds both mutexes.
func (d *Daemon) loginOf(account string, client netip.Addr, asn uint32, t time.Time) guess.Login {
	name := d.accountOf(account)
	l := guess.Login{Account: cmp.Or(name, d.plain(account)), Client: client, ASN: asn, At: t}
	l.Own = d.state.Policy().IsOwn(client) || d.gate.never(client, time.Now())
	l.Home = homes[guard.Home(d.state, name, client, l.ASN)]
	return l
}

// goesOn takes a login by port 25, which a ban of logins leaves open. The caller holds the gate's mutex.
func (d *Daemon) goesOn(l guess.Login) {
	for _, f := range d.gate.watch.GoesOn(l) {
		d.found(&f)
	}
}

const whyLocked = "this account is locked; ask the administrator"

// locked reports whether nobody may log in to an account, from wherever.
func (d *Daemon) locked(account string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return guard.MayLogin(d.state, d.accountOf(account), netip.Addr{}, 0) == guard.LoginLocked
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
func (d *Daemon) refuseLogin(a *authpolicy.Attempt, why string) authpolicy.Answer {
	d.gate.refused.note(a.Client, time.Now())
	return authpolicy.Refuse(why)
}

// reported takes how a login ended.
func (d *Daemon) reported(a *authpolicy.Attempt) {
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
	d.gate.mu.Lock()
	d.gate.reports[a.Protocol == "smtp" || a.Protocol == "submission"] = x.At
	d.gate.mu.Unlock()
	d.attempted(x)
	if a.Success {
		d.noteReading(a.Account, a.Client, a.Protocol)
	}
}

// fold makes a hash small; 0, which is none, stays so.
func fold(h uint64) uint32 { return uint32(h) ^ uint32(h>>32) }

// noteReading notes from where an account's mail is read, as a line of the log does.
func (d *Daemon) noteReading(account string, client netip.Addr, protocol string) {
	if protocol == "imap" || protocol == "pop3" {
		if _, err := d.takeReading(account, client); err != nil {
			d.log.Error("a login is not written", "account", account, "err", err)
		}
	}
}

// reportsLast is for how long after a report of Dovecot's the log's lines about logins tell nothing new: each is reported too, with
// what tells one password from another.
const reportsLast = 10 * time.Minute

// kick ends an account's sessions in Dovecot, if it is Dovecot that asks us.
func (d *Daemon) kick(ctx context.Context, account string) {
	if d.config.AuthPolicy.Listen == "" {
		return
	}
	kicked, err := d.warden.Kick(ctx, account)
	if err != nil {
		d.log.Warn("an account's open sessions are not ended: doveadm kick ends them", "account", account, "err", err)
	} else if kicked {
		d.log.Info("an account's open sessions were ended", "account", account)
	}
}

// kickAll ends the sessions of accounts that were stopped: who is at home logs in again at once.
func (d *Daemon) kickAll(ctx context.Context, batch []work) {
	for _, w := range batch {
		if d.written(ctx, &w) != nil {
			continue
		}
		d.mu.Lock()
		i := d.state.Incident(w.effect.Incident)
		d.mu.Unlock()
		if i == nil || d.config.AuthPolicy.Listen == "" {
			d.ended(&w.effect, guard.Gone, "")
			continue
		}
		if _, err := d.warden.Kick(ctx, i.Account); err != nil {
			d.ended(&w.effect, guard.Failed, err.Error())
			continue
		}
		d.ended(&w.effect, guard.Done, "")
	}
}

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
