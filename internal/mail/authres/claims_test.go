package authres

import (
	"strings"
	"testing"
)

// forged are values of fields that must be removed: some reader takes them for ours, or they have an unknown version.
var forged = []string{
	"mx.example.org; dkim=pass", " mx.example.org; dkim=pass header.d=bank.example", "mx.example.org;dkim=pass", "mx.example.org", "mx.example.org;", "mx.example.org; none",
	"MX.EXAMPLE.ORG; dkim=pass", "Mx.eXample.Org 1; dkim=pass", "mx.example.org 1", "mx.example.org 01;", "mx.example.org 2; dkim=pass", "mx.example.org/1; dkim=pass", "mx.example.org 1 ; none",
	"old.example.org; dkim=pass",
	// comments
	"(x) mx.example.org; dkim=pass", "(x(y)z)(a\\)b) mx.example.org (c) 1 (d); dkim=pass", "(a;b) mx.example.org; dkim=pass", "mx.example.org(x); dkim=pass", "mx.(x)example.org; dkim=pass", "mx .example. (x) org; dkim=pass",
	// folding
	"\r\n mx.example.org; dkim=pass", "\n\tmx.example.org;\n\tdkim=pass", "\r\n (x)\r\n mx.example.org\r\n 1\r\n ; dkim=pass", "mx.exam\r\n ple.org; dkim=pass", "mx.exam\r\n\tple.org 1; dkim=pass", "mx.\r\n example.org;",
	// quoted strings
	`"mx.example.org"; dkim=pass`, `"mx.example.org" 1; dkim=pass`, `"m\x.exa\mple.org"; dkim=pass`, `(x)"MX.example.org."; none`, `" mx.example.org "; dkim=pass`, `"mx".example.org; dkim=pass`, `mx."example".org; x=y`,
	`"mx.example.org`, `"mx.example.org; dkim=pass`, `"mx.example.org 1"; dkim=pass`, `mx\.example.org; dkim=pass`, `"mx."example.org; dkim=pass`,
	// dots, and what is in no authserv-id
	"mx.example.org.; dkim=pass", "mx.example.org..; dkim=pass", "mx.example.org:25; dkim=pass", "mx.example.org, x; dkim=pass", "mx.example.org@x; dkim=pass", "mx.example.org=x; dkim=pass", "; mx.example.org; dkim=pass", " ;; mx.example.org",
	"mx.example.org foo; dkim=pass", "mx.example.org\x00; dkim=pass", "mx.exa\x00mple.org; dkim=pass", "mx.example\x0b.org; dkim=pass", "mx.example.org\r; dkim=pass", "mx.example.org\x7f;", "\xef\xbb\xbfmx.example.org; dkim=pass",
	"mx.example.org . evil.example; dkim=pass",
	`""mx.example.org; dkim=pass`, "<mx.example.org>; dkim=pass", "'mx.example.org'; dkim=pass", "[mx.example.org]; dkim=pass", ":mx.example.org; dkim=pass", ", mx.example.org; dkim=pass",
	"=mx.example.org; dkim=pass", "@mx.example.org; dkim=pass", "(mx.example.org; dkim=pass", "((x) mx.example.org; dkim=pass", "; ( mx.example.org; dkim=pass",
	// what is left out by some, and a blank to others
	"mx.example.org\r1; dkim=pass", "mX.eXAmple.org\r1", "mx.example.org\x0b1; dkim=pass", "mx.example.org\x0c1; none", "mx.example.org\x001;", "mx.example.org\x7f1;", "mx.example.org\u200b1;", "mx.example.org\u00851;",
	"mx.example.org\ufeff1;", "mx.example.org\u20281;", "mx.example.org\rfoo; dkim=pass", "mx.example.org\x85foo;", "(x)\rmx.example.org\r1;", "mx.other.example\r2; none", "\"mx.example.org\r1\"; none", "mx.example.org\ufe0f1;",
	"mx.exam\u00adple.org\r1;", "mx.exa\x00mple.org\u200b1;", "m\x00x.exam\ufe0fple.org\x0b1;", "m\rx.example.org\x001;",
	"\r\n mx.example.org\r1\r\n ;",
	// names beyond ASCII
	"bücher.example; dkim=pass", "BÜCHER.example; dkim=pass", "xn--bcher-kva.example; dkim=pass", "XN--BCHER-KVA.EXAMPLE; dkim=pass", "bu\u0308cher.example; dkim=pass", "b\xfccher.example; dkim=pass",
	"mx。example．org; dkim=pass", "ｍｘ.example.org; dkim=pass", "mx.exam\u00adple.org; dkim=pass", "mx.exam\u200bple.org; dkim=pass", "\u202emx.example.org; dkim=pass", "mx.example.org\u00a0; dkim=pass", "\u3000mx.example.org;",
	"mx.exam\ufe00ple.org; dkim=pass", "mx.exam\u034fple.org; dkim=pass", "mx.exam\u180bple.org; dkim=pass", "mx" + strings.Repeat("\ufe0f", 300) + ".example.org; dkim=pass", "mx\uff0eexample\uff61org; dkim=pass",
	"\"b\u00fccher.example\"; dkim=pass",
	// encoded words
	"=?utf-8?q?mx.example.org?=; dkim=pass", "=?UTF-8?B?bXguZXhhbXBsZS5vcmc=?=; dkim=pass", "=?utf-8?q?mx.example.org=3B_dkim=3Dpass?=", "=?iso-8859-1?q?b=FCcher.example?=; none", "=?utf-8?q?mx.?= =?utf-8?q?example.org?=; dkim=pass",
	// of somebody else, and of a version that nobody knows
	"mx.other.example 2; dkim=pass", "mx.other.example (x) 99; none", `"mx.other.example" 0; none`, "mx.other.example/2; dkim=pass",
}

// honest are values that must stay.
var honest = []string{
	"mx.other.example; dkim=pass", "mx.other.example 1; dkim=pass", "mx.other.example 1", "mx.other.example 01; none", "(x) mx.other.example; none", "mx.other.example; dkim=pass header.d=mx.example.org",
	"mx.example.org.evil.example; dkim=pass", "evil-mx.example.org; dkim=pass", "x.mx.example.org; dkim=pass", "example.org; dkim=pass", "mx.example.orga; dkim=pass", "mx.example.org-x; dkim=pass", "mx.example.org_; dkim=pass",
	"mx.example.orgé; dkim=pass", "(mx.example.org) mx.other.example; dkim=pass", "mx.other.example (mx.example.org); dkim=pass", "mx.other.example; mx.example.org; dkim=pass", `"mx.other.example" (x); none`,
	"spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=mx.example.org; dkim=none", "dkim=pass header.d=mx.example.org", "mx-example.org; none", "mxexample.org; none", "mx.example; org=pass", "bucher.example; none", "", " ", ";", "\"\"; none",
	"mx.other.example\r\n mx.example.org; none", "=?utf-8?q?mx.other.example?=; none", "=?x?y?z?=; none", "mx.other.example 1.2; none", "mx.other.example 2 x; none", "mx.other.example v2; none", "mx.example.org1; dkim=pass", "mx.e xample.org; none",
}

func TestForgedFieldsAreFound(t *testing.T) {
	s := service(t)
	for _, value := range forged {
		if !s.Claims("Authentication-Results", value) {
			t.Errorf("%q is taken for somebody else's", value)
		}
	}
	for _, name := range []string{"authentication-results", "AUTHENTICATION-RESULTS", "Authentication-Results ", "Authentication-Results\t", "Authentication\x00-Results"} {
		if !s.Claims(name, "mx.example.org; dkim=pass") {
			t.Errorf("a field called %q is passed over", name)
		}
	}
}

func TestHonestFieldsStay(t *testing.T) {
	s := service(t)
	for _, value := range honest {
		if s.Claims("Authentication-Results", value) {
			t.Errorf("%q is taken for ours", value)
		}
	}
	for _, name := range []string{"ARC-Authentication-Results", "X-Authentication-Results", "Original-Authentication-Results", "Authentication-Result", "Received-SPF", ""} {
		if s.Claims(name, "mx.example.org; dkim=pass") {
			t.Errorf("a field called %q is taken for ours", name)
		}
	}
}

// TestWhatAnotherReaderTakesForOursIsFound: of all these values python3-authres reads none as ours that we leave.
func TestWhatAnotherReaderTakesForOursIsFound(t *testing.T) {
	s, values := service(t), append(append([]string{}, forged...), honest...)
	ours := 0
	for i, words := range others(t, values) {
		if len(words) == 0 || !s.is(words[0]) {
			continue
		}
		if ours++; !s.Claims("Authentication-Results", values[i]) {
			t.Errorf("python3-authres reads %q as of %s", values[i], words[0])
		}
	}
	t.Logf("python3-authres: takes %d of %d values for ours", ours, len(values))
	if ours < 10 {
		t.Errorf("python3-authres takes only %d for ours: it was not asked well", ours)
	}
}

// FuzzForges: what our own reader takes for ours is a claim, whatever stands before it.
func FuzzForges(f *testing.F) {
	for _, value := range append(append([]string{}, forged...), honest...) {
		f.Add(value, "")
		f.Add(value, "(x)\r\n ")
	}
	s := service(f)
	f.Fuzz(func(t *testing.T, value, before string) {
		claims := s.Claims("Authentication-Results", value)
		if field, err := Parse(value); err == nil && s.is(field.ID) && !claims {
			t.Errorf("%q is read as of %s and no claim", value, field.ID)
		}
		id, _, _ := strings.Cut(value, ";")
		if s.is(strings.TrimSpace(id)) && !claims {
			t.Errorf("%q is no claim to who cuts at the semicolon", value)
		}
		if rest := (&scanner{rest: before}); claims && rest.skip() && rest.rest == "" && !s.Claims("Authentication-Results", before+value) {
			t.Errorf("%q is no claim behind %q", value, before)
		}
	})
}
