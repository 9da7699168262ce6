package dnsbl

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

// Bounds of a file of lists.
const (
	maxFile   = 1 << 20
	maxLists  = 2000
	maxText   = 2000
	maxItems  = 200
	maxErrors = 20
)

// strict walks a YAML tree and remembers every line that is not as it should be.
type strict struct {
	file string
	errs []error
}

// parse returns the root of the one document in data. Anchors and aliases are refused: small files that unfold to
// large ones are not for us.
func (s *strict) parse(data []byte) *yaml.Node {
	if len(data) > maxFile {
		s.errs = append(s.errs, fmt.Errorf("%s:1: longer than %d octets", s.file, maxFile))
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			s.errs = append(s.errs, s.syntax(err))
		}
		return nil
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		s.fail(&doc, "more than one document")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// syntax is an error of the YAML parser with the file and line before it.
func (s *strict) syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := "1"
	if rest, found := strings.CutPrefix(text, "line "); found {
		if number, what, ok := strings.Cut(rest, ": "); ok {
			line, text = number, what
		}
	}
	return fmt.Errorf("%s:%s: %s", s.file, line, printable(text, maxText))
}

func (s *strict) fail(n *yaml.Node, format string, args ...any) {
	if len(s.errs) < maxErrors {
		s.errs = append(s.errs, fmt.Errorf("%s:%d: %s", s.file, n.Line, fmt.Sprintf(format, args...)))
	}
}

// fields hands the values of a mapping to whoever reads them. A key that nobody reads, or that is there twice, is
// an error.
func (s *strict) fields(n *yaml.Node, readers map[string]func(*yaml.Node)) {
	s.pairs(n, func(key, value *yaml.Node) {
		if read := readers[key.Value]; read != nil {
			read(value)
		} else {
			s.fail(key, "unknown key %s", quote(key.Value))
		}
	})
}

// pairs hands on the keys and values of a mapping.
func (s *strict) pairs(n *yaml.Node, read func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		s.fail(n, "not a plain mapping")
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "":
			s.fail(key, "a key is no plain word")
		case seen[key.Value]:
			s.fail(key, "key %s for the second time", quote(key.Value))
		default:
			seen[key.Value] = true
			read(key, n.Content[i+1])
		}
	}
}

// items hands on the items of a sequence.
func (s *strict) items(n *yaml.Node, most int, read func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode || n.Anchor != "" || len(n.Content) > most {
		s.fail(n, "not a plain list of at most %d", most)
		return
	}
	for _, item := range n.Content {
		read(item)
	}
}

// scalar is a node's text: one that can be printed, and is not empty.
func (s *strict) scalar(n *yaml.Node) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Tag == "!!null":
		s.fail(n, "not a plain text")
	case n.Value == "" || len(n.Value) > maxText || printable(n.Value, maxText) != n.Value:
		s.fail(n, "an empty text, one over %d octets or with control characters", maxText)
	default:
		return n.Value, true
	}
	return "", false
}

func (s *strict) text(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if text, ok := s.scalar(n); ok {
			*to = text
		}
	}
}

func (s *strict) texts(to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var all []string // a new one: what is overridden belongs to another list
		s.items(n, maxItems, func(item *yaml.Node) {
			if text, ok := s.scalar(item); ok {
				all = append(all, text)
			}
		})
		*to = all
	}
}

// one reads a text that is one of a closed set.
func one[T ~string](s *strict, to *T, allowed ...T) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := s.scalar(n)
		if ok && !slices.Contains(allowed, T(text)) {
			s.fail(n, "%s is not one of %q", quote(text), allowed)
			return
		}
		*to = T(text)
	}
}

func (s *strict) flag(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Value != "true" && n.Value != "false" || n.Kind != yaml.ScalarNode {
			s.fail(n, "neither true nor false")
		}
		*to = n.Value == "true"
	}
}

func (s *strict) number(to *int, most int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseUint(n.Value, 10, 31)
		if n.Kind != yaml.ScalarNode || err != nil || v == 0 || int(v) > most {
			s.fail(n, "no number from 1 to %d", most)
			return
		}
		*to = int(v)
	}
}

// quote shows a text of a file in an error.
func quote(text string) string { return strconv.QuoteToASCII(text[:min(len(text), 60)]) }

// printable makes a text harmless: what is not printable, which is controls, directions and broken UTF-8, becomes a
// space, and it is cut to most octets. It stays plain text: whoever makes HTML of it escapes it.
func printable(text string, most int) string {
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
