//go:build daemons

package spine_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postward/test/rig"
)

// Two servers with a postward each. A is mail.example.org, which forwards; B is mx.b.example, to which some of that goes. Between them
// is a list on a machine of somebody else's.
const (
	listMachine = "203.0.113.90"
	arcWorld    = `far.example. TXT "v=spf1 ip4:203.0.113.80 -all"
_dmarc.far.example. TXT "v=DMARC1; p=reject"
example.org. TXT "v=spf1 ip4:203.0.113.5 -all"
_dmarc.example.org. TXT "v=DMARC1; p=reject"
good.example. TXT "v=spf1 ip4:203.0.113.90 -all"
ns.example.org. A 127.0.0.1
`
)

// relay is the two servers, and the list.
type relay struct {
	a, b *field
	list *rig.Sink
	pems map[string]string // the list machine's keys, by domain
}

// relaying starts them. A seals as example.org, as other.example and as lists.example, which it hosts; B trusts the first and the last,
// and both trust good.example.
func relaying(t *testing.T) *relay {
	t.Helper()
	r := &relay{pems: map[string]string{}}
	zone, confs := arcWorld, map[string]string{}
	for _, domain := range []string{"example.org", "other.example", "lists.example", "good.example", "bad.example"} {
		conf, record := opendkims(t, domain)
		zone += record + domain + ". NS ns.example.org.\n"
		confs[domain], r.pems[domain] = conf, filepath.Join(filepath.Dir(conf), "mail.private")
	}
	resolver(t, zone)
	var err error
	if r.list, err = rig.StartSink("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.list.Close() })
	port, err := rig.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	r.b = attachedTo(t, rig.PostfixConfig{Hostname: "mx.b.example", Domain: "b.example", SMTPPort: port}, rig.PostwardConfig{Mode: "enforce",
		Settings: "[domains]\nlocal = [\"b.example\"]\n[authentication]\nsealers = [\"example.org\", \"lists.example\", \"good.example\"]\n"})
	bridge := fromFar(t, fmt.Sprintf("%s:%d", rig.Near4, port))
	transport := fmt.Sprintf("inline:{ b.example=smtp:[%s, lists.example=smtp:[%s }", strings.Replace(bridge, ":", "]:", 1), strings.Replace(r.list.Addr, ":", "]:", 1))
	r.a = attachedTo(t, rig.PostfixConfig{Main: map[string]string{
		"virtual_alias_domains": "other.example", "relay_domains": "lists.example", "transport_maps": transport,
		"virtual_alias_maps": "inline:{ carla@example.org=carla@b.example, carla@other.example=carla@b.example }",
	}}, rig.PostwardConfig{Mode: "enforce", Settings: "[domains]\nlocal = [\"example.org\", \"other.example\", \"lists.example\"]\n" +
		"[networks]\nown = [\"192.0.2.0/24\"]\n[authentication]\nsealers = [\"good.example\"]\n"})
	r.a.patiently(t)
	r.b.patiently(t)
	for _, domain := range []string{"example.org", "other.example", "lists.example"} {
		r.a.do(t, "dkim", "import", "--opendkim", confs[domain], "--apply")
	}
	r.a.signs(t, "example.org", "other.example", "lists.example")
	for _, f := range []*field{r.a, r.b} {
		f.authenticates(t)
	}
	return r
}

// fromFar listens, and connects each who comes with an address, from the far host: what this host connects to knows its own addresses,
// and takes none of them for a stranger's.
func fromFar(t *testing.T, to string) string {
	t.Helper()
	far, err := rig.TheFar()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ends sync.WaitGroup
	t.Cleanup(func() { l.Close(); ends.Wait() })
	ends.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			other, err := far.Dial(t.Context(), rig.FarOne4, to)
			if err != nil {
				near.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{near, other}, {other, near}} {
				ends.Go(func() {
					_, _ = io.Copy(way[0], way[1]) // it ends with either end
					way[0].Close()
				})
			}
		}
	})
	return l.Addr().String()
}

// found is what a server wrote of a mail: its one field of results.
func (f *field) found(t *testing.T, id, token string) string {
	t.Helper()
	var ours []string
	for _, value := range f.header(t, token)["Authentication-Results"] {
		if strings.HasPrefix(value, id+";") {
			ours = append(ours, value)
		}
	}
	if len(ours) != 1 {
		t.Errorf("%s wrote %q", id, ours)
	}
	return strings.Join(ours, " ")
}

// has says which of some words are missing.
func has(t *testing.T, name, text string, want ...string) {
	t.Helper()
	for _, word := range want {
		if !strings.Contains(text, word) {
			t.Errorf("%s: %q is not in %q", name, word, text)
		}
	}
}

// accounts says of copies of mails that each is at a sink, once.
func (r *relay) accounts(t *testing.T, sink *rig.Sink, mails []rig.Mail) {
	t.Helper()
	ledger, err := rig.Account(r.a.ctx, mails, sink, r.a.Site.Postfix, r.b.Site.Postfix)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Err(); err != nil || len(ledger.AtSink) != len(mails) {
		t.Errorf("%v %s", err, ledger)
	}
}

// TestWhatWasHandedOnIsLetThroughForItsSealer between two servers, each with a postward.
func TestWhatWasHandedOnIsLetThroughForItsSealer(t *testing.T) {
	o := opinionsOf(t)
	r := relaying(t)
	t.Run("a forward", func(t *testing.T) { r.forwards(t, o) })
	t.Run("a list", func(t *testing.T) { r.lists(t, o) })
}

// forwards: A takes a mail whose author's domain has an SPF record alone, and forwards it by an alias. At B
// SPF fails, for A does not send for that domain, and with it DMARC. What A found counts where B trusts who sealed it.
func (r *relay) forwards(t *testing.T, o *opinions) {
	var sent []rig.Mail
	for _, c := range []struct {
		name, client, to, header string
		want                     []string
	}{
		{"a trusted sealer", stranger, "carla@example.org", "", []string{"spf=fail", "arc=pass", "dmarc=fail policy.dmarc=none header.from=far.example"}},
		{"a sealer that nobody trusts", stranger, "carla@other.example", "", []string{"spf=fail", "arc=pass", "dmarc=fail policy.dmarc=quarantine header.from=far.example"}},
		{"forged before a trusted sealer had it", hotel, "carla@example.org", "List-Id: <l.example>\r\n", []string{"arc=pass", "dmarc=fail policy.dmarc=quarantine header.from=far.example"}},
	} {
		m := rig.Client{Addr: r.a.Site.Postfix.SMTP(), Address: c.client}.SendOne(r.a.ctx, rig.Mail{From: "bob@far.example", To: []string{c.to}, Header: c.header})
		if m.Outcome != rig.Accepted {
			t.Errorf("%s: %d %s", c.name, m.Code, m.Reply)
			continue
		}
		m.To = []string{"carla@b.example"}
		sent = append(sent, m)
		has(t, c.name, r.b.found(t, "mx.b.example", m.Token), c.want...)
		if said := o.dkimpy(r.b.arrived(t, m.Token)); said != "arc=pass" {
			t.Errorf("%s: dkimpy says %q", c.name, said)
		}
	}
	r.accounts(t, r.b.Sink, sent)
}

// chainIn is what a field says of the chain; none: nothing.
func chainIn(text string) string {
	_, rest, found := strings.Cut(text, "; arc=")
	if !found {
		return "none"
	}
	return strings.TrimRight(strings.Fields(rest)[0], ";")
}

// distribution is what a list does with a mail, by dkimpy: it finds out about it, changes its subject and its body, and seals it for a
// domain with a key. Without one it adds no set; "strip" takes out those that are there too.
const distribution = `
import email.utils, re, sys, dkim
domain, key, name = sys.argv[1], sys.argv[2], b'machine.of.the.list'
mail = sys.stdin.buffer.read()
fields, body = dkim.rfc822_parse(mail)
values = lambda name: [v for n, v in fields if n.lower() == name]
author = email.utils.parseaddr(values(b'from')[0].decode())[1].rpartition('@')[2].encode()
chain = dkim.ARC(mail).verify()[0]
passed = any(b'dmarc=pass' in v and b'header.from=' + author in v for v in values(b'authentication-results') if v.strip().startswith(b'mail.example.org;'))
for i, v in enumerate(values(b'dkim-signature')):
    passed |= dkim.util.parse_tag_value(v)[b'd'] == author and dkim.DKIM(mail).verify(idx=i)
found = b'%s; arc=%s; dmarc=%s header.from=%s' % (name, chain, b'pass' if passed else b'fail', author)
fields = [(n, b' [team]' + v if n.lower() == b'subject' else v) for n, v in fields if domain != 'strip' or not n.lower().startswith(b'arc-')]
fields = [(b'List-Id', b' <team.lists.example>\r\n'), (b'Authentication-Results', b' ' + found + b'\r\n')] + fields
mail = b''.join(n + b':' + v for n, v in fields) + b'\r\n' + body + b'\r\n-- \r\nThe team: https://lists.example/\r\n'
if key:
    sealed = dkim.ARC(mail).sign(b'mail', domain.encode(), open(key, 'rb').read(), name)
    assert len(sealed) == 3, (sealed, found)
    mail = b''.join(sealed) + mail
sys.stdout.buffer.write(mail)
`

// distribute has the list send a mail on, which came to it.
func (r *relay) distribute(t *testing.T, token, domain, to string, where *field) rig.Mail {
	t.Helper()
	cmd := exec.Command(python, "-W", "ignore", "-c", distribution, domain, r.pems[domain])
	cmd.Stdin = bytes.NewReader(r.a.arrivedAt(t, r.list, token))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the list: %v %s", err, said.String())
	}
	return rig.Client{Addr: where.Site.Postfix.SMTP(), Address: listMachine, Helo: "machine.of.the.list"}.SendOne(where.ctx,
		rig.Mail{Token: token, From: "team-bounces@good.example", To: []string{to}, Whole: string(out)})
}

// lists: somebody writes to a list, which changes the mail, so that no signature of its author's holds any
// more, and sends it to a user of A and one of B. Both let it through where they trust the list's seal; else they mark it, and never
// refuse it, though the author's domain asks for that.
func (r *relay) lists(t *testing.T, o *opinions) {
	r.a.do(t, "account", "allow", "anna")
	anna, far := r.a.client("anna", office), rig.Client{Addr: r.a.Site.Postfix.SMTP(), Address: stranger}
	var posts, atA, atB []rig.Mail
	for _, c := range []struct {
		name, seals string
		chain       map[bool]string // of anna's mail, and of a stranger's, which A had sealed before
		policy      string
	}{
		{"a trusted sealer", "good.example", map[bool]string{true: "pass", false: "pass"}, "none"},
		{"a sealer that nobody trusts", "bad.example", map[bool]string{true: "pass", false: "pass"}, "quarantine"},
		{"a list that does not seal", "", map[bool]string{true: "none", false: "fail"}, "quarantine"},
		{"a list that takes out what it does not know", "strip", map[bool]string{true: "none", false: "none"}, "quarantine"},
	} {
		for _, post := range []struct {
			from   string
			client rig.Client
			ours   bool
		}{{"anna@example.org", anna, true}, {"bob@far.example", far, false}} {
			name, domain := c.name+", "+post.from, post.from[strings.Index(post.from, "@")+1:]
			m := post.client.SendOne(r.a.ctx, rig.Mail{From: post.from, To: []string{"team@lists.example"}, Body: name + "\r\n"})
			posts = append(posts, m)
			if m.Outcome != rig.Accepted {
				t.Errorf("%s: %d %s", name, m.Code, m.Reply)
				continue
			}
			toA := r.distribute(t, m.Token, c.seals, "bob@example.org", r.a)
			toB := r.distribute(t, m.Token, c.seals, "carla@b.example", r.b)
			atA, atB = append(atA, toA), append(atB, toB)
			if toA.Outcome != rig.Accepted || toB.Outcome != rig.Accepted {
				t.Errorf("%s: refused: %d %s; %d %s", name, toA.Code, toA.Reply, toB.Code, toB.Reply)
				continue
			}
			for at, text := range map[string]string{"A": r.a.found(t, "mail.example.org", m.Token), "B": r.b.found(t, "mx.b.example", m.Token)} {
				has(t, name+" at "+at, text, "dmarc=fail policy.dmarc="+c.policy+" header.from="+domain)
				if got := chainIn(text); got != c.chain[post.ours] {
					t.Errorf("%s at %s: arc=%s: %q", name, at, got, text)
				}
			}
			if said := o.dkimpy(r.b.arrived(t, m.Token)); strings.Contains(said, "arc=pass") != (c.chain[post.ours] == "pass") {
				t.Errorf("%s: dkimpy says %q", name, said)
			}
		}
	}
	r.accounts(t, r.list, posts)
	r.accounts(t, r.a.Sink, atA)
	r.accounts(t, r.b.Sink, atB)
}
