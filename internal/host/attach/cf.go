package attach

import (
	"bytes"
	"slices"
)

// setting is `name = value`, in main.cf or behind -o in master.cf.
type setting struct {
	name, value string
	number      int  // of its line in main.cf, from 1
	insertAt    int  // offset in the file where text behind the value belongs
	first       bool // no value is there: what is inserted becomes all of it
}

// parameters returns the settings of a main.cf in the order written. A name may come twice: the last one wins.
func parameters(file []byte) []setting {
	var all []setting
	for _, l := range parseLines(file) {
		if s, ok := parseSetting(file, l.text, l.at); ok {
			s.number = l.number
			all = append(all, s)
		}
	}
	return all
}

// parameter returns the setting of name that counts.
func parameter(file []byte, name string) (setting, bool) { return lastSetting(parameters(file), name) }

func lastSetting(all []setting, name string) (setting, bool) {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].name == name {
			return all[i], true
		}
	}
	return setting{}, false
}

// parseSetting reads name=value with white space around both; at maps text to offsets in the file.
func parseSetting(file, text []byte, at []int) (setting, bool) {
	eq := bytes.IndexByte(text, '=')
	if eq < 0 {
		return setting{}, false
	}
	s := setting{name: string(trim(text[:eq])), value: string(trim(text[eq+1:]))}
	if s.name == "" {
		return setting{}, false
	}
	for i := len(text) - 1; i > eq; i-- {
		if !isSpace(text[i]) {
			s.insertAt = at[i] + 1
			return s, true
		}
	}
	s.first, s.insertAt = true, at[eq]+1
	if s.insertAt < len(file) && file[s.insertAt] == ' ' {
		s.insertAt++
	}
	return s, true
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n\v\f") }

// entry is a service of master.cf (master(5)).
type entry struct {
	number  int
	name    string // as written: "smtp", "127.0.0.1:10025", "cleanup"
	kind    string // inet, unix, fifo, pass
	chroot  string // y, n or -
	command string // program name, as written
	options []setting
	tail    span // its last physical line with text
}

// entries returns the services of a master.cf in the order written.
func entries(file []byte) []entry {
	var all []entry
	for _, l := range parseLines(file) {
		words := fields(l.text)
		if len(words) < 8 {
			continue
		}
		word := func(i int) string { return string(l.text[words[i].start:words[i].end]) }
		e := entry{number: l.number, name: word(0), kind: word(1), chroot: word(4), command: word(7), tail: l.tail}
		e.options = options(file, l, words[8:])
		all = append(all, e)
	}
	return all
}

// inForce are the services that Postfix starts: of several with one name and type it takes the last, and warns. The others are
// named by the one that stands in for them.
func inForce(all []entry) (kept []entry, shadowed map[int]entry) {
	shadowed = map[int]entry{}
	for i, e := range all {
		later := slices.IndexFunc(all[i+1:], func(o entry) bool { return o.name == e.name && o.kind == e.kind })
		if later < 0 {
			kept = append(kept, e)
			continue
		}
		for _, o := range all[i+1:] {
			if o.name == e.name && o.kind == e.kind {
				shadowed[e.number] = o
			}
		}
	}
	return kept, shadowed
}

// options returns the -o overrides among a service's arguments: `-o name=value` or `-o { name = value }`.
func options(file []byte, l logical, args []span) []setting {
	var all []setting
	for i := 0; i < len(args); i++ {
		a := args[i]
		arg := l.text[a.start:a.end]
		switch {
		case string(arg) == "-o" && i+1 < len(args):
			i++
			a = args[i]
		case bytes.HasPrefix(arg, []byte("-o")) && len(arg) > 2:
			a.start += 2
		default:
			continue
		}
		if l.text[a.start] == '{' && l.text[a.end-1] == '}' && a.end-a.start >= 2 {
			a.start, a.end = a.start+1, a.end-1
		}
		if s, ok := parseSetting(file, l.text[a.start:a.end], l.at[a.start:a.end]); ok {
			if s.first { // no blank behind the "=" is kept: it may end the argument
				s.insertAt = l.at[a.start+bytes.IndexByte(l.text[a.start:a.end], '=')] + 1
			}
			all = append(all, s)
		}
	}
	return all
}

// fields cuts text at white space. From the ninth word on, white space inside braces does not cut: master(8)
// reads a service's arguments so.
func fields(text []byte) []span {
	var words []span
	for i := 0; i < len(text); {
		if isSpace(text[i]) {
			i++
			continue
		}
		end := wordEnd(text, i, len(words) >= 8)
		words = append(words, span{start: i, end: end})
		i = end
	}
	return words
}

func wordEnd(text []byte, i int, braces bool) int {
	depth := 0
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case braces && c == '{':
			depth++
		case braces && c == '}' && depth > 0:
			depth--
		case depth == 0 && isSpace(c):
			return i
		}
	}
	return i
}
