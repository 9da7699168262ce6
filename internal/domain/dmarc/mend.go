package dmarc

import (
	"regexp"
	"slices"
	"strings"
)

// Mended is the text of a record without what cannot be read, and without some tags. An address that lacks its mailto: gets
// it. Everything else stands as it was published: a mend must not weaken a policy. A record that then says no policy gets
// p=none, which is what receivers took it for.
func Mended(text string, without ...string) string {
	kept := []string{"v=DMARC1"}
	seen := map[string]bool{"v": true}
	text = forgotten.ReplaceAllString(text[:min(len(text), MaxText)], "; $1=")
	tags := strings.Split(text, ";")
	for _, tag := range tags[1:min(len(tags), MaxTags+1)] {
		name, value, is := strings.Cut(tag, "=")
		low := strings.ToLower(trim(name))
		if !is || low == "" || seen[low] || slices.Contains(without, low) {
			continue
		}
		if good := mendedValue(low, trim(value)); good != "" {
			seen[low] = true
			kept = append(kept, trim(name)+"="+good)
		}
	}
	if !seen["p"] {
		kept = slices.Insert(kept, 1, "p="+string(None))
	}
	return strings.Join(kept, "; ")
}

// forgotten is where a semicolon was forgotten before a tag.
var forgotten = regexp.MustCompile(`(?i)[ \t]+(p|sp|np|rua|ruf|adkim|aspf|fo|psd|t)[ \t]*=`)

// mendedValue is a tag's value, mended; empty: nothing of it can be read.
func mendedValue(name, value string) string {
	if name == "rua" || name == "ruf" {
		return mendedURIs(value)
	}
	var r Record
	if r.tag(name, value); r.Has(BadValue) {
		return ""
	}
	return value
}

// mendedURIs is a list of URIs without those that are none.
func mendedURIs(value string) string {
	var kept []string
	for text := range strings.SplitSeq(value, ",") {
		if text = trim(text); !strings.Contains(text, ":") {
			text = "mailto:" + text
		}
		if len(kept) < MaxURIs && isURI(text) {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, ",")
}

func isURI(text string) bool {
	var r Record
	return len(r.addresses(text)) > 0 && !r.Has(BadURI)
}
