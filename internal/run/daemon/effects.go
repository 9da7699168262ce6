package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/mail/message"
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
		if batch[0].effect.Act == guard.ActKick {
			d.kickAll(ctx, batch)
		} else {
			d.carry(ctx, batch)
		}
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
	if err == nil && slices.ContainsFunc(results, func(r postfix.Result) bool { return r.Gone }) {
		err = d.lookAgain(ctx)
	}
	for i := range errands {
		outcome, text := guard.Failed, ""
		if err != nil {
			text = err.Error()
		} else {
			outcome, text = outcomeOf(results[i], errands[i].settled)
		}
		if outcome == guard.Gone {
			outcome, text = d.lost(&errands[i])
		}
		d.ended(&errands[i].effect, outcome, text)
	}
}

// lookAgain looks for what is gone under other queue IDs.
func (d *Daemon) lookAgain(ctx context.Context) error {
	_, err := d.compareHold(ctx, now())
	return err
}

// lost is the outcome of an act on a mail that is gone: it has another name now, or it was lost.
func (d *Daemon) lost(e *errand) (guard.Outcome, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.state.Mail(e.effect.Mail)
	switch {
	case m == nil || e.effect.Act == guard.ActHold: // it left
	case m.QueueID != string(e.mail.ID):
		return guard.Failed, "it has another queue ID now: " + m.QueueID
	case inOurHold(m):
		d.vanished.Note(m.QueueID, time.Now())
	}
	return guard.Gone, ""
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

// reconcile compares the mails that wait with Postfix's hold queue: what is not there any more was taken out by
// somebody else, or never arrived. What is there and not ours is shown, never touched.
func (d *Daemon) reconcile(ctx context.Context) error {
	d.acts.Lock() // what an act changes while the queue is listed would look as if somebody else had done it
	defer d.acts.Unlock()
	asked := now()
	gone, err := d.compareHold(ctx, asked)
	if err != nil || len(gone) == 0 {
		return err
	}
	elsewhere, err := d.warden.Find(ctx, d.queueIDs(gone))
	if err != nil {
		return err
	}
	return d.recordGone(gone, elsewhere, asked)
}

// compareHold compares what waits with the hold queue by the queue IDs, which costs little where many wait, and follows those mails of
// ours that have another one now. It returns those that are not there and should be.
func (d *Daemon) compareHold(ctx context.Context, asked guard.Time) (gone []*guard.Mail, err error) {
	ids, err := d.warden.HeldIDs(ctx)
	if err != nil {
		return nil, err
	}
	missing, strangers := d.compare(ids, asked)
	alike := sameStamp(d.queueIDs(missing), strangers)
	entries, err := d.warden.Find(ctx, alike)
	if err != nil {
		return nil, err
	}
	return d.rename(missing, entries, asked)
}

// sameStamp are those strangers whose queue ID tells the same time as one that is missing.
func sameStamp(missing, strangers []postfix.QueueID) (alike []postfix.QueueID) {
	stamps := map[string]bool{}
	for _, id := range missing {
		stamps[id.Stamp()] = true
	}
	for _, id := range strangers {
		if stamps[id.Stamp()] {
			alike = append(alike, id)
		}
	}
	return alike
}

// queueIDs are those that mails have now.
func (d *Daemon) queueIDs(mails []*guard.Mail) (ids []postfix.QueueID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range mails {
		if id, err := postfix.ParseQueueID(m.QueueID); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// compare notes whose the mails in hold are. It returns the mails that lie there by our verdict and are not among them, and the
// queue IDs that are nobody's.
func (d *Daemon) compare(hold []postfix.QueueID, asked guard.Time) (missing []*guard.Mail, strangers []postfix.QueueID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	inHold := make(map[string]bool, len(hold))
	d.foreign = map[string]bool{}
	for _, id := range hold {
		inHold[string(id)] = true
		m := d.state.Queued(string(id))
		if m == nil {
			strangers = append(strangers, id)
		}
		if m == nil || byOthers(m, asked) {
			d.foreign[string(id)] = true
		}
	}
	for _, m := range d.state.Mails() {
		if inOurHold(m) && !inHold[m.QueueID] {
			missing = append(missing, m)
		}
	}
	return missing, strangers
}

// rename follows those missing mails that are found under another queue ID, and returns the others, but for those that may be on
// their way into hold.
func (d *Daemon) rename(missing []*guard.Mail, strangers []postfix.Entry, asked guard.Time) (gone []*guard.Mail, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	alike := map[string][]*postfix.Entry{}
	for i := range strangers {
		e := &strangers[i]
		alike[e.ID.Stamp()] = append(alike[e.ID.Stamp()], e)
	}
	for _, m := range missing {
		if id, ok := renamed(m, alike[postfix.QueueID(m.QueueID).Stamp()]); ok && inOurHold(m) {
			if err := d.recordRenamed(m, id, asked); err != nil {
				return nil, err
			}
		} else if olderThan(m, time.Minute, asked) {
			gone = append(gone, m)
		}
	}
	return gone, nil
}

// inOurHold reports whether a mail lies in hold by our verdict, or did until an act that is due.
func inOurHold(m *guard.Mail) bool {
	return m.Waiting() || m.Status == guard.MailReleasing || m.Status == guard.MailDeleting
}

// renamed finds a mail under another queue ID: one mail in hold that is nobody's has its time of arrival, to the
// microsecond, and its sender.
func renamed(m *guard.Mail, strangers []*postfix.Entry) (found string, ok bool) {
	id, err := postfix.ParseQueueID(m.QueueID)
	if err != nil {
		return "", false
	}
	was := heldAs(id, m)
	for _, e := range strangers {
		if e.Queue != postfix.QueueHold || !was.Renamed(e) || canonicalSender(e.Sender) != m.ReversePath {
			continue
		}
		if ok {
			return "", false
		}
		found, ok = string(e.ID), true
	}
	return found, ok
}

// canonicalSender is a sender as a queue file has him, whose local part has no quotes there.
func canonicalSender(s string) string {
	if a, err := message.Address(s); err == nil {
		return a
	}
	local, domain := s, ""
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		local, domain = s[:at], s[at:]
	}
	return message.Canonical(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"` + domain)
}

// recordRenamed follows a mail to its new queue ID. The caller holds the mutex.
func (d *Daemon) recordRenamed(m *guard.Mail, queueID string, asked guard.Time) error {
	d.log.Warn("a held mail has another queue ID: the queue was moved or restored", "was", m.QueueID, "is", queueID, "account", m.Account)
	e := &guard.Event{Key: "renamed:" + m.ID + ":" + queueID, Kind: guard.KindRenamed, At: asked, Mail: m.ID, Account: m.Account, QueueID: queueID}
	_, err := d.recordLocked(e)
	delete(d.foreign, queueID)
	return err
}

// recordGone forgets the mails that wait and are not in hold. One that is nowhere in the queue was lost, unless the log says
// who took it.
func (d *Daemon) recordGone(missing []*guard.Mail, queue []postfix.Entry, asked guard.Time) error {
	somewhere, held := map[string]bool{}, map[string]bool{}
	for i := range queue {
		id := string(queue[i].ID)
		somewhere[id], held[id] = true, queue[i].Queue == postfix.QueueHold
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range missing {
		if !m.Waiting() || held[m.QueueID] { // it came back while it was looked for
			continue
		}
		if !somewhere[m.QueueID] {
			d.vanished.Note(m.QueueID, asked.Time())
		}
		e := &guard.Event{Key: "gone:" + m.ID, Kind: guard.KindGone, At: asked, Mail: m.ID, Account: m.Account}
		if _, err := d.recordLocked(e); err != nil {
			return err
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
