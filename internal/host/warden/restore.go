package warden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postward/internal/host/postfix"
)

// How a deleted mail comes back. sendmail(1) and maildrop would make another mail of it: cleanup(8) would ask the milters, add a
// Received field, and know neither client nor login nor when it arrived. postsuper -r has no milter asked, but lets it go. What
// Postfix documents for queue files that come from a backup is to put them where they lay and to run postsuper -s, which
// gives each the queue ID that fits its inode (postsuper(1)): every octet and recipient stays, no milter is asked, and in
// hold nobody touches it until a person does. It is run for the hold queue alone, where no daemon of Postfix works.

// restore puts the copy of a deleted mail back into hold, and returns the queue ID that Postfix gave it. Done twice, as after a
// crash, it finds what it did.
func (a *Acts) restore(ctx context.Context, m postfix.Held) (postfix.QueueID, error) {
	id, err := a.restored(ctx, m)
	if err == nil && id == "" {
		id, err = a.putBack(ctx, m)
	}
	if err != nil {
		return "", fmt.Errorf("restore %s: %w", m.ID, err)
	}
	if err := a.Trash.drop(m); err != nil {
		return "", fmt.Errorf("restore %s: it is in hold as %s, and its copy stays: %w", m.ID, id, err)
	}
	return id, nil
}

// restored finds the mail in hold; empty: it is not there.
func (a *Acts) restored(ctx context.Context, m postfix.Held) (postfix.QueueID, error) {
	ids, err := a.Postfix.HeldIDs(ctx)
	if err != nil {
		return "", err
	}
	alike := slices.DeleteFunc(ids, func(id postfix.QueueID) bool { return id.Stamp() != m.ID.Stamp() })
	found, err := a.Postfix.Find(ctx, alike)
	for id, e := range found {
		if e.Queue == postfix.QueueHold && (m.Is(e) || m.Renamed(e)) {
			return id, nil
		}
	}
	return "", err
}

func (a *Acts) putBack(ctx context.Context, m postfix.Held) (postfix.QueueID, error) {
	queue, err := a.Postfix.Get(ctx, "queue_directory")
	if err != nil {
		return "", err
	}
	from, err := a.Trash.find(m)
	if err != nil {
		return "", err
	}
	defer from.Close()
	hold, err := os.OpenFile(filepath.Join(queue, "hold"), openDirectory, 0)
	if err != nil {
		return "", err
	}
	defer hold.Close()
	inode, err := lay(hold, string(m.ID), from)
	if err != nil {
		return "", err
	}
	if err := a.Postfix.Repair(ctx); err != nil {
		return "", err
	}
	return nameOf(hold, inode, postfix.MaxHashDepth)
}

// lay writes a queue file into hold, under a name that is not used there, as its owner's, and complete before it is one.
func lay(hold *os.File, name string, from *os.File) (inode uint64, err error) {
	if used, err := findHeld(hold, name, postfix.MaxHashDepth); err == nil {
		return 0, errors.Join(fmt.Errorf("another mail in hold has this queue ID now: release or delete that one first"), used.Close())
	}
	var owner, st unix.Stat_t
	if err := unix.Fstat(int(hold.Fd()), &owner); err != nil {
		return 0, err
	}
	info, err := from.Stat()
	if err != nil {
		return 0, err
	}
	fd, err := unix.Openat(int(hold.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return 0, &os.PathError{Op: "create", Path: filepath.Join(hold.Name(), name), Err: err}
	}
	to := os.NewFile(uintptr(fd), filepath.Join(hold.Name(), name))
	_, err = io.CopyN(to, from, info.Size())
	if err == nil {
		err = errors.Join(unix.Fstat(fd, &st), to.Chown(int(owner.Uid), int(owner.Gid)), setTimes(fd, info.ModTime()), to.Sync(), to.Chmod(0o700)) // 0700: Postfix takes it for complete
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return 0, errors.Join(err, unix.Unlinkat(int(hold.Fd()), name, 0))
	}
	return st.Ino, hold.Sync()
}

// setTimes gives a file the time at which it was last changed: the trash names a copy by it.
func setTimes(fd int, at time.Time) error {
	t := unix.NsecToTimeval(at.UnixNano())
	return unix.Futimes(fd, []unix.Timeval{t, t})
}

// nameOf finds the queue file with an inode in hold, or so many directories below.
func nameOf(dir *os.File, inode uint64, deep int) (postfix.QueueID, error) {
	again, err := openAt(dir, ".", openDirectory)
	if err != nil {
		return "", err
	}
	defer again.Close()
	names, err := again.Readdirnames(-1)
	for _, name := range names {
		var st unix.Stat_t
		if unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			continue
		}
		if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Ino == inode {
			return postfix.ParseQueueID(name)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR || deep == 0 || len(name) != 1 {
			continue
		}
		below, opened := openAt(dir, name, openDirectory)
		if opened != nil {
			continue
		}
		id, err := nameOf(below, inode, deep-1)
		below.Close()
		if err == nil {
			return id, nil
		}
	}
	return "", errors.Join(errors.New("postsuper(1) left no file of it in hold"), err)
}

// find opens the copy of a deleted mail.
func (t Trash) find(m postfix.Held) (*os.File, error) {
	d, err := openTrusted(t.Dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	for _, name := range names {
		if id, _, _ := strings.Cut(name, "-"); id != string(m.ID) || !trashed(name) || strings.HasSuffix(name, unfinished) {
			continue
		}
		f, opened := openAt(d, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK)
		if opened != nil {
			err = errors.Join(err, opened)
			continue
		}
		if isCopy(f, m) {
			return f, nil
		}
		f.Close()
	}
	return nil, errors.Join(fmt.Errorf("no copy of it is in %s: copies are kept for %d days", t.Dir, int(t.keepFor().Hours()/24)), err)
}

// drop takes the copy of a mail that is back out of the trash, or it could come back twice.
func (t Trash) drop(m postfix.Held) error {
	f, err := t.find(m)
	if err != nil {
		return nil // it is gone already
	}
	defer f.Close()
	d, err := openTrusted(t.Dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return errors.Join(unix.Unlinkat(int(d.Fd()), filepath.Base(f.Name()), 0), d.Sync())
}

// isCopy reports whether an open file is the queue file of a mail, by when that arrived, and leaves it at its beginning.
func isCopy(f *os.File, m postfix.Held) bool {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	e, err := postfix.Envelope(f)
	e.ID = m.ID
	return err == nil && m.Is(&e)
}
