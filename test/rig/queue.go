package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Queued is one mail in the queue, as `postqueue -j` tells it: only recipients that are still to be delivered to.
type Queued struct {
	Queue      string `json:"queue_name"` // maildrop, incoming, active, deferred, hold
	ID         string `json:"queue_id"`
	Arrival    int64  `json:"arrival_time"` // Unix seconds
	Size       int64  `json:"message_size"`
	Sender     string `json:"sender"`
	Recipients []struct {
		Address string `json:"address"`
		Delay   string `json:"delay_reason"`
	} `json:"recipients"`
}

// Queue lists the queue, whether Postfix runs or not.
func (p *Postfix) Queue() ([]Queued, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := p.Command(ctx, "postqueue", "-j").Output()
	if err != nil {
		return nil, fmt.Errorf("list the queue: %w", withStderr(err))
	}
	return parseQueue(out)
}

func parseQueue(out []byte) ([]Queued, error) {
	var all []Queued
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var q Queued
		err := decoder.Decode(&q)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of the queue: %w", err)
		}
		all = append(all, q)
	}
}

// Held lists the hold queue.
func (p *Postfix) Held() ([]Queued, error) {
	all, err := p.Queue()
	return slices.DeleteFunc(all, func(q Queued) bool { return q.Queue != "hold" }), err
}

// WaitQueue waits until the queue is as the fact wants it.
func (p *Postfix) WaitQueue(ctx context.Context, what string, fact func([]Queued) error) error {
	return Wait(ctx, what, func() error {
		all, err := p.Queue()
		if err != nil {
			return err
		}
		return fact(all)
	})
}

// WaitDelivered waits until nothing is queued but what is held.
func (p *Postfix) WaitDelivered(ctx context.Context) error {
	return p.WaitQueue(ctx, "an empty queue", func(all []Queued) error {
		for _, q := range all {
			if q.Queue != "hold" {
				return fmt.Errorf("%s is in %s: %v", q.ID, q.Queue, q.Recipients)
			}
		}
		return nil
	})
}

// TokensOf finds the tokens of mails in the queue, by postcat: queue IDs are used again, so an ID alone is no
// witness. A mail that leaves the queue meanwhile, or has no token, is left out.
func (p *Postfix) TokensOf(ids []string) (map[string]string, error) {
	tokens := map[string]string{}
	for batch := range slices.Chunk(ids, 200) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		// postcat stops at the first ID that is gone; then one by one.
		out, err := p.Command(ctx, "postcat", append([]string{"-e", "-h", "-q"}, batch...)...).Output()
		if err == nil {
			readTokens(tokens, out)
		}
		for i := 0; err != nil && i < len(batch); i++ {
			if out, err := p.Command(ctx, "postcat", "-e", "-h", "-q", batch[i]).Output(); err == nil {
				readTokens(tokens, out)
			}
		}
		cancel()
		if ctx.Err() == context.DeadlineExceeded {
			return nil, fmt.Errorf("read %d mails of the queue: %w", len(batch), ctx.Err())
		}
	}
	return tokens, nil
}

// readTokens reads postcat's output: "*** ENVELOPE RECORDS deferred/3/3A… ***" begins a mail.
func readTokens(tokens map[string]string, out []byte) {
	id := ""
	for line := range strings.Lines(string(out)) {
		if path, ok := strings.CutPrefix(line, "*** ENVELOPE RECORDS "); ok {
			path, _, _ = strings.Cut(path, " ")
			id = path[strings.LastIndexByte(path, '/')+1:]
		}
		if token, ok := strings.CutPrefix(line, "X-Token: "); ok && tokens[id] == "" {
			tokens[id] = strings.TrimSpace(token)
		}
	}
}

func withStderr(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}
