package health

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
)

func TestStatusSaysForADayThatNobodyKnowsWhoSentMail(t *testing.T) {
	someone, loopback := netip.MustParseAddr("203.0.113.80"), netip.MustParseAddr("127.0.0.1")
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var n Nameless
	said := func(late time.Duration, now time.Time) string {
		local, wire, kernel := n.Troubles(late, now)
		return strings.Join([]string{local, wire, kernel}, "|")
	}
	for _, m := range []*guard.Transaction{
		{Direction: guard.Local, UnixUser: "root"}, {Direction: guard.Inbound, Client: someone}, {Direction: guard.Submission, Client: loopback, Login: "anna"},
		{Direction: guard.Inbound, Client: loopback, UnixUser: "www-data"},
	} {
		n.Note(m, noon)
	}
	if text := said(0, noon); text != "||" {
		t.Errorf("everybody is known: %s", text)
	}
	n.Note(&guard.Transaction{Direction: guard.Local}, noon.Add(-2*shownFor))
	n.Note(&guard.Transaction{Direction: guard.Local}, noon)
	n.Note(&guard.Transaction{Direction: guard.Local}, noon)
	if text := said(0, noon.Add(shownFor-1)); !strings.HasPrefix(text, "2 mails came by sendmail(1), and the log did not say by whom; ") || !strings.HasSuffix(text, "is postfix.log_file in postward.toml the log that Postfix writes?||") {
		t.Error(text)
	}
	if text := said(4*time.Second, noon); !strings.Contains(text, "by whom 4s too late; counted for local:unknown, last on 2026-11-23 12:00:00: look at what floods the log") {
		t.Error(text)
	}
	if text := said(0, noon.Add(shownFor)); text != "||" {
		t.Errorf("a day later: %s", text)
	}
	n.Note(&guard.Transaction{Direction: guard.Inbound, Client: loopback}, noon.Add(shownFor))
	n.Note(&guard.Transaction{Direction: guard.Submission, Client: someone, UnixUser: UnknownUser}, noon.Add(shownFor))
	if text := said(0, noon.Add(shownFor)); !strings.HasPrefix(text, "|2 mails came over TCP from this host") {
		t.Error(text)
	}
}
