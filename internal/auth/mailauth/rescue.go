package mailauth

import (
	"fmt"
	"runtime/debug"
	"sync"

	"postward/internal/wire/dns"
)

// maxPanic is how much of a panic is told, in octets.
const maxPanic = 4 << 10

// rescue holds what a mail's goroutines panicked with. A panic is our bug, and may be brought about by a stranger: in a goroutine
// it would end the daemon for all mail.
type rescue struct {
	mu   sync.Mutex
	text string // of the first one, with its stack
}

// start runs a part of the mail in a goroutine. When that panics, what it would have set stays as it was.
func (r *rescue) start(joined *sync.WaitGroup, part func()) {
	joined.Go(func() { r.run(part) })
}

// run runs a part here; false: it panicked.
func (r *rescue) run(part func()) (done bool) {
	defer func() {
		if p := recover(); p != nil {
			r.note(p)
		}
	}()
	part()
	return true
}

func (r *rescue) note(what any) {
	p, is := what.(*dns.Panicked)
	if !is {
		p = &dns.Panicked{What: what, Stack: debug.Stack()}
	}
	text := fmt.Sprint(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.text == "" {
		r.text = text[:min(len(text), maxPanic)]
	}
}

// told is the first panic; empty: there was none.
func (r *rescue) told() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text
}

// Panic is what a part of the mail panicked with, and where; empty: none did. After Close it is whole.
func (m *Mail) Panic() string { return m.rescue.told() }
