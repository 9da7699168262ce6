package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"postward/internal/guard"
	"postward/internal/host/postfix"
)

// How a file was given back.
const (
	Untouched = "untouched" // postward was not in it
	Restored  = "restored"  // byte for byte as before, with mode, owner and time
	Cleaned   = "cleaned"   // edited since: only postward's own words were cut out
)

// Detached says what Detach did, or would do.
type Detached struct {
	Files     []GivenBack `json:"files"`
	Before    string      `json:"before"`    // Digest of the directory before attaching; empty when no record was found
	After     string      `json:"after"`     // and now; empty in a dry run
	Identical bool        `json:"identical"` // both are the same
	Elsewhere []string    `json:"elsewhere"` // other paths that somebody changed, added or removed meanwhile; left alone
	Warnings  []string    `json:"warnings"`
}

// GivenBack is one of the two files.
type GivenBack struct {
	Name string   `json:"name"`
	How  string   `json:"how"`
	Diff []string `json:"diff"` // what goes out ("- "), and comes back ("+ ")
	Kept []string `json:"kept"` // for Cleaned: the operator's own edits since attaching, which stay

	now, then []byte
	item      Item
}

// Detach takes postward off the Postfix in configDir. Files that are as Apply left them become what they were
// before, byte for byte. From a file that somebody edited since, only postward's own words are cut out.
// ErrNotAttached when there is nothing of postward in them.
func Detach(ctx context.Context, configDir string, o Options) (*Detached, error) {
	dir, err := filepath.Abs(configDir)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", configDir, err)
	}
	v, rec, err := recall(dir, o)
	if err != nil {
		return nil, err
	}
	if v != nil {
		defer v.close()
	}
	d := &Detached{}
	if err := d.compare(dir, v, rec); err != nil {
		return nil, err
	}
	d.warn(rec, o)
	if d.nothing() {
		return nil, ErrNotAttached
	}
	if o.DryRun {
		return d, nil
	}
	if err := d.carryOut(ctx, dir, o); err != nil {
		return nil, err
	}
	return d, d.closeRecord(dir, v, rec)
}

// recall finds the record. Without one, detaching still works, by what is read in the files.
func recall(dir string, o Options) (*vault, *Record, error) {
	v, err := openVault(o.StateDir, dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	rec, err := v.load(dir)
	if err != nil {
		v.close()
		return nil, nil, err
	}
	return v, rec, nil
}

// compare decides for each file how it is given back.
func (d *Detached) compare(dir string, v *vault, rec *Record) error {
	for _, name := range []string{mainCF, masterCF} {
		now, err := postfix.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		g := GivenBack{Name: name, How: Untouched, now: now, then: now}
		if mentions(now) {
			if err := g.decide(dir, v, rec); err != nil {
				return err
			}
		}
		d.Files = append(d.Files, g)
	}
	return nil
}

func (g *GivenBack) decide(dir string, v *vault, rec *Record) error {
	it, err := configItem(dir, g.Name)
	if err != nil {
		return fmt.Errorf("detach from %s: %w", g.Name, err)
	}
	g.How, g.item, g.then = Cleaned, it, strip(g.now)
	before := g.recorded(v, rec)
	switch {
	case before == nil:
	case bytes.Equal(before, g.then), it.SHA == fileRecord(rec, g.Name).After:
		g.How, g.then, g.item = Restored, before, fileRecord(rec, g.Name).Before
	default:
		g.Kept = diff(before, g.then)
	}
	if mentions(g.then) {
		return fmt.Errorf("detach from %s: postward's words cannot be told from others there; take them out by hand", g.Name)
	}
	g.Diff = diff(g.now, g.then)
	return nil
}

func (g *GivenBack) recorded(v *vault, rec *Record) []byte {
	if rec == nil || rec.State == stateDetached {
		return nil
	}
	return v.before(fileRecord(rec, g.Name))
}

func fileRecord(rec *Record, name string) File {
	for _, f := range rec.Files {
		if f.Name == name {
			return f
		}
	}
	return File{}
}

func (d *Detached) nothing() bool {
	return !slices.ContainsFunc(d.Files, func(g GivenBack) bool { return g.How != Untouched })
}

// warn says what the operator must know.
func (d *Detached) warn(rec *Record, o Options) {
	if o.Held > 0 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("what postward held stays in Postfix's hold queue: %s, which nobody judges any more. "+
			"Look with `postqueue -p`; let one go with `postsuper -H ID` and then `postqueue -i ID`, delete one with `postsuper -d ID hold`", guard.Count(o.Held, "mail")))
	}
	for _, g := range d.Files {
		if g.How == Cleaned && len(g.Kept) > 0 {
			d.Warnings = append(d.Warnings, g.Name+" was edited since postward was attached: the edits stay, only postward's words go out")
		}
		if g.How == Cleaned && rec == nil {
			d.Warnings = append(d.Warnings, g.Name+": no record of the attachment was found; postward's words were found by their form")
		}
		for _, s := range physicalLines(g.then) {
			if text := string(g.then[s.start:s.end]); strings.Contains(text, "postward_") && !isComment(text) {
				d.Warnings = append(d.Warnings, g.Name+" still says: "+text)
			}
		}
	}
}

// carryOut writes the files and lets Postfix check them. If they fail a check that passed before, they are put
// back: a mail server that works is worth more than a clean file.
func (d *Detached) carryOut(ctx context.Context, dir string, o Options) error {
	sane := !o.filesOnly && checkConfig(ctx, dir) == nil
	for _, g := range d.Files {
		if g.How == Untouched {
			continue
		}
		it := g.item
		if g.How == Cleaned {
			it.MTime = o.Now
		}
		if err := replaceConfig(filepath.Join(dir, g.Name), g.then, it); err != nil {
			return errors.Join(fmt.Errorf("detach: %w", err), d.putBack(dir))
		}
		o.say("%s: %s", filepath.Join(dir, g.Name), g.How)
	}
	if sane {
		if err := checkConfig(ctx, dir); err != nil {
			return errors.Join(fmt.Errorf("detach: without postward Postfix does not like its configuration: %w", err), d.putBack(dir))
		}
	}
	if o.NoReload {
		return nil
	}
	h, err := inspect(dir, d.Files[0].then, d.Files[1].then, valuesIn(ctx, dir))
	if err != nil {
		return fmt.Errorf("detach, files are given back: %w", err)
	}
	if err := reload(ctx, h, o); err != nil {
		return fmt.Errorf("detach, files are given back: %w", err)
	}
	return nil
}

func (d *Detached) putBack(dir string) error {
	for _, g := range d.Files {
		if g.How == Untouched {
			continue
		}
		if err := replaceConfig(filepath.Join(dir, g.Name), g.now, g.item); err != nil {
			return fmt.Errorf("put %s back: %w", g.Name, err)
		}
	}
	return errors.New("the files were put back with postward in them")
}

// closeRecord compares the directory with what it was and ends the record.
func (d *Detached) closeRecord(dir string, v *vault, rec *Record) error {
	items, err := manifest(dir)
	if err != nil {
		return fmt.Errorf("detached, but: %w", err)
	}
	d.After = digest(items)
	if rec == nil {
		return nil
	}
	d.Before = rec.Digest
	d.Identical = d.Before == d.After
	d.Elsewhere = differing(rec.Items, items)
	rec.State = stateDetached
	return v.save(rec)
}

// differing names the paths, other than the two files, that are not the same in both lists.
func differing(before, after []Item) []string {
	seen := map[string]string{}
	for _, it := range before {
		seen[it.Path] = digest([]Item{it})
	}
	var out []string
	for _, it := range after {
		if seen[it.Path] != digest([]Item{it}) {
			out = append(out, it.Path)
		}
		delete(seen, it.Path)
	}
	for path := range seen {
		out = append(out, path)
	}
	slices.Sort(out)
	return slices.DeleteFunc(out, func(p string) bool { return p == mainCF || p == masterCF })
}
