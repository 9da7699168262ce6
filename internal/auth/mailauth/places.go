package mailauth

import (
	"context"

	"postward/internal/wire/dns"
)

// Bounds of questions that senders choose and that are on their way at once: what an SPF policy, the names of a client, signatures and
// chains lead to. A name server that never answers holds a place of the resolver for as long as we have patience.
const (
	maxOfMail  = 8  // of one mail's envelope, and as many of its header section
	maxAside   = 6  // of those of the envelope: what may not be needed; the two evaluations of SPF have the others
	maxOfAll   = 64 // of all mails
	maxOfSides = 32 // of those: what may not be needed
)

// place is what a question takes for itself before it is asked. nil: there is no bound.
type place chan struct{}

// Places are those that all mails share. DMARC's own questions take none: they are few, and whom they ask is not chosen
// by who hides behind them.
type Places struct{ all, sides place }

// NewPlaces has them all free. Checkers share them that have the same.
func NewPlaces() *Places {
	return &Places{all: make(place, maxOfAll), sides: make(place, maxOfSides)}
}

// of are the places of one mail within them: for what is evaluated at MAIL FROM, for what stands beside that, and for keys.
func (p *Places) of() (main, side, keys []place) {
	if p == nil {
		p = &Places{}
	}
	envelope := make(place, maxOfMail)
	return []place{envelope, p.all}, []place{make(place, maxAside), envelope, p.sides, p.all}, []place{make(place, maxOfMail), p.all}
}

// take waits for a place in each, always in this order; it is false when the context ended before.
func take(ctx context.Context, places []place) bool {
	if ctx.Err() != nil {
		return false
	}
	for i, p := range places {
		if p == nil {
			continue
		}
		select {
		case p <- struct{}{}:
		case <-ctx.Done():
			leave(places[:i])
			return false
		}
	}
	return true
}

// leave frees what take took.
func leave(places []place) {
	for _, p := range places {
		if p != nil {
			<-p
		}
	}
}

// within is the same memory for questions that take places.
func (m *memory) within(places []place) *memory {
	return &memory{Resolver: m.Resolver, records: m.records, places: places}
}

// look is the answer to a question, or the one that is on its way; nil: nobody has asked.
func (r *records) look(q question) *answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[q]
}

// asked returns the answer to a question, which is there or comes; mine when the caller has to ask, and has taken the places for
// it. Who waits for a place has not begun to ask, and nobody waits for him; nil: his time was over.
func (m *memory) asked(ctx context.Context, q question) (a *answer, mine bool) {
	if a = m.look(q); a != nil {
		return a, false
	}
	if !take(ctx, m.places) {
		return nil, false
	}
	if a, mine = m.board(q); !mine {
		leave(m.places)
	}
	return a, mine
}

var _ dns.Resolver = (*memory)(nil)
