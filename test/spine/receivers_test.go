//go:build daemons

package spine_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"postward/internal/lists/receivers"
	"postward/internal/run/ctl"
	"postward/test/rig"
	names "postward/test/world"
)

// googles has Postfix write to a host of Google's name, which is the sink.
func (f *field) googles(t *testing.T) {
	t.Helper()
	server, err := names.StartServer("127.0.0.1:53") // the room's resolver
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := server.SetZone("l.google.com.", "@ SOA ns.example. h.example. 1 3600 900 604800 300\naspmx A 127.0.0.1\n"); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(f.Sink.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Site.Postfix.SetMain("relayhost = [aspmx.l.google.com]:"+port, "smtp_dns_support_level = enabled", "smtp_host_lookup = dns"); err != nil {
		t.Fatal(err)
	}
	if err := f.Site.Postfix.Reload(f.ctx); err != nil {
		t.Fatal(err)
	}
}

// Gmail refuses a mail for the domain's reputation, and then takes one: the board says both, and whose mail it was.
func TestReceiverThatRefusesStandsOnTheBoard(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.googles(t)
	f.do(t, "account", "allow", "anna")
	f.Sink.Answer("first@club.example", rig.Answer{Code: 550, Text: "5.7.1 Our system has detected that this message is likely suspicious due to the very low reputation of the sending domain. To best protect our users from spam, the message has been blocked."})
	f.Sink.Answer("victim0@strangers.example", rig.Answer{Code: 550, Text: "5.1.1 no such user"}) // else Gmail takes the notice of it, and is content again
	f.injects(t, "www-data", 1, func(int) string { return "first@club.example" })
	f.onTheBoard(t, receivers.Refusing)
	if said := f.do(t, "receiver", "show", "gmail"); !strings.Contains(said, "local:www-data (1)") || !strings.Contains(said, "very low reputation") || !strings.Contains(said, "club.example") {
		t.Errorf("receiver show says %s", said)
	}
	f.injects(t, "www-data", 1, func(int) string { return "second@club.example" })
	f.onTheBoard(t, receivers.Accepting)
	if said := f.do(t, "receiver", "show", "gmail"); !strings.Contains(said, "accepts again, after 0 minutes") {
		t.Errorf("receiver show says %s", said)
	}
}

// onTheBoard waits until Gmail is in a state.
func (f *field) onTheBoard(t *testing.T, state receivers.State) {
	t.Helper()
	f.wait(t, "Gmail is "+string(state), func() error {
		var x ctl.ReceiversAnswer
		if err := f.Ask(f.ctx, &x, "receiver", "list"); err != nil {
			return err
		}
		for _, r := range x.Receivers {
			if r.Receiver == "gmail" && r.State == state {
				return nil
			}
		}
		return fmt.Errorf("%+v", x)
	})
}
