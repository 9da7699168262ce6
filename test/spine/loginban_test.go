//go:build daemons

package spine_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// port reports whether a connection from the far host to a port is made.
func (f *field) port(from, near, port string, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	far, err := rig.TheFar()
	if err != nil {
		return false
	}
	c, err := far.Dial(ctx, from, net.JoinHostPort(near, port))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// shuts waits until a port is shut to somebody, who does something each time that he finds it open.
func (f *field) shuts(t *testing.T, from, near, port string, found func()) {
	t.Helper()
	err := rig.Wait(f.ctx, "port "+port+" is shut", func() error {
		if !f.port(from, near, port, 500*time.Millisecond) {
			return nil
		}
		found()
		return errors.New("it is open")
	})
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, banned(t), f.do(t, "ban", "list"))
	}
}

// TestAMailServerThatLogsInOnceStillBringsItsMail: it is kept from submission and not from port 25. Whoever goes on there is shut out
// whole.
func TestAMailServerThatLogsInOnceStillBringsItsMail(t *testing.T) {
	if _, err := rig.TheFar(); err != nil {
		t.Fatal(err)
	}
	for _, family := range []struct{ name, near, server, other string }{{"IPv4", rig.Near4, rig.FarOne4, rig.FarOther4}, {"IPv6", rig.Near6, rig.FarOne6, rig.FarOther6}} {
		t.Run(family.name, func(t *testing.T) {
			f := attachedTo(t, rig.PostfixConfig{SMTPPort: 25, SubmissionPort: 587, Main: map[string]string{"inet_protocols": "all"}, SMTPOptions: []string{"smtpd_sasl_auth_enable=yes"}},
				rig.PostwardConfig{Mode: "enforce"})
			f.do(t, "account", "allow", "bob")
			var sent []rig.Mail
			client := rig.Client{Addr: net.JoinHostPort(family.near, "25"), From: family.server, Timeout: 10 * time.Second}
			mail := func() rig.Mail {
				m := client.SendOne(f.ctx, rig.Mail{From: "carla@example.com", To: []string{"anna@example.org"}})
				sent = append(sent, m)
				return m
			}
			if m := mail(); m.Outcome != rig.Accepted {
				t.Fatalf("before: %s %s", m.Outcome, m.Reply)
			}
			f.wait(t, "that it is known as a sender", func() error {
				if said := f.do(t, "source", "show", family.server); !strings.Contains(said, "without a login was taken: 2") {
					return errors.New(said)
				}
				return nil
			})
			open, step := f.guess(t, family.server, family.near, "test", "test")
			if step.Code != 535 {
				t.Fatalf("a wrong password: %s", step)
			}
			defer open.Close()
			f.shuts(t, family.server, family.near, "587", func() {})
			if step := open.Do("NOOP"); step.Code != 0 {
				t.Errorf("its open session at submission goes on: %s", step)
			}
			if m := mail(); m.Outcome != rig.Accepted {
				t.Errorf("its mail: %s %s", m.Outcome, m.Reply)
			}
			if said := f.do(t, "ban", "explain", family.server); !strings.Contains(said, "kept from logging in alone") {
				t.Errorf("explain says %q", said)
			}
			if said := banned(t); !strings.Contains(said, "set login") {
				t.Errorf("nft says %s", said)
			}
			check := exec.Command("nft", "-c", "-f", "-")
			check.Stdin = strings.NewReader(f.do(t, "ban", "list", "--nft"))
			if out, err := check.CombinedOutput(); err != nil || !strings.Contains(f.do(t, "ban", "list", "--nft"), "timeout") {
				t.Errorf("nft does not read the listing: %v: %s", err, out)
			}
			in := client
			in.User, in.Password = "bob", users["bob"]
			m := in.SendOne(f.ctx, rig.Mail{From: "bob@example.org", To: []string{"x@example.net"}})
			if sent = append(sent, m); m.Outcome != rig.Refused || m.Code != 451 || !strings.Contains(m.Reply, "kept out until") {
				t.Errorf("who found a password and comes by port 25: %s %d %s", m.Outcome, m.Code, m.Reply)
			}
			f.shuts(t, family.server, family.near, "25", func() { // what was under way when the ban began does not count
				if s, err := client.Open(f.ctx); err == nil {
					s.Auth("test", "again", "")
					s.Close()
				}
			})
			if said := f.do(t, "ban", "explain", family.server); !strings.Contains(said, "for the 2nd time") || !strings.Contains(said, "by port 25") {
				t.Errorf("explain says %q", said)
			}
			if !f.port(family.other, family.near, "587", 5*time.Second) && family.name == "IPv4" {
				t.Error("another host does not get through")
			}
			f.account(t, sent)
		})
	}
}
