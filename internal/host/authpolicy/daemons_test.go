//go:build daemons

package authpolicy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postward/test/rig"
)

// These tests ask the Dovecot that Debian ships, as Postfix does and as its own login processes do.

const (
	client   = "203.0.113.80" // whom XCLIENT says, and doveadm
	password = "correct horse"
)

// told is what our snippet tells the Dovecot that is installed.
func told(t *testing.T, at string, k Key) string {
	t.Helper()
	version, err := rig.DovecotVersion()
	if err != nil {
		t.Fatal(err)
	}
	text, err := Settings(version, at, k)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// freeAddress is where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := rig.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// askedSite is a mail site whose Dovecot asks at an address.
func askedSite(t *testing.T, at string, k Key) *rig.Site {
	t.Helper()
	return rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"anna@example.org": password, "bert": password}, told(t, at, k))
}

// smtp logs in through Postfix, and returns the reply to AUTH.
func smtp(t *testing.T, s *rig.Site, user, password string) rig.Step {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	session, err := rig.Client{Addr: s.Postfix.Submission(), Address: client, User: user, Password: password}.Open(ctx)
	var refused *rig.Refusal
	if err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	defer session.Close()
	return session.Steps[len(session.Steps)-1]
}

// comes waits until a server was asked all of this, in this order.
func comes(t *testing.T, h *heard, want string) {
	t.Helper()
	comesOf(t, h, "", want)
}

// comesOf is comes for what was asked about one account.
func comesOf(t *testing.T, h *heard, account, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := rig.Wait(ctx, want, func() error {
		all := strings.Split(h.String(), ", ")
		of := slices.DeleteFunc(slices.Clone(all), func(one string) bool { return !strings.HasSuffix(one, account) })
		if strings.Join(of, ", ") != want {
			return fmt.Errorf("heard: %s", all)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheRightPasswordIsRefusedAndTheWordsReachTheClient(t *testing.T) {
	s, h := recorder(map[string]Answer{"anna@example.org": Refuse("too many wrong passwords from your network")})
	var last *Attempt
	report := s.Report
	s.Report = func(a *Attempt) { last = a; report(a) } // read when heard has it
	site := askedSite(t, serve(t, s), testKey)
	if step := smtp(t, site, "Anna@example.org", password); step.Code != 535 || !strings.Contains(step.Text, "too many wrong passwords from your network") {
		t.Errorf("Postfix said %s", step)
	}
	want := "before anna@example.org, report(false) anna@example.org"
	comes(t, h, want)
	if !last.PolicyReject || last.Client.String() != client || last.Protocol != "smtp" || last.PasswordHash == 0 || last.Session != "" {
		t.Errorf("%+v", last)
	}
	for _, service := range []string{"imap", "pop3", "sieve"} {
		taken, said := site.Dovecot.Login(t.Context(), service, client, "s+/1", "anna@example.org", password)
		if taken || !strings.Contains(said, "reason=too many wrong passwords from your network") {
			t.Errorf("%s: %t %s", service, taken, said)
		}
		want += ", before anna@example.org, report(false) anna@example.org"
		comes(t, h, want)
		if last.Protocol != service || last.Session != "s+/1" || !last.PolicyReject {
			t.Errorf("%+v", last)
		}
	}
}

func TestEachLoginIsAskedAboutBeforeAndAfterAndReported(t *testing.T) {
	s, h := recorder(nil)
	site := askedSite(t, serve(t, s), testKey)
	if step := smtp(t, site, "bert", "wrong"); step.Code != 535 {
		t.Errorf("a wrong password: %s", step)
	}
	comes(t, h, "before bert, report(false) bert")
	if step := smtp(t, site, "bert", password); step.Code != 235 {
		t.Errorf("the right one: %s", step)
	}
	comes(t, h, "before bert, report(false) bert, before bert, before bert, after bert, report(true) bert")
}

// TestParallelLoginsOfOneAccountAreAllHeardOf: with one password, from one place. Those with a session are told apart.
func TestParallelLoginsOfOneAccountAreAllHeardOf(t *testing.T) {
	const each = 15
	s, _ := recorder(nil)
	site := askedSite(t, serve(t, s), testKey)
	var all sync.WaitGroup
	for n := range each {
		all.Go(func() {
			if taken, said := site.Dovecot.Login(t.Context(), "imap", client, fmt.Sprint(n), "bert", password); !taken {
				t.Error(said)
			}
		})
	}
	all.Wait()
	counts(t, s, "each once before, once after and once in the end", func(c Counts) bool {
		return c == Counts{Before: each, After: each, Reports: each}
	})
	for range each {
		all.Go(func() {
			if step := smtp(t, site, "bert", password); step.Code != 235 {
				t.Errorf("%s", step)
			}
		})
	}
	all.Wait()
	counts(t, s, "Postfix's too", func(c Counts) bool {
		return c.Before+c.After == 4*each && c.Reports == 2*each && c.Late+c.Crowded+c.Strangers+c.Unread == 0
	})
}

// counts waits until a server has counted what is true.
func counts(t *testing.T, s *Server, what string, are func(Counts) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := rig.Wait(ctx, what, func() error {
		if c := s.Counts(); !are(c) {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// counter counts the connections that a listener takes.
type counter struct {
	net.Listener
	taken atomic.Int64
}

func (c *counter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.taken.Add(1)
	}
	return conn, err
}

// TestDovecotKeepsItsConnection from one login to the next: a new one for each question costs, and fills the door.
func TestDovecotKeepsItsConnection(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := recorder(nil)
	c := &counter{Listener: l}
	site := askedSite(t, serveAt(t, s, c), testKey)
	for n := range 3 {
		if taken, said := site.Dovecot.Login(t.Context(), "imap", client, fmt.Sprint(n), "bert", password); !taken {
			t.Error(said)
		}
	}
	counts(t, s, "nine requests", func(c Counts) bool { return c == Counts{Before: 3, After: 3, Reports: 3} })
	if n := c.taken.Load(); n > 2 { // a report and the next question may go at once
		t.Errorf("over %d connections", n)
	}
}

func TestRefusedAfterTheRightPassword(t *testing.T) {
	s, h := recorder(nil)
	s.After = func(_ context.Context, a *Attempt) Answer {
		h.add("after", a)
		return Refuse("this account is stopped: call your postmaster")
	}
	site := askedSite(t, serve(t, s), testKey)
	if step := smtp(t, site, "bert", password); step.Code != 535 || !strings.Contains(step.Text, "call your postmaster") {
		t.Errorf("%s", step)
	}
	comes(t, h, "before bert, before bert, after bert, report(false) bert")
}

// TestADelayIsWaitedFor: as long as Postfix has patience, however long is asked for.
func TestADelayIsWaitedFor(t *testing.T) {
	s, h := recorder(map[string]Answer{"bert": Delay(time.Hour)})
	site := askedSite(t, serve(t, s), testKey)
	if step := smtp(t, site, "bert", password); step.Code != 235 || step.Took < MaxSMTPDelay || step.Took > 9*time.Second {
		t.Errorf("%s after %s", step, step.Took)
	}
	comes(t, h, "before bert, before bert, after bert, report(true) bert")
}

func TestAWrongKeyIsRefusedAndTheLoginGoesOn(t *testing.T) {
	s, h := recorder(map[string]Answer{"bert": Refuse("no")})
	site := askedSite(t, serve(t, s), Key{strings.Repeat("cd", keySize)})
	if step := smtp(t, site, "bert", password); step.Code != 235 {
		t.Errorf("%s", step)
	}
	if taken, _ := site.Dovecot.Login(t.Context(), "imap", client, "1", "bert", "wrong"); taken {
		t.Error("a wrong password was taken")
	}
	if h.String() != "" || !strings.Contains(site.Dovecot.Log(), "403 Forbidden") {
		t.Errorf("heard: %s\n%s", h, site.Dovecot.Log())
	}
}

func TestWhilePostwardIsDownLoginsGoOn(t *testing.T) {
	at := freeAddress(t)
	site := askedSite(t, at, testKey)
	for given, code := range map[string]int{password: 235, "wrong": 535} {
		if step := smtp(t, site, "bert", given); step.Code != code || step.Took > 5*time.Second {
			t.Errorf("%s: %s after %s", given, step, step.Took)
		}
	}
	if !strings.Contains(site.Dovecot.Log(), "Connection refused") {
		t.Errorf("Dovecot did not say so:\n%s", site.Dovecot.Log())
	}
	s, h := recorder(map[string]Answer{"anna@example.org": Refuse("no")})
	s.Key = testKey
	l, err := Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	if step := smtp(t, site, "anna@example.org", password); step.Code != 535 {
		t.Errorf("back again: %s", step)
	}
	// What became of bert's logins may be reported late: Dovecot tries again for 2 s.
	comesOf(t, h, "anna@example.org", "before anna@example.org, report(false) anna@example.org")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if step := smtp(t, site, "anna@example.org", password); step.Code != 235 {
		t.Errorf("down again: %s", step)
	}
}

// TestADeafPostwardLetsLoginsGoOn: one that takes connections and says nothing, as a stopped process does.
func TestADeafPostwardLetsLoginsGoOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	site := askedSite(t, l.Addr().String(), testKey)
	if step := smtp(t, site, "bert", password); step.Code != 235 || step.Took > 9*time.Second {
		t.Errorf("%s after %s", step, step.Took)
	}
}

func TestALateAnswerLetsTheLoginGoOn(t *testing.T) {
	s, h := recorder(nil)
	var asked atomic.Int64
	s.Before = func(ctx context.Context, _ *Attempt) Answer {
		asked.Add(1)
		<-ctx.Done()
		return Refuse("no")
	}
	site := askedSite(t, serve(t, s), testKey)
	if step := smtp(t, site, "bert", password); step.Code != 235 || step.Took < AnswerTime {
		t.Errorf("%s after %s", step, step.Took)
	}
	comes(t, h, "report(true) bert")
	if n := s.Counts().Late; asked.Load() != 2 || n != 2 { // and After never, for which no time was left
		t.Errorf("asked %d times, late %d times", asked.Load(), n)
	}
	if strings.Contains(site.Dovecot.Log(), "policy") {
		t.Errorf("Dovecot did not wait:\n%s", site.Dovecot.Log())
	}
}
