package daemon

import (
	"context"
	"fmt"
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

// prover makes who looks at mail from outside and signs that of accounts, and makes him anew when Postfix is another one.
type prover struct {
	daemon *Daemon
	mailer func(context.Context) (Mailer, error) // nil: see Parts
	is     Mailer
}

// proveTime bounds how long the start waits for Postfix.
const proveTime = 5 * time.Second

// prove asks Postfix what it is, and makes a Prover if it is another one, or there is none. That it cannot be made is a trouble, and no
// reason not to guard the mail.
func (p *prover) prove(ctx context.Context) {
	d := p.daemon
	ctx, cancel := context.WithTimeout(ctx, proveTime)
	defer cancel()
	is, err := Mailer{Hostname: d.config.Node, LineLimit: 998}, error(nil)
	if p.mailer != nil {
		is, err = p.mailer(ctx)
	}
	if err == nil && (d.prover.Load() == nil || is != p.is) {
		err = p.make(is)
	}
	text := ""
	if err != nil && d.prover.Load() == nil {
		text = fmt.Sprintf("mail is neither authenticated nor signed (%v): mend that; it is tried again every minute", err)
	}
	d.troubles.Set("proof", text, time.Now())
}

func (p *prover) make(is Mailer) error {
	d := p.daemon
	c := d.config.Authentication
	c.Deadline = max(min(c.Deadline, d.config.Milter.AnswerTimeout-time.Second), time.Second/2) // the answer wants time too
	made, err := proof.New(proof.Options{
		Config: &c, ID: is.Hostname, LineLimit: is.LineLimit, Keys: d.config.KeysDir(), Resolver: &d.resolver, Log: d.log, Ledger: d.ledger,
		Ours: d.isOurs, Account: d.sender, MaySign: d.maySign, Judge: d.judgeEnd,
	})
	if err != nil {
		return err
	}
	if err := made.Reload(); err != nil {
		d.troubles.Set("unread keys", keysTrouble(err), time.Now())
	}
	if was := d.prover.Load(); was != nil {
		made.BesideAs(was)
	}
	p.is = is
	d.prover.Store(made)
	return nil
}

// again asks Postfix again when its files changed, or when it did not say: its name may be another one.
func (p *prover) again(ctx context.Context) error {
	dir := p.daemon.config.Postfix.ConfigDir
	stamp := configStamp(dir)
	return every(ctx, time.Minute, func() error {
		if is := configStamp(dir); is != stamp || p.daemon.prover.Load() == nil {
			stamp = is
			p.prove(ctx)
		}
		return nil
	})
}

// open says who reads a mail that begins. What comes from mynetworks is no stranger's, also where networks.own does not name
// it: a machine of the operator's has no SPF to pass.
func (d *Daemon) open(t *guard.Transaction) milter.Whole {
	p := d.prover.Load()
	switch {
	case p == nil, t.Helo == canaryName && t.Client.IsLoopback():
		return nil
	case d.sender(t) == "" && d.gate.Trusts(t.Client):
		return nil
	}
	return p.Open(t)
}

// sender is the account that sends a mail; empty: a stranger.
func (d *Daemon) sender(t *guard.Transaction) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.AccountOf(t)
}

func (d *Daemon) maySign(t *guard.Transaction) (may, sure bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return guard.MaySign(d.state, t)
}

// ownDomains are domains.local in A-labels, of one policy.
type ownDomains struct {
	of  *guard.Policy
	all map[string]bool
}

// isOurs reports whether mail of a domain is written here: it is one of domains.local, or below one.
func (d *Daemon) isOurs(domain string) bool {
	d.mu.Lock()
	policy := d.state.Policy()
	d.mu.Unlock()
	own := d.own.Load()
	if own == nil || own.of != policy {
		own = &ownDomains{policy, map[string]bool{}}
		for _, name := range policy.Domains {
			if name, err := message.Domain(name); err == nil {
				own.all[name] = true
			}
		}
		d.own.Store(own)
	}
	for domain != "" && !own.all[domain] {
		_, domain, _ = strings.Cut(domain, ".")
	}
	return domain != ""
}

// tendKeys looks after the keys that sign until ctx ends.
func (d *Daemon) tendKeys(ctx context.Context) error {
	return every(ctx, keysEvery, func() error {
		p := d.prover.Load()
		if p == nil {
			return nil
		}
		now := time.Now()
		steps, reminders, err := p.Tend(ctx, now)
		if ctx.Err() != nil {
			return nil
		}
		for _, s := range steps {
			d.log.Info("a DKIM key goes on", "key", s.Key.Name(), "was", s.Was, "is", s.Key.State, "why", s.Why)
		}
		if reminders != nil {
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
	p := d.prover.Load()
	if p == nil {
		return
	}
	p.Beside(others)
	text := ""
	if len(others) > 0 && d.config.Authentication.Inbound == "auto" {
		text = fmt.Sprintf("mail from outside is not authenticated by postward, for %s may do it: postward attach --dry-run says what can go; then, or now: authentication.inbound = \"on\", or \"off\"",
			strings.Join(others[:min(len(others), 3)], ", "))
	}
	d.troubles.SetAfter("beside", text, time.Hour, time.Now())
}

// proofStatus is what status says of authentication.
func (d *Daemon) proofStatus() ctl.Proof {
	p := d.prover.Load()
	if p == nil {
		return ctl.Proof{Signs: []string{}}
	}
	in, out := d.ledger.Today(time.Now())
	return ctl.Proof{Inbound: p.Inbound(), Signs: p.Signs(), In: in, Out: out}
}

// tellStranger logs what is refused of mail from outside, or would be: in shadow mode nobody else writes it down. A flood of it is one line
// a second; status has the number.
func (d *Daemon) tellStranger(t *guard.Transaction, v *guard.Verdict) {
	if v.Account != "" || t.Proof == nil || v.Reason == guard.ReasonInbound {
		return
	}
	second := int64(t.At) / 1000
	if d.strangersTold.Swap(second) == second {
		return
	}
	d.log.Info("mail from outside", "action", v.Action, "would", v.Would, "reason", v.Reason, "why", v.Why, "client", t.Client, "reverse_path", t.ReversePath,
		"authors", t.Authors, "message_id", t.MessageID, "queue_id", t.QueueID)
}
