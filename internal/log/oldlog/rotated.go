package oldlog

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// packers are the file name extensions of compressed logs.
var packers = []string{".gz", ".bz2", ".xz", ".zst", ".lzma", ".lz4", ".Z"}

// Rotated says whether name is the log base or a file that was rotated away from it: mail.log.1, mail.log-20241123, and
// with logrotate's "extension" mail.1.log, each perhaps compressed. The suffix is "1" or "20241123", and empty for the log.
func Rotated(base, name string) (suffix string, compressed, ok bool) {
	if name == base {
		return "", false, true
	}
	name, compressed = unpackedName(name)
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

func unpackedName(name string) (string, bool) {
	for _, ext := range packers {
		if cut, found := strings.CutSuffix(name, ext); found {
			return cut, true
		}
	}
	return name, false
}

// count takes ".1" or "-20241123" apart.
func count(rest string) (string, bool) {
	if len(rest) < 2 || rest[0] != '.' && rest[0] != '-' || rest[1] < '0' || rest[1] > '9' {
		return "", false
	}
	return rest[1:], strings.Trim(rest[1:], "0123456789-_.:T") == ""
}

// Older orders two files of a log by their suffixes. Numbers grow with age, dates shrink; of one of each the names do not
// tell, and known is false.
func Older(a, b string) (order int, known bool) {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a)), true
	}
	numberA, isNumberA := number(a)
	numberB, isNumberB := number(b)
	switch {
	case isNumberA != isNumberB:
		return 0, false
	case isNumberA:
		return cmp.Compare(numberB, numberA), true
	}
	return cmp.Compare(a, b), true
}

func number(suffix string) (int, bool) {
	n, err := strconv.Atoi(suffix)
	return n, err == nil && len(suffix) <= 5
}

// Rotations returns a log, if it is there, and what was rotated from it, the oldest first. What is there both packed and
// not counts once.
func Rotations(log string) ([]File, error) {
	dir, base := filepath.Split(log)
	names, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range names {
		suffix, _, ok := Rotated(base, name.Name())
		if !ok {
			continue
		}
		f := File{Path: dir + name.Name(), log: log, suffix: suffix, rotated: true}
		info, err := os.Stat(f.Path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue // removed meanwhile, or none of ours
		}
		if err == nil { // else reading it will say why not
			f.Changed, f.Size = info.ModTime(), info.Size()
		}
		files = append(files, f)
	}
	return inOrder(files), nil
}

// bases are the logs in which Postfix's lines may be, the better ones first: the same lines often stand in several.
var bases = []string{"postfix.log", "mail.log", "maillog", "mail", "mail.info", "syslog", "messages"}

// findIn returns the files of one log of a directory: of the first base that has any.
func findIn(dir string) ([]File, error) {
	for _, base := range bases {
		files, err := Rotations(filepath.Join(dir, base))
		if err != nil {
			return nil, err
		}
		files = slices.DeleteFunc(files, func(f File) bool { return f.Size == 0 && !f.Changed.IsZero() })
		if len(files) > 0 {
			return files, nil
		}
	}
	return nil, nil
}

var guess = regexp.MustCompile(`^(.+?)[.-]([0-9][-0-9_.:T]*?)(\.[^.0-9][^.]*)?$`)

// place says of which log a file is that was named by itself.
func (f *File) place() {
	dir, name := filepath.Split(f.Path)
	for _, base := range bases {
		if suffix, _, ok := Rotated(base, name); ok {
			f.log, f.suffix, f.rotated = dir+base, suffix, true
			return
		}
	}
	name, _ = unpackedName(name)
	f.log = dir + name
	if m := guess.FindStringSubmatch(name); m != nil {
		f.log, f.suffix = dir+m[1]+m[3], m[2]
	}
}

// inOrder sorts files and leaves out those that are there twice. Files of one log come as they were rotated, whatever
// their times say: copies have others. Between several logs, and where a name is only guessed to be a rotated one, the
// times of change decide first.
func inOrder(files []File) []File {
	slices.SortStableFunc(files, byName)
	files = slices.CompactFunc(files, func(a, b File) bool {
		textA, _ := unpackedName(a.Path)
		textB, _ := unpackedName(b.Path)
		return textA == textB
	})
	for i := len(files) - 1; i >= 0; i-- {
		files[i].until = files[i].Changed
		if i+1 < len(files) && files[i].rotated && files[i].log == files[i+1].log && files[i+1].until.Before(files[i].until) {
			files[i].until = files[i+1].until
		}
	}
	slices.SortStableFunc(files, func(a, b File) int { return a.until.Compare(b.until) })
	return files
}

// byName orders files by their logs, those of one log by age, and what is packed behind what is not.
func byName(a, b File) int {
	order := cmp.Compare(a.log, b.log)
	if order == 0 {
		known := false
		if order, known = Older(a.suffix, b.suffix); !known {
			order = a.Changed.Compare(b.Changed)
		}
	}
	return cmp.Or(order, cmp.Compare(len(a.Path), len(b.Path)), cmp.Compare(a.Path, b.Path))
}
