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
	began := now().Time()
	mails, effects := d.targets(ctx, batch)
	if len(mails) == 0 {
		return
	}
	var results []postfix.Result
	var err error
	switch act := effects[0].Act; act {
	case guard.ActRelease:
		results, err = d.warden.Release(ctx, mails)
	case guard.ActHold:
		results, err = d.warden.Hold(ctx, mails)
	case guard.ActDelete:
		results, err = d.warden.Delete(ctx, mails)
	default:
		err = fmt.Errorf("no such act: %s", act)
	}
	for i := range effects {
		outcome, text := guard.Failed, ""
		if err != nil {
			text = err.Error()
		} else {
			outcome, text = outcomeOf(results[i], began.Sub(mails[i].Before))
		}
		d.ended(&effects[i], outcome, text)
	}
}

// settling is how long a mail may take from its verdict into Postfix's queue. One that is not there so soon after may
// still come: what is to be done with it is tried again.
const settling = 30 * time.Second

// outcomeOf is what became of an act on a mail that had been judged so long ago when the act began.
func outcomeOf(r postfix.Result, age time.Duration) (guard.Outcome, string) {
	switch {
	case r.Err != nil:
		return guard.Failed, r.Err.Error()
	case r.Gone && age < settling:
		return guard.Failed, "it is not in Postfix's queue, perhaps not yet"
	case r.Gone:
		return guard.Gone, ""
	}
	return guard.Done, ""
}

// targets names the mails of a batch as Postfix knows them. An effect whose reason did not reach the disk is left out;
// one that has nothing to do any more ends.
func (d *Daemon) targets(ctx context.Context, batch []work) ([]postfix.Held, []guard.Effect) {
	var mails []postfix.Held
	var effects []guard.Effect
	for _, w := range batch {
		if d.written(ctx, &w) != nil {
			continue
		}
		h, pending, ok := d.target(&w.effect)
		switch {
		case ok:
			mails, effects = append(mails, h), append(effects, w.effect)
		case pending:
			d.ended(&w.effect, guard.Gone, "")
		}
	}
	return mails, effects
}

// wants is the status of a mail that an act is for. Since it was decided the mail may have left, or somebody else may
// have put his hand on it.
var wants = map[guard.Act]guard.MailStatus{
	guard.ActRelease: guard.MailReleasing, guard.ActHold: guard.MailStopping, guard.ActDelete: guard.MailDeleting,
}

// target names an effect's mail. pending: the effect is still in the State.
func (d *Daemon) target(f *guard.Effect) (h postfix.Held, pending, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Effects()[f.ID] == nil {
		return h, false, false
	}
	m := d.state.Mail(f.Mail)
	if m == nil || m.Status != wants[f.Act] {
		return h, true, false
	}
	id, err := postfix.ParseQueueID(m.QueueID)
	if err != nil {
		return h, true, false
	}
	h = postfix.Held{ID: id, After: m.MailAt.Time(), Before: m.At.Time()}
	if strings.HasPrefix(m.Account, guard.LocalPrefix) { // it may have waited in maildrop, and arrived when it was put there
		h.After = time.Time{}
	}
	return h, true, true
}

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
		if m.Waiting() && !inHold[m.QueueID] && asked.Sub(m.At) > time.Minute {
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
		return now.Sub(m.At) > time.Minute
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
