package follow

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// watch waits for a reason to look. It watches the directory: a watched file's watch dies with its name.
//
// What a line costs that comes alone is nearly all in waking up for it. So inotify(7) is read in the follower's goroutine, for another one
// that hands over what it read would be two more wakings; a watch tells once (IN_ONESHOT), for each event wakes somebody up, whether he
// reads it or not; and only the first lines after a silence are looked at as they come, those of a stream together.
type watch struct {
	dir     string
	poll    time.Duration
	inotify *os.File // nil when it cannot be had: then the poll does alone
	armed   int      // the watch descriptor; none: nothing would be told
	told    bool     // something was, since wait returned last
	events  [4 << 10]byte
	stop    func() bool // has the end of the context wake up nobody

	hurry func() bool // may be nil
	left  int         // how often it may wake up at once
	last  time.Time   // when something had happened
}

// After a silence of together it wakes up so often at once.
const (
	together = 200 * time.Millisecond
	atOnce   = 16
)

const none = -1

// ofInterest is what happens to a log: it is written, made, and rotated.
const ofInterest = unix.IN_MODIFY | unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_ONLYDIR | unix.IN_ONESHOT

func newWatch(ctx context.Context, c *Config) *watch {
	w := &watch{dir: filepath.Dir(c.Path), poll: c.Poll, armed: none, hurry: c.Hurry}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return w
	}
	w.inotify = os.NewFile(uintptr(fd), "inotify")
	if err := w.inotify.SetReadDeadline(time.Time{}); err != nil { // nobody could be woken by it
		_ = w.inotify.Close()
		w.inotify = nil
		return w
	}
	w.arm()
	w.stop = context.AfterFunc(ctx, func() { _ = w.inotify.SetReadDeadline(time.Unix(1, 0)) })
	return w
}

// arm has the next event told, or the next poll. It is repeated with every poll: the directory may come late, or be made anew. Failing
// costs only time.
func (w *watch) arm() {
	now := time.Now()
	_ = w.inotify.SetReadDeadline(now.Add(w.poll - time.Duration(now.UnixNano())%w.poll)) // when others wake up too
	raw, err := w.inotify.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		was := w.armed
		if w.armed, err = unix.InotifyAddWatch(int(fd), w.dir, ofInterest); err != nil {
			w.armed = none
		}
		if was != none && was != w.armed { // another directory has the name now
			_, _ = unix.InotifyRmWatch(int(fd), uint32(was))
		}
	})
}

func (w *watch) close() {
	if w.inotify != nil {
		w.stop()
		_ = w.inotify.Close()
	}
}

// wait returns when something may have happened to the log, and with an error when ctx is done. found says that something had when it
// returned last.
func (w *watch) wait(ctx context.Context, found bool) error {
	if w.inotify == nil {
		return sleep(ctx, w.poll)
	}
	if found || w.told {
		w.last, w.told = time.Now(), false
		if w.left == 0 && (w.hurry == nil || !w.hurry()) {
			return sleep(ctx, min(together, w.poll))
		}
	}
	if w.armed == none {
		w.arm()
		if w.armed != none {
			return ctx.Err() // what was written before, nobody tells
		}
	}
	return w.listen(ctx)
}

// listen waits for an event, or the next poll.
func (w *watch) listen(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := w.inotify.Read(w.events[:])
		if err != nil { // the poll is due
			w.arm()
			break
		}
		if !w.tells(w.events[:n]) {
			continue
		}
		w.armed, w.told = none, true
		if time.Since(w.last) >= together {
			w.left = atOnce
		}
		w.left = max(w.left-1, 0)
		break
	}
	return ctx.Err()
}

// tells reports whether there is an event among some, and not only the end of a watch that told one.
func (w *watch) tells(events []byte) bool {
	const head = unix.SizeofInotifyEvent
	for len(events) >= head {
		wd, mask := binary.NativeEndian.Uint32(events), binary.NativeEndian.Uint32(events[4:])
		if mask&unix.IN_IGNORED == 0 || int(wd) == w.armed {
			return true
		}
		events = events[min(head+int(binary.NativeEndian.Uint32(events[12:])), len(events)):]
	}
	return false
}

// sleep waits, and returns with an error when ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
