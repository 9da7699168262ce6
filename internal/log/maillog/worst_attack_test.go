package maillog

import (
	"strings"
	"testing"
	"time"
)

// TestAttackNoLineIsSlow: each begins as a program's line does and goes on with what a stranger may choose, as long as is read.
func TestAttackNoLineIsSlow(t *testing.T) {
	heads := []string{
		"dovecot: auth(", "dovecot: auth-worker(", "dovecot: imap-login: Disconnected (auth failed, 1 attempts): user=<", "dovecot: imap-login: ",
		"dovecot: auth: passwd-file(", "dovecot: auth-worker(7): sql(", "dovecot: auth: pam(", "dovecot: pam_unix(dovecot:auth): authentication failure; logname= ruser=",
		"saslauthd[9]: do_auth         : auth failure: [user=", "postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: ",
		"postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <", "postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 550 5.1.1 <a@b.example>: Recipient address rejected: User unknown; from=<",
		"postfix/smtpd[9]: 4XYZ1s0QWLzrNK: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=", "postfix/cleanup[9]: 4XYZ1s0QWLzrNK: warning: header Subject: ",
		"postfix/postscreen[9]: PREGREET 14 after 0.1 from [203.0.113.9]:4: ", "postfix/smtp[9]: 4XYZ1s0QWLzrNK: to=<a@b.example>, relay=none, delay=1, delays=0/0/0/0, dsn=4.4.1, status=deferred (",
		"postfix/smtp[9]: 4XYZ1s0QWLzrNK: to=<", "postfix/smtpd[9]: disconnect from unknown[203.0.113.9] ", "postfix/smtpd[9]: warning: ", "postfix/smtpd[9]: lost connection after ",
		"Last message '", "message repeated 7 times: [ ", "postfix/smtpd[9]: reject: ETRN ", "postfix/smtpd[9]: improper command pipelining after DATA from unknown[203.0.113.9]: ",
		"postfix/submission/smtpd[9]: NOQUEUE: milter-reject: RCPT from x[203.0.113.9]: ", "<22>1 2026-11-30T08:00:00Z mx dovecot - - [a ", "",
	}
	units := []string{
		",sasl:x)<a>", ",1.2.3.4,sasl:plain)<", ",a:b.c", ">, ", "<", ">", "><", ": ", ": user=<", " user=<", " rip=", "' repeated ", "(", "((auth failed, ", ", sasl_username=", ", sasl_", ";", "; from=<",
		"from=<", " to=<", "]", "[", "] [", `"`, `\`, "\\\"", "<\"", "a", ".", ",", " ", "=", "x=1/1 ", "/", "%", "::", "): ", ")<1>: ", "sql: ", " rhost=", " ruser=", "] [service=", "] [realm=", "... from ", "auth=1/2 ", "(username: ", "(given password: ", "\xef\xbb\xbf", "\t", "repeated 3 times",
	}
	const budget = 40 * time.Millisecond
	var l Line
	worst, what := time.Duration(0), ""
	for _, h := range heads {
		for _, u := range units {
			for _, tail := range []string{"", ">: x", ">, rip=203.0.113.9, lip=192.0.2.1, session=<s>", "; from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<x>", ")"} {
				line := "2026-11-30T08:00:00Z mx " + h + strings.Repeat(u, (MaxLine-500)/len(u)) + tail
				if strings.HasPrefix(h, "<22>1") {
					line = h + strings.Repeat(u, (MaxLine-500)/len(u)) + tail
				}
				b := []byte(line)
				best := time.Hour
				for range 2 { // the machine is busy
					began := time.Now()
					Parse(b, &l)
					best = min(best, time.Since(began))
				}
				if best > worst {
					worst, what = best, h+"("+u+")…"+tail
				}
				if best > budget {
					t.Errorf("%s for %q, %q …, %q", best, h, u, tail)
				}
			}
		}
	}
	t.Logf("the worst of 64 KiB: %s, %s", worst, what)
}
