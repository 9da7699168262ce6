package authres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// shownField is a field on one line.
func shownField(f Field) string {
	text := f.ID
	for _, r := range f.Results {
		text += "; " + r.Method + "=" + r.Value
		if r.Reason != "" {
			text += fmt.Sprintf(" reason=%q", r.Reason)
		}
		for _, p := range r.Properties {
			text += fmt.Sprintf(" %s.%s=%s", p.Type, p.Name, p.Value)
		}
	}
	return text
}

// TestFieldsAreRead: the examples of RFC 8601 appendix B, what large services write, and what nobody should.
func TestFieldsAreRead(t *testing.T) {
	for value, want := range map[string]string{
		" example.org 1; none":                                  "example.org",
		"example.com;\r\n\t spf=pass smtp.mailfrom=example.net": "example.com; spf=pass smtp.mailfrom=example.net",
		"example.com;\r\n auth=pass (cleartext) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net":                                                                                                            "example.com; auth=pass smtp.auth=sender@example.net; spf=pass smtp.mailfrom=example.net",
		" example.com; dkim=pass reason=\"good signature\" header.i=@mail-router.example.net;\n dkim=fail reason=\"bad; signature\" header.i=@newyork.example.com":                                                               `example.com; dkim=pass reason="good signature" header.i=@mail-router.example.net; dkim=fail reason="bad; signature" header.i=@newyork.example.com`,
		"foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462": "foo.example.net; dkim=fail policy.expired=1362471462",
		// Google, Microsoft (which names no service), and others.
		" mx.google.com;\r\n dkim=pass (test mode) header.i=@github.com header.s=pf2014 header.b=1crXUDuJ;\r\n spf=pass (google.com: domain of a=b@c.example designates 192.0.2.1 as permitted sender) smtp.mailfrom=\"a=b@c.example\";\r\n dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=github.com": "mx.google.com; dkim=pass header.i=@github.com header.s=pf2014 header.b=1crXUDuJ; spf=pass smtp.mailfrom=a=b@c.example; dmarc=pass header.from=github.com",
		" spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=a.example; dkim=pass (signature was verified)\r\n header.d=a.example;dmarc=pass action=none header.from=a.example;compauth=pass reason=100":                                                                                                `; spf=pass smtp.mailfrom=a.example; dkim=pass header.d=a.example; dmarc=pass header.from=a.example; compauth=pass reason="100"`,
		"mx.microsoft.com 1; arc=pass (0 oda=1 ltdi=1 spf=[1,1,smtp.mailfrom=a.example] dkim=[1,1,header.d=b.example]); dkim=none":                                                                                                                                                                       "mx.microsoft.com; arc=pass; dkim=none",
		"MX.Example.ORG.; DKIM=PASS Header.D=B.example":                                "mx.example.org; dkim=pass header.d=B.example",
		"bücher.example; spf=pass smtp.mailfrom=jürgen@bücher.example":                 "xn--bcher-kva.example; spf=pass smtp.mailfrom=jürgen@bücher.example",
		`"mx;\".example" ; spf=pass`:                                                   `mx;".example; spf=pass`,
		`a.example; spf=pass smtp.mailfrom="x; dkim=pass header.d=y"@b.example`:        "a.example; spf=pass smtp.mailfrom=x; dkim=pass header.d=y@b.example",
		"a.example; spf=pass (x; dkim=pass) smtp.helo=b.example;; ; dkim; =pass;dkim=": "a.example; spf=pass smtp.helo=b.example",
		"a.example; spf=pass what header.d=b.example stray\"x\"":                       "a.example; spf=pass header.d=b.example",
		"a.example; spf=pass (never ends; dkim=pass":                                   "a.example; spf=pass; dkim=pass",
		"a.example":                   "a.example",
		"(only) a.example (x) ; none": "a.example",
	} {
		f, err := Parse(value)
		if got := shownField(f); err != nil || got != want {
			t.Errorf("%q\ngot  %s (%v)\nwant %s", value, got, err, want)
		}
	}
}

func TestFieldsThatCannotBeRead(t *testing.T) {
	for _, value := range []string{"", " ", ";", "()", "; spf=pass", strings.Repeat("x", MaxField+1)} {
		if f, err := Parse(value); err == nil {
			t.Errorf("%.20q is read as %+v", value, f)
		}
	}
	for _, value := range []string{"a.example 2; spf=pass", "a.example 0; none", "a.example 11"} {
		if _, err := Parse(value); !errors.Is(err, ErrVersion) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestReadingIsBounded(t *testing.T) {
	many, err := Parse("a.example" + strings.Repeat("; a=b", 5000))
	if err != nil || len(many.Results) != maxResults {
		t.Errorf("%d results, %v", len(many.Results), err)
	}
	one, err := Parse("a.example; a=b" + strings.Repeat(" c.d=e", 5000))
	if err != nil || len(one.Results[0].Properties) != maxProperties {
		t.Errorf("%d properties, %v", len(one.Results[0].Properties), err)
	}
}

func TestResultsAreFound(t *testing.T) {
	f, err := Parse("a.example; dkim=fail header.d=x.example; spf=pass; dkim=pass header.d=y.example header.d=z.example")
	if err != nil || len(f.Of("dkim")) != 2 || f.Of("dkim")[1].Property("header", "d") != "y.example" || f.Of("dkim")[1].Property("header", "i") != "" || f.Of("arc") != nil {
		t.Errorf("%+v %v", f, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{" example.org 1; none", "a.example; dkim (x) / 1 = pass reason=\"a;b\" header . d = \"x y\" ; spf=fail smtp.mailfrom=\"a\"@b", "spf=pass a=b",
		"\"", "(", "a;b=\"", "a;b=c(", "a 1 ;", "a;/=.", "a; . = x"} {
		f.Add(seed)
	}
	ours, err := New("mx.example.org")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		field, err := Parse(value)
		if err != nil {
			return
		}
		if len(field.Results) > maxResults {
			t.Errorf("%d results", len(field.Results))
		}
		written := ours.Value(field.Results...)
		checkWritten(t, written)
		again, err := Parse(written)
		if err != nil || again.ID != "mx.example.org" || len(again.Results) > len(field.Results) {
			t.Errorf("%q is written as %q and read as %+v, %v", value, written, again, err)
		}
		if !ours.Claims("Authentication-Results", written) {
			t.Errorf("%q is not known as ours", written)
		}
	})
}
