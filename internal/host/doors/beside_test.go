package doors

import (
	"slices"
	"testing"
)

func TestWhoElseMayAuthenticateIsNamed(t *testing.T) {
	sockets := []string{"unix:/var/spool/postfix/postward/inbound.sock"}
	for _, c := range []struct{ milters, recipients, want string }{
		{ours, "", ""},
		{"inet:localhost:8891, " + ours, "", "inet:localhost:8891"},
		{"{ unix:opendmarc/opendmarc.sock, default_action=accept } " + ours, "", "{ unix:opendmarc/opendmarc.sock, default_action=accept }"},
		{"unix:/clamav/clamav-milter.ctl unix:spamass/spamass.sock " + ours, "", ""},
		{ours, "permit_mynetworks, reject_unauth_destination, check_policy_service unix:private/policyd-spf", "unix:private/policyd-spf"},
		{ours, "check_policy_service inet:127.0.0.1:10023", ""},
		{ours, "check_policy_service", ""},
		{"inet:localhost:11332", "", ""}, // postward is not asked there
	} {
		d := debian()
		d.set("smtp", "smtpd_milters", c.milters)
		d.set("smtp", "smtpd_recipient_restrictions", c.recipients)
		got := d.Beside(Seeing(sockets), sockets)
		if want := []string{c.want}; !(c.want == "" && len(got) == 0) && !slices.Equal(got, want) {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
