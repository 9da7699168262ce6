package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"postward/internal/guard"
)

// row is an event as the journal keeps it.
type row struct {
	seq      int64
	key      string
	at       guard.Time
	kind     guard.Kind
	account  string
	mail     string
	incident int64
	body     []byte
}

// A key that is there already is the same fact told twice. A sequence number that is there already is a second
// writer, and an error.
const insertEvent = `insert into journal (seq, key, at, kind, account, mail, incident, body)
	values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (key) do nothing`

// rowOf also fills the columns that a judged event says inside.
func rowOf(e *guard.Event) (row, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return row{}, fmt.Errorf("write event %q as JSON: %w", e.Key, err)
	}
	r := row{key: clean(e.Key), at: e.At, kind: e.Kind, account: e.Account, mail: e.Mail, incident: e.Incident, body: body}
	if v := e.Verdict; v != nil {
		r.account = first(r.account, v.Account)
		r.incident = first(r.incident, v.Incident)
	}
	if e.Transaction != nil {
		r.mail = first(r.mail, e.Transaction.ID)
	}
	r.account, r.mail = clean(r.account), clean(r.mail)
	return r, nil
}

func first[T comparable](a, b T) T {
	var none T
	if a != none {
		return a
	}
	return b
}

// clean replaces what PostgreSQL does not take in a text: octets that are not UTF-8, as JSON does, and NUL.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == 0 {
			return utf8.RuneError
		}
		return r
	}, s)
}

// commit writes a group in one transaction. It takes as long as the disk does: who must not, waits with a context.
func (s *Store) commit(g *group) error {
	if err := s.commitTx(context.Background(), g); err != nil {
		return fmt.Errorf("write to %s: %w", s.path, damaged(err))
	}
	return nil
}

func (s *Store) commitTx(ctx context.Context, g *group) error {
	if err := s.present(); err != nil {
		return err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	insert := tx.StmtContext(ctx, s.insert)
	for i := range g.events {
		r := &g.events[i]
		if _, err := insert.ExecContext(ctx, r.seq, r.key, int64(r.at), string(r.kind), r.account, r.mail, r.incident, string(r.body)); err != nil {
			return err
		}
	}
	b := batch{ctx: ctx, tx: tx}
	for name, p := range g.cursors {
		b.exec(`insert into cursor (name, at, body) values ($1, $2, $3)
			on conflict (name) do update set at = excluded.at, body = excluded.body`, name, int64(p.at), p.body)
	}
	for network, body := range g.bans {
		if body == "" {
			b.exec(`delete from ban where prefix = $1`, network)
			continue
		}
		b.exec(`insert into ban (prefix, body) values ($1, $2) on conflict (prefix) do update set body = excluded.body`, network, body)
	}
	if g.checkpoint != nil {
		b.checkpoint(g.checkpoint, g.upTo)
	}
	if b.err != nil {
		return b.err
	}
	return tx.Commit()
}

// batch runs statements until one fails.
type batch struct {
	ctx context.Context
	tx  *sql.Tx
	err error
}

func (b *batch) exec(query string, args ...any) {
	if b.err == nil {
		_, b.err = b.tx.ExecContext(b.ctx, query, args...)
	}
}

func (b *batch) json(v any) string {
	text, err := json.Marshal(v)
	if b.err == nil {
		b.err = err
	}
	return string(text)
}

// checkpoint writes the changed rows, and the event they are up to.
func (b *batch) checkpoint(c *guard.Checkpoint, upTo int64) {
	b.exec(`update site set checkpoint = $1, body = $2 where id = 1`, upTo, b.json(c.Site))
	if c.Policied {
		b.exec(`update site set policy = $1 where id = 1`, b.json(c.Policy))
	}
	for _, a := range c.Accounts {
		b.exec(`insert into account (name, body) values ($1, $2) on conflict (name) do update set body = excluded.body`, a.Name, b.json(a))
	}
	for _, m := range c.Mails {
		b.exec(`insert into mail (id, body) values ($1, $2) on conflict (id) do update set body = excluded.body`, m.ID, b.json(m))
	}
	for _, i := range c.Incidents {
		b.exec(`insert into incident (id, body) values ($1, $2) on conflict (id) do update set body = excluded.body`, i.ID, b.json(i))
	}
	for _, e := range c.Effects {
		b.exec(`insert into effect (id, body) values ($1, $2) on conflict (id) do update set body = excluded.body`, e.ID, b.json(e))
	}
	for _, name := range c.GoneAccounts {
		b.exec(`delete from account where name = $1`, name)
	}
	for _, id := range c.GoneMails {
		b.exec(`delete from mail where id = $1`, id)
	}
	for _, id := range c.GoneIncident {
		b.exec(`delete from incident where id = $1`, id)
	}
	for _, id := range c.GoneEffects {
		b.exec(`delete from effect where id = $1`, id)
	}
}

// merge returns a checkpoint that does what older and then newer would do.
func merge(older, newer *guard.Checkpoint) *guard.Checkpoint {
	c := *newer
	c.Policied = older.Policied || newer.Policied
	c.Accounts, c.GoneAccounts = mergeRows(older.Accounts, newer.Accounts, older.GoneAccounts, newer.GoneAccounts, func(a *guard.Account) string { return a.Name })
	c.Mails, c.GoneMails = mergeRows(older.Mails, newer.Mails, older.GoneMails, newer.GoneMails, func(m *guard.Mail) string { return m.ID })
	c.Effects, c.GoneEffects = mergeRows(older.Effects, newer.Effects, older.GoneEffects, newer.GoneEffects, func(e *guard.Effect) string { return e.ID })
	c.Incidents, c.GoneIncident = mergeRows(older.Incidents, newer.Incidents, older.GoneIncident, newer.GoneIncident, func(i *guard.Incident) int64 { return i.ID })
	return &c
}

// mergeRows adds older's rows that newer does not have, and older's deletions that newer did not undo. What newer
// deletes may be among older's rows: deletions are done last.
func mergeRows[T any, K comparable](older, newer []*T, olderGone, newerGone []K, key func(*T) K) ([]*T, []K) {
	said := map[K]bool{}
	for _, v := range newer {
		said[key(v)] = true
	}
	rows, gone := slices.Clone(newer), slices.Clone(newerGone)
	for _, v := range older {
		if !said[key(v)] {
			rows = append(rows, v)
		}
	}
	for _, k := range olderGone {
		if !said[k] {
			gone = append(gone, k)
		}
	}
	return rows, gone
}
