package milter

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	client "github.com/emersion/go-milter"

	"postward/internal/guard"
)

// from opens a session of an SMTP client, as Postfix announces it.
func from(t *testing.T, path string, family client.ProtoFamily, port uint16, address string, macros ...string) *client.ClientSession {
	t.Helper()
	c := client.NewDefaultClient("unix", path)
	t.Cleanup(func() { c.Close() })
	x, err := c.Session()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Macros(client.CodeConn, macros...); err != nil {
		t.Fatal(err)
	}
	if act, err := x.Conn("client.test", family, port, address); err != nil || act.Code != client.ActContinue {
		t.Fatalf("connect: %v %v", act, err)
	}
	return x
}

func TestWhoConnectedIsAskedOnceAndStandsInEveryMailWithoutALogin(t *testing.T) {
	var asked, users []string
	path, _ := started(t, &Server{
		Direction: guard.Inbound,
		User: func(c, s netip.AddrPort) string {
			asked = append(asked, c.String()+" "+s.String())
			return "www-data"
		},
		Mail: func(_ context.Context, t *guard.Transaction) Answer {
			users = append(users, t.UnixUser)
			return Answer{Action: guard.Accept}
		},
		End: func(_ context.Context, t *guard.Transaction) Answer {
			users = append(users, t.UnixUser)
			return Answer{Action: guard.Accept}
		},
	})
	x := from(t, path, client.FamilyInet, 4242, "127.0.0.1", "{daemon_addr}", "127.0.0.1", "{daemon_port}", "25")
	for _, login := range []string{"", "anna", ""} {
		send(t, x, login, "a@example.org", "b@far.example")
	}
	if want := []string{"www-data", "www-data", "", "", "www-data", "www-data"}; !slices.Equal(users, want) {
		t.Errorf("%q", users)
	}
	from(t, path, client.FamilyInet6, 4243, "::1", "{daemon_addr}", "::1", "{daemon_port}", "25")
	from(t, path, client.FamilyInet6, 4244, "IPv6:2001:db8::1", "{daemon_addr}", "IPv6:2001:db8::1", "{daemon_port}", "25")
	from(t, path, client.FamilyInet, 4245, "127.0.0.1", "{daemon_addr}", "127.0.0.1", "{daemon_port}", "")
	from(t, path, client.FamilyInet, 4246, "127.0.0.1", "{daemon_addr}", "nowhere", "{daemon_port}", "65536")
	from(t, path, client.FamilyInet, 4247, "nowhere", "{daemon_addr}", "127.0.0.1", "{daemon_port}", "25")
	want := []string{"127.0.0.1:4242 127.0.0.1:25", "[::1]:4243 [::1]:25", "[2001:db8::1]:4244 [2001:db8::1]:25",
		"127.0.0.1:4245 invalid AddrPort", "127.0.0.1:4246 invalid AddrPort"}
	if !slices.Equal(asked, want) {
		t.Errorf("%q", asked)
	}
}

// Mail of the host itself says who injected it in the log alone: CONNECT is a word of cleanup, and has no port.
func TestOfLocalMailNobodyIsAskedWhoConnected(t *testing.T) {
	path, _ := started(t, &Server{Direction: guard.Local, User: func(c, s netip.AddrPort) string {
		t.Errorf("asked of %s to %s", c, s)
		return "postfix"
	}})
	x := from(t, path, client.FamilyInet, 0, "127.0.0.1")
	send(t, x, "", "a@example.org", "b@far.example")
}
