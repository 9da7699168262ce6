package postfix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxBatch is how many mails one call of Hold, Release or Delete takes.
const MaxBatch = 1000

// Hold puts mails on hold that wait in the queue. A mail that is being delivered at this moment may still be: the
// log tells.
func (p Instance) Hold(ctx context.Context, mails []Held) ([]Result, error) {
	return p.act(ctx, mails, act{
		name: "hold",
		todo: func(queue string) bool { return queue != QueueHold },
		do: func(ctx context.Context, ids []QueueID) error {
			return p.super(ctx, ids, "-h", "-")
		},
		done: func(queue string) bool { return queue == QueueHold },
	})
}

// Release takes mails out of hold and has them delivered now. postsuper -H alone only moves them to deferred.
func (p Instance) Release(ctx context.Context, mails []Held) ([]Result, error) {
	return p.act(ctx, mails, act{
		name: "release",
		todo: func(queue string) bool { return queue == QueueHold || queue == QueueDeferred },
		do:   p.release,
		done: func(queue string) bool { return queue != QueueHold },
	})
}

func (p Instance) release(ctx context.Context, ids []QueueID) error {
	if err := p.super(ctx, ids, "-H", "-"); err != nil {
		return err
	}
	var all []error
	for _, id := range ids { // one that fails is out of hold all the same: qmgr(8) comes to it by itself, later
		all = append(all, p.run(ctx, nil, discard, "postqueue", "-i", string(id)))
	}
	return errors.Join(all...)
}

// Delete removes mails that are in hold, and only there. keep is called before with those that will be removed; an
// error of it leaves that mail where it is.
func (p Instance) Delete(ctx context.Context, mails []Held, keep func(QueueID) error) ([]Result, error) {
	return p.act(ctx, mails, act{
		name: "delete",
		keep: keep,
		todo: func(queue string) bool { return queue == QueueHold },
		do: func(ctx context.Context, ids []QueueID) error {
			return p.super(ctx, ids, "-d", "-", QueueHold)
		},
		done: func(string) bool { return false },
	})
}

// act is one thing done to a batch of mails.
type act struct {
	name string
	todo func(queue string) bool // a mail in this queue needs it
	keep func(QueueID) error     // before; may be nil
	do   func(context.Context, []QueueID) error
	done func(queue string) bool // a mail in this queue has it
}

// act looks for the mails, does it to those that are there and are the ones meant, and looks again.
func (p Instance) act(ctx context.Context, mails []Held, a act) ([]Result, error) {
	if len(mails) > MaxBatch {
		return nil, fmt.Errorf("%s %d mails: at most %d at a time", a.name, len(mails), MaxBatch)
	}
	before, err := p.find(ctx, mails)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.name, err)
	}
	results := make([]Result, len(mails))
	var todo []QueueID
	for i := range mails {
		e := before[mails[i].ID]
		if e == nil || !mails[i].Is(e) {
			results[i].Gone = true
		} else if results[i].Err = a.begin(e); results[i].Err == nil && a.todo(e.Queue) {
			todo = append(todo, e.ID)
		}
	}
	if len(todo) == 0 {
		return results, nil
	}
	did := a.do(ctx, todo)
	after, err := p.find(ctx, mails)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.name, err)
	}
	for i := range mails {
		e := after[mails[i].ID]
		if !results[i].Gone && results[i].Err == nil && e != nil && mails[i].Is(e) && !a.done(e.Queue) {
			results[i].Err = fmt.Errorf("%s %s: it is still in %s", a.name, e.ID, e.Queue)
			if did != nil {
				results[i].Err = fmt.Errorf("%w: %w", results[i].Err, did)
			}
		}
	}
	return results, nil
}

// begin says why nothing can be done for a mail that is there, if so.
func (a *act) begin(e *Entry) error {
	switch {
	case !a.todo(e.Queue) && !a.done(e.Queue):
		return fmt.Errorf("%s %s: it is in %s", a.name, e.ID, e.Queue)
	case a.keep != nil && a.todo(e.Queue):
		return a.keep(e.ID)
	}
	return nil
}

// find looks for the mails of a batch.
func (p Instance) find(ctx context.Context, mails []Held) (map[QueueID]*Entry, error) {
	ids := make([]QueueID, len(mails))
	for i := range mails {
		ids[i] = mails[i].ID
	}
	return p.Find(ctx, ids)
}

// Repair has postsuper(1) give each mail in hold the queue ID that fits its file, as is due where a file came from elsewhere.
func (p Instance) Repair(ctx context.Context) error {
	if err := p.run(ctx, nil, discard, "postsuper", "-s", QueueHold); err != nil {
		return fmt.Errorf("repair the hold queue: %w", err)
	}
	return nil
}

// super runs postsuper(1), which reads the IDs from its standard input. The log of Postfix names each.
func (p Instance) super(ctx context.Context, ids []QueueID, args ...string) error {
	var list strings.Builder
	for _, id := range ids {
		list.WriteString(string(id) + "\n")
	}
	return p.run(ctx, io.Reader(strings.NewReader(list.String())), discard, "postsuper", args...)
}
