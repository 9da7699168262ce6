//go:build daemons

package spine_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postward/test/rig"
)

// opendkims is a key as opendkim keeps it, its configuration, and the record that has been in the zone for long.
func opendkims(t *testing.T, domain string) (conf, record string) {
	t.Helper()
	dir, err := rig.NewDir("opendkim")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "mail.private")
	if out, err := exec.Command("openssl", "genrsa", "-out", key, "2048").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	public, err := exec.Command("openssl", "rsa", "-in", key, "-pubout").Output()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("-----BEGIN PUBLIC KEY-----", "", "-----END PUBLIC KEY-----", "", "\n", "").Replace(string(public))
	conf = filepath.Join(dir, "opendkim.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "Domain %s\nSelector mail\nKeyFile %s\n", domain, key), 0o644); err != nil {
		t.Fatal(err)
	}
	return conf, fmt.Sprintf("mail._domainkey.%s. TXT \"v=DKIM1; k=rsa; p=%s\" \"%s\"\n", domain, text[:200], text[200:])
}

// verified asks dkimpy, which asks the room's resolver, about a mail as it arrived.
func (f *field) verified(t *testing.T, token string) string {
	t.Helper()
	f.header(t, token) // it is there
	for _, d := range f.Sink.Deliveries() {
		if d.Token != token {
			continue
		}
		cmd := exec.Command("/usr/bin/python3", "-W", "ignore", "-c", "import dkim, sys; print(dkim.verify(sys.stdin.buffer.read()))")
		cmd.Stdin = strings.NewReader(string(d.Head))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	return "it is not there"
}

// TestWhatAccountsSendIsSigned with a key that was opendkim's: somebody else's program verifies it after all that Postfix does with a
// mail, also when it was held and released.
func TestWhatAccountsSendIsSigned(t *testing.T) {
	if out, err := exec.Command("/usr/bin/python3", "-c", "import dkim").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("python3-dkim is not installed: test/setup.sh test (%s)", out)
		}
		t.Skip("python3-dkim is not installed: test/setup.sh test")
	}
	conf, record := opendkims(t, "example.org")
	resolver(t, provenWorld+record+"example.org. NS ns.example.org.\nns.example.org. A 127.0.0.1\n")
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	if out := f.do(t, "dkim", "import", "--opendkim", conf, "--apply"); !strings.Contains(out, "mail") {
		t.Error(out)
	}
	f.wait(t, "the key to sign", func() error {
		if s := f.do(t, "status"); !strings.Contains(s, "by example.org") {
			return fmt.Errorf("%s", s)
		}
		return nil
	})
	var sent []rig.Mail
	for _, c := range []struct {
		name, from, header, body, to string
		unsigned, held               bool
	}{
		{name: "a mail", body: "Hello.\r\n"},
		{name: "no body"},
		{name: "dots", body: ".\r\n..\r\n.hidden\r\n"},
		{name: "blank lines at the end", body: "a  b \t \r\n\r\n\r\n"},
		{name: "a bare CR", body: "one\rtwo\r\n"},
		{name: "8 bit", header: "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n", body: "Grüße\r\n"},
		{name: "a long line", body: strings.Repeat("x", 990) + "\r\n" + strings.Repeat("y", 2000) + "\r\n"},
		{name: "folded and repeated fields", header: "X-A:  one\r\n\ttwo\r\nX-A: three \r\nComments:\r\n four\r\nTo: a@example.net,\r\n  b@example.net\r\n"},
		{name: "one click", header: "List-Unsubscribe: <https://example.org/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"},
		{name: "a larger one", body: strings.Repeat("A line of a mail that is not small.\r\n", 1000)},
		{name: "held", body: "To strangers, from a hotel.\r\n", to: "unknown@elsewhere.example", held: true},
	} {
		from, to := "anna@example.org", "bob@example.net"
		if c.to != "" {
			to = c.to
		}
		client := f.client("anna", office)
		if c.held {
			client = f.client("anna", hotel)
		}
		m := client.SendOne(f.ctx, rig.Mail{From: from, To: []string{to}, Header: c.header, Body: c.body})
		sent = append(sent, m)
		if m.Outcome != rig.Accepted {
			t.Errorf("%s: %d %s", c.name, m.Code, m.Reply)
			continue
		}
		if c.held {
			f.do(t, "held", "release", m.QueueID, "--yes")
		}
		if got := f.verified(t, m.Token); got != "True" {
			t.Errorf("%s: dkimpy says %s", c.name, got)
		}
		if s := f.header(t, m.Token)["Dkim-Signature"]; len(s) != 1 || !strings.Contains(s[0], "d=example.org") || strings.Contains(s[0], "x=") {
			t.Errorf("%s: %q", c.name, s)
		}
	}
	f.traced(t, sent[0].QueueID, "signed    for example.org by mail")
	if said := f.do(t, "account", "show", "anna"); !strings.Contains(said, fmt.Sprintf("today %d mails, %d of them signed", len(sent), len(sent))) {
		t.Error(said)
	}
	other := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: stranger}.SendOne(f.ctx, rig.Mail{From: "bob@far.example", To: []string{"anna@example.org"}})
	sent = append(sent, other)
	h := f.header(t, other.Token)
	if len(h["Dkim-Signature"]) != 0 || len(h["Arc-Seal"]) != 1 || len(h["Arc-Authentication-Results"]) != 1 {
		t.Errorf("a stranger's: %v", h)
	}
	f.account(t, sent)
}
