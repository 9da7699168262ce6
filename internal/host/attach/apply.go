package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postward/internal/host/postfix"
)

// Options are what Apply and Detach are told beside the plan.
type Options struct {
	StateDir string    // where the backup goes: /var/lib/postward
	Now      time.Time // for the record
	NoReload bool      // leave the running Postfix alone; the change works from its next reload
	Unheard  bool      // attach although nobody listens at the sockets: until somebody does, submissions get 4xx
	DryRun   bool      // Detach only: say what would be done
	Held     int       // Detach only: mails that postward holds now

	Say func(string) // progress, a line a call; nil: silent

	filesOnly bool // for tests of what is written: no Postfix is there to be asked
}

func (o Options) say(format string, args ...any) {
	if o.Say != nil {
		o.Say(fmt.Sprintf(format, args...))
	}
}

// change is a file before and after a plan.
type change struct {
	name          string
	before, after []byte
}

func (p *Plan) changes() []change {
	return []change{{mainCF, p.Host.main, p.main}, {masterCF, p.Host.master, p.master}}
}

// Apply carries the plan out: it rehearses it, backs up the whole configuration directory, writes the two files,
// lets Postfix check them, and reloads it. If anything fails the files are put back and the error says so.
// ErrAttached and ErrProblems come before anything is written.
func (p *Plan) Apply(ctx context.Context, o Options) (*Record, error) {
	if err := p.Ready(ctx, o); err != nil {
		return nil, err
	}
	if p.again != nil {
		return p.applyAgain(ctx, o)
	}
	v, err := openVault(o.StateDir, p.Host.ConfigDir, true)
	if err != nil {
		return nil, err
	}
	defer v.close()
	known, err := postfix.Instance{ConfigDir: p.Host.ConfigDir}.Warnings(ctx)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	rec, err := v.backup(p, o.Now)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	o.say("backed up %s, %d entries, sha256 %s", p.Host.ConfigDir, len(rec.Items), rec.Digest)
	if err := p.carryOut(ctx, o, known); err != nil {
		return nil, p.rollBack(ctx, o, v, rec, err)
	}
	rec.State = stateAttached
	return rec, v.save(rec)
}

// applyAgain takes postward off and puts it on anew, with one reload. When that fails the files are as they were found.
func (p *Plan) applyAgain(ctx context.Context, o Options) (*Record, error) {
	off := o
	off.NoReload = true
	if _, err := Detach(ctx, p.Host.ConfigDir, off); err != nil {
		return nil, fmt.Errorf("attach again: %w", err)
	}
	h, err := Inspect(ctx, p.Host.ConfigDir)
	if err == nil {
		var q *Plan
		if q, err = NewPlan(h, p.sockets); err == nil {
			var rec *Record
			if rec, err = q.Apply(ctx, o); err == nil {
				return rec, nil
			}
		}
	}
	return nil, errors.Join(fmt.Errorf("attach again: %w", err), p.putFound(context.WithoutCancel(ctx), o))
}

// putFound writes the two files as they were found.
func (p *Plan) putFound(ctx context.Context, o Options) error {
	for name, text := range map[string][]byte{mainCF: p.Host.main, masterCF: p.Host.master} {
		it, err := configItem(p.Host.ConfigDir, name)
		if err != nil {
			return err
		}
		if err := replaceConfig(filepath.Join(p.Host.ConfigDir, name), text, it); err != nil {
			return err
		}
	}
	return reload(ctx, p.Host, o)
}

// Ready finds every reason not to begin; it changes nothing.
func (p *Plan) Ready(ctx context.Context, o Options) error {
	if p.Host.Attached && p.again == nil {
		if len(p.Notes) > len(p.Host.Notes) {
			return fmt.Errorf("%w, but not complete: %s", ErrAttached, strings.Join(p.Notes[len(p.Host.Notes):], "; "))
		}
		return ErrAttached
	}
	if len(p.Problems) > 0 {
		return fmt.Errorf("%w: %s", ErrProblems, strings.Join(p.Problems, "; "))
	}
	for _, c := range []change{{name: mainCF, before: p.Host.main}, {name: masterCF, before: p.Host.master}} {
		now, err := postfix.ReadFile(filepath.Join(p.Host.ConfigDir, c.name))
		if err != nil {
			return err
		}
		if !bytes.Equal(now, c.before) {
			return fmt.Errorf("%w: %s changed since the plan was made; plan again", ErrProblems, c.name)
		}
	}
	if err := p.Rehearse(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrProblems, err)
	}
	if err := p.replaceable(); err != nil {
		return fmt.Errorf("%w: %w", ErrProblems, err)
	}
	if err := checkConfig(ctx, p.Host.ConfigDir); err != nil {
		return fmt.Errorf("%w: Postfix does not like its configuration as it is: %w", ErrProblems, err)
	}
	if o.Unheard {
		return nil
	}
	return p.listening(ctx)
}

// listening makes sure that somebody answers at every socket.
func (p *Plan) listening(ctx context.Context) error {
	for _, address := range []string{p.sockets.Inbound, p.sockets.Submission, p.sockets.Local} {
		network, path, _ := strings.Cut(address, ":")
		switch {
		case address == "":
			continue
		case network == "inet":
			network = "tcp"
		case !filepath.IsAbs(path):
			path = filepath.Join(p.Host.QueueDir, path)
		}
		d := net.Dialer{Timeout: 3 * time.Second}
		conn, err := d.DialContext(ctx, network, path)
		if err != nil {
			return fmt.Errorf("%w: postward does not listen: %w; start it first (systemctl start postward)", ErrProblems, err)
		}
		conn.Close()
	}
	return nil
}

func (p *Plan) carryOut(ctx context.Context, o Options, known []string) error {
	for _, c := range p.changes() {
		if bytes.Equal(c.before, c.after) {
			continue
		}
		it, err := configItem(p.Host.ConfigDir, c.name)
		if err != nil {
			return fmt.Errorf("write %s: %w", c.name, err)
		}
		it.MTime = o.Now
		if err := replaceConfig(filepath.Join(p.Host.ConfigDir, c.name), c.after, it); err != nil {
			return err
		}
		o.say("wrote %s", filepath.Join(p.Host.ConfigDir, c.name))
	}
	if err := p.verify(ctx, p.Host.ConfigDir, known); err != nil {
		return err
	}
	if err := checkConfig(ctx, p.Host.ConfigDir); err != nil {
		return err
	}
	return reload(ctx, p.Host, o)
}

// rollBack puts the two files back as they were, and Postfix with them.
func (p *Plan) rollBack(ctx context.Context, o Options, v *vault, rec *Record, cause error) error {
	ctx = context.WithoutCancel(ctx) // whoever is impatient still gets his configuration back
	for i, c := range p.changes() {
		path := filepath.Join(p.Host.ConfigDir, c.name)
		if now, err := postfix.ReadFile(path); err == nil && bytes.Equal(now, c.before) {
			continue
		}
		if err := replaceConfig(path, c.before, rec.Files[i].Before); err != nil {
			return errors.Join(fmt.Errorf("attach: %w", cause), fmt.Errorf("put %s back (a copy lies in %s/%s): %w", c.name, v.path, beforeDir, err))
		}
	}
	rec.State = stateDetached
	err := errors.Join(v.save(rec), reload(ctx, p.Host, o))
	return errors.Join(fmt.Errorf("attach, everything was put back: %w", cause), err)
}

// checkConfig lets `postfix check` look at a configuration; it runs for root alone.
func checkConfig(ctx context.Context, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	_, _, err := postfix.Tool(ctx, "postfix", "-c", dir, "check")
	return err
}
