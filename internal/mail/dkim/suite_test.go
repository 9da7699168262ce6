package dkim

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

// suiteCase is a case of testdata: NNN-name.mail, NNN-name.dns and NNN-name.want.
type suiteCase struct {
	name    string
	section string // of RFC 6376 where no other is named
	shows   string
	make    func(m *making)
	want    string // the results in few words, the topmost first
}

// file is where a case is. Cases have numbers in the order of the table.
func (c *suiteCase) file(n int) string {
	return filepath.Join("testdata", fmt.Sprintf("%03d-%s", n+1, c.name))
}

// wanted is the text of a .want file.
func (c *suiteCase) wanted() string {
	text := "section: " + c.section + "\nshows: " + c.shows + "\nwant: " + c.want + "\n"
	for _, o := range otherwise[c.name] {
		text += o.who + ": " + o.says + ", because: " + o.because + "\n"
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
				t.Errorf("%s is another than its maker makes (%v): go test ./internal/mail/dkim -update", c.file(n)+ending, err)
			}
		}
	}
	if all, _ := filepath.Glob("testdata/*.want"); len(all) != len(suite) {
		t.Errorf("%d cases in testdata, %d in the table", len(all), len(suite))
	}
}

// TestSignaturesAreJudgedAsRFC6376Says judges the files.
func TestSignaturesAreJudgedAsRFC6376Says(t *testing.T) {
	all, err := filepath.Glob("testdata/*.mail")
	if err != nil || len(all) < 60 {
		t.Fatalf("%d cases, and an error %v", len(all), err)
	}
	for _, file := range all {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".mail"), func(t *testing.T) {
			header, body := readMail(t, file)
			got := shown(verified(header, body, zoneOf(t, strings.TrimSuffix(file, ".mail")+".dns")))
			if want := wantOf(t, strings.TrimSuffix(file, ".mail")+".want", "want"); got != want {
				t.Errorf("\ngot  %s\nwant %s", got, want)
			}
		})
	}
}

// TestEveryReasonHasACaseAndAStatus: and no status is without a reason.
func TestEveryReasonHasACaseAndAStatus(t *testing.T) {
	for why, status := range statusOf {
		want := status.String() + ": " + string(why)
		if why == "" {
			want = "pass"
		}
		if !slices.ContainsFunc(suite, func(c suiteCase) bool { return strings.Contains(c.want, want) }) {
			t.Errorf("no case shows %q", want)
		}
	}
}

// verified verifies as a mail path does: the header first, the keys while the body comes in pieces.
func verified(header []canon.Field, body string, r Resolver) []Result {
	s := Read(header)
	asked := s.Ask(context.Background(), r)
	return s.Verify(context.Background(), asked, hashed(body, s.Forms()...), now)
}

func hashed(body string, forms ...canon.Form) *canon.Body {
	hashes := canon.NewBody(forms...)
	for piece := range slices.Chunk([]byte(body), 1000) {
		hashes.Write(piece)
	}
	return hashes
}

// shown are results on one line.
func shown(all []Result) string {
	if len(all) == 0 {
		return "none"
	}
	var words []string
	for _, r := range all {
		text := strings.TrimSuffix(r.String(), ", d=author.example s=s")
		if r.AUID != "@"+r.Domain && r.AUID != "" {
			text += " i=" + r.AUID
		}
		if r.Testing {
			text += " testing"
		}
		words = append(words, text)
	}
	return strings.Join(words, " | ")
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
	for _, line := range strings.Split(strings.TrimSuffix(top, "\r\n"), "\r\n")[1:] {
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
	return parseZone(t, string(text))
}

func parseZone(t testing.TB, text string) *dns.Zone {
	t.Helper()
	zone, err := dns.ParseZone(strings.NewReader(text), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]dns.Outcome{"failure": dns.Failure, "timeout": dns.Timeout, "refused": dns.Refused, "lying": dns.Lying}
	for line := range strings.Lines(text) {
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
