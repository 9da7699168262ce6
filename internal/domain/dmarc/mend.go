package dmarc

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"postward/internal/domain/uri"
)

// Mended is the text of a record as it was meant: without what cannot be read, and without some tags. An address that lacks its
// mailto: gets it; a sign that stands for another one is put right. Everything else stands as it was published: a mend must
// not weaken a policy. A record that then says no policy gets p=none, which is what receivers took it for.
func Mended(text string, without ...string) string {
	kept := []string{"v=DMARC1"}
	seen := map[string]bool{"v": true}
	for _, tag := range tagsOf(text) {
		if seen[tag.name] || slices.Contains(without, tag.name) {
			continue
		}
		if good := mendedValue(tag.name, tag.value); good != "" {
			seen[tag.name] = true
			kept = append(kept, tag.written+"="+good)
		}
	}
	if !seen["p"] {
		kept = slices.Insert(kept, 1, "p="+string(None))
	}
	return strings.Join(kept, "; ")
}

// Almost reports whether a text at _dmarc means to be a record and is none.
func Almost(text string) bool {
	return !IsRecord(text) && almost.MatchString(blanked(text[:min(len(text), MaxText)]))
}

// almost is a version with a slip, or a policy without one.
var almost = regexp.MustCompile(`(?i)^[ .;:=]*(v *[=:]? *)?d-?marc *[-=.]?1([^0-9]|$)|^[ .;]*v *[=:]? *dmarc *[;, ]|(^|[;, ])p *[=:] *(none|quarantine|reject) *([;, ]|$)`)

// tagged is a tag as it was meant.
type tagged struct{ name, written, value string }

// tagsOf takes a text apart. A part without a sign is an address that a semicolon parted from the others before it, or nothing.
func tagsOf(text string) (all []tagged) {
	text = forgotten.ReplaceAllString(blanked(text[:min(len(text), MaxText)]), "; $1=")
	parts := strings.Split(text, ";")
	for _, part := range parts[:min(len(parts), MaxTags+1)] {
		name, value, is := strings.Cut(part, "=")
		low := strings.ToLower(trim(name))
		switch n := len(all); {
		case is && low != "":
			all = append(all, tagged{low, trim(name), strings.Trim(value, " ,.")})
		case n > 0 && (all[n-1].name == "rua" || all[n-1].name == "ruf") && strings.Contains(part, "@"):
			all[n-1].value += "," + part
		}
	}
	return all
}

// forgotten is a tag before which a semicolon was forgotten, or that has a colon for its equals sign.
var forgotten = regexp.MustCompile(`(?i)(?:[ ,]+|;|^)[ ]*(v|p|sp|np|rua|ruf|adkim|aspf|fo|psd|pct|rf|ri|t)[ ]*[=:]`)

// blanked is a text with a blank for whatever looks like one, and without quotation marks.
func blanked(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || r < ' ':
			return ' '
		case strings.ContainsRune("\"'`\\\u201c\u201d\u201e\u2018\u2019\u200b\ufeff", r):
			return -1
		}
		return r
	}, text)
}

// mendedValue is a tag's value, mended; empty: nothing of it can be read.
func mendedValue(name, value string) string {
	if name == "rua" || name == "ruf" {
		all := uri.Mended(value)
		return strings.Join(all[:min(len(all), MaxURIs)], ",")
	}
	var r Record
	if r.tag(name, value); r.Has(BadValue) {
		return ""
	}
	return value
}
