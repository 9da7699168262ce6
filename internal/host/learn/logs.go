package learn

import (
	"context"
	"net/netip"
	"os"
	"strconv"
	"time"

	"postward/internal/guard"
	"postward/internal/log/delivery"
	"postward/internal/log/maillog"
	"postward/internal/log/oldlog"
	"postward/internal/mail/message"
)

const maxPending = 100_000 // mails whose sender is known and whose reverse-path is not yet

// journalPast is how much of the journal is learned from.
const journalPast = 90 * 24 * time.Hour

// oldMail is a mail whose lines are being read.
type oldMail struct {
	account string
	client  netip.Addr
	at      time.Time // of its first qmgr line; zero before it
	to      []string
}

// maxOldRecipients bounds the recipients that are gathered of one mail.
const maxOldRecipients = 100

// logReader joins the lines of one mail: who handed it in (smtpd, pickup), its reverse-path (qmgr), its recipients
// (delivery agents), its end.
type logReader struct {
	learned  *Learned
	users    map[int64]string
	filtered bool                // a content filter hands mail back: loopback clients are nobody's own
	pending  map[string]*oldMail // by delivery.Key
	line     maillog.Line
	ref      time.Time
}

func (l *Learned) logs(ctx context.Context, o Options, users map[int64]string) error {
	r := &logReader{learned: l, users: users, filtered: o.Filtered, pending: map[string]*oldMail{}}
	if r.filtered {
		l.note("a content filter hands mail back over loopback: clients on loopback are not shown as senders of their own")
	}
	for _, path := range o.Logs {
		if err := r.file(ctx, path, o.Now); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			l.NotRead++
			l.note("%v", err)
		}
	}
	return nil
}

// file reads one log. Stamps without a year are placed by the file's own time.
func (r *logReader) file(ctx context.Context, path string, now time.Time) error {
	f := oldlog.File{Path: path, Since: now.Add(-journalPast)}
	r.ref = now
	if info, err := os.Stat(path); err == nil && info.ModTime().Before(now) {
		r.ref = info.ModTime().In(now.Location())
	}
	return f.Lines(ctx, nil, func(line []byte) error { r.read(line); return nil })
}

// read takes one line. A mail is counted once, at its first qmgr line: later ones are retries.
func (r *logReader) read(text []byte) {
	l := &r.line
	if !maillog.Parse(text, l) || l.QueueID == nil {
		return
	}
	id := delivery.Key(l)
	switch l.Kind {
	case maillog.Client:
		addr, _ := netip.ParseAddr(string(l.Client.Addr)) // the zero Addr: not known
		r.wait(id, r.client(l), addr)
	case maillog.PickedUp:
		if l.OtherID == nil {
			r.wait(id, "local:"+r.user(l.UID), netip.Addr{})
		}
	case maillog.Active:
		if m := r.pending[id]; m != nil && m.at.IsZero() {
			m.at = l.Stamp.Time(r.ref)
			r.learned.sent(m.account, string(l.From), m.at)
		}
	case maillog.Delivery:
		if m := r.pending[id]; m != nil && l.Status == maillog.StatusSent && len(m.to) < maxOldRecipients {
			m.to = append(m.to, message.Canonical(string(l.To)))
		}
	case maillog.Removed:
		if m := r.pending[id]; m != nil && !m.at.IsZero() {
			r.learned.past(m)
		}
		delete(r.pending, id)
	}
}

func (r *logReader) wait(id, account string, client netip.Addr) {
	if account == "" {
		delete(r.pending, id) // the id is used again, by a stranger
		return
	}
	if len(r.pending) >= maxPending {
		clear(r.pending)
		r.learned.dropped++
	}
	r.pending[id] = &oldMail{account: account, client: client}
}

// client returns the account that a mail through smtpd counts for; empty for strangers and for what a content
// filter hands back.
func (r *logReader) client(l *maillog.Line) string {
	if len(l.SASLUsername) > 0 {
		return message.Account(string(l.SASLUsername))
	}
	addr, err := netip.ParseAddr(string(l.Client.Addr))
	if err != nil || l.Origin.Addr != nil || !r.learned.isOwn(addr) || (r.filtered && addr.IsLoopback()) {
		return ""
	}
	return "net:" + guard.Network(addr).String()
}

func (r *logReader) user(uid int64) string {
	if name, ok := r.users[uid]; ok {
		return name
	}
	return strconv.FormatInt(uid, 10)
}
