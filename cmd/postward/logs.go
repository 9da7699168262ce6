package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"postward/internal/guard"
	"postward/internal/log/oldlog"
)

// eachLine hands out the lines of some logs in the order of their stamps, each with a time by which its year can be told: its
// own, or that of its file. What cannot be read, or not to its end, is returned, and the others are read all the same. The
// error is ctx's.
func eachLine(ctx context.Context, files []oldlog.File, each func(line []byte, changed time.Time)) (notRead []string, err error) {
	p := logProgress(files)
	defer p.wipe()
	years := yearsOf(ctx, files)
	return oldlog.Merge(ctx, files, p.read, years.written, func(f *oldlog.File, line []byte, at time.Time) {
		p.line()
		if at.IsZero() {
			at = f.Changed
		}
		each(line, at)
	})
}

// sayNotRead tells what eachLine could not read.
func sayNotRead(notRead []string) {
	for _, why := range notRead {
		fmt.Fprintln(os.Stderr, "postward:", oneLine(why))
	}
}

// logProgress is how far the reading of some logs is.
func logProgress(files []oldlog.File) *progress {
	size := int64(0)
	for _, f := range files {
		if f.Size == 0 { // a pipe, or a journal
			size = 0
			break
		}
		size += f.Size
	}
	return newProgress(size, func(lines int64, seconds float64) string {
		return fmt.Sprintf("%s, %s", guard.Count(int(lines), "line"), rate(float64(lines)/seconds))
	})
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
