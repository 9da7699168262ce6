package others

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Where rspamd looks when nothing else is said (its conf/modules.d/dkim_signing.conf).
const (
	rspamdSelector = "dkim"
	rspamdPath     = "/var/lib/rspamd/dkim/$domain.$selector.key"
)

// Rspamd reads what the module dkim_signing is told below a directory like /etc/rspamd. Where nothing is told the module signs all the
// same, with what lies where it looks by itself. The error is that nothing is told, and nothing lies there.
func Rspamd(dir string) (Report, error) { return rspamdWith(dir, rspamdPath) }

// rspamdWith is Rspamd of one that looks at a path by itself.
func rspamdWith(dir, usual string) (Report, error) {
	r := rspamd{dir: dir, path: usual, set: map[string]setting{}}
	told := 0
	for _, where := range []string{"local.d", "override.d"} {
		path := filepath.Join(dir, where, "dkim_signing.conf")
		text, err := read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return r.Report, fmt.Errorf("read rspamd's configuration: %w", err)
		}
		told++
		r.take(path, text)
	}
	if told == 0 {
		if err := toldNothing(dir, usual); err != nil {
			return r.Report, fmt.Errorf("read rspamd's configuration: %w", err)
		}
	}
	r.interpret()
	return r.Report, nil
}

// toldNothing is why an rspamd that is told nothing does not sign; nil: there are keys where it looks by itself.
func toldNothing(dir, usual string) error {
	info, err := os.Stat(dir)
	if err == nil && info.IsDir() {
		if _, err = os.ReadDir(filepath.Dir(usual)); err == nil && len(domainsOf(usual, rspamdSelector)) > 0 || errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return fmt.Errorf("%w: nothing is told there, and no key lies at %s", &fs.PathError{Op: "find", Path: filepath.Join(dir, "local.d", "dkim_signing.conf"), Err: fs.ErrNotExist}, usual)
}

// rspamd is a configuration while it is read.
type rspamd struct {
	Report
	dir    string
	path   string // where it looks by itself
	set    map[string]setting
	lists  map[string]node
	blocks []block // in their order
}

// block is what is told of one domain.
type block struct {
	domain string
	value  node
	file   string
}

// texts are the names that say what is signed with.
var texts = map[string]bool{"selector": true, "path": true, "selector_map": true, "path_map": true, "enabled": true, "use_redis": true, "use_vault": true,
	"try_fallback": true, "use_domain": true, "signing_table": true, "key_table": true}

// harmless begins the names of what does not change which key a domain has.
var harmless = []string{"allow_", "sign_", "symbol", "use_esld", "check_", "auth_only", "use_domain_", "key_prefix", "whitelist", "use_http_headers", "http_", "vault_", "cache", "redis", "expire"}

// take reads one file.
func (r *rspamd) take(file, text string) {
	top, err := parseUCL(text, func(line int, macro string) {
		r.note(file, line, "%q is not followed: if keys stand there, name that file in its place", macro)
	})
	var bad *uclError
	if errors.As(err, &bad) {
		r.note(file, bad.line, "it cannot be read from here on: %s", bad.text)
	}
	r.settings(file, top)
}

func (r *rspamd) settings(file string, top node) {
	for _, p := range top.pairs {
		switch {
		case p.name == "dkim_signing" && p.value.kind == section:
			r.settings(file, p.value)
		case p.name == "domain" && p.value.kind == section:
			for _, d := range p.value.pairs {
				r.blocks = append(r.blocks, block{d.name, d.value, file})
			}
		case texts[p.name]:
			r.value(file, p)
		case !hasPrefix(p.name, harmless):
			r.note(file, p.value.line, "%q is not understood", p.name)
		}
	}
}

func hasPrefix(s string, all []string) bool {
	for _, p := range all {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// value takes a value; a list of lines is a map that stands in the file itself.
func (r *rspamd) value(file string, p pair) {
	if p.value.kind == section {
		r.note(file, p.value.line, "%q is not understood as a section", p.name)
		return
	}
	s := setting{p.value.text, file, p.value.line}
	delete(r.lists, p.name)
	if p.value.kind == array {
		if r.lists == nil {
			r.lists = map[string]node{}
		}
		r.lists[p.name], s.value = p.value, "[]"
	}
	r.set[p.name] = s
}

func (r *rspamd) is(name string, usually bool) bool {
	switch strings.ToLower(r.set[name].value) {
	case "true", "yes", "on", "1":
		return true
	case "":
		return usually
	}
	return false
}

// interpret finds the keys.
func (r *rspamd) interpret() {
	if !r.is("enabled", true) {
		r.note(r.set["enabled"].file, r.set["enabled"].line, "the module is off: it signs nothing")
		return
	}
	for _, name := range []string{"use_redis", "use_vault"} {
		if r.is(name, false) {
			r.note(r.set[name].file, r.set[name].line, "%s: its keys are not files, and are not taken over", name)
		}
	}
	if d := r.set["use_domain"]; d.value != "" && d.value != "header" && d.value != "auth" && d.value != "envelope" {
		r.note(d.file, d.line, "use_domain = %s: postward signs for the author's domain or one above it", d.value)
	}
	if r.set["signing_table"].value != "" && r.set["key_table"].value != "" { // rspamd then looks at nothing else
		r.tables()
		return
	}
	for _, b := range r.blocks {
		r.block(b)
	}
	if r.is("try_fallback", true) && !r.is("use_redis", false) {
		r.fallback()
	}
}

// tables reads those of opendkim's kind.
func (r *rspamd) tables() {
	t := tables{program: "rspamd", keys: r.table("key_table"), senders: r.table("signing_table"), keysAt: r.place("key_table"), sendersAt: r.place("signing_table"),
		selector: r.or("selector", rspamdSelector)}
	t.find(&r.Report)
}

func (r *rspamd) or(name, usually string) string {
	if v := r.set[name].value; v != "" {
		return v
	}
	return usually
}

// mapPath is the file of a map, which may be named with its kind.
func (r *rspamd) mapPath(name string) string {
	path := r.set[name].value
	for _, kind := range []string{"refile;", "glob;", "regexp;", "map;", "hash;", "fallback+", "refile:", "file:"} {
		path = strings.TrimPrefix(path, kind)
	}
	path = strings.TrimPrefix(path, "file://")
	path = strings.TrimPrefix(path, "//")
	for _, v := range []string{"$LOCAL_CONFDIR", "${LOCAL_CONFDIR}", "$CONFDIR", "${CONFDIR}"} {
		path = strings.Replace(path, v, r.dir, 1)
	}
	return path
}

func (r *rspamd) place(name string) string {
	if path := r.mapPath(name); filepath.IsAbs(path) {
		return path
	}
	return r.set[name].file
}

// table reads a map: a file, or the lines of a list.
func (r *rspamd) table(name string) (all []entry) {
	s := r.set[name]
	if l, ok := r.lists[name]; ok {
		for _, item := range l.items {
			for _, e := range lines(item.text) {
				all = append(all, entry{e.key, e.value, item.line})
			}
		}
		return all
	}
	path := r.mapPath(name)
	switch {
	case s.value == "":
		return nil
	case !filepath.IsAbs(path):
		r.note(s.file, s.line, "%s = %q is no file, and not understood", name, s.value)
		return nil
	}
	return lines(r.text(s.file, s.line, path))
}

// block is what is told of one domain: a selector and a path, or several of them.
func (r *rspamd) block(b block) {
	if strings.ContainsAny(b.domain, "*$") {
		r.note(b.file, b.value.line, "%q is a pattern: its domains cannot be told", b.domain)
		return
	}
	selector, path, found := "", "", false
	var several []node
	for _, p := range b.value.pairs {
		switch p.name {
		case "selector":
			selector, found = p.value.text, true
		case "path":
			path, found = p.value.text, true
		case "selectors":
			several = append(append(several, p.value.items...), of(p.value)...)
		default:
			r.note(b.file, p.value.line, "%q is not understood for %s", p.name, b.domain)
		}
	}
	for _, one := range append(several, b.value.items...) {
		r.key(b, one.line, field(one, "selector"), field(one, "path"))
	}
	if found || len(several)+len(b.value.items) == 0 {
		r.key(b, b.value.line, selector, path)
	}
}

// of is a section as a list of one.
func of(n node) []node {
	if n.kind == section {
		return []node{n}
	}
	return nil
}

func field(n node, name string) (text string) {
	for _, p := range n.pairs {
		if p.name == name {
			text = p.value.text
		}
	}
	return text
}

// key is one key of a domain; what is not told is as for any domain.
func (r *rspamd) key(b block, line int, selector, path string) {
	if selector == "" {
		selector = r.or("selector", rspamdSelector)
	}
	if path == "" {
		path = r.or("path", r.path)
	}
	r.Report.add(Found{Program: "rspamd", Domain: b.domain, Selector: selector, Path: fill(path, b.domain, selector), File: b.file, Line: line})
}

// fallback finds the domains of which nothing is told alone: by the maps, and by the files that are there.
func (r *rspamd) fallback() {
	selectors, paths := r.byDomain("selector_map"), r.byDomain("path_map")
	usual, template := r.or("selector", rspamdSelector), r.or("path", r.path)
	if v := r.set["path"].value; v != "" && !strings.Contains(v, "$domain") && len(paths)+len(selectors) == 0 {
		r.note(r.set["path"].file, r.set["path"].line, "one key for any domain: name them in domain { } blocks, or take it over with postward dkim key create")
		return
	}
	said := map[string]bool{}
	for _, b := range r.blocks {
		said[strings.ToLower(b.domain)] = true
	}
	for _, e := range r.candidates(selectors, paths, template, usual) {
		if said[e.key] {
			continue
		}
		said[e.key] = true
		selector, path := usual, template
		if s, ok := selectors[e.key]; ok {
			selector = s.value
		}
		if s, ok := paths[e.key]; ok {
			path = s.value
		}
		r.Report.add(Found{Program: "rspamd", Domain: e.key, Selector: selector, Path: fill(path, e.key, selector), File: e.value, Line: e.line})
	}
}

// candidates are domains, and where they are said (as the value).
func (r *rspamd) candidates(selectors, paths map[string]entry, template, usual string) (all []entry) {
	for _, name := range []string{"selector_map", "path_map"} {
		for _, e := range r.table(name) {
			if d := strings.ToLower(e.key); selectors[d].line == e.line || paths[d].line == e.line {
				all = append(all, entry{d, r.place(name), e.line})
			}
		}
	}
	s, told := r.set["path"]
	if !told {
		s.file = "rspamd's own path " + r.path
	}
	for _, d := range domainsOf(template, usual) {
		all = append(all, entry{strings.ToLower(d), s.file, s.line})
	}
	return all
}

// byDomain is a map by its domains.
func (r *rspamd) byDomain(name string) map[string]entry {
	all := map[string]entry{}
	for _, e := range r.table(name) {
		if strings.ContainsAny(e.key, "*/") {
			r.note(r.place(name), e.line, "%q is a pattern: its domains cannot be told", e.key)
			continue
		}
		all[strings.ToLower(e.key)] = e
	}
	return all
}
