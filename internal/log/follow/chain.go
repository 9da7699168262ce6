package follow

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postward/internal/log/oldlog"
)

// entry is a file that belongs to a log: the log itself, or one that was rotated away from it.
type entry struct {
	path       string
	suffix     string // "1", "20241123"; empty for the log itself
	compressed bool
	id         identity
	size       int64
	changed    time.Time
}

// errMoving says that rotation went on while we looked: look again.
var errMoving = errors.New("renamed meanwhile")

// emptyCompressed is more than any packer makes of an empty file.
const emptyCompressed = 64

// nothing reports whether an entry surely holds no line, or is compressed in a way that nobody here can look into and
// hardly holds one.
func (e entry) nothing() bool {
	return e.size == 0 || e.compressed && !unpackable(e.path) && e.size < emptyCompressed
}

// chain lists a log and its rotated files, the oldest first, the log last. Rotation renames many files one after
// the other, so it looks until it sees the same twice.
func chain(log string) ([]entry, error) {
	before, err := list(log)
	if err != nil {
		return nil, err
	}
	for range 10 {
		now, err := list(log)
		if err != nil {
			return nil, err
		}
		if slices.EqualFunc(before, now, func(a, b entry) bool { return a.path == b.path && a.id == b.id }) {
			return now, nil
		}
		before = now
	}
	return nil, fmt.Errorf("list the rotated files of %s: %w", log, errMoving)
}

func list(log string) ([]entry, error) {
	names, err := os.ReadDir(filepath.Dir(log))
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, name := range names {
		suffix, compressed, ok := oldlog.Rotated(filepath.Base(log), name.Name())
		if !ok {
			continue
		}
		path := filepath.Join(filepath.Dir(log), name.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue // renamed or removed meanwhile, or none of ours
		}
		entries = append(entries, entry{path, suffix, compressed, identify(info), info.Size(), info.ModTime()})
	}
	slices.SortFunc(entries, older)
	return slices.CompactFunc(entries, samePlace), nil
}

// older orders two entries. Where their names do not tell, the time of change does.
func older(a, b entry) int {
	order, known := oldlog.Older(a.suffix, b.suffix)
	if !known {
		order = a.changed.Compare(b.changed)
	}
	// Plain before compressed, so that samePlace keeps the plain one.
	return cmp.Or(order, cmp.Compare(len(a.path), len(b.path)))
}

// samePlace is true for a file and what is just being made of it by compressing.
func samePlace(a, b entry) bool {
	return a.suffix == b.suffix && a.compressed != b.compressed
}

// since are the entries behind id: those later in the chain, or, when it is not in there any more (removed,
// compressed), those that were changed when it was, or later.
func since(entries []entry, id identity, changed time.Time) []entry {
	if i := slices.IndexFunc(entries, func(e entry) bool { return e.id == id }); i >= 0 {
		return entries[i+1:]
	}
	return after(entries, changed)
}

// after are the entries changed at a time or later, and the log itself. A compressed file keeps the time of what
// it was made of, so one with exactly that time is that file.
func after(entries []entry, changed time.Time) []entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool {
		return e.suffix != "" && (e.changed.Before(changed) || e.compressed && e.changed.Equal(changed))
	})
}

// openEntry opens an entry, if it is still the same file.
func (c *Config) openEntry(e entry) (*os.File, fs.FileInfo, error) {
	f, info, err := c.open(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errMoving
	}
	if err != nil {
		return nil, nil, err
	}
	if identify(info) != e.id {
		f.Close()
		return nil, nil, errMoving
	}
	return f, info, nil
}
