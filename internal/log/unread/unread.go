// Package unread counts the lines of mail programs that the grammar cannot tell as such, by the form of what stands before
// the program's name: a log that changed its form half-way would read as a quiet one.
//
// Of a line no more than this header is kept: its words are anybody's, and may hold a password. A Lines is one goroutine's;
// its zero value is ready. Of the house the package must not import anything but maillog.
package unread

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"postward/internal/log/maillog"
)

// Bounds of what is kept.
const (
	maxForms  = 20
	maxHeader = 120 // octets of an example
)

// Lines are those that were not read.
type Lines struct {
	total int64
	forms map[string]*Form
}

// Form is one form of them.
type Form struct {
	Header string `json:"header"` // of the first such line, up to the program's name
	Lines  int64  `json:"lines"`
}

// Note counts a line of which Parse made l, if a mail program wrote it and it was not read; it reports whether.
func (u *Lines) Note(line []byte, l *maillog.Line) bool {
	header, is := maillog.Strange(line, l)
	if !is {
		return false
	}
	u.total++
	name := maillog.Form(header)
	f := u.forms[name]
	if f == nil {
		if len(u.forms) >= maxForms {
			return true
		}
		if u.forms == nil {
			u.forms = map[string]*Form{}
		}
		f = &Form{Header: strings.ToValidUTF8(string(header[:min(len(header), maxHeader)]), "?")}
		u.forms[name] = f
	}
	f.Lines++
	return true
}

// Total is how many there are, of all forms.
func (u *Lines) Total() int64 { return u.total }

// Forms returns the forms, the most frequent first. Of more than there is room for only the total is known.
func (u *Lines) Forms() []Form {
	all := make([]Form, 0, len(u.forms))
	for f := range maps.Values(u.forms) {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Form) int { return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Header, b.Header)) })
	return all
}
