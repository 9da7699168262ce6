package dkim

import (
	"fmt"
	"slices"
	"strings"

	"postward/internal/mail/canon"
)

// suite is every case of testdata, in its order.
var suite = slices.Concat(holding, bodies, headers, tagged, identities, times, published, several)

// find is the place of the topmost field of a name.
func (m *making) find(name string) int {
	i := slices.IndexFunc(m.header, func(f canon.Field) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		m.t.Fatalf("no field %s", name)
	}
	return i
}

// change changes the value of a field.
func (m *making) change(name, from, to string) {
	f := &m.header[m.find(name)]
	if !strings.Contains(f.Value, from) {
		m.t.Fatalf("%s has no %q", name, from)
	}
	f.Value = strings.Replace(f.Value, from, to, 1)
}

// harm changes the signature of the topmost field in one place.
func (m *making) harm() {
	f := &m.header[m.find("DKIM-Signature")]
	i := strings.LastIndex(f.Value, "b=") + 20
	f.Value = f.Value[:i] + map[bool]string{true: "A", false: "B"}[f.Value[i] != 'A'] + f.Value[i+1:]
}

// footer is what a mailing list does.
func (m *making) footer() { m.body += "-- \r\na list\r\n" }

// signed is a mail with signatures.
func signed(all ...sig) func(*making) {
	return func(m *making) {
		for _, s := range all {
			m.sign(s)
		}
	}
}

// with is a mail with a signature that has other tags.
func with(tags ...string) func(*making) { return signed(sig{tags: tags}) }

// keyed is a mail with a signature whose key is published so; KEY is the key itself.
func keyed(records ...string) func(*making) { return keyedBy("rsa2048", records...) }

func keyedBy(key string, records ...string) func(*making) {
	return func(m *making) {
		for i := range records {
			records[i] = strings.ReplaceAll(records[i], "KEY", public(m.t, key))
		}
		m.sign(sig{key: key, records: slices.Clone(records)})
	}
}

// then is a signed mail, and something that is done to it.
func then(s sig, do func(*making)) func(*making) { return func(m *making) { m.sign(s); do(m) } }

// before is something that is done to a mail, and a signature of it.
func before(do func(*making), s sig) func(*making) { return func(m *making) { do(m); m.sign(s) } }

// text is a mail with another body.
func text(body string, tags ...string) func(*making) {
	return before(func(m *making) { m.body = body }, sig{tags: tags})
}

const (
	changed     = "fail: the signature does not match"
	bodyChanged = "fail: the body was changed"
	unreadable  = "neutral: its tags cannot be read"
	noTag       = "neutral: a tag is missing, or says nothing"
	noDomain    = "neutral: its domain or selector is none"
	noKey       = "permerror: there is no key"
	forOther    = "permerror: the key is for something else"
	badKey      = "permerror: the key is none"
	notBelow    = "permerror: its identity is not in its domain"
	badTime     = "neutral: its times cannot be"
	badForm     = "neutral: an unknown canonicalization"
	noFrom      = "permerror: it does not sign From"
	part        = "policy: it signs a part of the body"
	noAlgorithm = "permerror: an algorithm that is not taken"
	notAsked    = "temperror: its key could not be asked for"
	keyLength   = "policy: an RSA key of less than 1024 or of over 4096"
)

// holding are signatures that hold as they are.
var holding = []suiteCase{
	{name: "no-signature", section: "6.1", shows: "a mail that nobody signed", make: func(*making) {}, want: "none"},
	{name: "other-fields", section: "3.5", shows: "fields of other names are no signatures", make: func(m *making) {
		m.top("X-DKIM-Signature", " v=1")
		m.top("DomainKey-Signature", " a=rsa-sha1; b=AAAA")
		m.top("ARC-Message-Signature", " i=1; a=rsa-sha256; b=AAAA")
	}, want: "none"},
	{name: "relaxed", section: "3.4.2", shows: "the signature that most mails have", make: signed(sig{}), want: "pass"},
	{name: "simple", section: "3.4.1", shows: "c=simple/simple", make: with("c=simple/simple"), want: "pass"},
	{name: "simple-relaxed", section: "3.5", shows: "c=simple/relaxed", make: with("c=simple/relaxed"), want: "pass"},
	{name: "relaxed-simple", section: "3.5", shows: "c=relaxed/simple", make: with("c=relaxed/simple"), want: "pass"},
	{name: "without-c", section: "3.5", shows: "without c= it is simple/simple", make: with("c"), want: "pass"},
	{name: "c-relaxed", section: "3.5", shows: "c=relaxed leaves the body simple", make: with("c=relaxed"), want: "pass"},
	{name: "c-in-capitals", section: "3.5", shows: "names of forms are literals of the grammar, and so without regard to case", make: with("c=Relaxed/RELAXED"), want: "pass"},
	{name: "ed25519", section: "RFC 8463 3", shows: "an Ed25519 key", make: signed(sig{key: "ed25519"}), want: "pass"},
	{name: "rsa-1024", section: "RFC 8301 3.2", shows: "the shortest RSA key that is taken", make: signed(sig{key: "rsa1024"}), want: "pass"},
	{name: "rsa-4096", section: "RFC 8301 3.2", shows: "the longest", make: signed(sig{key: "rsa4096"}), want: "pass"},
	{name: "field-name-in-capitals", section: "RFC 5322 1.2.2", shows: "the name of the field is without regard to case",
		make: then(sig{}, func(m *making) { m.header[0].Name = "DKIM-SIGNATURE" }), want: "pass"},
	{name: "white-space-between-tags", section: "3.2", shows: "white space around tags, signs and values is none of them",
		make: signed(sig{covers: "from : to\t:\r\n  subject", folded: " ;\r\n\t  "}), want: "pass"},
	{name: "signature-folded", section: "3.5", shows: "white space in b= is none of it", make: then(sig{}, func(m *making) {
		v := m.header[0].Value
		m.header[0].Value = v[:len(v)-40] + "\r\n \t" + v[len(v)-40:] + " "
	}), want: "pass"},
	{name: "signature-first", section: "3.7", shows: "b= need not be the last tag", make: func(m *making) {
		m.sign(sig{tags: []string{"b"}})
		m.header[0].Value = " b=" + ";" + m.header[0].Value
		m.signAgain("rsa2048")
	}, want: "pass"},
	{name: "semicolon-at-the-end", section: "3.2", shows: "a semicolon may end the list", make: then(sig{}, func(m *making) {
		m.header[0].Value = m.header[0].Value[:strings.LastIndex(m.header[0].Value, "b=")] + "b=;"
		m.signAgain("rsa2048")
	}), want: "pass"},
	{name: "unknown-tag", section: "3.2", shows: "a tag that nobody knows is passed over", make: with("xyz=1", "z=From:anna@author.example|Subject:other"), want: "pass"},
	{name: "domain-in-capitals", section: "3.5", shows: "domains are without regard to case", make: signed(sig{domain: "Author.Example", selector: "S"}), want: "pass"},
	{name: "selector-of-two-labels", section: "3.1", shows: "a selector may have dots", make: signed(sig{selector: "2026.mx"}), want: "pass, d=author.example s=2026.mx"},
	{name: "domain-of-an-esp", section: "3.5", shows: "d= need not be the author's domain: that is for DMARC to say", make: signed(sig{domain: "esp.example"}), want: "pass, d=esp.example s=s"},
	{name: "u-label", section: "RFC 8616 5", shows: "d= may have U-labels", make: before(func(*making) {}, sig{domain: "xn--bcher-kva.example", tags: []string{"d=bücher.example"}}),
		want: "pass, d=xn--bcher-kva.example s=s"},
}

// bodies are about bh=.
var bodies = []suiteCase{
	{name: "body-empty-relaxed", section: "3.4.4", shows: "an empty body is nothing", make: text(""), want: "pass"},
	{name: "body-empty-simple", section: "3.4.3", shows: "an empty body is one line end", make: text("", "c=simple/simple"), want: "pass"},
	{name: "header-only-relaxed", section: "3.4.4", shows: "a mail without the line behind its header", make: before(func(m *making) { m.body, m.bare = "", true }, sig{}), want: "pass"},
	{name: "header-only-simple", section: "3.4.3", shows: "the same", make: before(func(m *making) { m.body, m.bare = "", true }, sig{tags: []string{"c=simple/simple"}}), want: "pass"},
	{name: "blank-lines-relaxed", section: "3.4.4", shows: "a body of blank lines is nothing", make: text(" \r\n\t\r\n\r\n"), want: "pass"},
	{name: "blank-lines-simple", section: "3.4.3", shows: "a body of empty lines is one line end", make: text("\r\n\r\n\r\n", "c=simple/simple"), want: "pass"},
	{name: "no-final-line-end-relaxed", section: "3.4.4", shows: "a last line without its end", make: text("Hello"), want: "pass"},
	{name: "no-final-line-end-simple", section: "3.4.3", shows: "the same", make: text("Hello", "c=simple/simple"), want: "pass"},
	{name: "trailing-lines-cut", section: "3.4.3", shows: "empty lines at the end may come and go",
		make: then(sig{tags: []string{"c=simple/simple"}}, func(m *making) { m.body += "\r\n\r\n" }), want: "pass"},
	{name: "trailing-blanks-cut", section: "3.4.4", shows: "blanks at the ends of lines may come and go",
		make: then(sig{}, func(m *making) { m.body = strings.ReplaceAll(m.body, "\r\n", " \t\r\n") }), want: "pass"},
	{name: "blanks-added", section: "3.4.3", shows: "not in the form simple",
		make: then(sig{tags: []string{"c=simple/simple"}}, func(m *making) { m.body = strings.ReplaceAll(m.body, "\r\n", " \r\n") }), want: bodyChanged},
	{name: "blank-put-in", section: "3.4.4", shows: "a blank where there was none is a change", make: then(sig{}, func(m *making) { m.body = "Hel lo" + m.body[5:] }), want: bodyChanged},
	{name: "body-8bit", section: "5.3", shows: "octets of 8 bits are hashed as they are", make: text("Gr\xc3\xbc\xc3\x9fe \xe9\xff\r\n"), want: "pass"},
	{name: "body-converted", section: "5.3", shows: "a body that was made 7 bit on its way is another",
		make: then(sig{}, func(m *making) { m.body = "Hello,=20\r\n\r\nthis is a  test.\r\n" }), want: bodyChanged},
	{name: "long-line", section: "5.3", shows: "a line of 5000 octets", make: text(strings.Repeat("lang ", 1000) + "\r\n"), want: "pass"},
	{name: "line-of-dots", section: "5.3", shows: "dots at the beginning of a line are those of the mail", make: text(".\r\n..\r\n.a\r\n"), want: "pass"},
	{name: "bare-cr-in-body", section: "5.3", shows: "a CR alone is an octet like any other", make: text("a\rb \r c\r\r\n"), want: "pass"},
	{name: "bare-lf-in-body", section: "5.3", shows: "so is an LF alone", make: text("a\nb\r\n"), want: "pass"},
	{name: "body-changed", section: "6.1.3", shows: "a footer of a mailing list", make: then(sig{}, (*making).footer), want: bodyChanged},
	{name: "body-changed-and-key-gone", section: "6.1.3", shows: "no key would help", make: then(sig{records: []string{"-"}}, (*making).footer), want: bodyChanged},
	{name: "body-changed-and-key-not-asked", section: "6.1.3", shows: "nor would asking again", make: then(sig{}, func(m *making) {
		m.footer()
		m.fails = []string{"s._domainkey.author.example failure"}
	}), want: bodyChanged},
	{name: "bh-of-another", section: "6.1.3", shows: "bh= that was changed", make: then(sig{}, func(m *making) {
		m.change("DKIM-Signature", "bh=", "bh=A")
		m.change("DKIM-Signature", "=; b=", "; b=")
	}), want: noTag},
	{name: "l", section: "8.2", shows: "l= of all of the body", make: with("l=27"), want: part},
	{name: "l-and-more", section: "8.2", shows: "something stands behind the signed part", make: then(sig{tags: []string{"l=27"}}, (*making).footer), want: part},
	{name: "l-zero", section: "8.2", shows: "l=0 signs no body", make: with("l=0", "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), want: part},
}

// headers are about h= and the fields that it names.
var headers = []suiteCase{
	{name: "subject-changed", section: "6.1.3", shows: "a signed field was changed", make: then(sig{}, func(m *making) { m.change("Subject", "a ", "[list] a ") }), want: changed},
	{name: "unsigned-field-changed", section: "5.4", shows: "one that is not signed may be", make: then(sig{covers: "from"}, func(m *making) { m.change("Subject", "a ", "b ") }), want: "pass"},
	{name: "fields-folded-anew", section: "3.4.2", shows: "a relay folds a field otherwise", make: then(sig{}, func(m *making) { m.change("Subject", " a  test", "\r\n\ta\r\n  test ") }), want: "pass"},
	{name: "fields-folded-anew-simple", section: "3.4.1", shows: "not in the form simple",
		make: then(sig{tags: []string{"c=simple/relaxed"}}, func(m *making) { m.change("Subject", " a", "\r\n a") }), want: changed},
	{name: "names-in-other-case", section: "3.4.2", shows: "a relay writes names otherwise", make: then(sig{}, func(m *making) { m.header[m.find("Subject")].Name = "SUBJECT" }), want: "pass"},
	{name: "names-in-other-case-simple", section: "3.4.1", shows: "not in the form simple",
		make: then(sig{tags: []string{"c=simple/simple"}}, func(m *making) { m.header[m.find("Subject")].Name = "SUBJECT" }), want: changed},
	{name: "blank-before-colon", section: "3.4.2", shows: "a blank before the colon is cut", make: before(func(m *making) { m.header[m.find("Subject")].Name = "Subject " }, sig{covers: "from:to"}), want: "pass"},
	{name: "folded-with-lf", section: "3.4.2", shows: "a field that was folded with LF alone", make: before(func(m *making) { m.change("Subject", " a", " a\n b") }, sig{}), want: "pass"},
	{name: "bare-cr-in-field", section: "3.4.2", shows: "a CR alone is an octet of the field", make: before(func(m *making) { m.change("Subject", " a", " a\rb") }, sig{}), want: "pass"},
	{name: "bare-cr-added-to-field", section: "3.4.2", shows: "and a change when it comes later", make: then(sig{}, func(m *making) { m.change("Subject", " a", " \ra") }), want: changed},
	{name: "field-8bit", section: "RFC 8616 5", shows: "a field with UTF-8", make: before(func(m *making) { m.change("Subject", "test", "Prüfung") }, sig{}), want: "pass"},
	{name: "field-empty", section: "3.4.2", shows: "a field that says nothing", make: before(func(m *making) { m.top("Comments", "") }, sig{covers: "from:comments"}), want: "pass"},
	{name: "h-names-absent-field", section: "5.4", shows: "a field that is not there may be named", make: signed(sig{covers: "from:to:cc:x-nothing"}), want: "pass"},
	{name: "absent-field-added", section: "5.4", shows: "and then nobody may add it", make: then(sig{covers: "from:to:cc"}, func(m *making) { m.top("Cc", " eve@one.example") }), want: changed},
	{name: "h-names-again", section: "5.4.2", shows: "each time the next field from the bottom", make: before(func(m *making) { m.top("Comments", " one"); m.top("Comments", " two") }, sig{covers: "from:comments:comments"}), want: "pass"},
	{name: "repeated-fields-turned", section: "5.4.2", shows: "their order is signed", make: func(m *making) {
		m.top("Comments", " one")
		m.top("Comments", " two")
		m.sign(sig{covers: "from:comments:comments"})
		m.header[1], m.header[2] = m.header[2], m.header[1]
	}, want: changed},
	{name: "repeated-field-above", section: "5.4.2", shows: "one that is added at the top is not the one that was signed", make: then(sig{covers: "from:received"}, func(m *making) { m.top("Received", " by x") }), want: changed},
	{name: "subject-added", section: "8.15", shows: "a second Subject above the signed one: h= let it in", make: then(sig{}, func(m *making) { m.top("Subject", " other") }), want: "pass"},
	{name: "subject-added-to-oversigned", section: "8.15", shows: "h= did not", make: then(sig{covers: "from:subject:subject"}, func(m *making) { m.top("Subject", " other") }), want: changed},
	{name: "from-added", section: "8.15", shows: "a second From above the signed one", make: then(sig{}, func(m *making) { m.top("From", " eve@evil.example") }), want: "policy: there is a From that it does not sign"},
	{name: "from-added-to-oversigned", section: "8.15", shows: "a second From, and h= names it", make: then(sig{covers: "from:from:to"}, func(m *making) { m.top("From", " eve@evil.example") }), want: changed},
	{name: "from-twice-and-signed", section: "8.15", shows: "two From fields, both of them signed", make: before(func(m *making) { m.top("From", " ben@author.example") }, sig{covers: "from:from"}), want: "pass"},
	{name: "from-added-with-blank", section: "8.15", shows: "a From with a blank before its colon is one", make: then(sig{}, func(m *making) { m.top("From ", " eve@evil.example") }), want: "policy: there is a From that it does not sign"},
	{name: "from-named-twice", section: "5.4.2", shows: "From oversigned", make: signed(sig{covers: "from:from:to:to:subject:subject"}), want: "pass"},
	{name: "from-not-signed", section: "5.4", shows: "h= must name From", make: signed(sig{covers: "to:subject"}), want: noFrom},
	{name: "from-in-capitals", section: "3.5", shows: "names in h= are without regard to case", make: signed(sig{covers: "FROM:Subject"}), want: "pass"},
	{name: "from-in-a-name", section: "5.4", shows: "Resent-From is another", make: signed(sig{covers: "resent-from:x-from"}), want: noFrom},
	{name: "h-empty", section: "3.5", shows: "h= must not be empty", make: with("h="), want: noFrom},
	{name: "signs-another-signature", section: "5.4.1", shows: "a signature may sign one below it", make: signed(sig{}, sig{covers: "from:dkim-signature", selector: "s2"}), want: "pass, d=author.example s=s2 | pass"},
	{name: "signs-its-own-name", section: "3.7", shows: "its own field is none of those that h= names", make: signed(sig{covers: "from:dkim-signature"}), want: "pass"},
	{name: "signature-added-above", section: "5.4.2", shows: "one above, that h= names from the bottom up",
		make: signed(sig{covers: "from:dkim-signature"}, sig{selector: "s2"}), want: "pass, d=author.example s=s2 | " + changed},
	{name: "trace-fields-added", section: "5.4", shows: "what servers add above says nothing", make: then(sig{}, func(m *making) {
		m.top("Received", " from a by b")
		m.top("Authentication-Results", " b; dkim=pass")
	}), want: "pass"},
	{name: "signature-harmed", section: "6.1.3", shows: "b= was changed", make: then(sig{}, (*making).harm), want: changed},
	{name: "signature-harmed-ed25519", section: "6.1.3", shows: "b= was changed", make: then(sig{key: "ed25519"}, (*making).harm), want: changed},
	{name: "tag-changed", section: "3.7", shows: "the other tags are signed", make: then(sig{}, func(m *making) { m.change("DKIM-Signature", "t=1767225601", "t=1767225602") }), want: changed},
	{name: "tag-added", section: "3.7", shows: "so is it that there are no more", make: then(sig{}, func(m *making) { m.change("DKIM-Signature", "; b=", "; x=1999999999; b=") }), want: changed},
	{name: "bare-cr-in-signature", section: "3.2", shows: "a CR alone is passed over in base64, and signed everywhere else", make: then(sig{}, func(m *making) { m.header[0].Value += "\r" }), want: "pass"},
	{name: "bare-cr-between-tags", section: "3.7", shows: "the same", make: then(sig{}, func(m *making) { m.change("DKIM-Signature", "; d=", ";\r d=") }), want: changed},
	{name: "nul-in-signature", section: "3.2", shows: "a NUL is of no grammar", make: then(sig{}, func(m *making) { m.change("DKIM-Signature", "; d=", ";\x00d=") }), want: unreadable},
}

// signAgain signs the topmost field as it stands, with nothing in b=.
func (m *making) signAgain(key string) {
	f := &m.header[0]
	before, after, _ := strings.Cut(f.Value, "b=;")
	text := ""
	for _, name := range []string{"from", "to", "subject", "date", "message-id"} {
		text += canonical(true, m.header[m.find(name)]) + "\r\n"
	}
	f.Value = before + "b=" + encode(signature(m.t, key, digest(text+canonical(true, *f)))) + ";" + after
}

// tagged are about the other tags, but those below.
var tagged = []suiteCase{
	{name: "v-missing", section: "3.5", shows: "v= must be there", make: with("v"), want: noTag},
	{name: "v-2", section: "3.5", shows: "another version", make: with("v=2"), want: "neutral: another version"},
	{name: "v-1.0", section: "3.5", shows: "a version is a text and no number", make: with("v=1.0"), want: "neutral: another version"},
	{name: "v-not-first", section: "3.5", shows: "v= may stand anywhere", make: with("v", "v=1"), want: "pass"},
	{name: "a-missing", section: "3.5", shows: "a= must be there", make: with("a"), want: noTag},
	{name: "d-missing", section: "3.5", shows: "d= must be there", make: with("d"), want: "neutral: its domain or selector is none"},
	{name: "s-missing", section: "3.5", shows: "s= must be there", make: with("s"), want: noDomain + ", d=author.example"},
	{name: "h-missing", section: "3.5", shows: "h= must be there", make: with("h"), want: noTag},
	{name: "bh-missing", section: "3.5", shows: "bh= must be there", make: with("bh"), want: noTag},
	{name: "b-missing", section: "3.5", shows: "b= must be there", make: with("b"), want: noTag},
	{name: "b-empty", section: "3.5", shows: "and say something", make: then(sig{}, func(m *making) {
		m.header[0].Value = m.header[0].Value[:strings.LastIndex(m.header[0].Value, "b=")] + "b="
	}), want: noTag},
	{name: "b-no-base64", section: "3.5", shows: "b= is base64", make: then(sig{}, func(m *making) { m.header[0].Value += "!" }), want: noTag},
	{name: "bh-no-base64", section: "3.5", shows: "bh= is base64", make: then(sig{}, func(m *making) { m.change("DKIM-Signature", "bh=", "bh=?") }), want: noTag},
	{name: "bh-short", section: "3.5", shows: "bh= of another length", make: with("bh=AAAA"), want: noTag},
	{name: "twice", section: "3.2", shows: "a tag twice makes the list invalid", make: with("+d=author.example"), want: unreadable},
	{name: "unknown-twice", section: "3.2", shows: "whatever it is", make: with("xyz=1", "+xyz=1"), want: unreadable},
	{name: "no-tag", section: "3.2", shows: "something that is no tag", make: then(sig{}, func(m *making) { m.change("DKIM-Signature", "; d=", "; nothing; d=") }), want: unreadable},
	{name: "no-tag-name", section: "3.2", shows: "a name that is none", make: with("1x=1"), want: unreadable},
	{name: "semicolon-twice", section: "3.2", shows: "nothing between semicolons", make: then(sig{}, func(m *making) { m.change("DKIM-Signature", "; d=", ";; d=") }), want: unreadable},
	{name: "empty-field", section: "3.2", shows: "a field that says nothing", make: func(m *making) { m.top("DKIM-Signature", " ") }, want: unreadable},
	{name: "a-sha1", section: "RFC 8301 3.1", shows: "rsa-sha1 must not be verified", make: with("a=rsa-sha1"), want: noAlgorithm},
	{name: "a-sha1-whole", section: "RFC 8301 3.1", shows: "with the hash of a body that it then has", make: with("a=rsa-sha1", "bh=s6/5UvcmmcpgdLr/3NPN3KPXQkM="), want: noAlgorithm},
	{name: "a-unknown", section: "3.5", shows: "an algorithm that nobody knows", make: with("a=rsa-sha512"), want: noAlgorithm},
	{name: "a-ed25519-of-rsa", section: "3.6.1", shows: "a= must fit the key", make: with("a=ed25519-sha256"), want: forOther},
	{name: "a-in-capitals", section: "3.5", shows: "names of algorithms are literals of the grammar", make: with("a=RSA-SHA256"), want: "pass"},
	{name: "c-unknown", section: "3.5", shows: "a form that nobody knows", make: with("c=nofws"), want: badForm},
	{name: "c-body-unknown", section: "3.5", shows: "the same of the body", make: with("c=relaxed/nofws"), want: badForm},
	{name: "q", section: "3.5", shows: "q=dns/txt is what it is without", make: with("q=dns/txt"), want: "pass"},
	{name: "q-one-of-two", section: "3.5", shows: "one of those that are named is known", make: with("q=ldap : dns/txt"), want: "pass"},
	{name: "q-unknown", section: "3.5", shows: "none is", make: with("q=ldap"), want: "neutral: its key is not in the DNS"},
	{name: "d-address", section: "3.5", shows: "d= is no domain", make: with("d=[192.0.2.1]"), want: noDomain},
	{name: "d-empty", section: "3.5", shows: "d= says nothing", make: with("d="), want: noDomain},
	{name: "d-mail-address", section: "3.5", shows: "d= is an address", make: with("d=anna@author.example"), want: noDomain},
	{name: "d-label-too-long", section: "3.5", shows: "a label of 64 octets is of no name that can have a key", make: with("d=" + strings.Repeat("a", 64) + ".example"),
		want: noKey + ", d=" + strings.Repeat("a", 64) + ".example s=s"},
	{name: "s-no-selector", section: "3.5", shows: "s= is no selector", make: with("s=a b"), want: noDomain + ", d=author.example"},
}

// identities are about i=.
var identities = []suiteCase{
	{name: "i-of-the-domain", section: "3.5", shows: "an identity of d=", make: with("i=anna@author.example"), want: "pass i=anna@author.example"},
	{name: "i-without-local-part", section: "3.5", shows: "its local part may be missing", make: with("i=@author.example"), want: "pass"},
	{name: "i-below", section: "3.5", shows: "an identity below d=", make: with("i=anna@mail.author.example"), want: "pass i=anna@mail.author.example"},
	{name: "i-in-capitals", section: "3.5", shows: "domains are without regard to case", make: with("i=Anna@Author.Example"), want: "pass i=Anna@author.example"},
	{name: "i-quoted-printable", section: "2.11", shows: "octets of i= may be written in hexadecimal", make: with("i=a=3Bb=40c@author.example"), want: "pass i=a;b@c@author.example"},
	{name: "i-of-another", section: "3.5", shows: "the identity must be in d=", make: with("i=anna@other.example"), want: notBelow},
	{name: "i-above", section: "3.5", shows: "and not above it", make: signed(sig{domain: "mail.author.example", tags: []string{"i=@author.example"}}), want: notBelow + ", d=mail.author.example s=s"},
	{name: "i-of-a-longer-name", section: "3.5", shows: "a name that ends alike is another", make: with("i=anna@notauthor.example"), want: notBelow},
	{name: "i-without-at", section: "3.5", shows: "an identity has an @", make: with("i=author.example"), want: notBelow},
	{name: "i-bad-quoted-printable", section: "2.11", shows: "no hexadecimal", make: with("i=a=zz@author.example"), want: notBelow},
	{name: "i-control", section: "2.11", shows: "a line end in it", make: with("i=a=0D=0Ab@author.example"), want: notBelow},
	{name: "i-empty", section: "3.5", shows: "an identity that says nothing", make: with("i="), want: notBelow},
	{name: "strict-key", section: "3.6.1", shows: "t=s, and an identity of the domain", make: before(func(*making) {}, sig{records: []string{"v=DKIM1; t=s; p=" + rsa2048()}, tags: []string{"i=anna@author.example"}}), want: "pass i=anna@author.example"},
	{name: "strict-key-without-i", section: "3.6.1", shows: "t=s, and no identity", make: keyed("v=DKIM1; t=s; p=KEY"), want: "pass"},
	{name: "strict-key-below", section: "3.6.1", shows: "t=s, and one below it", make: before(func(*making) {}, sig{records: []string{"v=DKIM1; t=y:s; p=" + rsa2048()}, tags: []string{"i=@mail.author.example"}}),
		want: "permerror: the key is not for what is below its domain i=@mail.author.example testing"},
}

// times are about t= and x=.
var times = []suiteCase{
	{name: "t-missing", section: "3.5", shows: "t= need not be there", make: with("t"), want: "pass"},
	{name: "t-half-a-day-ahead", section: "3.5", shows: "a clock that is ahead", make: with("t=1768521600"), want: "pass"},
	{name: "t-ahead", section: "3.5", shows: "a signature of the future", make: with("t=4070908800"), want: "policy: signed in the future"},
	{name: "t-no-number", section: "3.5", shows: "t= is a number", make: with("t=yesterday"), want: badTime},
	{name: "t-negative", section: "3.5", shows: "without a sign", make: with("t=-1"), want: badTime},
	{name: "t-long", section: "3.5", shows: "of at most twelve digits", make: with("t=1234567890123"), want: badTime},
	{name: "x", section: "3.5", shows: "a signature that will end", make: with("x=4070908800"), want: "pass"},
	{name: "x-past", section: "3.5", shows: "one that has ended", make: with("t=1748736000", "x=1749340800"), want: "permerror: expired"},
	{name: "x-past-without-t", section: "3.5", shows: "the same without t=", make: with("t", "x=1749340800"), want: "permerror: expired"},
	{name: "x-past-and-changed", section: "3.5", shows: "it would not have held either", make: then(sig{tags: []string{"t=1748736000", "x=1749340800"}}, (*making).footer), want: "permerror: expired"},
	{name: "x-before-t", section: "3.5", shows: "x= must be behind t=", make: with("x=1767225600"), want: badTime},
	{name: "x-at-t", section: "3.5", shows: "and not at it", make: with("x=1767225601"), want: badTime},
	{name: "x-no-number", section: "3.5", shows: "x= is a number", make: with("x=never"), want: badTime},
}

// published are about the key record.
var published = []suiteCase{
	{name: "key-no-name", section: "6.1.2", shows: "there is no such name", make: signed(sig{records: []string{"-"}}), want: noKey},
	{name: "key-no-text", section: "6.1.2", shows: "there are other records at the name", make: then(sig{records: []string{"-"}}, func(m *making) { m.zone["x.s._domainkey.author.example"] = []string{"x"} }), want: noKey},
	{name: "key-other-text", section: "6.1.2", shows: "a text that is no key", make: keyed("v=spf1 -all"), want: noKey},
	{name: "key-empty-text", section: "6.1.2", shows: "a text without anything", make: keyed(""), want: noKey},
	{name: "key-failure", section: "6.1.2", shows: "a server that fails", make: then(sig{}, func(m *making) { m.fails = []string{"s._domainkey.author.example failure"} }), want: notAsked},
	{name: "key-timeout", section: "6.1.2", shows: "one that says nothing", make: then(sig{}, func(m *making) { m.fails = []string{"author.example timeout"} }), want: notAsked},
	{name: "key-refused", section: "6.1.2", shows: "one that refuses", make: then(sig{}, func(m *making) { m.fails = []string{"author.example refused"} }), want: notAsked},
	{name: "key-by-alias", section: "3.6.2", shows: "the name is an alias", make: then(sig{records: []string{"CNAME k.esp.example"}}, func(m *making) { m.zone["k.esp.example"] = []string{record(m.t, "rsa2048")} }), want: "pass"},
	{name: "key-by-wildcard", section: "3.6.2", shows: "a wildcard has the key", make: then(sig{records: []string{"-"}}, func(m *making) { m.zone["*._domainkey.author.example"] = []string{record(m.t, "rsa2048")} }), want: "pass"},
	{name: "key-revoked", section: "3.6.1", shows: "p= says nothing", make: keyed("v=DKIM1; k=rsa; p="), want: "permerror: the key is revoked"},
	{name: "key-without-p", section: "3.6.1", shows: "p= must be there", make: keyed("v=DKIM1; k=rsa"), want: noKey},
	{name: "key-without-v", section: "3.6.1", shows: "v= need not", make: keyed("p=KEY"), want: "pass"},
	{name: "key-v-not-first", section: "3.6.1", shows: "but is the first", make: keyed("k=rsa; v=DKIM1; p=KEY"), want: noKey},
	{name: "key-v-behind-its-like", section: "3.6.1", shows: "and another tag that says the same is none", make: keyed("n=DKIM1; v=DKIM1; p=KEY"), want: noKey},
	{name: "key-v-other", section: "3.6.1", shows: "another version", make: keyed("v=DKIM2; p=KEY"), want: noKey},
	{name: "key-v-in-other-case", section: "3.6.1", shows: "it is compared as it is written", make: keyed("v=dkim1; p=KEY"), want: noKey},
	{name: "key-tag-twice", section: "3.2", shows: "a tag twice", make: keyed("v=DKIM1; k=rsa; k=rsa; p=KEY"), want: noKey},
	{name: "key-without-k", section: "3.6.1", shows: "without k= it is of RSA", make: keyed("v=DKIM1; p=KEY"), want: "pass"},
	{name: "key-k-unknown", section: "3.6.1", shows: "a type that nobody knows", make: keyed("v=DKIM1; k=dsa; p=KEY"), want: forOther},
	{name: "key-k-other", section: "RFC 8463 3", shows: "a key of another type", make: keyed("v=DKIM1; k=ed25519; p=KEY"), want: forOther},
	{name: "key-h", section: "3.6.1", shows: "h= lets sha256 in", make: keyed("v=DKIM1; h=sha1:sha256; p=KEY"), want: "pass"},
	{name: "key-h-sha1", section: "3.6.1", shows: "h= does not", make: keyed("v=DKIM1; h=sha1; p=KEY"), want: forOther},
	{name: "key-s-email", section: "3.6.1", shows: "a key for mail", make: keyed("v=DKIM1; s=email; p=KEY"), want: "pass"},
	{name: "key-s-all", section: "3.6.1", shows: "a key for everything", make: keyed("v=DKIM1; s=*; p=KEY"), want: "pass"},
	{name: "key-s-tlsrpt", section: "RFC 8460 3", shows: "a key for reports alone", make: keyed("v=DKIM1; s=tlsrpt; p=KEY"), want: forOther},
	{name: "key-g", section: "C", shows: "g= of RFC 4871 is passed over", make: keyed("v=DKIM1; g=; n=a note; p=KEY"), want: "pass"},
	{name: "key-testing", section: "3.6.1", shows: "t=y is told, and changes no result", make: keyed("v=DKIM1; t=y; p=KEY"), want: "pass testing"},
	{name: "key-testing-and-changed", section: "3.6.1", shows: "also of one that fails", make: func(m *making) { keyed("v=DKIM1; t=y; p=KEY")(m); m.footer() }, want: bodyChanged + " testing"},
	{name: "key-t-unknown", section: "3.6.1", shows: "a flag that nobody knows", make: keyed("v=DKIM1; t=q; p=KEY"), want: "pass"},
	{name: "key-in-pieces", section: "3.6.1", shows: "white space in p=", make: func(m *making) {
		key := public(m.t, "rsa2048")
		keyed("v=DKIM1; p=" + key[:100] + "  " + key[100:])(m)
	}, want: "pass"},
	{name: "key-bare", section: "3.6.1", shows: "an RSAPublicKey, as RFC 3447 has it", make: func(m *making) { keyed("v=DKIM1; p=" + bare(m.t))(m) }, want: "pass"},
	{name: "key-no-base64", section: "6.1.2", shows: "p= is no base64", make: keyed("v=DKIM1; p=KEY*"), want: badKey},
	{name: "key-no-key", section: "6.1.2", shows: "p= is no key", make: keyed("v=DKIM1; p=AAAA"), want: badKey},
	{name: "key-cut", section: "6.1.2", shows: "a key of which the end is missing", make: func(m *making) { keyed("v=DKIM1; p=" + public(m.t, "rsa2048")[:200])(m) }, want: badKey},
	{name: "key-ed25519-long", section: "RFC 8463 4.2", shows: "an Ed25519 key in the form of RSA's", make: func(m *making) {
		keyedBy("ed25519", "v=DKIM1; k=ed25519; p="+wrapped(m.t))(m)
	}, want: badKey},
	{name: "key-512", section: "RFC 8301 3.2", shows: "an RSA key of 512 bits", make: func(m *making) { keyed("v=DKIM1; p=" + public(m.t, "short"))(m) }, want: keyLength},
	{name: "key-8192", section: "RFC 8301 3.2", shows: "one of more than 4096", make: func(m *making) { keyed("v=DKIM1; p=" + public(m.t, "long"))(m) }, want: keyLength},
	{name: "key-of-another", section: "6.1.3", shows: "another key", make: func(m *making) { keyed("v=DKIM1; p=" + public(m.t, "rsa1024"))(m) }, want: changed},
	{name: "keys-and-other-text", section: "6.1.2", shows: "a text that is no key beside one", make: keyed("v=spf1 -all", "v=DKIM1; p=KEY"), want: "pass"},
	{name: "keys-two", section: "6.1.2", shows: "one of two keys fits", make: func(m *making) { keyed(record(m.t, "rsa1024"), "v=DKIM1; p=KEY")(m) }, want: "pass"},
	{name: "keys-of-both-types", section: "RFC 8463 3", shows: "keys of both types at one name", make: func(m *making) { keyed(record(m.t, "ed25519"), "v=DKIM1; p=KEY")(m) }, want: "pass"},
	{name: "keys-revoked-and-other-text", section: "6.1.2", shows: "the reason is about the key, whatever stands beside it", make: keyed("v=DKIM1; p=", "v=spf1 -all"), want: "permerror: the key is revoked"},
	{name: "keys-five", section: "6.1.2", shows: "four records are tried", make: keyed("a", "b", "c", "d", "v=DKIM1; p=KEY"), want: noKey},
	{name: "key-too-long", section: "6.1.2", shows: "a record of more than 16 KiB", make: keyed("v=DKIM1; n=" + strings.Repeat("x", 17<<10) + "; p=KEY"), want: noKey},
}

// several are mails with more than one signature.
var several = []suiteCase{
	{name: "both-key-types", section: "RFC 8463 3", shows: "RSA and Ed25519", make: signed(sig{}, sig{key: "ed25519", selector: "e"}), want: "pass, d=author.example s=e | pass"},
	{name: "author-and-esp", section: "6.1", shows: "two domains", make: signed(sig{}, sig{domain: "esp.example"}), want: "pass, d=esp.example s=s | pass"},
	{name: "one-of-two-holds", section: "6.1", shows: "each stands for itself", make: func(m *making) {
		m.sign(sig{})
		m.sign(sig{domain: "esp.example"})
		m.harm()
	}, want: changed + ", d=esp.example s=s | pass"},
	{name: "one-key-not-asked", section: "6.1", shows: "and so does each key", make: func(m *making) {
		m.sign(sig{})
		m.sign(sig{domain: "esp.example"})
		m.fails = []string{"esp.example timeout"}
	}, want: notAsked + ", d=esp.example s=s | pass"},
	{name: "list-signed-anew", section: "6.1", shows: "a list changes the mail and signs it", make: func(m *making) {
		m.sign(sig{})
		m.footer()
		m.sign(sig{domain: "list.example"})
	}, want: "pass, d=list.example s=s | " + bodyChanged},
	{name: "forms-of-each", section: "3.5", shows: "each has its own forms", make: signed(sig{tags: []string{"c=simple/simple"}}, sig{selector: "s2"}), want: "pass, d=author.example s=s2 | pass"},
	{name: "same-twice", section: "6.1", shows: "the same field twice", make: then(sig{}, func(m *making) { m.top(m.header[0].Name, m.header[0].Value) }), want: "pass | pass"},
	{name: "nine", section: "6.1", shows: "the eight topmost are looked at", make: func(m *making) {
		for n := range 9 {
			m.sign(sig{key: "ed25519", selector: fmt.Sprintf("s%d", n)})
		}
	}, want: nine()},
	{name: "field-too-large", section: "6.1", shows: "a field of more than 64 KiB", make: with("xyz=" + strings.Repeat("x", 64<<10)), want: "policy: more than is looked at"},
}

func nine() string {
	var all []string
	for n := 8; n > 0; n-- {
		all = append(all, fmt.Sprintf("pass, d=author.example s=s%d", n))
	}
	return strings.Join(all, " | ")
}
