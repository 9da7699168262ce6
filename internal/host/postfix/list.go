package postfix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// List lists the queue, whether Postfix runs or not (postqueue -j). With queues, only mail in those.
func (p Instance) List(ctx context.Context, queues ...string) ([]Entry, error) {
	var all []Entry
	err := p.run(ctx, nil, func(r io.Reader) (err error) {
		all, err = readList(r, queues)
		return err
	}, "postqueue", "-j")
	if err != nil {
		return nil, fmt.Errorf("list the queue: %w", err)
	}
	return all, nil
}

// readList reads what postqueue -j prints: one JSON object a mail. An entry whose ID is none is left out: nothing
// could be done with it.
func readList(r io.Reader, queues []string) ([]Entry, error) {
	limited := &io.LimitedReader{R: r, N: maxListing}
	decoder := json.NewDecoder(limited)
	all := []Entry{}
	for {
		var raw struct {
			Queue   string `json:"queue_name"`
			ID      string `json:"queue_id"`
			Arrived int64  `json:"arrival_time"`
			Size    int64  `json:"message_size"`
			Sender  string `json:"sender"`
		}
		err := decoder.Decode(&raw)
		switch {
		case limited.N <= 0 || len(all) > maxEntries:
			return nil, fmt.Errorf("the queue has more than %d mails or %d octets of list", maxEntries, maxListing)
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("read the list: %w", err)
		}
		id, err := ParseQueueID(raw.ID)
		if err != nil || !wanted(raw.Queue, queues) {
			continue
		}
		all = append(all, Entry{Queue: raw.Queue, ID: id, Sender: nullPath(raw.Sender), Arrived: time.Unix(raw.Arrived, 0), Size: raw.Size})
	}
}

func wanted(queue string, queues []string) bool {
	for _, q := range queues {
		if q == queue {
			return true
		}
	}
	return len(queues) == 0
}

// nullPath undoes what showq(8) writes for the null reverse-path.
func nullPath(sender string) string {
	if sender == "MAILER-DAEMON" {
		return ""
	}
	return sender
}

// Bounds of Look: what it returns, and how long it waits, for postcat(1) waits at a pipe in the queue.
const (
	maxLook  = 64 << 10
	lookTime = 10 * time.Second
)

// Look returns the envelope and the header section of a mail in the queue, as postcat(1) prints them, at most
// 64 KiB. The text is a stranger's.
func (p Instance) Look(ctx context.Context, id QueueID) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var out []byte
	err := p.run(ctx, nil, func(r io.Reader) (err error) {
		if out, err = io.ReadAll(io.LimitReader(r, maxLook)); err != nil {
			return err
		}
		return discard(r)
	}, "postcat", "-e", "-h", "-q", string(id))
	if err != nil {
		return "", fmt.Errorf("look into %s: %w", id, err)
	}
	return string(bytes.ToValidUTF8(out, []byte("?"))), nil
}
