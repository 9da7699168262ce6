package follow

import (
	"bytes"
	"os"
	"slices"
)

// read hands out the next whole lines of the current file. False means that there are none now.
func (f *follower) read() (bool, error) {
	at := f.file.pos.Offset
	if f.file.scanned > 0 {
		return f.readLong(at)
	}
	n, err := readAt(f.file.text(), f.buf, at)
	if err != nil {
		return f.failed(err)
	}
	var done int
	f.lines, done = split(f.buf[:n], at, f.lines[:0], maxLines)
	if done == 0 && n == len(f.buf) {
		return f.readLong(at)
	}
	return f.accept(f.lines, int64(done), f.buf[:n])
}

// readLong hands out the beginning of a line that is longer than the buffer, once its end is found. It remembers
// how far it has searched.
func (f *follower) readLong(at int64) (bool, error) {
	begin, rest := f.buf[:MaxLine], f.buf[MaxLine:]
	n, err := readAt(f.file.text(), begin, at)
	for err == nil && n == MaxLine {
		from := at + max(f.file.scanned, MaxLine)
		var m int
		if m, err = readAt(f.file.text(), rest, from); err != nil {
			break
		}
		if end := bytes.IndexByte(rest[:m], '\n'); end >= 0 {
			f.lines = append(f.lines[:0], Line{Text: begin, Offset: at, Cut: true})
			return f.accept(f.lines, from+int64(end)+1-at, begin)
		}
		f.file.scanned = from + int64(m) - at
		if m < len(rest) {
			break
		}
		if err := f.ctx.Err(); err != nil {
			return false, err
		}
	}
	if err != nil {
		return f.failed(err)
	}
	return f.accept(nil, 0, nil)
}

// accept hands out lines that take some bytes of the current file, if these really were that file's: it may have
// been truncated, and written again, before they were read. b is what was read at the position.
func (f *follower) accept(lines []Line, taken int64, b []byte) (bool, error) {
	intact, err := f.file.intact(f.file.pos)
	if err != nil {
		return f.failed(err)
	}
	if !intact {
		return f.truncated()
	}
	f.trouble(nil)
	var gaps []Gap
	if f.file.pos.Head == 0 {
		var copied *file
		if copied, gaps, err = f.missed(); err != nil {
			return f.failed(err)
		}
		if copied != nil {
			f.enter(copied)
			return true, f.emit(nil, gaps...)
		}
		f.file.pos.Head = hashHead(b) // 0 as long as there is no line
	}
	if len(lines) == 0 {
		return false, nil // gaps are told with the first line
	}
	f.file.pos.Offset += taken
	f.file.pos.At = f.file.changed()
	f.file.scanned = 0
	return true, f.emit(lines, gaps...)
}

// missed looks for what was in the current file, copied away, and truncated before a whole line of it was seen:
// rotated files that were changed after the current one was first seen, and are not its copies.
func (f *follower) missed() (*file, []Gap, error) {
	seen, err := f.look()
	if err != nil {
		return nil, nil, err
	}
	entries := seen.entries
	here := slices.IndexFunc(entries, func(e entry) bool { return e.id == f.file.id })
	before := slices.DeleteFunc(entries[:max(here, 0)], func(e entry) bool { return !e.changed.After(f.file.pos.At) })
	return f.first(seen, before, f.file.pos)
}

// truncated goes on in the copy that was made of the file, if there is one; else the file begins anew.
func (f *follower) truncated() (bool, error) {
	old := f.file
	entries, err := chain(f.config.Path)
	if err != nil {
		return f.failed(err)
	}
	f.pos = old.pos
	copies := slices.DeleteFunc(entries, func(e entry) bool { return e.id == old.id })
	found, err := f.resume(copies)
	if err != nil {
		return f.failed(err)
	}
	if found != nil {
		f.enter(found)
		return true, nil
	}
	return f.anew(old.File, Gap{Reason: Truncated, Path: f.config.Path, After: old.pos})
}

// anew reads the open file again from its start.
func (f *follower) anew(opened *os.File, gap Gap) (bool, error) {
	info, err := opened.Stat()
	if err != nil {
		return f.failed(err)
	}
	begun, err := fresh(f.config.Path, opened, info)
	if err != nil {
		return f.failed(err)
	}
	f.file = begun
	return true, f.emit(nil, gap)
}

// turn goes on to the next file when the current one is finished: it is not the log any more, and a later one has
// something in it. What was written to the current one before that, and after our last look, is read first.
func (f *follower) turn() (bool, error) {
	if info, err := os.Stat(f.config.Path); err == nil && identify(info) == f.file.id {
		return false, nil
	}
	seen, err := f.look()
	if err != nil {
		return f.failed(err)
	}
	next, gaps, err := f.first(seen, since(seen.entries, f.file.id, f.file.changed()), f.file.pos)
	if err != nil {
		return f.failed(err)
	}
	if next == nil {
		return false, nil
	}
	return true, f.finish(next, gaps)
}

// finish reads the current file to its end and goes on to the next.
func (f *follower) finish(next *file, gaps []Gap) error {
	old := f.file
	for f.file == old {
		moved, err := f.read()
		if err != nil {
			next.Close()
			return err
		}
		if !moved {
			break
		}
	}
	if f.file != old { // truncated under our hands: begin again from there
		next.Close()
		return nil
	}
	if f.ills.told != "" || old.packed.ended() != nil {
		gaps = append([]Gap{{Reason: Unreadable, Path: old.Name(), After: old.pos}}, gaps...)
	} else if err := f.rest(); err != nil {
		next.Close()
		return err
	}
	// What is as old as the finished file was read. The time of a log that is being truncated may be older: ext4 sets its size
	// first.
	if changed := old.changed(); next.pos.At.Before(changed) {
		next.pos.At = changed
	}
	f.enter(next)
	return f.emit(nil, gaps...)
}

// rest hands out the last line of a finished file, when it has no end.
func (f *follower) rest() error {
	n, err := readAt(f.file.text(), f.buf, f.file.pos.Offset)
	if err != nil || n == 0 {
		return nil // unreadable: nothing more can be done for it
	}
	line := Line{Text: f.buf[:n], Offset: f.file.pos.Offset, Cut: true}
	line.cut()
	f.lines = append(f.lines[:0], line)
	f.file.pos.Offset += int64(n)
	if info, err := f.file.Stat(); err == nil && f.file.packed == nil {
		f.file.pos.Offset = max(info.Size(), f.file.pos.Offset)
	}
	return f.emit(f.lines)
}
