//go:build daemons

package spine_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// signing is a site whose key was opendkim's, and that signs with it.
func signing(t *testing.T, postfix rig.PostfixConfig, domains ...string) *field {
	t.Helper()
	zone, confs := provenWorld, []string{}
	for _, domain := range domains {
		conf, record := opendkims(t, domain)
		zone += record + domain + ". NS ns.example.org.\n"
		confs = append(confs, conf)
	}
	resolver(t, zone+"ns.example.org. A 127.0.0.1\n")
	f := attachedTo(t, postfix, rig.PostwardConfig{Mode: "enforce"})
	for _, conf := range confs {
		if out := f.do(t, "dkim", "import", "--opendkim", conf, "--apply"); !strings.Contains(out, "mail") {
			t.Error(out)
		}
	}
	f.signs(t, domains...)
	return f
}

// signs waits until mail of some domains is signed.
func (f *field) signs(t *testing.T, domains ...string) {
	t.Helper()
	slices.Sort(domains)
	f.wait(t, "the keys to sign", func() error {
		var status struct {
			Proof struct{ Signs []string } `json:"authentication"`
		}
		if err := f.Ask(f.ctx, &status, "status"); err != nil || slices.Equal(status.Proof.Signs, domains) {
			return err
		}
		return fmt.Errorf("%q", status.Proof.Signs)
	})
}

// holds is what both verifiers say of a mail whose one signature holds.
const holds = "mail=True"

// changed is what they say when something changed it on its way.
const changed = "changed"

// agree has both verifiers look at a mail as it arrived.
func (o *opinions) agree(name string, mail []byte, want string) {
	o.t.Helper()
	theirs, ours := o.dkimpy(mail), o.ours(mail)
	if want == changed {
		if theirs == holds || ours == holds || theirs == "" || ours == "" {
			o.t.Errorf("%s: its signature cannot hold: dkimpy says %q, postward %q", name, theirs, ours)
		}
		return
	}
	if theirs != want || ours != want {
		o.t.Errorf("%s: dkimpy says %q, postward %q, not %q", name, theirs, ours, want)
	}
}

// letter is a whole message with nothing in it but what is said: a header section, and what comes behind it.
func letter(to, rest string) rig.Mail {
	token := rig.NewToken()
	return rig.Mail{Token: token, To: []string{to}, Whole: "X-Token: " + token + "\r\nFrom: <anna@example.org>\r\nTo: <" + to + ">\r\nSubject: a letter\r\n" + rest}
}

const (
	eightBit = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
	quoted   = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
	bob      = "bob@example.net"
)

// TestWhatAccountsSendIsSigned with a key that was opendkim's: somebody else's program verifies it, and ours, after all that Postfix does
// with a mail. What docs/dkim.md says cannot hold does not.
func TestWhatAccountsSendIsSigned(t *testing.T) {
	o := opinionsOf(t)
	seven, err := rig.StartSink("127.0.0.1:0") // whom Postfix believes to take 7 bits alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { seven.Close() })
	f := signing(t, rig.PostfixConfig{
		Main: map[string]string{"message_size_limit": "30000000",
			"transport_maps": "inline:{ seven.example=seven:[" + strings.Replace(seven.Addr, ":", "]:", 1) + " }"},
		Master: []string{"seven unix - - y - - smtp\n  -o smtp_discard_ehlo_keywords=8bitmime,smtputf8"},
	}, "example.org", "xn--bcher-kva.example")
	f.Sink.Keep(30 << 20)
	f.do(t, "account", "allow", "anna", "--address", "anna@example.org", "--address", "anna@xn--bcher-kva.example")
	var sent, far []rig.Mail
	for _, c := range []struct {
		name string
		mail rig.Mail
		want string
	}{
		{"a mail", rig.Mail{Body: "Hello.\r\n"}, holds},
		{"no line of its own", rig.Mail{}, holds},
		{"no body", letter(bob, "\r\n"), holds},
		{"a header and no blank line", letter(bob, ""), holds},
		{"blank lines alone", letter(bob, "\r\n\r\n\r\n\r\n"), holds},
		{"dots", rig.Mail{Body: ".\r\n..\r\n.hidden\r\n"}, holds},
		{"a dot first", letter(bob, "\r\n.\r\n.. two\r\n"), holds},
		{"blank lines at the end", rig.Mail{Body: "a  b \t \r\n\r\n\r\n"}, holds},
		{"no line end at the end", rig.Mail{Body: "the end"}, holds},
		{"a bare CR", rig.Mail{Body: "one\rtwo\r\n\r\r\n"}, holds},
		{"a bare LF", rig.Mail{Body: "one\ntwo\r\n"}, holds},
		{"8 bit", rig.Mail{Params: "BODY=8BITMIME", Header: eightBit + "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n", Body: "Grüße\r\n"}, holds},
		{"8 bit that nobody announced", rig.Mail{Header: eightBit, Body: "Grüße\r\n"}, holds},
		{"8 bit to 7 bit", rig.Mail{To: []string{"bob@seven.example"}, Params: "BODY=8BITMIME", Header: eightBit, Body: "Grüße\r\n"}, changed},
		{"quoted to 7 bit", rig.Mail{To: []string{"bob@seven.example"}, Header: quoted, Body: "Gr=C3=BC=C3=9Fe\r\n"}, holds},
		{"SMTPUTF8", rig.Mail{To: []string{"用户@example.net"}, Params: "SMTPUTF8 BODY=8BITMIME", Header: eightBit + "From: Änna <anna@example.org>\r\nSubject: Grüße aus Köln\r\n", Body: "Grüße\r\n"}, holds},
		{"SMTPUTF8, folded", rig.Mail{To: []string{"用户@example.net"}, Params: "SMTPUTF8", Header: "Subject: " + strings.Repeat("Grüße \r\n ", 20) + "Ende\r\n"}, holds},
		{"a domain in Unicode", rig.Mail{To: []string{"用户@example.net"}, Params: "SMTPUTF8", Header: "From: Anna <anna@bücher.example>\r\n"}, holds},
		{"a long line", rig.Mail{Body: strings.Repeat("x", 990) + "\r\n" + strings.Repeat("y", 2000) + "\r\n"}, holds},
		{"lines of the limit", rig.Mail{Body: strings.Repeat("x", 997) + "\r\n" + strings.Repeat("y", 998) + "\r\n" + strings.Repeat("z", 999) + "\r\n"}, holds},
		{"a long line of octets", rig.Mail{Params: "BODY=8BITMIME", Header: eightBit, Body: strings.Repeat("ü", 3000) + "\r\n"}, holds},
		{"a long line of a field", rig.Mail{Header: "Subject: " + strings.Repeat("s", 2500) + "\r\n"}, changed},
		{"a long field", rig.Mail{Header: "To: bob@example.net" + strings.Repeat(",\r\n nobody@example.net", 400) + "\r\n"}, holds},
		{"folded and repeated fields", rig.Mail{Header: "X-A:  one\r\n\ttwo\r\nX-A: three \r\nComments:\r\n four\r\nTo: a@example.net,\r\n  b@example.net\r\n"}, holds},
		{"repeated fields that are signed", rig.Mail{Header: "To: a@example.net\r\nCc: b@example.net\r\nTo: c@example.net\r\nCc:\r\n\td@example.net\r\nSubject: one\r\nSubject: two\r\nReply-To: x@example.org\r\nReply-To: y@example.org\r\n"}, holds},
		{"blanks of every kind", rig.Mail{Header: "Subject:\ta \t b\r\n \t c \r\nTo : bob@example.net\r\nComments:\r\n"}, holds},
		{"one click", rig.Mail{Header: "List-Unsubscribe: <https://example.org/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"}, holds},
		{"a larger one", rig.Mail{Body: strings.Repeat("A line of a mail that is not small.\r\n", 1000)}, holds},
		{"more than 10 MB", rig.Mail{Body: strings.Repeat(strings.Repeat("A line of a mail that is not small at all. ", 5)+"\r\n", 55000)}, holds},
	} {
		world, all := f.Sink, &sent
		if c.mail.From = "anna@example.org"; c.mail.To == nil {
			c.mail.To = []string{bob}
		}
		if strings.HasSuffix(c.mail.To[0], "@seven.example") {
			world, all = seven, &far
		}
		m := f.client("anna", office).SendOne(f.ctx, c.mail)
		*all = append(*all, m)
		if m.Outcome != rig.Accepted {
			t.Errorf("%s: %d %s", c.name, m.Code, m.Reply)
			continue
		}
		mail := f.arrivedAt(t, world, m.Token)
		o.agree(c.name, mail, c.want)
		if n := strings.Count(string(mail), "DKIM-Signature: "); n != 1 || strings.Contains(string(mail[:500]), "x=") {
			t.Errorf("%s: %d signatures, or one with an end: %.500s", c.name, n, mail)
		}
	}
	f.traced(t, sent[0].QueueID, "signed    for example.org by mail")
	if said := f.do(t, "account", "show", "anna"); !strings.Contains(said, fmt.Sprintf("today %d mails, %[1]d of them signed", len(sent)+len(far))) {
		t.Error(said)
	}
	other := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: stranger}.SendOne(f.ctx, rig.Mail{From: "bob@far.example", To: []string{"anna@example.org"}})
	sent = append(sent, other)
	h := f.header(t, other.Token)
	if len(h["Dkim-Signature"]) != 0 || len(h["Arc-Seal"]) != 1 || len(h["Arc-Authentication-Results"]) != 1 {
		t.Errorf("a stranger's: %v", h)
	}
	f.account(t, sent)
	ledger, err := rig.Account(f.ctx, far, seven, f.Site.Postfix)
	if err != nil || ledger.Err() != nil || len(ledger.AtSink) != len(far) {
		t.Errorf("%v %s", err, ledger)
	}
}

// TestWhatWaitedIsStillSigned: mail that was held and released, that was deferred, and that postsuper -r gave another queue ID. No milter
// sees it again.
func TestWhatWaitedIsStillSigned(t *testing.T) {
	o := opinionsOf(t)
	f := signing(t, rig.PostfixConfig{}, "example.org")
	words := []string{"one ", "two  ", "three", "four\t", "fünf"} // no two texts are alike
	notNow, now := rig.Answer{Code: 451, Text: "4.3.0 not now"}, rig.Answer{}
	var sent []rig.Mail
	for i, c := range []struct {
		name       string
		from       string // what is sent from the hotel is held
		to         string
		then       []string
		eventually bool // its receiver does not take it at first
	}{
		{name: "held and released", from: hotel, then: []string{"release"}},
		{name: "deferred", from: office, eventually: true},
		{name: "deferred and requeued", from: office, then: []string{"requeue"}, eventually: true},
		{name: "held and requeued", from: hotel, then: []string{"requeue"}},
		{name: "held, released, deferred and requeued", from: hotel, then: []string{"release", "requeue"}, eventually: true},
	} {
		to := bob
		if c.from == hotel {
			to = fmt.Sprintf("x%d@d%d.example", i, i)
		}
		if c.eventually {
			f.Sink.Answer(to, notNow)
		}
		user := fmt.Sprintf("anna%d", i)
		f.do(t, "account", "allow", user)
		m := f.client(user, c.from).SendOne(f.ctx, rig.Mail{From: user + "@example.org", To: []string{to}, Header: eightBit, Body: c.name + ": Grüße\r\n" + strings.Repeat(words[i], 500) + "\r\n"})
		sent = append(sent, m)
		if m.Outcome != rig.Accepted {
			t.Fatalf("%s: %d %s", c.name, m.Code, m.Reply)
		}
		if held := f.isHeld(t, m.QueueID); held != (c.from == hotel) {
			t.Fatalf("%s: held: %v", c.name, held)
		}
		for _, act := range c.then {
			if act == "release" {
				f.do(t, "held", "release", m.QueueID, "--yes")
				continue
			}
			if c.eventually {
				f.logged(t, 1, m.QueueID+": to=<"+to+">, ")
			}
			f.requeue(t, m.QueueID)
		}
		if c.eventually {
			f.Sink.Answer(to, now)
		}
		f.wait(t, c.name+": the mail to arrive", f.flushing(func() error {
			if f.Sink.Copies()[rig.Copy{Token: m.Token, To: to}] == 0 {
				return errors.New("it is not there")
			}
			return nil
		}))
		o.agree(c.name, f.arrived(t, m.Token), holds)
	}
	f.account(t, sent)
}

// isHeld reports whether a mail lies in hold.
func (f *field) isHeld(t *testing.T, id string) bool {
	t.Helper()
	all, err := f.Site.Postfix.Held()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(all, func(q rig.Queued) bool { return q.ID == id })
}

// requeue gives a mail another queue ID, as an administrator does. What smtp(8) has not let go of yet postsuper(1) passes over.
func (f *field) requeue(t *testing.T, id string) {
	t.Helper()
	f.wait(t, "the mail to be requeued", func() error {
		for _, tool := range [][]string{{"postsuper", "-r", id}, {"postkick", "public", "pickup", "W"}} {
			if out, err := f.Site.Postfix.Command(f.ctx, tool[0], tool[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%v: %w: %s", tool, err, out)
			}
		}
		if !strings.Contains(f.Site.Postfix.LogTail(2000), "orig_id="+id) {
			return errors.New("it is not")
		}
		return nil
	})
}
