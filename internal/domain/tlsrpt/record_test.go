package tlsrpt

import (
	"strings"
	"testing"
)

func TestRecordsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"v=TLSRPTv1; rua=mailto:a@b.example":                         "mailto:a@b.example",
		"v=TLSRPTv1;rua=mailto:a@b.example , https://c.example/x;":   "mailto:a@b.example https://c.example/x",
		"v=TLSRPTv1; x=y; rua=https://c.example":                     "https://c.example",
		"v=TLSRPTv1 \t; rua=mailto:a@b.example":                      "mailto:a@b.example",
		"v=TLSRPTv1x; rua=mailto:a@b.example":                        "error: does not begin",
		"v=TLSRPTv2; rua=mailto:a@b.example":                         "error: does not begin",
		"v=TLSRPTv1":                                                 "error: rua is missing",
		"v=TLSRPTv1; rua=a@b.example":                                "error: no mailto: or https: URI",
		"v=TLSRPTv1; rua=http://b.example":                           "error: no mailto: or https: URI",
		"v=TLSRPTv1; rua=mailto:":                                    "error: no mailto: or https: URI",
		"v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@b.example": "error: twice",
		"v=TLSRPTv1; rua":                                            "error: no name=value",
		"v=TLSRPTv1; rua=" + strings.Repeat("mailto:a@b.example,", 40) + "mailto:a@b.example": "error: more than",
		"v=TLSRPTv1; rua=mailto:" + strings.Repeat("a", MaxText):                              "error: octets",
	} {
		r, err := Parse(text)
		if wanted, bad := strings.CutPrefix(want, "error: "); bad != (err != nil) || bad && !strings.Contains(err.Error(), wanted) {
			t.Errorf("%.60q: %v", text, err)
		} else if !bad && strings.Join(r.To, " ") != want {
			t.Errorf("%.60q: %q", text, r.To)
		}
	}
}

func TestAMendedRecordKeepsItsAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"v=TLSRPTv1; rua=a@b.example":                                 "v=TLSRPTv1; rua=mailto:a@b.example",
		"v=TLSRPTv1 rua=mailto: a@b.example":                          "v=TLSRPTv1; rua=mailto:a@b.example",
		"v=tlsrptv1; rua=mailto:<a@b.example>":                        "v=TLSRPTv1; rua=mailto:a@b.example",
		"v=TLSRPTv1; rua=mailto:a@b.example; rua=https://c.example/x": "v=TLSRPTv1; rua=mailto:a@b.example",
		"v=TLSRPTv1; rua:mailto:a@b.example mailto:c@b.example":       "v=TLSRPTv1; rua=mailto:a@b.example,mailto:c@b.example",
		"v=TLSRPTv1; rua=nobody":                                      "",
		"v=TLSRPTv1":                                                  "",
	} {
		if got := Mended(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := Mended("v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:c@b.example,mailto:a@b.example"); got != "v=TLSRPTv1; rua=mailto:a@b.example,mailto:c@b.example" {
		t.Error(got)
	}
	for text, want := range map[string]bool{"v=tlsrptv1; rua=x": true, "v=TLSRPTv1 rua=x": true, "v=TLSRPT1; rua=x": true, "v=TLSRPT; rua=x": true, " v=TLSRPTv1; rua=x": true, "v=TLSRPTv1; rua=x": false, "v=TLSRPTv2; rua=x": false, "v=spf1 -all": false, "": false} {
		if Almost(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=mailto:a@b.example,https://c.example/x; x=y")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err == nil && (len(r.To) == 0 || len(r.To) > maxURIs) {
			t.Errorf("%q: %q", text, r.To)
		}
		if mended := Mended(text); mended != "" {
			if _, err := Parse(mended); err != nil {
				t.Errorf("%q is mended to %q: %v", text, mended, err)
			}
		}
	})
}
