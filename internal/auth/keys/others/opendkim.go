package others

import (
	"fmt"
	"path/filepath"
	"strings"
)

// OpenDKIM reads opendkim.conf(5). The error is that this file cannot be read.
func OpenDKIM(path string) (Report, error) {
	o := opendkim{set: map[string]setting{}}
	text, err := read(path)
	if err != nil {
		return o.Report, fmt.Errorf("read opendkim's configuration: %w", err)
	}
	o.take(path, text, maxDepth)
	o.interpret(path)
	return o.Report, nil
}

// opendkim is a configuration while it is read.
type opendkim struct {
	Report
	set map[string]setting // by their names in lower case
}

// setting is what a parameter is set to, and where.
type setting struct {
	value, file string
	line        int
}

// ofKeys are the parameters that say what is signed with.
var ofKeys = map[string]bool{"domain": true, "selector": true, "keyfile": true, "keytable": true, "signingtable": true, "basedirectory": true, "mode": true}

// foreign are those that change it in ways that are not understood here.
var foreign = map[string]string{
	"setuppolicyscript": "a script chooses the keys", "screenpolicyscript": "a script has a say", "finalpolicyscript": "a script has a say",
	"selectorheader": "a field of the mail chooses the key", "resignmailto": "mail is signed again by its recipient", "identityheader": "a field of the mail names the signer",
	"sendermacro": "a macro names the sender", "senderheaders": "another field than From names the sender",
}

// take reads the lines of a file: a name and a value, # begins a comment.
func (o *opendkim) take(file, text string, depth int) {
	for _, e := range lines(text) {
		name := strings.ToLower(e.key)
		switch {
		case name == "include" && depth == 0:
			o.note(file, e.line, "files are included more than %d deep: this one is passed over", maxDepth)
		case name == "include":
			o.take(e.value, o.text(file, e.line, e.value), depth-1)
		case foreign[name] != "":
			o.note(file, e.line, "%s is not understood: %s", e.key, foreign[name])
		case ofKeys[name]:
			if had, twice := o.set[name]; twice {
				o.note(file, e.line, "%s stands in %s line %d too: this one is taken", e.key, had.file, had.line)
			}
			o.set[name] = setting{e.value, file, e.line}
		}
	}
}

// interpret finds the keys: those of the tables, or one for some domains.
func (o *opendkim) interpret(path string) {
	if mode := o.set["mode"]; mode.value != "" && !strings.Contains(mode.value, "s") {
		o.note(mode.file, mode.line, "Mode %s does not sign", mode.value)
		return
	}
	if _, ok := o.set["keytable"]; ok {
		o.tables()
		return
	}
	domain, selector, file := o.set["domain"], o.set["selector"], o.set["keyfile"]
	if domain.value == "" || selector.value == "" || file.value == "" {
		o.note(path, 0, "it has neither a KeyTable nor Domain, Selector and KeyFile: it signs nothing")
		return
	}
	for _, e := range o.dataset("Domain", domain) {
		if senderOf(e.key).domain != strings.ToLower(e.key) {
			o.note(domain.file, domain.line, "%q is a pattern: its domains cannot be told", e.key)
			continue
		}
		o.add(Found{Program: "opendkim", Domain: e.key, Selector: selector.value, Path: rooted(o.set["basedirectory"].value, file.value), File: file.file, Line: file.line})
	}
}

func (o *opendkim) tables() {
	keys, senders := o.set["keytable"], o.set["signingtable"]
	if senders.value == "" {
		o.note(keys.file, keys.line, "there is a KeyTable and no SigningTable: which keys sign cannot be told")
		return
	}
	t := tables{program: "opendkim", keys: o.dataset("KeyTable", keys), senders: o.dataset("SigningTable", senders),
		keysAt: o.place(keys), sendersAt: o.place(senders), base: o.set["basedirectory"].value}
	t.find(&o.Report)
}

// databases are data sets that are not files (opendkim(8), DATA SETS).
var databases = []string{"db:", "dsn:", "ldap:", "ldaps:", "ldapi:", "lua:", "memcache:", "erlang:", "mdb:", "socket:", "repute:"}

// dataset reads a data set.
func (o *opendkim) dataset(name string, s setting) []entry {
	for _, kind := range databases {
		if strings.HasPrefix(strings.ToLower(s.value), kind) {
			o.note(s.file, s.line, "%s is a table of %s, which is not understood: write it as a file for this once", name, strings.TrimSuffix(kind, ":"))
			return nil
		}
	}
	path, file := pathOf(s.value)
	switch {
	case strings.HasSuffix(s.value, ".db"):
		o.note(s.file, s.line, "%s is a Berkeley DB, which is not understood: write it as a file for this once", name)
		return nil
	case file:
		return lines(o.text(s.file, s.line, rooted(o.set["basedirectory"].value, path)))
	}
	return list(strings.TrimPrefix(s.value, "csl:"), s.line)
}

// pathOf is the file of a data set that is one.
func pathOf(value string) (path string, file bool) {
	for _, kind := range []string{"file:", "refile:"} {
		if path, file = strings.CutPrefix(value, kind); file {
			return path, true
		}
	}
	return value, strings.HasPrefix(value, "/")
}

// place is the file whose lines a data set's entries are.
func (o *opendkim) place(s setting) string {
	if path, file := pathOf(s.value); file {
		return rooted(o.set["basedirectory"].value, path)
	}
	return s.file
}

func rooted(base, path string) string {
	if filepath.IsAbs(path) || base == "" {
		return path
	}
	return filepath.Join(base, path)
}
