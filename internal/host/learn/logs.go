package learn

import (
	"context"
	"net/netip"
	"os"
	"strings"
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

// oldMail is a mail of an account.
type oldMail struct {
	account string
	client  netip.Addr
	at      time.Time // of its first qmgr line; zero before it
}

// maxOldRecipients bounds the recipients that are learned of one mail.
const maxOldRecipients = 100

// logReader learns from each mail that package delivery finds in the lines: of what account it is from the line that
// begins it, that it was sent when qmgr has it, and its recipients when it has ended.
type logReader struct {
	learned  *Learned
	users    map[int64]string
	filtered bool // a content filter hands mail back: loopback clients are nobody's own
	tracker  *delivery.Tracker
	pending  map[*delivery.Mail]*oldMail
	line     maillog.Line
	ref      time.Time
	letters  guard.Letters
}

func (l *Learned) logs(ctx context.Context, o Options, users map[int64]string) error {
	r := &logReader{learned: l, users: users, filtered: o.Filtered, pending: map[*delivery.Mail]*oldMail{}}
	r.tracker = delivery.New(r.ended)
	r.tracker.OnBegin(r.begun)
	r.tracker.OnQueued(r.queued)
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
	r.tracker.Flush()
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

// read takes one line.
func (r *logReader) read(text []byte) {
	if l := &r.line; maillog.Parse(text, l) && delivery.Concerns(l) {
		r.tracker.Line(l, l.Stamp.Time(r.ref))
	}
}

// begun takes a mail at the line that says who hands it in.
func (r *logReader) begun(m *delivery.Mail) {
	o := &oldMail{}
	switch l := &r.line; {
	case l.Kind == maillog.ProxyAccepted, l.Kind == maillog.Client && l.Origin.Addr != nil && m.Account != "":
		o.account, o.client = m.Account, m.Client
	case l.Kind == maillog.Client:
		o.account = r.client(l)
		o.client, _ = netip.ParseAddr(string(l.Client.Addr)) // the zero Addr: not known
	case l.OtherID == nil: // sendmail(1)
		o.account = "local:" + r.user(l.UID)
	}
	if o.account == "" {
		return
	}
	if len(r.pending) >= maxPending {
		clear(r.pending)
		r.learned.dropped++
	}
	r.pending[m] = o
}

// queued counts a mail.
func (r *logReader) queued(m *delivery.Mail) {
	if o := r.pending[m]; o != nil {
		o.at = r.line.Stamp.Time(r.ref)
		r.learned.sent(o.account, string(r.line.From), o.at)
	}
}

// ended learns to whom a mail went that is done with.
func (r *logReader) ended(m *delivery.Mail) {
	o := r.pending[m]
	delete(r.pending, m)
	if o == nil && m.From != "" {
		r.wrote(m)
	}
	if o == nil || o.at.IsZero() || m.End != delivery.Removed && m.End != delivery.Expired {
		return
	}
	var to []string
	for _, d := range m.Deliveries {
		if d.Status == maillog.StatusSent && len(to) < maxOldRecipients {
			to = append(to, message.Canonical(milters(&d)))
		}
	}
	from := message.Canonical(m.From)
	r.learned.past(o, to, func(to string) bool { return r.letters.Answers(from, to, guard.TimeOf(o.at)) })
}

// wrote notes to whom a stranger wrote.
func (r *logReader) wrote(m *delivery.Mail) {
	from := message.Canonical(m.From)
	for i := range m.Deliveries[:min(len(m.Deliveries), maxOldRecipients)] {
		if d := &m.Deliveries[i]; d.Status == maillog.StatusSent {
			r.letters.Wrote(from, message.Canonical(milters(d)), guard.TimeOf(m.Arrived))
		}
	}
}

// milters is the name by which postward will meet a recipient: as his sender wrote it, before aliases. One without a domain
// Postfix completes.
func milters(d *delivery.Delivery) string {
	if name := d.Name(); strings.Contains(name, "@") {
		return name
	}
	return d.To
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
	return guard.UserNumber(uint64(uid))
}
