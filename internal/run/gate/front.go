package gate

import (
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
)

// tellOfFront says in status, and to the owner, by which address everybody comes, if guesses come by it too.
func (g *Gate) tellOfFront(t time.Time) {
	g.mu.Lock()
	front := g.watch.Front(t)
	g.mu.Unlock()
	g.troubles.Front(front, t)
}

// lifted writes down that the watch lifted a ban, and has the kernel told. The caller holds the gate's mutex.
func (g *Gate) lifted(b *guess.Ban) {
	g.note(&guard.Event{Kind: guard.KindUnbanned, Prefix: b.Prefix, Text: "nearly everybody comes by it: a proxy, or a router that hides the clients' addresses"})
	g.writer.SetBan(b.Prefix.String(), "")
	g.lift = append(g.lift, b.Prefix)
	g.wake()
}
