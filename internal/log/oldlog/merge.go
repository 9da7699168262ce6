package oldlog

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"
)

// Bounds of what Merge has open at once, and of how many lines it looks at for the first stamp of a file.
const (
	maxOpen  = 16
	maxProbe = 1000
)

// Timed returns when a line was written, which stands behind one of a time in the same file (zero: the first); false: it does
// not say.
type Timed func(f *File, line []byte, last time.Time) (time.Time, bool)

// Merge reads files in the order of the stamps of their lines, whatever they are called and whenever they were changed: each from
// its beginning, several at once where their times overlap. A line without a stamp comes behind the one before it. The
// time is told of each line of a File that is Timed, and of others where it was needed. What
// could not be read, or not to its end, is returned, and the others are read all the same; the error is ctx's.
func Merge(ctx context.Context, files []File, packed func(int), timed Timed, each func(f *File, line []byte, at time.Time)) (notRead []string, err error) {
	m := merger{ctx: ctx, packed: packed, timed: timed}
	for i := range files {
		m.waiting = append(m.waiting, m.probe(&files[i], len(files) == 1))
	}
	slices.SortStableFunc(m.waiting, func(a, b *stream) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.file.Path, b.file.Path)) })
	defer m.close()
	m.each = each
	for ctx.Err() == nil && len(m.waiting)+len(m.open) > 0 {
		if len(m.open) == 0 {
			m.lead()
			continue
		}
		m.emit(m.earliest())
	}
	return m.notRead, ctx.Err()
}

// merger has the files that are being read, and those whose time has not come.
type merger struct {
	ctx           context.Context
	packed        func(int)
	timed         Timed
	each          func(f *File, line []byte, at time.Time)
	waiting, open []*stream // open are those that are read beside the one that leads
	notRead       []string
}

// stream is a file and where its reading is.
type stream struct {
	file *File
	line []byte
	at   time.Time // of the line, or of the one before it
	pull func() ([]byte, error, bool)
	stop func()
}

// probe finds when a file begins. What can be read once begins at once.
func (m *merger) probe(f *File, alone bool) *stream {
	s := &stream{file: f}
	if _, is := Journal(f.Path); is || f.Path == stdin || alone {
		return s
	}
	n := 0
	f.Lines(m.ctx, nil, func(line []byte) error {
		at, known := m.timed(f, line, time.Time{})
		if n++; known {
			s.at = at
		}
		if known || n >= maxProbe {
			return context.Canceled
		}
		return nil
	}) // what cannot be read is said when its time has come
	return s
}

// lead reads the first file to its end, and the others in between as far as they are earlier. Mostly none is.
func (m *merger) lead() {
	s := m.waiting[0]
	m.waiting = m.waiting[1:]
	m.said(s.file.Lines(m.ctx, m.packed, func(line []byte) error {
		if !s.file.Timed && len(m.waiting)+len(m.open) == 0 {
			m.each(s.file, line, time.Time{}) // that of its first line says nothing of this one
			return nil
		}
		if at, known := m.timed(s.file, line, s.at); known {
			s.at = at
		}
		m.before(s.at)
		m.each(s.file, line, s.at)
		return nil
	}))
}

// before hands out what other files have that is earlier.
func (m *merger) before(at time.Time) {
	for m.ctx.Err() == nil {
		if len(m.waiting) > 0 && len(m.open) < maxOpen && m.waiting[0].at.Before(at) {
			m.begin()
			continue
		}
		first := m.earliest()
		if first == nil || !first.at.Before(at) {
			return
		}
		m.emit(first)
	}
}

// begin reads the first line of the next file.
func (m *merger) begin() {
	s := m.waiting[0]
	m.waiting = m.waiting[1:]
	s.pull, s.stop = iter.Pull2(s.lines(m))
	m.open = append(m.open, s)
	m.advance(s)
}

// emit hands out the line of a file, if no file that has not begun is earlier, and reads its next one.
func (m *merger) emit(s *stream) {
	if len(m.waiting) > 0 && len(m.open) < maxOpen && m.waiting[0].at.Before(s.at) {
		m.begin()
		return
	}
	m.each(s.file, s.line, s.at)
	m.advance(s)
}

func (m *merger) earliest() (first *stream) {
	for _, s := range m.open {
		if first == nil || s.at.Before(first.at) {
			first = s
		}
	}
	return first
}

// said keeps why a file could not be read.
func (m *merger) said(err error) {
	if err != nil && m.ctx.Err() == nil {
		m.notRead = append(m.notRead, err.Error())
	}
}

// lines are those of a file, and at the end why it could not be read on, if so.
func (s *stream) lines(m *merger) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		stopped := false
		err := s.file.Lines(m.ctx, m.packed, func(line []byte) error {
			if !yield(line, nil) {
				stopped = true
				return context.Canceled
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// advance reads the next line of a file; one that is at its end is closed.
func (m *merger) advance(s *stream) {
	line, err, more := s.pull()
	m.said(err)
	if err != nil || !more {
		s.stop()
		m.open = slices.DeleteFunc(m.open, func(x *stream) bool { return x == s })
		return
	}
	s.line = line
	if at, known := m.timed(s.file, line, s.at); known {
		s.at = at
	}
}

func (m *merger) close() {
	for _, s := range m.open {
		s.stop()
	}
}
