package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"postward/internal/log/oldlog"
)

// eachLine hands out the lines of some logs, each with the time of its file. What cannot be read, or not to its end, is
// returned, and the others are read all the same. The error is ctx's.
func eachLine(ctx context.Context, files []oldlog.File, each func(line []byte, changed time.Time)) (notRead []string, err error) {
	p := newProgress(files)
	defer p.done()
	for i := range files {
		f := &files[i]
		err := f.Lines(ctx, p.read, func(line []byte) error {
			p.line()
			each(line, f.Changed)
			return nil
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			notRead = append(notRead, err.Error())
		}
	}
	return notRead, nil
}

// sayNotRead tells what eachLine could not read.
func sayNotRead(notRead []string) {
	for _, why := range notRead {
		fmt.Fprintln(os.Stderr, "postward:", oneLine(why))
	}
}

// progress is a line on standard error for what takes more than a second: with a bar, when it is known how much there is.
type progress struct {
	w            io.Writer
	size, seen   int64 // octets; size 0: not known
	lines        int64
	began, shown time.Time
}

func newProgress(files []oldlog.File) *progress {
	p := &progress{began: time.Now()}
	for _, f := range files {
		p.size += f.Size
	}
	for _, f := range files {
		if f.Size == 0 { // a pipe, or a journal
			p.size = 0
		}
	}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.w = os.Stderr
	}
	return p
}

// read counts octets, and line a line. A journal has no octets.
func (p *progress) read(n int) {
	p.seen += int64(n)
	p.show(time.Now())
}

func (p *progress) line() {
	if p.lines++; p.lines%1024 == 0 && p.size == 0 {
		p.show(time.Now())
	}
}

func (p *progress) show(now time.Time) {
	if p.w == nil || now.Sub(p.began) < time.Second || now.Sub(p.shown) < 200*time.Millisecond {
		return
	}
	p.shown = now
	bar := ""
	if p.size > 0 {
		const width = 40
		share := min(float64(p.seen)/float64(p.size), 1)
		full := int(share * width)
		bar = fmt.Sprintf("[%s%s] %3.0f %%  ", strings.Repeat("#", full), strings.Repeat("·", width-full), 100*share)
	}
	fmt.Fprintf(p.w, "\r%s%d lines, %s \x1b[K", bar, p.lines, rate(float64(p.lines)/now.Sub(p.began).Seconds()))
}

// rate is a number of lines a second.
func rate(n float64) string {
	switch {
	case n >= 999_500:
		return fmt.Sprintf("%.1f million/s", n/1e6)
	case n >= 9_999.5:
		return fmt.Sprintf("%.0f thousand/s", n/1e3)
	}
	return fmt.Sprintf("%.0f/s", n)
}

func (p *progress) done() {
	if p.w != nil && !p.shown.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = time.Time{}
	}
}
