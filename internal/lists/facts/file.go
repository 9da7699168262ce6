// Package facts reads files of facts: YAML that people write about others, of which every key is known, every text can be printed,
// and every line that is not as it should be is named. What an operator writes beside the program's own files is read the same way.
//
// It knows nothing of what the facts are about: dnsbl and reply say which keys there are.
package facts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of a file of facts.
const (
	MaxFile   = 1 << 20 // octets of a file
	MaxText   = 2000    // octets of a text
	MaxItems  = 200     // of a list of texts
	MaxErrors = 20      // that are said of a file
	maxFiles  = 200     // of an operator's directory
)

// File walks the YAML tree of a file and remembers every line that is not as it should be.
type File struct {
	Name string
	Errs []error
}

// Parse returns the root of the one document in data. Anchors and aliases are refused: small files that unfold to
// large ones are not for us.
func (s *File) Parse(data []byte) *yaml.Node {
	if len(data) > MaxFile {
		s.Errs = append(s.Errs, fmt.Errorf("%s:1: longer than %d octets", s.Name, MaxFile))
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			s.Errs = append(s.Errs, s.syntax(err))
		}
		return nil
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		s.Fail(&doc, "more than one document")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// syntax is an error of the YAML parser with the file and line before it.
func (s *File) syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := "1"
	if rest, found := strings.CutPrefix(text, "line "); found {
		if number, what, ok := strings.Cut(rest, ": "); ok {
			line, text = number, what
		}
	}
	return fmt.Errorf("%s:%s: %s", s.Name, line, Printable(text, MaxText))
}

// Fail remembers what is wrong with a line.
func (s *File) Fail(n *yaml.Node, format string, args ...any) {
	if len(s.Errs) < MaxErrors {
		s.Errs = append(s.Errs, fmt.Errorf("%s:%d: %s", s.Name, n.Line, fmt.Sprintf(format, args...)))
	}
}

// Fields hands the values of a mapping to whoever reads them. A key that nobody reads, or that is there twice, is
// an error.
func (s *File) Fields(n *yaml.Node, readers map[string]func(*yaml.Node)) {
	s.Pairs(n, func(key, value *yaml.Node) {
		if read := readers[key.Value]; read != nil {
			read(value)
		} else {
			s.Fail(key, "unknown key %s", Quote(key.Value))
		}
	})
}

// Pairs hands on the keys and values of a mapping.
func (s *File) Pairs(n *yaml.Node, read func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		s.Fail(n, "not a plain mapping")
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "":
			s.Fail(key, "a key is no plain word")
		case seen[key.Value]:
			s.Fail(key, "key %s for the second time", Quote(key.Value))
		default:
			seen[key.Value] = true
			read(key, n.Content[i+1])
		}
	}
}

// Items hands on the items of a sequence.
func (s *File) Items(n *yaml.Node, most int, read func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode || n.Anchor != "" || len(n.Content) > most {
		s.Fail(n, "not a plain list of at most %d", most)
		return
	}
	for _, item := range n.Content {
		read(item)
	}
}

// scalar is a node's text: one that can be printed, and is not empty.
func (s *File) scalar(n *yaml.Node) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Tag == "!!null":
		s.Fail(n, "not a plain text")
	case n.Value == "" || len(n.Value) > MaxText || Printable(n.Value, MaxText) != n.Value:
		s.Fail(n, "an empty text, one over %d octets or with control characters", MaxText)
	default:
		return n.Value, true
	}
	return "", false
}

// Text reads a text: one that can be printed, and is not empty.
func (s *File) Text(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if text, ok := s.scalar(n); ok {
			*to = text
		}
	}
}

// Texts reads a list of texts.
func (s *File) Texts(to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var all []string // a new one: what is overridden belongs to another list
		s.Items(n, MaxItems, func(item *yaml.Node) {
			if text, ok := s.scalar(item); ok {
				all = append(all, text)
			}
		})
		*to = all
	}
}

// One reads a text that is one of a closed set.
func One[T ~string](s *File, to *T, allowed ...T) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := s.scalar(n)
		if ok && !slices.Contains(allowed, T(text)) {
			s.Fail(n, "%s is not one of %q", Quote(text), allowed)
			return
		}
		*to = T(text)
	}
}

// Group reads a mapping with keys of its own.
func (s *File) Group(readers map[string]func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) { s.Fields(n, readers) }
}

// Flag reads true or false.
func (s *File) Flag(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Value != "true" && n.Value != "false" || n.Kind != yaml.ScalarNode {
			s.Fail(n, "neither true nor false")
		}
		*to = n.Value == "true"
	}
}

// Number reads a number from 1 to most.
func (s *File) Number(to *int, most int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseUint(n.Value, 10, 31)
		if n.Kind != yaml.ScalarNode || err != nil || v == 0 || int(v) > most {
			s.Fail(n, "no number from 1 to %d", most)
			return
		}
		*to = int(v)
	}
}

// Quote shows a text of a file in an error.
func Quote(text string) string { return strconv.QuoteToASCII(text[:min(len(text), 60)]) }

// Printable makes a text harmless: what is not printable, which is controls, directions and broken UTF-8, becomes a
// space, and it is cut to most octets. It stays plain text: whoever makes HTML of it escapes it.
func Printable(text string, most int) string {
	clean := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text[:min(len(text), 4*most)])
	if len(clean) <= most {
		return clean
	}
	cut := most - len("...")
	for cut > 0 && !utf8.RuneStart(clean[cut]) {
		cut--
	}
	return clean[:cut] + "..."
}
