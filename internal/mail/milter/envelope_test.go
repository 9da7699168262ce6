package milter

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
)

// TestTheSenderIsWhatLeaves: what Postfix 3.7 says in {mail_addr} of an argument, and the reverse-path that left it; see
// also test/spine/identity_test.go. An empty want: refused.
func TestTheSenderIsWhatLeaves(t *testing.T) {
	for _, c := range []struct{ argument, macro, want string }{
		{"<Anna@Example.ORG.>", "anna@example.org", "anna@example.org"},
		{"anna@example.org", "anna@example.org", "anna@example.org"},
		{`"bob smith"@example.org`, `"bob smith"@example.org`, `"bob smith"@example.org`}, // as cleanup(8) writes it
		{"<anna>", "anna@example.org", "anna@example.org"},
		{"<anna@example>", "anna@example.example.org", "anna@example.example.org"}, // append_dot_mydomain
		{"<anna%bank.test>", "anna@bank.test", ""},
		{"<bank.test!anna>", "anna@bank.test", ""},
		{"<@relay.test:anna@example.org>", "anna@example.org", "anna@example.org"},
		{"<(x)anna@example.org>", "anna@example.org", "anna@example.org"},
		{"<Anna Smith <anna@example.org>>", "anna@example.org", "anna@example.org"},
		{"<anna@stra\u00dfe.test>", "anna@strasse.test", "anna@xn--strae-oqa.test"},
		{"<ceo@bank.example (@example.org>", "ceo@bank.example", ""},
		{"<anna%bank.test@example.org>", "anna@bank.test", ""},
		{"<bank.test!anna@example.org>", "anna@bank.test", ""},
		{`<"anna@bank.test"@example.org>`, "anna@bank.test", ""},
		{"<@a.test:anna%bank.test@example.org>", "anna@bank.test", ""},
		{"<(x)anna%bank.test@example.org>", "anna@bank.test", ""},
		{`<(anna@bank.test)"anna@bank.test"@example.org>`, "anna@bank.test", ""},
		{"<anna@example.org>", "anna@" + strings.Repeat("x", 600) + ".test", ""},
		{"<anna@example.org>", "", ""},
		{"<anna@example.org>", "\"an\x01na\"@example.org", ""},
	} {
		if got, err := sender(c.argument, c.macro, true); got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("MAIL FROM:%s, %q: %q %v, want %q", c.argument, c.macro, got, err, c.want)
		}
	}
	if got, err := sender("<>", "", true); got != "" || err != nil {
		t.Errorf("the null reverse-path: %q %v", got, err)
	}
	if got, err := sender("<Anna@Example.org>", "", false); got != "anna@example.org" || err != nil {
		t.Errorf("without a macro: %q %v", got, err)
	}
	if got, err := sender("<ceo@bank.example (@example.org>", "", false); err == nil {
		t.Errorf("without a macro: %q", got)
	}
}

// talk says packets to a server and returns the replies, one for each that is answered.
func talk(t *testing.T, path string, answers int, wire []byte) (replies []string) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(append(slices.Clone(hello), wire...)); err != nil {
		t.Fatal(err)
	}
	var buf []byte
	for range answers + 1 {
		p, err := readPacket(c, &buf, func() error { return nil })
		if err != nil {
			t.Fatalf("%v after %q", err, replies)
		}
		replies = append(replies, string(p.cmd)+strings.TrimRight(string(p.data), "\x00"))
	}
	return replies[1:]
}

func said(cmd byte, argument, macro string) []byte {
	name := map[byte]string{cmdMail: "{mail_addr}", cmdRcpt: "{rcpt_addr}"}[cmd]
	b := appendPacket(nil, cmdMacro, append([]byte{cmd}, name+"\x00"+macro+"\x00"...))
	return appendPacket(b, cmd, nul(argument))
}

// recorder is a server that keeps the last transaction.
func recorder(t *testing.T, s *Server) (path string, last chan *guard.Transaction) {
	last = make(chan *guard.Transaction, 8)
	s.End = func(_ context.Context, x *guard.Transaction) Answer {
		last <- x
		return Answer{Action: guard.Accept}
	}
	path, _ = started(t, s)
	return path, last
}

func TestRecipientsAreWhatTheMTAMadeOfThem(t *testing.T) {
	path, last := recorder(t, &Server{})
	wire := said(cmdMail, "<anna@example.org>", "anna@example.org")
	comment := "<(" + strings.Repeat("c", 511) + ")"
	for _, r := range [][2]string{
		{comment + "one@example.net>", "one@example.net"}, {comment + "two@example.net>", "two@example.net"}, {"<bob%x.test@example.org>", "bob@x.test"},
		{"<postmaster>", "postmaster@example.org"}, {"<stra\u00dfe@fa\u00df.test>", "strasse@fass.test"}, {"<a@b@x.test>", `"a@b"@x.test`},
	} {
		wire = append(wire, said(cmdRcpt, r[0], r[1])...)
	}
	wire = appendPacket(wire, cmdRcpt, nul("<Last@Example.net>")) // the macro of the one before is not about it
	talk(t, path, 2, appendPacket(wire, cmdEOM))
	want := []string{"one@example.net", "two@example.net", "bob@x.test", "postmaster@example.org", "strasse@xn--fa-hia.test", `"a@b"@x.test`, "last@example.net"}
	if got := (<-last).Recipients; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWhatCannotBeReadAsOneAddressIsRefused at MAIL, or at the end of the mail; the next one of the session is judged.
func TestWhatCannotBeReadAsOneAddressIsRefused(t *testing.T) {
	path, last := recorder(t, &Server{})
	good := func() []byte {
		b := append(said(cmdMail, "<anna@example.org>", "anna@example.org"), said(cmdRcpt, "<bob@example.net>", "bob@example.net")...)
		return appendPacket(b, cmdEOM)
	}
	for _, bad := range [][]byte{
		said(cmdRcpt, "<"+strings.Repeat("x", 600)+"@example.net>", strings.Repeat("x", 600)+"@example.net"),
		said(cmdRcpt, "<"+strings.Repeat("x", 1600)+"@example.net>", strings.Repeat("x", 1600)+"@example.net"),
		said(cmdRcpt, "<b\x01b@example.net>", "\"b\x01b\"@example.net"), said(cmdRcpt, "<b\xe9b@example.net>", "b\xe9b@example.net"), said(cmdRcpt, "<>", ""),
		appendPacket(nil, cmdRcpt, nul("<(x)bob@example.net>")), appendPacket(nil, cmdRcpt, nul("<bob@example.net> <eve@example.net>")),
	} {
		wire := append(said(cmdMail, "<anna@example.org>", "anna@example.org"), said(cmdRcpt, "<bob@example.net>", "bob@example.net")...)
		wire = appendPacket(append(wire, bad...), cmdEOM)
		r := talk(t, path, 4, append(wire, good()...))
		if !strings.HasPrefix(r[1], "y550 5.1.3 the recipient ") || r[2] != "c" || r[3] != "c" || (<-last).Recipients[0] != "bob@example.net" {
			t.Errorf("%.60q: %.120q", bad, r)
		}
	}
	r := talk(t, path, 3, append(said(cmdMail, "<ceo@bank.example (@example.org>", "ceo@bank.example"), good()...))
	if !strings.HasPrefix(r[0], "y501 5.1.7 the sender ") || r[1] != "c" || r[2] != "c" || (<-last).ReversePath != "anna@example.org" {
		t.Errorf("%.120q", r)
	}
}

func TestInShadowModeWhatCannotBeReadIsAnAddressOfItsOwn(t *testing.T) {
	path, last := recorder(t, &Server{Shadow: true})
	wire := said(cmdMail, "<anna%bank.test@example.org>", "anna@bank.test")
	for _, x := range []string{"1", "2"} {
		wire = append(wire, said(cmdRcpt, "<"+strings.Repeat("x", 600)+x+"@example.net>", strings.Repeat("x", 600)+x+"@example.net")...)
	}
	talk(t, path, 2, appendPacket(wire, cmdEOM))
	x := <-last
	if x.ReversePath != "anna%bank.test@example.org" || len(x.Recipients) != 2 || x.Recipients[0] == x.Recipients[1] {
		t.Errorf("%q to %q", x.ReversePath, x.Recipients)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add("<anna@example.org>", "anna@example.org")
	f.Add("<(x)a%b@c>", "a@b")
	f.Add("<a@\u00df.test>", "a@ss.test")
	f.Fuzz(func(t *testing.T, argument, macro string) {
		for _, read := range []func(string, string, bool) (string, error){sender, recipient} {
			if a, err := read(argument, macro, true); err == nil && strings.ContainsAny(a, "\r\n\x00") {
				t.Errorf("%q %q: %q", argument, macro, a)
			}
		}
		if s, err := sender(argument, macro, true); err == nil && s == "" && macro != "" {
			t.Errorf("%q, %q is taken for the null reverse-path", argument, macro)
		}
	})
}
