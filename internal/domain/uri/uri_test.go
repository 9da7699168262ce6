package uri

import (
	"strings"
	"testing"
)

func TestWhatIsAURI(t *testing.T) {
	for text, want := range map[string]string{
		"mailto:d@example.org": "mailto example.org", "MAILTO:D@Example.ORG.": "mailto example.org", "mailto:d+x%40y@example.org": "mailto example.org", "mailto:d@example.org?subject=x": "mailto example.org",
		"https://example.org/x?y=1": "https ", "x:y": "x ",
		"mailto: d@example.org": "", "mailto:d@example.org mailto:e@example.org": "", "mailto:<d@example.org>": "", "mailto:d@example.org>": "", "mailto:d@@example.org": "", "mailto:d@example..org": "",
		"mailto://d@example.org": "", "mailto:d": "", "mailto:@example.org": "", "mailto:d@": "", "mailto:d@-x.example": "", "d@example.org": "", "": "", "mailto:d@ex%zzample.org": "",
		"mailto:d@b\u00fccher.example": "", "mailto:d@example.org\x00": "", "1x:y": "",
	} {
		if got := strings.TrimSpace(Scheme(text) + " " + Host(text)); got != strings.TrimSpace(want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAListIsReadAsItWasMeant(t *testing.T) {
	for list, want := range map[string]string{
		"mailto:d@example.org":                            "mailto:d@example.org",
		"mailto:d@example.org!10m, https://example.org/x": "mailto:d@example.org!10m https://example.org/x",
		"mailto: d@example.org":                           "mailto:d@example.org",
		"mailto:\u00a0d@example.org":                      "mailto:d@example.org",
		"mailto:d@example.org mailto:e@example.org":       "mailto:d@example.org mailto:e@example.org",
		"mailto:d@example.org;mailto:e@example.org":       "mailto:d@example.org mailto:e@example.org",
		"mailto:d@example.orgmailto:e@example.org":        "mailto:d@example.org mailto:e@example.org",
		"mailto:<d@example.org>":                          "mailto:d@example.org",
		"<mailto:d@example.org>, \"e@example.org\"":       "mailto:d@example.org mailto:e@example.org",
		"d@example.org,e@example.org,d@example.org":       "mailto:d@example.org mailto:e@example.org",
		"mailto:mailto:d@example.org":                     "mailto:d@example.org",
		"mailto://d@example.org":                          "mailto:d@example.org",
		"mailto=d@example.org":                            "mailto:d@example.org",
		"mail to:d@example.org.":                          "mailto:d@example.org",
		"=d@example.org":                                  "mailto:d@example.org",
		"mailto:,==d@example.org":                         "mailto:d@example.org",
		"=@0, mailto:,=@0":                                "",
		"nobody, mailto:@x, mailto:d@@x.example":          "",
		"":                                                "",
	} {
		if got := strings.Join(Mended(list), " "); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}

func FuzzMended(f *testing.F) {
	f.Add("mailto: d@example.org;<e@example.org>!5m mailto:mailto:f@x.example,https://x/,:@,mail to")
	f.Fuzz(func(t *testing.T, list string) {
		all := Mended(list)
		for _, text := range all {
			if plain, _, _ := strings.Cut(text, "!"); Scheme(plain) == "" || strings.ContainsAny(text, " ,;") {
				t.Errorf("%q has %q", list, text)
			}
		}
		if again := Mended(strings.Join(all, ",")); strings.Join(again, " ") != strings.Join(all, " ") {
			t.Errorf("%q: %q, and that %q", list, all, again)
		}
	})
}
