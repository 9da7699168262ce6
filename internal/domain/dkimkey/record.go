package dkimkey

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// MaxText bounds a record, in octets; more is not looked at.
const MaxText = 16 << 10

const maxTags = 32

// MinBits is the shortest RSA key that receivers verify with, GoodBits what signers should have (RFC 8301 section 3.2).
const (
	MinBits  = 1024
	GoodBits = 2048
)

// Common are selectors that mail servers and providers use by themselves.
var Common = []string{
	"default", "mail", "dkim", "google", "selector1", "selector2", "s1", "s2", "k1", "k2", "k3", "key1", "key2", "mx", "smtp", "email", "main",
	"pm", "fm1", "fm2", "fm3", "zoho", "protonmail", "protonmail2", "protonmail3", "sig1", "20230601", "rsa", "ed25519", "dkim1", "opendkim", "mta",
}

// Mark says what is wrong with a record, or worth knowing.
type Mark string

const (
	BadTag      Mark = "not a tag"            // section 3.2: name=value
	TwiceTag    Mark = "a tag twice"          // section 3.2: the whole record is then invalid
	BadVersion  Mark = "another version"      // v is not DKIM1, or not first
	NoKey       Mark = "no p tag"             // section 3.6.1: required
	BadKey      Mark = "the key is none"      // not base64, or not a public key of the type
	UnknownType Mark = "an unknown key type"  // neither rsa nor ed25519
	NoSHA256    Mark = "sha256 is not let in" // h: receivers take nothing else any more (RFC 8301 section 3.1)
	NotForMail  Mark = "not for mail"         // s has neither * nor email
	OldTag      Mark = "an old tag"           // g, of RFC 4871
	TooMuch     Mark = "too much"             // over MaxText or maxTags
)

// Remark is a mark and what it is about.
type Remark struct {
	Mark Mark   `json:"mark"`
	Text string `json:"text,omitempty"`
}

// Key is a record that was read.
type Key struct {
	Type    string   `json:"type"`           // rsa, ed25519, or what is said
	Bits    int      `json:"bits,omitempty"` // of the modulus; of Ed25519 256
	Revoked bool     `json:"revoked,omitempty"`
	Testing bool     `json:"testing,omitempty"` // t=y
	Strict  bool     `json:"strict,omitempty"`  // t=s
	Remarks []Remark `json:"remarks,omitempty"`

	tags []tag
}

type tag struct{ name, value string }

// Has reports whether there is a remark with one of the marks, and returns the first one.
func (k *Key) Has(marks ...Mark) (Remark, bool) {
	for _, r := range k.Remarks {
		if slices.Contains(marks, r.Mark) {
			return r, true
		}
	}
	return Remark{}, false
}

// String is the record in few words, like "rsa, 2048 bits".
func (k *Key) String() string {
	if k.Revoked {
		return "revoked"
	}
	return fmt.Sprintf("%s, %d bits", k.Type, k.Bits)
}

// Without is the record's text without some tags; of t only the flag y is left away.
func (k *Key) Without(names ...string) string {
	var parts []string
	for _, t := range k.tags {
		if !slices.Contains(names, t.name) {
			parts = append(parts, t.name+"="+t.value)
		} else if t.name == "t" && k.Strict {
			parts = append(parts, "t=s")
		}
	}
	return strings.Join(parts, "; ")
}

func (k *Key) remark(m Mark, text string) {
	const maxRemarks, maxShown = 16, 100
	if len(k.Remarks) < maxRemarks {
		k.Remarks = append(k.Remarks, Remark{m, text[:min(len(text), maxShown)]})
	}
}

// IsKey reports whether a TXT record at a selector is meant for a key: other texts stand there by wildcards.
func IsKey(text string) bool {
	k := Parse(text)
	_, none := k.Has(NoKey)
	return !none || strings.HasPrefix(trim(text), "v=DKIM") || Mended(text) != ""
}

// Parse reads a record.
func Parse(text string) Key {
	k := Key{Type: "rsa"}
	if len(text) > MaxText {
		k.remark(TooMuch, fmt.Sprintf("%d octets", len(text)))
		text = text[:MaxText]
	}
	k.split(text)
	for i, t := range k.tags {
		k.take(i, t)
	}
	k.public()
	return k
}

// split takes the list of tags apart (section 3.2).
func (k *Key) split(text string) {
	parts := strings.Split(text, ";")
	if last := len(parts) - 1; trim(parts[last]) == "" {
		parts = parts[:last]
	}
	if len(parts) > maxTags {
		k.remark(TooMuch, fmt.Sprintf("%d tags", len(parts)))
		parts = parts[:maxTags]
	}
	for _, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		name, value = trim(name), trim(value)
		switch {
		case !ok || name == "":
			k.remark(BadTag, trim(part))
		case slices.ContainsFunc(k.tags, func(t tag) bool { return t.name == name }):
			k.remark(TwiceTag, name)
		default:
			k.tags = append(k.tags, tag{name, value})
		}
	}
}

// take reads the tag at a place.
func (k *Key) take(place int, t tag) {
	switch t.name {
	case "v":
		if t.value != "DKIM1" || place > 0 {
			k.remark(BadVersion, "v="+t.value)
		}
	case "k":
		k.Type = strings.ToLower(t.value)
	case "h":
		if !slices.Contains(list(t.value), "sha256") {
			k.remark(NoSHA256, "h="+t.value)
		}
	case "s":
		if all := list(t.value); !slices.Contains(all, "*") && !slices.Contains(all, "email") {
			k.remark(NotForMail, "s="+t.value)
		}
	case "t":
		k.Testing, k.Strict = slices.Contains(list(t.value), "y"), slices.Contains(list(t.value), "s")
	case "g":
		k.remark(OldTag, "g="+t.value)
	}
}

func list(value string) []string {
	all := strings.Split(value, ":")
	for i := range all {
		all[i] = strings.ToLower(trim(all[i]))
	}
	return all
}

// blank is folding white space (section 2.8): a no-break space is none, though it looks like one.
func blank(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

func trim(s string) string { return strings.TrimFunc(s, blank) }

// public reads the key itself.
func (k *Key) public() {
	i := slices.IndexFunc(k.tags, func(t tag) bool { return t.name == "p" })
	if i < 0 {
		k.remark(NoKey, "")
		return
	}
	value := strings.Join(strings.FieldsFunc(k.tags[i].value, blank), "")
	if value == "" {
		k.Revoked = true
		return
	}
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		k.remark(BadKey, "p is not base64")
		return
	}
	switch k.Type {
	case "rsa":
		k.Bits = rsaBits(b)
	case "ed25519":
		if len(b) == ed25519.PublicKeySize {
			k.Bits = 8 * len(b)
		}
	default:
		k.remark(UnknownType, "k="+k.Type)
		return
	}
	if k.Bits == 0 {
		k.remark(BadKey, "p is no public key of the type "+k.Type)
	}
}

// Published is what p has, without the white space that may stand in it (RFC 6376 section 3.2).
func (k *Key) Published() string {
	for tag := range strings.SplitSeq(k.Without(), ";") {
		if name, value, _ := strings.Cut(tag, "="); trim(name) == "p" {
			return strings.Join(strings.Fields(value), "")
		}
	}
	return ""
}

// rsaBits is the length of an RSA key: as SubjectPublicKeyInfo, or bare, as some signers publish it; 0: it is none.
func rsaBits(der []byte) int {
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		if r, is := key.(*rsa.PublicKey); is {
			return r.N.BitLen()
		}
		return 0
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key.N.BitLen()
	}
	return 0
}
