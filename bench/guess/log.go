package main

import (
	"bufio"
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// begin is when every generated log begins: a Monday, in winter time, so that a seed always gives the same log.
var begin = time.Date(2025, 11, 10, 0, 0, 0, 0, time.UTC)

// length is how much time a log tells of: a week that begins quietly, so that people are known when the attacks come.
const length = 8 * 24 * time.Hour

// stream is the second half of every seed.
const stream = 17

// generator writes a log and the truth about it. What happens are visits, which write their lines ahead of time; lines
// leave in the order of their stamps. It belongs to one goroutine.
type generator struct {
	r      *rand.Rand
	site   *site
	form   *form
	log    *bufio.Writer
	truth  *bufio.Writer
	lines  int
	tries  int
	visits queue[func(time.Time)]
	ahead  queue[string]
	pids   map[string]*pool
	ids    int
	buf    []byte
}

func newGenerator(seed uint64, f *form, log, truth io.Writer) *generator {
	g := &generator{r: rand.New(rand.NewPCG(seed, stream)), form: f, pids: map[string]*pool{},
		log: bufio.NewWriterSize(log, 1<<20), truth: bufio.NewWriterSize(truth, 1<<20)}
	g.site = newSite(g.r)
	return g
}

// visit says what happens at a time.
func (g *generator) visit(at time.Time, f func(at time.Time)) { g.visits.put(at, f) }

// run lets all visits happen, and writes their lines.
func (g *generator) run() error {
	for len(g.visits.items) > 0 {
		at, f := g.visits.take()
		g.leave(at)
		if at.Before(begin.Add(length)) {
			f(at)
		}
	}
	g.leave(begin.Add(10 * length))
	if err := g.truth.Flush(); err != nil {
		return err
	}
	return g.log.Flush()
}

// leave writes the lines that are due.
func (g *generator) leave(until time.Time) {
	for len(g.ahead.items) > 0 && !g.ahead.items[0].at.After(until) {
		at, text := g.ahead.take()
		g.buf = append(append(g.form.stamp(g.buf[:0], at), text...), '\n')
		g.log.Write(g.buf) // its error comes with Flush
		g.lines++
	}
}

// say writes a line of a program.
func (g *generator) say(at time.Time, program, format string, args ...any) {
	g.ahead.put(at, program+": "+fmt.Sprintf(format, args...))
}

// tried tells the truth about one try to log in, or about a visit for which logging in is no question.
func (g *generator) tried(m *mark, at time.Time, c client, account, outcome string) {
	t := try{At: at, Guilty: m.guilty, Kind: m.kind, Subject: m.subject, Addr: c.addr, Account: account, Outcome: outcome}
	g.truth.Write(t.append(nil))
	g.tries++
}

// between is a random time between two.
func (g *generator) between(a, b time.Duration) time.Duration {
	if b <= a {
		return a
	}
	return a + time.Duration(g.r.Int64N(int64(b-a)))
}

// queue holds what is to happen, earliest first, and what was put first of the same time.
type queue[T any] struct {
	items []item[T]
	given int
}

type item[T any] struct {
	at    time.Time
	order int
	what  T
}

func (q *queue[T]) put(at time.Time, what T) {
	q.given++
	heap.Push(q, item[T]{at, q.given, what})
}

func (q *queue[T]) take() (time.Time, T) {
	x := heap.Pop(q).(item[T])
	return x.at, x.what
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (q *queue[T]) Len() int { return len(q.items) }
func (q *queue[T]) Less(i, j int) bool {
	if c := q.items[i].at.Compare(q.items[j].at); c != 0 {
		return c < 0
	}
	return q.items[i].order < q.items[j].order
}
func (q *queue[T]) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queue[T]) Push(x any)    { q.items = append(q.items, x.(item[T])) }
func (q *queue[T]) Pop() any {
	last := q.items[len(q.items)-1]
	q.items[len(q.items)-1] = item[T]{}
	q.items = q.items[:len(q.items)-1]
	return last
}

// pool is the processes of one service: one session at a time each, and the one that was free longest takes the next.
type pool struct {
	first int
	free  []time.Time // by process: until when it is busy
}

// process takes a process that is free at a time.
func (g *generator) process(service string, at time.Time) int {
	p := g.pids[service]
	if p == nil {
		p = &pool{first: 1000 + 2000*len(g.pids)}
		g.pids[service] = p
	}
	for i, until := range p.free {
		if until.Before(at) {
			p.free[i] = at.Add(time.Hour)
			return p.first + i
		}
	}
	p.free = append(p.free, at.Add(time.Hour))
	return p.first + len(p.free) - 1
}

// released gives a process back.
func (g *generator) released(service string, pid int, at time.Time) {
	g.pids[service].free[pid-g.pids[service].first] = at
}
