package maillog

import (
	"reflect"
	"strings"
	"testing"
)

// marker stands in a template where a stranger's text stands, and in the truth that the template has without forgery.
const marker = "XYZZY"

// slot is a sentence with a stranger's text in it. tame does to the text what Postfix or Dovecot do before they log it.
type slot struct {
	name, line string
	tame       func(string) string
	may        string // fields that the documented limits give away
}

// raw is what is logged as it came.
func raw(s string) string { return s }

// cut is "%.100s".
func cut(n int) func(string) string {
	return func(s string) string { return s[:min(n, len(s))] }
}

// neuter is what smtpd does to HELO names.
func neuter(s string) string {
	for _, c := range `<>()\";@` {
		s = strings.ReplaceAll(s, string(c), "?")
	}
	return strings.ReplaceAll(s, " ", "_") // a HELO name is one word
}

// quoted is a local part as Postfix 3.5 and newer log it.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// sanitized is Dovecot's user name: what auth_username_chars does not let through never comes so far. Here all passes.
func sanitized(s string) string {
	return strings.NewReplacer("\n", "?", "\x1b", "?", "\x00", "?").Replace(s)
}

// known is a user name with which a login succeeded: the auth server has it, so no stranger chose it, and whoever chose
// it did not mean to be taken for another (see TestAnAccountCannotHideBehindWhatItSays).
func known(s string) string { return strings.ReplaceAll(s, ", sasl_sender=", ", ") }

const mx = "Nov 23 17:29:01 mx "

var slots = []slot{
	{"SASL method", mx + "postfix/smtpd[1]: warning: a.example.net[203.0.113.80]: SASL XYZZY authentication failed: no, sasl_username=(unavailable)", cut(100), ""},
	{"SASL user", mx + "postfix/smtpd[1]: warning: a.example.net[203.0.113.80]: SASL PLAIN authentication failed: no, sasl_username=XYZZY", cut(100), ""},
	{"SASL reason", mx + "postfix/smtpd[1]: warning: a.example.net[203.0.113.80]: SASL PLAIN authentication failed: XYZZY, sasl_username=anna", raw, ""},
	{"login", mx + "postfix/smtpd[1]: 4A1B2C3D4E: client=a.example.net[203.0.113.80], sasl_method=PLAIN, sasl_username=XYZZY", known, ""},
	{"AUTH=", mx + "postfix/smtpd[1]: 4A1B2C3D4E: client=a.example.net[203.0.113.80], sasl_method=PLAIN, sasl_username=anna, sasl_sender=XYZZY", raw, ""},
	{"HELO", mx + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <b@example.com>: Relay access denied; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<XYZZY>", neuter, ""},
	{"HELO, logged in", mx + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <b@example.com>: Relay access denied; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<XYZZY> sasl_method=PLAIN sasl_username=anna", raw, ""},
	{"sender, logged in", mx + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <b@example.com>: Relay access denied; from=<XYZZY@example.com> to=<b@example.com> proto=ESMTP helo=<h> sasl_method=PLAIN sasl_username=anna", quoted, ""},
	{"AUTH=, refused", mx + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <b@example.com>: Relay access denied; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<h> sasl_method=PLAIN sasl_username=anna sasl_sender=XYZZY", raw, ""},
	{"HELO twice", mx + "postfix/smtpd[1]: NOQUEUE: reject: EHLO from a.example.net[203.0.113.80]: 504 5.5.2 <XYZZY>: Helo command rejected: Invalid name; proto=SMTP helo=<XYZZY>", neuter, ""},
	{"raw HELO", mx + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <b@example.com>: Relay access denied; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<XYZZY>", raw, ""},
	{"quoted sender", mx + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <b@example.com>: Relay access denied; from=<XYZZY@example.com> to=<b@example.com> proto=ESMTP helo=<h>", quoted, ""},
	{"raw sender", mx + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <b@example.com>: Relay access denied; from=<XYZZY@example.com> to=<b@example.com> proto=ESMTP helo=<h>", raw, ""},
	{"raw recipient", mx + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <XYZZY@example.com>: Relay access denied; from=<a@example.com> to=<XYZZY@example.com> proto=ESMTP helo=<h>", raw, ""},
	{"milter's words", mx + "postfix/cleanup[1]: 4A1B2C3D4E: milter-reject: END-OF-MESSAGE from a.example.net[203.0.113.80]: 5.7.1 XYZZY; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<h>", raw, ""},
	{"milter-hold sender", mx + "postfix/cleanup[1]: 4A1B2C3D4E: milter-hold: END-OF-MESSAGE from a.example.net[203.0.113.80]: milter triggers HOLD action; from=<XYZZY@example.com> to=<b@example.com> proto=ESMTP helo=<h>", quoted, ""},
	{"subject", mx + "postfix/cleanup[1]: 4A1B2C3D4E: info: header Subject: XYZZY from a.example.net[203.0.113.80]; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<h>: seen", cut(190), ""},
	{"subject of local mail", mx + "postfix/cleanup[1]: 4A1B2C3D4E: warning: header Subject: XYZZY from local; from=<a@example.com> to=<b@example.com>", cut(190), ""},
	{"milter header", mx + "postfix/cleanup[1]: 4A1B2C3D4E: milter-header-redirect: header X: XYZZY from a.example.net[203.0.113.80]; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<h>: c@example.org", cut(60), ""},
	{"message-id", mx + "postfix/cleanup[1]: 4A1B2C3D4E: message-id=<XYZZY>", raw, ""},
	{"reply", mx + "postfix/smtp[1]: 4A1B2C3D4E: to=<b@example.com>, relay=mx.example.com[192.0.2.2]:25, delay=1.5, delays=0.1/0/1/0.4, dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.2] said: 550 5.1.1 XYZZY (in reply to RCPT TO command))", raw, ""},
	{"quoted delivery", mx + "postfix/smtp[1]: 4A1B2C3D4E: to=<XYZZY@example.com>, relay=mx.example.com[192.0.2.2]:25, delay=1.5, delays=0.1/0/1/0.4, dsn=5.1.1, status=bounced (no)", quoted, ""},
	{"raw delivery", mx + "postfix/smtp[1]: 4A1B2C3D4E: to=<XYZZY@example.com>, relay=mx.example.com[192.0.2.2]:25, delay=1.5, delays=0.1/0/1/0.4, dsn=5.1.1, status=bounced (no)", raw, "To OrigTo"},
	{"queued sender", mx + "postfix/qmgr[1]: 4A1B2C3D4E: from=<XYZZY@example.com>, size=1000, nrcpt=1 (queue active)", quoted, ""},
	{"raw queued sender", mx + "postfix/qmgr[1]: 4A1B2C3D4E: from=<XYZZY@example.com>, size=1000, nrcpt=1 (queue active)", raw, ""},
	{"pickup's sender", mx + "postfix/pickup[1]: 4A1B2C3D4E: uid=1000 from=<XYZZY>", quoted, ""},
	{"raw pickup's sender", mx + "postfix/pickup[1]: 4A1B2C3D4E: uid=1000 from=<XYZZY>", raw, ""},
	{"said", mx + "postfix/smtp[1]: 4A1B2C3D4E: host mx.example.com[192.0.2.2] said: 450 XYZZY (in reply to RCPT TO command)", raw, ""},
	{"refused to talk", mx + "postfix/smtp[1]: 4A1B2C3D4E: host mx.example.com[192.0.2.2] refused to talk to me: 554 XYZZY", raw, "Stage"},
	{"screened HELO", mx + "postfix/postscreen[1]: NOQUEUE: reject: RCPT from [203.0.113.80]:51234: 550 5.7.1 Service unavailable; from=<a@example.com>, to=<b@example.com>, proto=ESMTP, helo=<XYZZY>", raw, ""},
	{"screened sender", mx + "postfix/postscreen[1]: NOQUEUE: reject: RCPT from [203.0.113.80]:51234: 550 5.7.1 Service unavailable; from=<XYZZY>, to=<b@example.com>, proto=ESMTP, helo=<h>", raw, ""},
	{"pregreet", mx + "postfix/postscreen[1]: PREGREET 14 after 0.11 from [203.0.113.80]:51234: XYZZY", cut(100), ""},
	{"screened pipelining", mx + "postfix/postscreen[1]: COMMAND PIPELINING from [203.0.113.80]:51234 after RCPT: XYZZY", raw, ""},
	{"non-SMTP", mx + "postfix/smtpd[1]: warning: non-SMTP command from a.example.net[203.0.113.80]: XYZZY", cut(100), ""},
	{"pipelining", mx + "postfix/smtpd[1]: improper command pipelining after EHLO from a.example.net[203.0.113.80]: XYZZY", raw, ""},
	{"bad address", mx + "postfix/smtpd[1]: warning: Illegal address syntax from a.example.net[203.0.113.80] in MAIL command: XYZZY", raw, ""},
	{"ETRN", mx + "postfix/smtpd[1]: reject: ETRN XYZZY... from a.example.net[203.0.113.80]", cut(100), ""},
	{"domain looked up", mx + "postfix/smtpd[1]: warning: Unable to look up MX host for XYZZY: Host not found", raw, ""},
	{"table's key", mx + `postfix/smtpd[1]: warning: hash:/etc/postfix/access lookup error for "XYZZY"`, raw, ""},
	{"program's text", mx + "postfix/local[1]: 4A1B2C3D4E: to=<b@example.com>, relay=local, delay=1, delays=1/0/0/0, dsn=5.3.0, status=bounced (Command died with status 1: \"/bin/x\". Command output: XYZZY)", raw, ""},
	{"mailbox user", mx + "dovecot: imap-login: Disconnected (auth failed, 7 attempts in 111 secs): user=<XYZZY>, method=PLAIN, rip=203.0.113.80, lip=192.0.2.25, session=<abc>", sanitized, ""},
	{"mailbox login", mx + "dovecot: imap-login: Login: user=<XYZZY>, method=PLAIN, rip=203.0.113.80, lip=192.0.2.25, mpid=4711, TLS, session=<abc>", sanitized, ""},
	{"mailbox without session", mx + "dovecot: pop3-login: Disconnected: Too many bad commands (auth failed, 2 attempts in 0 secs): user=<XYZZY>, rip=203.0.113.80, lip=192.0.2.25", sanitized, ""},
	{"Dovecot's own file", "Nov 23 17:29:01 imap-login: Info: Aborted login (auth failed, 2 attempts in 0 secs): user=<XYZZY>, method=PLAIN, rip=203.0.113.80, lip=192.0.2.25", sanitized, ""},
	{"database's user", mx + "dovecot: auth-worker(1): sql(XYZZY,203.0.113.80,<abc>): Password mismatch", sanitized, ""},
	{"database's user, debug", mx + "dovecot: auth: passwd-file(XYZZY,203.0.113.80): unknown user (given password: x)", sanitized, ""},
	{"password", mx + "dovecot: auth: passwd-file(anna,203.0.113.80): unknown user (given password: XYZZY)", sanitized, ""},
	{"PAM's user", mx + "dovecot: auth-worker(1): pam(XYZZY,203.0.113.80): pam_authenticate() failed: Authentication failure (Password mismatch?)", sanitized, ""},
	{"PAM's ruser", mx + "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=XYZZY rhost=203.0.113.80", raw, ""},
	{"saslauthd's user", mx + "saslauthd[1]: do_auth         : auth failure: [user=XYZZY] [service=smtp] [realm=] [mech=pam] [reason=PAM auth error]", raw, ""},
	{"2.4's user", mx + "dovecot: auth(XYZZY,203.0.113.80,sasl:plain)<abc>: passwd-file: Password mismatch", sanitized, ""},
	{"2.4's user without session", mx + "dovecot: auth(XYZZY,203.0.113.80,sasl:plain): passwd-file: unknown user", sanitized, ""},
	{"2.4's user of a worker", mx + "dovecot: auth-worker(XYZZY,203.0.113.80)<143><abc>: request [1]: sql: Password mismatch", sanitized, ""},
	{"2.4's password", mx + "dovecot: auth-worker(anna,203.0.113.80)<143><abc>: request [1]: sql: Password mismatch (given password: XYZZY)", raw, ""},
	{"2.4's disallowed user", mx + "dovecot: auth(?,203.0.113.80,sasl:plain)<abc>: plain: Username character disallowed by auth_username_chars: 0x29 (username: XYZZY)", raw, ""},
	{"2.4's user in its own file", "2026-11-23 17:29:01 auth(XYZZY,203.0.113.80,sasl:plain)<abc>: Info: passwd-file: Password mismatch", sanitized, ""},
	{"2.4's user behind a zone", "2026-11-23 17:29:01 CEST auth(XYZZY,203.0.113.80,sasl:plain)<abc>: Info: passwd-file: Password mismatch", sanitized, ""},
	{"2.4's worker's user in its own file", "2026-11-23 17:29:01 auth-worker(XYZZY,203.0.113.80)<143><abc>: request [1]: Info: pam: pam_authenticate() failed: Authentication failure (Password mismatch?)", sanitized, ""},
	{"2.4's worker's password in its own file", "2026-11-23 17:29:01 auth-worker(anna,203.0.113.80)<143><abc>: request [1]: Info: sql: Password mismatch (given password: XYZZY)", raw, ""},
	{"2.4's mechanism", mx + "dovecot: imap-login: Authenticate XYZZY failed: Unsupported authentication mechanism.: user=<>, method=CRAM-MD5, rip=203.0.113.80, lip=192.0.2.25, session=<abc>", raw, ""},
	{"2.3's mechanism's user", mx + "dovecot: auth: plain(XYZZY,203.0.113.80,<abc>): Invalid base64 data in continued response", sanitized, ""},
	{"2.4.5's disallowed user", mx + "dovecot: auth(?,203.0.113.80,sasl:plain)<abc>: Username character disallowed by auth_username_chars: 0x29 (username: XYZZY)", raw, ""},
	{"2.4.5's malformed user", mx + "dovecot: auth(XYZZY,203.0.113.80,sasl:plain): sasl(plain): invalid input", sanitized, ""},
	{"own file with a blank", "2026-11-23 17:29:01 imap-login: Info: Aborted login (auth failed, 2 attempts in 0 secs): user=<XYZZY>, method=PLAIN, rip=203.0.113.80, lip=192.0.2.25", sanitized, ""},
	{"RFC 5424's reply", "<22>1 2026-11-23T17:29:01Z mx postfix/smtp 1 - [meta x=\"1\"] 4A1B2C3D4E: to=<b@example.com>, relay=mx.example.com[192.0.2.2]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.2] said: 550 XYZZY (in reply to RCPT TO command))", raw, ""},
	{"RFC 5424's login", "1 2026-11-23T17:29:01Z mx postfix/smtpd 1 - - warning: a.example.net[203.0.113.80]: SASL PLAIN authentication failed: no, sasl_username=XYZZY", cut(100), ""},
	{"BusyBox' login", mx + "mail.warn postfix/smtpd[1]: warning: a.example.net[203.0.113.80]: SASL PLAIN authentication failed: no, sasl_username=XYZZY", cut(100), ""},
	{"container's pregreet", "mta-1  | " + mx + "postfix/postscreen[1]: PREGREET 14 after 0.11 from [203.0.113.80]:51234: XYZZY", cut(100), ""},
	{"odd name's HELO", mx + "postfix/192.0.2.7:25/smtpd[1]: NOQUEUE: reject: RCPT from a.example.net[203.0.113.80]: 554 5.7.1 <b@example.com>: Relay access denied; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<XYZZY>", neuter, ""},
	{"folded login", mx + "postfix/smtpd[1]: message repeated 2 times: [ warning: a.example.net[203.0.113.80]: SASL PLAIN authentication failed: no, sasl_username=XYZZY]", cut(100), ""},
	{"syslog-ng's folded login", mx + "postfix/smtpd[1]: Last message 'warning: a.example.net[203.0.113.80]: SASL PLAIN authentication failed: no, sasl_username=XYZZY' repeated 2 times, suppressed by syslog-ng on mx", cut(100), ""},
	{"screened nonsense", mx + "postfix/postscreen[1]: BARE NEWLINE from [203.0.113.80]:51234 after XYZZY", raw, "Stage"},
	{"3.10's pipelining", mx + "postfix/smtpd[1]: NOQUEUE: improper command pipelining after EHLO from a.example.net[203.0.113.80]: XYZZY", raw, ""},
	{"proxy-accept's HELO", mx + "postfix/smtpd[1]: proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as 4A1B2C3D4E; from=<a@example.com> to=<b@example.com> proto=ESMTP helo=<XYZZY> sasl_username=<anna>", neuter, ""},
	{"proxy-accept's sender", mx + "postfix/smtpd[1]: proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as 4A1B2C3D4E; from=<XYZZY@example.com> to=<b@example.com> proto=ESMTP helo=<h> sasl_username=<anna>", quoted, ""},
	{"saslauthd's realm", mx + "saslauthd[1]: do_auth         : auth failure: [user=anna] [service=smtp] [realm=XYZZY] [mech=pam] [reason=PAM auth error]", raw, ""},
}

// forgeries imitate what follows, precedes or surrounds a stranger's text. The victims are 9.9.9.9, victim and 5B2C3D4E5F.
var forgeries = []string{
	`x; from=<victim@example.org> to=<victim@example.org> proto=ESMTP helo=<victim>`,
	`x; to=<victim@example.org> proto=ESMTP helo=<victim>`,
	`x; proto=ESMTP helo=<victim>`,
	`x> to=<victim@example.org> proto=ESMTP helo=<victim>`,
	`x>, to=<victim@example.org>, proto=SMTP, helo=<victim>`,
	`x>, to=<victim@example.org>, proto=SMTP, helo=<victim`,
	`x@y> to=<victim@example.org> proto=ESMTP helo=<victim> sasl_username=<victim`,
	`x from victim[9.9.9.9]; from=<victim@example.org> to=<victim@example.org> proto=ESMTP helo=<victim>`,
	`x from victim[9.9.9.9]; from=<victim@example.org> to=<victim@example.org> proto=ESMTP helo=<victim>: victim@example.org`,
	`x from victim[9.9.9.9]`,
	`x... from victim[9.9.9.9]`,
	`x from local`,
	`x, sasl_username=victim`,
	`x, sasl_username=victim, sasl_sender=victim`,
	`x, sasl_sender=victim, orig_queue_id=5B2C3D4E5F, orig_client=victim[9.9.9.9]`,
	`x, orig_client=victim[9.9.9.9]`,
	`LOGIN authentication failed: x, sasl_username=victim`,
	`x authentication aborted`,
	`x authentication failed: y`,
	`victim[9.9.9.9]: SASL LOGIN authentication failed: x, sasl_username=victim`,
	`warning: victim[9.9.9.9]: SASL LOGIN authentication failed: x`,
	`x>, relay=victim[9.9.9.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok`,
	`x>, orig_to=<victim@example.org>, relay=victim[9.9.9.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok`,
	`x), dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 5B2C3D4E5F`,
	`x (in reply to DATA command)`,
	`x (in reply to victim command) (in reply to victim command)`,
	`x>, size=1, nrcpt=9 (queue active)`,
	`x>, status=expired, returned to sender`,
	`x> orig_id=5B2C3D4E5F`,
	`x> orig_id=5B2C3D4E5F>`,
	`5B2C3D4E5F: removed`,
	`5B2C3D4E5F: client=victim[9.9.9.9], sasl_method=PLAIN, sasl_username=victim`,
	`: 5B2C3D4E5F: placed on hold`,
	`NOQUEUE: reject: RCPT from victim[9.9.9.9]: 554 5.7.1 x; from=<> to=<victim>`,
	`DNSBL rank 99 for [9.9.9.9]:1`,
	`x from [9.9.9.9]:1 after RCPT: y`,
	`x>, method=PLAIN, rip=9.9.9.9, lip=9.9.9.9, session=<victim`,
	`x>, rip=9.9.9.9`,
	`x>, rip=9.9.9.9, session=<`,
	`victim>, lip=9.9.9.9, rip=9.9.9.9, mpid=1, user=<victim`,
	`victim>, session=<x`,
	`victim>, unheard-of=<x`,
	`victim>, method=PLAIN, x`,
	`victim>`,
	`x,9.9.9.9`,
	`x,9.9.9.9,<victim>`,
	`x,9.9.9.9): unknown user`,
	`x,9.9.9.9): unknown user (given password: `,
	`x,9.9.9.9): Password mismatch`,
	`x,9.9.9.9,<victim>): pam_authenticate() failed: Authentication failure (Password mismatch?)`,
	`,9.9.9.9): unknown user`,
	`x,9.9.9.9): unknown user - trying the next passdb`,
	`x,9.9.9.9,<victim>): user not found from userdb`,
	`x,9.9.9.9,sasl:plain)<victim>: passwd-file: user not found from userdb`,
	`x,9.9.9.9,sasl:plain)<victim>: passwd-file: Password mismatch`,
	`x,9.9.9.9,sasl:plain): passwd-file: unknown user (username: `,
	`x,9.9.9.9)<1><victim>: request [1]: sql: unknown user (given password: `,
	`x,sasl:plain): passwd-file: unknown user`,
	`x: Info: sql(victim,9.9.9.9): unknown user`,
	`x,9.9.9.9)<1><victim>: request [1]: Info: sql: unknown user (given password: `,
	`x)<1><victim>: request [1]: Info: auth(victim,9.9.9.9,sasl:plain): sql: unknown user`,
	`x failed: (auth failed, 9 attempts in 1 secs): user=<victim>, rip=9.9.9.9`,
	`x,9.9.9.9,<victim>): Invalid base64 data in continued response`,
	`x)<1><victim>: Info: auth(victim,9.9.9.9,sasl:plain): sql: unknown user`,
	`x mx/postsuper[1]: 5B2C3D4E5F: removed`,
	`x mx/smtpd[1]: warning: victim[9.9.9.9]: SASL LOGIN authentication failed: x, sasl_username=victim`,
	`x postfix/smtpd[1]: 5B2C3D4E5F: client=victim[9.9.9.9], sasl_method=PLAIN, sasl_username=victim`,
	`x/smtpd[1]: warning: victim[9.9.9.9]: SASL LOGIN authentication failed: x`,
	`x] 5B2C3D4E5F: removed`,
	`x' repeated 9 times, suppressed by syslog-ng on victim`,
	`x | Nov 23 17:29:01 mx postfix/postsuper[1]: 5B2C3D4E5F: removed`,
	`queued as 5B2C3D4E5F; from=<victim@example.org> to=<victim@example.org> proto=ESMTP helo=<victim> sasl_username=<victim>`,
	`x rhost=9.9.9.9`,
	`x rhost=9.9.9.9  user=victim`,
	`x] [service=victim] [realm=victim] [mech=victim] [reason=victim]`,
	`x] [realm=victim`,
	`x] [mech=victim] [reason=victim`,
	"x\nNov 23 17:29:02 mx postfix/postsuper[1]: 5B2C3D4E5F: removed",
	"x#012Nov 23 17:29:02 mx postfix/postsuper[1]: 5B2C3D4E5F: removed",
	"\r\n5B2C3D4E5F: removed",
	"\x1b]0;victim\x07\x1b[2J5B2C3D4E5F: removed",
	"\x00; from=<victim@example.org>",
	`"; from=<victim@example.org> to=<victim@example.org> proto=ESMTP helo=<victim>`,
	`\"> to=<victim@example.org>`,
	`\`,
	`<>`,
	``,
	strings.Repeat("x", 1<<20),
	strings.Repeat("; from=<", 1<<17),
	strings.Repeat(",9.9.9.9,<", 1<<16),
	strings.Repeat(`"`, 1<<20),
}

// TestAForgedTextIsNeverAFieldOfOurs puts every forgery into every place where a stranger can write. What the line
// then says is what it says without forgery, or less: Other, Doubtful, or fields that stay nil.
func TestAForgedTextIsNeverAFieldOfOurs(t *testing.T) {
	for _, s := range slots {
		var truth Line
		if !Parse([]byte(strings.ReplaceAll(s.line, marker, s.tame(marker))), &truth) || !truth.Kind.Understood() {
			t.Errorf("%s: not understood: %v", s.name, truth.Kind)
		}
		for _, forgery := range forgeries {
			text := s.tame(forgery)
			line := strings.ReplaceAll(s.line, marker, text)
			var got Line
			if !Parse([]byte(line), &got) {
				t.Errorf("%s: the header is gone: %.200q", s.name, line)
				continue
			}
			if got.Kind != truth.Kind && got.Kind.Understood() {
				t.Errorf("%s: %v became %v: %.300q", s.name, truth.Kind, got.Kind, line)
			}
			for _, field := range falseFields(&got, &truth, s.tame(marker), text, s.may) {
				t.Errorf("%s: %s: %.300q", s.name, field, line)
			}
		}
	}
	t.Logf("%d forged lines", len(slots)*len(forgeries))
}

// TestAnAccountCannotHideBehindWhatItSays: MAIL FROM's AUTH= is free text of whoever logged in. Whatever it says, the
// line still tells the account, or a hijacked one would be in no report.
func TestAnAccountCannotHideBehindWhatItSays(t *testing.T) {
	const line = mx + "postfix/smtpd[1]: 4A1B2C3D4E: client=a.example.net[203.0.113.80], sasl_method=PLAIN, sasl_username=alarm, sasl_sender="
	tried := 0
	for _, said := range append([]string{"x, sasl_y", "x, orig_z", "bert@example.org"}, forgeries...) {
		if !clean([]byte(said)) || len(line)+len(said) > MaxLine {
			continue // Postfix writes no such line
		}
		tried++
		var l Line
		if Parse([]byte(line+said), &l); l.Kind != Client || string(l.SASLUsername) != "alarm" {
			t.Errorf("%v of %q: %.300q", l.Kind, l.SASLUsername, said)
		}
		if len(l.SASLSender) > 0 && string(l.SASLSender) != said {
			t.Errorf("the sender is %q: %.300q", l.SASLSender, said)
		}
	}
	if tried < 50 {
		t.Errorf("only %d texts were tried", tried)
	}
}

// falseFields are the fields of got that are set and not what they should be.
func falseFields(got, truth *Line, mark, text, may string) []string {
	var wrong []string
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*truth)
	for i := range g.NumField() {
		name := g.Type().Field(i).Name
		if name == "Text" || name == "Reply" || name == "Kind" || strings.Contains(" "+may+" ", " "+name+" ") {
			continue // Reply is a stranger's text wherever there is one
		}
		bad := false
		switch have := g.Field(i).Interface().(type) {
		case []byte:
			want := string(w.Field(i).Interface().([]byte))
			bad = len(have) > 0 && string(have) != strings.ReplaceAll(want, mark, text)
		case Peer:
			bad = !reflect.DeepEqual(have, Peer{}) && !reflect.DeepEqual(have, w.Field(i).Interface())
		default:
			bad = !g.Field(i).IsZero() && !reflect.DeepEqual(have, w.Field(i).Interface())
		}
		if bad {
			wrong = append(wrong, name+" is forged")
		}
	}
	return wrong
}

// TestWhatAUserIsCalledMakesNoLineOurs: the processes that speak of mailboxes are not read, whatever their users are called, and
// in Dovecot's own file there is no host that would tell where their names begin.
func TestWhatAUserIsCalledMakesNoLineOurs(t *testing.T) {
	for _, line := range []string{
		"2026-11-23 17:29:01 imap(XYZZY)<4711><abc>: Info: Disconnected: Logged out in=1 out=2",
		"Nov 23 17:29:01 imap(XYZZY)<4711><abc>: Info: Disconnected: Logged out in=1 out=2",
		"Nov 23 17:29:01 lmtp(XYZZY)<4711><abc>: Info: sieve: msgid=<x>: stored mail into mailbox 'INBOX'",
		"Nov 23 17:29:01 Info: imap(XYZZY): Disconnected",
		"2026-11-23 17:29:01 CET imap(XYZZY)<4711><abc>: Info: Disconnected: Logged out in=1 out=2",
		mx + "dovecot: imap(XYZZY)<4711><abc>: Disconnected: Logged out in=1 out=2",
		"mta-1  | " + mx + "nginx: XYZZY", mx + "mail.info nginx: XYZZY", "<22>1 2026-11-23T17:29:01Z mx nginx - - [a b=\"XYZZY\"] XYZZY",
		"mta-1 XYZZY",
	} {
		for _, forgery := range forgeries {
			var l Line
			if Parse([]byte(strings.ReplaceAll(line, marker, "x"+forgery)), &l); l.Kind != Unknown {
				t.Errorf("%v: %.200s", l.Kind, strings.ReplaceAll(line, marker, "x"+forgery))
			}
		}
	}
}
