//go:build daemons

package doveadm

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// addresses are those that people come from here: a connection to one of them also comes from it.
var addresses = []string{"203.0.113.9/32", "2001:db8::9/128"}

// TestMain runs this package's tests in a room of their own.
func TestMain(m *testing.M) {
	os.Exit(rig.MainIn(rig.Room{Addresses: addresses, Needs: []string{"postfix", "dovecot", "doveadm"}}, m, rig.Skip))
}

// served is a Dovecot that serves IMAP at a port of every address.
type served struct {
	*rig.Dovecot
	imap int
}

// dovecot is a running one, with nobody logged in.
func dovecot(t *testing.T) (*served, Instance) {
	t.Helper()
	p, err := rig.NewPostfix(rig.PostfixConfig{Sink: "127.0.0.1:1"}) // for its queue directory
	if err != nil {
		t.Fatal(err)
	}
	lines, port := rig.TestIMAP(t)
	d, err := rig.StartDovecot(p, map[string]string{"anna@example.org": "x", "anna": "x", "1001": "x"}, lines)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return &served{d, port}, Instance{Config: d.Config}
}

// session is somebody who reads mail; ended is closed when the connection is.
type session struct{ ended chan struct{} }

func (s *session) Ended() <-chan struct{} { return s.ended }

// logIn opens an IMAP session.
func logIn(t *testing.T, d *served, account, client string) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var c *textproto.Conn
	err := rig.Wait(ctx, "the port of IMAP", func() (err error) {
		c, err = textproto.Dial("tcp", net.JoinHostPort(client, strconv.Itoa(d.imap)))
		return err
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, d.Log())
	}
	t.Cleanup(func() { c.Close() })
	if err := c.PrintfLine("a LOGIN %s x", account); err != nil {
		t.Fatal(err)
	}
	reply, err := c.ReadLine()
	for err == nil && strings.HasPrefix(reply, "* ") { // untagged
		reply, err = c.ReadLine()
	}
	if err != nil || !strings.HasPrefix(reply, "a OK") {
		t.Fatalf("%q %v\n%s", reply, err, d.Log())
	}
	s := &session{make(chan struct{})}
	go func() {
		_, _ = io.Copy(io.Discard, c.R) // how it ends is all the same
		close(s.ended)
	}()
	return s
}

// servesIMAP says whether a process is the one of an IMAP session.
func servesIMAP(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(line), "imap")
}

// counted waits until an account has so many sessions, and returns them.
func counted(t *testing.T, i Instance, account string, n int) (all []Session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := rig.Wait(ctx, "sessions of "+account, func() (err error) {
		if all, err = i.Who(ctx, account); err == nil && len(all) != n {
			err = fmt.Errorf("%+v", all)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTheSessionsOfOneAccountAreSeenAndEnded(t *testing.T) {
	d, i := dovecot(t)
	numbered := logIn(t, d, "1001", "203.0.113.9")
	counted(t, i, "1001", 1)
	if kicked, err := i.Kick(t.Context(), "1001"); !kicked || err != nil {
		t.Errorf("a name of digits: %t %v", kicked, err)
	}
	<-numbered.Ended()
	first, second := logIn(t, d, "anna@example.org", "203.0.113.9"), logIn(t, d, "anna@example.org", "2001:db8::9")
	other := logIn(t, d, "anna", "203.0.113.9")
	for _, s := range counted(t, i, "anna@example.org", 2) {
		if s.Account != "anna@example.org" || s.Protocol != "imap" || !servesIMAP(s.PID) || !s.Client.IsValid() {
			t.Errorf("%+v", s)
		}
	}
	counted(t, i, "anna", 1)
	if kicked, err := i.Kick(t.Context(), "nobody@example.org"); kicked || err != nil {
		t.Errorf("nobody is there: %t %v", kicked, err)
	}
	if kicked, err := i.Kick(t.Context(), "anna@example.org"); !kicked || err != nil {
		t.Errorf("%t %v", kicked, err)
	}
	for _, p := range []*session{first, second} {
		select {
		case <-p.Ended():
		case <-time.After(10 * time.Second):
			t.Error("a session goes on")
		}
	}
	select {
	case <-other.Ended():
		t.Error("somebody else's session was ended")
	default:
	}
}

// TestWhatDoveadmTakesForMoreThanANameReachesItNot: it would end the sessions of all.
func TestWhatDoveadmTakesForMoreThanANameReachesItNot(t *testing.T) {
	d, i := dovecot(t)
	p := logIn(t, d, "anna@example.org", "203.0.113.9")
	counted(t, i, "anna@example.org", 1)
	for _, name := range []string{"*", "anna*", "203.0.113.9", "0.0.0.0/0", "203.0.28937", "0xcb007109", "-f", ""} {
		if kicked, err := i.Kick(t.Context(), name); kicked || err == nil {
			t.Errorf("%q: %t %v", name, kicked, err)
		}
		if all, err := i.Who(t.Context(), name); all != nil || err == nil {
			t.Errorf("%q: %+v %v", name, all, err)
		}
	}
	select {
	case <-p.Ended():
		t.Error("the session was ended")
	default:
	}
	if said, err := d.Doveadm(t.Context(), "kick", "203.0.28937"); err != nil { // 203.0.113.9, as doveadm reads it
		t.Errorf("the name that is refused would be harmless: %v %s", err, said)
	}
}

func TestADovecotThatIsDownIsSaid(t *testing.T) {
	d, i := dovecot(t)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Kick(t.Context(), "anna"); err == nil || !strings.Contains(err.Error(), "end the sessions of anna: ") {
		t.Error(err)
	}
	if _, err := i.Who(t.Context(), "anna"); err == nil {
		t.Error("nobody was asked, and nobody is said to be there")
	}
}

func TestDovecotSaysWhatItsSettingsAreWorth(t *testing.T) {
	d, i := dovecot(t)
	version, err := Version(t.Context())
	if whole, _ := rig.DovecotVersion(); err != nil || !strings.HasPrefix(whole, version) || strings.Contains(version, " ") || version == "" {
		t.Errorf("%q %v", version, err)
	}
	if log, err := i.Get(t.Context(), "log_path"); log != d.LogPath || err != nil {
		t.Errorf("%q %v", log, err)
	}
	if text, err := i.Text(t.Context()); err != nil || !strings.Contains(text, "/private/auth {") || i.Check(t.Context()) != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if proxies := i.Proxies(t.Context()); len(proxies) != 0 {
		t.Errorf("%v are trusted by default", proxies)
	}
	told, err := os.ReadFile(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	told = append(told, "\nhaproxy_trusted_networks = 192.0.2.7 2001:db8:7::/48\nlogin_trusted_networks = 198.51.100.0/24\n"...)
	if err := os.WriteFile(d.Config, told, 0o644); err != nil {
		t.Fatal(err)
	}
	if proxies := fmt.Sprint(i.Proxies(t.Context())); proxies != "[192.0.2.7/32 2001:db8:7::/48 198.51.100.0/24]" {
		t.Errorf("trusted are %s", proxies)
	}
	if err := os.WriteFile(d.Config, append(told, "no_such_setting = 1\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := i.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Error(err)
	}
}
