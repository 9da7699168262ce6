package arc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postward/internal/mail/canon"
	"postward/internal/wire/dns"
)

// order is what dkimpy is told to do, word what it says; see testdata/dkimpy.py.
type order struct {
	Do       string              `json:"do"`
	Mail     string              `json:"mail"`
	Keys     map[string][]string `json:"keys,omitempty"`
	Fails    []string            `json:"fails,omitempty"`
	Key      string              `json:"key,omitempty"`
	Domain   string              `json:"domain,omitempty"`
	Selector string              `json:"selector,omitempty"`
	ID       string              `json:"id,omitempty"`
}

type word struct {
	CV  string   `json:"cv"`
	Why string   `json:"why"`
	Set []string `json:"set"`
}

// dkimpy has somebody else's program look at mails. Debian's python finds it, others may not.
func dkimpy(t *testing.T, orders []order) []word {
	t.Helper()
	if testing.Short() {
		t.Skip("another program is started: not in make unit")
	}
	if out, err := exec.Command("/usr/bin/python3", "-c", "import dkim, authres").CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("python3-dkim and python3-authres are not installed: test/setup.sh test (%s)", out)
		}
		t.Skip("python3-dkim and python3-authres are not installed: test/setup.sh test")
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
	words := make([]word, len(orders))
	lines := json.NewDecoder(bytes.NewReader(out))
	for i := range words {
		if err := lines.Decode(&words[i]); err != nil {
			t.Fatal(err)
		}
	}
	return words
}

// verifying is the order to look at a mail, with the keys of a case.
func verifying(t *testing.T, m *making, mail string) order {
	o := order{Do: "verify", Mail: base64.StdEncoding.EncodeToString([]byte(mail)), Keys: m.zone}
	for _, failing := range m.fails {
		name, _, _ := strings.Cut(failing, " ")
		o.Fails = append(o.Fails, name)
	}
	return o
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
		orders = append(orders, verifying(t, m, string(mail)))
	}
	words := dkimpy(t, orders)
	other := 0
	for n, w := range words[1:] {
		c := suite[n]
		want := status(c.want)
		if c.dkimpy != "" && (w.CV != want || words[0].Why == judged) {
			other++
			want = c.dkimpy
		}
		if w.CV != want {
			t.Errorf("%s: dkimpy says %s (%s), want %s", filepath.Base(c.file(n)), w.CV, w.Why, want)
		}
		if (c.dkimpy == "") != (c.because == "") {
			t.Errorf("%s: dkimpy judges otherwise, and nobody says why", c.name)
		}
	}
	t.Logf("dkimpy %s: cases=%d same=%d judged=%d", words[0].Why, len(suite), len(suite)-other, other)
}

// status is the first word of what a case wants.
func status(want string) string {
	return strings.FieldsFunc(want, func(r rune) bool { return r == ':' || r == ',' })[0]
}

// sealers are ours: each kind of key.
func sealers(t testing.TB) []*Sealer {
	t.Helper()
	var all []*Sealer
	for _, key := range []string{"rsa2048", "ed25519"} {
		s, err := NewSealer("sealer.example", key, privateKey(t, key))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

const found = "mx.sealer.example;\r\n\tspf=pass smtp.mailfrom=two.example; arc=pass"

// TestDkimpyVerifiesWhatWeSeal: on top of every chain that is well, with every kind of key, and one more of ours on top
// of that; so do we.
func TestDkimpyVerifiesWhatWeSeal(t *testing.T) {
	var orders []order
	var of []string
	for n, c := range suite {
		if !strings.HasPrefix(c.want, "pass") && c.want != "none" || c.dkimpy != "" || c.name == "fifty-sets" {
			continue
		}
		m := newMaking(t)
		c.make(m)
		for _, s := range sealers(t) {
			m.zone[s.Selector+"._domainkey."+s.Domain] = []string{record(t, s.Selector)}
		}
		for _, s := range sealers(t) {
			header, body := m.header, m.body
			for range 2 {
				header = sealed(t, s, header, body, m)
			}
			orders = append(orders, verifying(t, m, (&making{header: header, body: body}).mail()))
			of = append(of, filepath.Base(c.file(n))+" and "+s.Selector)
		}
	}
	for i, w := range dkimpy(t, orders) {
		if w.CV != "pass" {
			t.Errorf("%s: dkimpy says %s (%s)", of[i], w.CV, w.Why)
		}
	}
	t.Logf("dkimpy: verified=%d of our seals", len(orders))
}

// sealed is a header with one more set of ours, which we verify.
func sealed(t *testing.T, s *Sealer, header []canon.Field, body string, m *making) []canon.Field {
	t.Helper()
	zone, err := dns.ParseZone(strings.NewReader(m.dns()), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	was := validated(t, header, body, zone)
	set, err := s.Seal(Read(header), header, was, found, hashed(body, s.Forms()...), now)
	if err != nil {
		t.Fatal(err)
	}
	header = append(set, header...)
	if now := validated(t, header, body, zone); now.Status != Pass || now.Seals[0].Domain != s.Domain {
		t.Errorf("we do not verify our own seal: %s", now)
	}
	return header
}

// TestWeVerifyWhatDkimpySeals: three times, each on top of the one before, with a change of the mail between.
func TestWeVerifyWhatDkimpySeals(t *testing.T) {
	m := newMaking(t)
	pem, err := os.ReadFile("testdata/keys/rsa2048.pem")
	if err != nil {
		t.Fatal(err)
	}
	zone, err := dns.ParseZone(strings.NewReader(zoneLine("py._domainkey.snake.example", record(t, "rsa2048"))), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	for n, cv := range []string{"none", "pass", "pass"} {
		m.top("Authentication-Results", " mx.snake.example; arc="+cv+"; spf=pass smtp.mailfrom=author.example")
		w := dkimpy(t, []order{{Do: "seal", Mail: base64.StdEncoding.EncodeToString([]byte(m.mail())), Key: string(pem),
			Domain: "snake.example", Selector: "py", ID: "mx.snake.example"}})[0]
		if len(w.Set) != 3 {
			t.Fatalf("dkimpy makes no set %d: %s", n+1, w.Why)
		}
		header, _ := parseMail(strings.Join(w.Set, "") + "\r\n")
		m.header = append(header, m.header[1:]...)
		got := validated(t, m.header, m.body, zone)
		if got.Status != Pass || len(got.Seals) != n+1 || got.Seals[0].Domain != "snake.example" || !strings.HasPrefix(got.Seals[0].Results, "mx.snake.example;") {
			t.Errorf("set %d of dkimpy: %s, %+v", n+1, got, got.Seals)
		}
		m.footer()
	}
}

// zoneLine is a TXT record in a zone file.
func zoneLine(name, text string) string {
	return (&making{zone: map[string][]string{name: {text}}}).dns()
}
