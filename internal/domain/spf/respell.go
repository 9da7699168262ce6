package spf

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Almost reports whether a text means to be an SPF record and is none: a mark or a blank stands in its version, or before it.
func Almost(text string) bool {
	if IsRecord(text) {
		return false
	}
	_, is := cutVersion(plain(text))
	return is
}

// Respelled is a record as it was meant, and the words of it that nobody can read. It is for what people have made of the
// grammar of section 12 by a slip: octets that are no blanks and look like some, commas, a blank behind a colon, a colon for
// an equals sign, names that are misspelled, an address where a name belongs. What is sound stands as it was published, modifiers
// that no RFC knows too. The record has no Faults.
func Respelled(text string) (record string, lost []string) {
	rest, _ := cutVersion(plain(text))
	s := speller{words: []string{version}, seen: map[string]bool{}}
	for _, word := range joined(tokens(rest)) {
		if len(s.words) > MaxTerms {
			lost = append(lost, printable(word, maxShown))
			break
		}
		if !s.take(word) && len(lost) < maxFaults {
			lost = append(lost, printable(word, maxShown))
		}
	}
	return strings.Join(s.words, " "), lost
}

// looksLike is what is taken for something else when it is read by eye.
var looksLike = strings.NewReplacer("\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "", "\u00ad", "",
	"\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-", "\u2014", "-", "\u2212", "-", "\uff0d", "-",
	"\u02dc", "~", "\u223c", "~", "\uff5e", "~", "\uff1a", ":", "\uff1d", "=", "\u2044", "/",
	"\u201c", " ", "\u201d", " ", "\u201e", " ", "\u2018", " ", "\u2019", " ", "\"", " ", "'", " ", "`", " ", "<", " ", ">", " ", "\\", " ")

// plain is a text with a blank for whatever looks like one.
func plain(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && text[i] == 0xA0: // a no-break space in Latin-1
			b.WriteByte(' ')
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || r < ' ':
			b.WriteByte(' ')
		case r == utf8.RuneError:
			b.WriteByte(0x7f) // nobody can read it
		default:
			b.WriteRune(r)
		}
	}
	return looksLike.Replace(b.String())
}

var versions = regexp.MustCompile(`(?i)^[ .;:]*(v *[=:]? *)?spf *[-=.]?1(\.0)?([^0-9.]|$)`)

// cutVersion takes the version off, however it is written.
func cutVersion(text string) (rest string, is bool) {
	at := versions.FindStringSubmatchIndex(text)
	if at == nil {
		return "", false
	}
	return strings.TrimLeft(text[at[6]:], " .:;,="), true
}

// token is a word, and whether a comma stands before it and not a blank.
type token struct {
	word  string
	comma bool
}

// tokens splits at blanks, commas and semicolons, but not inside a macro.
func tokens(text string) (all []token) {
	begin, comma, macro := 0, false, false
	end := func(at int) {
		if at > begin {
			all, comma = append(all, token{text[begin:at], comma}), false
		}
		begin = at + 1
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '{' && i > 0 && text[i-1] == '%':
			macro = true
		case c == '}' || c == ' ' && macro:
			macro = false
		}
		if c := text[i]; c == ' ' || !macro && (c == ',' || c == ';') {
			end(i)
			comma = comma || c == ','
		}
	}
	end(len(text))
	return all
}

// bare are mechanisms and modifiers that say nothing without a value.
var bare = regexp.MustCompile(`(?i)^[-+~?]?(include|exists|ipv?[46]?|redirect|exp)$`)

// begun is the beginning of a term: a qualifier, a name, and what stands between it and the value.
var begun = regexp.MustCompile(`^[-+~?]?[A-Za-z][A-Za-z0-9]*[:=]+`)

// ends is the end of a policy.
var ends = regexp.MustCompile(`(?i)^[-+~?]*all$`)

// joined puts together what blanks tore apart, and gives a value behind a comma the name of the term before it.
func joined(all []token) (words []string) {
	for i := 0; i < len(all); i++ {
		word := all[i].word
		for i+1 < len(all) && goesOn(word, all[i+1].word) {
			i++
			if bare.MatchString(word) && !strings.ContainsAny(all[i].word[:1], ":=") {
				word += ":"
			}
			word += all[i].word
		}
		if name := lastName(words); all[i].comma && name != "" && isValue(word) {
			word = name + word
		}
		words = append(words, word)
	}
	return words
}

// goesOn reports whether a word goes on behind a blank.
func goesOn(word, next string) bool {
	last := word[len(word)-1]
	switch {
	case strings.IndexByte(":=/", next[0]) >= 0:
		return len(next) > 1 || !strings.ContainsAny(word, ":=/")
	case strings.Trim(word, "-+~?") == "":
		return true
	case last == ':' || last == '=' || last == '/' || bare.MatchString(word):
		return isValue(next)
	}
	return false
}

// isValue reports whether a word can be a value: it is no term by itself.
func isValue(word string) bool {
	if begun.MatchString(word) && !isAddress(word) || ends.MatchString(word) {
		return false
	}
	return strings.ContainsAny(word, ".:%") || strings.Trim(word, "0123456789") == ""
}

func lastName(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return begun.FindString(words[len(words)-1])
}

func isAddress(word string) bool {
	_, err := netip.ParseAddr(word)
	return err == nil
}

// speller writes the terms of a record.
type speller struct {
	words []string
	seen  map[string]bool // redirect and exp, of which there may be one
}

// take writes a word as it was meant; what cannot be read is not written.
func (s *speller) take(word string) bool {
	terms := meant(word)
	for _, term := range terms {
		s.write(term)
	}
	return len(terms) > 0
}

// write writes a term. Of two redirects the second can only be an include.
func (s *speller) write(term string) {
	name, value, is := modifier(term)
	name = lower(name)
	if is && (name == "redirect" || name == "exp") {
		if s.seen[name] && name == "exp" {
			return
		}
		if s.seen[name] {
			term = "include:" + value
		}
		s.seen[name] = true
	}
	s.words = append(s.words, term)
}
