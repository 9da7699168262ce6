// Package uri reads and mends the lists of URIs that say where reports go: rua and ruf of DMARC (RFC 9989 section 4.7), rua of
// TLS-RPT (RFC 8460 section 3).
//
// It imports nothing of the house. Who calls it bounds the text.
package uri

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// grammar is RFC 3986's, as far as characters go: a scheme, and what may stand behind it.
var grammar = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*):(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$`)

// mailbox is the address of a mailto URI (RFC 6068 section 2), and the domain in it.
var mailbox = regexp.MustCompile(`^[^@?#/\[\]]+@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?)+)(?:\?[^#]*)?$`)

// Scheme is a URI's scheme, lower case; empty: it is no URI.
func Scheme(text string) string {
	m := grammar.FindStringSubmatch(text)
	if m == nil || strings.EqualFold(m[1], "mailto") && Host(text) == "" {
		return ""
	}
	return strings.ToLower(m[1])
}

// Host is the domain of a mailto URI's address, lower case, without a final dot; empty: it is none.
func Host(text string) string {
	scheme, rest, _ := strings.Cut(text, ":")
	m := mailbox.FindStringSubmatch(rest)
	if !strings.EqualFold(scheme, "mailto") || m == nil || !grammar.MatchString(text) || strings.Contains(m[1], "..") {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(m[1], "."))
}

// marks are what people put around an address.
var marks = strings.NewReplacer("<", " ", ">", " ", `"`, " ", "'", " ", "`", " ", "\\", " ", ";", ",", "\u201c", " ", "\u201d", " ", "\u2018", " ", "\u2019", " ", "\u200b", "", "\ufeff", "")

// scheme is how people write mailto:.
var scheme = regexp.MustCompile(`(?i)(mail ?to[ :;=]*/*)+`)

// Mended are the URIs of a list as they were meant: with mailto: before an address alone, without blanks and brackets, apart where
// no comma stands between them, each once. What is none in any way is left out. The size that old records of DMARC have
// behind a URI stays.
func Mended(list string) (all []string) {
	list = scheme.ReplaceAllString(blanked(marks.Replace(list)), " mailto:")
	words := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	for i := 0; i < len(words); i++ {
		word := words[i]
		if strings.EqualFold(word, "mailto:") && i+1 < len(words) {
			i++
			word += words[i]
		}
		if !strings.Contains(word, ":") {
			word = "mailto:" + word
		}
		if address, is := strings.CutPrefix(word, "mailto:"); is {
			word = "mailto:" + strings.TrimLeft(address, "=") // of rua==d@example.org
		}
		word = strings.TrimRight(word, ".")
		if plain, _, _ := strings.Cut(word, "!"); Scheme(plain) != "" && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// blanked is a text with a blank for each octet or letter that looks like one.
func blanked(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r < ' ' {
			return ' '
		}
		return r
	}, text)
}
