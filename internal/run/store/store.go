// Package store keeps what must outlive the process: the journal of events (append-only, natural keys unique) and
// the rows of the last checkpoint (policy and site, accounts, mails, incidents, effects, log positions). It keeps
// them in one SQLite file and writes them from one goroutine in groups: whoever waits is written together.
//
// The SQL is one text that PostgreSQL takes too: $1 parameters, bigint Unix milliseconds, text for addresses and
// JSON, sequence numbers made in Go, "insert … on conflict …", no now(), no booleans, no JSON operators. What is
// SQLite's alone stands in sqlite.go.
//
// What a crash may take: nothing whose ticket was waited for. Whatever nobody waits for is written within a
// second or two; log positions that moved past nothing worth an event, within a minute.
//
// What the layout costs (bytes handed to the kernel for one judged mail, its 756 octets of JSON included, the
// write-ahead log and its share of the copy into the database; `go test -bench Layout`):
//
//	page size                                        512    1024    2048    4096
//	seq as the row's own number, key unique         4.1k    5.7k    7.9k   12.0k    chosen: 512
//	seq and key in a tree each beside the table     4.9k    7.1k   10.2k   16.5k
//	the same without rowid                          4.8k    7.0k   14.0k   18.1k
//	chosen, and an index on account                 5.1k    7.3k   10.6k   16.8k
//
// So there is no index on account: a search by account walks the journal. A whole mail with its two log lines
// takes 4.4k at 10 a commit and 3.5k at 100. An ext4 below it writes 22k for a lone commit with fsync, 12k with
// fdatasync (the inode's time stamps are not worth a journal commit): so fdatasync it is.
//
// Concurrency: every method of Store and Writer may be called from any goroutine. Open starts one goroutine, the
// writer, and Close joins it. Of the house the package imports guard alone, and nothing that reads clocks.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
)

var (
	// ErrUnavailable says that the journal cannot be written now: disk full, read-only, file gone, queue full,
	// store closed. It is temporary: the one who sent the mail is asked to try again later.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrCorrupt says that the file is not, or not any more, a database. It is permanent.
	ErrCorrupt = errors.New("the store is damaged")
	// ErrGone says that the file was deleted or replaced while it is open. It is permanent.
	ErrGone = errors.New("the store's file is gone")
	// ErrOld says that the store ends before its backup does: an old one was put back. It is permanent.
	ErrOld = errors.New("the store is older than its backup")
	// ErrNewer says that the store was written by a newer postward. It is permanent.
	ErrNewer = errors.New("this store was written by a newer postward")
	// ErrInUse says that another process has the store open.
	ErrInUse = errors.New("the store is in use")
)

// Store is an open store.
type Store struct {
	path   string
	file   os.FileInfo // of the database as opened: it must stay the one at path
	lock   *os.File
	write  *sql.DB // one connection: the writer's and Prune's
	read   *sql.DB
	insert *sql.Stmt
	writer *Writer
}

// Open opens the store at path and makes it when there is none. The directory must exist. It waits for nothing:
// a store that another process has open is ErrInUse. A damaged file is left as it is, copied aside once, and
// ErrCorrupt.
func Open(ctx context.Context, path string) (*Store, error) {
	s, err := open(ctx, path, 0)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

// open numbers events from floor on, at least.
func open(ctx context.Context, path string, floor int64) (*Store, error) {
	lock, err := acquire(path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, lock: lock}
	last, err := s.start(ctx)
	if last = max(last, floor); err == nil && last < backedUpTo(path) {
		err = ErrOld
	}
	if err == nil {
		s.writer = newWriter(last, s.commit)
		return s, nil
	}
	err = damaged(err)
	s.release()
	if !errors.Is(err, ErrCorrupt) {
		return nil, err
	}
	aside, failed := keepAside(path, damagedName)
	if failed != nil {
		return nil, fmt.Errorf("%w; no copy could be kept: %w", err, failed)
	}
	return nil, fmt.Errorf("%w; a copy is kept as %s: restore a backup, or move %s away to begin with an empty store", err, aside, path)
}

// start opens the connections, brings the schema up to date and returns the last sequence number given out.
func (s *Store) start(ctx context.Context) (int64, error) {
	if err := s.connect(); err != nil {
		return 0, err
	}
	if err := migrate(ctx, s.write); err != nil {
		return 0, err
	}
	var err error
	if s.insert, err = s.write.PrepareContext(ctx, insertEvent); err != nil {
		return 0, fmt.Errorf("prepare the journal: %w", err)
	}
	var newest, checkpoint int64
	if err := s.write.QueryRowContext(ctx, `select coalesce(max(seq), 0) from journal`).Scan(&newest); err != nil {
		return 0, fmt.Errorf("read the end of the journal: %w", err)
	}
	if err := s.write.QueryRowContext(ctx, `select checkpoint from site where id = 1`).Scan(&checkpoint); err != nil {
		return 0, fmt.Errorf("read the checkpoint: %w", err)
	}
	return max(newest, checkpoint), nil
}

// Writer returns the store's one writer.
func (s *Store) Writer() *Writer { return s.writer }

// Healthy returns nil, or the ErrUnavailable with the reason why the journal cannot be written at present. It is
// nil again as soon as what was queued could be written.
func (s *Store) Healthy() error { return s.writer.healthy() }

// Close writes what is queued, ends the writer and closes the file. Events that could not be written are counted
// in the error; whoever waited for them was told so.
func (s *Store) Close() error {
	err := s.writer.close()
	if err = errors.Join(err, s.release()); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// release closes what is open, the lock last. The writing connection closes after the reading ones, so that it is
// the one that empties the write-ahead log.
func (s *Store) release() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
