package postfix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// The queue is asked by its files, for postqueue(1) lists all of it: of a hundred thousand mails on hold that takes seconds, and postcat(1)
// prints times in whatever zone import_environment names. The directories belong to the user postfix: no name leads out of them, no
// link is a mail, and no pipe makes root wait.

// spool is the queue directory, open.
type spool struct{ *os.Root }

func (p Instance) openSpool(ctx context.Context) (spool, error) {
	dir, err := p.Get(ctx, "queue_directory")
	if err != nil {
		return spool{}, err
	}
	root, err := os.OpenRoot(dir)
	return spool{root}, err
}

// Find returns those of at most [MaxBatch] mails that are in the queue, complete and sound. Each costs the same, however many others
// lie there.
func (p Instance) Find(ctx context.Context, ids []QueueID) (map[QueueID]*Entry, error) {
	if len(ids) > MaxBatch {
		return nil, fmt.Errorf("find %d mails in the queue: at most %d at a time", len(ids), MaxBatch)
	}
	s, err := p.openSpool(ctx)
	if err != nil {
		return nil, fmt.Errorf("find mails in the queue: %w", err)
	}
	defer s.Close()
	found := make(map[QueueID]*Entry, len(ids))
	for range 2 { // what moved on, from a queue not yet looked at into one that was, is looked for again
		if err := s.seek(ids, found); err != nil {
			return nil, fmt.Errorf("find mails in the queue: %w", err)
		}
	}
	return found, nil
}

// seek adds those that are lacking.
func (s spool) seek(ids []QueueID, found map[QueueID]*Entry) error {
	for _, queue := range []string{QueueHold, QueueDeferred, QueueIncoming, QueueActive} { // the way that a mail goes
		dirs, err := s.dirs(queue, MaxHashDepth)
		if err != nil {
			return err
		}
		for _, id := range ids {
			for i := 0; i < len(dirs) && found[id] == nil; i++ {
				e, err := s.entry(path.Join(dirs[i], string(id)))
				if err != nil {
					return err
				}
				if e != nil {
					e.Queue, e.ID = queue, id
					found[id] = e
				}
			}
		}
	}
	return nil
}

// MaxHashDepth is how deep below a queue's directory a mail is looked for. Postfix's default is 1 (hash_queue_depth), and it sets no bound; a
// long queue ID has so many digits that name a directory.
const MaxHashDepth = 5

// dirs are the directories of a queue: below that of a hashed one (hash_queue_names) are others, each named by a digit.
// One that cannot be looked at is an error: its mail is not gone.
func (s spool) dirs(dir string, deep int) ([]string, error) {
	all := []string{dir}
	for i := 0; i < 16 && deep > 0; i++ {
		below := path.Join(dir, "0123456789ABCDEF"[i:i+1])
		info, err := s.Lstat(below)
		if err = unlessGone(err); err != nil {
			return nil, err
		}
		if info == nil || !info.IsDir() {
			continue
		}
		more, err := s.dirs(below, deep-1)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// entry reads the envelope of a mail; nil: there is none, or none yet, or it is damaged.
func (s spool) entry(name string) (*Entry, error) {
	info, err := s.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&complete != complete {
		return nil, unlessGone(err)
	}
	f, err := s.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unlessGone(err)
	}
	defer f.Close()
	e, err := Envelope(f)
	if errors.Is(err, ErrNoQueueFile) {
		return nil, nil
	}
	return &e, err
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// complete is the mode that Postfix gives to a mail as soon as all of it is on disk (MAIL_QUEUE_STAT_READY).
const complete fs.FileMode = 0o700

// HeldIDs returns the IDs of the mails in hold, by the names of their files: of many that costs a small part of what Find does.
func (p Instance) HeldIDs(ctx context.Context) ([]QueueID, error) {
	s, err := p.openSpool(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the hold queue: %w", err)
	}
	defer s.Close()
	all, err := s.held()
	if err != nil {
		return nil, fmt.Errorf("list the hold queue: %w", err)
	}
	return all, nil
}

func (s spool) held() (all []QueueID, err error) {
	dirs, err := s.dirs(QueueHold, MaxHashDepth)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if all, err = s.names(dir, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// names adds the IDs that the files of a directory have for names.
func (s spool) names(dir string, all []QueueID) ([]QueueID, error) {
	f, err := os.OpenFile(filepath.Join(s.Name(), dir), syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0) // a Root's own would stat(2) each file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	if len(all)+len(entries) > maxEntries {
		return nil, fmt.Errorf("there are more than %d mails", maxEntries)
	}
	for _, e := range entries {
		if id, err := ParseQueueID(e.Name()); err == nil && e.Type().IsRegular() {
			all = append(all, id)
		}
	}
	return all, nil
}
