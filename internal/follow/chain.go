package follow

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
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
		suffix, compressed, ok := rotated(filepath.Base(log), name.Name())
		if !ok && name.Name() != filepath.Base(log) {
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

// packers are the file name extensions of compressed logs.
var packers = []string{".gz", ".bz2", ".xz", ".zst", ".lzma", ".lz4", ".Z"}

// rotated says whether name is a rotated file of the log base: mail.log.1, mail.log-20241123, and with logrotate's
// "extension" mail.1.log, each perhaps compressed.
func rotated(base, name string) (suffix string, compressed, ok bool) {
	for _, ext := range packers {
		if cut, found := strings.CutSuffix(name, ext); found {
			name, compressed = cut, true
			break
		}
	}
	if rest, found := strings.CutPrefix(name, base); found {
		suffix, ok = count(rest)
		return suffix, compressed, ok
	}
	ext := filepath.Ext(base)
	rest, found := strings.CutPrefix(name, strings.TrimSuffix(base, ext))
	if middle, ends := strings.CutSuffix(rest, ext); found && ends && ext != "" {
		suffix, ok = count(middle)
	}
	return suffix, compressed, ok
}

// count takes ".1" or "-20241123" apart.
func count(rest string) (string, bool) {
	if len(rest) < 2 || rest[0] != '.' && rest[0] != '-' || rest[1] < '0' || rest[1] > '9' {
		return "", false
	}
	return rest[1:], strings.Trim(rest[1:], "0123456789-_.:T") == ""
}

// older orders two entries. Numbers grow with age, dates shrink; one of each is ordered by the time of change.
func older(a, b entry) int {
	if a.suffix == "" || b.suffix == "" {
		return cmp.Compare(len(b.suffix), len(a.suffix))
	}
	numberA, isNumberA := number(a.suffix)
	numberB, isNumberB := number(b.suffix)
	order := 0
	switch {
	case isNumberA != isNumberB:
		order = a.changed.Compare(b.changed)
	case isNumberA:
		order = cmp.Compare(numberB, numberA)
	default:
		order = cmp.Compare(a.suffix, b.suffix)
	}
	// Plain before compressed, so that samePlace keeps the plain one.
	return cmp.Or(order, cmp.Compare(len(a.path), len(b.path)))
}

func number(suffix string) (int, bool) {
	n, err := strconv.Atoi(suffix)
	return n, err == nil && len(suffix) <= 5
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
func openEntry(e entry) (*os.File, fs.FileInfo, error) {
	f, info, err := open(e.path)
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
