package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"postward/internal/guard"
)

// A store that is lost must not open the door: the list of those who may send is in it, and what is known of them.
// So the rows of the State lie beside it in a file of their own, which no damage of the database reaches. The journal
// of what happened is not in it: it may be large, and the State goes on without it.

func backupOf(path string) string { return path + ".backup" }

// backup is the file.
type backup struct {
	head
	*guard.Rows
}

// head is what a backup begins with.
type head struct {
	Last bool  `json:"last,omitempty"` // nothing was decided after it was written
	Seq  int64 `json:"seq,omitempty"`  // of the last event in it
}

// Backup writes the rows of the last checkpoint beside the store, in place of the former ones.
func (s *Store) Backup(ctx context.Context) error {
	rows, seq, err := s.Load(ctx)
	if err != nil {
		return err
	}
	return writeBackup(s.path, &backup{head{Seq: seq}, rows})
}

// LastBackup writes the rows of a State beside its store, in place of the former ones: the store is lost, and nothing more
// is decided before the next one begins.
func (s *Store) LastBackup(rows *guard.Rows) error {
	return writeBackup(s.path, &backup{head{Last: true, Seq: s.writer.newest()}, rows})
}

// backedUpTo is the last event in the backup of the store at path; 0 without one, or when it does not say.
func backedUpTo(path string) int64 {
	f, err := os.Open(backupOf(path))
	if err != nil {
		return 0
	}
	defer f.Close()
	d := json.NewDecoder(f)
	for {
		switch key, err := d.Token(); {
		case err != nil:
			return 0
		case key == json.Delim('{'):
		case key == "last":
			if _, err := d.Token(); err != nil {
				return 0
			}
		case key == "seq":
			var seq int64
			if d.Decode(&seq) != nil {
				return 0
			}
			return seq
		default:
			return 0
		}
	}
}

func writeBackup(path string, b *backup) error {
	to := backupOf(path)
	if err := b.write(to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

func (b *backup) write(to string) error {
	part := to + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = json.NewEncoder(f).Encode(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, remove(part))
	}
	return errors.Join(os.Rename(part, to), syncDir(filepath.Dir(to)))
}

// Gone reports whether there is no store at path, and yet a backup of one: somebody took it away.
func Gone(path string) bool {
	_, err := os.Stat(path)
	_, backup := os.Stat(backupOf(path))
	return errors.Is(err, os.ErrNotExist) && backup == nil
}

// Restore makes a new store at path of its last backup, and returns when that was written. A damaged store that is
// still there is kept under another name. What postward would let go by itself waits for a person then: its account may
// have been stopped since. Nobody may have the store open. The error is os.ErrNotExist without a backup.
func Restore(ctx context.Context, path string) (time.Time, error) {
	at, err := restore(ctx, path)
	if err != nil {
		return at, fmt.Errorf("restore %s from its backup: %w", path, err)
	}
	return at, nil
}

func restore(ctx context.Context, path string) (time.Time, error) {
	f, err := os.Open(backupOf(path))
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return time.Time{}, err
	}
	c := &guard.Checkpoint{Policied: true}
	b := backup{Rows: &c.Rows}
	if err := json.NewDecoder(f).Decode(&b); err != nil {
		return time.Time{}, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if !b.Last {
		c.Rows.HoldAll()
	}
	lock, err := acquire(path + ".lock")
	if err != nil {
		return time.Time{}, err
	}
	if err = SetAside(path); errors.Is(err, os.ErrNotExist) {
		err = remove(path+"-wal", path+"-shm")
	}
	if err = errors.Join(err, lock.Close()); err != nil {
		return time.Time{}, err
	}
	s, err := open(ctx, path, b.Seq) // it goes on where the backup ends
	if err != nil {
		return time.Time{}, err
	}
	s.writer.Checkpoint(c)
	return info.ModTime(), errors.Join(s.writer.Flush(ctx), s.Close())
}

// SetAside takes a damaged store out of the way, so that the next start begins with its backup. Nobody may have it open.
func SetAside(path string) error { return setAside(path, damagedName) }

// SetOldAside takes a store out of the way that is older than its backup. Nobody may have it open.
func SetOldAside(path string) error { return setAside(path, oldName) }

// Why a copy of a store is kept, in its name.
const (
	damagedName = ".corrupt-"
	oldName     = ".old-"
)

func setAside(path, why string) error {
	_, err := keepAside(path, why)
	if err == nil {
		err = remove(path, path+"-wal", path+"-shm")
	}
	if err != nil {
		return fmt.Errorf("set %s aside: %w", path, err)
	}
	return nil
}

func remove(paths ...string) error {
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
