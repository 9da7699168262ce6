package dns

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Group is questions that are asked at once. A panic of one comes again in Wait, in the goroutine of who can answer for it: in a
// goroutine of its own it would end the program. The zero value is ready.
type Group struct {
	wait   sync.WaitGroup
	mu     sync.Mutex
	failed *Panicked // the first one
}

// Panicked is what Wait panics with: what a question panicked with, and where.
type Panicked struct {
	What  any
	Stack []byte
}

// String is the panic as Go would print it.
func (p *Panicked) String() string { return fmt.Sprintf("%v\n%s", p.What, p.Stack) }

// Go asks in a goroutine of its own.
func (g *Group) Go(ask func()) {
	g.wait.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				g.fail(p)
			}
		}()
		ask()
	})
}

func (g *Group) fail(what any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed != nil {
		return
	}
	if inner, is := what.(*Panicked); is { // of a Group within
		g.failed = inner
		return
	}
	g.failed = &Panicked{what, debug.Stack()}
}

// Wait waits for all, and panics with a *Panicked when one did; once.
func (g *Group) Wait() {
	g.wait.Wait()
	g.mu.Lock()
	failed := g.failed
	g.failed = nil
	g.mu.Unlock()
	if failed != nil {
		panic(failed)
	}
}
