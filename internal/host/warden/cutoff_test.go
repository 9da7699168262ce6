package warden

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

const day = 24 * time.Hour

// host is a machine whose clock may be wrong, with a trash.
type host struct {
	trash   Trash
	cutoff  Cutoff
	true    time.Time
	ahead   time.Duration
	elapsed time.Duration
}

func newHost(t *testing.T) *host {
	return &host{trash: Trash{Dir: filepath.Join(t.TempDir(), "trash")}, true: time.Now().Truncate(time.Second)}
}

func (h *host) boot(ahead time.Duration) {
	h.cutoff, h.ahead, h.elapsed = Cutoff{Keep: keepTrash}, ahead, 0
}

// runs lets postward run for a while.
func (h *host) runs(t *testing.T, d time.Duration) {
	t.Helper()
	for end := h.elapsed + d; ; {
		if _, err := h.trash.pruneOnce(&h.cutoff, h.true.Add(h.ahead), h.elapsed); err != nil {
			t.Fatal(err)
		}
		if h.elapsed >= end {
			return
		}
		h.true, h.elapsed = h.true.Add(pruneTrash), h.elapsed+pruneTrash
	}
}

// deletes puts a copy into the trash.
func (h *host) deletes(t *testing.T, name string) {
	t.Helper()
	at := h.true.Add(h.ahead)
	path := filepath.Join(h.trash.Dir, name+"-1")
	must(t, os.MkdirAll(h.trash.Dir, 0o700), os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at))
}

func (h *host) has(name string) bool {
	_, err := os.Stat(filepath.Join(h.trash.Dir, name+"-1"))
	return err == nil
}

func TestAClockThatIsAheadEmptiesNoTrash(t *testing.T) {
	for name, goesWrong := range map[string]func(h *host){
		"at boot":            func(h *host) { h.boot(400 * day) },
		"at boot, by a week": func(h *host) { h.boot(8 * day) },
		"while it runs":      func(h *host) { h.ahead = 400 * day },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.boot(0)
			h.deletes(t, "A1B2C3D0")
			h.runs(t, 30*day)
			h.deletes(t, "A1B2C3D1")
			goesWrong(h)
			h.runs(t, day) // nobody sets it right for a whole day
			h.boot(400 * day)
			h.runs(t, day)
			h.ahead = 0
			h.runs(t, day)
			if !h.has("A1B2C3D1") {
				t.Fatal("a copy of three days is gone")
			}
			h.runs(t, 6*day)
			if h.has("A1B2C3D0") || h.has("A1B2C3D1") {
				t.Error("a copy is kept for more than a week")
			}
		})
	}
}

func TestTheTrashIsEmptiedOnAHostThatIsUpInOfficeHours(t *testing.T) {
	h := newHost(t)
	h.deletes(t, "A1B2C3D4")
	for range 9 {
		h.boot(0)
		h.runs(t, 10*time.Hour)
		h.true = h.true.Add(14 * time.Hour)
	}
	if h.has("A1B2C3D4") {
		t.Error("a copy is kept for more than nine days")
	}
}

// A machine without a battery boots in 1970, and learns the time hours later.
func TestABootWithoutAClockKeepsNothingForEver(t *testing.T) {
	h := newHost(t)
	h.boot(0)
	h.runs(t, day)
	h.deletes(t, "A1B2C3D4")
	h.boot(-h.true.Sub(time.Unix(0, 0)))
	h.runs(t, 5*time.Hour)
	h.ahead = 0
	h.runs(t, 8*day)
	if h.has("A1B2C3D4") {
		t.Error("a copy is kept for more than a week")
	}
}
