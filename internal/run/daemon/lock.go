package daemon

import (
	"context"
	"fmt"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// lockAccount locks an account's logins, or opens them.
func (d *Daemon) lockAccount(ctx context.Context, actor, verb string, r ctl.Name) (ctl.Account, error) {
	name, isNew, err := d.gate.LoginName(r.Account)
	switch {
	case err != nil:
		return ctl.Account{}, err
	case isNew && verb == "account/unlock":
		return ctl.Account{}, noAccount(r.Account)
	}
	kind := map[string]guard.Kind{"account/lock": guard.KindLocked, "account/unlock": guard.KindUnlocked}[verb]
	t := now()
	if err := d.recordAndWait(ctx, &guard.Event{Key: fmt.Sprintf("%s:%s:%d", kind, name, t), Kind: kind, At: t, Actor: actor, Account: name}); err != nil {
		return ctl.Account{}, err
	}
	if verb == "account/lock" {
		d.kick(ctx, name)
	}
	x, err := d.showAccount(ctl.Name{Account: name})
	x.New = isNew
	return x, err
}

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
