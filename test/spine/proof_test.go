//go:build daemons

package spine_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/textproto"
	"strings"
	"testing"

	"postward/test/rig"
	names "postward/test/world"
)

// provenWorld has the names that tests of authentication ask for: a far domain with a policy, a list, and ours.
const provenWorld = `far.example. TXT "v=spf1 ip4:203.0.113.0/24 -all"
_dmarc.far.example. TXT "v=DMARC1; p=reject"
lax.example. TXT "v=spf1 ip4:203.0.113.0/24 -all"
_dmarc.lax.example. TXT "v=DMARC1; p=quarantine"
example.org. TXT "v=spf1 ip4:192.0.2.25 -all"
_dmarc.example.org. TXT "v=DMARC1; p=none"
80.113.0.203.in-addr.arpa. PTR mx.far.example.
mx.far.example. A 203.0.113.80
`

// resolver is the room's, with these names.
func resolver(t *testing.T, zone string) *names.Server {
	t.Helper()
	server, err := names.StartServer("127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := server.SetZone(".", zone); err != nil {
		t.Fatal(err)
	}
	return server
}

// authenticates waits until mail from outside is authenticated.
func (f *field) authenticates(t *testing.T) {
	t.Helper()
	f.wait(t, "mail from outside to be authenticated", func() error {
		if s := f.do(t, "status"); !strings.Contains(s, "mail from outside is authenticated") {
			return fmt.Errorf("%s", s)
		}
		return nil
	})
}

// header is the header section of the mail with a token, as it arrived.
func (f *field) header(t *testing.T, token string) textproto.MIMEHeader {
	t.Helper()
	var head textproto.MIMEHeader
	f.wait(t, "the mail to arrive", func() error {
		for _, d := range f.Sink.Deliveries() {
			if d.Token == token {
				var err error
				head, err = textproto.NewReader(bufio.NewReader(bytes.NewReader(d.Head))).ReadMIMEHeader()
				return err
			}
		}
		return fmt.Errorf("%s is not there", token)
	})
	return head
}

// traced waits until mail trace says something of a mail.
func (f *field) traced(t *testing.T, id string, want ...string) {
	t.Helper()
	f.wait(t, "mail trace", func() error {
		said := f.do(t, "mail", "trace", id)
		for _, text := range want {
			if !strings.Contains(said, text) {
				return fmt.Errorf("no %q in %s", text, said)
			}
		}
		return nil
	})
}

// TestMailFromOutsideIsAuthenticated: one field says who wrote it, forged ones are gone, and what its author's domain disowns is
// refused only where nobody can have handed it on.
func TestMailFromOutsideIsAuthenticated(t *testing.T) {
	resolver(t, provenWorld)
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[authentication]\nas_us = \"reject\"\n"})
	f.do(t, "account", "allow", "anna")
	f.authenticates(t)
	var sent []rig.Mail
	for _, c := range []struct {
		name, client, from, header string
		want                       []string // in our field
		refused                    string
	}{
		{name: "by its own server", client: stranger, from: "bob@far.example", want: []string{"spf=pass smtp.mailfrom=bob@far.example", "dmarc=pass", "iprev=pass"}},
		{name: "by another", client: hotel, from: "bob@far.example", refused: "far.example: its author's domain asks to reject it"},
		{name: "by a list", client: hotel, from: "bob@far.example", header: "List-Id: <list.example>\r\n", want: []string{"spf=fail", "dmarc=fail", "policy.dmarc=quarantine"}},
		{name: "quarantine", client: hotel, from: "eve@lax.example", want: []string{"dmarc=fail", "policy.dmarc=quarantine"}},
		{name: "a domain that says nothing", client: hotel, from: "bob@quiet.example", want: []string{"spf=none", "dmarc=none"}},
		{name: "as us", client: hotel, from: "anna@example.org", refused: "in the name of a domain of ours"},
		{name: "our own server", client: "192.0.2.25", from: "anna@example.org"},
		{name: "forged", client: stranger, from: "bob@far.example", header: "Authentication-Results: mail.example.org; dmarc=pass header.from=bank.example\r\n" +
			"Authentication-Results: MAIL.Example.ORG;\r\n spf=pass\r\nAuthentication-Results: mx.far.example; auth=pass\r\n", want: []string{"dmarc=pass policy.dmarc=none header.from=far.example"}},
	} {
		m := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: c.client}.SendOne(f.ctx, rig.Mail{From: c.from, To: []string{"anna@example.org"}, Header: c.header})
		sent = append(sent, m)
		if c.refused != "" {
			if m.Outcome != rig.Refused || m.Code != 550 || !strings.Contains(m.Reply, c.refused) {
				t.Errorf("%s: %d %s", c.name, m.Code, m.Reply)
			}
			continue
		}
		if m.Outcome != rig.Accepted {
			t.Errorf("%s: %d %s", c.name, m.Code, m.Reply)
			continue
		}
		h := f.header(t, m.Token)
		ours := 0
		for _, value := range h["Authentication-Results"] {
			if !strings.HasPrefix(value, "mail.example.org;") && !strings.HasPrefix(strings.ToLower(value), "mail.example.org") {
				continue
			}
			ours++
			for _, text := range c.want {
				if !strings.Contains(value, text) {
					t.Errorf("%s: %q is not in %q", c.name, text, value)
				}
			}
		}
		if (ours == 1) != (len(c.want) > 0) || c.name == "forged" && len(h["Authentication-Results"]) != 2 {
			t.Errorf("%s: %q", c.name, h["Authentication-Results"])
		}
		if len(c.want) > 0 {
			f.traced(t, m.QueueID, c.want...)
		}
	}
	f.account(t, sent)
}

// TestMailFromOutsideIsHeldForAPerson: what its author's domain disowns waits where the operator says so, also when postward dies, is
// shown, deleted, brought back and let go; what is let go is marked.
func TestMailFromOutsideIsHeldForAPerson(t *testing.T) {
	resolver(t, provenWorld)
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[authentication]\nas_us = \"hold\"\non_reject = \"hold\"\n"})
	f.authenticates(t)
	send := func(from, header string) rig.Mail {
		return rig.Client{Addr: f.Site.Postfix.SMTP(), Address: hotel}.SendOne(f.ctx, rig.Mail{From: from, To: []string{"anna@example.org"}, Header: header})
	}
	direct, asUs, listed := send("bob@far.example", ""), send("anna@example.org", ""), send("bob@far.example", "List-Id: <list.example>\r\n")
	for _, m := range []rig.Mail{direct, asUs, listed} {
		if m.Outcome != rig.Accepted {
			t.Fatalf("%d %s", m.Code, m.Reply)
		}
	}
	f.header(t, listed.Token)
	f.die(t, true)
	f.waiting(t, 2)
	if list, show := f.do(t, "held", "list"), f.do(t, "held", "show", direct.QueueID); !strings.Contains(list, "(outside)") || !strings.Contains(list, asUs.QueueID) ||
		!strings.Contains(show, "from outside, reverse-path <bob@far.example>") || !strings.Contains(show, "unproven: far.example") {
		t.Errorf("%s%s", list, show)
	}
	f.do(t, "--yes", "held", "delete", asUs.QueueID)
	f.wait(t, "its copy to be in the trash", func() error {
		if list := f.do(t, "held", "deleted"); !strings.Contains(list, asUs.QueueID) {
			return fmt.Errorf("%s", list)
		}
		return nil
	})
	f.do(t, "held", "restore", asUs.QueueID)
	f.waiting(t, 2)
	f.die(t, false)
	var held struct {
		Mails []struct {
			QueueID string `json:"queue_id"`
		}
	}
	f.wait(t, "postward to be there", func() error { return f.Ask(f.ctx, &held, "held", "list") })
	for _, m := range held.Mails {
		f.do(t, "held", "release", m.QueueID)
	}
	for _, m := range []rig.Mail{direct, asUs} {
		if a := f.header(t, m.Token).Get("Authentication-Results"); !strings.Contains(a, "policy.dmarc=quarantine") {
			t.Errorf("released, and not marked: %s", a)
		}
	}
	f.emptied(t)
	f.account(t, []rig.Mail{direct, asUs, listed})
}

// waiting waits until so many mails wait for a person, and none is anybody else's.
func (f *field) waiting(t *testing.T, n int) {
	t.Helper()
	f.wait(t, "mails to wait for a person", func() error {
		var s status
		if err := f.Ask(f.ctx, &s, "status"); err != nil || s.Held != n || s.Foreign != 0 {
			return fmt.Errorf("%v %+v", err, s)
		}
		return nil
	})
}
