package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/run/ctl"
	"postward/internal/run/store"
)

// What is deleted lies in the trash for a week, where only root can read it. What it was, the journal knows.

// keptFor is how far back a deletion is looked for: the trash is emptied by its own clock.
const keptFor = 8 * 24 * time.Hour

// maxDeleted bounds the deleted mails that are listed.
const maxDeleted = 500

func copies(mails []*guard.Mail) []*guard.Mail {
	all := make([]*guard.Mail, len(mails))
	for i, m := range mails {
		all[i] = m.Clone()
	}
	return all
}

// deleted lists the deleted mails that may be in the trash, the last first.
func (d *Daemon) deleted(ctx context.Context) (ctl.HeldAnswer, error) {
	x := ctl.HeldAnswer{Mails: []*guard.Mail{}, Foreign: []ctl.Foreign{}}
	since := now().Add(-keptFor)
	at := map[string]guard.Time{} // what became of a mail last, and when: restored, or deleted
	words, err := d.words(ctx, since, guard.KindRestored)
	if err != nil {
		return x, err
	}
	for _, e := range words {
		at[e.Trashed[0].ID] = max(at[e.Trashed[0].ID], e.At)
	}
	if words, err = d.words(ctx, since, guard.KindDelete, guard.KindSpam); err != nil {
		return x, err
	}
	for _, e := range words {
		for _, m := range e.Trashed {
			if at[m.ID] < e.At && len(x.Mails) < maxDeleted && !d.lies(m.ID) {
				at[m.ID] = e.At
				x.Mails = append(x.Mails, m)
			}
		}
	}
	return x, nil
}

// words are the operators' words of some kinds about mail in the trash, the last first.
func (d *Daemon) words(ctx context.Context, since guard.Time, kinds ...guard.Kind) (all []*guard.Event, err error) {
	for _, kind := range kinds {
		for r, err := range d.store.Journal(ctx, store.Filter{Kind: kind, From: since}) {
			if err != nil {
				return nil, fmt.Errorf("read the journal: %w", err)
			}
			if len(r.Event.Trashed) > 0 {
				all = append(all, r.Event)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *guard.Event) int { return cmp.Compare(b.At, a.At) })
	return all, nil
}

// lies reports whether a mail is in hold still, whatever is to become of it.
func (d *Daemon) lies(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.state.Mail(id)
	return m != nil && m.Status != guard.MailRemoved
}

// bringBack brings deleted mails back into hold. Which of them are, the answer tells, each under the queue ID that it has now.
func (d *Daemon) bringBack(ctx context.Context, actor string, r *ctl.MailsRequest) (ctl.HeldAnswer, error) {
	x := ctl.HeldAnswer{Mails: []*guard.Mail{}, Foreign: []ctl.Foreign{}}
	gone, err := d.deleted(ctx)
	if err != nil {
		return x, err
	}
	var wanted []*guard.Mail
	for _, id := range r.QueueIDs { // all or none: a wrong id must not leave half of the others done
		m := lastOf(gone.Mails, id)
		if m == nil {
			return x, &ctl.Problem{What: fmt.Sprintf("no deleted mail %q is known", id), Hint: "postward held deleted"}
		}
		wanted = append(wanted, m)
	}
	if len(wanted) == 0 {
		return x, &ctl.Problem{What: "no queue id was given", Hint: "postward held deleted"}
	}
	for _, m := range wanted {
		back, err := d.bringBackOne(ctx, actor, m)
		if err != nil {
			return x, err
		}
		x.Mails = append(x.Mails, back)
	}
	return x, nil
}

func lastOf(mails []*guard.Mail, queueID string) *guard.Mail {
	for _, m := range mails {
		if m.QueueID == queueID {
			return m
		}
	}
	return nil
}

// bringBackOne brings one back, and waits until that is on disk. Killed in between, it is in hold and nobody's, and the next try finds it.
func (d *Daemon) bringBackOne(ctx context.Context, actor string, m *guard.Mail) (*guard.Mail, error) {
	d.acts.Lock() // what is back and not yet known would look as if somebody else had put it there
	defer d.acts.Unlock()
	id, err := postfix.ParseQueueID(m.QueueID)
	if err != nil {
		return nil, err
	}
	now := now()
	name, err := d.warden.Restore(ctx, heldAs(id, m))
	if err != nil {
		return nil, err
	}
	e := &guard.Event{Key: fmt.Sprintf("restored:%s:%s:%d", m.ID, name, now), Kind: guard.KindRestored, At: now, Actor: actor, Account: m.Account, Mail: m.ID, Incident: m.Incident, QueueID: string(name), Trashed: []*guard.Mail{m}}
	if err := d.recordAndWait(ctx, e); err != nil {
		return nil, err
	}
	return d.ours(string(name))
}
