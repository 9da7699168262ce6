package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/host/attach"
	"postward/internal/host/nft"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
)

func (a *app) detachCommand() *cobra.Command {
	var f attachFlags
	c := &cobra.Command{Use: "detach", Short: "take postward off this host's Postfix; its files become what they were, byte for byte", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.fromConfig(c, &f); err != nil {
				return err
			}
			defer uninterrupted()()
			dovecot, err := a.detachDovecot(&f)
			if err != nil {
				return err
			}
			return a.detach(c.Context(), &f, dovecot)
		}}
	f.add(c)
	return c
}

func (a *app) detach(ctx context.Context, f *attachFlags, dovecot *attach.DetachedDovecot) error {
	d, err := attach.Detach(ctx, f.postfix, attach.Options{
		StateDir: f.stateDir, Now: time.Now(), NoReload: f.noReload, DryRun: f.dryRun, Held: a.heldNow(ctx),
		Say: func(s string) {
			if !a.json {
				a.out.line("%s", printable(s))
			}
		},
	})
	if err != nil && !errors.Is(err, attach.ErrNotAttached) {
		return err
	}
	notes := append(dropBans(f.dryRun), a.runsOn(ctx, f.dryRun)...)
	if a.json {
		return a.out.json(struct {
			*attach.Detached
			Dovecot *attach.DetachedDovecot `json:"dovecot,omitempty"`
			Notes   []string                `json:"notes,omitempty"`
		}{d, dovecot, notes})
	}
	if err != nil {
		a.out.line("%v in Postfix's configuration", err)
	} else {
		a.printDetached(d)
	}
	for _, n := range notes {
		a.out.line("%s %s", a.out.paint(watch, "Note:"), printable(n))
	}
	switch {
	case f.dryRun:
		a.out.line("Nothing was changed.")
	case err != nil:
	case d.Identical:
		a.out.line("Detached. The configuration is byte for byte what it was (sha256 %.16s).", d.After)
	default:
		a.out.line("Detached.")
	}
	return nil
}

func (a *app) printDetached(d *attach.Detached) {
	for _, g := range d.Files {
		a.out.line("%s: %s", g.Name, g.How)
		for _, l := range g.Diff {
			a.out.line("  %s", printable(l))
		}
	}
	for _, w := range d.Warnings {
		a.out.line("%s %s", a.out.paint(watch, "Note:"), printable(w))
	}
}

// dropBans takes the table of the banned out of the kernel, whether or not Postfix was attached: nobody would lift them any more. It says
// what it did; where there is no table, or no kernel that has any, there is nothing to do.
func dropBans(dryRun bool) []string {
	table, err := nft.Open()
	if errors.Is(err, nft.ErrUnavailable) {
		return nil
	}
	there, failed := false, err
	switch {
	case err != nil:
	case dryRun:
		missing := table.Each(func(nft.Ban) {})
		there = missing == nil
	default:
		there, failed = drop(table)
	}
	switch {
	case failed != nil:
		return []string{fmt.Sprintf("the kernel's table of the banned stays (%v): nft delete table inet %s", failed, nft.Name)}
	case there && dryRun:
		return []string{"the kernel's table of the banned (inet " + nft.Name + ") would be taken away"}
	case there:
		return []string{"the kernel's table of the banned (inet " + nft.Name + ") is taken away"}
	}
	return nil
}

// drop drops a table, and reports whether there was one: else nothing changes.
func drop(table *nft.Table) (was bool, err error) {
	before, err := table.Generation()
	if err != nil {
		return false, err
	}
	if err := table.Drop(); err != nil {
		return false, err
	}
	after, err := table.Generation()
	return after != before, err
}

// runsOn says what a postward that still runs goes on doing, and what ends that.
func (a *app) runsOn(ctx context.Context, dryRun bool) []string {
	s := a.runningNow(ctx)
	switch g := s.Gate; {
	case s.Version == "" || dryRun:
		return nil
	case g.Enforced && g.Bans > 0:
		return []string{fmt.Sprintf("postward runs, and keeps %s out again within a minute: systemctl disable --now postward, then postward detach once more", guard.Count(g.Bans, "network"))}
	case g.Enforced:
		return []string{"postward runs, and keeps out who guesses from now on: systemctl disable --now postward, then postward detach once more"}
	}
	return []string{"postward runs: systemctl disable --now postward ends it"}
}

// heldNow returns how many mails postward holds; none when it does not run.
func (a *app) heldNow(ctx context.Context) int {
	s := a.runningNow(ctx)
	return s.Held + s.Cooling
}

// runningNow is the status of the postward that runs; empty when none does.
func (a *app) runningNow(ctx context.Context) (s ctl.Status) {
	path, err := a.socketPath()
	if err != nil { // it may run all the same, as it was configured before
		path = config.Default().Socket
	}
	if err := (ctl.Client{Path: path}).Do(ctx, "status", nil, &s); err != nil {
		return ctl.Status{}
	}
	return s
}
