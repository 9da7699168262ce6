package main

import (
	"container/heap"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/guard"
)

// world is a State in time: the mail that is on its way, and who is told what left.
type world struct {
	state   *guard.State
	later   timetable
	mails   map[string]*sent // accepted and not yet left
	count   int
	leaving func(m *sent, at guard.Time) // told of each mail that leaves; nil: nobody is
}

// sent is a mail as the world follows it.
type sent struct {
	account string
	to      []string
	refused string // what its receivers answer: an enhanced status code; empty: they take it
	undone  bool   // another milter refuses it after the guard's verdict
	tag     any    // for whoever listens to leaving
	left    bool
	id      string
}

// later is something due at a time: answers to a mail, or a look at what has cooled (mail is nil).
type later struct {
	at    guard.Time
	order int
	mail  *sent
}

type timetable []later

func (t timetable) Len() int { return len(t) }
func (t timetable) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].order < t[j].order
}
func (t timetable) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timetable) Push(x any)   { *t = append(*t, x.(later)) }
func (t *timetable) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func newWorld(s *guard.State) *world { return &world{state: s, mails: map[string]*sent{}} }

// copied returns a world of its own, as the site is when the thief comes.
func (s *site) copied() *world {
	w := newWorld(guard.Restore(s.state.All()))
	w.count = 1 << 20 // no ID is used twice
	return w
}

// apply applies an event and carries out at once what it makes due.
func (w *world) apply(e *guard.Event) {
	for _, f := range guard.Apply(w.state, e) {
		m := w.mails[f.Mail]
		done := guard.Event{Key: "outcome:" + f.ID, Kind: guard.KindOutcome, At: e.At, Effect: f.ID, Outcome: guard.Done}
		if f.Act == guard.ActHold && m == nil {
			done.Outcome = guard.Gone // it was sent before
		}
		w.apply(&done)
		if f.Act == guard.ActRelease && m != nil {
			w.leaves(m, e.At)
		}
	}
}

// until lets time go by: what has cooled leaves, receivers answer.
func (w *world) until(t guard.Time) {
	for len(w.later) > 0 && w.later[0].at <= t {
		next := heap.Pop(&w.later).(later)
		if next.mail != nil {
			w.answers(next.mail, next.at)
			continue
		}
		events := guard.Due(w.state, next.at).Events
		slices.SortFunc(events, func(a, b guard.Event) int { return strings.Compare(a.Key, b.Key) })
		for i := range events {
			w.apply(&events[i])
		}
	}
}

func (w *world) at(t guard.Time, m *sent) {
	w.count++
	heap.Push(&w.later, later{t, w.count, m})
}

// submit judges a mail and records the verdict. t.At must not lie before the world's last event.
func (w *world) submit(t *guard.Transaction, m *sent) guard.Verdict {
	w.until(t.At)
	w.count++
	t.ID = "M" + strconv.Itoa(w.count)
	t.QueueID = t.ID
	m.id = t.ID
	v := guard.Judge(w.state, t)
	w.mails[m.id] = m
	w.apply(&guard.Event{Key: "judged:" + t.ID, Kind: guard.KindJudged, At: t.At, Transaction: t, Verdict: &v})
	switch {
	case m.undone:
		delete(w.mails, m.id)
		w.apply(&guard.Event{Key: "untaken:" + m.id, Kind: guard.KindUntaken, At: t.At, Mail: m.id})
	case v.Action == guard.Accept:
		w.leaves(m, t.At)
	case v.Action == guard.Hold && v.Cool:
		w.at(v.ReleaseAt, nil)
	case v.Action != guard.Hold:
		delete(w.mails, m.id)
	}
	return v
}

// would reports whether a mail would leave without a person: at once, or after it has cooled.
func (w *world) would(t *guard.Transaction) bool {
	w.until(t.At)
	v := guard.Judge(w.state, t)
	return v.Action == guard.Accept || v.Action == guard.Hold && v.Cool
}

// leaves gives a mail to its receivers, who answer ten seconds later.
func (w *world) leaves(m *sent, now guard.Time) {
	if m.left {
		return
	}
	m.left = true
	delete(w.mails, m.id)
	if w.leaving != nil {
		w.leaving(m, now)
	}
	w.at(now.Add(10*time.Second), m)
}

func (w *world) answers(m *sent, now guard.Time) {
	kind := guard.KindLeft
	if m.refused != "" {
		kind = guard.KindBounced
	}
	for i, r := range m.to {
		key := "answer:" + m.id + ":" + strconv.Itoa(i)
		w.apply(&guard.Event{Key: key, Kind: kind, At: now, Mail: m.id, Recipient: r, DSN: m.refused})
	}
	w.apply(&guard.Event{Key: "removed:" + m.id, Kind: guard.KindRemoved, At: now, Mail: m.id})
}

// inbound is a mail that says it is from a sender, to an address of the site.
func (w *world) inbound(from, to string, now guard.Time) {
	w.until(now)
	w.count++
	t := &guard.Transaction{
		ID: "I" + strconv.Itoa(w.count), Stage: guard.StageEnd, At: now, MailAt: now, Direction: guard.Inbound,
		Client: foreignPlace(0).client, ASN: foreignPlace(0).asn, Country: foreignPlace(0).country,
		ReversePath: from, Authors: []string{from}, Recipients: []string{to}, Zone: guard.NoZone,
	}
	if guard.Judge(w.state, t).Action != guard.Accept {
		return
	}
	events := guard.Written(w.state, t)
	for i := range events {
		w.apply(&events[i])
	}
}

// login is somebody who reads an account's mail.
func (w *world) login(p *person, from place, now guard.Time) {
	if !guard.LoginTells(w.state, p.name, from.client, from.asn, now) {
		return
	}
	w.count++
	w.apply(&guard.Event{Key: "login:" + strconv.Itoa(w.count), Kind: guard.KindLogin, At: now, Account: p.name, Network: from.client, ASN: from.asn})
}

// release is the administrator, who looks through what shadow mode would have held, once.
func (w *world) release(now guard.Time) {
	var open []int64
	for id, i := range w.state.Incidents() {
		if i.Status != guard.IncidentClosed {
			open = append(open, id)
		}
	}
	slices.Sort(open)
	for _, id := range open {
		w.apply(&guard.Event{Key: "release:" + strconv.FormatInt(id, 10), Kind: guard.KindRelease, At: now, Incident: id, Actor: "administrator"})
	}
}
