package dkimkey

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Mended is the text of a record as it was meant, when that is a key that can be used: the version first, each tag once, signs and
// blanks put right. Empty: nobody can tell, or the record is sound as it is. The key itself is never changed but for what is no
// part of it.
func Mended(text string) string {
	if k := Parse(text); k.Usable() || len(text) > MaxText {
		return ""
	}
	mended := Parse(respelled(text))
	if !mended.Usable() {
		return ""
	}
	return mended.Without()
}

// Usable reports whether receivers have a key by the record, however short.
func (k *Key) Usable() bool {
	_, bad := k.Has(BadTag, TwiceTag, BadVersion, NoKey, BadKey, UnknownType, TooMuch)
	return !bad && !k.Revoked
}

// Good reports whether receivers have a key by the record that is long enough for all of them.
func (k *Key) Good() bool { return k.Usable() && (k.Type != "rsa" || k.Bits >= GoodBits) }

// begins is where a tag begins: behind a semicolon, or behind a blank or a comma where that was forgotten.
var begins = regexp.MustCompile(`(?:^|;)[; ]*([A-Za-z][A-Za-z0-9_]*)[ ]*[=:][ ]*|[, ][ ]*([VvKkHhSsTtNnGgPp])[ ]*[=:][ ]*`)

// version is DKIM1, however it is written.
var version = regexp.MustCompile(`(?i)^d-?kim[ ]*v?1(\.0)?[.]?$`)

// armor are the lines around a key in a file.
var armor = regexp.MustCompile(`-----(BEGIN|END)[A-Z ]*-----`)

// respelled puts the tags of a text in order.
func respelled(text string) string {
	text = armor.ReplaceAllString(blanked(text), " ")
	var parts []string
	var names []string
	all := begins.FindAllStringSubmatchIndex(text, maxTags)
	for i, at := range all {
		end := len(text)
		if i+1 < len(all) {
			end = all[i+1][0]
		}
		name := strings.ToLower(text[max(at[2], at[4]):max(at[3], at[5])])
		value, _, _ := strings.Cut(text[at[1]:end], ";") // what is no tag may stand behind it
		value = strings.Trim(value, " ,")
		switch {
		case slices.Contains(names, name):
		case name == "v" && version.MatchString(value):
			parts = slices.Insert(parts, 0, "v=DKIM1")
		case name == "p":
			parts = append(parts, "p="+padded(strings.ReplaceAll(value, " ", "")))
		default:
			parts = append(parts, name+"="+value)
		}
		names = append(names, name)
	}
	return strings.Join(parts, "; ")
}

// padded is base64 with the equals signs at its end that it wants.
func padded(value string) string {
	value = strings.TrimRight(value, "=")
	return value + strings.Repeat("=", (4-len(value)%4)%4)
}

// blanked is a text with a blank for whatever looks like one, and without quotation marks and backslashes.
func blanked(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || r < ' ':
			return ' '
		case strings.ContainsRune("\"'`\\\u201c\u201d\u200b\ufeff", r):
			return -1
		}
		return r
	}, text)
}
