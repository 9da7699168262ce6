package investigate

import (
	"container/heap"
	"time"

	"postward/internal/guard"
	"postward/internal/log/delivery"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// maxFollowed bounds the mails whose answers the replay waits for.
const maxFollowed = 20_000

// followed is a mail that the replay judged. What its receivers answered is told to the decision as the log tells the daemon, at
// the same distance from when it left: a mail that waits in the replay is answered later, and one that never leaves is not.
type followed struct {
	id   string
	mail *delivery.Mail
	left guard.Time // zero: it waits
	told map[string]bool
	over bool // the tracker has handed it out
}

// later is what the replay does at a time.
type later struct {
	at    guard.Time
	order int
	event *guard.Event // nil: look what is due
}

type agenda []later

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(later)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func (r *replay) plan(at guard.Time, e *guard.Event) {
	r.planned++
	heap.Push(&r.agenda, later{at, r.planned, e})
}

// until does what is planned up to a time.
func (r *replay) until(now guard.Time) {
	for len(r.agenda) > 0 && r.agenda[0].at <= now {
		next := heap.Pop(&r.agenda).(later)
		if next.event == nil {
			r.due(next.at)
			continue
		}
		r.apply(next.event)
	}
}

// follow begins to follow a mail.
func (r *replay) follow(id string, m *delivery.Mail) *followed {
	if len(r.followed) >= maxFollowed {
		clear(r.followed)
		clear(r.ids)
	}
	f := &followed{id: id, mail: m, over: !m.Ended.IsZero()}
	r.followed[id] = f
	if !f.over {
		r.ids[m] = f
	}
	return f
}

// let notes that a mail left.
func (r *replay) let(id string, at guard.Time) {
	f := r.followed[id]
	if f == nil {
		r.apply(&guard.Event{Key: "removed:" + id, Kind: guard.KindRemoved, At: at, Mail: id})
		return
	}
	f.left = at
	r.tell(f)
}

// ended takes a mail that the tracker has handed out: no more answers come.
func (r *replay) ended(m *delivery.Mail) {
	f := r.ids[m]
	if f == nil {
		return
	}
	delete(r.ids, m)
	f.over = true
	if f.left != 0 {
		r.tell(f)
	}
}

// tell plans the answers that are known and were not told yet, and that the mail is out of the queue.
func (r *replay) tell(f *followed) {
	last := f.left
	for k := range f.mail.Deliveries {
		d := &f.mail.Deliveries[k]
		kind := answer(d)
		to := message.Canonical(d.Name())
		if told := string(kind) + to; kind == "" || f.told[told] || r.copies.is(to) && len(f.mail.Deliveries) > 1 {
			continue
		} else if !f.over {
			if f.told == nil {
				f.told = map[string]bool{}
			}
			f.told[told] = true
		}
		at := f.left.Add(max(d.At.Sub(f.mail.Arrived), 0))
		last = max(last, at)
		r.plan(at, &guard.Event{Key: string(kind) + ":" + f.id + ":" + to, Kind: kind, At: at, Mail: f.id, Recipient: to, DSN: d.DSN})
	}
	if f.over {
		delete(r.followed, f.id)
		r.plan(last.Add(time.Second), &guard.Event{Key: "removed:" + f.id, Kind: guard.KindRemoved, At: last.Add(time.Second), Mail: f.id})
	}
}

// answer is the event that the daemon makes of what became of a recipient.
func answer(d *delivery.Delivery) guard.Kind {
	switch d.Status {
	case maillog.StatusSent, maillog.StatusDiscarded:
		return guard.KindLeft
	case maillog.StatusBounced:
		if d.Relay == "none" || d.Reached() { // what this site answers itself is no receiver's refusal
			return guard.KindBounced
		}
	}
	return ""
}
