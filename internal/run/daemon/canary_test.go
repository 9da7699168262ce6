package daemon

import (
	"testing"

	"postward/internal/guard"
	"postward/internal/log/maillog"
)

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
