package daemon

import (
	"cmp"
	"net/netip"
	"slices"
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
	to      string // its first recipient; empty: the line does not tell
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
	x := ruling{at: guard.TimeOf(l.Stamp.Time(now)), queueID: string(l.QueueID), client: guard.Network(client), from: message.Canonical(string(l.From))}
	if len(l.To) > 0 {
		x.to = message.Canonical(string(l.To))
	}
	*r = append(*r, x)
}

// about reports whether a line is about a mail.
func (x *ruling) about(m *guard.Mail) bool {
	if x.queueID != "" {
		return x.queueID == m.QueueID && m.Tells(x.at.Add(ruledFor))
	}
	same := x.client.IsValid() && x.client == m.Source.Network && x.from == m.ReversePath && (x.to == "" || x.to == m.First)
	return same && x.at.Add(lineSlack) >= m.MailAt && x.at <= m.At.Add(lineSlack)
}

// takeRuledLocked gives up what a table put on hold. A line that is about no mail yet waits for a minute.
func (d *Daemon) takeRuledLocked(t guard.Time) error {
	if len(d.ruled) == 0 {
		return nil
	}
	waiting, kept := d.waitingLocked(), ruled{}
	for n, x := range d.ruled {
		i := slices.IndexFunc(waiting, func(m *guard.Mail) bool { return m.Waiting() && x.about(m) })
		if i < 0 {
			if t.Sub(x.at) < ruledFor {
				kept = append(kept, x)
			}
			continue
		}
		m := waiting[i]
		e := &guard.Event{Kind: guard.KindForeign, At: t, Mail: m.ID, Account: m.Account, Key: "ruled:" + m.ID, Text: "a table of the administrator holds it"}
		if _, err := d.recordLocked(e); err != nil {
			d.ruled = append(kept, d.ruled[n:]...)
			return err
		}
	}
	d.ruled = kept
	return nil
}

// waitingLocked returns the mails in hold by postward's verdict, oldest first.
func (d *Daemon) waitingLocked() []*guard.Mail {
	var all []*guard.Mail
	for _, m := range d.state.Mails() {
		if m.Waiting() {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *guard.Mail) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	return all
}
