package warden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"postward/internal/host/postfix"
)

// The closed list of acts.
const (
	actList    = "list"
	actLook    = "look"
	actHold    = "hold"
	actRelease = "release"
	actDelete  = "delete"
	actRestore = "restore"
	actShare   = "share"
)

// request is what the child may ask.
type request struct {
	Act   string         `json:"act"`
	Mails []postfix.Held `json:"mails,omitempty"` // hold, release, delete; restore: one
	ID    string         `json:"id,omitempty"`    // look
	Hold  bool           `json:"hold,omitempty"`  // list: only what is in hold
}

type answer struct {
	Error   string          `json:"error,omitempty"`
	Queue   []postfix.Entry `json:"queue,omitempty"`
	Text    string          `json:"text,omitempty"`
	ID      string          `json:"id,omitempty"` // restore: the queue ID that it has now
	Results []result        `json:"results,omitempty"`
}

// result is a postfix.Result that JSON can carry.
type result struct {
	Gone bool   `json:"gone,omitempty"`
	Err  string `json:"err,omitempty"`
}

// Acts is what the warden does, on one Postfix. Its fields are fixed when it starts.
type Acts struct {
	Postfix postfix.Instance
	Trash   Trash
	Sockets []string // paths of the daemon's unix sockets
}

// actTime bounds one act: the daemon waits for it, and a tool that hangs must not hang it too.
const actTime = 2 * time.Minute

// do carries out one request.
func (a *Acts) do(ctx context.Context, q *request) *answer {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	if err := q.check(); err != nil {
		return &answer{Error: err.Error()}
	}
	var out answer
	var results []postfix.Result
	var err error
	switch q.Act {
	case actList:
		var queues []string
		if q.Hold {
			queues = []string{postfix.QueueHold}
		}
		out.Queue, err = a.Postfix.List(ctx, queues...)
	case actLook:
		out.Text, err = a.Postfix.Look(ctx, postfix.QueueID(q.ID))
	case actHold:
		results, err = a.Postfix.Hold(ctx, q.Mails)
	case actRelease:
		results, err = a.Postfix.Release(ctx, q.Mails)
	case actDelete:
		results, err = a.delete(ctx, q.Mails)
	case actRestore:
		var id postfix.QueueID
		id, err = a.restore(ctx, q.Mails[0])
		out.ID = string(id)
	case actShare:
		err = a.share()
	}
	if err != nil {
		return &answer{Error: err.Error()}
	}
	for _, r := range results {
		one := result{Gone: r.Gone}
		if r.Err != nil {
			one.Err = r.Err.Error()
		}
		out.Results = append(out.Results, one)
	}
	return &out
}

func (a *Acts) delete(ctx context.Context, mails []postfix.Held) ([]postfix.Result, error) {
	dir, err := a.Postfix.Get(ctx, "queue_directory")
	if err != nil {
		return nil, err
	}
	return a.Postfix.Delete(ctx, mails, func(id postfix.QueueID) error { return a.Trash.keep(dir, id) })
}

// check refuses what is not exactly one of the acts.
func (q *request) check() error {
	switch q.Act {
	case actList, actShare:
	case actLook:
		if _, err := postfix.ParseQueueID(q.ID); err != nil {
			return err
		}
	case actHold, actRelease, actDelete:
		if len(q.Mails) == 0 || len(q.Mails) > postfix.MaxBatch {
			return fmt.Errorf("%s takes 1 to %d mails, not %d", q.Act, postfix.MaxBatch, len(q.Mails))
		}
	case actRestore:
		if len(q.Mails) != 1 {
			return fmt.Errorf("%s takes 1 mail, not %d", q.Act, len(q.Mails))
		}
	default:
		return fmt.Errorf("%.20q is no act", q.Act)
	}
	for _, m := range q.Mails {
		if _, err := postfix.ParseQueueID(string(m.ID)); err != nil {
			return err
		}
	}
	return nil
}

// serve answers requests until the other side ends or says something that is no request.
func (a *Acts) serve(ctx context.Context, conn io.ReadWriter) error {
	for {
		var q request
		if err := readFrame(conn, &q, maxRequest); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := writeFrame(conn, a.do(ctx, &q), maxAnswer); err != nil {
			return err
		}
	}
}
