package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
)

// effectBatch bounds the mails one call of Postfix's tools is asked about.
const effectBatch = 200

// carryOut takes effects in order, many of one act at a time, until ctx ends.
func (d *Daemon) carryOut(ctx context.Context) error {
	var next *work
	for {
		batch, rest, ok := d.gather(ctx, next)
		if !ok {
			return nil
		}
		next = rest
		d.carry(ctx, batch)
		for i := range batch {
			d.leaveLine(batch[i].effect.ID)
		}
	}
}

// gather waits for an effect and takes those of the same act that wait behind it. rest is the first of another.
func (d *Daemon) gather(ctx context.Context, first *work) (batch []work, rest *work, ok bool) {
	if first == nil {
		select {
		case <-ctx.Done():
			return nil, nil, false
		case w := <-d.due:
			first = &w
		}
	}
	batch = []work{*first}
	for len(batch) < effectBatch {
		select {
		case w := <-d.due:
			if w.effect.Act != first.effect.Act {
				return batch, &w, true
			}
			batch = append(batch, w)
		default:
			return batch, nil, true
		}
	}
	return batch, nil, true
}

// carry does one act for a batch of mails and records what became of each.
func (d *Daemon) carry(ctx context.Context, batch []work) {
	d.acts.Lock()
	defer d.acts.Unlock()
	errands := d.errands(ctx, batch)
	if len(errands) == 0 {
		return
	}
	results, err := d.act(ctx, errands)
	for i := range errands {
		outcome, text := guard.Failed, ""
		if err != nil {
			text = err.Error()
		} else {
			outcome, text = outcomeOf(results[i], errands[i].settled)
		}
		d.ended(&errands[i].effect, outcome, text)
	}
}

// errand is an effect and the mail it is for, as Postfix knows it.
type errand struct {
	effect  guard.Effect
	mail    postfix.Held
	settled bool // it was judged so long ago that it must be in Postfix's queue
}

// act does one act, the same for all.
func (d *Daemon) act(ctx context.Context, errands []errand) ([]postfix.Result, error) {
	mails := make([]postfix.Held, len(errands))
	for i := range errands {
		mails[i] = errands[i].mail
	}
	switch act := errands[0].effect.Act; act {
	case guard.ActRelease:
		return d.warden.Release(ctx, mails)
	case guard.ActHold:
		return d.warden.Hold(ctx, mails)
	case guard.ActDelete:
		return d.warden.Delete(ctx, mails)
	default:
		return nil, fmt.Errorf("no such act: %s", act)
	}
}

// settling is how long a mail may take from its verdict into Postfix's queue. One that is not there so soon after may
// still come: what is to be done with it is tried again.
const settling = 30 * time.Second

// outcomeOf is what became of an act on a mail.
func outcomeOf(r postfix.Result, settled bool) (guard.Outcome, string) {
	switch {
	case r.Err != nil:
		return guard.Failed, r.Err.Error()
	case r.Gone && !settled:
		return guard.Failed, "it is not in Postfix's queue, perhaps not yet"
	case r.Gone:
		return guard.Gone, ""
	}
	return guard.Done, ""
}

// errands names the mails of a batch as Postfix knows them. An effect whose reason did not reach the disk is left out;
// one that has nothing to do any more ends.
func (d *Daemon) errands(ctx context.Context, batch []work) []errand {
	var all []errand
	for _, w := range batch {
		if d.written(ctx, &w) != nil {
			continue
		}
		e, pending, ok := d.errand(&w.effect)
		switch {
		case ok:
			all = append(all, e)
		case pending:
			d.ended(&w.effect, guard.Gone, "")
		}
	}
	return all
}

// wants is the status of a mail that an act is for. Since it was decided the mail may have left, or somebody else may
// have put his hand on it.
var wants = map[guard.Act]guard.MailStatus{
	guard.ActRelease: guard.MailReleasing, guard.ActHold: guard.MailStopping, guard.ActDelete: guard.MailDeleting,
}

// errand names an effect's mail. pending: the effect is still in the State.
func (d *Daemon) errand(f *guard.Effect) (e errand, pending, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Effects()[f.ID] == nil {
		return e, false, false
	}
	m := d.state.Mail(f.Mail)
	if m == nil || m.Status != wants[f.Act] {
		return e, true, false
	}
	id, err := postfix.ParseQueueID(m.QueueID)
	if err != nil {
		return e, true, false
	}
	return errand{*f, heldAs(id, m), olderThan(m, settling, now())}, true, true
}

// heldAs is a mail as Postfix knows it. Between MAIL and the verdict the clock may have been set, either way.
func heldAs(id postfix.QueueID, m *guard.Mail) postfix.Held {
	h := postfix.Held{ID: id, After: min(m.MailAt, m.At).Time(), Before: max(m.MailAt, m.At).Time()}
	if strings.HasPrefix(m.Account, guard.LocalPrefix) { // it may have waited in maildrop, and arrived when it was put there
		h.After = time.Time{}
	}
	return h
}

// olderThan reports whether a mail was judged so long ago. When that was the clock may have been ahead.
func olderThan(m *guard.Mail, age time.Duration, now guard.Time) bool { return m.Tells(now.Add(-age)) }

func (d *Daemon) ended(f *guard.Effect, o guard.Outcome, text string) {
	t := now()
	e := &guard.Event{Key: fmt.Sprintf("outcome:%s:%d", f.ID, t), Kind: guard.KindOutcome, At: t, Effect: f.ID, Mail: f.Mail, Incident: f.Incident, Outcome: o, Text: text}
	if _, err := d.record(e); err != nil {
		d.log.Error("an effect's outcome is not written", "effect", f.ID, "outcome", o, "err", err)
	}
	if o == guard.Failed {
		d.log.Error("an effect failed and will be tried again", "effect", f.ID, "err", text)
	}
}

// foreignMail is a mail in Postfix's hold queue that is not postward's.
type foreignMail struct {
	queueID, sender string
	arrived         guard.Time
}

// reconcile compares the mails that wait with Postfix's hold queue: what is not there any more was taken out by
// somebody else, or never arrived. What is there and not ours is shown, never touched.
func (d *Daemon) reconcile(ctx context.Context) error {
	d.acts.Lock() // what an act changes while the queue is listed would look as if somebody else had done it
	defer d.acts.Unlock()
	asked := now()
	queue, err := d.warden.List(ctx, true)
	if err != nil {
		return fmt.Errorf("list the hold queue: %w", err)
	}
	inHold := map[string]bool{}
	foreign := map[string]foreignMail{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range queue {
		id := string(q.ID)
		inHold[id] = true
		if m := d.state.Queued(id); m == nil || byOthers(m, asked) {
			foreign[id] = foreignMail{id, q.Sender, guard.TimeOf(q.Arrived)}
		}
	}
	d.foreign = foreign
	for id, m := range d.state.Mails() {
		if m.Waiting() && !inHold[m.QueueID] && olderThan(m, time.Minute, asked) {
			e := &guard.Event{Key: "gone:" + id, Kind: guard.KindGone, At: asked, Mail: id, Account: m.Account}
			if _, err := d.recordLocked(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// byOthers reports whether a mail that lies in hold lies there by somebody else's will: the administrator's, as the log
// said, or another milter's.
func byOthers(m *guard.Mail, now guard.Time) bool {
	switch m.Status {
	case guard.MailForeign:
		return true
	case guard.MailPassed, guard.MailReleased:
		return olderThan(m, time.Minute, now)
	}
	return false
}

// reconcileOften compares the hold queue every ten minutes until ctx ends.
func (d *Daemon) reconcileOften(ctx context.Context) error {
	return every(ctx, reconcileEvery, func() error {
		if err := d.reconcile(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("held mail is not compared with Postfix's queue", "err", err)
		}
		return nil
	})
}
