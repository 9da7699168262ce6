//go:build daemons

package spine_test

import (
	"fmt"
	"testing"

	"postward/internal/guard"
	"postward/test/rig"
)

// What the attack on the first release showed on a real Postfix: docs/threats.md.

// incidents returns the incidents by account.
func (f *field) incidents(t *testing.T) map[string]*guard.Incident {
	t.Helper()
	var list []*guard.Incident
	if err := f.Ask(f.ctx, &list, "incident", "list"); err != nil && len(list) == 0 {
		t.Fatal(err)
	}
	all := map[string]*guard.Incident{}
	for _, i := range list {
		all[i.Account] = i
	}
	return all
}

// inbound is port 25 as a stranger sees it.
func (f *field) inbound() rig.Client {
	return rig.Client{Addr: f.Site.Postfix.SMTP(), Address: "198.51.100.200"}
}

func TestAVictimThatWroteFirstIsAStranger(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	var sent []rig.Mail
	let := 12
	for i := range 12 {
		victim := fmt.Sprintf("victim%d@example.net", i)
		f.inbound().SendOne(f.ctx, rig.Mail{From: victim, To: []string{"anna@example.org"}})
		sent = append(sent, f.one("anna", stranger, victim))
	}
	if i := f.incidents(t)["anna"]; i != nil {
		let -= i.Held
	}
	if let > 6 {
		t.Errorf("%d of 12 whom he had forged mail from before are on their way", let)
	}
	f.account(t, sent)
}

func TestAFirstDayAtWorkIsHeldAndNotStopped(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	var round []string
	for i := range 25 {
		round = append(round, fmt.Sprintf("colleague%d@example.net", i))
	}
	sent := []rig.Mail{f.one("anna", hotel, round...), f.one("anna", hotel, "customer@example.net"), f.one("anna", hotel, "another@example.net")}
	for n, m := range sent {
		if m.Outcome != rig.Accepted {
			t.Errorf("mail %d: %s %d %s", n+1, m.Outcome, m.Code, m.Reply)
		}
	}
	if i := f.incidents(t)["anna"]; i == nil || i.Status != guard.IncidentOpen {
		t.Errorf("%+v", i)
	}
	f.account(t, sent)
}

func TestShadowModeTellsTheStorysAttack(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "shadow"})
	f.do(t, "account", "allow", "anna")
	var sent []rig.Mail
	for i := range 30 {
		sent = append(sent, f.client("alarm", stranger).SendOne(f.ctx, rig.Mail{
			From: "alarm@example.org", Header: "From: \"George\" <george@bank.example>\r\n", To: []string{fmt.Sprintf("victim%d@example.net", i)},
		}))
	}
	i := f.incidents(t)["alarm"]
	if i == nil || !i.Shadow || i.Refused+i.Held != 30 {
		t.Errorf("%+v", i)
	}
	if a := f.knows(t, "alarm"); a != 0 {
		t.Errorf("%d strangers are known", a)
	}
	if ledger := f.account(t, sent); len(ledger.Held) != 0 {
		t.Errorf("shadow mode holds: %s", ledger)
	}
}

// knows returns how many recipients an account knows.
func (f *field) knows(t *testing.T, account string) int {
	t.Helper()
	var a struct {
		Recipients guard.Recipients `json:"recipients"`
	}
	if err := f.Ask(f.ctx, &a, "account", "show", account); err != nil {
		t.Fatal(err)
	}
	return a.Recipients.Len()
}

func TestAWebShellIsHeldByEveryWay(t *testing.T) {
	f := home(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	var sent []rig.Mail
	for i := range 60 {
		m := rig.Mail{Token: rig.NewToken(), From: "ceo@bank.example", To: []string{fmt.Sprintf("victim%d@example.net", i)}}
		if i%2 == 0 {
			m = rig.Client{Addr: f.at("127.0.0.1"), As: "www-data"}.SendOne(f.ctx, m)
		} else {
			if err := f.Site.Postfix.SendMail("www-data", m.From, []byte(m.Text()), m.To...); err != nil {
				t.Fatal(err)
			}
			m.Outcome = rig.Accepted
		}
		sent = append(sent, m)
	}
	f.wait(t, "what is beyond the budget to be held", func() error {
		if i := f.incidents(t)["local:www-data"]; i == nil || i.Held != 21 { // whom it names as the sender is one of the 40
			return fmt.Errorf("%+v", i)
		}
		return nil
	})
	f.account(t, sent)
}

func TestADeniedUserIsRefusedByEveryWay(t *testing.T) {
	f := home(t, rig.PostwardConfig{Mode: "enforce"})
	send := func(user, address string) rig.Mail {
		return rig.Client{Addr: f.at(address), As: user}.SendOne(f.ctx, rig.Mail{From: user + "@example.org", To: []string{"w@example.net"}})
	}
	send("www-data", "127.0.0.1")
	f.do(t, "account", "deny", "local:www-data")
	for _, address := range []string{"127.0.0.1", "::1", rig.Outside} {
		if m := send("www-data", address); m.Outcome != rig.Refused || m.Code != 550 {
			t.Errorf("%s: %s %d %s", address, m.Outcome, m.Code, m.Reply)
		}
		if m := send("nobody", address); m.Outcome != rig.Accepted {
			t.Errorf("nobody at %s: %s %d %s", address, m.Outcome, m.Code, m.Reply)
		}
	}
}

func TestAnAuthorInObsoleteSyntaxIsRefused(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	var sent []rig.Mail
	for _, from := range []string{
		"Chef (anna@example.org) <ceo(x)@bank.example>", "(anna@example.org) ceo @ bank.example", "ceo(x)@bank.example, anna@example.org",
		`"The Chief, anna@example.org" <ceo(c)@bank.example>`, "anna@example.org, ceo . x@bank.example",
	} {
		m := f.client("anna", office).SendOne(f.ctx, rig.Mail{From: "anna@example.org", To: []string{"w@example.net"}, Header: "From: " + from + "\r\n"})
		if m.Outcome != rig.Refused {
			t.Errorf("%s: %s %d %s", from, m.Outcome, m.Code, m.Reply)
		}
		sent = append(sent, m)
	}
	f.account(t, sent)
}
