package store

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math"

	"postward/internal/guard"
)

// Record is an event of the journal and its place in it. Numbers grow; not every number is used.
type Record struct {
	Seq   int64        `json:"seq"`
	Event *guard.Event `json:"event"`
}

// Filter says which events of the journal are wanted. The zero value of a field asks for nothing.
type Filter struct {
	Account  string
	Mail     string
	Incident int64
	Kind     guard.Kind
	From     guard.Time // not before
	Until    guard.Time // before
	Limit    int        // at most so many
}

// A page is what is read at once, so that neither memory nor the write-ahead log grows with a slow reader.
const (
	pageRows  = 256
	pageBytes = 4 << 20
)

// Tail yields the events with a sequence number greater than after, in order. It ends with the journal, or with
// an error as its last element.
func (s *Store) Tail(ctx context.Context, after int64) iter.Seq2[Record, error] {
	return s.pages(ctx, 0, func(last int64) query {
		q := query{text: "select seq, body from journal"}
		q.where("seq > ", max(after, last))
		q.text += " order by seq"
		return q
	})
}

// Journal yields the events that f asks for, newest first. An incident's are found by index; any other search
// walks the journal.
func (s *Store) Journal(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return s.pages(ctx, f.Limit, func(last int64) query {
		if last == 0 {
			last = math.MaxInt64
		}
		q := query{text: "select seq, body from journal"}
		q.where("seq < ", last)
		f.narrow(&q)
		q.text += " order by seq desc"
		return q
	})
}

func (f *Filter) narrow(q *query) {
	if f.Account != "" {
		q.where("account = ", clean(f.Account))
	}
	if f.Mail != "" {
		q.where("mail = ", clean(f.Mail))
	}
	if f.Incident != 0 {
		q.where("incident <> 0 and incident = ", f.Incident) // the first half is the index's own condition
	}
	if f.Kind != "" {
		q.where("kind = ", string(f.Kind))
	}
	if f.From != 0 {
		q.where("at >= ", int64(f.From))
	}
	if f.Until != 0 {
		q.where("at < ", int64(f.Until))
	}
}

// query is a statement and its parameters.
type query struct {
	text string
	args []any
}

// where adds a condition: constant text, and a parameter.
func (q *query) where(text string, arg any) {
	q.args = append(q.args, arg)
	joint := " and "
	if len(q.args) == 1 {
		joint = " where "
	}
	q.text += fmt.Sprintf("%s%s$%d", joint, text, len(q.args))
}

// pages reads page by page; next makes the statement that goes on after the record numbered last (0: the first).
func (s *Store) pages(ctx context.Context, limit int, next func(last int64) query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for last, given, more := int64(0), 0, true; more; {
			var page []Record
			var err error
			rows := pageRows
			if limit > 0 {
				rows = min(rows, limit-given)
			}
			page, more, err = s.page(ctx, next(last), rows)
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				last = r.Seq
				if given++; given == limit {
					return
				}
			}
			if err != nil {
				yield(Record{}, fmt.Errorf("read the journal of %s: %w", s.path, damaged(err)))
				return
			}
		}
	}
}

// page reads at most so many records, or pageBytes, and says whether there may be more.
func (s *Store) page(ctx context.Context, q query, limit int) (page []Record, more bool, err error) {
	rows, err := s.read.QueryContext(ctx, q.text+fmt.Sprintf(" limit %d", limit), q.args...)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		var r Record
		var body []byte
		if err := rows.Scan(&r.Seq, &body); err != nil {
			return page, false, err
		}
		r.Event = new(guard.Event)
		if err := json.Unmarshal(body, r.Event); err != nil {
			return page, false, fmt.Errorf("event %d: %w", r.Seq, err)
		}
		page = append(page, r)
		if size += len(body); size > pageBytes {
			return page, true, nil
		}
	}
	return page, len(page) == limit, rows.Err()
}

// pruneSpan is how many sequence numbers are looked at in one transaction: the writer gets its turn in between.
const pruneSpan = 1000

// Prune deletes the events older than before that the last checkpoint contains, and returns how many they were.
// It goes in steps; an error leaves what was done so far.
func (s *Store) Prune(ctx context.Context, before guard.Time) (int64, error) {
	n, err := s.prune(ctx, before)
	if err != nil {
		return n, fmt.Errorf("prune the journal of %s: %w", s.path, damaged(err))
	}
	return n, nil
}

func (s *Store) prune(ctx context.Context, before guard.Time) (int64, error) {
	var oldest, checkpoint, total int64
	if err := s.read.QueryRowContext(ctx, `select coalesce(min(seq), 0) from journal`).Scan(&oldest); err != nil {
		return 0, err
	}
	if err := s.read.QueryRowContext(ctx, `select checkpoint from site where id = 1`).Scan(&checkpoint); err != nil {
		return 0, err
	}
	for from := oldest; from <= checkpoint; from += pruneSpan {
		done, err := s.write.ExecContext(ctx, `delete from journal where seq >= $1 and seq < $2 and seq <= $3 and at < $4`,
			from, from+pruneSpan, checkpoint, int64(before))
		if err != nil {
			return total, err
		}
		n, err := done.RowsAffected()
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}
