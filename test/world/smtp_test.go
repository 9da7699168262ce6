package world_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/test/world"
)

func authority(t testing.TB) *world.CA {
	t.Helper()
	ca, err := world.NewCA(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// mx starts a mail server for example.org with a fault.
func mx(t testing.TB, ca *world.CA, f world.Fault) *world.SMTP {
	t.Helper()
	s, err := world.StartSMTP(world.SMTPConfig{Addr: "127.0.0.1:0", Name: "mx1.example.org", Fault: f, Domains: []string{"example.org"},
		Mailboxes: []string{"anna"}, Wait: 60 * time.Millisecond, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, s.Close) })
	return s
}

// talk is a client that knows nothing of SMTP but replies.
type talk struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func call(t *testing.T, s *world.SMTP) *talk {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &talk{t, conn, bufio.NewReader(conn)}
}

// says sends a line, or nothing, and returns the reply with its lines joined by " / ".
func (c *talk) says(line string) string {
	c.t.Helper()
	if line != "" {
		if _, err := c.conn.Write([]byte(line + "\r\n")); err != nil {
			c.t.Fatal(err)
		}
	}
	var all []string
	for {
		reply, err := c.in.ReadString('\n')
		if err != nil {
			c.t.Fatalf("%q: after %q: %v", line, all, err)
		}
		all = append(all, strings.TrimSpace(reply))
		if len(reply) < 4 || reply[3] != '-' {
			return strings.Join(all, " / ")
		}
	}
}

// secures does STARTTLS and returns what the handshake said.
func (c *talk) secures(config *tls.Config) error {
	c.t.Helper()
	if got := c.says("STARTTLS"); !strings.HasPrefix(got, "220") {
		return errors.New(got)
	}
	conn := tls.Client(c.conn, config)
	if err := conn.Handshake(); err != nil {
		return err
	}
	c.conn, c.in = conn, bufio.NewReader(conn)
	return nil
}

func TestCleanServerSpeaksAsPostfixDoes(t *testing.T) {
	ca := authority(t)
	s := mx(t, ca, world.Clean)
	c := call(t, s)
	for _, step := range [][2]string{
		{"", "220 mx1.example.org ESMTP Postfix"},
		{"MAIL FROM:<a@example.net>", "503 5.5.1"},
		{"HELO", "501"},
		{"HELO me.example.net", "250 mx1.example.org"},
		{"AUTH PLAIN AGEAYg==", "503 5.5.1"},
		{"EHLO me.example.net", "250-mx1.example.org / 250-PIPELINING / 250-SIZE 1048576 / 250-STARTTLS / 250-ENHANCEDSTATUSCODES"},
		{"RCPT TO:<anna@example.org>", "503 5.5.1"},
		{"MAIL FROM:<a@example.net> SIZE=100", "250 2.1.0"},
		{"MAIL FROM:<a@example.net>", "503 5.5.1 Error: nested"},
		{"RCPT TO:<anna@example.net>", "554 5.7.1 <anna@example.net>: Relay access denied"},
		{"RCPT TO:<victim%example.net@example.org>", "550 5.1.1"},
		{"RCPT TO:<\"victim@example.net\"@example.org>", "550 5.1.1"},
		{"RCPT TO:<nobody@example.org>", "550 5.1.1"},
		{"DATA", "503 5.5.1"},
		{"RCPT TO:<POSTMASTER>", "250 2.1.5"},
		{"RCPT TO:<abuse@example.org>", "250 2.1.5"},
		{"VRFY anna", "502 5.5.1"},
		{"XYZ", "500 5.5.2"},
		{strings.Repeat("x", 5000), "500 5.5.2 Error: line too long"},
		{"RSET", "250 2.0.0"},
		{"DATA", "503 5.5.1"},
	} {
		if got := c.says(step[0]); !strings.HasPrefix(got, step[1]) {
			t.Errorf("%.50q: %q, want %q", step[0], got, step[1])
		}
	}
	if err := c.secures(&tls.Config{RootCAs: ca.Pool(), ServerName: "mx1.example.org"}); err != nil {
		t.Fatal(err)
	}
	if got := c.says("MAIL FROM:<>"); !strings.HasPrefix(got, "503") {
		t.Errorf("HELO is remembered over STARTTLS: %s", got)
	}
	if got := c.says("EHLO me.example.net"); strings.Contains(got, "STARTTLS") || strings.Contains(got, "AUTH") {
		t.Errorf("inside of TLS it offers %s", got)
	}
	for _, step := range [][2]string{{"MAIL FROM:<>", "250"}, {"RCPT TO:<anna@example.org>", "250"}, {"DATA", "354"},
		{"Subject: x\r\n\r\n..dot\r\n.", "250 2.0.0"}, {"QUIT", "221"}} {
		if got := c.says(step[0]); !strings.HasPrefix(got, step[1]) {
			t.Errorf("%q: %q, want %q", step[0], got, step[1])
		}
	}
	mails := s.Mails()
	if len(mails) != 1 || mails[0].TLS != tls.VersionTLS13 || mails[0].To[0] != "anna@example.org" || !strings.HasSuffix(mails[0].Text, "\r\n..dot\r\n") {
		t.Errorf("it took %+v", mails)
	}
}

func TestWhatWasSaidBeforeTLSIsThrownAwayOrObeyed(t *testing.T) {
	ca := authority(t)
	for f, want := range map[world.Fault]string{world.Clean: "221", world.STARTTLSInjection: "250"} {
		c := call(t, mx(t, ca, f))
		c.says("")
		c.says("EHLO me")
		if _, err := c.conn.Write([]byte("STARTTLS\r\nNOOP\r\n")); err != nil {
			t.Fatal(err)
		}
		if got := c.says(""); !strings.HasPrefix(got, "220") {
			t.Fatal(got)
		}
		conn := tls.Client(c.conn, &tls.Config{RootCAs: ca.Pool(), ServerName: "mx1.example.org"})
		c.conn, c.in = conn, bufio.NewReader(conn)
		if got := c.says("QUIT"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: the first reply inside of TLS is %q, want %s", f, got, want)
		}
	}
}

func TestOldTLSIsLetInBesides(t *testing.T) {
	ca := authority(t)
	for f, want := range map[world.Fault]bool{world.TLS10Too: true, world.Clean: false} {
		c := call(t, mx(t, ca, f))
		c.says("")
		c.says("EHLO me")
		err := c.secures(&tls.Config{RootCAs: ca.Pool(), ServerName: "mx1.example.org", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10})
		if (err == nil) != want {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestEachServerHasItsFault(t *testing.T) {
	ca := authority(t)
	want := map[world.Fault]string{
		world.NoSTARTTLS: "220 mx1, no STARTTLS, 502", world.Expired: "220 mx1, STARTTLS, certificate has expired",
		world.WrongName:       "220 mx1, STARTTLS, certificate is valid for www.elsewhere.example",
		world.SelfSigned:      "220 mx1, STARTTLS, signed by unknown authority",
		world.TLS10Only:       "220 mx1, STARTTLS, protocol version not supported",
		world.TLSFails:        "220 mx1, STARTTLS, 454",
		world.AuthWithoutTLS:  "220 mx1, STARTTLS, AUTH, secure",
		world.BannerLocalhost: "220 localhost, STARTTLS, secure", world.BannerMismatch: "220 other, STARTTLS, secure",
		world.Greeting554: "554 mx1", world.NotSMTP: "SSH", world.SilentSMTP: "nothing",
	}
	for _, f := range world.Faults() {
		expect, ok := want[f]
		if !ok { // told apart by their own tests
			expect = "220 mx1, STARTTLS, secure"
		}
		if got := portrait(t, mx(t, ca, f), ca); !strings.HasPrefix(got, strings.SplitN(expect, ", ", 2)[0]) || !inOrder(got, expect) {
			t.Errorf("%s: %s, want %s", f, got, expect)
		}
	}
}

func inOrder(text, parts string) bool {
	for _, part := range strings.Split(parts, ", ") {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

// portrait is what a stranger sees of a server.
func portrait(t *testing.T, s *world.SMTP, ca *world.CA) string {
	t.Helper()
	c := call(t, s)
	_ = c.conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	line, err := c.in.ReadString('\n')
	if err != nil {
		return "nothing"
	}
	_ = c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if !strings.HasPrefix(line, "220 ") {
		return strings.TrimSpace(line)
	}
	seen := strings.TrimSpace(line)
	hello := c.says("EHLO me.example.net")
	if strings.Contains(hello, "STARTTLS") {
		seen += ", STARTTLS"
	} else {
		seen += ", no STARTTLS"
	}
	if strings.Contains(hello, "AUTH PLAIN LOGIN") {
		seen += ", AUTH: " + c.says("AUTH PLAIN AGEAYg==")
	}
	if err := c.secures(&tls.Config{RootCAs: ca.Pool(), ServerName: "mx1.example.org"}); err != nil {
		return seen + ", " + err.Error()
	}
	return seen + ", secure"
}

func TestOnlyTheOpenRelayRelays(t *testing.T) {
	ca := authority(t)
	for f, want := range map[world.Fault]string{world.OpenRelay: "250 2.1.5", world.Clean: "554 5.7.1", world.SmugglingTolerant: "554 5.7.1"} {
		c := call(t, mx(t, ca, f))
		c.says("")
		c.says("EHLO me")
		c.says("MAIL FROM:<a@example.net>")
		if got := c.says("RCPT TO:<victim@elsewhere.example>"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", f, got)
		}
	}
}

func TestOnlyTheTolerantServerIsSmuggledThrough(t *testing.T) {
	ca := authority(t)
	const hidden = "MAIL FROM:<admin@example.org>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
	for _, ending := range []string{"\n.\n", "\n.\r\n", "\r\n.\n"} {
		for f, want := range map[world.Fault]int{world.Clean: 1, world.SmugglingTolerant: 2} {
			s := mx(t, ca, f)
			c := call(t, s)
			for _, line := range []string{"", "EHLO me", "MAIL FROM:<a@example.net>", "RCPT TO:<anna@example.org>", "DATA"} {
				c.says(line)
			}
			if _, err := c.conn.Write([]byte("Subject: one\r\n\r\nx" + ending + hidden + "QUIT\r\n")); err != nil {
				t.Fatal(err)
			}
			for !strings.HasPrefix(c.says(""), "221") {
				continue
			}
			if got := len(s.Mails()); got != want {
				t.Errorf("%s with %q: %d mails, want %d", f, ending, got, want)
			}
		}
	}
}

func TestSlowServerWaitsBeforeEveryReply(t *testing.T) {
	c := call(t, mx(t, authority(t), world.SlowSMTP))
	for _, line := range []string{"", "EHLO me", "QUIT"} {
		begun := time.Now()
		if c.says(line); time.Since(begun) < 50*time.Millisecond {
			t.Errorf("%q: after %s", line, time.Since(begun))
		}
	}
}

func TestTLS10ServerSpeaksTLS10(t *testing.T) {
	ca := authority(t)
	c := call(t, mx(t, ca, world.TLS10Only))
	c.says("")
	c.says("EHLO me")
	err := c.secures(&tls.Config{RootCAs: ca.Pool(), ServerName: "mx1.example.org", MinVersion: tls.VersionTLS10})
	if err != nil {
		t.Fatal(err)
	}
	if v := c.conn.(*tls.Conn).ConnectionState().Version; v != tls.VersionTLS10 {
		t.Errorf("version %x", v)
	}
}

func TestServerEndsASessionOfErrors(t *testing.T) {
	c := call(t, mx(t, authority(t), world.Clean))
	if _, err := c.conn.Write([]byte(strings.Repeat("X\r\n", 20))); err != nil {
		t.Fatal(err)
	}
	var last string
	for range 22 { // the greeting, 20 errors, the farewell
		last = c.says("")
	}
	if !strings.HasPrefix(last, "421") {
		t.Errorf("it goes on: %s", last)
	}
	if _, err := c.in.ReadByte(); err == nil {
		t.Error("it did not hang up")
	}
}

func TestMapLeadsToLoopbackAndNowhereElse(t *testing.T) {
	ca := authority(t)
	var m world.Map
	clean, four := mx(t, ca, world.Clean), mx(t, ca, world.IPv4Only)
	for _, err := range []error{clean.Place(&m, "192.0.2.25:25", "[2001:db8::25]:25"), four.Place(&m, "192.0.2.26:25", "[2001:db8::26]:25"), m.Blackhole("192.0.2.99:25")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		network, address string
		there            bool
	}{
		{"tcp", "192.0.2.25:25", true}, {"tcp4", "192.0.2.25:25", true}, {"tcp6", "[2001:db8::25]:25", true}, {"tcp", "[::ffff:192.0.2.25]:25", true},
		{"tcp", "192.0.2.26:25", true}, {"tcp", "[2001:db8::26]:25", false}, {"tcp", "192.0.2.25:587", false}, {"tcp", "198.51.100.1:25", false},
		{"tcp", "127.0.0.1:22", false},
	} {
		conn, err := m.Dial(t.Context(), c.network, c.address)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != c.there || !c.there && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s %s: %v", c.network, c.address, err)
		}
	}
	for _, bad := range [][2]string{{"tcp4", "[2001:db8::25]:25"}, {"tcp6", "192.0.2.25:25"}, {"udp", "192.0.2.25:25"}, {"tcp", "mx1.example.org:25"}} {
		if conn, err := m.Dial(t.Context(), bad[0], bad[1]); err == nil {
			conn.Close()
			t.Errorf("dialled %v", bad)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := m.Dial(ctx, "tcp", "192.0.2.99:25"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("in the black hole: %v", err)
	}
	if m.Place("192.0.2.1:25", netip.MustParseAddrPort("198.51.100.1:25")) == nil {
		t.Error("an address outside of loopback can be placed")
	}
}

func TestMailServersEndWithoutLeavingAnybody(t *testing.T) {
	ca := authority(t)
	before := runtime.NumGoroutine()
	for _, f := range []world.Fault{world.Clean, world.SilentSMTP, world.SlowSMTP, world.NotSMTP} {
		s, err := world.StartSMTP(world.SMTPConfig{Addr: "127.0.0.1:0", Name: "mx1.example.org", Fault: f, Wait: time.Hour, CA: ca})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		closes(t, s.Close)
		closes(t, s.Close)
		conn.Close()
	}
	nobodyIsLeft(t, before)
}

func TestCertificatesAreAsTheyWereOrdered(t *testing.T) {
	ca := authority(t)
	for _, k := range []world.KeyKind{world.P256, world.Ed25519, world.RSA2048, world.RSA1024} {
		cert, err := ca.Issue(world.Leaf{Names: []string{"a.example", "192.0.2.1"}, Key: k, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		kind := map[string]world.KeyKind{"*ecdsa.PublicKey": world.P256, "ed25519.PublicKey": world.Ed25519, "*rsa.PublicKey": k}
		if got := fmt.Sprintf("%T", cert.Leaf.PublicKey); kind[got] != k {
			t.Errorf("%s: a key of type %s", k, got)
		}
		for _, name := range []string{"a.example", "192.0.2.1"} {
			if err := cert.Leaf.VerifyHostname(name); err != nil {
				t.Errorf("%s: %v", k, err)
			}
		}
		if until := time.Until(cert.Leaf.NotAfter); until > time.Hour || until < 50*time.Minute {
			t.Errorf("%s: until %s", k, cert.Leaf.NotAfter)
		}
	}
}
