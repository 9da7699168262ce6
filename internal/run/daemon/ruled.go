package daemon

import (
	"net/netip"
	"time"

	"postward/internal/guard"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// ruled are log lines by which a table of the administrator (an access map, header_checks) put mail on hold. Postfix then
// takes no notice of postward's own hold, and says so in no line: such mail is the administrator's, not postward's to let
// go. The line comes before the verdict, sometimes before the mail has a queue ID.
type ruled []ruling

type ruling struct {
	at      guard.Time
	queueID string // empty: of the session's next mail
	client  netip.Addr
	from    string
}

const (
	maxRuled = 1000
	ruledFor = time.Minute // a line is about a mail that is judged soon
)

// note keeps a line. The caller holds the daemon's mutex.
func (r *ruled) note(l *maillog.Line, now time.Time) {
	if len(*r) >= maxRuled {
		*r = (*r)[1:]
	}
	client, _ := netip.ParseAddr(string(l.Client.Addr))
	*r = append(*r, ruling{guard.TimeOf(l.Stamp.Time(now)), string(l.QueueID), guard.Network(client), message.Canonical(string(l.From))})
}

// about reports whether a line is about a mail.
func (x *ruling) about(m *guard.Mail) bool {
	if x.queueID != "" {
		return x.queueID == m.QueueID && m.Tells(x.at.Add(ruledFor))
	}
	return x.client.IsValid() && x.client == m.Source.Network && x.from == m.ReversePath && x.at.Add(lineSlack) >= m.MailAt && x.at <= m.At.Add(lineSlack)
}

// takeRuledLocked gives up what a table put on hold. A line that is about no mail yet waits for a minute.
func (d *Daemon) takeRuledLocked(t guard.Time) error {
	kept := d.ruled[:0]
	for _, x := range d.ruled {
		m := d.ruledMail(&x)
		if m == nil {
			if t.Sub(x.at) < ruledFor {
				kept = append(kept, x)
			}
			continue
		}
		e := &guard.Event{Kind: guard.KindForeign, At: t, Mail: m.ID, Account: m.Account, Key: "ruled:" + m.ID, Text: "a table of the administrator holds it"}
		if _, err := d.recordLocked(e); err != nil {
			return err
		}
	}
	d.ruled = kept
	return nil
}

func (d *Daemon) ruledMail(x *ruling) *guard.Mail {
	if x.queueID != "" {
		if m := d.state.Queued(x.queueID); m != nil && m.Waiting() && x.about(m) {
			return m
		}
		return nil
	}
	for _, m := range d.state.Mails() {
		if m.Waiting() && x.about(m) {
			return m
		}
	}
	return nil
}
