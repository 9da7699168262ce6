package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"postward/internal/host/attach"
	"postward/internal/host/authpolicy"
	"postward/internal/run/config"
)

// proposedListen is where Dovecot asks when the configuration does not say.
const proposedListen = "127.0.0.1:4002"

// findDovecot is nil unless it was asked for.
func (f *attachFlags) findDovecot(ctx context.Context) (*attach.Dovecot, error) {
	if !f.dovecot {
		return nil, nil
	}
	return attach.FindDovecot(ctx, f.postfix, f.dovecotConf)
}

func (a *app) attachDovecot(ctx context.Context, f *attachFlags) error {
	d, err := f.findDovecot(ctx)
	if err != nil {
		return err
	}
	c, err := config.Load(a.config)
	if err != nil {
		return err
	}
	address, listens := c.AuthPolicy.Listen, c.AuthPolicy.Listen != ""
	if !listens {
		address = proposedListen
	}
	if err := a.printDovecot(d, address, c.AuthPolicy.KeyFile); err != nil {
		return err
	}
	if !f.apply {
		if len(d.Problems) > 0 {
			a.out.line("As it is, --apply would tell Dovecot nothing: mend first what is called a problem.")
		}
		return nil
	}
	return a.applyDovecot(ctx, d, c, address, listens)
}

func (a *app) printDovecot(d *attach.Dovecot, address, keyFile string) error {
	a.out.line("\nDovecot %s in %s", printable(d.Version), printable(d.Config))
	text, err := d.Preview(address, keyFile)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		a.out.line("  %s", printable(strings.TrimRight(line, "\n")))
	}
	for _, n := range d.Notes {
		a.out.line("Note: %s", printable(n))
	}
	for _, n := range d.Problems {
		a.out.line("%s %s", a.out.paint(alarm, "Problem:"), printable(n))
	}
	return nil
}

func (a *app) applyDovecot(ctx context.Context, d *attach.Dovecot, c *config.Config, address string, listens bool) error {
	if len(d.Problems) > 0 { // before a key is made: what is not told leaves no trace
		return errors.New(strings.Join(d.Problems, "; "))
	}
	_, gid, err := lookupDaemonUser(c.User)
	if err != nil {
		return err
	}
	key, err := authpolicy.MakeKey(c.AuthPolicy.KeyFile, int(gid))
	if err != nil {
		return err
	}
	err = d.Apply(ctx, address, key, attach.Options{Now: time.Now(), Say: func(s string) { a.out.line("%s", printable(s)) }})
	if errors.Is(err, attach.ErrAttached) {
		a.out.line("Dovecot is told the same already.")
		return nil
	}
	if err != nil {
		return err
	}
	if !listens {
		a.out.line("Next, in %s: [authpolicy] listen = %q", printable(a.config), address)
	}
	a.out.line("Next: systemctl restart postward; doveadm reload (from then on Dovecot asks; while postward does not answer, logins go on)")
	a.out.line("doveconf -n shows the key: leave that line out of what you show to others.")
	return nil
}

// detachDovecot takes our files away; nil if there are none.
func (a *app) detachDovecot(f *attachFlags) (*attach.DetachedDovecot, error) {
	d, err := attach.DetachDovecot(f.dovecotConf, attach.Options{DryRun: f.dryRun})
	if errors.Is(err, attach.ErrNotAttached) {
		return nil, nil
	}
	if err != nil || a.json {
		return d, err
	}
	for _, path := range d.Removed {
		a.out.line("%s: taken away", printable(path))
	}
	for _, path := range d.Kept {
		a.out.line("%s: edited since attach wrote it; Dovecot does not read it under this name", printable(path))
	}
	if !f.dryRun {
		a.out.line("Next: doveadm reload")
	}
	return d, nil
}
