package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/host/attach"
	"postward/internal/host/doveadm"
	"postward/internal/host/learn"
	"postward/internal/host/warden"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
)

// attachFlags is what attach and detach are told.
type attachFlags struct {
	postfix  string // Postfix's configuration directory
	stateDir string
	sockets  string // directory of the milter sockets
	apply    bool
	dryRun   bool
	unheard  bool
	noReload bool

	dovecot     bool // Dovecot too
	dovecotConf string

	again string // the flags that were given: what does the same once more
}

func (f *attachFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.postfix, "postfix", "/etc/postfix", "configuration directory of the Postfix instance, unless postward.toml names one")
	c.Flags().StringVar(&f.stateDir, "state-dir", "/var/lib/postward", "where the backup and what was learned are kept, unless postward.toml says where")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show every changed line and change nothing")
	c.Flags().BoolVar(&f.noReload, "no-reload", false, "leave the running Postfix alone")
	c.Flags().StringVar(&f.dovecotConf, "dovecot-conf", doveadm.DefaultConfig, "Dovecot's configuration, unless postward.toml names one")
}

// fromConfig takes from the configuration what was not told. Without one the defaults stand; a broken one may mean
// another Postfix than theirs.
func (a *app) fromConfig(c *cobra.Command, f *attachFlags) error {
	f.again = given(c)
	postfix, state := c.Flags().Changed("postfix"), c.Flags().Changed("state-dir")
	is, err := config.Load(a.config)
	var broken config.Errors
	switch {
	case errors.As(err, &broken) && !(postfix && state):
		return &ctl.Problem{What: err.Error(), Hint: "mend it, or tell both --postfix and --state-dir"}
	case err != nil:
		return nil
	}
	if !postfix {
		f.postfix = is.Postfix.ConfigDir
	}
	if !state {
		f.stateDir = is.StateDir
	}
	if !c.Flags().Changed("dovecot-conf") && is.AuthPolicy.Dovecot != "" {
		f.dovecotConf = is.AuthPolicy.Dovecot
	}
	return nil
}

// given are the flags of a command that say where, as a shell reads them.
func given(c *cobra.Command) string {
	said := ""
	for _, name := range []string{"config", "postfix", "state-dir", "sockets", "dovecot-conf"} {
		if f := c.Flags().Lookup(name); f != nil && f.Changed {
			said += " --" + name + " " + quoted(f.Value.String())
		}
	}
	if f := c.Flags().Lookup("dovecot"); f != nil && f.Changed {
		said += " --dovecot"
	}
	return said
}

// quoted is a word for a shell.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+:@=,", r))
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func (a *app) attachCommand() *cobra.Command {
	var f attachFlags
	c := &cobra.Command{Use: "attach", Short: "put postward on this host's Postfix", Args: cobra.NoArgs,
		Long: "Put postward on this host's Postfix. Without --apply it shows every line that would change and what it learned\n" +
			"of who sends as whom. The first configuration, which it writes where there is none, has shadow mode: everything is judged and\n" +
			"shown, nothing is held or refused. With --dovecot Dovecot is told, too, after Postfix.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.fromConfig(c, &f); err != nil {
				return err
			}
			ctx, stop := interruptible(c.Context())
			defer stop()
			if err := a.attach(ctx, &f); err != nil || !f.dovecot || a.json && !f.apply {
				return f.withoutDovecot(err)
			}
			return f.withoutPostward(a.attachDovecot(ctx, &f))
		}}
	f.add(c)
	c.Flags().BoolVar(&f.apply, "apply", false, "do it")
	c.Flags().BoolVar(&f.unheard, "unheard", false, "attach although postward does not run yet: until it does, submissions get 4xx")
	c.Flags().BoolVar(&f.dovecot, "dovecot", false, "tell Dovecot to ask postward about each login, too")
	c.Flags().StringVar(&f.sockets, "sockets", "", "directory of the milter sockets (default: postward in Postfix's queue directory)")
	c.MarkFlagsMutuallyExclusive("apply", "dry-run")
	return c
}

func (a *app) attach(ctx context.Context, f *attachFlags) error {
	host, err := attach.Inspect(ctx, f.postfix)
	if err != nil {
		return err
	}
	host.Notes = append(append(host.Notes, attach.Fail2ban(attach.Fail2banDir)...), host.Others()...)
	sockets := f.socketsIn(host)
	plan, err := attach.NewPlan(host, sockets)
	if err != nil {
		return err
	}
	now := time.Now()
	site, err := learn.Ask(ctx, host.ConfigDir)
	if err != nil {
		return err
	}
	learned, err := learn.FromPostfix(ctx, site, learn.Options{
		Logs: site.Logs(), Passwd: "/etc/passwd", Spool: "/var/mail", Now: now, Filtered: host.Filtered(), Where: whereIs(),
	})
	if err != nil {
		return err
	}
	open, err := a.doorsOf(ctx, host, learned)
	if err != nil {
		return err
	}
	if a.json && !f.apply {
		a.rehearse(ctx, f, plan, now)
		dovecot, err := f.findDovecot(ctx)
		if err != nil {
			return err
		}
		return a.out.json(struct {
			Plan    *attach.Plan    `json:"plan"`
			Doors   []string        `json:"doors"`
			Learned *learn.Learned  `json:"learned"`
			Dovecot *attach.Dovecot `json:"dovecot,omitempty"`
		}{plan, open, learned, dovecot})
	}
	refused := a.rehearse(ctx, f, plan, now)
	a.printPlan(plan)
	for _, text := range open {
		a.out.line("%s %s", a.out.paint(watch, "Open:"), printable(text))
	}
	if err := a.printLearned(learned); err != nil {
		return err
	}
	switch {
	case f.apply:
	case plan.Host.Attached && len(plan.Diffs) == 0:
		a.out.line("\nNothing was changed: %v", attach.ErrAttached)
		return nil
	default:
		a.warnEnforced()
		a.out.line("\nNothing was changed. %s", f.next(refused))
		return nil
	}
	proposal := learn.Proposal(site, learned, map[guard.Direction]string{guard.Inbound: sockets.Inbound, guard.Submission: sockets.Submission, guard.Local: sockets.Local})
	return a.apply(ctx, f, plan, learned, proposal, now)
}

// rehearse lets a plan find what --apply would refuse, for whoever only looks; it is one of its problems then.
func (a *app) rehearse(ctx context.Context, f *attachFlags, plan *attach.Plan, now time.Time) error {
	if f.apply || plan.Host.Attached && len(plan.Diffs) == 0 {
		return nil
	}
	err := plan.Ready(ctx, attach.Options{StateDir: f.stateDir, Now: now, NoReload: f.noReload, Unheard: f.unheard})
	if err != nil && len(plan.Problems) == 0 {
		plan.Problems = append(plan.Problems, strings.TrimPrefix(err.Error(), attach.ErrProblems.Error()+": "))
	}
	return err
}

// next is what comes after a look.
func (f *attachFlags) next(refused error) string {
	do := "To do it: postward attach --apply" + f.again
	if refused != nil && !errors.Is(refused, attach.ErrAttached) {
		do = "As it is, --apply would refuse: mend first what is called a problem. " + do
	}
	return do
}

func (f *attachFlags) socketsIn(h *attach.Host) attach.Sockets {
	dir := f.sockets
	if dir == "" {
		dir = filepath.Join(h.QueueDir, "postward")
	}
	return attach.Sockets{
		Inbound: "unix:" + filepath.Join(dir, "inbound.sock"), Submission: "unix:" + filepath.Join(dir, "submission.sock"),
		Local: "unix:" + filepath.Join(dir, "local.sock"),
	}
}

func (a *app) apply(ctx context.Context, f *attachFlags, plan *attach.Plan, learned *learn.Learned, proposal string, now time.Time) error {
	options := attach.Options{StateDir: f.stateDir, Now: now, NoReload: f.noReload, Unheard: f.unheard, Say: func(s string) { a.out.line("%s", printable(s)) }}
	err := plan.Ready(ctx, options)
	if errors.Is(err, attach.ErrAttached) {
		a.out.line("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	if err := a.prepareState(f.stateDir); err != nil {
		return err
	}
	wrote, err := learn.WriteProposal(a.config, proposal, config.Default().Group)
	if err != nil {
		return err
	}
	if _, err := plan.Apply(ctx, options); err != nil {
		if wrote { // nothing of a failed attempt stays
			err = errors.Join(err, os.Remove(a.config))
		}
		return err
	}
	if wrote {
		a.out.line("Wrote a first configuration: %s", a.config)
	}
	path, err := learned.Write(f.stateDir, now)
	if err != nil {
		return err
	}
	a.out.line("What was learned is in %s; the next start of postward takes it in.", path)
	c, err := config.Load(a.config)
	if err != nil {
		return err
	}
	a.out.line("Attached. %s\nNext: systemctl restart postward; postward status; postward account list", modeSaid(c, a.config))
	return nil
}

// prepareState makes the state directory as the daemon needs it, which may not have run yet.
func (a *app) prepareState(dir string) error {
	c, err := config.Load(a.config)
	if errors.Is(err, fs.ErrNotExist) { // it is written next
		c, err = config.Default(), nil
	}
	if err != nil {
		return err
	}
	uid, gid, err := lookupDaemonUser(c.User)
	if err != nil {
		return err
	}
	return warden.PrepareDir(dir, int(uid), int(gid), 0o750)
}

func (a *app) printPlan(p *attach.Plan) {
	a.out.line("Postfix %s in %s", p.Host.Version, p.Host.ConfigDir)
	for _, s := range p.Host.Services {
		a.out.line("  %-28s %s", printable(s.Name), s.Direction)
	}
	a.out.line("Changes")
	for _, l := range p.Lines() {
		colour := quiet
		if strings.HasPrefix(l, "+") {
			colour = calm
		}
		a.out.line("  %s", a.out.paint(colour, printable(l)))
	}
	for _, n := range p.Notes {
		a.out.line("Note: %s", printable(n))
	}
	for _, n := range p.Problems {
		a.out.line("%s %s", a.out.paint(alarm, "Problem:"), printable(n))
	}
}

// maxShown bounds what is shown of a long list; --json has all of it.
const maxShown = 40

func (a *app) printLearned(l *learn.Learned) error {
	a.out.line("Who sends as whom, as maps, users and old logs say (%s)", guard.Count(len(l.Rows), "row"))
	var own, others [][]string
	for _, r := range l.Rows {
		address, last := r.Address, "-"
		if address == "" {
			address = "<>"
		}
		if !r.Last.IsZero() {
			last = r.Last.Local().Format("2006-01-02")
		}
		row := []string{r.Account, address, fmt.Sprint(r.Messages), last, proposed(r.Proposed)}
		if r.Of == "" {
			own = append(own, row)
		} else {
			others = append(others, append(row, r.Of))
		}
	}
	if err := a.printSome([]string{"account", "address", "mails", "last", ""}, own); err != nil {
		return err
	}
	if len(others) > 0 {
		a.out.line("Who sends as somebody else: look at each")
		if err := a.printSome([]string{"account", "address", "mails", "last", "", "whose it is"}, others); err != nil {
			return err
		}
	}
	for _, n := range l.Notes {
		a.out.line("Note: %s", printable(n))
	}
	return nil
}

// printSome prints a table, as far as it is shown.
func (a *app) printSome(head []string, rows [][]string) error {
	if err := a.out.table(head, rows[:min(len(rows), maxShown)]); err != nil {
		return err
	}
	if len(rows) > maxShown {
		a.out.line("… and %d more: postward attach --dry-run --json", len(rows)-maxShown)
	}
	return nil
}

func proposed(yes bool) string {
	if yes {
		return "proposed"
	}
	return "seen only"
}
