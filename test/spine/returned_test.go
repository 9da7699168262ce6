//go:build daemons

package spine_test

import (
	"fmt"
	"strings"
	"testing"

	"postward/test/rig"
)

// returned returns to how many different addresses of a domain the sink has got a mail.
func (f *field) returned(domain string) int {
	reached := map[string]bool{}
	for _, d := range f.Sink.Deliveries() {
		for _, to := range d.To {
			if strings.HasSuffix(to, domain) {
				reached[to] = true
			}
		}
	}
	return len(reached)
}

// injects hands mails to sendmail(1), each with a reverse-path of its own.
func (f *field) injects(t *testing.T, user string, n int, to func(i int) string) {
	t.Helper()
	for i := range n {
		m := rig.Mail{Token: rig.NewToken(), From: "offers@shop.example", To: []string{to(i)}}
		if err := f.Site.Postfix.SendMail(user, fmt.Sprintf("victim%d@strangers.example", i), []byte(m.Text()), m.To...); err != nil {
			t.Fatal(err)
		}
	}
}

// A web shell writes to one address that bounces, from as many reverse-paths as it likes: each gets the notice, and the text.
func TestNoticesReachNoMoreStrangersThanMail(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	f.Sink.Answer("nobody@gone.example", rig.Answer{Code: 550, Text: "5.1.1 no such user"})
	f.injects(t, "www-data", 60, func(int) string { return "nobody@gone.example" })
	f.wait(t, "an incident, and a quiet Postfix", func() error {
		if f.status(t).Held == 0 {
			return fmt.Errorf("nothing is held")
		}
		return f.nothingMoves()
	})
	if n := f.returned("@strangers.example"); n == 0 || n > 40 {
		t.Errorf("%d strangers got a notice", n)
	}
}

// What Postfix is told to refuse of sendmail(1) it returns to the reverse-path: of a denied user it is held.
func TestADeniedProgramReachesNobody(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	f.injects(t, "www-data", 1, func(int) string { return "first@ok.example" })
	if err := f.Sink.WaitLen(f.ctx, 1); err != nil {
		t.Fatal(err)
	}
	f.do(t, "account", "deny", "local:www-data")
	before := f.returned("@strangers.example")
	f.injects(t, "www-data", 20, func(i int) string { return fmt.Sprintf("whoever%d@gone.example", i) })
	f.wait(t, "all of them in hold", func() error {
		if n := f.status(t).Held; n != 20 {
			return fmt.Errorf("%d are held", n)
		}
		return f.nothingMoves()
	})
	if n := f.returned("@strangers.example"); n != before {
		t.Errorf("%d strangers got a notice", n-before)
	}
}

// A recipient that cannot be read is no reason to return a mail to whom its sender names.
func TestAnUnreadableRecipientIsReturnedToNobodyUncounted(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	f.injects(t, "www-data", 60, func(int) string { return "a@b$c.example" })
	f.wait(t, "an incident, and a quiet Postfix", func() error {
		if f.status(t).Held == 0 {
			return fmt.Errorf("nothing is held")
		}
		return f.nothingMoves()
	})
	if n := f.returned("@strangers.example"); n > 40 {
		t.Errorf("%d strangers got a notice", n)
	}
}

// Where AUTH is offered on port 25 the mail of the world comes through the submission socket: it is a stranger's all the same.
func TestAuthOnPort25MakesNoAccountsOfTheWorld(t *testing.T) {
	f := attachedTo(t, rig.PostfixConfig{Main: map[string]string{"smtpd_sasl_auth_enable": "yes"}}, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	var sent []rig.Mail
	for i := range 60 {
		c := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: fmt.Sprintf("203.0.113.%d", i+1)}
		sent = append(sent, c.SendOne(f.ctx, rig.Mail{From: fmt.Sprintf("friend@f%d.example", i), To: []string{fmt.Sprintf("anna+%d@example.org", i)}}))
	}
	if err := f.Sink.WaitLen(f.ctx, len(sent)); err != nil {
		t.Fatal(err)
	}
	if ledger := f.account(t, sent); len(ledger.AtSink) != len(sent) {
		t.Error(ledger)
	}
	if list := f.do(t, "account", "list"); strings.Contains(list, "net:") {
		t.Errorf("accounts of strangers:\n%s", list)
	}
	if s := f.status(t); s.Open != 0 {
		t.Errorf("%+v", s)
	}
}
