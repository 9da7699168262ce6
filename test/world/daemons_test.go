//go:build daemons

package world_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
	"postward/test/world"
)

// TestMain runs these tests where no other daemon is.
func TestMain(m *testing.M) {
	os.Exit(rig.MainIn(rig.Room{Needs: []string{"rbldnsd", "dig", "openssl", "swaks"}}, m, rig.Skip))
}

// tool runs a program of the system and returns all that it says; its exit code is not looked at.
func tool(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

func dig(t *testing.T, s *world.Server, args ...string) string {
	t.Helper()
	at := []string{"@" + s.Addr().Addr().String(), "-p", strconv.Itoa(int(s.Addr().Port())), "+tries=1", "+time=1"}
	return tool(t, "", "dig", append(at, args...)...)
}

func TestDigSeesWhatTheServerDoes(t *testing.T) {
	s := named(t)
	s.Authentic("example.org", true)
	for _, c := range []struct {
		b    world.Behaviour
		args string
		want string // parts, in order
	}{
		{world.Behaviour{}, "example.org MX", "status: NOERROR|flags: qr rd ra ad;|10 mx1.example.org."},
		{world.Behaviour{}, "+norec example.org MX", "status: NOERROR|flags: qr aa ra;"},
		{world.Behaviour{}, "nobody.example.org", "status: NXDOMAIN|AUTHORITY SECTION|SOA"},
		{world.Behaviour{}, "www.example.org A", "CNAME|web.example.net.|192.0.2.80"},
		{world.Behaviour{Kind: world.Silent}, "example.org MX", "no servers could be reached"},
		{world.Behaviour{Kind: world.Refuse}, "example.org MX", "status: REFUSED"},
		{world.Behaviour{Kind: world.ServFail}, "example.org MX", "status: SERVFAIL"},
		{world.Behaviour{Kind: world.WrongID}, "example.org MX", "ID mismatch"},
		{world.Behaviour{Kind: world.WrongQuestion}, "example.org MX", "Question section mismatch: got elsewhere.example/MX"},
		{world.Behaviour{Kind: world.Garbage}, "example.org MX", "malformed message packet"},
		{world.Behaviour{Kind: world.Rewrite}, "nobody.example.org", "status: NOERROR|198.51.100.80"},
		{world.Behaviour{Kind: world.Everything}, "x.example.org", "127.0.0.2"},
		{world.Behaviour{Kind: world.Code}, "x.example.org", "127.255.255.254"},
		{world.Behaviour{Kind: world.Truncate}, "+ignore example.org MX", "flags: qr tc rd ra;|ANSWER: 0"},
		{world.Behaviour{Kind: world.Truncate}, "example.org MX", "Truncated, retrying in TCP mode|10 mx1.example.org."},
		{world.Behaviour{Kind: world.Huge}, "example.org MX", "retrying in TCP mode|10 mx1.example.org.|(TCP)|rcvd: 65"},
		{world.Behaviour{Kind: world.Loop}, "x.example.org", "loop.x.example.org.|CNAME"},
		{world.Behaviour{Kind: world.Chain}, "+tcp mx1.example.org", "ANSWER: 51|hop50.chain.example.|192.0.2.25"},
		{world.Behaviour{Wait: 900 * time.Millisecond}, "example.org MX", "10 mx1.example.org."},
		{world.Behaviour{Wait: 1300 * time.Millisecond}, "example.org MX", "no servers could be reached"}, // dig waits a second
	} {
		s.Behave("example.org", c.b)
		if got := dig(t, s, strings.Fields(c.args)...); !partsInOrder(got, c.want) {
			t.Errorf("%q %s: want %s in\n%s", c.b.Kind, c.args, c.want, got)
		}
	}
}

func partsInOrder(text, parts string) bool {
	return inOrder(text, strings.ReplaceAll(parts, "|", ", "))
}

// listed starts rbldnsd and a server that hands questions to it.
func listed(t *testing.T, lists ...world.Blocklist) (*world.Server, *world.Rbldnsd) {
	t.Helper()
	r, err := world.StartRbldnsd(t.Context(), lists)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, r.Close) })
	s := named(t)
	for _, b := range lists {
		s.Delegate(b.Zone, r.Addr())
	}
	return s, r
}

func TestRbldnsdServesItsListsThroughTheServer(t *testing.T) {
	s, _ := listed(t,
		world.Blocklist{Zone: "four.example", Listed: []string{"192.0.2.25", "198.51.100.0/24"}},
		world.Blocklist{Zone: "six.example", Kind: world.IP6Trie, Listed: []string{"2001:db8::/32"}},
		world.Blocklist{Zone: "names.example", Kind: world.DNSet, Listed: []string{".bad.example"}, Value: "127.0.0.4", Text: "why $"})
	six := "2.0.0.0.0.0.f.7.f.f.f.f" + strings.Repeat(".0", 20)
	for name, want := range map[string]string{
		"2.0.0.127.four.example": "127.0.0.2\n", "1.0.0.127.four.example": "", "25.2.0.192.four.example": "127.0.0.2\n",
		"7.100.51.198.four.example": "127.0.0.2\n", "26.2.0.192.four.example": "",
		six + ".six.example": "127.0.0.2\n", "1" + six[1:] + ".six.example": "", "1" + strings.Repeat(".0", 23) + ".8.b.d.0.1.0.0.2.six.example": "127.0.0.2\n",
		"test.names.example": "127.0.0.4\n", "invalid.names.example": "", "www.bad.example.names.example": "127.0.0.4\n",
	} {
		for _, how := range []string{"+notcp", "+tcp"} {
			if got := dig(t, s, "+short", how, name, "A"); got != want {
				t.Errorf("%s %s: %q, want %q", how, name, got, want)
			}
		}
	}
	if got := dig(t, s, "+short", "www.bad.example.names.example", "TXT"); got != "\"why bad.example\"\n" {
		t.Errorf("the reason: %q", got)
	}
	if got := dig(t, s, "1.0.0.127.four.example", "A"); !partsInOrder(got, "status: NXDOMAIN|flags: qr rd ra;") {
		t.Errorf("what is not listed: %s", got)
	}
}

func TestRbldnsdForgetsAnEntryThatIsTakenAway(t *testing.T) {
	s, r := listed(t, world.Blocklist{Zone: "four.example", Listed: []string{"192.0.2.25"}}, world.Blocklist{Zone: "other.example"})
	for _, want := range []string{"127.0.0.2\n", "", "127.0.0.2\n"} {
		if got := dig(t, s, "+short", "25.2.0.192.four.example"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		var now []string
		if want == "" {
			now = []string{"192.0.2.25"}
		}
		if err := r.SetListed(t.Context(), "four.example", now...); err != nil {
			t.Fatal(err)
		}
	}
	if got := dig(t, s, "+short", "2.0.0.127.other.example"); got != "127.0.0.2\n" {
		t.Errorf("the other list: %q", got)
	}
}

func TestRbldnsdThatCannotStartSaysWhy(t *testing.T) {
	r, err := world.StartRbldnsd(t.Context(), []world.Blocklist{{Zone: "four.example", Listed: []string{"what is this"}, Kind: "nonsense"}})
	if err == nil {
		r.Close()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("it does not say why: %v", err)
	}
}

// client is openssl's s_client with STARTTLS.
func client(t *testing.T, ca *world.CA, s *world.SMTP, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, ca.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	return tool(t, "QUIT\r\n", "openssl", append([]string{"s_client", "-starttls", "smtp", "-connect", s.Addr().String(), "-CAfile", file,
		"-verify_hostname", "mx1.example.org", "-crlf"}, args...)...)
}

func TestOpensslSeesTheCertificates(t *testing.T) {
	ca := authority(t)
	for f, want := range map[world.Fault]string{
		world.Clean: "Protocol version: TLSv1.3|Verification: OK", world.Expired: "certificate has expired|Verify return code: 10",
		world.WrongName: "hostname mismatch|Verify return code: 62", world.SelfSigned: "self-signed certificate|Verify return code: 18",
		world.NoSTARTTLS: "Didn't find STARTTLS in server response|no peer certificate", world.TLS10Only: "legacy sigalg disallowed or alert protocol version", // OpenSSL 3.0, and 3.5
	} {
		got := client(t, ca, mx(t, ca, f), "-brief")
		if f != world.Clean {
			got += client(t, ca, mx(t, ca, f))
		}
		if !slices.ContainsFunc(strings.Split(want, " or "), func(one string) bool { return partsInOrder(got, one) }) {
			t.Errorf("%s: want %s in\n%s", f, want, got)
		}
	}
	if got := client(t, ca, mx(t, ca, world.TLS10Only), "-tls1", "-cipher", "DEFAULT@SECLEVEL=0"); !partsInOrder(got, "Verification: OK|TLSv1") {
		t.Errorf("TLS 1.0 with a client that wants it:\n%s", got)
	}
}

func swaks(t *testing.T, s *world.SMTP, args ...string) string {
	t.Helper()
	return tool(t, "", "swaks", append([]string{"--server", s.Addr().Addr().String(), "--port", strconv.Itoa(int(s.Addr().Port())),
		"--helo", "me.example.net", "--from", "a@example.net", "--timeout", "2", "--body", "hello"}, args...)...)
}

func TestSwaksSeesTheServers(t *testing.T) {
	ca := authority(t)
	for _, c := range []struct {
		f          world.Fault
		args, want string
	}{
		{world.Clean, "--to anna@example.org", "220 mx1.example.org ESMTP|250-PIPELINING|250-STARTTLS|250 2.0.0 Ok: queued"},
		{world.Clean, "--to nobody@example.org", "550 5.1.1"},
		{world.Clean, "--to victim@elsewhere.example", "554 5.7.1|Relay access denied"},
		{world.OpenRelay, "--to victim@elsewhere.example", "250 2.0.0 Ok: queued"},
		{world.AuthWithoutTLS, "--to anna@example.org --auth PLAIN --auth-user u --auth-password p", "250-AUTH PLAIN LOGIN|535 5.7.8"},
		{world.BannerLocalhost, "--to anna@example.org", "220 localhost ESMTP"},
		{world.BannerMismatch, "--to anna@example.org", "220 other.elsewhere.example ESMTP"},
		{world.Greeting554, "--to anna@example.org", "554 mx1.example.org|QUIT|221"},
		{world.SilentSMTP, "--to anna@example.org", "Timeout"},
		{world.SlowSMTP, "--to anna@example.org", "250 2.0.0 Ok: queued"},
		{world.NotSMTP, "--to anna@example.org", "Timeout"},
		{world.IPv4Only, "--to anna@example.org", "250 2.0.0 Ok: queued"},
		{world.SmugglingTolerant, "--to anna@example.org", "250 2.0.0 Ok: queued"},
	} {
		if got := swaks(t, mx(t, ca, c.f), strings.Fields(c.args)...); !partsInOrder(got, c.want) {
			t.Errorf("%s %s: want %s in\n%s", c.f, c.args, c.want, got)
		}
	}
}

func TestOpensslSeesThePolicyHost(t *testing.T) {
	ca := authority(t)
	h, err := world.StartHTTPS(world.HTTPSConfig{Addr: "127.0.0.1:0", Domain: "example.org", MX: []string{"mx1.example.org"}, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, h.Close) })
	got := tool(t, "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.org\r\n\r\n", "openssl", "s_client", "-quiet", "-ign_eof",
		"-servername", "mta-sts.example.org", "-connect", h.Addr().String())
	if !partsInOrder(got, "HTTP/1.1 200 OK|Content-Type: text/plain|version: STSv1|mode: enforce|mx: mx1.example.org|max_age: 604800") || h.Asked() != 1 {
		t.Errorf("asked %d times:\n%s", h.Asked(), got)
	}
}
