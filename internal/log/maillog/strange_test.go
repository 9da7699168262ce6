package maillog

import "testing"

// TestAMailProgramsLineIsKnownInAnyForm: whatever stands before it, its name says whose a line is; text that only mentions one
// does not.
func TestAMailProgramsLineIsKnownInAnyForm(t *testing.T) {
	for line, want := range map[string]string{
		`{"log":"May  3 10:00:00 mx postfix/smtpd[7]: connect from a[192.0.2.1]","stream":"stdout"}`:               `{"log":"May  3 10:00:00 mx postfix/smtpd`,
		`{"SYSLOG_IDENTIFIER":"postfix/qmgr","MESSAGE":"4A1B2C3D: removed"}`:                                       `{"SYSLOG_IDENTIFIER":"postfix/qmgr`,
		`03/05/26 10:00 mx postfix/smtp[7]: 4A1B2C3D: to=<a@example.com>`:                                          `03/05/26 10:00 mx postfix/smtp`,
		`sometime mx dovecot: auth(anna,192.0.2.1,sasl:plain): passwd-file: Password mismatch (given password: x)`: `sometime mx dovecot`,
		`imap-login: Info: Login: user=<anna>, method=PLAIN, rip=192.0.2.1`:                                        `imap-login`,
		`May  3 10:00:00 docker mail[3]: postfix/smtpd[7]: connect from a[192.0.2.1]`:                              `May  3 10:00:00 docker mail[3]: `,
		`May  3 10:00:00 docker mail[3]: May  3 10:00:00 inner postfix/smtpd[7]: connect from a[192.0.2.1]`:        `May  3 10:00:00 docker mail[3]: `,
		`May  3 10:00:00 mx postfix[7]: 4A1B2C3D: client=a[192.0.2.1]`:                                             `May  3 10:00:00 mx postfix[7]: `,
		`May  3 10:00:00 mx postfix[7]: NOQUEUE: reject: RCPT from a[192.0.2.1]: 554 5.7.1 x`:                      `May  3 10:00:00 mx postfix[7]: `,
		`May  3 10:00:00 mx postfix[7]: warning: a[192.0.2.1]: SASL PLAIN authentication failed: x`:                `May  3 10:00:00 mx postfix[7]: `,
		`May  3 10:00:00 mx postfix[7]: warning: not owned by root: /etc/postfix/main.cf`:                          "",
		`May  3 10:00:00 mx postfix[7]: Postfix is using backwards-compatible default settings`:                    "",
		`May  3 10:00:00 mx systemd[1]: Started postfix@-.service - Postfix Mail Transport Agent.`:                 "",
		`May  3 10:00:00 mx sshd[1]: Invalid user dovecot: from 192.0.2.1`:                                         "",
		`192.0.2.1 - - [03/May/2026:10:00:00 +0000] "GET /postfix/smtpd HTTP/1.1" 404 0`:                           "",
		`May  3 10:00:00 mx postfix/smtpd[7]: connect from a[192.0.2.1]`:                                           "",
		`May  3 10:00:00 mx postfix/smtpd[7]: a sentence that is new`:                                              "",
		`no line of a log`: "",
		``:                 "",
	} {
		var l Line
		Parse([]byte(line), &l)
		header, is := Strange([]byte(line), &l)
		if is != (want != "") || string(header) != want {
			t.Errorf("%s\n%v %q, want %q", line, is, header, want)
		}
	}
}

func TestHeadersThatDifferInNamesAndNumbersHaveOneForm(t *testing.T) {
	a, b := Form([]byte("mail-1  | 3.5.26 09:07 mx1 postfix/smtpd")), Form([]byte("relay-22 | 13.5.26 19:07 a postfix/cleanup"))
	if a != b || a == Form([]byte("mail-1 3.5.26 09:07 mx postfix/smtpd")) {
		t.Errorf("%q, %q", a, b)
	}
}

// TestAnExampleHoldsNoPassword: status shows lines that are not understood.
func TestAnExampleHoldsNoPassword(t *testing.T) {
	for line, want := range map[string]string{
		"May  3 10:00:00 mx dovecot: auth: sql(anna,192.0.2.1): a new word (given password: secret)":                   "auth",
		"May  3 10:00:00 mx dovecot: auth-worker(anna,192.0.2.1)<1>: new: words (given password: secret)":              "auth-worker",
		"May  3 10:00:00 mx dovecot: Debug: auth client passdb out: OK 1 user=anna pass=secret":                        "Debug",
		"May  3 10:00:00 mx dovecot: conn unix:auth-worker (pid=1,uid=2): auth-worker<1>: new (given password: secret": "conn unix",
		"May  3 10:00:00 auth: Debug: client in: AUTH 1 PLAIN resp=secret":                                             "Debug",
		"May  3 10:00:00 mx auth: secret":             "",
		"May  3 10:00:00 mx postfix/smtpd[1]: a song": "a song",
	} {
		var l Line
		if !Parse([]byte(line), &l) || string(l.Example(100)) != want {
			t.Errorf("%s: %q", line, l.Example(100))
		}
	}
}
