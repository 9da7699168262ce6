package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postward/internal/mail/canon"
)

// The cases of testdata are made here. This signs by itself, in as few words as the RFCs need, and shares nothing with
// what it tests but the type Field. The keys are those of arc's tests.

const keys = "../arc/testdata/keys/"

// making is a mail on its way.
type making struct {
	t      testing.TB
	header []canon.Field // top first
	body   string
	zone   map[string][]string // TXT records by name
	fails  []string            // "NAME OUTCOME"
	bare   bool                // there is no line between header and body
}

func newMaking(t testing.TB) *making {
	return &making{t: t, zone: map[string][]string{}, body: "Hello,\r\n\r\nthis is a  test.\r\n",
		header: fields("From: Anna <anna@author.example>", "To: ben@one.example", "Subject: a  test", "Date: Thu, 01 Jan 2026 00:00:00 +0000",
			"Message-ID: <1@author.example>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8")}
}

func fields(lines ...string) []canon.Field {
	var all []canon.Field
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		all = append(all, canon.Field{Name: name, Value: value})
	}
	return all
}

// sig is a signature. What is empty is as it should be.
type sig struct {
	domain, selector string
	key              string   // a file of the keys
	records          []string // at the key's name, instead of its record; "-": none
	covers           string   // h=
	tags             []string // to set ("c=simple"), to take out ("c"), before it is signed
	folded           string   // between the tags, "; " when it is empty
}

// sign puts a signature at the top.
func (m *making) sign(s sig) {
	for _, d := range []struct {
		is *string
		or string
	}{{&s.domain, "author.example"}, {&s.selector, "s"}, {&s.key, "rsa2048"}, {&s.covers, "from:to:subject:date:message-id"}, {&s.folded, "; "}} {
		if *d.is == "" {
			*d.is = d.or
		}
	}
	if s.records == nil {
		s.records = []string{record(m.t, s.key)}
	}
	if s.records[0] != "-" {
		m.zone[s.selector+"._domainkey."+s.domain] = s.records
	}
	algorithm := "rsa-sha256"
	if s.key == "ed25519" {
		algorithm = "ed25519-sha256"
	}
	tags := edit([]string{"v=1", "a=" + algorithm, "d=" + s.domain, "s=" + s.selector, "t=1767225601", "c=relaxed/relaxed", "h=" + s.covers, "bh=", "b="}, s.tags)
	m.top("DKIM-Signature", m.signed(tags, s))
}

func (m *making) top(name, value string) {
	m.header = slices.Insert(m.header, 0, canon.Field{Name: name, Value: value})
}

// edit sets and takes out tags.
func edit(tags, changes []string) []string {
	for _, change := range changes {
		name, _, sets := strings.Cut(change, "=")
		i := slices.IndexFunc(tags, func(t string) bool { return strings.HasPrefix(t, name+"=") })
		switch {
		case strings.HasPrefix(change, "+"):
			tags = slices.Insert(tags, len(tags)-1, change[1:])
		case i >= 0 && sets:
			tags[i] = change
		case i >= 0:
			tags = slices.Delete(tags, i, i+1)
		case sets:
			tags = slices.Insert(tags, len(tags)-1, change) // b= stays last
		}
	}
	return tags
}

func get(tags []string, name string) string {
	for _, t := range tags {
		if value, is := strings.CutPrefix(t, name+"="); is {
			return value
		}
	}
	return ""
}

// signed is the value of a signature whose last tag is b=, of the mail and of itself.
func (m *making) signed(tags []string, s sig) string {
	header, body, _ := strings.Cut(strings.ToLower(get(tags, "c")), "/")
	if i := slices.Index(tags, "bh="); i >= 0 {
		sum := sha256.Sum256([]byte(canonicalBody(body == "relaxed", m.body)))
		tags[i] += base64.StdEncoding.EncodeToString(sum[:])
	}
	text, left := "", slices.Clone(m.header)
	for _, name := range strings.Split(get(tags, "h"), ":") {
		for i := len(left) - 1; i >= 0; i-- {
			if strings.EqualFold(left[i].Name, strings.Trim(name, " \t\r\n")) {
				text += canonical(header == "relaxed", left[i]) + "\r\n"
				left = slices.Delete(left, i, i+1)
				break
			}
		}
	}
	value := " " + strings.Join(tags, s.folded)
	if !strings.HasSuffix(value, "b=") {
		return value
	}
	sum := sha256.Sum256([]byte(text + canonical(header == "relaxed", canon.Field{Name: "DKIM-Signature", Value: value})))
	return value + base64.StdEncoding.EncodeToString(signature(m.t, s.key, sum[:]))
}

func signature(t testing.TB, key string, digest []byte) []byte {
	how := crypto.SHA256
	if key == "ed25519" {
		how = 0
	}
	b, err := privateKey(t, key).Sign(rand.Reader, digest, how)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func canonical(relaxed bool, f canon.Field) string {
	if !relaxed {
		return f.Name + ":" + strings.ReplaceAll(strings.ReplaceAll(f.Value, "\r\n", "\n"), "\n", "\r\n")
	}
	value := regexp.MustCompile(`[ \t]+`).ReplaceAllString(regexp.MustCompile(`\r?\n`).ReplaceAllString(f.Value, ""), " ")
	return strings.ToLower(strings.TrimRight(f.Name, " \t")) + ":" + strings.Trim(value, " ")
}

func canonicalBody(relaxed bool, body string) string {
	if relaxed {
		body = regexp.MustCompile(`[ \t]+(\r\n|$)`).ReplaceAllString(body, "$1")
		body = regexp.MustCompile(`[ \t]+`).ReplaceAllString(body, " ")
	}
	body = regexp.MustCompile(`(\r\n)*$`).ReplaceAllString(body, "\r\n")
	if relaxed && body == "\r\n" {
		return ""
	}
	return body
}

var privateKeys = map[string]crypto.Signer{}

func privateKey(t testing.TB, name string) crypto.Signer {
	if key := privateKeys[name]; key != nil {
		return key
	}
	text, err := os.ReadFile(keys + name + ".pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		any, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		t.Fatal(err)
	}
	privateKeys[name] = any.(crypto.Signer)
	return privateKeys[name]
}

// record is a key as it is published.
func record(t testing.TB, name string) string {
	kind := "rsa"
	if name == "ed25519" {
		kind = name
	}
	return "v=DKIM1; k=" + kind + "; p=" + public(t, name)
}

// public is the p= of a key; of one of which nobody has the private part, too.
func public(t testing.TB, name string) string {
	if text, err := os.ReadFile(keys + name + ".pub"); err == nil {
		return string(text)
	}
	switch key := privateKey(t, name).Public().(type) {
	case ed25519.PublicKey:
		return base64.StdEncoding.EncodeToString(key)
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	t.Fatalf("%s is no key", name)
	return ""
}

// mail is all of it, as it is sent.
func (m *making) mail() string {
	text := ""
	for _, f := range m.header {
		text += f.Name + ":" + f.Value + "\r\n"
	}
	if m.bare {
		return text
	}
	return text + "\r\n" + m.body
}

// dns is a zone file, with a comment for each name at which asking fails.
func (m *making) dns() string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(m.zone)) {
		for _, record := range m.zone[name] {
			if target, is := strings.CutPrefix(record, "CNAME "); is {
				text += name + ". IN CNAME " + target + ".\n"
				continue
			}
			text += name + ". IN TXT"
			for chunk := range slices.Chunk([]byte(record), 200) {
				text += fmt.Sprintf(" %q", chunk)
			}
			if record == "" {
				text += ` ""`
			}
			text += "\n"
		}
	}
	for _, failing := range m.fails {
		text += "; fail " + failing + "\n"
	}
	return text
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// rsa2048 is the p= of the key that signs when none is named.
func rsa2048() string { return public(nil, "rsa2048") }

// bare is the same without what a SubjectPublicKeyInfo has around it.
func bare(t testing.TB) string {
	return encode(x509.MarshalPKCS1PublicKey(privateKey(t, "rsa2048").Public().(*rsa.PublicKey)))
}

// wrapped is the Ed25519 key in a SubjectPublicKeyInfo, which RFC 8463 does not want.
func wrapped(t testing.TB) string {
	der, err := x509.MarshalPKIXPublicKey(privateKey(t, "ed25519").Public())
	if err != nil {
		t.Fatal(err)
	}
	return encode(der)
}
