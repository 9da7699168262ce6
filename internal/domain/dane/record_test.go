package dane

import (
	"fmt"
	"strings"
	"testing"
)

func TestRecordsMatchWhatTheyName(t *testing.T) {
	der, key := []byte("a certificate"), []byte("its key")
	for text, want := range map[string]string{
		For(key):                     "match",
		For(der):                     "no",
		fmt.Sprintf("3 0 0 %x", der): "match",
		fmt.Sprintf("2 1 0 %X", key): "match",
		fmt.Sprintf("3 1 0 %x %x", key[:3], key[3:]): "match",
		"3 1 2 " + strings.Repeat("00", 64):          "no",
		"3 1 1 " + strings.Repeat("00", 31):          "error: digest",
		"1 1 1 " + strings.Repeat("00", 32):          "error: not for SMTP",
		"3 2 1 " + strings.Repeat("00", 32):          "error: unknown",
		"3 1 3 " + strings.Repeat("00", 32):          "error: unknown",
		"3 1 1 xy":                                   "error: hexadecimal",
		"3 1 1":                                      "error: a usage",
		"300 1 1 00":                                 "error: no number",
		"3 1 0":                                      "error: a usage",
	} {
		r, err := Parse(text)
		if wanted, bad := strings.CutPrefix(want, "error: "); bad != (err != nil) || bad && !strings.Contains(err.Error(), wanted) {
			t.Errorf("%.40q: %v", text, err)
		} else if !bad && r.Matches(der, key) != (want == "match") {
			t.Errorf("%.40q: %+v", text, r)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("3 1 1 8d02536c887482bc34ff54e41d2ba659bf85b341a0a20afadb5813dcfbcf286d")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := Parse(text); err == nil && (len(r.Data) == 0 || r.Usage < 2 || r.Usage > 3) {
			t.Errorf("%q: %+v", text, r)
		}
	})
}
