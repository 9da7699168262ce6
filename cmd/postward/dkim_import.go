package main

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/auth/keys"
	"postward/internal/auth/keys/others"
	"postward/internal/run/ctl"
)

// importFlags say where other programs are configured.
type importFlags struct {
	opendkim, rspamd, resolver string
	apply, unasked             bool
}

func (a *app) dkimImport() *cobra.Command {
	var f importFlags
	c := &cobra.Command{Use: "import", Short: "take over the keys and selectors of opendkim or rspamd", Args: cobra.NoArgs,
		Long: "Take over the keys that opendkim or rspamd sign with, and their selectors, so that nothing has to change in the DNS. Without --apply\n" +
			"it only says what it found. Keys are copied; those programs' files stay as they are. What is not understood is named with file and\n" +
			"line. A key that the name servers show signs at once, any other when it is seen. Exits with 1 if one is not\n" +
			"taken over, or not shown.",
		RunE: func(c *cobra.Command, _ []string) error { return a.importKeys(c.Context(), &f) }}
	flags := c.Flags()
	flags.StringVar(&f.opendkim, "opendkim", "", "opendkim's configuration, a `file` (default: /etc/opendkim.conf, if there is one)")
	flags.StringVar(&f.rspamd, "rspamd", "", "rspamd's configuration, a `directory` (default: /etc/rspamd, if it signs)")
	flags.StringVar(&f.resolver, "resolver", "", "who says which are the name servers, an `address` or address:port (default: those of /etc/resolv.conf)")
	flags.BoolVar(&f.unasked, "no-connect", false, "ask no name server: what is taken over signs when it was seen")
	flags.BoolVar(&f.apply, "apply", false, "do it")
	return c
}

// imported is a key that was found, and what becomes of it.
type imported struct {
	others.Found
	Algorithm keys.Algorithm `json:"algorithm,omitempty"`
	Bits      int            `json:"bits,omitempty"`
	Shown     string         `json:"shown,omitempty"` // by the name servers; empty: they show it, or were not asked
	Done      string         `json:"done,omitempty"`
	State     keys.State     `json:"state,omitempty"`
	Problem   string         `json:"problem,omitempty"`

	key     keys.Key
	private crypto.Signer
	sight   *keys.Sight
}

func (a *app) importKeys(ctx context.Context, f *importFlags) error {
	report, err := f.read()
	if err != nil {
		return err
	}
	all := make([]imported, len(report.Found))
	for i, found := range report.Found {
		all[i] = openFound(found)
	}
	if !f.unasked {
		if err := lookFor(ctx, f.resolver, all); err != nil {
			return err
		}
	}
	if f.apply {
		if err := a.adopt(all); err != nil {
			return err
		}
	}
	return a.printImported(all, report.Notes, f.apply)
}

// read reads what was named, or what is there.
func (f *importFlags) read() (sum others.Report, err error) {
	any := f.opendkim == "" && f.rspamd == ""
	opendkim, rspamd := f.opendkim, f.rspamd
	if any {
		opendkim, rspamd = "/etc/opendkim.conf", "/etc/rspamd"
	}
	found := 0
	for _, one := range []struct {
		path string
		read func(string) (others.Report, error)
	}{{opendkim, others.OpenDKIM}, {rspamd, others.Rspamd}} {
		if one.path == "" {
			continue
		}
		r, err := one.read(one.path)
		if any && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: run as root", err)
		}
		if err != nil {
			return sum, err
		}
		found++
		sum.Found, sum.Notes = append(sum.Found, r.Found...), append(sum.Notes, r.Notes...)
	}
	if found == 0 {
		return sum, &ctl.Problem{What: "there is neither an opendkim nor an rspamd that signs", Hint: "--opendkim FILE or --rspamd DIRECTORY, or postward dkim key create DOMAIN"}
	}
	return sum, nil
}

// openFound reads the private key of one that was found.
func openFound(found others.Found) imported {
	one := imported{Found: found, key: keys.Key{From: found.Program, Made: time.Now()}}
	err := one.open()
	if err != nil {
		one.Problem = err.Error()
	}
	return one
}

func (one *imported) open() (err error) {
	if one.key.Domain, err = keys.Domain(one.Domain); err != nil {
		return err
	}
	if one.key.Selector, err = keys.Selector(one.Selector); err != nil {
		return err
	}
	text := one.Inline
	if one.Path != "" {
		if text, one.key.Made, err = keys.ReadForeign(one.Path); err != nil {
			return err
		}
	}
	if one.private, err = keys.ParsePrivate(text); err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	if one.key, err = one.key.As(one.private); err != nil {
		return err
	}
	one.Algorithm, one.Bits = one.key.Algorithm, one.key.Bits
	return nil
}

// lookFor asks the name servers what they show of the keys.
func lookFor(ctx context.Context, resolver string, all []imported) error {
	asker, err := keyAsker(resolver)
	if err != nil {
		return err
	}
	var wanted []keys.Key
	for i := range all {
		if all[i].private != nil {
			wanted = append(wanted, all[i].key)
		}
	}
	seen := asker.Look(ctx, time.Now(), wanted)
	for i := range all {
		if s, ok := seen[all[i].key.Name()]; ok && all[i].private != nil {
			all[i].sight, all[i].Shown = &s, s.Why()
		}
	}
	return ctx.Err()
}

// adopt takes over what can be. The private keys were read as root; they are written as the daemon's user.
func (a *app) adopt(all []imported) error {
	d, err := a.keysDir(true)
	if err != nil {
		return err
	}
	for i := range all {
		one := &all[i]
		if one.private == nil {
			continue
		}
		done, state, err := d.Adopt(one.key, one.private, time.Now(), one.sight)
		if err != nil {
			one.Problem = err.Error()
			continue
		}
		one.Done, one.State = string(done), state
	}
	return nil
}

// importReport is what import prints as JSON.
type importReport struct {
	Keys  []imported    `json:"keys"`
	Notes []others.Note `json:"notes"`
}

func (a *app) printImported(all []imported, notes []others.Note, applied bool) error {
	if a.json {
		if err := a.out.json(importReport{all, append([]others.Note{}, notes...)}); err != nil {
			return err
		}
		return incomplete(all)
	}
	var rows [][]string
	for i := range all {
		one := &all[i]
		rows = append(rows, []string{one.Domain, one.Selector, cmp.Or(string(one.Algorithm), "-"), bits(one.Bits), one.outcome(applied), one.where(), fmt.Sprintf("%s:%d", one.File, one.Line)})
	}
	if err := a.out.table([]string{"domain", "selector", "algorithm", "bits", "outcome", "key", "said in"}, rows); err != nil {
		return err
	}
	for _, n := range notes {
		a.say("%s", n)
	}
	a.sayNext(all, applied)
	return incomplete(all)
}

func bits(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func (one *imported) where() string {
	if one.Path == "" {
		return "in the table"
	}
	return one.Path
}

// outcome is what becomes of a key, or would.
func (one *imported) outcome(applied bool) string {
	switch {
	case one.Problem != "":
		return strings.ReplaceAll(one.Problem, "\n", "; ")
	case applied && one.Shown != "" && one.State == keys.Made:
		return fmt.Sprintf("%s, signs when it is seen: %s", one.Done, one.Shown)
	case applied:
		return fmt.Sprintf("%s, %s", one.Done, one.State)
	case one.sight == nil:
		return "signs when it is seen"
	case one.Shown != "":
		return "signs when it is seen: " + one.Shown
	}
	return "the name servers show it: signs at once"
}

// incomplete is errFound when a key was not taken over, could not be, or is not what the name servers show.
func incomplete(all []imported) error {
	for i := range all {
		if all[i].Problem != "" || all[i].Shown != "" {
			return errFound
		}
	}
	return nil
}

func (a *app) sayNext(all []imported, applied bool) {
	switch {
	case len(all) == 0:
		a.say("no key was found")
	case !applied:
		a.say("Nothing was changed. To take them over: the same with --apply")
	default:
		a.say("The keys were copied. Next: postward dkim key look; while it names a server, stop there, for that key does not sign here: the other program has to. When they are all active (postward dkim key list), take opendkim or rspamd's signing out of Postfix's milters, or mail is signed twice")
	}
}
