package follow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"postward/internal/log/oldlog"
)

// Begin says where to begin when no position was stored.
type Begin int

const (
	FromEnd   Begin = iota // with the first line that ends from now on
	FromStart              // with the first line of the log as it is now, not of rotated files
)

// Config is what to follow.
type Config struct {
	Path string   // of a file, or "journal" for journald's journal (see oldlog.Journal)
	From Position // as stored; one with another Path counts as none, and is a Gap
	// Begin is used when From is zero. A log that does not exist yet is read from its start in any case.
	Begin Begin
	// Poll is how often to look when nothing is notified; 0 is a second.
	Poll time.Duration
	// Hurry says that what is written now may matter at once, so that waking up for each line is worth its cost. May be nil: it never is.
	Hurry func() bool
	// Trouble is told once when the log cannot be read and why, and with nil when it can again. May be nil.
	Trouble func(error)
	// Open opens a file of the log that this process may not read, or says that it may not be read either
	// (fs.ErrPermission). May be nil.
	Open func(path string) (*os.File, error)
}

// Follow calls out with the log's lines from c.From on, until ctx is done or out fails, and returns the reason:
// ctx's error, or out's as it is. Trouble with the files is never a reason.
func Follow(ctx context.Context, c Config, out func(Batch) error) error {
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.From != (Position{}) && c.From.Path != c.Path { // where the other log ended is nowhere in this one
		gap := Gap{Reason: Lost, Path: c.From.Path, After: c.From}
		if err := out(Batch{Gaps: []Gap{gap}, Next: c.From}); err != nil {
			return err
		}
		c.From = Position{}
	}
	if dir, is := oldlog.Journal(c.Path); is {
		j := journal{config: c, dir: dir, out: out, pos: c.From, ills: teller{to: c.Trouble}}
		return j.run(ctx)
	}
	f := follower{ctx: ctx, config: c, out: out, pos: c.From, ills: teller{to: c.Trouble}, buf: make([]byte, bufferSize)}
	defer f.leave()
	w := newWatch(ctx, &c)
	defer w.close()
	for found := false; ; {
		moved, err := f.step()
		if err == nil && !moved {
			err = w.wait(ctx, found)
		}
		found = moved
		if err != nil {
			return err
		}
	}
}

// follower is one run of Follow. Its methods return only errors that end the run: ctx's and out's. Those of files
// go to trouble, and the same is tried again at the next wake-up.
type follower struct {
	ctx    context.Context
	config Config
	out    func(Batch) error
	file   *file    // nil: none is open
	pos    Position // where to go on when no file is open
	ills   teller
	buf    []byte
	lines  []Line
}

// step does one thing, if there is one to do, and says whether there was.
func (f *follower) step() (bool, error) {
	if err := f.ctx.Err(); err != nil {
		return false, err
	}
	if f.file == nil {
		return f.find()
	}
	if moved, err := f.read(); moved || err != nil {
		return moved, err
	}
	return f.turn()
}

// emit hands out a batch that ends at the current position.
func (f *follower) emit(lines []Line, gaps ...Gap) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	next := f.pos
	if f.file != nil {
		next = f.file.pos
	}
	return f.out(Batch{Lines: lines, Gaps: gaps, Next: next})
}

// enter makes a file the current one; leave closes it.
func (f *follower) enter(next *file) {
	f.leave()
	f.file = next
}

func (f *follower) leave() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}

// failed tells trouble and whether to look again at once: rotation under way is no trouble, only bad timing.
func (f *follower) failed(err error) (bool, error) {
	if errors.Is(err, errMoving) {
		return true, nil
	}
	f.trouble(err)
	return false, nil
}

// trouble tells what is wrong, or with nil that nothing is, if that is news.
func (f *follower) trouble(err error) {
	switch {
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("follow the log: %w: %s", err, readable(f.config.Path))
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("follow the log: %w: waiting for it to appear", err)
	case err != nil:
		err = fmt.Errorf("follow the log: %w", err)
	}
	f.ills.tell(err)
}

// readable says how a log becomes one that its reader may read. Postfix's own (maillog_file) is root's alone from 3.9 on,
// and no group helps.
func readable(path string) string {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o040 == 0 {
		return fmt.Sprintf("it is its owner's alone: chmod 644 %s; with Postfix 3.9 or newer also postconf -e maillog_file_permissions=0644, or the next file is so again", path)
	}
	return "let the user that postward runs as read it (on Debian: usermod -a -G adm postward, then restart)"
}

// teller tells trouble once.
type teller struct {
	to   func(error) // may be nil
	told string      // the trouble that was told; empty: none, or that it is over
}

func (t *teller) tell(err error) {
	ills := ""
	if err != nil {
		ills = err.Error()
	}
	if ills != t.told && t.to != nil {
		t.to(err)
	}
	t.told = ills
}
