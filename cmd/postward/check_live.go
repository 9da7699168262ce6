package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"

	"postward/internal/domain/check"
)

// live is the table of topics that fills in while a check learns. It is drawn again and again only where the cursor
// can be moved and every row fits; elsewhere found does nothing and the table comes at the end.
type live struct {
	o      *output
	width  int
	wake   chan struct{} // nil: not live
	joined sync.WaitGroup

	mu     sync.Mutex
	report check.Report
}

// newLive says what is looked at and begins the table.
func (a *app) newLive(t *check.Target) *live {
	l := &live{o: a.out}
	if a.json || !a.out.person {
		return l
	}
	a.out.line("%s", a.out.paint(bold, printable(t.String())))
	width, height := screen()
	if l.width = width; !a.out.colour || height < len(check.Topics())+2 {
		return l
	}
	l.wake = make(chan struct{}, 1)
	l.joined.Go(l.draw)
	l.wake <- struct{}{}
	return l
}

// screen is the terminal's width and height; 80 columns and no rows when it does not say.
func screen() (width, height int) {
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width < minWidth {
		return 80, 0
	}
	return width, height
}

// found takes a finding as it is made. It does not wait for the terminal.
func (l *live) found(f check.Finding) {
	if l.wake == nil {
		return
	}
	l.mu.Lock()
	l.report.Findings = append(l.report.Findings, f)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // a drawing is due already
	}
}

// draw draws the table for each wake, over the one before. It owns the terminal until done; the last drawing is wiped,
// for the whole report follows.
func (l *live) draw() {
	drawn := 0
	for range l.wake {
		l.mu.Lock()
		rows := l.report.Rows()
		l.mu.Unlock()
		var b bytes.Buffer
		b.WriteString(up(drawn))
		for i := range rows {
			fmt.Fprintf(&b, "\x1b[2K%s\n", topicLine(l.o, &rows[i], l.width, true))
		}
		drawn = len(rows)
		l.o.w.Write(b.Bytes()) // a terminal that is gone is noticed when the report is printed
	}
	fmt.Fprint(l.o.w, up(drawn)+"\x1b[J")
}

// up moves the cursor to the beginning of a line above.
func up(lines int) string {
	if lines == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r", lines)
}

// done ends the drawing.
func (l *live) done() {
	if l.wake != nil {
		close(l.wake)
		l.joined.Wait()
	}
}

// The columns of the table of topics; what is left is the text's. minWidth is the least that a terminal must have for it.
const (
	signColumn  = 8
	nameColumn  = 9
	aboutColumn = 22
	minWidth    = 40
)

// topicLine is a topic's line, not wider than the screen. While a check is under way a topic without a finding waits.
func topicLine(o *output, r *check.Row, width int, waiting bool) string {
	sign, text := r.Grade.Sign(), r.Text()
	colour := gradeColour(r.Grade)
	if len(r.Findings) == 0 {
		if sign, colour = "-", quiet; waiting {
			sign, text = "…", ""
		}
	}
	left := width - 1 - signColumn - nameColumn
	about := ""
	if left >= aboutColumn+20 {
		about = o.paint(quiet, pad(r.Topic.About(), aboutColumn))
		left -= aboutColumn
	}
	return o.paint(colour, pad(sign, signColumn)) + pad(r.Topic.Name(), nameColumn) + about + clip(oneLine(text), left)
}

func gradeColour(g check.Grade) string {
	switch g {
	case check.Fine:
		return calm
	case check.Warning:
		return watch
	case check.Fault:
		return alarm
	default:
		return quiet
	}
}

// pad fills a text up to a column's width, with a space after it in any case.
func pad(s string, width int) string {
	s = clip(oneLine(s), 3*width)
	return s + strings.Repeat(" ", max(1, width-utf8.RuneCountInString(s)))
}

// clip cuts a text that would be wider than the columns there are: a line that wraps would put the cursor elsewhere.
func clip(s string, columns int) string {
	if wide(s) <= columns {
		return s
	}
	used := 0
	for i, r := range s {
		if used += columnsOf(r); used >= columns {
			return s[:i] + "…"
		}
	}
	return s
}

// wide is how many columns a text has at most.
func wide(s string) int {
	columns := 0
	for _, r := range s {
		columns += columnsOf(r)
	}
	return columns
}

// columnsOf counts what may be a wide letter as two columns, so that a text never has more than it is counted for.
func columnsOf(r rune) int {
	if r >= 0x1100 {
		return 2
	}
	return 1
}
