package warden

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postward/internal/host/postfix"
)

// Trash is where copies of deleted mail stay: queue files, named by queue ID and the time they were last changed, so that
// a mail whose deletion is tried again has one copy. postcat(1) reads them.
type Trash struct {
	Dir  string        // owned by root, mode 0700
	Keep time.Duration // a week if 0
}

const keepTrash = 7 * 24 * time.Hour

// keep copies the queue file of a held mail into the trash and makes it durable. Without a copy nothing is deleted.
func (t Trash) keep(queueDir string, id postfix.QueueID) error {
	if err := t.copy(queueDir, id); err != nil {
		return fmt.Errorf("keep a copy of %s: %w", id, err)
	}
	return nil
}

func (t Trash) copy(queueDir string, id postfix.QueueID) error {
	d, err := prepare(t.Dir, os.Geteuid(), os.Getegid(), 0o700)
	if err != nil {
		return err
	}
	defer d.Close()
	dir, err := rootOf(d)
	if err != nil {
		return err
	}
	defer dir.Close()
	from, info, err := openHeld(queueDir, id)
	if err != nil {
		return err
	}
	defer from.Close()
	to := fmt.Sprintf("%s-%d", id, info.ModTime().UnixNano())
	part := to + unfinished
	if err := write(dir, part, from, info.Size()); err != nil {
		return errors.Join(err, dir.RemoveAll(part))
	}
	return errors.Join(dir.Rename(part, to), d.Sync())
}

// rootOf is an open directory for names below it, whatever its own name stands for now.
func rootOf(d *os.File) (*os.Root, error) {
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", d.Fd()))
}

// unfinished ends the name of a copy that is being written.
const unfinished = ".part"

// openHeld opens the queue file of a held mail. The hold queue may be hashed, one or two directories deep. It belongs to
// the user postfix: no link in it is followed, and a pipe does not make root wait.
func openHeld(queueDir string, id postfix.QueueID) (*os.File, fs.FileInfo, error) {
	hold, err := os.OpenFile(filepath.Join(queueDir, "hold"), openDirectory, 0)
	if err != nil {
		return nil, nil, err
	}
	defer hold.Close()
	f, err := findHeld(hold, string(id), postfix.MaxHashDepth)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no queue file of it below %s", hold.Name())
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", f.Name())
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// findHeld opens a name in a directory, or so many directories below in one whose name is a single character.
func findHeld(dir *os.File, name string, deep int) (*os.File, error) {
	f, err := openAt(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK)
	if deep == 0 || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	names, listed := dir.Readdirnames(-1)
	for _, below := range names {
		if len(below) != 1 {
			continue
		}
		d, opened := openAt(dir, below, openDirectory)
		if opened != nil {
			continue // no directory
		}
		f, err := findHeld(d, name, deep-1)
		d.Close()
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, errors.Join(err, listed)
}

// write writes so many octets of a file into a new one.
func write(dir *os.Root, name string, from io.Reader, size int64) error {
	out, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, from, size)
	return errors.Join(err, out.Sync(), out.Close())
}

// prunedName is a file in the trash that was last changed, as it says, when the last copies were removed that are not there.
const prunedName = "pruned"

// cutoff is up to when copies were removed. Without a note of it the newest copy says that nothing is older than it looks.
func (t Trash) cutoff() (time.Time, error) {
	d, err := openTrusted(t.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	defer d.Close()
	dir, err := rootOf(d)
	if err != nil {
		return time.Time{}, err
	}
	defer dir.Close()
	if info, err := dir.Lstat(prunedName); err == nil {
		return info.ModTime(), nil
	}
	newest := time.Time{}
	names, err := d.Readdirnames(-1)
	for _, name := range names {
		if info, gone := dir.Lstat(name); gone == nil && trashed(name) && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	if newest.IsZero() {
		return newest, err
	}
	return newest.Add(-t.keepFor()), err
}

func (t Trash) keepFor() time.Duration {
	if t.Keep == 0 {
		return keepTrash
	}
	return t.Keep
}

// Prune removes copies that were last changed not after until, notes it, and returns how many. A file whose name is not one
// of ours stays.
func (t Trash) Prune(until time.Time) (int, error) {
	d, err := openTrusted(t.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("empty the trash: %w", err)
	}
	defer d.Close()
	dir, err := rootOf(d)
	if err != nil {
		return 0, fmt.Errorf("empty the trash: %w", err)
	}
	defer dir.Close()
	n, err := prune(d, dir, until)
	if err = errors.Join(err, notePruned(dir, until)); err != nil {
		return n, fmt.Errorf("empty the trash: %w", err)
	}
	return n, nil
}

func notePruned(dir *os.Root, until time.Time) error {
	f, err := dir.OpenFile(prunedName, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), dir.Chtimes(prunedName, until, until))
}

// prune removes the copies in an open directory that were last changed not after a time.
func prune(d *os.File, dir *os.Root, until time.Time) (n int, err error) {
	names, err := d.Readdirnames(-1)
	for _, name := range names {
		info, gone := dir.Lstat(name)
		if gone != nil || !trashed(name) || info.ModTime().After(until) {
			continue
		}
		if failed := dir.Remove(name); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		n++
	}
	return n, err
}

// trashed reports whether a name is that of a copy, finished or not.
func trashed(name string) bool {
	id, stamp, ok := strings.Cut(strings.TrimSuffix(name, unfinished), "-")
	if _, err := postfix.ParseQueueID(id); !ok || err != nil {
		return false
	}
	_, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil
}
