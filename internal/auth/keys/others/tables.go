package others

import "strings"

// tables are a key table and a signing table as opendkim has them, and rspamd too.
type tables struct {
	program           string
	keys, senders     []entry
	keysAt, sendersAt string // their files
	selector          string // where a key's line has none
	base              string // of relative paths
}

// key is a line of a key table: name, then domain:selector:key.
type key struct {
	domain, selector, key string
	line                  int
	used                  bool
}

// find adds the keys that the lines of the signing table lead to.
func (t *tables) find(r *Report) {
	named := t.named(r)
	for _, e := range t.senders {
		s := senderOf(e.key)
		name, _, _ := strings.Cut(e.value, ":") // behind it stands whom a signature names
		if name = strings.TrimSpace(name); name == "%" {
			name = s.domain
		}
		k := named[strings.ToLower(name)]
		if k == nil {
			r.note(t.sendersAt, e.line, "%q is no key of the key table", name)
			continue
		}
		k.used = true
		if s.user != "" {
			r.note(t.sendersAt, e.line, "it is for %q alone: postward signs for a whole domain", e.key)
		}
		t.add(r, k, s, e.line)
	}
	for _, e := range t.keys { // in their order
		if k := named[strings.ToLower(e.key)]; k != nil && k.line == e.line && !k.used {
			r.note(t.keysAt, k.line, "no line of the signing table uses %q: it is not taken over", e.key)
		}
	}
}

// named reads the key table.
func (t *tables) named(r *Report) map[string]*key {
	named := map[string]*key{}
	for _, e := range t.keys {
		k := t.key(e)
		if k == nil {
			r.note(t.keysAt, e.line, "it is not NAME DOMAIN:SELECTOR:KEY")
			continue
		}
		if _, twice := named[strings.ToLower(e.key)]; twice {
			r.note(t.keysAt, e.line, "%q stands above too: that line is taken", e.key)
			continue
		}
		named[strings.ToLower(e.key)] = k
	}
	return named
}

func (t *tables) key(e entry) *key {
	parts := strings.SplitN(e.value, ":", 3)
	if len(parts) == 2 && t.selector != "" {
		parts = []string{parts[0], t.selector, parts[1]}
	}
	if len(parts) != 3 {
		return nil
	}
	for i := range parts {
		if parts[i] = strings.TrimSpace(parts[i]); parts[i] == "" {
			return nil
		}
	}
	return &key{domain: parts[0], selector: parts[1], key: parts[2], line: e.line}
}

// add adds a key for a sender. Its percent signs are the sender's domain; when that can be any, the files that are there tell.
func (t *tables) add(r *Report, k *key, s sender, line int) {
	path := isPath(k.key)
	template := strings.ReplaceAll(k.key, "%", "$domain")
	domains := []string{k.domain}
	if k.domain == "%" {
		domains = []string{s.domain}
		if s.domain == "" && path {
			domains = domainsOf(rooted(t.base, template), k.selector)
		}
	} else if s.domain != "" && !within(s.domain, strings.ToLower(k.domain)) {
		r.note(t.sendersAt, line, "it signs mail of %s for %s: that is not aligned (RFC 9989), and postward signs for the author's domain or one above it", s.domain, k.domain)
	}
	if len(domains) == 0 || domains[0] == "" {
		r.note(t.sendersAt, line, "it is for any domain, and no file says for which: they are not taken over")
		return
	}
	for _, d := range domains {
		f := Found{Program: t.program, Domain: d, Selector: strings.ReplaceAll(k.selector, "%", d), File: t.keysAt, Line: k.line}
		if path {
			f.Path = fill(rooted(t.base, template), d, f.Selector)
		} else {
			f.Inline = []byte(k.key)
		}
		r.add(f)
	}
}

func isPath(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")
}
