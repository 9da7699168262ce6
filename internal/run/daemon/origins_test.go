package daemon

import (
	"fmt"
	"strings"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// passedMail makes a mail that is let go, and stamps lines for it.
func passedMail(t *testing.T, d *Daemon) (m *guard.Mail, tell func(format string, args ...any)) {
	t.Helper()
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	sent := mail(1, "anna", 1)
	d.judgeEnd(t.Context(), sent)
	m = d.state.Queued(sent.QueueID)
	if m == nil {
		t.Fatal("it is not followed")
	}
	offset := int64(0)
	return m, func(format string, args ...any) {
		t.Helper()
		offset += 100
		line(t, d, now().Time().Format("2006-01-02T15:04:05.000000-07:00")+" "+strings.ReplaceAll(fmt.Sprintf(format, args...), "ID", sent.QueueID), offset)
	}
}

// TestLinesOfAnotherHostAreNotOurs: a queue ID is each Postfix's own.
func TestLinesOfAnotherHostAreNotOurs(t *testing.T) {
	const active = "mx1 postfix/qmgr[7]: ID: from=<%s>, size=1, nrcpt=1 (queue active)"
	for name, c := range map[string]struct {
		lines   []string
		removed bool
	}{
		"our own":                             {[]string{active, "mx1 postfix/qmgr[7]: ID: removed"}, true},
		"our own, as its client wrote it":     {[]string{"mx1 postfix/qmgr[7]: ID: from=<Anna@Example.ORG>, size=1, nrcpt=1 (queue active)", "mx2 postfix/qmgr[7]: ID: removed"}, false},
		"another host's":                      {[]string{active, "mx2 postfix/qmgr[7]: ID: removed"}, false},
		"another instance's":                  {[]string{active, "mx1 postfix-out/qmgr[7]: ID: removed"}, false},
		"the operator's at another instance":  {[]string{active, "mx1 postfix-out/postsuper[7]: ID: removed"}, false},
		"by our operator":                     {[]string{active, "mx1 postfix/postsuper[7]: ID: removed"}, true},
		"not known where, after a restart":    {[]string{"mx2 postfix/qmgr[7]: ID: removed"}, true},
		"another mail's of the same queue ID": {[]string{"mx2 postfix/qmgr[7]: ID: from=<x@far.example>, size=1, nrcpt=1 (queue active)", active, "mx1 postfix/qmgr[7]: ID: removed"}, true},
		"held first, its instance told later": {[]string{"mx1 other/cleanup[7]: ID: milter-hold: END-OF-MESSAGE from a[203.0.113.80]: milter triggers HOLD action; from=<%s> to=<b@far.example> proto=ESMTP helo=<h>", "mx2 postfix/qmgr[7]: ID: removed"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := begin(t, t.TempDir())
			defer end(t, d)
			m, tell := passedMail(t, d)
			for _, text := range c.lines {
				tell("%s", strings.ReplaceAll(text, "%s", m.ReversePath))
			}
			if got := m.Status == guard.MailRemoved; got != c.removed {
				t.Errorf("removed: %v", got)
			}
			if c.removed && len(d.origins) != 0 {
				t.Errorf("%d origins are kept", len(d.origins))
			}
		})
	}
}

// TestADeliveryByATransportWithANameOfItsOwnIsOurs: only qmgr's name is the instance's.
func TestADeliveryByATransportWithANameOfItsOwnIsOurs(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	m, tell := passedMail(t, d)
	tell("mx1 postfix/qmgr[7]: ID: from=<%s>, size=1, nrcpt=1 (queue active)", m.ReversePath)
	tell("mx1 slow/smtp[7]: ID: to=<r1-0@example.net>, relay=mx[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)")
	if len(m.Left) != 1 {
		t.Errorf("%d recipients' servers took it", len(m.Left))
	}
}

// TestOnlyTheSameMailIsFollowedToANewID: the old one is used again, and another mail of it may be requeued.
func TestOnlyTheSameMailIsFollowedToANewID(t *testing.T) {
	for from, follows := range map[string]bool{"anna@example.org": true, "Anna@Example.ORG": true, `"anna"@example.org`: true, "x@far.example": false, "": false} {
		d := begin(t, t.TempDir())
		m, tell := passedMail(t, d)
		tell("mx1 postfix/pickup[7]: 4CCCC1: uid=106 from=<%s> orig_id=ID", from)
		if got := m.QueueID == "4CCCC1"; got != follows {
			t.Errorf("from <%s>: followed %v", from, got)
		}
		end(t, d)
	}
}
