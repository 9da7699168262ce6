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
	if len(i.names) > maxNames || len(i.report.guessers) > maxGuessers {
		t.Errorf("%d names, %d guessers", len(i.names), len(i.report.guessers))
	}
	if i.names["bob"] != 3 {
		t.Errorf("who was tried most is forgotten: %d", i.names["bob"])
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

// failures are the clients that failed to log in, how often, and as whom.
func failures(r *Report) string {
	got := ""
	for _, g := range r.Guessers {
		got += fmt.Sprintf("%s:%d", g.Client, g.Failed)
		for _, t := range g.Tried {
			got += fmt.Sprintf(" %s=%d", t.Name, t.Failed)
		}
		got += "\n"
	}
	return got
}

// TestAFailureOfADovecotSessionIsCountedOnce: by its auth process when it happens, and by its login process at the end, which may be
// minutes later; a failure that smtpd asked about has no session, and smtpd tells it too.
func TestAFailureOfADovecotSessionIsCountedOnce(t *testing.T) {
	w := &writer{}
	auth := func(after time.Duration, user, client, session string) {
		if session != "" {
			session = "<" + session + ">"
		}
		w.line(monday.Add(after), "dovecot: auth(%s,%s,sasl:plain)%s: passwd-file: Password mismatch", user, client, session)
	}
	end := func(after time.Duration, user, client, session string, attempts int) {
		w.line(monday.Add(after), "dovecot: imap-login: Login aborted: Connection closed (auth failed, %d attempts in 9 secs) (auth_failed): user=<%s>, method=PLAIN, rip=%s, lip=192.0.2.1, session=<%s>", attempts, user, client, session)
	}
	auth(0, "rita", "203.0.113.1", "s1")
	auth(5*time.Second, "rita", "203.0.113.1", "s1")
	end(7*time.Minute, "rita", "203.0.113.1", "s1", 2)
	end(8*time.Minute, "rita", "203.0.113.1", "s2", 3)                                           // whose refusals are not in the log
	w.line(monday.Add(9*time.Minute), "dovecot: auth: sql(rita,203.0.113.1,<s3>): unknown user") // one login, asked of two databases
	w.line(monday.Add(9*time.Minute), "dovecot: auth: passwd-file(rita,203.0.113.1,<s3>): Password mismatch")
	w.line(monday.Add(9*time.Minute), "dovecot: auth: sql(rita,203.0.113.1,<s4>): unknown user")
	auth(0, "paul", "203.0.113.2", "")
	w.line(monday.Add(2*time.Second), "postfix/smtpd[7]: warning: unknown[203.0.113.2]: SASL PLAIN authentication failed: (reason unavailable), sasl_username=paul")
	auth(time.Minute, "paul", "203.0.113.2", "")
	w.line(monday.Add(time.Minute+2*time.Second), "postfix/smtpd[7]: warning: unknown[203.0.113.2]: SASL PLAIN authentication failed: Connection lost to authentication server, sasl_username=paul")
	w.line(monday.Add(time.Minute+2*time.Second), "postfix/smtpd[7]: disconnect from unknown[203.0.113.2] ehlo=1 auth=0/2 commands=1/3")
	r := investigated(Options{}, w.lines)
	if got := failures(r); got != "203.0.113.1:7 rita=7\n203.0.113.2:2 paul=2\n" || r.Unchecked != 0 {
		t.Errorf("%s%d not checked", got, r.Unchecked)
	}
}

// TestTheServersTroubleIsNobodysGuess: nor is what a client asks for that is not offered, or its going away.
func TestTheServersTroubleIsNobodysGuess(t *testing.T) {
	w := &writer{}
	failed := func(client, reason string) {
		w.line(monday, "postfix/smtpd[7]: connect from unknown[%s]", client)
		w.line(monday, "postfix/smtpd[7]: warning: unknown[%s]: SASL PLAIN authentication failed: %s", client, reason)
		w.line(monday, "postfix/smtpd[7]: disconnect from unknown[%s] ehlo=1 auth=0/1 commands=1/2", client)
	}
	for _, reason := range []string{"Connection lost to authentication server", "Connection lost to authentication server, sasl_username=rita", "generic failure", "Temporary authentication failure, sasl_username=(unavailable)"} {
		failed("203.0.113.1", reason)
	}
	for _, reason := range []string{"Invalid authentication mechanism: 'FOO', sasl_username=rita", "Invalid base64 data in initial response", "no mechanism available"} {
		failed("203.0.113.2", reason)
	}
	failed("203.0.113.3", "UGFzc3dvcmQ6, sasl_username=rita")
	w.line(monday, "postfix/smtpd[7]: connect from unknown[203.0.113.4]")
	w.line(monday, "postfix/smtpd[7]: NOQUEUE: lost connection after AUTH from unknown[203.0.113.4]")
	w.line(monday, "postfix/smtpd[7]: disconnect from unknown[203.0.113.4] ehlo=1 auth=0/1 commands=1/2")
	r := investigated(Options{}, w.lines)
	if got := failures(r); got != "203.0.113.3:1 rita=1\n" || r.Unchecked != 4 || r.NotChecked() == "" {
		t.Errorf("%s%d not checked", got, r.Unchecked)
	}
}

func TestRepeatedLinesCountAsOftenAsTheyAreRepeated(t *testing.T) {
	const failed = "warning: unknown[203.0.113.%d]: SASL LOGIN authentication failed: no"
	w := &writer{}
	for n, repeated := range []string{"postfix/smtpd[7]: message repeated 4 times: [ " + failed + "]", "postfix/smtpd[7]: Last message '" + failed + "' repeated 4 times, suppressed by syslog-ng on pi", "last message repeated 4 times", "postfix/smtpd[7]: last message repeated 4 times"} {
		w.line(monday, "postfix/smtpd[7]: "+failed, n)
		if n < 2 {
			repeated = fmt.Sprintf(repeated, n)
		}
		w.line(monday, "%s", repeated)
	}
	w.line(monday, "cron[1]: a job")
	w.line(monday, "last message repeated 9 times")
	if got := failures(investigated(Options{}, w.lines)); got != "203.0.113.0:5\n203.0.113.1:5\n203.0.113.2:5\n203.0.113.3:5\n" {
		t.Error(got)
	}
}

// TestWhoGuessedAndGotInIsSaid, by whatever protocol; who mistyped is not said to have guessed.
func TestWhoGuessedAndGotInIsSaid(t *testing.T) {
	w := &writer{}
	for n := range 4 {
		for client, times := range map[string]int{"203.0.113.1": 4, "203.0.113.2": 2, "203.0.113.3": 4} {
			if n < times {
				w.line(monday.Add(time.Duration(n)*time.Minute), "dovecot: auth: sql(rita,%s,<s%d%s>): Password mismatch", client, n, client)
			}
		}
	}
	w.line(monday.Add(time.Hour), "dovecot: pop3-login: Login: user=<Rita>, method=PLAIN, rip=203.0.113.1, lip=192.0.2.1, session=<t1>")
	w.line(monday.Add(time.Hour), "dovecot: imap-login: Login: user=<rita>, method=PLAIN, rip=203.0.113.2, lip=192.0.2.1, session=<t2>")
	w.mail(monday.Add(time.Hour), "rita", "203.0.113.3", "a@far.example", took)
	r := investigated(Options{}, w.lines)
	got := ""
	for _, g := range r.Broken() {
		got += fmt.Sprintf("%s %s %d\n", g.Client, g.Entered[0].Account, g.Entered[0].After)
	}
	if got != "203.0.113.1 rita 4\n203.0.113.3 rita 4\n" {
		t.Error(got)
	}
	for _, g := range r.Guessers {
		if len(g.LoggedIn) != 1 {
			t.Errorf("%+v", g)
		}
	}
}
