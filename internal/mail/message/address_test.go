package message

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCanonicalFormsOfOneAddress(t *testing.T) {
	for path, want := range map[string]string{
		"<Anna@Example.ORG>":              "anna@example.org",
		" anna@example.org. ":             "anna@example.org",
		"<@relay.example,@b:anna@c.test>": "anna@c.test",
		`"anna"@example.org`:              "anna@example.org",
		`"an\na"@example.org`:             "anna@example.org",
		`"an na"@example.org`:             `"an na"@example.org`,
		`"a@b"@example.org`:               `"a@b"@example.org`,
		`a@b@example.org`:                 `"a@b"@example.org`, // as Postfix before 3.5 logs it
		`".a"@example.org`:                ".a@example.org",
		".a@example.org":                  ".a@example.org",
		`"a..b"@example.org`:              "a..b@example.org", // docomo.ne.jp has had such
		`"a\"\\b"@example.org`:            `"a\"\\b"@example.org`,
		"<>":                              "",
		"postmaster":                      "postmaster",
		"POSTMASTER":                      "postmaster",
		"*@Example.org":                   "*@example.org",
		"anna@Bücher.example":             "anna@xn--bcher-kva.example",
		"anna@bu\u0308cher.example":       "anna@xn--bcher-kva.example",
		"anna@XN--BCHER-KVA.example.":     "anna@xn--bcher-kva.example",
		"anna@bücher。example":             "anna@xn--bcher-kva.example",
		"anna@ＥXAMPLE.org":                "anna@example.org",
		"anna@faß.example":                "anna@xn--fa-hia.example", // and not fass.example
		"anna@bü_x.example":               "anna@xn--b_x-hoa.example",
		"ANDRÉ@example.org":               "andré@example.org",
		"andre\u0301@example.org":         "andré@example.org",
		"ΝΙΚΟΣ@example.org":               "νικοσ@example.org",
		"νικος@example.org":               "νικοσ@example.org",
		"anna@[192.0.2.1]":                "anna@[192.0.2.1]",
		"anna@[IPv6:2001:DB8:0::1]":       "anna@[ipv6:2001:db8::1]",
	} {
		if got := Canonical(path); got != want {
			t.Errorf("Canonical(%.40q) = %.60q, want %.60q", path, got, want)
		}
	}
}

// TestTwoAddressesAreNeverOne: what cannot be read is neither shortened nor mended.
func TestTwoAddressesAreNeverOne(t *testing.T) {
	comment := "(" + strings.Repeat("c", 600) + ")"
	seen := map[string]string{}
	for _, s := range []string{
		comment + "one@example.net", comment + "two@example.net", strings.Repeat("x", 70000) + "@a.test", strings.Repeat("x", 70000) + "@b.test",
		"b\x01b@example.net", "b\x02b@example.net", "b?b@example.net", "b\u202eb@example.net", "b\u200bb@example.net", "b\xe9b@example.net", "b\xeab@example.net",
		"anna@example.org@", "@example.org", `""@example.org`, `"anna@example.org`, `"anna"b@example.org`, "anna@exam ple.org", "anna@example..org",
		"anna@[192.0.2.1", "anna@[x.test]", "anna@[2001:db8::1]", "anna@[IPv6:192.0.2.1]", "anna@b＠x.test", "ceo@bank.example (@example.org", "<anna@example.org", "an na@example.org",
		"anna@.", "anna@ü?.test",
	} {
		if a, err := Address(s); err == nil && s != "b?b@example.net" {
			t.Errorf("Address(%.60q) = %q", s, a)
		}
		a := Canonical(s)
		if before, twice := seen[a]; twice {
			t.Errorf("%.60q and %.60q are both %q", before, s, a)
		}
		seen[a] = s
	}
}

func TestPathIsStrict(t *testing.T) {
	for s, want := range map[string]string{
		"<>": "", "<Postmaster>": "postmaster", "<Anna@Example.ORG.>": "anna@example.org", "<@a.test,@b.test:anna@c.test>": "anna@c.test",
		`<"a b"@c.test>`: `"a b"@c.test`, "<a..b@c.test>": "a..b@c.test", "<a%b@c.test>": "a%b@c.test",
	} {
		if got, err := Path(s); err != nil || got != want {
			t.Errorf("Path(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "<", ">", "anna@c.test", "<anna@c.test", "<anna@c.test> ", "<(x)anna@c.test>", "<anna@c.test (x)>", "<Anna <anna@c.test>>", "<a@b@c.test>",
		"<@a.test>", "<@:anna@c.test", "<@a test:anna@c.test>", "<a:b@c.test>", `<a\b@c.test>`, "<a,b@c.test>", "<a b@c.test>", `<"a"."b"@c.test>`,
	} {
		if got, err := Path(s); err == nil {
			t.Errorf("Path(%q) = %q", s, got)
		}
	}
}

func TestAccountIsEqualToItsAddress(t *testing.T) {
	for login, want := range map[string]string{
		"Anna": "anna", "Anna@Example.org": "anna@example.org", "anna@Bücher.example": "anna@xn--bcher-kva.example", `"anna"@example.org`: "anna@example.org",
		`CORP\Anna`: `corp\anna`, "local:www-data": "local:www-data", "net:2001:db8::": "net:2001:db8::", "an na": "an na", `"anna"`: `"anna"`, "a@b c": "a@b c", "": "",
	} {
		if got := Account(login); got != want {
			t.Errorf("Account(%q) = %q, want %q", login, got, want)
		}
	}
}

func TestTheDomainOfAnAddressIsNotInItsQuotes(t *testing.T) {
	for address, want := range map[string]string{"anna@x.test": "x.test", `"a@b"@x.test`: "x.test", `"a@b"`: "", "anna": "", "": ""} {
		if got := DomainOf(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestAnOrdinaryAddressIsReadWithoutMemory(t *testing.T) {
	for _, s := range []string{"anna.smith+shop@mail.example.org", `"an na"@example.org`[3:], "xn--anna@xn--bcher-kva.example"} {
		if n := testing.AllocsPerRun(100, func() { Address(s) }); n > 0 {
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"<Anna@Example.ORG.>", `"a\"b"@x.test`, "<@a,@b:c@d>", "a@[IPv6:::1]", "ß@faß.test", "İ@İ.test", "Σς@x。test", "a@xn--a", "a@＠", "x@\u0345", "ﬀ@ﬀ.test", "a@b@c", "", `""@x`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := Canonical(s)
		if a, err := Address(c); err != nil || a != c {
			t.Errorf("Canonical(%q) = %q, and that is read as %q, %v", s, c, a, err)
		}
		if len(c) > MaxAddress || !utf8.ValidString(c) || strings.ContainsFunc(c, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Canonical(%q) = %q is unfit", s, c)
		}
		if p, err := Path(s); err == nil && p != Canonical(s) {
			t.Errorf("Path(%q) = %q, and Canonical says %q", s, p, Canonical(s))
		}
		if a := Account(s); Account(a) != a {
			t.Errorf("Account(%q) = %q is not stable", s, a)
		}
	})
}

// Folding twice is folding once, for every letter that there is: package cases swaps the Cherokee ones.
func TestFoldingIsStableForEveryLetter(t *testing.T) {
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !unicode.IsLetter(r) {
			continue
		}
		once, err := fold("x" + string(r))
		if err != nil {
			continue
		}
		if twice, err := fold(once); err != nil || twice != once {
			t.Errorf("%+q folds to %+q, and that to %+q (%v)", r, once, twice, err)
		}
		upper, lower := "x"+string(unicode.ToUpper(r)), "x"+string(unicode.ToLower(r))
		if a, errA := fold(upper); errA == nil && unicode.SimpleFold(unicode.ToUpper(r)) != unicode.ToUpper(r) {
			if b, errB := fold(lower); errB == nil && a != b && unicode.ToLower(unicode.ToUpper(r)) == unicode.ToLower(r) {
				t.Errorf("%+q and %+q are one letter, and %+q and %+q", upper, lower, a, b)
			}
		}
	}
}
