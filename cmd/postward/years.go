package main

import (
	"context"
	"time"

	"postward/internal/log/maillog"
	"postward/internal/log/oldlog"
)

// years are the calendars of files whose stamps have no year and go over the end of one: a file of thirteen months has two
// Novembers.
type years map[*oldlog.File]*calendar

// calendar is how far the reading of a file is.
type calendar struct {
	year int // of the line before
	day  int // of a year, about
}

// yearsOf looks through the files of which the first stamp has no year. That of the last line is told by the file's time, and
// those before it by how often December was followed by January.
func yearsOf(ctx context.Context, files []oldlog.File) years {
	all := years{}
	for i := range files {
		f := &files[i]
		if turns, last := turnsOf(ctx, f); turns > 0 {
			all[f] = &calendar{year: last.Year() - turns}
			f.Timed = true
		}
	}
	return all
}

// turnsOf counts how often a new year begins in a file, and returns the time of its last line.
func turnsOf(ctx context.Context, f *oldlog.File) (turns int, last time.Time) {
	if f.Size == 0 { // a pipe, or a journal: can be read once
		return 0, time.Time{}
	}
	var c calendar
	var s, latest maillog.Stamp
	n := 0
	f.Lines(ctx, nil, func(line []byte) error {
		if n++; !maillog.When(line, &s) {
			return nil
		}
		if s.Year != 0 {
			if latest.Month == 0 {
				return context.Canceled
			}
			return nil
		}
		latest = s
		c.turn(&s)
		return nil
	}) // what cannot be read is said when it is read for what it says
	return c.year, latest.Time(f.Changed)
}

// turn takes the next stamp: when half a year lies between it and the one before, a year has begun, or two lines stand in the
// wrong order.
func (c *calendar) turn(s *maillog.Stamp) {
	const half = 186
	day := 31*int(s.Month) + int(s.Day)
	switch {
	case c.day == 0:
	case day < c.day-half:
		c.year++
	case day > c.day+half:
		c.year--
	}
	c.day = day
}

// written is when a line of a log was.
func (y years) written(f *oldlog.File, line []byte, last time.Time) (time.Time, bool) {
	var s maillog.Stamp
	if !maillog.When(line, &s) {
		return time.Time{}, false
	}
	if c := y[f]; c != nil && s.Year == 0 {
		if !last.IsZero() {
			c.turn(&s)
		}
		s = s.InYear(c.year)
	}
	return s.Next(last, f.Changed), true
}
