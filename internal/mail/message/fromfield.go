package message

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// fromField is the value of one From field while it is read: mailbox-list, or address-list (RFC 6854).
type fromField struct {
	rest     string
	domains  []string
	comments []string
	literals bool
}

// read reads all of the field, and reports whether everybody reads it so.
func (f *fromField) read() bool {
	f.rest = strings.TrimRight(f.rest, "\r\n")
	if !wellFolded(f.rest) {
		return false
	}
	f.rest = unfold(f.rest)
	return f.list(f.address) && f.rest == "" && f.harmless()
}

// wellFolded reports whether a text is UTF-8 without control characters, but for tabs and line ends that fold (RFC 5322
// section 2.2.3).
func wellFolded(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\r' && !strings.HasPrefix(s[i+1:], "\n"):
			return false
		case c == '\n' && (i+1 == len(s) || s[i+1] != ' ' && s[i+1] != '\t'):
			return false
		case c < ' ' && c != '\t' && c != '\r' && c != '\n', c == 0x7f:
			return false
		}
	}
	return utf8.ValidString(s)
}

// list reads what commas part.
func (f *fromField) list(one func() bool) bool {
	for {
		if !one() {
			return false
		}
		if !f.take(',') {
			return true
		}
	}
}

// address reads a mailbox or a group.
func (f *fromField) address() bool {
	w := f.words()
	if w.any && f.take(':') {
		f.blanks()
		return f.take(';') && f.blanks() || f.list(f.mailbox) && f.take(';') && f.blanks()
	}
	return f.after(w)
}

func (f *fromField) mailbox() bool { return f.after(f.words()) }

// after reads the rest of a mailbox, of which the words are the display name or the local part.
func (f *fromField) after(w words) bool {
	if strings.HasPrefix(f.rest, "@") {
		return w.local && f.domain() && f.blanks()
	}
	if !f.take('<') {
		return false
	}
	comments := len(f.comments)
	inside := f.words()
	ok := inside.local && f.domain() && f.blanks() && len(f.comments) == comments && f.take('>')
	return ok && f.blanks()
}

// words is a run of atoms, quoted strings, dots and what may stand between them.
type words struct {
	any   bool // there is one that is no dot
	local bool // it is a dot-atom or one quoted string, with nothing between its parts or behind it
}

func (f *fromField) words() (w words) {
	parts, quoted, gap := 0, false, false
	for f.blanks(); ; parts++ {
		word := f.word()
		if word == "" {
			w.local = parts > 0 && (!quoted || parts == 1) && !gap
			return w
		}
		w.any = w.any || word != "."
		quoted = quoted || word[0] == '"'
		before := len(f.rest)
		f.blanks()
		gap = gap || before != len(f.rest)
	}
}

// word reads an atom, a dot or a quoted string. One without an end is all of the rest: no address can follow.
func (f *fromField) word() (word string) {
	switch {
	case strings.HasPrefix(f.rest, `"`):
		word, f.rest = cutQuoted(f.rest)
		return word
	case f.take('.'):
		return "."
	}
	end := strings.IndexFunc(f.rest, notAtext)
	if end < 0 {
		end = len(f.rest)
	}
	word, f.rest = f.rest[:end], f.rest[end:]
	return word
}

// domain reads the @ and what is behind it.
func (f *fromField) domain() bool {
	if !f.take('@') {
		return false
	}
	if strings.HasPrefix(f.rest, "[") {
		text, rest, ended := strings.Cut(f.rest, "]")
		f.rest, f.literals = rest, true
		_, err := Domain(text + "]")
		return ended && err == nil
	}
	end := strings.IndexFunc(f.rest, notDotted)
	if end < 0 {
		end = len(f.rest)
	}
	name, ok := hostname(f.rest[:end])
	if ok = ok && !strings.HasSuffix(f.rest[:end], "."); ok && !slices.Contains(f.domains, name) {
		f.domains = append(f.domains, name)
	}
	f.rest = f.rest[end:]
	return ok
}

// take reads one octet, if it is there.
func (f *fromField) take(c byte) bool {
	if f.rest == "" || f.rest[0] != c {
		return false
	}
	f.rest = f.rest[1:]
	return true
}

// blanks passes over blanks and comments. It is always true; a comment without an end leaves its parenthesis, which fits nowhere.
func (f *fromField) blanks() bool {
	for {
		f.rest = strings.TrimLeft(f.rest, " \t")
		if !strings.HasPrefix(f.rest, "(") {
			return true
		}
		end := commentEnd(f.rest)
		if end < 0 {
			return true
		}
		f.comments = append(f.comments, f.rest[:end])
		f.rest = f.rest[end:]
	}
}

// harmless reports whether no comment names another domain than the field does: there are readers that do not know
// where a comment ends.
func (f *fromField) harmless() bool {
	for _, comment := range f.comments {
		found, _ := search(comment)
		for _, address := range found {
			if domain, ok := hostname(DomainOf(address)); !ok || !slices.Contains(f.domains, domain) {
				return false
			}
		}
	}
	return true
}
