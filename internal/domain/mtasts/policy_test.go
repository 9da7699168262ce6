package mtasts

import (
	"fmt"
	"strings"
	"testing"
)

func TestRecordsNameAPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"v=STSv1; id=20261124;":                  "20261124",
		"v=STSv1;id=a;x=y":                       "a",
		"v=STSv1; id=a; id=b":                    "a",
		"v=STSv1 ; id=a":                         "a",
		"v=STSv1;\tid=a ;x_y.z-1=!<>~;":          "a",
		"v=STSv1; id = a":                        "error: name=value",
		"v=STSv1; id= a":                         "error: name=value",
		"v=STSv1; id=a;; x=y":                    "error: name=value",
		"v=STSv1; id=a; x=y z":                   "error: name=value",
		"v=STSv1; id=a; =y":                      "error: name=value",
		"v=STSv1":                                "error: id=",
		"v=STSv1; id=a-b":                        "error: id=",
		"v=STSv1; id=" + strings.Repeat("a", 33): "error: id=",
		"v=STSv1; id":                            "error: name=value",
	} {
		id, err := ParseRecord(text)
		if wanted, bad := strings.CutPrefix(want, "error: "); bad != (err != nil) || bad && !strings.Contains(err.Error(), wanted) || !bad && id != want {
			t.Errorf("%q: %q %v", text, id, err)
		}
	}
}

func TestOtherTextsAreDiscarded(t *testing.T) {
	for text, want := range map[string]bool{"v=STSv1": true, "v=STSv1;": true, "v=STSv1 ; id=a": true, "v=STSv1; id": true, "v=STSv10; id=a": false, "v=STSv2; id=a": false, "v=stsv1; id=a": false,
		" v=STSv1; id=a": false, "v = STSv1; id=a": false, "v=STSv1 id=a": false, "v=STSv1a": false, "": false} {
		if IsRecord(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestPoliciesAreRead(t *testing.T) {
	const good = "version: STSv1\r\nmode: enforce\r\nmx: mx1.Example.org.\r\nmx: *.mail.example.org\r\nmax_age: 604800\r\n"
	p, err := ParsePolicy(good)
	if got := fmt.Sprint(p, err); got != "{enforce [mx1.example.org *.mail.example.org] 168h0m0s} <nil>" {
		t.Error(got)
	}
	for host, want := range map[string]bool{"MX1.example.org.": true, "a.mail.example.org": true, "mail.example.org": false, "a.b.mail.example.org": false, "org": false, "": false} {
		if p.Covers(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
	for old, new := range map[string]string{"STSv1": "STSv2", "enforce": "maybe", "604800": "31557601", "max_age": "age", "mx: ": "m: ", "mode: ": "mode ", "mode:": "mode :", "max_age:": " max_age:", "mx1.Example.org.\r\n": "x\r\n" + strings.Repeat("mx: a\n", 101),
		"version": strings.Repeat("\r\n", MaxPolicy) + "version"} {
		if p, err := ParsePolicy(strings.ReplaceAll(good, old, new)); err == nil {
			t.Errorf("%s for %s: %+v", new, old, p)
		}
	}
	if _, err := ParsePolicy("version: STSv1\nmode: none\nmode: enforce\nmax_age: 0"); err != nil {
		t.Error(err)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add("version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\nmax_age: 604800\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePolicy(text)
		if err == nil && (len(p.MX) > maxMX || p.MaxAge > maxAge || p.Mode != None && len(p.MX) == 0) {
			t.Errorf("%q: %+v", text, p)
		}
		if id, err := ParseRecord(text); err == nil && (id == "" || len(id) > 32) {
			t.Errorf("%q: %q", text, id)
		}
		p.Covers(text)
	})
}
