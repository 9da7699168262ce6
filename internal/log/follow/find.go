package follow

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// slack is how much the file systems' clock may be behind the process's (the kernel stamps files per tick).
const slack = 20 * time.Millisecond

// find opens the file that the position is in, or decides where to begin.
func (f *follower) find() (bool, error) {
	if f.pos == (Position{}) {
		return f.begin()
	}
	seen, err := f.look()
	if err != nil {
		return f.failed(err)
	}
	found, err := f.resume(seen.entries)
	if err == nil && found == nil {
		return f.restart(seen)
	}
	seen.log.close()
	if err != nil {
		return f.failed(err)
	}
	f.trouble(nil)
	f.enter(found)
	return true, nil
}

// view is a log and its rotated files. The log was opened before the others were listed: when it is truncated
// meanwhile, its head tells, and when it was truncated before, its copy is in the list.
type view struct {
	log     *file
	logErr  error
	entries []entry
}

func (f *follower) look() (view, error) {
	log, logErr := f.whole(f.config.Path)
	entries, err := chain(f.config.Path)
	if err != nil {
		log.close()
		log = nil
	}
	return view{log, logErr, entries}, err
}

// begin takes the first position ever, and hands it out: it must be kept, or a crash before the first line would
// let the next run begin somewhere else.
func (f *follower) begin() (bool, error) {
	opened, info, err := f.config.open(f.config.Path)
	if errors.Is(err, fs.ErrNotExist) {
		f.pos = Position{Path: f.config.Path, At: time.Now().Add(-slack)}
		f.trouble(err)
		return true, f.emit(nil)
	}
	if err != nil {
		return f.failed(err)
	}
	file, err := fresh(f.config.Path, opened, info)
	if err == nil && f.config.Begin == FromEnd {
		file.pos.Offset, err = lastLineEnd(opened, info.Size(), f.buf)
	}
	if err != nil {
		opened.Close()
		return f.failed(err)
	}
	f.trouble(nil)
	f.enter(file)
	return true, f.emit(nil)
}

// resume looks for the file of the position: first by inode, then, for a file that was copied away, by its first
// line alone. It keeps the identity that the position has, so that keys stay what they were.
func (f *follower) resume(entries []entry) (*file, error) {
	var failed error
	for _, byInode := range []bool{true, false} {
		for i := len(entries) - 1; i >= 0; i-- {
			e := entries[i]
			if e.compressed && !unpackable(e.path) || f.pos.Ino == 0 || byInode != (e.id.ino == f.pos.Ino) || !byInode && f.pos.Head == 0 {
				continue
			}
			found, err := f.reopen(e)
			if found != nil {
				return found, nil
			}
			if !errors.Is(err, fs.ErrPermission) { // else it is as good as gone; the log itself is opened again later
				failed = errors.Join(failed, err)
			}
		}
	}
	return nil, failed
}

// reopen opens an entry at the position, if it is the file that the position is in, or its copy.
func (f *follower) reopen(e entry) (*file, error) {
	opened, _, err := f.config.openEntry(e)
	if err != nil {
		return nil, err
	}
	found := &file{File: opened, id: e.id, pos: f.pos}
	intact := false
	if e.compressed {
		found.packed = unpack(opened)
		intact = found.packed.holds(f.pos)
	} else {
		intact, err = found.intact(f.pos)
	}
	if err != nil || !intact {
		found.Close()
		return nil, err
	}
	return found, nil
}

// restart goes on when the position's file is nowhere: with the first readable file that was changed since, else
// with the log itself from its start, now or when it appears.
func (f *follower) restart(seen view) (bool, error) {
	var gaps []Gap
	if f.pos.Ino != 0 {
		gaps = append(gaps, Gap{Reason: Lost, Path: f.config.Path, After: f.pos})
	}
	next, skipped, err := f.first(seen, after(seen.entries, f.pos.At), f.pos)
	gaps = append(gaps, skipped...)
	if err == nil && next == nil {
		if next, err = f.whole(f.config.Path); errors.Is(err, fs.ErrNotExist) {
			return f.await(err, gaps)
		}
	}
	if err != nil {
		return f.failed(err)
	}
	f.trouble(nil)
	f.enter(next)
	return true, f.emit(nil, gaps...)
}

// await notes that there is nothing to read at present.
func (f *follower) await(why error, gaps []Gap) (bool, error) {
	f.trouble(why)
	if len(gaps) == 0 {
		return false, nil
	}
	f.pos = Position{Path: f.config.Path, At: f.pos.At}
	return true, f.emit(nil, gaps...)
}

// first opens the first entry of some that holds something, and closes the view's log if that is not it. What
// cannot be read on the way is a gap; what lies behind it is not yet due. With nothing to open it returns nil, and the
// gaps up to the end.
func (f *follower) first(seen view, entries []entry, read Position) (*file, []Gap, error) {
	log := seen.log
	var gaps []Gap
	for _, e := range entries {
		switch {
		case e.nothing():
		case e.compressed && !unpackable(e.path):
			gaps = append(gaps, Gap{Reason: Compressed, Path: e.path, After: read})
		case e.suffix == "" && seen.logErr != nil:
			return nil, gaps, seen.logErr
		case e.suffix == "" && log.id != e.id:
			log.close()
			return nil, gaps, errMoving
		case e.suffix == "":
			return log, gaps, nil
		default:
			next, err := f.open(e)
			if errors.Is(err, fs.ErrPermission) {
				gaps = append(gaps, Gap{Reason: Unreadable, Path: e.path, After: read})
				continue
			}
			if err == nil && log != nil && next.copies(log) {
				next.Close()
				continue
			}
			log.close()
			return next, gaps, err
		}
	}
	log.close()
	return nil, gaps, nil
}

func (f *follower) open(e entry) (*file, error) {
	opened, info, err := f.config.openEntry(e)
	if err != nil {
		return nil, err
	}
	return f.fresh(opened, info)
}

// whole opens a path from its start.
func (f *follower) whole(path string) (*file, error) {
	opened, info, err := f.config.open(path)
	if err != nil {
		return nil, err
	}
	return f.fresh(opened, info)
}

func (f *follower) fresh(opened *os.File, info fs.FileInfo) (*file, error) {
	file, err := fresh(f.config.Path, opened, info)
	if err != nil {
		opened.Close()
		return nil, err
	}
	return file, nil
}
