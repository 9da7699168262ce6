package daemon

import (
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
)

// tellOfFront says in status, and to the owner, by which address everybody comes, if guesses come by it too.
func (d *Daemon) tellOfFront(t time.Time) {
	d.gate.mu.Lock()
	front := d.gate.watch.Front(t)
	d.gate.mu.Unlock()
	d.troubles.Front(front, t)
}

// lifted writes down that the watch lifted a ban, and has the kernel told. The caller holds the gate's mutex.
func (d *Daemon) lifted(b *guess.Ban) {
	d.note(&guard.Event{Kind: guard.KindUnbanned, Prefix: b.Prefix, Text: "nearly everybody comes by it: a proxy, or a router that hides the clients' addresses"})
	d.writer.SetBan(b.Prefix.String(), "")
	d.gate.lift = append(d.gate.lift, b.Prefix)
	d.wakeGate()
}
