package others

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// Bounds of what is read.
const (
	maxText  = 1 << 20
	maxFound = 4096
	maxNotes = 200
	maxDepth = 5 // of opendkim, for files that include others
)

// Found is a key that a program signs with.
type Found struct {
	Program  string `json:"program"`
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	Path     string `json:"path,omitempty"` // of the file with the private key
	Inline   []byte `json:"-"`              // the private key itself, where it stands in the table
	File     string `json:"file"`           // where it is said
	Line     int    `json:"line,omitempty"`
}

// Note is what was not understood, or does not mean the same here.
type Note struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
}

func (n Note) String() string {
	if n.Line == 0 {
		return n.File + ": " + n.Text
	}
	return fmt.Sprintf("%s:%d: %s", n.File, n.Line, n.Text)
}

// Report is what was read of one program.
type Report struct {
	Found []Found `json:"found"`
	Notes []Note  `json:"notes"`
}

func (r *Report) note(file string, line int, format string, args ...any) {
	n := Note{file, line, fmt.Sprintf(format, args...)}
	if len(r.Notes) < maxNotes && !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

// add adds a key, once.
func (r *Report) add(f Found) {
	f.Domain, f.Selector = strings.ToLower(strings.TrimSuffix(f.Domain, ".")), strings.ToLower(f.Selector)
	for _, had := range r.Found {
		if had.Domain != f.Domain || had.Selector != f.Selector {
			continue
		}
		if had.Path != f.Path || string(had.Inline) != string(f.Inline) {
			r.note(f.File, f.Line, "%s of %s has another key above (%s, line %d): that one is taken", f.Selector, f.Domain, had.File, had.Line)
		}
		return
	}
	if len(r.Found) == maxFound {
		r.note(f.File, f.Line, "more than %d keys: from here on they are passed over", maxFound)
		return
	}
	r.Found = append(r.Found, f)
}

// read reads a file as text.
func read(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxText {
		return "", &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is no file, or larger than %d octets", maxText)}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxText))
	return string(text), err
}

// text reads a file that a configuration names; one that cannot be read is a note.
func (r *Report) text(file string, line int, path string) string {
	text, err := read(path)
	if err != nil {
		r.note(file, line, "%s cannot be read: %s", path, reason(err))
	}
	return text
}

// reason is an error of a file without its name.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// entry is a line of a table: a key and its value.
type entry struct {
	key, value string
	line       int
}

// lines reads a table of lines: a key, white space, a value; # begins a comment.
func lines(text string) (all []entry) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value := word(line)
		all = append(all, entry{key, value, n})
	}
	return all
}

// word cuts the first word off.
func word(line string) (first, rest string) {
	at := strings.IndexAny(line, " \t")
	if at < 0 {
		return line, ""
	}
	return line[:at], strings.TrimSpace(line[at:])
}

// list reads a list with commas, key=value each.
func list(text string, line int) (all []entry) {
	for item := range strings.SplitSeq(text, ",") {
		if key, value, _ := strings.Cut(strings.TrimSpace(item), "="); key != "" {
			all = append(all, entry{strings.TrimSpace(key), strings.TrimSpace(value), line})
		}
	}
	return all
}

// fill puts a domain and a selector into a path.
func fill(template, domain, selector string) string {
	return strings.NewReplacer("$domain", domain, "$selector", selector).Replace(template)
}

// domainsOf are those for which a file is there that the template of a path could mean.
func domainsOf(template, selector string) (all []string) {
	pattern := fill(template, "\x00", selector)
	if !strings.Contains(pattern, "\x00") {
		return nil
	}
	glob := strings.ReplaceAll(strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(pattern), "\x00", "*")
	name, err := regexp.Compile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), "\x00", `([A-Za-z0-9_.-]+)`) + "$")
	if err != nil { // it is no text in UTF-8
		return nil
	}
	paths, _ := filepath.Glob(glob) // its error is of the pattern, which is none of ours
	for _, path := range paths[:min(len(paths), maxFound)] {
		found := name.FindStringSubmatch(path)
		if len(found) > 1 && strings.Contains(found[1], ".") && !slices.ContainsFunc(found[1:], func(s string) bool { return s != found[1] }) {
			all = append(all, found[1])
		}
	}
	return all
}

// sender is whom a pattern of a signing table means.
type sender struct {
	domain string // empty: any
	user   string // empty: any
}

// senderOf reads a pattern like *@example.org, example.org, .example.org or *.
func senderOf(pattern string) sender {
	user, domain, at := cutLast(pattern, "@")
	if !at {
		user, domain = "", pattern
	}
	domain = strings.TrimPrefix(strings.TrimLeft(domain, "*"), ".")
	if strings.Contains(domain, "*") || domain == "%" {
		domain = ""
	}
	return sender{strings.ToLower(domain), strings.Trim(user, "*")}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// within reports whether a domain is another one or below it.
func within(domain, above string) bool {
	return domain == above || strings.HasSuffix(domain, "."+above)
}
