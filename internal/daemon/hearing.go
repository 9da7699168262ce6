package daemon

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"postward/internal/ctl"
	"postward/internal/maillog"
)

// hearing is what was read of the mail log since the start, and what of it was not understood: lines of programs that
// we know, in words that we do not. Each costs nothing but what it would have told.
type hearing struct {
	mu       sync.Mutex
	lines    uint64
	lost     uint64 // that the journal itself says it left out
	puzzling map[string]*ctl.Puzzling
}

const (
	maxPuzzling = 50  // programs
	maxExample  = 200 // octets of a line
)

// count returns how many lines were read.
func (h *hearing) count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lines
}

// heard counts a batch.
func (h *hearing) heard(lines int) {
	h.mu.Lock()
	h.lines += uint64(lines)
	h.mu.Unlock()
}

// leftOut counts lines that the journal says it left out.
func (h *hearing) leftOut(lines uint64) {
	h.mu.Lock()
	h.lost += lines
	h.mu.Unlock()
}

// puzzled notes a line that was not understood, and keeps the program's last one.
func (h *hearing) puzzled(l *maillog.Line) {
	name := string(l.Program)
	if slash := strings.LastIndexByte(name, '/'); slash >= 0 {
		name = name[slash+1:]
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.puzzling[name]
	if p == nil {
		if len(h.puzzling) >= maxPuzzling {
			return
		}
		p = &ctl.Puzzling{Program: name}
		h.puzzling[name] = p
	}
	p.Lines++
	p.Example = strings.ToValidUTF8(string(l.Text[:min(len(l.Text), maxExample)]), "?")
}

// told is what status shows, the most puzzling program first.
func (h *hearing) told() ctl.Log {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]ctl.Puzzling, 0, len(h.puzzling))
	for p := range maps.Values(h.puzzling) {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b ctl.Puzzling) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Program, b.Program))
	})
	return ctl.Log{Lines: h.lines, Lost: h.lost, Puzzling: all}
}
