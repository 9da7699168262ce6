package main

import (
	"context"
	"net/netip"
	"time"

	"postward/internal/log/oldlog"
)

// detector reads a log line by line, and keeps guessers out. It is asked of each try, at the try's time, after the lines before it.
type detector interface {
	Line(text []byte)
	Shut(a netip.Addr, account string, at time.Time) answer
}

// none is a detector that reads nothing and lets everybody in: what the others cannot fall below.
type none struct{}

func (none) Line([]byte)                               {}
func (none) Shut(netip.Addr, string, time.Time) answer { return through }

// detectors by name. They know the site as it was before the log begins.
var detectors = map[string]func(*site) detector{
	"nothing":  func(*site) detector { return none{} },
	"postward": func(s *site) detector { return newWard(s) },
}

// read gives a detector all lines of a log, and nothing else: what is measured.
func read(path string, d detector) error {
	f := oldlog.File{Path: path}
	return f.Lines(context.Background(), nil, func(line []byte) error {
		d.Line(line)
		return nil
	})
}

// asked gives a detector the lines of a log, and asks it of each try before the first line that was written later.
func asked(path string, d detector, tries []try) ([]answer, error) {
	answers, last := make([]answer, len(tries)), begin
	next := 0
	ask := func(until time.Time) {
		for ; next < len(tries) && tries[next].At.Before(until); next++ {
			t := &tries[next]
			answers[next] = d.Shut(t.Addr, t.Account, t.At)
		}
	}
	f := oldlog.File{Path: path}
	err := f.Lines(context.Background(), nil, func(line []byte) error {
		last = stamped(line, last)
		ask(last)
		d.Line(line)
		return nil
	})
	ask(last.Add(hour))
	return answers, err
}
