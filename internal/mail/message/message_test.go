package message

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"postward/test/rig"
)

func TestEveryAuthorIsReported(t *testing.T) {
	for _, c := range []struct {
		froms      []string
		want       []string
		unreadable bool
	}{
		{[]string{"Anna <anna@example.org>"}, []string{"anna@example.org"}, false},
		{[]string{`"CEO, Bank" <anna@example.org>`}, []string{"anna@example.org"}, false},
		{[]string{"anna@example.org, ceo@bank.example"}, []string{"anna@example.org", "ceo@bank.example"}, false},
		{[]string{"anna@example.org", "ceo@bank.example"}, []string{"anna@example.org", "ceo@bank.example"}, false},
		{[]string{"anna@example.org <ceo@bank.example>"}, []string{"anna@example.org", "ceo@bank.example"}, false},
		{[]string{"Anna (a comment)\r\n <anna@example.org>"}, []string{"anna@example.org"}, false},
		{[]string{"friends: anna@example.org, bob@example.org;"}, []string{"anna@example.org", "bob@example.org"}, false},
		{[]string{"=?utf-8?q?An=C3=A4?= <anna@example.org>"}, []string{"anna@example.org"}, false},
		{[]string{"<anna@example.org"}, []string{"anna@example.org"}, false},
		{[]string{"Scan to mail@office <scan@example.org>"}, []string{"mail@office", "scan@example.org"}, false},
		{[]string{`"Multi, Function" 3.floor <scan@example.org>`}, []string{"scan@example.org"}, false},
		{[]string{"a name and @"}, nil, true},
		{[]string{"anna@example.org", "\x00\x01"}, []string{"anna@example.org"}, true},
	} {
		f := New()
		for _, v := range c.froms {
			f.Field("From", v)
		}
		if !slices.Equal(f.Authors, c.want) || f.Unreadable != c.unreadable || f.NoAuthor() != c.unreadable {
			t.Errorf("%q: authors %q, unreadable %v", c.froms, f.Authors, f.Unreadable)
		}
	}
	if f := New(); !f.NoAuthor() {
		t.Error("a message without From names an author")
	}
}

// TestAFromWithoutAnAddressNamesNobody: a scanner writes its name there, or nothing.
func TestAFromWithoutAnAddressNamesNobody(t *testing.T) {
	for value, anonymous := range map[string]bool{
		"Scanner": true, "": true, "undisclosed:;": true, `"Scanner, 3rd floor"`: true, "(Scanner)": true,
		"=?utf-8?q?B=C3=BCro?=": true, "=?utf-8?q?CEO_=3Cceo=40bank=2Ecom=3E?=": false, "=?utf-8?b?Y2VvQGJhbmsuY29t?=": false, "ceo\uff20bank.com": false,
		"@": false, "Scanner\x00": false, "ceo@": false, "a@b@c, Scanner": false,
	} {
		f := New()
		f.Field("From", value)
		if !f.NoAuthor() && anonymous || f.Anonymous() != anonymous {
			t.Errorf("%q: %+v", value, f)
		}
	}
	f := New()
	f.Field("From", "Scanner")
	f.Field("From", "ceo@example.org")
	if f.NoAuthor() || f.Anonymous() {
		t.Error("a second From is passed over")
	}
}

// TestWhoSentItOnLastStandsFirst: of several blocks of resent fields the topmost is the last one (RFC 5322 section 3.6.6).
func TestWhoSentItOnLastStandsFirst(t *testing.T) {
	for _, c := range []struct {
		fields, want []string
	}{
		{[]string{"Anna <anna@example.org>", "carl@example.net"}, []string{"anna@example.org"}},
		{[]string{"anna@example.org, carl@example.net"}, []string{"anna@example.org", "carl@example.net"}},
		{[]string{"anna@example.org @", "carl@example.net"}, nil},
		{nil, nil},
	} {
		f := New()
		for _, v := range c.fields {
			f.Field("Resent-From", v)
		}
		if !slices.Equal(f.Resent, c.want) {
			t.Errorf("%q: %q", c.fields, f.Resent)
		}
	}
}

func TestFacts(t *testing.T) {
	f := New()
	f.Field("DATE", "Mon, 23 Nov 2026 17:00:00 +0130")
	f.Field("subject", "=?utf-8?b?R29vZCBEYXkh?=\r\n\tagain\x1b[31m")
	f.Field("Message-ID", " <1@example.org> ")
	f.Field("X-Mailer", "Mail 1.0")
	f.Field("Reply-To", "Other <o@free.example>")
	if f.Zone != 90 || f.Subject != "Good Day!  ?again?[31m" || f.MessageID != "1@example.org" || f.Mailer != "Mail 1.0" || f.ReplyTo[0] != "o@free.example" {
		t.Errorf("%+v", f)
	}
}

// huge is what a field of 20 MB may take of a processor: some twenty times what it takes, and little of what one takes that is read again and
// again.
const huge = 5 * time.Second

func TestHugeFieldsAreQuick(t *testing.T) {
	for _, part := range []string{"<", "(", `"`, "a@b,", "=?utf-8?q?x?= ", ":;", "@a,"} {
		took := rig.CPU(t, func() {
			f := New()
			f.Field("From", strings.Repeat(part, 20<<20/len(part)))
			f.Field("Subject", strings.Repeat(part, 20<<20/len(part)))
		})
		if took > huge {
			t.Errorf("%s: it took %s", part, took)
		}
	}
}

func FuzzField(f *testing.F) {
	for _, v := range []string{"Anna <anna@example.org>", "a:b@c;", `"\`, "=?utf-8?b?//8=?=", "Mon, 1 Jan 2026 00:00:00 +9999"} {
		f.Add("From", v)
		f.Add("Subject", v)
		f.Add("Date", v)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		facts := New()
		facts.Field(name, value)
		facts.Field("From", value)
		for _, s := range append([]string{facts.Subject, facts.Mailer, facts.MessageID}, facts.Authors...) {
			if !utf8.ValidString(s) || len(s) > 3*MaxAddress || strings.ContainsAny(s, "\r\n\x00\x1b") {
				t.Errorf("unfit text %q", s)
			}
		}
		for _, a := range facts.Authors {
			if Canonical(a) != a {
				t.Errorf("%q is not canonical", a)
			}
		}
	})
}

// An author that is not looked at must not hide behind those that are.
func TestNoAuthorHidesBehindOthers(t *testing.T) {
	own := strings.TrimSuffix(strings.Repeat("anna@example.org, ", 16), ", ")
	for name, fields := range map[string][]string{
		"in one field":       {own + ", ceo@bank.example"},
		"in another field":   {own, "ceo@bank.example"},
		"where none parses":  {strings.ReplaceAll(own, ",", ";") + "; @@ ceo@bank.example"},
		"behind a long text": {"anna@example.org" + strings.Repeat(" ", MaxField) + ", ceo@bank.example"},
	} {
		f := New()
		for _, v := range fields {
			f.Field("From", v)
		}
		if !f.NoAuthor() && !slices.Contains(f.Authors, "ceo@bank.example") {
			t.Errorf("%s: authors %q", name, f.Authors)
		}
	}
	for _, name := range []string{"\x00From", "From\x00", "Fr\x01om", "From\t", " from"} {
		f := New()
		f.Field(name, "ceo@bank.example")
		f.Field("From", "anna@example.org")
		if !slices.Contains(f.Authors, "ceo@bank.example") {
			t.Errorf("in a field %q: authors %q", name, f.Authors)
		}
	}
	f := New()
	f.Field("From", "anna@example.org")
	for range 20 {
		f.Field("X-Junk", strings.Repeat("x", MaxField))
	}
	f.Field("From", "ceo@bank.example")
	if !f.NoAuthor() {
		t.Error("behind a long header section")
	}
}

// TestHostileAddresses: however an address is written, the one that a receiver would take it for is reported.
func TestHostileAddresses(t *testing.T) {
	long := strings.Repeat("a", 64<<10)
	for name, c := range map[string]struct {
		from string
		want []string // nil: unreadable is enough
	}{
		"quoted":                     {`"ceo" <ceo@bank.test>`, []string{"ceo@bank.test"}},
		"quoted local part":          {`<"ceo"@bank.test>`, []string{"ceo@bank.test"}},
		"a space in the local part":  {`<"the ceo"@bank.test>`, []string{`"the ceo"@bank.test`}},
		"an address as the name":     {`"anna@example.org" <ceo@bank.test>`, []string{"ceo@bank.test"}},
		"comments":                   {"(anna@example.org) ceo@bank.test (x)", []string{"ceo@bank.test"}},
		"a source route":             {"<@relay.test:ceo@bank.test>", []string{"ceo@bank.test"}},
		"a group":                    {"Us: anna@example.org, ceo@bank.test;", []string{"anna@example.org", "ceo@bank.test"}},
		"two authors":                {"anna@example.org, ceo@bank.test", []string{"anna@example.org", "ceo@bank.test"}},
		"folded amid the address":    {"ceo\r\n @bank.test", nil},
		"folded before it":           {"Anna\r\n <ceo@bank.test>", []string{"ceo@bank.test"}},
		"upper case and a last dot":  {"CEO@BANK.TEST.", []string{"ceo@bank.test"}},
		"internationalized":          {"<chef@bücher.test>", []string{"chef@xn--bcher-kva.test"}},
		"two angle brackets":         {"<anna@example.org> <ceo@bank.test>", []string{"anna@example.org", "ceo@bank.test"}},
		"an encoded name":            {"=?utf-8?q?anna=40example=2Eorg?= <ceo@bank.test>", []string{"ceo@bank.test"}},
		"no address":                 {"the management", nil},
		"nothing":                    {"", nil},
		"64 kB of local part":        {"<" + long + "@bank.test>", nil},
		"64 kB before the address":   {long + " <ceo@bank.test>", nil},
		"NUL and text turned around": {"<ceo\x00\u202e@bank.test>", nil},
		"no UTF-8":                   {"<ceo\xff@bank.test>", []string{"ceo\ufffd@bank.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := New()
			f.Field("From", c.from)
			for _, a := range c.want {
				if !slices.Contains(f.Authors, a) {
					t.Errorf("authors %.100q, want %q among them", f.Authors, a)
				}
			}
			if c.want == nil && !f.NoAuthor() && slices.Contains(f.Authors, "anna@example.org") {
				t.Errorf("it counts as anna's: %.100q", f.Authors)
			}
			for _, a := range f.Authors {
				if len(a) > MaxAddress+16 || strings.ContainsFunc(a, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("kept as it is: %.100q", a)
				}
			}
		})
	}
}
