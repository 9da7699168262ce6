package main

import (
	"container/heap"
	"fmt"
	"time"

	"postward/internal/guard"
)

// site is a server in the trace's time: a State, the mail that is on its way, and what the judge counts.
type site struct {
	state *guard.State
	later timetable
	count int
	mails map[string]*mail
}

// mail is a submission as the judge follows it.
type mail struct {
	line   *line
	at     guard.Time
	cooled bool
	held   bool
	left   bool
}

// later is something the world does to the State at a time; an event without a kind: it looks what is due.
type later struct {
	at    guard.Time
	event guard.Event
}

type timetable []later

func (t timetable) Len() int           { return len(t) }
func (t timetable) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timetable) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timetable) Push(x any)        { *t = append(*t, x.(later)) }
func (t *timetable) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func newSite() *site { return &site{state: guard.New(), mails: map[string]*mail{}} }

// copied returns the site as it is, to be attacked without disturbing this one.
func (s *site) copied() *site {
	return &site{state: guard.Restore(s.state.All()), mails: map[string]*mail{}, count: s.count}
}

func (s *site) apply(e guard.Event) []guard.Effect {
	effects := guard.Apply(s.state, &e)
	for _, f := range effects {
		s.apply(guard.Event{Kind: guard.KindOutcome, At: e.At, Effect: f.ID, Outcome: guard.Done})
		if f.Act == guard.ActRelease {
			s.leaves(f.Mail, e.At)
		}
	}
	return effects
}

// until lets time go by: cooling times end, receivers answer, the administrator comes.
func (s *site) until(t guard.Time) {
	for {
		next := t
		if len(s.later) > 0 && s.later[0].at < next {
			next = s.later[0].at
		}
		for _, e := range guard.Due(s.state, next).Events {
			s.apply(e)
		}
		if next == t {
			return
		}
		if e := heap.Pop(&s.later).(later).event; e.Kind != "" {
			s.apply(e)
		}
	}
}

func (s *site) at(t guard.Time, e guard.Event) {
	e.At = t
	heap.Push(&s.later, later{t, e})
}

// submit plays one submission and returns its verdict.
func (s *site) submit(l *line) (guard.Verdict, *mail) {
	s.count++
	id := fmt.Sprintf("M%d", s.count)
	t := l.transaction(id)
	s.until(t.At)
	v := guard.Judge(s.state, t)
	m := &mail{line: l, at: t.At, cooled: v.Action == guard.Hold && v.Cool, held: v.Action == guard.Hold && !v.Cool}
	if v.Action == guard.Accept || v.Action == guard.Hold {
		s.mails[id] = m
	}
	s.apply(guard.Event{Kind: guard.KindJudged, At: t.At, Transaction: t, Verdict: &v})
	switch {
	case v.Action == guard.Accept:
		s.leaves(id, t.At)
	case m.cooled:
		s.at(v.ReleaseAt, guard.Event{})
	}
	return v, m
}

// leaves lets a mail go to its receivers, who answer 5 to 30 seconds later.
func (s *site) leaves(id string, t guard.Time) {
	m := s.mails[id]
	if m == nil || m.left {
		return
	}
	m.left = true
	answer := t.Add(5*time.Second + time.Duration(s.count*7919%25_000)*time.Millisecond)
	for i, r := range m.line.Rcpts {
		e := guard.Event{Kind: guard.KindLeft, Mail: id, Recipient: r}
		if i < len(m.line.DSN) && m.line.DSN[i] != 0 {
			e.Kind, e.DSN = guard.KindBounced, enhanced(m.line.DSN[i])
		}
		s.at(answer, e)
	}
	s.at(answer.Add(time.Second), guard.Event{Kind: guard.KindRemoved, Mail: id})
	delete(s.mails, id)
}

// enhanced writes 571 as 5.7.1 (RFC 3463).
func enhanced(code int) string { return fmt.Sprintf("%d.%d.%d", code/100, code/10%10, code%10) }
