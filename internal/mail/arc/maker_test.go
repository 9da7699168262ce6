package arc

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
// what it tests but the type Field.

const start = 1767225600 // 2026-01-01, t= of the first set

// making is a mail on its way through some sealers.
type making struct {
	t      *testing.T
	header []canon.Field // top first
	body   string
	zone   map[string][]string // TXT records by name
	fails  []string            // "NAME OUTCOME"
}

func newMaking(t *testing.T) *making {
	return &making{t: t, zone: map[string][]string{}, body: "Hello,\r\n\r\nthis is a  test.\r\n",
		header: fields("From: Anna <anna@author.example>", "To: list@one.example", "Subject: a  test", "Date: Thu, 01 Jan 2026 00:00:00 +0000",
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

// hop is a sealer. What is empty is as it should be.
type hop struct {
	n                int
	domain, selector string
	key              string // a file of testdata/keys
	record           string // its key record; "-": none
	cv               string
	covers           string   // h=
	ams, as          []string // tags to set ("c=simple"), or to take out ("c"), before it is signed
	aar              string   // the whole of its value
	alone            bool     // the seal covers its own set only (section 5.1.2)
	old              bool     // the instance stands behind the other tags
}

// seal adds a set at the top.
func (m *making) seal(h hop) {
	h = m.defaults(h)
	results := fmt.Sprintf(" i=%d; mx.%s;\r\n\tspf=pass smtp.mailfrom=author.example; dmarc=pass header.from=author.example", h.n, h.domain)
	if h.aar != "" {
		results = h.aar
	}
	m.top("ARC-Authentication-Results", results)
	common := []string{fmt.Sprintf("i=%d", h.n), "a=" + algorithmOf(h.key), "d=" + h.domain, "s=" + h.selector, fmt.Sprintf("t=%d", start+h.n)}
	if h.old {
		common = append(common[1:], common[0])
	}
	signed := edit(append(slices.Clone(common), "c=relaxed/relaxed", "h="+h.covers, "bh=", "b="), h.ams)
	m.top("ARC-Message-Signature", m.signedMessage(signed, h.key))
	sealed := edit(append(slices.Clone(common), "cv="+h.cv, "b="), h.as)
	m.top("ARC-Seal", m.signedSeal(sealed, h))
}

func (m *making) defaults(h hop) hop {
	if h.n == 0 {
		h.n = m.sets() + 1
	}
	for _, d := range []struct {
		is *string
		or string
	}{
		{&h.domain, []string{"zero", "one", "two", "three", "four", "five"}[h.n%6] + ".example"}, {&h.selector, "arc"}, {&h.key, "rsa2048"},
		{&h.cv, map[bool]string{true: "none", false: "pass"}[h.n == 1]}, {&h.covers, "from:to:subject:date:message-id"},
	} {
		if *d.is == "" {
			*d.is = d.or
		}
	}
	if h.record == "" {
		h.record = record(m.t, h.key)
	}
	name := h.selector + "._domainkey." + h.domain
	if h.record != "-" && !slices.Contains(m.zone[name], h.record) {
		m.zone[name] = append(m.zone[name], h.record)
	}
	return h
}

// seals adds so many sets.
func (m *making) seals(n int, h hop) {
	for range n {
		m.seal(h)
	}
}

func (m *making) top(name, value string) {
	m.header = slices.Insert(m.header, 0, canon.Field{Name: name, Value: value})
}

func (m *making) bottom(line string) { m.header = append(m.header, fields(line)...) }

var instancePattern = regexp.MustCompile(`(?s)^(?:\s|\([^)]*\))*i\s*=(?:\s|\([^)]*\))*(\d+)|;\s*i\s*=\s*(\d+)`)

// instance is what a field says; 0: nothing.
func instance(f canon.Field) (n int) {
	if found := instancePattern.FindStringSubmatch(f.Value); found != nil {
		fmt.Sscan(found[1]+found[2], &n)
	}
	return n
}

func (m *making) sets() (n int) {
	for _, f := range m.header {
		if strings.EqualFold(f.Name, "ARC-Seal") {
			n = max(n, instance(f))
		}
	}
	return n
}

// edit sets and takes out tags.
func edit(tags, changes []string) []string {
	for _, change := range changes {
		name, _, sets := strings.Cut(change, "=")
		i := slices.IndexFunc(tags, func(t string) bool { return strings.HasPrefix(t, name+"=") })
		switch {
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

func (m *making) signedMessage(tags []string, key string) string {
	header, body, _ := strings.Cut(get(tags, "c"), "/")
	if i := slices.Index(tags, "bh="); i >= 0 {
		sum := sha256.Sum256([]byte(canonicalBody(body == "relaxed", m.body)))
		tags[i] += base64.StdEncoding.EncodeToString(sum[:])
	}
	text, left := "", slices.Clone(m.header)
	for _, name := range strings.Split(get(tags, "h"), ":") {
		for i := len(left) - 1; i >= 0; i-- {
			if strings.EqualFold(left[i].Name, strings.TrimSpace(name)) {
				text += canonical(header == "relaxed", left[i]) + "\r\n"
				left = slices.Delete(left, i, i+1)
				break
			}
		}
	}
	return sign(m.t, tags, key, header == "relaxed", "ARC-Message-Signature", text)
}

func (m *making) signedSeal(tags []string, h hop) string {
	text := ""
	for n := 1; n <= min(h.n, 60); n++ {
		for _, name := range []string{"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"} {
			for _, f := range m.header {
				if strings.EqualFold(f.Name, name) && instance(f) == n && (!h.alone || n == h.n) {
					text += canonical(true, f) + "\r\n"
				}
			}
		}
	}
	return sign(m.t, tags, h.key, true, "ARC-Seal", text)
}

// sign makes the value of a field whose last tag is b=, over a text and itself.
func sign(t *testing.T, tags []string, key string, relaxed bool, name, text string) string {
	value := " " + strings.Join(tags, "; ")
	if tags[len(tags)-1] != "b=" {
		return value
	}
	sum := sha256.Sum256([]byte(text + canonical(relaxed, canon.Field{Name: name, Value: value})))
	how := crypto.SHA256
	signer := privateKey(t, key)
	if _, is := signer.(ed25519.PrivateKey); is {
		how = 0
	}
	b, err := signer.Sign(rand.Reader, sum[:], how)
	if err != nil {
		t.Fatal(err)
	}
	return value + base64.StdEncoding.EncodeToString(b)
}

func canonical(relaxed bool, f canon.Field) string {
	if !relaxed {
		return f.Name + ":" + f.Value
	}
	value := regexp.MustCompile(`[ \t]+`).ReplaceAllString(strings.ReplaceAll(f.Value, "\r\n", ""), " ")
	return strings.ToLower(f.Name) + ":" + strings.Trim(value, " ")
}

func canonicalBody(relaxed bool, body string) string {
	if relaxed {
		body = regexp.MustCompile(`[ \t]+\r\n`).ReplaceAllString(body, "\r\n")
		body = regexp.MustCompile(`[ \t]+`).ReplaceAllString(body, " ")
	}
	body = regexp.MustCompile(`(\r\n)*$`).ReplaceAllString(body, "\r\n")
	if relaxed && body == "\r\n" {
		return ""
	}
	return body
}

func algorithmOf(key string) string {
	if strings.HasPrefix(key, "ed25519") {
		return "ed25519-sha256"
	}
	return "rsa-sha256"
}

var privateKeys = map[string]crypto.Signer{}

func privateKey(t testing.TB, name string) crypto.Signer {
	if key := privateKeys[name]; key != nil {
		return key
	}
	text, err := os.ReadFile("testdata/keys/" + name + ".pem")
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
	switch key := privateKey(t, name).Public().(type) {
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key)
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
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
	return text + "\r\n" + m.body
}

// dns is a zone file, with a comment for each name at which asking fails.
func (m *making) dns() string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(m.zone)) {
		for _, record := range m.zone[name] {
			text += name + ". IN TXT"
			for chunk := range slices.Chunk([]byte(record), 200) {
				text += fmt.Sprintf(" %q", chunk)
			}
			text += "\n"
		}
	}
	for _, failing := range m.fails {
		text += "; fail " + failing + "\n"
	}
	return text
}
