package logins

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postward/internal/log/maillog"
)

var monday = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

// told returns what the lines of a log tell, one after the other, as "kind client account service times".
func told(lines ...string) (out []string) {
	j, last := New(), monday
	var l maillog.Line
	for _, text := range lines {
		maillog.Parse([]byte(text), &l)
		if l.Kind.Understood() {
			last = l.Stamp.Next(last, monday)
		}
		if a := j.Line([]byte(text), &l, last); a.Kind != None {
			out = append(out, fmt.Sprintf("%s %s %s %s %d", [...]string{"", "failed", "good", "unchecked", "aborted", "pregreet", "relay", "no-mailbox", "not-smtp", "taken"}[a.Kind], a.Client, a.Account, a.Service, a.Times))
		}
	}
	return out
}

func TestAFailureIsToldOnceHoweverManyTellOfIt(t *testing.T) {
	const at = "2026-11-30T08:00:0"
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"smtpd's warning and the end of its session": {[]string{
			at + "1Z mx postfix/submission/smtpd[9]: connect from unknown[203.0.113.9]",
			at + "3Z mx postfix/submission/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=anna",
			at + "4Z mx postfix/submission/smtpd[9]: disconnect from unknown[203.0.113.9] ehlo=1 auth=0/1 quit=1 commands=2/3",
		}, "failed 203.0.113.9 anna SMTP 1"},
		"the database, smtpd and the end": {[]string{
			at + "1Z mx dovecot: auth: passwd-file(anna,203.0.113.9): Password mismatch",
			at + "3Z mx postfix/submission/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=anna",
			at + "4Z mx postfix/submission/smtpd[9]: disconnect from unknown[203.0.113.9] ehlo=1 auth=0/1 quit=1 commands=2/3",
		}, "failed 203.0.113.9 anna a mailbox 1"},
		"the end alone": {[]string{
			at + "1Z mx postfix/smtpd[9]: connect from unknown[203.0.113.9]",
			at + "4Z mx postfix/smtpd[9]: disconnect from unknown[203.0.113.9] ehlo=1 auth=0/5 quit=1 commands=2/7",
		}, "failed 203.0.113.9  SMTP 1"},
		"a session of IMAP with three": {[]string{
			at + "1Z mx dovecot: auth: passwd-file(anna,203.0.113.9,<s1>): Password mismatch",
			at + "3Z mx dovecot: auth: passwd-file(anna,203.0.113.9,<s1>): Password mismatch",
			"2026-11-30T08:03:00Z mx dovecot: imap-login: Disconnected (auth failed, 3 attempts in 170 secs): user=<anna>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, session=<s1>",
		}, "failed 203.0.113.9 anna a mailbox 1, failed 203.0.113.9 anna a mailbox 1, failed 203.0.113.9 anna IMAP 1"},
		"folded by the syslog daemon": {[]string{
			at + "3Z mx postfix/submission/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=anna",
			at + "5Z mx last message repeated 4 times",
		}, "failed 203.0.113.9 anna SMTP 1, failed 203.0.113.9 anna SMTP 4"},
		"nobody's guess": {[]string{
			at + "1Z mx postfix/submission/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: Connection lost to authentication server",
			at + "4Z mx postfix/submission/smtpd[9]: disconnect from unknown[203.0.113.9] ehlo=1 auth=0/1 quit=1 commands=2/3",
		}, "unchecked 203.0.113.9  SMTP 1"},
		"who logged in": {[]string{
			at + "1Z mx dovecot: imap-login: Login: user=<Anna@Example.org>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, mpid=7, TLS, session=<s1>",
			at + "2Z mx postfix/submission/smtpd[9]: 3F2A81C0B5: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=anna@example.org",
			at + "3Z mx postfix/smtpd[10]: 3F2A81C0B6: client=mail.example.net[192.0.2.25]",
		}, "good 203.0.113.9 anna@example.org IMAP 1, good 203.0.113.9 anna@example.org SMTP 1, taken 192.0.2.25  SMTP 1"},
		"who asks for what is not here": {[]string{
			at + "1Z mx postfix/postscreen[3]: PREGREET 14 after 0.1 from [203.0.113.9]:4711: EHLO ylmf-pc\\r\\n",
			at + "2Z mx postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <a@far.example>: Relay access denied; from=<b@c.example> to=<a@far.example> proto=ESMTP helo=<x>",
			at + "2Z mx postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 550 5.1.1 <gone@example.org>: Recipient address rejected: User unknown in local recipient table; from=<b@c.example> to=<gone@example.org> proto=ESMTP helo=<x>",
			at + "3Z mx postfix/smtpd[9]: warning: non-SMTP command from unknown[203.0.113.9]: GET / HTTP/1.1",
		}, "pregreet 203.0.113.9  SMTP 1, relay 203.0.113.9  SMTP 1, no-mailbox 203.0.113.9  SMTP 1, not-smtp 203.0.113.9  SMTP 1"},
	} {
		if got := strings.Join(told(c.lines...), ", "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// TestTheClientOfAnAttemptIsTheServersWord: a stranger's text is never the address that is banned.
func TestTheClientOfAnAttemptIsTheServersWord(t *testing.T) {
	victim := "198.51.100.1"
	for _, forgery := range []string{
		"x[198.51.100.1]", "unknown[198.51.100.1]: SASL LOGIN authentication failed: no", "x, rip=198.51.100.1, lip=192.0.2.1", "x>, method=PLAIN, rip=198.51.100.1, session=<y",
		"a,198.51.100.1", "a,198.51.100.1): Password mismatch", "x rhost=198.51.100.1 user=y", "connect from unknown[198.51.100.1]",
	} {
		for _, line := range []string{
			"postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=" + forgery,
			"postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <a@b.example>: Relay access denied; from=<c@d.example> to=<a@b.example> proto=ESMTP helo=<" + forgery + ">",
			"postfix/smtpd[9]: warning: non-SMTP command from unknown[203.0.113.9]: " + forgery,
			"postfix/postscreen[9]: PREGREET 9 after 0 from [203.0.113.9]:5: " + forgery,
			"dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<" + forgery + ">, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, session=<s1>",
			"dovecot: auth: passwd-file(" + forgery + ",203.0.113.9,<s1>): Password mismatch",
			"dovecot: auth(" + forgery + ",203.0.113.9,sasl:plain)<s1>: passwd-file: Password mismatch",
			"dovecot: auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=" + forgery + " rhost=203.0.113.9 ",
			"saslauthd[4]: do_auth         : auth failure: [user=" + forgery + "] [service=smtp] [realm=] [mech=pam] [reason=PAM auth error]",
		} {
			for _, got := range told("2026-11-30T08:00:01Z mx " + line) {
				if strings.Contains(got, " "+victim+" ") {
					t.Errorf("%s\nis told of the victim: %s", line, got)
				}
			}
		}
	}
}

func TestALineThatTellsNothingAllocatesNothing(t *testing.T) {
	j := New()
	for _, text := range []string{
		"2026-11-30T08:00:01Z mx postfix/smtpd[9]: connect from mail.example.net[192.0.2.25]",
		"2026-11-30T08:00:01Z mx postfix/qmgr[9]: 4abcDEF: removed",
		"2026-11-30T08:00:01Z mx postfix/smtpd[9]: disconnect from mail.example.net[192.0.2.25] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
	} {
		var l maillog.Line
		b := []byte(text)
		maillog.Parse(b, &l)
		if n := testing.AllocsPerRun(100, func() { j.Line(b, &l, monday) }); n != 0 {
			t.Errorf("%v allocations: %s", n, text)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("2026-11-30T08:00:03Z mx postfix/submission/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=anna\n2026-11-30T08:00:03Z mx last message repeated 2 times")
	f.Add("2026-11-30T08:00:01Z mx dovecot: auth: passwd-file(anna,203.0.113.9,<s1>): Password mismatch")
	f.Fuzz(func(t *testing.T, log string) {
		j := New()
		var l maillog.Line
		for n, text := range strings.Split(log, "\n") {
			maillog.Parse([]byte(text), &l)
			a := j.Line([]byte(text), &l, monday.Add(time.Duration(n)*time.Second))
			if a.Kind != None && a.Times < 1 || a.Client.Is4In6() || len(a.Account) > 4*maxAccount {
				t.Errorf("%+v", a)
			}
		}
		if len(j.sessions) > maxSessions || len(j.mailbox) > maxSessions || len(j.refused) > maxSessions {
			t.Error("not bounded")
		}
	})
}
