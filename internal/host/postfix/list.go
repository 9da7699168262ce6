package postfix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// The queues of qmgr(8) that a mail can lie in.
const (
	QueueHold     = "hold"
	QueueDeferred = "deferred"
	QueueActive   = "active"
	QueueIncoming = "incoming"
)

// Entry is one mail in the queue.
type Entry struct {
	Queue   string    `json:"queue"` // QueueHold, …
	ID      QueueID   `json:"id"`
	Sender  string    `json:"sender"`
	Arrived time.Time `json:"arrived"` // whole seconds
	Size    int64     `json:"size"`    // octets
}

// Bounds of a listing: a queue with more than this is an error, not a shorter list, for what a list lacks counts
// as gone.
const (
	maxEntries = 500_000
	maxListing = 1 << 30
)

// WaitingFor returns the IDs of the mails in hold of which a recipient is wanted. It asks postqueue(1), which needs no root.
func (p Instance) WaitingFor(ctx context.Context, wanted func(recipient string) bool) ([]QueueID, error) {
	var all []QueueID
	err := p.run(ctx, nil, func(r io.Reader) (err error) {
		all, err = readWaiting(r, wanted)
		return err
	}, "postqueue", "-j")
	if err != nil {
		return nil, fmt.Errorf("list the queue: %w", err)
	}
	return all, nil
}

// readWaiting reads what postqueue -j prints: one JSON object a mail. An entry whose ID is none is left out: nothing could be done
// with it.
func readWaiting(r io.Reader, wanted func(recipient string) bool) (all []QueueID, err error) {
	err = eachEntry(r, func(raw *queued) {
		id, err := ParseQueueID(raw.ID)
		if err == nil && raw.Queue == QueueHold && slices.ContainsFunc(raw.Recipients, func(x rcpt) bool { return wanted(x.Address) }) {
			all = append(all, id)
		}
	})
	return all, err
}

// queued is a mail as postqueue -j prints it.
type queued struct {
	Queue      string `json:"queue_name"`
	ID         string `json:"queue_id"`
	Recipients []rcpt `json:"recipients"`
}

type rcpt struct {
	Address string `json:"address"`
}

// eachEntry hands out each mail of a listing.
func eachEntry(r io.Reader, each func(*queued)) error {
	limited := &io.LimitedReader{R: r, N: maxListing}
	decoder := json.NewDecoder(limited)
	for n := 0; ; n++ {
		var raw queued
		err := decoder.Decode(&raw)
		switch {
		case limited.N <= 0 || n > maxEntries:
			return fmt.Errorf("the queue has more than %d mails or %d octets of list", maxEntries, maxListing)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the list: %w", err)
		}
		each(&raw)
	}
}
