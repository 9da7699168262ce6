package dns

import (
	"container/list"
	"time"
)

// Bounds of the cache.
const (
	maxEntries = 4096
	maxBytes   = 2 << 20
	maxEntry   = 128 << 10
)

// cache keeps answers until their TTL is over; when it is full, the one that was not asked for longest goes. It is
// not safe for many goroutines: the Client's mutex owns it.
type cache struct {
	entries map[question]*list.Element
	used    *list.List // *entry, the most recently used first
	bytes   int
}

type entry struct {
	q      question
	answer Answer
	until  time.Time
	bytes  int
}

func newCache() *cache {
	return &cache{entries: make(map[question]*list.Element), used: list.New()}
}

// get returns what is known at now, with the TTL that is left.
func (c *cache) get(q question, now time.Time) (Answer, bool) {
	e := c.entries[q]
	if e == nil {
		return Answer{}, false
	}
	kept := e.Value.(*entry)
	left := kept.until.Sub(now)
	if left <= 0 {
		c.drop(e)
		return Answer{}, false
	}
	c.used.MoveToFront(e)
	a := kept.answer
	a.TTL = min(a.TTL, left) // a clock that stepped back makes nothing live longer
	return a, true
}

// put keeps an answer for its TTL. One without a TTL, and one that would push out too much, is not kept.
func (c *cache) put(q question, a Answer, now time.Time) {
	if e := c.entries[q]; e != nil {
		c.drop(e)
	}
	kept := &entry{q: q, answer: a, until: now.Add(a.TTL), bytes: size(q, &a)}
	if a.TTL <= 0 || kept.bytes > maxEntry {
		return
	}
	c.entries[q] = c.used.PushFront(kept)
	c.bytes += kept.bytes
	for len(c.entries) > maxEntries || c.bytes > maxBytes {
		c.drop(c.used.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	kept := c.used.Remove(e).(*entry)
	delete(c.entries, kept.q)
	c.bytes -= kept.bytes
}

// size is about what an entry costs in octets.
func size(q question, a *Answer) int {
	n := 400 + 2*len(q.name) + 32*len(a.Addrs)
	for _, texts := range [][]string{a.Texts, a.Names, a.Others} {
		for _, text := range texts {
			n += 16 + len(text)
		}
	}
	for i := range a.Exchangers {
		n += 24 + len(a.Exchangers[i].Host)
	}
	return n
}
