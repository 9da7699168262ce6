package follow

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postward/internal/log/oldlog"
)

// journalPoll is how many Polls pass before journalctl is started again after it ended.
const journalPoll = 5

// journal is a run of Follow that reads journald's journal, through journalctl.
type journal struct {
	config Config
	dir    string // see oldlog.Journal
	out    func(Batch) error
	pos    Position
	ills   teller
	sure   bool   // the entry of the position was seen in this run of journalctl, or none is stored
	sought sought // what is known of that entry, when journalctl did not find it by its cursor
	text   []byte // of lines, which are parts of it
	lines  []Line
	gaps   []Gap
}

// errPassed ends a run of journalctl that began behind the entry of the position. That of systemd 253 to 257 at least does
// so now and then though the entry is there (github.com/systemd/systemd/issues/31516).
var errPassed = errors.New("the entry of the position was passed")

// sought is what came of looking for an entry by its time.
type sought int

const (
	notSought sought = iota
	isThere
	isGone
)

// errOut is the end of a run because out failed.
type errOut struct{ error }

func (j *journal) run(ctx context.Context) error {
	for {
		err := j.read(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var ends errOut
		if errors.As(err, &ends) {
			return ends.error
		}
		j.ills.tell(fmt.Errorf("follow the log: %w: postward needs the group systemd-journal or adm, and journalctl in its PATH", err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(journalPoll * j.config.Poll):
		}
	}
}

// read runs journalctl once, from the position on. It does not return nil.
func (j *journal) read(ctx context.Context) error {
	if j.pos == (Position{}) {
		if err := j.begin(ctx); err != nil {
			return err
		}
	}
	if err := j.look(ctx); err != nil {
		return err
	}
	j.sure, j.sought = j.pos.Cursor == "", notSought
	from := "--cursor=" + j.pos.Cursor
	if j.sure {
		from = j.since()
	}
	err := j.follow(ctx, from)
	if errors.Is(err, errPassed) {
		err = j.again(ctx, from)
	}
	return err
}

func (j *journal) since() string { return "--since=@" + strconv.FormatInt(j.pos.At.Unix(), 10) }

func (j *journal) follow(ctx context.Context, from string) error {
	err := oldlog.ReadJournal(ctx, j.dir, []string{"--follow", "--no-tail", from}, j.take)
	if err == nil {
		err = errors.New("journalctl ended")
	}
	return err
}

// again reads on where journalctl began behind the entry of the cursor: from that entry, if it is there by its time.
func (j *journal) again(ctx context.Context, from string) error {
	there, err := j.seek(ctx)
	switch {
	case err != nil:
		return err
	case there:
		j.sought, from = isThere, j.since()
	default:
		j.sought = isGone
	}
	return j.follow(ctx, from)
}

// seek looks for the entry of the position by its time.
func (j *journal) seek(ctx context.Context) (there bool, err error) {
	err = oldlog.ReadJournal(ctx, j.dir, []string{j.since()}, func(e *oldlog.Entry, _ bool) error {
		there = there || e.Cursor == j.pos.Cursor
		if there || j.behind(e) {
			return errPassed
		}
		return nil
	})
	if errors.Is(err, errPassed) {
		err = nil
	}
	return there, err
}

// behind reports whether an entry surely follows that of the position.
func (j *journal) behind(e *oldlog.Entry) bool {
	next := at(j.pos, e)
	return next.Dev == j.pos.Dev && next.Ino == j.pos.Ino && number(e.Cursor) > number(j.pos.Cursor)
}

// look ends a trouble that was told when the journal can be read again. Where a cursor is known its entry says so; without
// one a quiet journal would say nothing.
func (j *journal) look(ctx context.Context) error {
	if j.ills.told == "" || j.pos.Cursor != "" {
		return nil
	}
	err := oldlog.ReadJournal(ctx, j.dir, []string{"--lines=1"}, func(*oldlog.Entry, bool) error { return nil })
	if err == nil {
		j.ills.tell(nil)
	}
	return err
}

// begin takes the first position ever, and hands it out: that of the last entry there is, or the present.
func (j *journal) begin(ctx context.Context) error {
	first := Position{Path: j.config.Path, At: time.Now()}
	if j.config.Begin == FromStart {
		first.At = time.Unix(0, 0)
	} else {
		err := oldlog.ReadJournal(ctx, j.dir, []string{"--lines=1"}, func(e *oldlog.Entry, _ bool) error {
			first = at(first, e)
			return nil
		})
		if err != nil {
			return err
		}
	}
	j.pos = first
	return j.emit()
}

// take gathers an entry, and hands out what was gathered when no more is here.
func (j *journal) take(e *oldlog.Entry, more bool) error {
	if e.Cursor == "" { // only tells what was missed before it
		j.missed(e)
		return j.flush()
	}
	if !j.sure {
		if known, err := j.arrive(e); known || err != nil {
			return err
		}
	}
	next := at(j.pos, e)
	if next.Dev != j.pos.Dev || next.Ino != j.pos.Ino { // the keys of a batch are of one journal
		if err := j.flush(); err != nil {
			return err
		}
	}
	j.pos = next
	j.missed(e)
	switch {
	case e.Foreign(), e.Text == nil:
	case e.Dropped > 0:
		j.gaps = append(j.gaps, Gap{Reason: Suppressed, Path: string(e.Text), Count: e.Dropped, After: j.pos})
	default:
		begin := len(j.text)
		j.text = e.AppendLine(j.text)
		line := Line{Text: j.text[begin:], Offset: int64(number(e.Cursor))}
		line.cut()
		j.lines = append(j.lines, line)
	}
	if more && len(j.lines) < maxLines && len(j.text) < bufferSize {
		return nil
	}
	return j.flush()
}

// arrive looks at an entry before reading goes on behind that of the position. Known are that one and those before it.
func (j *journal) arrive(e *oldlog.Entry) (known bool, err error) {
	next := at(j.pos, e)
	same := next.Dev == j.pos.Dev && next.Ino == j.pos.Ino
	switch {
	case e.Cursor == j.pos.Cursor:
		j.sure = true
		j.ills.tell(nil)
		return true, nil
	case j.sought == notSought:
		return false, errPassed
	case j.sought == isThere && (same && !j.behind(e) || !same && !e.At.After(j.pos.At)):
		return true, nil
	}
	j.sure = true
	j.gaps = append(j.gaps, Gap{Reason: Lost, Path: j.config.Path, After: j.pos})
	return false, nil
}

// missed notes the entries that could not be read.
func (j *journal) missed(e *oldlog.Entry) {
	if e.Missed > 0 {
		j.gaps = append(j.gaps, Gap{Reason: Unreadable, Path: j.config.Path, Count: e.Missed, After: j.pos})
	}
}

// flush hands out what was gathered.
func (j *journal) flush() error {
	if len(j.lines) == 0 && len(j.gaps) == 0 {
		return nil
	}
	j.ills.tell(nil)
	err := j.emit()
	j.text, j.lines, j.gaps = j.text[:0], j.lines[:0], nil
	return err
}

func (j *journal) emit() error {
	if err := j.out(Batch{Lines: j.lines, Gaps: j.gaps, Next: j.pos}); err != nil {
		return errOut{err}
	}
	return nil
}

// at is the position behind an entry. What names a log file's line names an entry too: the ID of its sequence of numbers
// (128 bits, s=) and its number (i=), which are unique.
func at(p Position, e *oldlog.Entry) Position {
	p.Cursor, p.At = e.Cursor, e.At
	sequence := field(e.Cursor, "s")
	half := len(sequence) / 2
	p.Dev, p.Ino = number16(sequence[:half]), number16(sequence[half:])
	return p
}

// field is a field of a cursor ("s=…;i=…;b=…"); empty when it has none of the name.
func field(cursor, name string) string {
	for part := range strings.SplitSeq(cursor, ";") {
		if key, value, _ := strings.Cut(part, "="); key == name {
			return value
		}
	}
	return ""
}

// number is that of an entry in its sequence.
func number(cursor string) uint64 { return number16(field(cursor, "i")) }

func number16(s string) uint64 {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return n
}
