package dmarc

import (
	"strings"
	"testing"
)

func TestAMendedRecordKeepsWhatIsSoundAsItWasPublished(t *testing.T) {
	for text, want := range map[string]string{
		"v=DMARC1; p=reject; sp=rejct; rua=mailto:a@example.org":        "v=DMARC1; p=reject; rua=mailto:a@example.org",
		"v=DMARC1; p=reject; rua=a@example.org":                         "v=DMARC1; p=reject; rua=mailto:a@example.org",
		"v=DMARC1; p=reject; rua=a@example.org,mailto:b@example.org!5m": "v=DMARC1; p=reject; rua=mailto:a@example.org,mailto:b@example.org!5m",
		"v=DMARC1; p=reject; ruf=nobody; rua=mailto:@x":                 "v=DMARC1; p=reject",
		"v=DMARC1;P=Reject;pct=50;x=y;fo=1:d;adkim=s;aspf=strict":       "v=DMARC1; P=Reject; pct=50; x=y; fo=1:d; adkim=s",
		"v=DMARC1; p=reject; np reject; p=none;":                        "v=DMARC1; p=reject",
		"v=DMARC1; p=rejct; p=reject":                                   "v=DMARC1; p=reject",
		"v=DMARC1; sp=reject; p=odd":                                    "v=DMARC1; p=none; sp=reject",
		"v=DMARC1; p=reject; rua=mailto:" + "\x01@x.example":            "v=DMARC1; p=reject",
	} {
		if got := Mended(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := Mended("v=DMARC1; p=reject; SP=none; np=none; rua=mailto:a@x.example", "sp", "np"); got != "v=DMARC1; p=reject; rua=mailto:a@x.example" {
		t.Error(got)
	}
}

func FuzzMended(f *testing.F) {
	f.Add("v=DMARC1; p=reject; sp=rejct; np=none; rua=a@b.example,mailto:c@d.example!1k; ruf=x; y=z;;=;p=none")
	f.Add("v=DMARC1;rua=,,@,a@:b@c" + strings.Repeat(";x", 99))
	f.Fuzz(func(t *testing.T, text string) {
		is := Parse(Mended("v=DMARC1;" + text))
		for _, x := range is.Remarks {
			switch x.Mark {
			case BadValue, BadTag, BadURI, TwiceTag, NoPolicy, NotAtEffect:
				t.Errorf("%q is mended to %q: %s %s", text, Mended("v=DMARC1;"+text), x.Mark, x.Text)
			}
		}
	})
}
