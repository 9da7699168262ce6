package investigate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLettersAndQuotesOfAnAddressChangeNothing: who was written to before is known, however the log has it now.
func TestLettersAndQuotesOfAnAddressChangeNothing(t *testing.T) {
	report := func(form func(i int) string) string {
		w := &writer{}
		for day := range 3 {
			for i := range 12 {
				w.mail(monday.AddDate(0, 0, day).Add(time.Duration(i)*time.Minute), "anna", "203.0.113.80", fmt.Sprintf("friend%d@far.example", i), took)
			}
		}
		for i := range 12 {
			w.mail(monday.AddDate(0, 0, 8).Add(time.Duration(i)*time.Minute), "anna", "198.51.100.77", form(i), took)
		}
		x := New(Options{Now: monday.AddDate(0, 0, 9)})
		for _, l := range w.lines {
			x.Line([]byte(l), monday.AddDate(0, 0, 9))
		}
		text, err := json.Marshal(x.Finish())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	plain := report(func(i int) string { return fmt.Sprintf("friend%d@far.example", i) })
	if !strings.Contains(plain, `"receivers":[{"domain":"far.example"`) {
		t.Fatalf("%.2000s", plain)
	}
	for name, form := range map[string]string{"capitals": "Friend%d@Far.EXAMPLE", "quotes": `"friend%d"@far.example`, "a last dot": "friend%d@far.example."} {
		if got := report(func(i int) string { return fmt.Sprintf(form, i) }); got != plain {
			t.Errorf("%s: %.900s\nand plainly %.900s", name, got, plain)
		}
	}
}

func TestTheReceiverOfAQuotedLocalPartIsItsDomain(t *testing.T) {
	w := &writer{}
	w.mail(monday, "anna", "203.0.113.80", `"a@b"@Far.example`, took)
	x := New(Options{Now: monday.AddDate(0, 0, 1)})
	for _, l := range w.lines {
		x.Line([]byte(l), monday.AddDate(0, 0, 1))
	}
	if r := x.Finish(); len(r.Replies) != 1 || r.Replies[0].Domain != "far.example" {
		t.Errorf("%+v", r.Replies[0])
	}
}
