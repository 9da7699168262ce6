package daemon

import (
	"net/netip"
	"time"

	"postward/internal/guard"
	"postward/internal/run/store"
)

// refusals keeps a flood of refusals from being a flood of journal rows. The first refusal of its kind is an event at
// once; those like it are counted, and told in one event when a minute is over. A crash forgets the count of at most
// that minute: nobody's mail hangs on it.
type refusals map[refusal]*repeated

// refusal is what makes refusals alike.
type refusal struct {
	account string
	reason  guard.Reason
	about   string
	network netip.Addr
}

// repeated is what came after the first of a kind.
type repeated struct {
	since guard.Time // of the first
	times int
	last  *guard.Event
}

const (
	refusalsFor = time.Minute
	maxRefusals = 4096 // kinds counted at once by network and name; beyond them by account and reason
)

// networkOf is the network that makes refusals alike. Loopback is one: a local user may bind any of its addresses.
func networkOf(t *guard.Transaction) netip.Addr {
	if t.Client.Unmap().IsLoopback() {
		return netip.Addr{}
	}
	return guard.Network(t.Client)
}

// add records a refusal, or counts it.
func (r refusals) add(e *guard.Event, record func(*guard.Event) (*store.Ticket, error)) error {
	k := refusal{e.Account, e.Verdict.Reason, e.Verdict.About, networkOf(e.Transaction)}
	if r[k] == nil && len(r) >= maxRefusals { // whoever has so many networks, or names, is counted as one
		k.network, k.about = netip.Addr{}, ""
	}
	if c := r[k]; c != nil {
		c.times, c.last = c.times+1, e
		return nil
	}
	if _, err := record(e); err != nil {
		return err
	}
	if len(r) < 2*maxRefusals {
		r[k] = &repeated{since: e.At}
	}
	return nil
}

// flush records what was counted since before a time.
func (r refusals) flush(before guard.Time, record func(*guard.Event) (*store.Ticket, error)) error {
	for k, c := range r {
		if c.since >= before {
			continue
		}
		if c.times > 0 {
			c.last.Times = c.times
			if _, err := record(c.last); err != nil {
				return err // it stays counted
			}
		}
		delete(r, k)
	}
	return nil
}

// flushRefusals records every refusal that was counted: somebody asks, or the daemon ends.
func (d *Daemon) flushRefusals() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.refusals.flush(now()+1, d.recordLocked); err != nil {
		d.log.Warn("some refusals are counted later", "err", err)
	}
}
