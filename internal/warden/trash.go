package warden

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postward/internal/postfix"
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
	if err := PrepareDir(t.Dir, os.Geteuid(), os.Getegid(), 0o700); err != nil {
		return fmt.Errorf("keep a copy of %s: %w", id, err)
	}
	from, err := findHeld(queueDir, id)
	if err != nil {
		return fmt.Errorf("keep a copy of %s: %w", id, err)
	}
	info, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("keep a copy of %s: %w", id, err)
	}
	to := filepath.Join(t.Dir, fmt.Sprintf("%s-%d", id, info.ModTime().UnixNano()))
	part := to + unfinished
	if err := copyFile(from, part); err != nil {
		return fmt.Errorf("keep a copy of %s: %w", id, errors.Join(err, os.RemoveAll(part)))
	}
	if err := errors.Join(os.Rename(part, to), syncDir(t.Dir)); err != nil {
		return fmt.Errorf("keep a copy of %s: %w", id, err)
	}
	return nil
}

// unfinished ends the name of a copy that is being written.
const unfinished = ".part"

// findHeld returns the queue file of a held mail. The hold queue may be hashed, one or two directories deep.
func findHeld(queueDir string, id postfix.QueueID) (string, error) {
	hold := filepath.Join(queueDir, "hold")
	for _, depth := range []string{"", "?", "?/?"} {
		found, err := filepath.Glob(filepath.Join(hold, depth, string(id)))
		if err == nil && len(found) == 1 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("no queue file of it below %s", hold)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Prune removes copies older than Keep and returns how many. A file whose name is not one of ours stays.
func (t Trash) Prune(now time.Time) (int, error) {
	keep := t.Keep
	if keep == 0 {
		keep = keepTrash
	}
	entries, err := os.ReadDir(t.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("empty the trash: %w", err)
	}
	n := 0
	var failed []error
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !trashed(e.Name()) || now.Sub(info.ModTime()) < keep {
			continue
		}
		if err := os.Remove(filepath.Join(t.Dir, e.Name())); err != nil {
			failed = append(failed, fmt.Errorf("empty the trash: %w", err))
			continue
		}
		n++
	}
	return n, errors.Join(failed...)
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

// PrepareDir makes sure that path is a directory with this owner and mode (with the set-group-ID bit of mode, what
// is made in it has its group). Its parent must exist and belong to somebody trusted. A symbolic link is an error.
func PrepareDir(path string, uid, gid int, mode os.FileMode) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("prepare directory: %w", err)
	}
	d, err := os.OpenFile(path, os.O_RDONLY|openDirectory, 0)
	if err != nil {
		return fmt.Errorf("prepare directory: %w", err)
	}
	defer d.Close()
	if err := errors.Join(d.Chown(uid, gid), d.Chmod(mode)); err != nil {
		return fmt.Errorf("prepare directory: %w", err)
	}
	return nil
}
