package attach

import (
	"strings"
	"testing"
)

func TestWhoDoesTheSameIsNamedWithWhatHasToBeWritten(t *testing.T) {
	for _, c := range []struct {
		name, main, master string
		want               []string
	}{
		{"none", "smtpd_milters = unix:/clamav/clamav-milter.ctl, inet:localhost:11332\n", "", nil},
		{"a port that only begins alike", "smtpd_milters = inet:localhost:88910\n", "", nil},
		{"all three", "smtpd_milters = inet:localhost:8891, inet:localhost:8893,\n  unix:/clamav/clamav-milter.ctl, $postward_milter\nnon_smtpd_milters = $smtpd_milters\n" +
			"smtpd_recipient_restrictions = permit_mynetworks,\n  reject_unauth_destination, check_policy_service unix:private/policyd-spf\n", "",
			[]string{"opendmarc, policyd-spf, opendkim do what postward does", "first postward dkim import --apply",
				"postconf -e 'smtpd_milters = unix:/clamav/clamav-milter.ctl, $postward_milter' && postconf -e 'smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination' && postfix reload",
				"systemctl disable --now opendmarc opendkim"}},
		{"in master.cf", "", "submission inet n - y - - smtpd\n  -o smtpd_milters=unix:opendkim/opendkim.sock\n",
			[]string{"postconf -P 'submission/inet/smtpd_milters = ' && postfix reload"}},
		{"a braced one", "smtpd_milters = { unix:/run/opendkim/opendkim.sock, default_action=accept }, $postward_milter\n", "", []string{"postconf -e 'smtpd_milters = $postward_milter'"}},
		{"another policy server", "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10023\n", "", nil},
		{"SPF alone", "smtpd_sender_restrictions = check_policy_service unix:private/policyd-spf\n", "", []string{"policyd-spf do what", "says that mail is authenticated and signed. Nothing"}},
	} {
		h := &Host{main: []byte(c.main), master: []byte(c.master)}
		got := strings.Join(h.Others(), "\n")
		if (got == "") != (len(c.want) == 0) {
			t.Errorf("%s: %q", c.name, got)
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %q", c.name, want, got)
			}
		}
	}
}
