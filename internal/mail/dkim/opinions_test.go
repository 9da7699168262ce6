package dkim

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"postward/internal/wire/dns"
)

// order is what dkimpy is told to do, opinion what it says; see testdata/dkimpy.py.
type order struct {
	Do        string              `json:"do"`
	Mail      string              `json:"mail"`
	Keys      map[string][]string `json:"keys,omitempty"`
	Fails     []string            `json:"fails,omitempty"`
	Key       string              `json:"key,omitempty"`
	Algorithm string              `json:"algorithm,omitempty"`
	Forms     string              `json:"forms,omitempty"`
	Domain    string              `json:"domain,omitempty"`
	Selector  string              `json:"selector,omitempty"`
}

type opinion struct {
	Says  []string `json:"says"`
	Why   string   `json:"why"`
	Field string   `json:"field"`
}

// dkimpy has somebody else's program look at mails. Debian's python finds it, others may not.
func dkimpy(t *testing.T, orders []order) []opinion {
	t.Helper()
	if testing.Short() {
		t.Skip("another program is started: not in make unit")
	}
	if out, err := exec.Command("/usr/bin/python3", "-c", "import dkim, nacl").CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("python3-dkim is not installed: test/setup.sh test (%s)", out)
		}
		t.Skip("python3-dkim is not installed: test/setup.sh test")
	}
	var in bytes.Buffer
	for _, o := range orders {
		if err := json.NewEncoder(&in).Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/usr/bin/python3", "-W", "ignore", "testdata/dkimpy.py")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	words := make([]opinion, len(orders))
	lines := json.NewDecoder(bytes.NewReader(out))
	for i := range words {
		if err := lines.Decode(&words[i]); err != nil {
			t.Fatal(err)
		}
	}
	return words
}

// verifying is the order to look at a mail, with the keys of a case.
func verifying(m *making, mail string) order {
	o := order{Do: "verify", Mail: base64.StdEncoding.EncodeToString([]byte(mail)), Keys: map[string][]string{}}
	header, _ := parseMail(mail)
	zone := parseZone(m.t, m.dns())
	for i := range header {
		s := readSignature(&header[i])
		name := s.keyName()
		o.Keys[name] = zone.TXT(context.Background(), name).Texts
	}
	for name, records := range m.zone {
		o.Keys[strings.ToLower(name)] = slices.Concat(o.Keys[strings.ToLower(name)], records)
	}
	for _, failing := range m.fails {
		name, _, _ := strings.Cut(failing, " ")
		o.Fails = append(o.Fails, name)
	}
	return o
}

// msgauth is go-msgauth's opinion: pass or fail for each signature.
func msgauth(mail string, r Resolver) (says []string, why string) {
	lookup := func(name string) ([]string, error) {
		a := r.TXT(context.Background(), name)
		return a.Texts, a.Err(name, dns.TXT)
	}
	all, err := dkim.VerifyWithOptions(strings.NewReader(mail), &dkim.VerifyOptions{LookupTXT: lookup})
	if err != nil {
		why = err.Error()
	}
	for _, v := range all {
		says = append(says, map[bool]string{true: "pass", false: "fail"}[v.Err == nil])
		if v.Err != nil {
			why += " " + v.Err.Error()
		}
	}
	return says, why
}

// wantedOf is what another program would say that judges as we do.
func (c *suiteCase) wantedOf(who string) (says string, differs bool) {
	for _, o := range otherwise[c.name] {
		if o.who == who {
			return o.says, true
		}
	}
	return ourWord(c.want), false
}

// ourWord is pass or fail for each signature of what a case wants.
func ourWord(want string) string {
	if want == "none" {
		return ""
	}
	var says []string
	for _, one := range strings.Split(want, " | ") {
		says = append(says, map[bool]string{true: "pass", false: "fail"}[strings.HasPrefix(one, "pass")])
	}
	return strings.Join(says, " ")
}

// TestGoMsgauthJudgesTheSame: where it does not, the case says so, and why.
func TestGoMsgauthJudgesTheSame(t *testing.T) {
	other := 0
	for n, c := range suite {
		mail, err := os.ReadFile(c.file(n) + ".mail")
		if err != nil {
			t.Fatal(err)
		}
		says, why := msgauth(string(mail), zoneOf(t, c.file(n)+".dns"))
		want, differs := c.wantedOf("go-msgauth")
		if got := strings.Join(says, " "); got != want {
			t.Errorf("%s: go-msgauth says %q (%s), want %q", filepath.Base(c.file(n)), got, why, want)
		}
		if differs {
			other++
		}
	}
	t.Logf("go-msgauth: cases=%d same=%d judged=%d", len(suite), len(suite)-other, other)
}

// judged is the dkimpy of which the cases tell. Another may have learned what we hold against it, and nothing else.
const judged = "1.1.4"

// TestDkimpyJudgesTheSame: where it does not, the case says so, and why.
func TestDkimpyJudgesTheSame(t *testing.T) {
	orders := []order{{Do: "version"}}
	for n, c := range suite {
		m := newMaking(t)
		c.make(m)
		mail, err := os.ReadFile(c.file(n) + ".mail")
		if err != nil {
			t.Fatal(err)
		}
		orders = append(orders, verifying(m, string(mail)))
	}
	words := dkimpy(t, orders)
	other := 0
	for n, w := range words[1:] {
		c := suite[n]
		want, differs := c.wantedOf("dkimpy")
		got := strings.Join(w.Says, " ")
		if differs {
			other++
		}
		if got != want && (!differs || words[0].Why == judged || got != ourWord(c.want)) {
			t.Errorf("%s: dkimpy says %q (%s), want %q", filepath.Base(c.file(n)), got, w.Why, want)
		}
	}
	t.Logf("dkimpy %s: cases=%d same=%d judged=%d", words[0].Why, len(suite), len(suite)-other, other)
}

// TestWhoJudgesOtherwiseDoes: and each says why.
func TestWhoJudgesOtherwiseDoes(t *testing.T) {
	for name := range otherwise {
		if !slices.ContainsFunc(suite, func(c suiteCase) bool { return c.name == name }) {
			t.Errorf("there is no case %s", name)
		}
	}
	for _, c := range suite {
		for _, o := range otherwise[c.name] {
			if o.says == ourWord(c.want) || o.because == "" || !slices.Contains([]string{"dkimpy", "go-msgauth"}, o.who) {
				t.Errorf("%s: %+v", c.name, o)
			}
		}
	}
}
