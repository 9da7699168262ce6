package message

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postward/test/rig"
)

// read reads a message with some From fields.
func read(values ...string) ([]string, Reading) {
	var a Authorship
	for _, v := range values {
		a.Field("From", v)
	}
	return a.Domains()
}

// The DMARC suite says of each of its mails who the authors are.
func TestTheFromFieldsOfTheDMARCSuite(t *testing.T) {
	mails, _ := filepath.Glob("../../domain/dmarc/testdata/eval/*.mail")
	if len(mails) < 120 {
		t.Fatalf("only %d mails", len(mails))
	}
	for _, path := range mails {
		_, header, _ := strings.Cut(file(t, path), "\n\n")
		domains, reading := authorship(header).Domains()
		for line := range strings.SplitSeq(file(t, strings.TrimSuffix(path, "mail")+"want"), "\n") {
			if want, is := strings.CutPrefix(line, "from: "); is && want != string(reading) {
				t.Errorf("%s: %q, want %q", filepath.Base(path), reading, want)
			}
			if want, is := strings.CutPrefix(line, "authors:"); is && !slices.Equal(strings.Fields(want), domains) {
				t.Errorf("%s: authors %q, want %s", filepath.Base(path), domains, want)
			}
		}
	}
}

func file(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// authorship reads a header section.
func authorship(header string) *Authorship {
	var a Authorship
	header = strings.NewReplacer("\n ", "\x01 ", "\n\t", "\x01\t").Replace(header)
	for field := range strings.SplitSeq(header, "\n") {
		name, value, _ := strings.Cut(strings.ReplaceAll(field, "\x01", "\n"), ":")
		a.Field(name, value)
	}
	return &a
}

func TestWhatEverybodyReadsAlikeIsRead(t *testing.T) {
	for from, want := range map[string]string{
		"anna@example.org":                              "example.org",
		" Anna <anna@example.org> ":                     "example.org",
		"<anna@example.org>":                            "example.org",
		"< anna@example.org >":                          "example.org",
		`"Anna, of \"us\"" <anna@Example.Org>`:          "example.org",
		`"anna \\" <anna@example.org>`:                  "example.org",
		"Anna (x) M. (y) <anna@example.org> (z)":        "example.org",
		"Anna\r\n\t<anna@example.org>":                  "example.org",
		"Anna\n <anna@example.org>\r\n":                 "example.org",
		`"an na"@example.org`:                           "example.org",
		"a..b.@example.org":                             "example.org",
		"a@x.example, b@y.example,c@X.example":          "x.example y.example",
		"We: a@x.example, B <b@y.example>;":             "x.example y.example",
		"a@x.example, We: b@y.example; (us)":            "x.example y.example",
		"anna@b\u00fccher\u3002example":                 "xn--bcher-kva.example",
		"anna@_x.example":                               "_x.example",
		"=?utf-8?b?w6Q=?= =?x?q?y?= <anna@example.org>": "example.org",
		"Анна <anna@example.org>":                       "example.org",
		"anna@example.org (Anna @ work)":                "example.org",
		"anna@localhost":                                "localhost",
	} {
		if domains, reading := read(from); strings.Join(domains, " ") != want || reading != Agreed {
			t.Errorf("%q: %q, %s", from, domains, reading)
		}
	}
}

func TestWhatReadersDifferInIsNotDecided(t *testing.T) {
	for from, want := range map[string]string{
		"a@x.example <b@y.example>":                "x.example y.example",
		"<a@x.example> <b@y.example>":              "x.example y.example",
		"<a@x.example> b@y.example":                "x.example y.example",
		"a@x.example b@y.example":                  "x.example y.example",
		"a@x.example; b@y.example":                 "x.example y.example",
		"a@x.example,":                             "x.example",
		",a@x.example":                             "x.example",
		"<a,x.example>":                            "",
		"<a@x.example":                             "x.example",
		"a@x.example>":                             "x.example",
		"<<a@x.example>>":                          "x.example",
		"<a@x.example,b@y.example>":                "x.example y.example",
		"<@r.example:a@x.example>":                 "r.example x.example",
		"<a(b)@x.example>":                         "x.example",
		"<a@x.example (b)>":                        "x.example",
		"a @x.example":                             "x.example",
		"a@ x.example":                             "x.example",
		"a@x .example":                             "x x.example",
		"a@x.example.":                             "x.example",
		"a@x..example":                             "",
		"a@@x.example":                             "x.example",
		"a@b@x.example":                            "b x.example",
		`"a"b@x.example`:                           "x.example",
		`"a"."b"@x.example`:                        "x.example",
		`"a@x.example`:                             "x.example",
		`"a\" <b@x.example>`:                       "x.example",
		"(a@y.example <b@x.example>":               "y.example x.example",
		`(a\) <b@x.example>`:                       "x.example",
		"A [x] <a@x.example>":                      "x.example",
		"A: a@x.example":                           "x.example",
		"A: B: a@x.example;;":                      "x.example",
		"a@x.example\nb@y.example":                 "x.example y.example",
		"a@x.example\r b@y.example":                "x.example y.example",
		"a\x00@x.example":                          "x.example",
		"a@x.example\r (b)":                        "x.example",
		"A\nB <a@x.example>":                       "x.example",
		"\"A\x01\" <a@x.example>":                  "x.example",
		": a@x.example;":                           "x.example",
		"a@\u00fc\u0301\u0301.xn--a\u00e4.example": "",
		"a@x.example" + strings.Repeat(" ", MaxField) + ", b@y.example": "x.example",
		"a@x.example\x7f":                                "x.example",
		"a@[192.0.2.1], b@x.example":                     "x.example",
		"a@[300.0.2.1]":                                  "",
		"a@x!.example":                                   "",
		"a@" + strings.Repeat("x.", 130) + "example":     "",
		"=?utf-8?q?=3Ca=40x.example=3E?= <b@y..example>": "x.example",
		"x@y.example (a@x.example)":                      "y.example x.example",
	} {
		domains, reading := read(from)
		slices.Sort(domains)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if !slices.Equal(domains, wanted) || reading != CannotTell {
			t.Errorf("%q: %q, %s", from, domains, reading)
		}
	}
}

func TestMoreThanOneFromFieldIsNotDecided(t *testing.T) {
	for _, second := range []string{"anna@example.org", "ceo@bank.example", "", "\x00"} {
		if domains, reading := read("anna@example.org", second); reading != SeveralFields || domains[0] != "example.org" {
			t.Errorf("%q: %q, %s", second, domains, reading)
		}
	}
	for _, name := range []string{"From ", "\x00From", "F rom"} {
		var a Authorship
		if a.Field(name, "anna@example.org"); a.fields != 1 {
			t.Errorf("%q is none", name)
		}
		if domains, reading := a.Domains(); reading != CannotTell || len(domains) != 1 {
			t.Errorf("%q: %q, %s", name, domains, reading)
		}
	}
}

func TestAuthorshipIsBounded(t *testing.T) {
	for _, part := range []string{"<", "(", "()", `"`, `""`, "a@b,", "=?utf-8?q?x?= ", ":;", "@a,", "a:", ". "} {
		took := rig.CPU(t, func() {
			if domains, _ := read(strings.Repeat(part, 20<<20/len(part))); len(domains) > maxAuthors {
				t.Errorf("%s: %d domains", part, len(domains))
			}
		})
		if took > huge {
			t.Errorf("%s: it took %s", part, took)
		}
	}
	var many []string
	for c := 'a'; c < 'z'; c++ {
		many = append(many, "x@"+string(c)+".example")
	}
	if domains, reading := read(strings.Join(many, ",")); len(domains) != maxAuthors || reading != CannotTell {
		t.Errorf("%d domains, %s", len(domains), reading)
	}
	var late Authorship
	late.Field("From", "anna@example.org")
	late.Field("X", strings.Repeat("x", MaxHeader))
	if _, reading := late.Domains(); reading != CannotTell {
		t.Errorf("behind what is looked at there may be another From: %s", reading)
	}
}

// What is agreed upon is what the kind reading finds, too; and nothing that is no domain name comes out.
func FuzzAuthors(f *testing.F) {
	for _, v := range []string{
		"Anna <anna@example.org>", `"a\"b" (c (d) \)) <e@x.example>, f@y.example`, "We: a@b, <c@d>;, e@[192.0.2.1]", "<@a,@b:c@d>", "a@b\u00fc.example\r\n (x@y)", "=?utf-8?b?Y2VvQGV4YW1wbGUuY29t?=", "a\x00@b", "a@b@c", ":;",
	} {
		f.Add(v, "")
		f.Add(v, v)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		domains, reading := read(one)
		sound(t, one, domains, reading)
		if reading == Agreed {
			kind := New()
			kind.Field("From", one)
			for _, domain := range domains {
				if !slices.ContainsFunc(kind.Authors, func(a string) bool { return DomainOf(a) == domain }) && len(kind.Authors) < maxAuthors {
					t.Errorf("%q: %s is none of %q", one, domain, kind.Authors)
				}
			}
			for _, a := range kind.Authors {
				if !slices.Contains(domains, DomainOf(a)) {
					t.Errorf("%q: %s is an author, too", one, a)
				}
			}
		}
		if domains, reading = read(one, two); reading != SeveralFields {
			t.Errorf("%q and %q: %s", one, two, reading)
		}
		sound(t, one, domains, reading)
	})
}

func sound(t *testing.T, from string, domains []string, reading Reading) {
	if len(domains) > maxAuthors || reading == Agreed && len(domains) == 0 || (reading == NoDomain || reading == NoField) && len(domains) > 0 {
		t.Errorf("%q: %q, %s", from, domains, reading)
	}
	for i, domain := range domains {
		if again, ok := hostname(domain); !ok || again != domain || slices.Contains(domains[:i], domain) {
			t.Errorf("%q: %q", from, domains)
		}
	}
}
