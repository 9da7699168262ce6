package arc

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/mail/canon"
	"postward/internal/wire/dns"
)

var update = flag.Bool("update", false, "write the cases of testdata anew")

// now is when the cases are judged.
var now = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// suiteCase is a case of testdata: NN-name.mail, NN-name.dns and NN-name.want.
type suiteCase struct {
	name    string
	section string // of RFC 8617 where no other is named
	shows   string
	make    func(m *making)
	want    string // a Result in few words; with Pass "oldest-pass=N", and the sealers
	dkimpy  string // what python3-dkim says; empty: the same
	because string // why both are right, or who is wrong
}

// file is where a case is. Cases have numbers in the order of the table.
func (c *suiteCase) file(n int) string {
	return filepath.Join("testdata", fmt.Sprintf("%03d-%s", n+1, c.name))
}

// wanted is the text of a .want file.
func (c *suiteCase) wanted() string {
	text := "section: " + c.section + "\nshows: " + c.shows + "\nwant: " + c.want + "\n"
	if c.dkimpy != "" {
		text += "dkimpy: " + c.dkimpy + "\nbecause: " + c.because + "\n"
	}
	return text
}

// TestTheCasesAreWhatTheirMakerMakes: the files are made by maker_test.go, and nobody changed them by hand.
func TestTheCasesAreWhatTheirMakerMakes(t *testing.T) {
	if *update {
		old, _ := filepath.Glob("testdata/[0-9]*")
		for _, file := range old {
			os.Remove(file)
		}
	}
	for n, c := range suite {
		m := newMaking(t)
		c.make(m)
		for ending, text := range map[string]string{".mail": m.mail(), ".dns": m.dns(), ".want": c.wanted()} {
			if *update {
				if err := os.WriteFile(c.file(n)+ending, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(c.file(n) + ending); err != nil || string(got) != text {
				t.Errorf("%s is another than its maker makes (%v): go test ./internal/mail/arc -update", c.file(n)+ending, err)
			}
		}
	}
	if all, _ := filepath.Glob("testdata/*.want"); len(all) != len(suite) {
		t.Errorf("%d cases in testdata, %d in the table", len(all), len(suite))
	}
}

// TestChainsAreJudgedAsRFC8617Says judges the files.
func TestChainsAreJudgedAsRFC8617Says(t *testing.T) {
	all, err := filepath.Glob("testdata/*.mail")
	if err != nil || len(all) < 60 {
		t.Fatalf("%d cases, and an error %v", len(all), err)
	}
	for _, file := range all {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".mail"), func(t *testing.T) {
			header, body := readMail(t, file)
			got := shown(validated(t, header, body, zoneOf(t, strings.TrimSuffix(file, ".mail")+".dns")))
			if want := wantOf(t, strings.TrimSuffix(file, ".mail")+".want", "want"); got != want {
				t.Errorf("\ngot  %s\nwant %s", got, want)
			}
		})
	}
}

// TestASetBelowAnUntrustedOneCountsForNothing: anybody can put it there (case set-of-another-mail).
func TestASetBelowAnUntrustedOneCountsForNothing(t *testing.T) {
	r := Result{Status: Pass, Seals: []Seal{{Domain: "a.example"}, {Domain: "b.example"}, {Domain: "c.example"}}}
	for trusted, want := range map[string]int{"": 0, "b.example c.example": 0, "a.example": 1, "a.example c.example": 1, "a.example b.example c.example": 3} {
		got := r.Vouched(func(domain string) bool { return slices.Contains(strings.Fields(trusted), domain) })
		if len(got) != want || want > 0 && got[0].Domain != "a.example" {
			t.Errorf("trusted %q: %+v", trusted, got)
		}
	}
	if got := (Result{Status: Fail}).Vouched(func(string) bool { return true }); len(got) != 0 {
		t.Errorf("of a chain that failed: %+v", got)
	}
}

// validated validates as a mail path does: the header first, then the body in pieces.
func validated(t testing.TB, header []canon.Field, body string, r Resolver) Result {
	t.Helper()
	c := Read(header)
	hashes := hashed(body, c.Forms()...)
	return c.Validate(context.Background(), r, hashes, now)
}

func hashed(body string, forms ...canon.Form) *canon.Body {
	hashes := canon.NewBody(forms...)
	for piece := range slices.Chunk([]byte(body), 1000) {
		hashes.Write(piece)
	}
	return hashes
}

// shown is a result on one line.
func shown(r Result) string {
	text := r.String()
	if r.Status == Pass {
		text += fmt.Sprintf(", oldest-pass=%d, by", r.OldestPass)
		for _, s := range r.Seals {
			text += " " + s.Domain
		}
	}
	return text
}

func readMail(t testing.TB, file string) ([]canon.Field, string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parseMail(string(text))
}

// parseMail takes a mail apart as a mail server does.
func parseMail(text string) (header []canon.Field, body string) {
	top, body, _ := strings.Cut("\r\n"+text, "\r\n\r\n")
	for _, line := range strings.Split(top, "\r\n")[1:] {
		if len(header) > 0 && line != "" && (line[0] == ' ' || line[0] == '\t') {
			header[len(header)-1].Value += "\r\n" + line
			continue
		}
		header = append(header, fields(line)...)
	}
	return header, body
}

func zoneOf(t testing.TB, file string) *dns.Zone {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := dns.ParseZone(strings.NewReader(string(text)), ".", file)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]dns.Outcome{"failure": dns.Failure, "timeout": dns.Timeout, "refused": dns.Refused, "lying": dns.Lying}
	for line := range strings.Lines(string(text)) {
		if failing, is := strings.CutPrefix(strings.TrimSpace(line), "; fail "); is {
			name, outcome, _ := strings.Cut(failing, " ")
			zone.Fail(name, outcomes[outcome])
		}
	}
	return zone
}

func wantOf(t testing.TB, file, key string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(strings.TrimSuffix(line, "\n"), key+": "); is {
			return value
		}
	}
	return ""
}
