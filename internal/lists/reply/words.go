package reply

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// Lengths of fixed words: shorter ones are found everywhere, longer ones cost memory.
const (
	minFixed = 2
	maxFixed = 8
	manyWays = 64 // more words than that are no filter
)

// upper reports whether an expression wants a letter that no text in lower case has.
func upper(tree *syntax.Regexp) bool {
	if tree.Op == syntax.OpLiteral && slices.ContainsFunc(tree.Rune, unicode.IsUpper) {
		return true
	}
	return slices.ContainsFunc(tree.Sub, upper)
}

// fixed are words of which one is in whatever an expression matches; none when there are no such words.
func fixed(tree *syntax.Regexp) []string {
	switch tree.Op {
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase == 0 && len(string(tree.Rune)) >= minFixed {
			return []string{string(tree.Rune)}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return fixed(tree.Sub[0])
	case syntax.OpConcat:
		return best(tree.Sub)
	case syntax.OpAlternate:
		return all(tree.Sub)
	}
	return nil
}

// best are the words of that part whose shortest is longest.
func best(parts []*syntax.Regexp) (words []string) {
	for _, part := range parts {
		if some := fixed(part); len(some) > 0 && (words == nil || shortest(some) > shortest(words)) {
			words = some
		}
	}
	return words
}

// all are the words of every way, when each has some.
func all(ways []*syntax.Regexp) (words []string) {
	for _, way := range ways {
		some := fixed(way)
		if len(some) == 0 || len(words)+len(some) > manyWays {
			return nil
		}
		words = append(words, some...)
	}
	return words
}

func shortest(words []string) int {
	n := len(words[0])
	for _, w := range words {
		n = min(n, len(w))
	}
	return n
}

// plain are the words of an expression that is nothing but words and bars between them; none of another.
func plain(match string) (words []string) {
	for _, word := range strings.Split(match, "|") {
		bare := strings.ReplaceAll(word, `\.`, ".")
		if strings.ReplaceAll(regexp.QuoteMeta(bare), `\.`, ".") != bare || strings.Count(word, ".") != strings.Count(word, `\.`) {
			return nil
		}
		words = append(words, bare)
	}
	return words
}

// matches reports whether a text is this pattern's. The expression is asked last: it costs more than all the rest.
func (p *Pattern) matches(text string) bool {
	if p.plain != nil {
		return containsAny(text, p.plain)
	}
	return containsAny(text, p.fixed) && p.match.MatchString(text)
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// automaton finds the fixed words of all patterns at once (Aho and Corasick 1975): one step an octet, whatever is looked for.
type automaton struct {
	letter [256]uint8 // each octet's column; 0 for those in no word
	width  int
	next   []uint16   // state and column to state
	found  [][]uint16 // of a state: the patterns of which a word ends here, in order
}

// newAutomaton makes the automaton of the patterns, each by its place.
func newAutomaton(patterns []*Pattern) *automaton {
	a := &automaton{width: 1}
	for _, p := range patterns {
		for _, w := range p.fixed {
			for i := range min(len(w), maxFixed) {
				if c := w[i]; a.letter[c] == 0 {
					a.letter[c] = uint8(a.width)
					a.width++
				}
			}
		}
	}
	a.grow()
	for i, p := range patterns {
		for _, w := range p.fixed {
			a.add(w[:min(len(w), maxFixed)], uint16(i))
		}
	}
	a.link()
	return a
}

func (a *automaton) grow() uint16 {
	a.next = append(a.next, make([]uint16, a.width)...)
	a.found = append(a.found, nil)
	return uint16(len(a.found) - 1)
}

// add puts a word into the tree. When there are more states than a number holds, a shorter beginning of it is looked for.
func (a *automaton) add(word string, pattern uint16) {
	at := uint16(0)
	for i := range len(word) {
		step := int(at)*a.width + int(a.letter[word[i]])
		if a.next[step] == 0 {
			if i >= minFixed && len(a.found) > 1<<15 {
				break
			}
			next := a.grow()
			a.next[step] = next
		}
		at = a.next[step]
	}
	a.found[at] = append(a.found[at], pattern)
}

// link makes steps of what is missing: to the longest end of what was read that begins a word.
func (a *automaton) link() {
	back := make([]uint16, len(a.found))
	queue := []uint16{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for c := range a.width {
			step, fall := int(at)*a.width+c, int(back[at])*a.width+c
			next := a.next[step]
			switch {
			case next == 0 && at != 0:
				a.next[step] = a.next[fall]
			case next != 0:
				if at != 0 {
					back[next] = a.next[fall]
				}
				a.found[next] = slices.Concat(a.found[next], a.found[back[next]])
				queue = append(queue, next)
			}
		}
	}
}

// search adds the patterns of which a word is in a text, in order and each once.
func (a *automaton) search(text string, hits []uint16) []uint16 {
	at := uint16(0)
	for i := range len(text) {
		at = a.next[int(at)*a.width+int(a.letter[text[i]])]
		hits = append(hits, a.found[at]...)
	}
	slices.Sort(hits)
	return slices.Compact(hits)
}
