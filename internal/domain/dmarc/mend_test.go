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
		"v=DMARC1; p=none; rua=mailto: d@example.org":                   "v=DMARC1; p=none; rua=mailto:d@example.org",
		"v=DMARC1; p=none; rua=mailto:d@x.example mailto:e@x.example":   "v=DMARC1; p=none; rua=mailto:d@x.example,mailto:e@x.example",
		"v=DMARC1; p=none; rua=mailto:d@x.example; mailto:e@x.example":  "v=DMARC1; p=none; rua=mailto:d@x.example,mailto:e@x.example",
		"v=DMARC1; p=none; rua=mailto:<d@example.org>; adkim=s":         "v=DMARC1; p=none; rua=mailto:d@example.org; adkim=s",
		"v=dmarc1; p=reject":                                            "v=DMARC1; p=reject",
		"v=DMARC1 p=none":                                               "v=DMARC1; p=none",
		"v=DMARC1, p=reject, rua=mailto:d@x.example, sp=none":           "v=DMARC1; p=reject; rua=mailto:d@x.example; sp=none",
		"p=reject; v=DMARC1; rua=d@x.example":                           "v=DMARC1; p=reject; rua=mailto:d@x.example",
		"DMARC1; p=quarantine; pct=100":                                 "v=DMARC1; p=quarantine; pct=100",
		"v:DMARC1; p:reject; rua:mailto:d@x.example":                    "v=DMARC1; p=reject; rua=mailto:d@x.example",
		`"v=DMARC1; p=reject;"`:                                         "v=DMARC1; p=reject",
		"v=DMARC1;\u00a0p=reject;\u00a0rua=mailto:d@x.example":          "v=DMARC1; p=reject; rua=mailto:d@x.example",
		"v=DMARC1; p=reject, ; t=y.":                                    "v=DMARC1; p=reject; t=y",
	} {
		if got := Mended(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := Mended("v=DMARC1; p=reject; SP=none; np=none; rua=mailto:a@x.example", "sp", "np"); got != "v=DMARC1; p=reject; rua=mailto:a@x.example" {
		t.Error(got)
	}
}

func TestANearMissIsToldFromNothing(t *testing.T) {
	for text, want := range map[string]bool{
		"v=dmarc1; p=reject": true, "v=DMARC1 p=none": true, "p=none; v=DMARC1": true, "V=DMARC1; p=none": true, "v = DMARC 1; p=none": true, "DMARC1; p=none": true, "v:DMARC1; p=none": true,
		`"v=DMARC1; p=none"`: true, "v=DMARC1\u00a0; p=none": true, "v=DMARC; p=none": true, "p=reject; rua=mailto:a@b.example": true, "v=DMARC1, p=none": true, "v=D-MARC1; p=none": true,
		"v=DMARC1; p=none": false, "v=DMARC1": false, "": false, "v=spf1 -all": false, "v=DKIM1; p=MIIB": false, "dmarc is for later": false, "v=STSv1; id=p": false, "v=DMARC12; x=none": false, "ip=none": false,
	} {
		if Almost(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
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
