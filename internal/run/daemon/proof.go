package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postward/internal/auth/keys"
	"postward/internal/guard"
	"postward/internal/mail/message"
	"postward/internal/mail/milter"
	"postward/internal/run/ctl"
	"postward/internal/run/proof"
)

// keysEvery is how often the keys that sign are looked at. Whom that leads to ask the DNS it does not ask so often: keys says
// when.
const keysEvery = 10 * time.Second

// prove makes who looks at mail from outside and signs that of accounts. That it cannot be made is a trouble, and no reason
// not to guard the mail.
func (d *Daemon) prove(ctx context.Context, mailer func(context.Context) (Mailer, error)) {
	is, text := Mailer{Hostname: d.config.Node, LineLimit: 998}, ""
	if mailer != nil {
		var err error
		if is, err = mailer(ctx); err != nil {
			text = fmt.Sprintf("Postfix does not say who it is (%v): mail is neither authenticated nor signed; is postfix.config_dir right? Then systemctl restart postward", err)
		}
	}
	if text == "" {
		var err error
		d.prover, err = proof.New(proof.Options{
			Config: &d.config.Authentication, ID: is.Hostname, LineLimit: is.LineLimit, Keys: d.config.KeysDir(), Resolver: &d.resolver, Ours: d.isOurs, Account: d.sentByAccount,
			Judge: d.judgeEnd, Log: d.log,
		})
		if err != nil {
			text = fmt.Sprintf("mail is neither authenticated nor signed (%v): mend that, then systemctl restart postward", err)
		}
	}
	d.troubles.Set("proof", text, time.Now())
}

// open says who reads a mail that begins.
func (d *Daemon) open(t *guard.Transaction) milter.Whole {
	if d.prover == nil || t.Helo == canaryName && t.Client.IsLoopback() {
		return nil
	}
	return d.prover.Open(t)
}

// sentByAccount reports whether a mail is an account's, and no stranger's.
func (d *Daemon) sentByAccount(t *guard.Transaction) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return t.Direction == guard.Local || guard.AccountOf(d.state.Policy(), t) != ""
}

// isOurs reports whether mail of a domain is written here: it is one of domains.local, or below one.
func (d *Daemon) isOurs(domain string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.state.Policy().Domains, func(own string) bool {
		own, err := message.Domain(own)
		return err == nil && (domain == own || strings.HasSuffix(domain, "."+own))
	})
}

// tendKeys looks after the keys that sign until ctx ends.
func (d *Daemon) tendKeys(ctx context.Context) error {
	if d.prover == nil {
		return nil
	}
	return every(ctx, keysEvery, func() error {
		now := time.Now()
		steps, reminders, err := d.prover.Tend(ctx, now)
		if ctx.Err() != nil {
			return nil
		}
		for _, s := range steps {
			d.log.Info("a DKIM key goes on", "key", s.Key.Name(), "was", s.Was, "is", s.Key.State, "why", s.Why)
		}
		if err == nil {
			d.troubles.SetAfter("keys", remind(reminders), time.Hour, now)
		}
		d.troubles.Set("unread keys", keysTrouble(err), now)
		return nil
	})
}

// remind says of the keys what a person should know: of many the first.
func remind(all []keys.Reminder) string {
	if len(all) == 0 {
		return ""
	}
	text := all[0].Text + ": " + all[0].Next
	if len(all) > 1 {
		text += fmt.Sprintf(" (and %s more: postward dkim key look)", guard.Count(len(all)-1, "reminder"))
	}
	return text
}

// keysTrouble says what is wrong with the keys' files.
func keysTrouble(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf("not every DKIM key signs (%v): postward dkim key list", err)
}

// beside is told who else looks at mail, and says so where that is the reason that postward does not.
func (d *Daemon) beside(others []string) {
	if d.prover == nil {
		return
	}
	d.prover.Beside(others)
	text := ""
	if len(others) > 0 && d.config.Authentication.Inbound == "auto" {
		text = fmt.Sprintf("mail from outside is not authenticated by postward, for %s may do it: postward attach --dry-run says what can go; then, or now: authentication.inbound = \"on\", or \"off\"",
			strings.Join(others[:min(len(others), 3)], ", "))
	}
	d.troubles.SetAfter("beside", text, time.Hour, time.Now())
}

// proofStatus is what status says of authentication.
func (d *Daemon) proofStatus() ctl.Proof {
	if d.prover == nil {
		return ctl.Proof{Signs: []string{}}
	}
	in, out := d.prover.Today(time.Now())
	return ctl.Proof{Inbound: d.prover.Inbound(), Signs: d.prover.Signs(), In: in, Out: out}
}
