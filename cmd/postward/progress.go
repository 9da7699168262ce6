package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progress is a line on standard error for what takes more than a second: with a bar, when it is known how much there is.
type progress struct {
	w            io.Writer // nil: nobody looks
	size, seen   int64     // octets; size 0: not known
	lines        int64
	began, shown time.Time
	say          func(lines int64, seconds float64) string
}

func newProgress(size int64, say func(lines int64, seconds float64) string) *progress {
	p := &progress{size: size, say: say, began: time.Now()}
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
	fmt.Fprintf(p.w, "\r%s%s \x1b[K", bar, p.say(p.lines, now.Sub(p.began).Seconds()))
}

func (p *progress) wipe() {
	if p.w != nil && !p.shown.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = time.Time{}
	}
}
