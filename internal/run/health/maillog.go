package health

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/log/follow"
	"postward/internal/log/maillog"
	"postward/internal/log/unread"
	"postward/internal/run/ctl"
)

// MailLog is what was read of the mail log since the start, what of it was missed, and what was not understood: lines of
// programs that we know, in words that we do not. Each costs nothing but what it would have told.
type MailLog struct {
	mu       sync.Mutex
	lines    uint64
	lost     uint64 // that the journal itself says it left out
	puzzling map[string]*ctl.Puzzling
	unread   unread.Lines
	inARow   int64     // lines of mail programs that were not read, one after the other
	gap      string    // what was missed last
	gapAt    time.Time // zero: nothing was
}

// shownFor is how long status says what is over and cannot be mended.
const shownFor = 24 * time.Hour

const (
	maxPuzzling = 50  // programs
	maxExample  = 200 // octets of a line
)

// Lines returns how many lines were read.
func (h *MailLog) Lines() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lines
}

// Read counts a batch.
func (h *MailLog) Read(lines int) {
	h.mu.Lock()
	h.lines += uint64(lines)
	h.mu.Unlock()
}

// LeftOut counts lines that the journal says it left out.
func (h *MailLog) LeftOut(lines uint64) {
	h.mu.Lock()
	h.lost += lines
	h.mu.Unlock()
}

// Missed notes a part of the log that could not be read.
func (h *MailLog) Missed(g follow.Gap, now time.Time) {
	what := "lines"
	if g.Count > 0 {
		what = guard.Count(int(min(g.Count, math.MaxInt32)), "line")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gapAt = now
	h.gap = fmt.Sprintf("%s of the mail log could not be read on %s (%s: %s): what they told of mails is not known; compare with postqueue -p",
		what, now.Format(time.DateTime), g.Reason, strings.ToValidUTF8(g.Path[:min(len(g.Path), maxExample)], "?"))
}

// Missing is what status says of the last such part, for a day; empty: nothing.
func (h *MailLog) Missing(now time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gapAt.IsZero() || now.Sub(h.gapAt) >= shownFor {
		return ""
	}
	return h.gap
}

// Strange takes a line that is of no mail program, or in a form that is not read: the latter are counted.
func (h *MailLog) Strange(text []byte, l *maillog.Line) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unread.Note(text, l) {
		h.inARow++
	}
}

// Understood notes that a line was read and understood.
func (h *MailLog) Understood() {
	h.mu.Lock()
	h.inARow = 0
	h.mu.Unlock()
}

// changed is after how many lines in a row that are not read the log has another form than it had.
const changed = 20

// Blind is what status says when the log says nothing to us any more; empty: it does.
func (h *MailLog) Blind() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inARow < changed {
		return ""
	}
	like := ""
	if forms := h.unread.Forms(); len(forms) > 0 {
		like = fmt.Sprintf(" (like %q)", forms[0].Header)
	}
	return fmt.Sprintf("the last %d lines of the mail log could not be read%s: what leaves and bounces is not known; postward investigate LOG says more", h.inARow, like)
}

// Puzzled notes a line that was not understood, and keeps the program's last one.
func (h *MailLog) Puzzled(l *maillog.Line) {
	name := string(l.Program)
	if slash := strings.LastIndexByte(name, '/'); slash >= 0 {
		name = name[slash+1:]
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inARow = 0 // its form is read
	p := h.puzzling[name]
	if p == nil {
		if len(h.puzzling) >= maxPuzzling {
			return
		}
		if h.puzzling == nil {
			h.puzzling = map[string]*ctl.Puzzling{}
		}
		p = &ctl.Puzzling{Program: name}
		h.puzzling[name] = p
	}
	p.Lines++
	p.Example = strings.ToValidUTF8(string(l.Example(maxExample)), "?")
}

// Log is what status shows, the most puzzling program first.
func (h *MailLog) Log() ctl.Log {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]ctl.Puzzling, 0, len(h.puzzling))
	for p := range maps.Values(h.puzzling) {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b ctl.Puzzling) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Program, b.Program))
	})
	return ctl.Log{Lines: h.lines, Lost: h.lost, Puzzling: all, Unread: h.unread.Total(), Forms: h.unread.Forms()}
}
