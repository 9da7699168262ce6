package logins

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"postward/internal/log/maillog"
)

// TestAttackNoTextOfAStrangersIsAClient: pieces of lines in every place that a stranger's text may be in. The victim's address never is the
// client, and no failure becomes a good login.
func TestAttackNoTextOfAStrangersIsAClient(t *testing.T) {
	const victim, guesser = "198.51.100.7", "203.0.113.9"
	pieces := []string{
		">, ", "<", ">", "user=<anna>", "rip=" + victim, "lip=" + victim, "session=<s>", "method=PLAIN", ", ", ",", ": ", "(", ")", "[", "]", "unknown[" + victim + "]", "Login: user=<anna>", "auth failed, 9 attempts",
		" rhost=" + victim, " ruser=anna", "  user=anna", "sasl:plain)", ",sasl:plain)<x>: ", "," + victim + ")", "," + victim + ",sasl:plain)<s>: ", "passwd-file: Password mismatch", "sql: unknown user", ", sasl_username=anna", ", sasl_method=PLAIN",
		": SASL LOGIN authentication failed: ", "client=unknown[" + victim + "]", "; from=<x@y.example>", " to=<z@w.example>", "Relay access denied", " proto=ESMTP helo=<x>", "message repeated 9 times: [", "] [service=imap", "] [mech=pam", "\n", "\x00", "\xff", "é", "' repeated 4 times, suppressed by syslog-ng on mx", "(0)", "request [3]: ", "auth(anna", "passwd-file(anna," + victim + "): ",
	}
	places := []string{
		"dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<%s>, method=PLAIN, rip=" + guesser + ", lip=192.0.2.1, TLS, session=<q>",
		"dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<%s>, rip=" + guesser + ", lip=192.0.2.1",
		"dovecot: auth: passwd-file(%s," + guesser + "): Password mismatch (given password: x)",
		"dovecot: auth: passwd-file(%s," + guesser + ",<sess>): unknown user (given password: %[1]s)",
		"dovecot: auth-worker(7): sql(%s," + guesser + "): unknown user",
		"dovecot: auth(%s," + guesser + ",sasl:plain)<sess>: passwd-file: Password mismatch (given password: %[1]s)",
		"dovecot: auth-worker(%s," + guesser + ")<4711><sess>: request [3]: sql: unknown user",
		"dovecot: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=%s rhost=" + guesser + "  user=%[1]s",
		"saslauthd[3]: pam_unix(smtp:auth): authentication failure; logname= uid=0 euid=0 tty= ruser=%s rhost=" + guesser + "  user=%[1]s",
		"saslauthd[3]: do_auth         : auth failure: [user=%s] [service=smtp] [realm=%[1]s] [mech=pam] [reason=PAM auth error]",
		"postfix/smtpd[9]: warning: unknown[" + guesser + "]: SASL LOGIN authentication failed: no, sasl_username=%s",
		"postfix/smtpd[9]: warning: unknown[" + guesser + "]: SASL %s authentication failed: no, sasl_username=%[1]s",
		"postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[" + guesser + "]: 554 5.7.1 <%s>: Relay access denied; from=<%[1]s> to=<%[1]s> proto=ESMTP helo=<%[1]s>",
		"postfix/smtpd[9]: improper command pipelining after EHLO from unknown[" + guesser + "]: %s",
		"postfix/smtpd[9]: warning: non-SMTP command from unknown[" + guesser + "]: %s",
		"postfix/postscreen[9]: PREGREET 9 after 0.1 from [" + guesser + "]:4: %s",
		"postfix/postscreen[9]: NON-SMTP COMMAND from [" + guesser + "]:4 after CONNECT: %s",
		"postfix/postscreen[9]: NOQUEUE: reject: RCPT from [" + guesser + "]:4: 550 5.7.1 Service unavailable; from=<%s>, to=<%[1]s>, proto=ESMTP, helo=<%[1]s>",
		"message repeated 3 times: [ dovecot: auth: x(%s," + guesser + "): unknown user]",
		"postfix/smtpd[9]: Last message 'warning: unknown[" + guesser + "]: SASL LOGIN authentication failed: no, sasl_username=%s' repeated 2 times, suppressed by syslog-ng on mx",
		"postfix/smtpd[9]: disconnect from unknown[" + guesser + "] ehlo=1 auth=0/1 unknown=0/1 %s",
		"postfix/cleanup[9]: 4XYZ1s0QWLzrNK: message-id=<%s>",
		"postfix/cleanup[9]: 4XYZ1s0QWLzrNK: warning: header Subject: %s from unknown[" + guesser + "]; from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<x>",
	}
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[Kind]int{}
	var l maillog.Line
	times := 50_000
	if os.Getenv("ATTACK") != "" {
		times = 1_500_000
	}
	for n := range times {
		var b strings.Builder
		for range 1 + r.IntN(7) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		place := places[n%len(places)]
		text := "2026-11-30T08:00:00Z mx " + fmt.Sprintf(place, b.String())
		j := New()
		maillog.Parse([]byte(text), &l)
		a := j.Line([]byte(text), &l, time.Unix(1e9, 0))
		kinds[a.Kind]++
		if a.Client.String() == victim || a.Kind == Good || a.Kind == Taken {
			t.Fatalf("%+v\n%q", a, text)
		}
	}
	t.Log(kinds)
}
