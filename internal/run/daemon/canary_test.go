package daemon

import (
	"testing"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/log/maillog"
)

func TestTheServiceThatAsksIsFound(t *testing.T) {
	services := []postfix.Service{
		{Name: "smtpd", Milters: "unix:postward/inbound.sock, inet:localhost:8891"},
		{Name: "submissions", Milters: "{ unix:postward/submission.sock, default_action=tempfail }"},
		{Name: "submission", Address: "localhost:587", Milters: "{ unix:postward/submission.sock, default_action=tempfail }"},
		{Name: "10025", Address: "127.0.0.1:10025"},
	}
	for socket, want := range map[string]string{
		"unix:/var/spool/postfix/postward/submission.sock": "submission", // the one that greets
		"unix:/var/spool/postfix/postward/inbound.sock":    "smtpd",
		"inet:127.0.0.1:9999":                              "",
	} {
		name := ""
		if s := serving(services, socket); s != nil {
			name = s.Name
		}
		if name != want {
			t.Errorf("%s is asked by %q, want %q", socket, name, want)
		}
	}
}

func TestOnlyWhatIsQuietIsMissed(t *testing.T) {
	before := signs{map[guard.Direction]uint64{guard.Inbound: 5, guard.Submission: 7}, 100}
	now := signs{map[guard.Direction]uint64{guard.Inbound: 5, guard.Submission: 8}, 101}
	quiet, noLine := now.missing(before)
	if !quiet[guard.Inbound] || quiet[guard.Submission] || noLine {
		t.Errorf("%v %v", quiet, noLine)
	}
}

func TestWhatSomebodyElseHoldsIsShown(t *testing.T) {
	at := now()
	for status, want := range map[guard.MailStatus][2]bool{ // just judged, and two minutes ago
		guard.MailForeign: {true, true}, guard.MailPassed: {false, true}, guard.MailReleased: {false, true},
		guard.MailHeld: {}, guard.MailCooling: {}, guard.MailReleasing: {}, guard.MailStopping: {}, guard.MailDeleting: {},
	} {
		m := &guard.Mail{Status: status, At: at}
		if got := [2]bool{byOthers(m, at), byOthers(m, at+120_000)}; got != want {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
	}
}

func TestRefusalOfARecipientIsNoRefusalOfTheMail(t *testing.T) {
	var l maillog.Line
	for line, want := range map[string]guard.Kind{
		"Nov 23 12:00:00 mx postfix/cleanup[1]: 4AAAA1: milter-reject: END-OF-MESSAGE from unknown[192.0.2.10]: 5.7.1 no; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<x>": guard.KindUntaken,
		"Nov 23 12:00:00 mx postfix/smtpd[1]: 4AAAA1: milter-reject: RCPT from unknown[192.0.2.10]: 550 5.7.1 no; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<x>":         "",
	} {
		if !maillog.Parse([]byte(line), &l) || l.Kind != maillog.MilterReject || kindOf(&l) != want {
			t.Errorf("%s: %s, %q", line, l.Kind, kindOf(&l))
		}
	}
}
