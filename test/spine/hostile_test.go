//go:build daemons

package spine_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postward/test/rig"
)

// much is small in make test, and all of it in make prove.
func much(small, all int) int {
	if os.Getenv("PROVE") != "" {
		return all
	}
	return small
}

// TestHostileMailIsAccountedFor sends what no honest client sends, through a real Postfix, while garbage comes in on
// every socket: each mail is taken and found, or refused; postward goes on, and stays small.
func TestHostileMailIsAccountedFor(t *testing.T) {
	f := attachedTo(t, rig.PostfixConfig{Main: map[string]string{
		"message_size_limit": "300000000", "mailbox_size_limit": "0", "header_size_limit": "30000000", "smtpd_recipient_limit": "20000",
	}}, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	stop := make(chan struct{})
	var noise sync.WaitGroup
	noise.Go(func() { f.noise(t, stop) })
	person := f.client("anna", office)
	person.Timeout = 2 * time.Minute
	send := func(m rig.Mail) rig.Mail {
		if m.From == "" {
			m.From = "anna@example.org"
		}
		return person.SendOne(f.ctx, m)
	}
	line := strings.Repeat("x", 900) + "\r\n"
	var many []string
	for i := range much(1000, 10_000) {
		many = append(many, fmt.Sprintf("r%d@example.net", i))
	}
	to := []string{"friend@example.com"}
	sent := map[string]rig.Mail{
		"a long header section": send(rig.Mail{To: to, Header: "From: <anna@example.org>\r\n" + strings.Repeat("X-Filler: "+line, 20<<20/912)}),
		"a large mail":          send(rig.Mail{To: to, Body: strings.Repeat(line, much(50, 200)<<20/902)}),
		"many recipients":       send(rig.Mail{To: many}),
		"NUL":                   send(rig.Mail{To: to, Header: "Subject: a\x00b\r\n", Body: "a\x00b\r\n"}),
		"bare CR and LF":        send(rig.Mail{To: to, Header: "Subject: a\rb\r\n", Body: "a\nb\rc\r\n"}),
		"no UTF-8":              send(rig.Mail{To: to, Header: "Subject: \xff\xfe\r\nX-\xff: \x80\r\n"}),
		"several authors":       send(rig.Mail{To: to, Header: "From: <anna@example.org>, <ceo@bank.test>\r\n"}),
		"two From fields":       send(rig.Mail{To: to, Header: "From: <anna@example.org>\r\nFrom: <ceo@bank.test>\r\n"}),
		"a folded author":       send(rig.Mail{To: to, Header: "From:\r\n\t\"anna@example.org\"\r\n <ceo@bank.test>\r\n"}),
		"quotes and comments":   send(rig.Mail{To: to, Header: "From: (x) \"a\\\"b\" (anna@example.org) <anna@example.org>\r\n"}),
		"a quoted recipient":    send(rig.Mail{To: []string{`"a b"@example.com`}}),
		"a long local part":     send(rig.Mail{To: []string{strings.Repeat("a", 900) + "@example.com"}}),
		"a null reverse-path":   send(rig.Mail{From: " ", To: to}),
	}
	close(stop)
	noise.Wait()
	var all []rig.Mail
	for name, m := range sent {
		t.Logf("%-22s %s: %d %.100s", name, m.Outcome, m.Code, m.Reply)
		all = append(all, m)
	}
	for _, name := range []string{"several authors", "two From fields", "a folded author"} {
		if m := sent[name]; m.Code != 550 {
			t.Errorf("%s: a foreign author is told %d %s", name, m.Code, m.Reply)
		}
	}
	f.wait(t, "what may leave to have left", func() error { return f.nothingMoves() })
	ledger := f.account(t, all)
	if len(ledger.Unknown) > 0 {
		t.Errorf("without a reply: %v", ledger.Unknown)
	}
	after := f.one("anna", office, to[0])
	if after.Outcome != rig.Accepted {
		t.Errorf("an ordinary mail afterwards: %d %s", after.Code, after.Reply)
	}
	mib, err := rig.PSS(f.Pids())
	if err != nil || mib > 64 {
		t.Errorf("memory: %.1f MiB, %v", mib, err)
	}
	t.Logf("%s; PSS %.1f MiB", ledger, mib)
	if s := f.status(t); strings.Contains(strings.Join(s.Troubles, "\n"), "bug") {
		t.Errorf("%q", s.Troubles)
	}
}

// nothingMoves reports mail that is neither held nor delivered.
func (f *field) nothingMoves() error {
	queue, err := f.Site.Postfix.Queue()
	for _, q := range queue {
		if q.Queue != "hold" && q.Queue != "deferred" {
			return fmt.Errorf("%s is in %s", q.ID, q.Queue)
		}
	}
	return err
}

// noise says nonsense on every socket of postward until stop is closed.
func (f *field) noise(t *testing.T, stop <-chan struct{}) {
	sockets, err := filepath.Glob(filepath.Join(f.Site.Postfix.QueueDir, "postward", "*.sock"))
	if err != nil || len(sockets) != 3 {
		t.Errorf("sockets: %v %v", sockets, err)
	}
	sockets = append(sockets, filepath.Join(f.Dir, "run", "control.sock"))
	for i := 0; ; i++ {
		for _, path := range sockets {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Errorf("nobody listens at %s: %v", path, err)
				continue
			}
			words := []string{"GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\xffO", strings.Repeat("\x00", 5000), "\x00\x00\x00\x0dO", "POST /incident/release HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n{"}
			c.Write([]byte(words[i%len(words)])) // it may hang up amid it
			c.Close()
		}
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
