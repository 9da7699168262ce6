package others

import (
	"fmt"
	"strings"
)

// UCL, as rspamd's configuration is written in it: sections in braces, lists in brackets, values with or without quotes, = or : or
// nothing between a name and its value. Macros (.include and the like) are told, and passed over.

// node is a value: a text, a section, or a list.
type node struct {
	line  int
	text  string
	pairs []pair // of a section
	items []node // of a list
	kind  kind
}

type kind uint8

const (
	scalar kind = iota
	section
	array
)

type pair struct {
	name  string
	value node
}

// maxNest bounds sections in sections.
const maxNest = 16

// parseUCL reads a text. What follows an error is not read.
func parseUCL(text string, macro func(line int, text string)) (top node, err error) {
	p := ucl{text: text, line: 1, macro: macro}
	top = node{line: 1, kind: section}
	err = p.body(&top, 0, 0)
	return top, err
}

type ucl struct {
	text  string
	at    int
	line  int
	macro func(line int, text string)
}

func (p *ucl) fail(format string, args ...any) error {
	return &uclError{p.line, fmt.Sprintf(format, args...)}
}

type uclError struct {
	line int
	text string
}

func (e *uclError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// peek is the next octet, 0 at the end.
func (p *ucl) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *ucl) next() byte {
	c := p.peek()
	if p.at < len(p.text) {
		p.at++
	}
	if c == '\n' {
		p.line++
	}
	return c
}

// blank skips white space and comments.
func (p *ucl) blank() error {
	for p.at < len(p.text) {
		switch c := p.peek(); {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			p.next()
		case c == '#':
			for p.at < len(p.text) && p.peek() != '\n' {
				p.next()
			}
		case strings.HasPrefix(p.text[p.at:], "/*"):
			if err := p.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// comment skips one of C, which may hold others.
func (p *ucl) comment() error {
	for deep := 0; p.at < len(p.text); {
		switch rest := p.text[p.at:]; {
		case strings.HasPrefix(rest, "/*"):
			deep++
			p.at += 2
		case strings.HasPrefix(rest, "*/"):
			deep--
			p.at += 2
		default:
			p.next()
		}
		if deep == 0 {
			return nil
		}
	}
	return p.fail("a comment has no end")
}

// body reads the pairs of a section until what closes it; 0 is the end of the text.
func (p *ucl) body(into *node, closes byte, depth int) error {
	if depth > maxNest {
		return p.fail("sections are nested more than %d deep", maxNest)
	}
	for {
		if err := p.blank(); err != nil {
			return err
		}
		switch c := p.peek(); {
		case p.at >= len(p.text) && closes == 0:
			return nil
		case p.at >= len(p.text):
			return p.fail("a section has no end")
		case c == closes && closes != 0:
			p.next()
			return nil
		case c == ';' || c == ',':
			p.next()
		case c == '.':
			p.passOver()
		case strings.IndexByte("}]{[=:", c) >= 0:
			return p.fail("%q stands where a name belongs", c)
		default:
			if err := p.pair(into, depth); err != nil {
				return err
			}
		}
	}
}

// passOver skips a macro, to the end of its line.
func (p *ucl) passOver() {
	line, begin := p.line, p.at
	for p.at < len(p.text) && p.peek() != '\n' {
		p.next()
	}
	p.macro(line, strings.TrimSpace(p.text[begin:p.at]))
}

// pair reads a name and its value. Names before a section may be two: the second is a section in the first.
func (p *ucl) pair(into *node, depth int) error {
	name, err := p.name()
	if err != nil {
		return err
	}
	if err := p.blank(); err != nil {
		return err
	}
	told := p.peek() == '=' || p.peek() == ':'
	if told {
		p.next()
		if err := p.blank(); err != nil {
			return err
		}
	}
	value, err := p.value(depth)
	if err != nil {
		return err
	}
	if !told && value.kind == scalar {
		if value, err = p.named(value, depth); err != nil {
			return err
		}
	}
	into.pairs = append(into.pairs, pair{name, value})
	return nil
}

// named is a value, or the section whose name it turns out to be.
func (p *ucl) named(value node, depth int) (node, error) {
	before, line := p.at, p.line
	if err := p.blank(); err != nil {
		return value, err
	}
	if p.peek() != '{' {
		p.at, p.line = before, line
		return value, nil
	}
	inner, err := p.value(depth + 1)
	return node{line: value.line, kind: section, pairs: []pair{{value.text, inner}}}, err
}

func (p *ucl) name() (string, error) {
	if c := p.peek(); c == '"' || c == '\'' {
		return p.quoted()
	}
	begin := p.at
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n=:{}[];,\"'#", p.peek()) < 0 {
		p.next()
	}
	if p.at == begin {
		return "", p.fail("%q stands where a name belongs", p.next())
	}
	return p.text[begin:p.at], nil
}

// value reads one of any kind.
func (p *ucl) value(depth int) (node, error) {
	v := node{line: p.line}
	var err error
	switch c := p.peek(); {
	case c == '{':
		p.next()
		v.kind = section
		err = p.body(&v, '}', depth+1)
	case c == '[':
		p.next()
		v.kind = array
		err = p.list(&v, depth+1)
	case c == '"' || c == '\'':
		v.text, err = p.quoted()
	case strings.HasPrefix(p.text[p.at:], "<<"):
		v.text, err = p.here()
	default:
		v.text = p.bare()
	}
	return v, err
}

func (p *ucl) list(into *node, depth int) error {
	if depth > maxNest {
		return p.fail("lists are nested more than %d deep", maxNest)
	}
	for {
		if err := p.blank(); err != nil {
			return err
		}
		switch c := p.peek(); {
		case p.at >= len(p.text):
			return p.fail("a list has no end")
		case c == ']':
			p.next()
			return nil
		case c == ',' || c == ';':
			p.next()
		case c == '}':
			return p.fail("%q stands in a list", c)
		default:
			v, err := p.value(depth)
			if err != nil {
				return err
			}
			into.items = append(into.items, v)
		}
	}
}

// quoted reads a text in quotes.
func (p *ucl) quoted() (string, error) {
	quote := p.next()
	var b strings.Builder
	for p.at < len(p.text) {
		switch c := p.next(); {
		case c == quote:
			return b.String(), nil
		case c == '\\' && quote == '"':
			b.WriteByte(unescaped(p.next()))
		case c == '\\' && p.peek() == quote:
			b.WriteByte(p.next())
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail("a text in quotes has no end")
}

func unescaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	}
	return c
}

// here reads a text of lines: <<NAME, and the line that is NAME ends it.
func (p *ucl) here() (string, error) {
	first, rest, _ := strings.Cut(p.text[p.at+2:], "\n")
	name := strings.TrimSpace(first)
	before := 0
	for line := range strings.Lines(rest) {
		if strings.TrimRight(line, "\r\n;") == name {
			text := rest[:before]
			p.line += 2 + strings.Count(text, "\n")
			p.at += 2 + len(first) + 1 + before + len(line)
			return text, nil
		}
		before += len(line)
	}
	return "", p.fail("the text that begins with <<%s has no end", name)
}

// bare reads a text without quotes, to what ends it. Braces of a variable are a part of it.
func (p *ucl) bare() string {
	begin, open := p.at, 0
	for p.at < len(p.text) {
		c := p.peek()
		switch {
		case c == '{' && p.at > begin && p.text[p.at-1] == '$':
			open++
		case c == '}' && open > 0:
			open--
		case strings.IndexByte("\n;,{}]#", c) >= 0:
			return strings.TrimSpace(p.text[begin:p.at])
		}
		p.next()
	}
	return strings.TrimSpace(p.text[begin:p.at])
}
