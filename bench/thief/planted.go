package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A planted weakness is an old mistake of internal/guard, made again in a copy: it proves that the search would find it.
// Production code has no switch for it. The bench builds itself with `go build -overlay`, in which changed copies of
// guard's files stand for the files, runs that for its time, and looks whether it gets out more than the bound.

//go:embed planted/*.txt
var plantedFiles embed.FS

// plant is one planted weakness, as its file says. See planted/README.md for the form.
type plant struct {
	name    string
	undoes  string // what protects today, and is taken away
	figure  string // like foreign_10d
	bound   int    // the search must find more than that
	changes []change
}

// change replaces a text in a file.
type change struct{ file, old, new string }

// Bounds of a plant's file.
const (
	maxPlant   = 64 << 10 // octets
	maxChanges = 20
)

// parsePlant reads a plant's file. What is written after a mark line ("--- old", "--- new") is taken as it is, up to
// the next line that begins with "--- ".
func parsePlant(name, text string) (plant, error) {
	p := plant{name: name}
	if len(text) > maxPlant {
		return p, fmt.Errorf("read planted weakness %s: longer than %d octets", name, maxPlant)
	}
	head, rest, _ := strings.Cut(text, "\n--- ")
	for line := range strings.Lines(head) {
		if err := p.headLine(strings.TrimSpace(line)); err != nil {
			return p, fmt.Errorf("read planted weakness %s: %w", name, err)
		}
	}
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "\n--- ")
		if err := p.part(part); err != nil {
			return p, fmt.Errorf("read planted weakness %s: %w", name, err)
		}
	}
	return p, p.complete()
}

func (p *plant) headLine(line string) error {
	key, value, ok := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch {
	case line == "":
	case ok && key == "undoes":
		p.undoes = value
	case ok && key == "finds":
		figure, bound, _ := strings.Cut(value, " > ")
		n, err := strconv.Atoi(bound)
		if err != nil {
			return fmt.Errorf("%q is not of the form FIGURE > NUMBER", value)
		}
		p.figure, p.bound = figure, n
	default:
		return fmt.Errorf("%q is neither an undoes: nor a finds: line", line)
	}
	return nil
}

// part reads what stands between two mark lines.
func (p *plant) part(part string) error {
	mark, body, _ := strings.Cut(part, "\n")
	file, isFile := strings.CutPrefix(mark, "file ")
	last := len(p.changes) - 1
	switch {
	case isFile:
		p.changes = append(p.changes, change{file: strings.TrimSpace(file)})
	case mark == "old" && last >= 0:
		if p.changes[last].old != "" { // another place in the same file
			p.changes = append(p.changes, change{file: p.changes[last].file})
			last++
		}
		p.changes[last].old = strings.TrimSuffix(body, "\n")
	case mark == "new" && last >= 0:
		p.changes[last].new = strings.TrimSuffix(body, "\n")
	default:
		return fmt.Errorf("%q is none of file NAME, old, new", mark)
	}
	return nil
}

func (p *plant) complete() error {
	if p.figure == "" || p.undoes == "" || len(p.changes) == 0 {
		return fmt.Errorf("read planted weakness %s: it must say undoes:, finds: and a file", p.name)
	}
	if len(p.changes) > maxChanges {
		return fmt.Errorf("read planted weakness %s: %d changes, at most %d are read", p.name, len(p.changes), maxChanges)
	}
	for _, c := range p.changes {
		if c.old == "" || !filepath.IsLocal(c.file) {
			return fmt.Errorf("read planted weakness %s: %s has no old text, or is not in the tree", p.name, c.file)
		}
	}
	return nil
}

// plants returns every planted weakness, by name.
func plants() ([]plant, error) {
	names, err := fs.Glob(plantedFiles, "planted/*.txt")
	if err != nil {
		return nil, err
	}
	var all []plant
	for _, name := range names {
		text, err := plantedFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := parsePlant(strings.TrimSuffix(filepath.Base(name), ".txt"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// files returns the changed text of each file. An old text that is not there exactly once is an error: the code has
// changed, and the plant must follow it.
func (p *plant) files(root string) (map[string]string, error) {
	texts := map[string]string{}
	for _, c := range p.changes {
		text, ok := texts[c.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, c.file))
			if err != nil {
				return nil, fmt.Errorf("plant %s: %w", p.name, err)
			}
			text = string(b)
		}
		if n := strings.Count(text, c.old); n != 1 {
			return nil, fmt.Errorf("plant %s: its old text stands %d times in %s, not once; write bench/thief/planted/%s.txt anew for the code of today:\n%s", p.name, n, c.file, p.name, c.old)
		}
		texts[c.file] = strings.Replace(text, c.old, c.new, 1)
	}
	return texts, nil
}

// build makes a bench-thief with the weakness in it, in dir, and returns its path.
func (p *plant) build(root, dir string) (string, error) {
	texts, err := p.files(root)
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for file, text := range texts {
		changed := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("plant %s: %w", p.name, err)
		}
		overlay.Replace[filepath.Join(root, file)] = changed
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	at := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(at, list, 0o600); err != nil {
		return "", fmt.Errorf("plant %s: %w", p.name, err)
	}
	bin := filepath.Join(dir, "thief")
	build := exec.Command("go", "build", "-overlay", at, "-o", bin, "./bench/thief")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("plant %s: build with the weakness in it: %w\n%s", p.name, err, out)
	}
	return bin, nil
}

// hunt builds the weakness in, searches for it, and returns the figure that was found.
func (p *plant) hunt(root string, seed uint64, span time.Duration) (int, error) {
	dir, err := os.MkdirTemp("", "thief-")
	if err != nil {
		return 0, fmt.Errorf("plant %s: %w", p.name, err)
	}
	defer os.RemoveAll(dir)
	bin, err := p.build(root, dir)
	if err != nil {
		return 0, err
	}
	var errs strings.Builder
	run := exec.Command(bin, "-figure", p.figure, "-enough", strconv.Itoa(p.bound), "-seed", strconv.FormatUint(seed, 10), "-time", span.String())
	run.Stderr = &errs
	out, err := run.Output()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		return 0, fmt.Errorf("plant %s: run the search: %w", p.name, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	_, figure, _ := strings.Cut(lines[len(lines)-1], "=")
	n, err := strconv.Atoi(figure)
	if err != nil {
		return 0, fmt.Errorf("plant %s: the search ended with %q, not with %s=NUMBER\n%.2000s", p.name, lines[len(lines)-1], p.figure, errs.String())
	}
	return n, nil
}

// moduleRoot is where the sources are: the plants change a copy of them.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the sources to plant weaknesses in: %w; run it in the source tree", err)
	}
	return strings.TrimSpace(string(out)), nil
}
