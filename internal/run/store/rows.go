package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"postward/internal/guard"
)

// Load returns the rows of the last checkpoint, and the sequence number of the last event they contain. The State
// is these rows and the Tail after that number.
func (s *Store) Load(ctx context.Context) (*guard.Rows, int64, error) {
	rows, seq, err := s.load(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("load the state from %s: %w", s.path, damaged(err))
	}
	return rows, seq, nil
}

// load reads everything in one transaction: a checkpoint written meanwhile is not seen, or whole.
func (s *Store) load(ctx context.Context) (*guard.Rows, int64, error) {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return nil, 0, err
	}
	defer tx.Rollback()
	r := &guard.Rows{}
	seq, err := loadSite(ctx, tx, r)
	if err != nil {
		return nil, 0, err
	}
	if r.Accounts, err = bodies[guard.Account](ctx, tx, `select body from account`); err != nil {
		return nil, 0, err
	}
	if r.Mails, err = bodies[guard.Mail](ctx, tx, `select body from mail`); err != nil {
		return nil, 0, err
	}
	if r.Incidents, err = bodies[guard.Incident](ctx, tx, `select body from incident`); err != nil {
		return nil, 0, err
	}
	if r.Effects, err = bodies[guard.Effect](ctx, tx, `select body from effect`); err != nil {
		return nil, 0, err
	}
	// Sorted here: engines differ in how they sort text.
	slices.SortFunc(r.Accounts, func(a, b *guard.Account) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Mails, func(a, b *guard.Mail) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(r.Incidents, func(a, b *guard.Incident) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(r.Effects, func(a, b *guard.Effect) int { return cmp.Compare(a.ID, b.ID) })
	return r, seq, nil
}

func loadSite(ctx context.Context, tx *sql.Tx, r *guard.Rows) (int64, error) {
	var seq int64
	var policy, body string
	if err := tx.QueryRowContext(ctx, `select checkpoint, policy, body from site where id = 1`).Scan(&seq, &policy, &body); err != nil {
		return 0, fmt.Errorf("site: %w", err)
	}
	if err := json.Unmarshal([]byte(body), &r.Site); err != nil {
		return 0, fmt.Errorf("site: %w", err)
	}
	if policy == "" {
		return seq, nil
	}
	if err := json.Unmarshal([]byte(policy), &r.Policy); err != nil {
		return 0, fmt.Errorf("policy: %w", err)
	}
	return seq, nil
}

func bodies[T any](ctx context.Context, tx *sql.Tx, query string) ([]*T, error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*T
	for rows.Next() {
		var body sql.RawBytes
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		v := new(T)
		if err := json.Unmarshal(body, v); err != nil {
			return nil, fmt.Errorf("%T: %w", v, err)
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// Cursor returns the last position set for name; empty when there is none.
func (s *Store) Cursor(ctx context.Context, name string) (string, error) {
	var body string
	err := s.read.QueryRowContext(ctx, `select body from cursor where name = $1`, name).Scan(&body)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read position %q from %s: %w", name, s.path, damaged(err))
	}
	return body, nil
}

// CountBans returns how many networks Bans tells of.
func (s *Store) CountBans(ctx context.Context) (n int, err error) {
	if err := s.read.QueryRowContext(ctx, `select count(*) from ban`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the bans in %s: %w", s.path, damaged(err))
	}
	return n, nil
}

// Bans are what was noted of networks that are or were banned, in no order, one at a time: they may be a hundred thousand.
func (s *Store) Bans(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.bans(ctx, func(body string) bool { return yield(body, nil) }); err != nil {
			yield("", fmt.Errorf("read the bans from %s: %w", s.path, damaged(err)))
		}
	}
}

func (s *Store) bans(ctx context.Context, take func(body string) (more bool)) error {
	rows, err := s.read.QueryContext(ctx, `select body from ban`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil || !take(body) {
			return err
		}
	}
	return rows.Err()
}
