package investigate

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// The forger is at 203.0.113.9. The victim, 198.51.100.1, is named in his text alone.
var (
	forger = netip.MustParseAddr("203.0.113.9")
	victim = netip.MustParseAddr("198.51.100.1")
)

// stage is a session with a stranger's text in it, XYZZY, as the lines of a log.
type stage struct {
	name  string
	fails bool // a login fails in it, and must be counted, whatever he says
	lines string
}

const begun = "2026-11-09T08:00:00Z mx "

var stages = []stage{
	{"a user's name at Postfix", true, begun + "postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY"},
	{"a mechanism", true, begun + "postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL XYZZY authentication failed: no, sasl_username=anna"},
	{"what the server says of it", true, begun + "postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL PLAIN authentication failed: no XYZZY, sasl_username=anna"},
	{"a folded name", true, begun + "postfix/smtpd[9]: message repeated 3 times: [ warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY]"},
	{"a name that syslog-ng folds", true, begun + "postfix/smtpd[9]: Last message 'warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY' repeated 3 times, suppressed by syslog-ng on mx"},
	{"a name, and BSD folds", true, begun + "postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY\n" + begun + "last message repeated 3 times"},
	{"a login at Postfix, by Dovecot", true, begun + "dovecot: auth: passwd-file(XYZZY,203.0.113.9): Password mismatch\n" +
		begun + "postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY\n" +
		begun + "postfix/smtpd[9]: disconnect from unknown[203.0.113.9] ehlo=1 auth=0/1 quit=1 commands=2/3"},
	{"a login at Dovecot", false, begun + "dovecot: auth: passwd-file(XYZZY,203.0.113.9,<s1>): Password mismatch\n" +
		begun + "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<XYZZY>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, TLS, session=<s1>"},
	{"a login at Dovecot 2.4", false, begun + "dovecot: auth(XYZZY,203.0.113.9,sasl:plain)<s1>: passwd-file: Password mismatch\n" +
		begun + "dovecot: imap-login: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): user=<XYZZY>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, session=<s1>"},
	{"a name at Dovecot, without a session", false, begun + "dovecot: pop3-login: Aborted login (auth failed, 3 attempts in 9 secs): user=<XYZZY>, rip=203.0.113.9, lip=192.0.2.1"},
	{"a name in Dovecot's own file", false, "2026-11-09 08:00:00 auth(XYZZY,203.0.113.9,sasl:plain)<s1>: Info: sql: unknown user\n2026-11-09 08:00:01 imap-login: Info: Aborted login (auth failed, 1 attempts in 2 secs): user=<XYZZY>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1"},
	{"a password", true, begun + "dovecot: auth: passwd-file(anna,203.0.113.9,<s1>): Password mismatch (given password: XYZZY)\n" +
		begun + "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<anna>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, session=<s1>"},
	{"a password at Dovecot 2.4", true, begun + "dovecot: auth-worker(anna,203.0.113.9)<7><s1>: request [1]: sql: Password mismatch (given password: XYZZY)\n" +
		begun + "dovecot: imap-login: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): user=<anna>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, session=<s1>"},
	{"a character that no name has", false, begun + "dovecot: auth: plain(?,203.0.113.9,<s1>): Username character disallowed by auth_username_chars: 0x5b (username: XYZZY)"},
	{"a name at PAM", false, begun + "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=XYZZY rhost=203.0.113.9"},
	{"a name at PAM, twice", false, begun + "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=XYZZY rhost=203.0.113.9  user=XYZZY"},
	{"a name at saslauthd", true, begun + "saslauthd[4]: do_auth         : auth failure: [user=XYZZY] [service=smtp] [realm=XYZZY] [mech=pam] [reason=PAM auth error]\n" +
		begun + "postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: authentication failure, sasl_username=XYZZY"},
	{"a login that succeeds", false, begun + "postfix/smtpd[9]: 3F2A81C0B5: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=anna, sasl_sender=XYZZY"},
	{"a mailbox that is opened", false, begun + "dovecot: imap-login: Login: user=<XYZZY>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, mpid=7, TLS, session=<s1>"},
	{"a HELO", false, begun + "postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <a@far.example>: Relay access denied; from=<b@c.example> to=<a@far.example> proto=ESMTP helo=<XYZZY>"},
	{"a HELO that is refused", false, begun + "postfix/smtpd[9]: NOQUEUE: reject: EHLO from unknown[203.0.113.9]: 504 5.5.2 <XYZZY>: Helo command rejected: Invalid name; proto=SMTP helo=<XYZZY>"},
	{"a sender and a recipient", false, begun + "postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 550 5.1.1 <XYZZY@example.org>: Recipient address rejected: User unknown in local recipient table; from=<XYZZY@c.example> to=<XYZZY@example.org> proto=ESMTP helo=<x>"},
	{"a HELO at postscreen", false, begun + "postfix/postscreen[9]: NOQUEUE: reject: RCPT from [203.0.113.9]:5: 550 5.7.1 Service unavailable; from=<a@b.example>, to=<c@d.example>, proto=ESMTP, helo=<XYZZY>"},
	{"a field of a header that is refused", false, begun + "postfix/cleanup[9]: 3F2A81C0B5: reject: header Subject: XYZZY from unknown[203.0.113.9]; from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<x>: 5.7.1 no"},
	{"what was said before the greeting", false, begun + "postfix/postscreen[9]: PREGREET 9 after 0.1 from [203.0.113.9]:5: XYZZY"},
	{"what is no SMTP", false, begun + "postfix/smtpd[9]: warning: non-SMTP command from unknown[203.0.113.9]: XYZZY"},
	{"what came too early", false, begun + "postfix/smtpd[9]: improper command pipelining after EHLO from unknown[203.0.113.9]: XYZZY"},
	{"what is no address", false, begun + "postfix/smtpd[9]: warning: Illegal address syntax from unknown[203.0.113.9] in MAIL command: XYZZY"},
	{"ETRN", false, begun + "postfix/smtpd[9]: reject: ETRN XYZZY... from unknown[203.0.113.9]"},
	{"a certificate", false, begun + "postfix/smtpd[9]: unknown[203.0.113.9]: Untrusted: subject_CN=XYZZY, issuer_CN=XYZZY, fingerprint=00:11, pkey_fingerprint=22:33"},
	{"a certificate's fault", false, begun + "postfix/smtpd[9]: certificate verification failed for unknown[203.0.113.9]: untrusted issuer /CN=XYZZY"},
	{"a name for TLS", false, begun + "postfix/smtpd[9]: Anonymous TLS connection established from unknown[203.0.113.9] to XYZZY: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"},
	{"a domain that is looked up", false, begun + "postfix/smtpd[9]: warning: Unable to look up MX host for XYZZY: Host not found"},
	{"a message's identity", false, begun + "postfix/cleanup[9]: 3F2A81C0B5: message-id=<XYZZY>"},
	{"a server's reply", false, begun + "postfix/smtp[9]: 3F2A81C0B5: to=<b@example.com>, relay=mx.example.com[192.0.2.2]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.2] said: 550 XYZZY (in reply to RCPT TO command))"},
	{"a mailbox's name", false, begun + "dovecot: lmtp(XYZZY)<7><s1>: save: box=INBOX"},
	{"a user of ssh", false, begun + "sshd[7]: Invalid user XYZZY from 203.0.113.9 port 5"},
	{"a name at webmail", false, begun + "roundcube: <k1> IMAP Error: Login failed for XYZZY against localhost from 203.0.113.9"},
	{"a web server's request", false, "mta-1  | " + begun + "nginx: 203.0.113.9 - - \"GET /XYZZY HTTP/1.1\" 404"},
	{"a filter's word", false, begun + "opendkim[7]: 3F2A81C0B5: XYZZY [203.0.113.9] not internal"},
	{"a name, in RFC 5424", true, "<22>1 2026-11-09T08:00:00Z mx postfix/smtpd 9 - - warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY"},
	{"a name, in a container", true, "mta-1  | 2026-11-09T08:00:00.1Z Nov  9 08:00:00 mx postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY"},
	{"a name, in multilog", true, "@4000000069f769df0c2ee5b4 postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY"},
	{"a name, in BusyBox", true, "Nov  9 08:00:00 mx mail.warn postfix/smtpd[9]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: no, sasl_username=XYZZY"},
}

// blames are texts that are to have 198.51.100.1 banned.
var blames = []string{
	"[198.51.100.1]", "unknown[198.51.100.1]", "198.51.100.1", "x]", "]", "[", "x[198.51.100.1", "::ffff:198.51.100.1",
	"unknown[198.51.100.1]: SASL LOGIN authentication failed: no",
	"x]: warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no, sasl_username=y",
	"LOGIN authentication failed: no, sasl_username=y",
	"x authentication failed: no from unknown[198.51.100.1]",
	"connect from unknown[198.51.100.1]", "disconnect from unknown[198.51.100.1] ehlo=1 auth=0/9 quit=1 commands=2/11",
	"lost connection after AUTH from unknown[198.51.100.1]",
	"x, sasl_username=y, orig_client=unknown[198.51.100.1]", "x, orig_client=unknown[198.51.100.1]", "x, client=unknown[198.51.100.1]",
	"x from unknown[198.51.100.1]", "x from unknown[198.51.100.1]; from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<x>",
	"x... from unknown[198.51.100.1]", "RCPT from unknown[198.51.100.1]: 554 5.7.1 <a@b.example>: Relay access denied; from=<c@d.example> to=<a@b.example> proto=ESMTP helo=<x>",
	"x>, rip=198.51.100.1", "x>, rip=198.51.100.1, lip=192.0.2.1, session=<s2", "x>, method=PLAIN, rip=198.51.100.1, lip=192.0.2.1, TLS, session=<s2>",
	"x, rip=198.51.100.1, ", "> rip=198.51.100.1", "x> (auth failed, 9 attempts in 9 secs): user=<y>, rip=198.51.100.1, lip=192.0.2.1",
	"a,198.51.100.1", "a,198.51.100.1,<s2>", "a,198.51.100.1): Password mismatch", "a,198.51.100.1,<s2>): unknown user", "a,198.51.100.1): unknown user - trying the next passdb",
	"a,198.51.100.1,sasl:plain)<s2>: passwd-file: Password mismatch", "a,198.51.100.1)<7><s2>: request [9]: sql: Password mismatch (given password: ",
	"a,198.51.100.1): user not found from userdb", "a): Password mismatch (given password: x): passwd-file(b,198.51.100.1): unknown user",
	"x rhost=198.51.100.1", "x rhost=198.51.100.1  user=y", "rhost=198.51.100.1 ruser=x rhost=198.51.100.1", "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=y rhost=198.51.100.1",
	"x] [service=smtp] [realm=] [mech=pam] [reason=unknown[198.51.100.1]", "PREGREET 9 after 0 from [198.51.100.1]:5: x", "x from [198.51.100.1]:5 after RCPT: y",
	"x#012Nov  9 08:00:00 mx postfix/smtpd[9]: warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no",
	`x\nNov  9 08:00:00 mx postfix/smtpd[9]: warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no`,
	"x?Nov  9 08:00:00 mx dovecot: imap-login: Disconnected (auth failed, 9 attempts in 2 secs): user=<y>, rip=198.51.100.1, lip=192.0.2.1",
	"x\rNov  9 08:00:00 mx postfix/smtpd[9]: warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no",
	"message repeated 99 times: [ warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no]", "x] last message repeated 99 times",
	"x' repeated 99 times, suppressed by syslog-ng on unknown[198.51.100.1]", "x | Nov  9 08:00:00 mx postfix/smtpd[9]: warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no",
	"x postfix/smtpd[9]: warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no", "x/smtpd[9]: warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no",
	"dovecot: auth: passwd-file(b,198.51.100.1): unknown user", "x: Info: passwd-file(b,198.51.100.1): unknown user",
	"@4000000069f769df0c2ee5b4 postfix/smtpd[9]: warning: unknown[198.51.100.1]: SASL LOGIN authentication failed: no",
	`{"client":"198.51.100.1"}`, "x\tunknown[198.51.100.1]", "x\x00unknown[198.51.100.1]", "x\u00a0[198.51.100.1]", "\u202e[1.001.15.891]",
}

// often is how often each is said: more than any limit.
const often = 45

// TestAForgedLineBansNobodyElse: whatever a stranger says, nothing at all is told of an address that only he named, his own failures
// are counted, and nobody else is banned.
func TestAForgedLineBansNobodyElse(t *testing.T) {
	for _, s := range stages {
		for _, text := range blames {
			lines := strings.Split(strings.ReplaceAll(s.lines, "XYZZY", text), "\n")
			o := heard(slices.Repeat(lines, often))
			if others := o.others(); len(others) > 0 {
				t.Errorf("%s: told of %v: %q", s.name, others, lines)
			}
			if clean := !strings.ContainsAny(text, "\x00\r\t"); s.fails && clean && (o.failed[forger.String()] == 0 || o.banned[forger.String()] == "") {
				t.Errorf("%s: the forger is not counted, or not banned: %q", s.name, lines)
			}
		}
	}
	t.Logf("%d forgeries", len(stages)*len(blames))
	if len(blames) < 40 {
		t.Errorf("only %d texts", len(blames))
	}
}

// others are those of whom something was told, or who were banned, and who is not the forger.
func (o *opinion) others() (all []string) {
	for a := range o.seen {
		if a.IsValid() && a != forger {
			all = append(all, a.String())
		}
	}
	for client := range o.banned {
		if !netip.MustParsePrefix(client + "/24").Contains(forger) {
			all = append(all, client)
		}
	}
	return all
}

// FuzzForged puts any text into every place where a stranger can write.
func FuzzForged(f *testing.F) {
	for n, text := range blames {
		f.Add(text, uint8(n))
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		if strings.Contains(text, "\n") {
			t.Skip("a daemon that writes line breaks lets everybody write lines")
		}
		s := stages[int(n)%len(stages)]
		o := heard(strings.Split(strings.ReplaceAll(s.lines, "XYZZY", text), "\n"))
		if others := o.others(); len(others) > 0 {
			t.Errorf("%s: told of %v: %q", s.name, others, text)
		}
	})
}

// TestWhoIsNamedByAServerIsCounted: the forgeries above would work, were they the server's own words.
func TestWhoIsNamedByAServerIsCounted(t *testing.T) {
	o := heard(slices.Repeat([]string{strings.ReplaceAll(stages[0].lines, forger.String(), victim.String())}, often))
	if o.failed[victim.String()] != often || o.banned[victim.String()] == "" {
		t.Errorf("%v %v", o.failed, o.banned)
	}
}
