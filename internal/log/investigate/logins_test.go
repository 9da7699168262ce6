package investigate

import (
	"fmt"
	"testing"
	"time"

	"postward/internal/log/delivery"
)

func TestFailedSessionsAreCountedOnce(t *testing.T) {
	w := &writer{}
	session := func(client string, pid, warnings int, commands string) {
		w.line(monday, "postfix/submission/smtpd[%d]: connect from unknown[%s]", pid, client)
		for range warnings {
			w.line(monday, "postfix/submission/smtpd[%d]: warning: unknown[%s]: SASL LOGIN authentication failed: no, sasl_username=bob", pid, client)
		}
		w.line(monday, "postfix/submission/smtpd[%d]: disconnect from unknown[%s] ehlo=1 %s quit=1 commands=2/5", pid, client, commands)
	}
	for range 100 {
		session("203.0.113.1", 9, 0, "auth=0/3")
	}
	for range 10 {
		session("203.0.113.2", 9, 2, "auth=0/2")
	}
	session("203.0.113.3", 9, 0, "auth=1")
	session("203.0.113.3", 9, 0, "mail=1")
	r := investigated(Options{}, w.lines)
	got := ""
	for _, g := range r.Guessers {
		got += fmt.Sprintf("%s:%d ", g.Client, g.Failed)
	}
	if got != "203.0.113.1:100 203.0.113.2:20 " || r.Hours[monday.Unix()/3600].Wrong != 120 {
		t.Errorf("%s, %d in the hour", got, r.Hours[monday.Unix()/3600].Wrong)
	}
}

func TestFailedLoginsBeforeTheFirstMailAreTheAccounts(t *testing.T) {
	w := &writer{}
	for range 50 {
		w.line(monday, "postfix/submission/smtpd[9]: warning: unknown[203.0.113.5]: SASL LOGIN authentication failed: no, sasl_username=Bob")
	}
	w.mail(monday.Add(time.Hour), "bob", "203.0.113.5", "a@far.example", took)
	r := investigated(Options{}, w.lines)
	if r.Accounts[0].Wrong != 50 || len(r.Guessers[0].LoggedIn) != 1 {
		t.Errorf("%+v, %+v", r.Accounts[0], r.Guessers[0])
	}
}

func TestWhatIsRememberedOfLoginsIsBounded(t *testing.T) {
	i := New(Options{})
	say := func(n int, name string) {
		i.Line(fmt.Appendf(nil, "2026-11-09T08:00:00Z h%d postfix/smtpd[%d]: warning: unknown[203.0.%d.%d]: SASL LOGIN authentication failed: no, sasl_username=%s", n/1000, n, n>>8, n&255, name), monday)
	}
	for range 3 {
		say(1, "bob")
	}
	for n := range 2*maxNames + maxGuessers {
		say(n, fmt.Sprintf("name%d", n))
	}
	if len(i.logins.names) > maxNames || len(i.logins.sessions) > maxSessions || len(i.report.guessers) > maxGuessers {
		t.Errorf("%d names, %d sessions, %d guessers", len(i.logins.names), len(i.logins.sessions), len(i.report.guessers))
	}
	if i.logins.of("bob") != 3 {
		t.Errorf("who was tried most is forgotten: %d", i.logins.of("bob"))
	}
}

func TestAccountsAreBounded(t *testing.T) {
	i, w := New(Options{}), &writer{}
	for n := range maxAccounts {
		i.account(&delivery.Mail{Account: fmt.Sprint("user", n)})
	}
	w.mail(monday, "late", "198.51.100.7", "a@far.example", took)
	w.mail(monday, "user7", "198.51.100.7", "a@far.example", took)
	for _, l := range w.lines {
		i.Line([]byte(l), monday)
	}
	if r := i.Finish(); len(r.Accounts) != maxAccounts || r.Mails != 2 || r.accounts["user7"].Mails != 1 {
		t.Errorf("%d accounts, %d mails", len(r.Accounts), r.Mails)
	}
}

func TestWhatPAMTellsIsCountedOnce(t *testing.T) {
	w := &writer{}
	pam := func(after time.Duration, client string) {
		w.line(monday.Add(after), "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=bob rhost=%s", client)
	}
	for n := range 6 {
		pam(time.Duration(n)*time.Minute, "203.0.113.1")
	}
	pam(10*time.Minute, "203.0.113.2")
	w.line(monday.Add(10*time.Minute+time.Second), "dovecot: auth: pam(bob,203.0.113.2,<abc>): pam_authenticate() failed: Authentication failure (Password mismatch?)")
	w.line(monday.Add(10*time.Minute+2*time.Second), "postfix/submission/smtpd[9]: warning: unknown[203.0.113.2]: SASL LOGIN authentication failed: no, sasl_username=bob")
	w.line(monday.Add(20*time.Minute), "postfix/submission/smtpd[9]: warning: unknown[203.0.113.2]: SASL LOGIN authentication failed: no, sasl_username=bob")
	got := ""
	for _, g := range investigated(Options{}, w.lines).Guessers {
		got += fmt.Sprintf("%s:%d ", g.Client, g.Failed)
	}
	if got != "203.0.113.1:6 203.0.113.2:2 " {
		t.Error(got)
	}
}
