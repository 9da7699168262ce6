package rig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Ledger says of each copy that was sent where it is. The witnesses are the replies, the sink and the queues.
type Ledger struct {
	AtSink   []Copy // arrived, exactly once
	Held     []Copy // in the hold queue
	Queued   []Copy // in another queue, on its way
	Returned []Copy // Postfix gave it up and told the sender so, at the sink
	Refused  []Copy // the client was told 4xx or 5xx, and it is nowhere
	Unknown  []Copy // the client heard no reply, and it is nowhere: the client still has it

	Missing []Copy  // was promised by a 250 and is nowhere: lost
	Twice   []Twice // is in more than one place, or more than once at the sink
	Leaked  []Copy  // was refused and yet arrived or is queued: the client will send it again
}

// Twice is a copy that exists more than once.
type Twice struct {
	Copy
	AtSink, Queued int // how often it is there
}

func (t Twice) String() string {
	return fmt.Sprintf("%s: %d at the sink, %d queued", t.Copy, t.AtSink, t.Queued)
}

// Err is nil when each copy is in exactly one place; otherwise it names each that is not, up to 20 of a kind.
func (l *Ledger) Err() error {
	return errors.Join(complain("missing", l.Missing), complain("twice", l.Twice), complain("refused and yet sent on", l.Leaked))
}

func complain[T fmt.Stringer](what string, list []T) error {
	if len(list) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s:", len(list), what)
	for i, item := range list {
		if i == 20 {
			b.WriteString("\n  …")
			break
		}
		b.WriteString("\n  " + item.String())
	}
	return errors.New(b.String())
}

func (l *Ledger) String() string {
	return fmt.Sprintf("%d at the sink, %d held, %d queued, %d returned, %d refused, %d unknown; %d missing, %d twice, %d refused and yet sent on",
		len(l.AtSink), len(l.Held), len(l.Queued), len(l.Returned), len(l.Refused), len(l.Unknown), len(l.Missing), len(l.Twice), len(l.Leaked))
}

// Account finds each copy of what was sent. A mail moves while it is looked for, so what seems wrong is looked at
// again until it is right, or until the wrong has stood still for two seconds: it can be asked at any time, running
// or stopped. An error is a witness that cannot be asked; see Ledger.Err for the verdict.
func Account(ctx context.Context, sent []Mail, sink *Sink, instances ...*Postfix) (*Ledger, error) {
	const still = 2 * time.Second
	before, since := "", time.Now()
	for {
		ledger, err := look(sent, sink, instances)
		if err != nil {
			return nil, fmt.Errorf("account for %d mails: %w", len(sent), err)
		}
		wrong := ledger.Err()
		if wrong == nil {
			return ledger, nil
		}
		if text := wrong.Error() + ledger.String(); text != before {
			before, since = text, time.Now()
		}
		if time.Since(since) > still {
			return ledger, nil
		}
		select {
		case <-ctx.Done():
			return ledger, nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// place counts where a copy lies in the queues.
type place struct{ held, queued int }

func look(sent []Mail, sink *Sink, instances []*Postfix) (*Ledger, error) {
	places := map[Copy]place{}
	for _, p := range instances {
		if err := p.addPlaces(places); err != nil {
			return nil, err
		}
	}
	// The sink after the queues: a mail that is delivered in between is seen in both, and looked at again, but
	// never in none.
	arrived, returned := sink.Copies(), sink.Returned()
	ledger := &Ledger{}
	for i := range sent {
		m := &sent[i]
		for _, to := range m.To {
			c := Copy{m.Token, plain(to)}
			ledger.enter(c, m.outcomeFor(to), arrived[c], returned[c], places[c])
		}
	}
	return ledger, nil
}

func (p *Postfix) addPlaces(places map[Copy]place) error {
	all, err := p.Queue()
	if err != nil {
		return err
	}
	ids := make([]string, len(all))
	for i, q := range all {
		ids[i] = q.ID
	}
	tokens, err := p.TokensOf(ids)
	if err != nil {
		return err
	}
	for _, q := range all {
		for _, r := range q.Recipients {
			c := Copy{tokens[q.ID], plain(r.Address)}
			at := places[c]
			if q.Queue == "hold" {
				at.held++
			} else {
				at.queued++
			}
			places[c] = at
		}
	}
	return nil
}

func (m *Mail) outcomeFor(to string) Outcome {
	for _, refused := range m.RefusedTo {
		if refused == to {
			return Refused
		}
	}
	return m.Outcome
}

func (l *Ledger) enter(c Copy, outcome Outcome, arrived, returned int, at place) {
	queued := at.held + at.queued
	switch total := arrived + queued; {
	case outcome == Unsent && total == 0:
	case total > 1 || total == 1 && returned > 0:
		l.Twice = append(l.Twice, Twice{c, arrived, queued})
	case total == 1 && (outcome == Refused || outcome == Unsent):
		l.Leaked = append(l.Leaked, c)
	case arrived == 1:
		l.AtSink = append(l.AtSink, c)
	case at.held == 1:
		l.Held = append(l.Held, c)
	case at.queued == 1:
		l.Queued = append(l.Queued, c)
	case returned > 0:
		l.Returned = append(l.Returned, c)
	case outcome == Refused:
		l.Refused = append(l.Refused, c)
	case outcome == Unknown:
		l.Unknown = append(l.Unknown, c)
	default:
		l.Missing = append(l.Missing, c)
	}
}
