package delivery

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// settle is how long a mail that left the queue is kept for lines that were written late: who took it as another ID
// says so after that ID may have left already.
const settle = 5 * time.Second

// Tracker joins the lines of each mail.
type Tracker struct {
	out      func(*Mail)
	began    func(*Mail)                  // see OnBegin; may be nil
	queued   func(*Mail)                  // see OnQueued; may be nil
	refused  func(*Mail)                  // see OnRefused; may be nil
	open     map[string]*Mail             // by host, instance and queue ID (see key), in the queue or just out of it
	sessions map[maillog.Process]*session // of smtpd
	logins   map[string][]*session        // those with a login and no queue ID, by host and client (see proxy.go)
	done     []ended                      // out of the queue, oldest first
	old      []string                     // keys in the order in which they came, for want of room

	instances map[string][]string // of Postfix, by host
	named     int                 // how many these are
	kept      int                 // deliveries of open mails
	counted   int                 // recipients of open mails who are only counted
}

type ended struct {
	key string
	at  time.Time
}

// New returns a Tracker that hands each mail out once, when it has ended.
func New(out func(*Mail)) *Tracker {
	return &Tracker{out: out, open: map[string]*Mail{}, sessions: map[maillog.Process]*session{}, logins: map[string][]*session{}, instances: map[string][]string{}}
}

// OnBegin has each mail handed to f when the line is read that says who hands it in: in the order of arrival. The Mail is the
// one that is handed out when it has ended, and grows until then.
func (t *Tracker) OnBegin(f func(*Mail)) { t.began = f }

// OnQueued has each mail handed to f when the line is read that says that qmgr has it, the first time.
func (t *Tracker) OnQueued(f func(*Mail)) { t.queued = f }

// OnRefused has what was refused before it had a queue ID handed to f: a recipient, or a whole mail. Its ID is NoQueue.
func (t *Tracker) OnRefused(f func(*Mail)) { t.refused = f }

// Concerns reports whether a line can mean something to a Tracker; all others may be left out.
func Concerns(l *maillog.Line) bool {
	switch l.Kind {
	case maillog.Connect, maillog.Disconnect, maillog.Lost, maillog.Client, maillog.ProxyAccepted, maillog.Reject, maillog.MilterReject, maillog.Hold, maillog.MilterHold, maillog.Discard, maillog.MilterDiscard:
		return true
	}
	return len(l.QueueID) > 0
}

// Line takes a line that was written at a time. Lines that are not about a mail are nothing to it.
func (t *Tracker) Line(l *maillog.Line, at time.Time) {
	t.settled(at)
	if len(l.QueueID) == 0 {
		t.session(l, at)
		return
	}
	key := t.key(l, l.QueueID)
	if m := t.open[key]; m != nil && m.Subject == "" && string(l.Stage) == "header" {
		m.Subject = subject(l.Reply)
	}
	switch l.Kind {
	case maillog.PickedUp, maillog.Client:
		t.begin(key, l, at)
	case maillog.MessageID:
		m := t.fresh(key, l, at)
		m.MessageID, m.entry(key).told = text(l.MessageID), true
	case maillog.Active:
		t.active(key, l, at)
	case maillog.Delivery:
		t.delivered(key, t.get(key, l, at), l, at)
	case maillog.Notice:
		notice := t.get(t.key(l, l.OtherID), l, at)
		notice.NoticeOf, notice.Begun = string(l.QueueID), true
	case maillog.Held:
		t.get(key, l, at).hold(key, true)
	case maillog.Released, maillog.Requeued:
		t.get(key, l, at).hold(key, false)
	case maillog.Expired:
		t.get(key, l, at).how = Expired
	case maillog.Deleted:
		t.end(key, t.get(key, l, at), Deleted, at)
	case maillog.Removed:
		t.end(key, t.get(key, l, at), "", at)
	case maillog.Lost, maillog.Canceled:
		t.brokenOff(key, l, at)
	case maillog.HandedOn:
		t.handedOn(key, l, at)
	case maillog.ThrownAway:
		if m := t.open[key]; m != nil {
			m.because(l)
			t.end(key, m, Discarded, at)
		}
	case maillog.Doubtful:
		if m := t.open[key]; m != nil && attempted(l) {
			m.Unclear++
		}
	default:
		t.ruled(key, l, at)
	}
}

// attempted reports whether a line is one of an attempt, though it can be read in two ways: of a reply that imitates it.
func attempted(l *maillog.Line) bool {
	return bytes.HasPrefix(l.Text[min(len(l.QueueID), len(l.Text)):], []byte(": to=<"))
}

// ruled takes what a table, a milter or the disk decided about a mail that is not queued yet.
func (t *Tracker) ruled(key string, l *maillog.Line, at time.Time) {
	var how End
	switch l.Kind {
	case maillog.MilterHold, maillog.Hold:
		t.revive(key, Abandoned)
		m := t.get(key, l, at)
		m.sender(l)
		m.because(l)
		m.hold(key, true)
		return
	case maillog.Discard, maillog.MilterDiscard:
		how = Discarded
	case maillog.QueueTrouble:
		how = Refused
	case maillog.Reject, maillog.MilterReject:
		if stage := string(l.Stage); stage == "RCPT" { // one recipient, not the mail
			if m := t.open[key]; m != nil {
				m.refuse(l, at)
			}
			return
		}
		how = Refused
	default:
		return
	}
	m := t.open[key]
	if m == nil {
		return
	}
	if e := m.entry(key); e.handed && !e.sent && !e.left {
		m.sender(l)
		m.because(l)
		t.end(key, m, how, at)
	}
}

// brokenOff takes a line of Postfix 3.10 and newer that says of which mail a client was lost, or that cleanup(8) gave one up.
func (t *Tracker) brokenOff(key string, l *maillog.Line, at time.Time) {
	m := t.open[key]
	if m == nil {
		return
	}
	if e := m.entry(key); !e.sent && !e.left {
		if l.Kind == maillog.Lost {
			m.because(l)
		}
		t.end(key, m, Abandoned, at)
	}
}

// handedOn takes MailScanner's word that a mail, on hold till then, is in the queue again under another ID.
func (t *Tracker) handedOn(key string, l *maillog.Line, at time.Time) {
	if keys := t.keys(l, l.QueueID); len(keys) > 0 {
		key = keys[0]
	}
	m, next := t.open[key], strings.TrimSuffix(key, string(l.QueueID))+string(l.OtherID)
	if m == nil || t.open[next] == m {
		return
	}
	if other := t.open[next]; other != nil && (other.Begun || !other.inQueue() && other.Arrived.Before(m.Arrived)) { // the ID is used again
		t.free(next)
	}
	if t.join(next, m) {
		t.leave(key, m, at)
	}
}

// Flush hands out everything that is left.
func (t *Tracker) Flush() {
	t.settled(time.Time{})
	for _, key := range t.old {
		t.drop(key)
	}
	t.old, t.done = nil, nil
	clear(t.sessions)
	clear(t.logins)
}

// Open returns the mails that are in the queue, in no order.
func (t *Tracker) Open() []*Mail {
	var mails []*Mail
	for key, m := range t.open {
		if i := slices.IndexFunc(m.entries, func(e entry) bool { return !e.left }); i >= 0 && m.entries[i].key == key {
			mails = append(mails, m)
		}
	}
	return mails
}

// begin takes the line that says who hands a mail in.
func (t *Tracker) begin(key string, l *maillog.Line, at time.Time) {
	if l.OtherID != nil { // requeued, or handed back by a filter: the same mail
		other := t.before(l)
		if m := t.open[other]; m != nil && m != t.open[key] {
			t.free(key)
			joined := t.join(key, m)
			if l.Kind == maillog.PickedUp { // the file was moved
				t.leave(other, m, at)
			}
			if joined {
				t.transaction(key, m, l, at)
				return
			}
		}
	}
	if m := t.open[key]; m != nil && (m.Begun || m.Count > 0 || m.entry(key).left) { // the ID is used again
		t.free(key)
	}
	m := t.get(key, l, at)
	m.Begun = true
	if t.began != nil {
		defer t.began(m)
	}
	if l.Kind == maillog.PickedUp {
		m.Account, m.From = "uid:"+strconv.FormatInt(l.UID, 10), text(l.From)
		return
	}
	m.Account, m.HostName = message.Account(text(l.SASLUsername)), text(l.Client.Name)
	m.Client = address(l.Client.Addr)
	if l.Origin.Addr != nil { // a filter says for whom it hands the mail back
		m.Client, m.HostName = address(l.Origin.Addr), text(l.Origin.Name)
	}
	if m.Account == "" {
		t.proxied(m, l)
	}
	t.transaction(key, m, l, at)
}

// active takes the line of a mail that qmgr begins to deliver.
func (t *Tracker) active(key string, l *maillog.Line, at time.Time) {
	t.revive(key, Abandoned, Refused, Discarded)
	m := t.fresh(key, l, at)
	if m.Count == 0 {
		m.From, m.Size, m.Count = text(l.From), l.Size, l.Recipients
		if t.queued != nil {
			t.queued(m)
		}
	}
	m.entry(key).sent = true
	m.hold(key, false)
}

// revive takes back that a mail ended before it was queued: it was queued, so the lines of two programs came in another
// order, or what a table had said was of a mail that was broken off.
func (t *Tracker) revive(key string, from ...End) {
	m := t.open[key]
	if m == nil || !slices.Contains(from, m.how) {
		return
	}
	if e := m.entry(key); e.left && !e.sent {
		m.how, e.left = "", false
		m.settle()
	}
}

// fresh is get for a line that stands near the beginning of a mail: one that has left the queue is another. The
// Message-ID of one that was refused or broken off may be told after that.
func (t *Tracker) fresh(key string, l *maillog.Line, at time.Time) *Mail {
	if m := t.open[key]; m != nil {
		if e := m.entry(key); e.left && (e.sent || e.told) {
			t.free(key)
		}
	}
	return t.get(key, l, at)
}

// get returns the mail of a key, begun if there is none.
func (t *Tracker) get(key string, l *maillog.Line, at time.Time) *Mail {
	if m := t.open[key]; m != nil {
		return m
	}
	if len(t.open) >= MaxOpen {
		t.makeRoom()
	}
	by, _ := l.Instance()
	m := &Mail{IDs: []string{keyID(key)}, entries: []entry{{key: key, by: string(by)}}, Arrived: at}
	t.open[key] = m
	t.old = append(t.old, key)
	return m
}

// join makes the mail of a queue ID a part of another one, which it is not yet: what was noted of it moves over, under all of its IDs. It reports
// whether there was room for these.
func (t *Tracker) join(key string, m *Mail) bool {
	other := t.open[key]
	if other == nil {
		other = &Mail{IDs: []string{keyID(key)}, entries: []entry{{key: key}}}
		t.old = append(t.old, key)
	}
	if !t.shorten(m, len(other.IDs)) {
		return false
	}
	m.IDs, m.entries = append(m.IDs, other.IDs...), append(m.entries, other.entries...)
	m.MoreIDs += other.MoreIDs
	for _, e := range other.entries {
		if e.key == key || t.open[e.key] == other {
			t.open[e.key] = m
		}
	}
	t.inherit(m, other)
	return true
}

// inherit moves over what was noted of a mail that is a part of another one now.
func (t *Tracker) inherit(m, other *Mail) {
	m.passed = append(m.passed, other.passed...)
	m.passed = m.passed[:min(len(m.passed), MaxDeliveries)]
	t.kept -= len(other.Deliveries)
	t.counted -= len(other.counted)
	for i := range other.Deliveries {
		t.note(m, &other.Deliveries[i])
	}
	t.keeping(m, func(room bool) {
		for _, who := range other.counted {
			m.countAs(who, room)
		}
	})
	m.From, m.Size, m.Count = cmp.Or(m.From, other.From), cmp.Or(m.Size, other.Size), cmp.Or(m.Count, other.Count)
	m.Held, m.Unclear = m.Held+other.Held, m.Unclear+other.Unclear
	m.last = later(m.last, other.last)
	m.MessageID, m.Subject = cmp.Or(m.MessageID, other.MessageID), cmp.Or(m.Subject, other.Subject)
	if other.how == Expired || other.how == Deleted || m.how == "" && other.how == Discarded {
		m.how = other.how
	}
	m.settle()
}

// delivered takes the line of one attempt.
func (t *Tracker) delivered(key string, m *Mail, l *maillog.Line, at time.Time) {
	d := Delivery{
		To: text(l.To), OrigTo: text(l.OrigTo), Relay: text(l.Relay.Name), Agent: agentOf(l), DSN: text(l.DSN), Status: l.Status, Outcome: l.Status.String(),
		Reply: text(l.Reply), Delay: text(l.Delay), At: at, Attempts: 1,
	}
	if l.Thrown() || len(l.Relay.Addr) > 0 && mayBeOurs(l) && l.SaysThrown() {
		d.Status = maillog.StatusDiscarded
		d.Outcome = d.Status.String()
	}
	if len(l.Relay.Addr) > 0 {
		d.Relay += "[" + text(l.Relay.Addr) + "]"
	}
	if next := t.after(m, l); next != "" {
		if t.open[next] != m {
			t.join(next, m)
		}
		if t.open[next] == m && next != key {
			t.keeping(m, func(bool) { m.pass(&d, string(l.Relay.Name) == "local") })
			return // what becomes of the recipient is told under the next ID
		}
	}
	t.note(m, &d)
	// Only a whole mail is given back by cleanup(8), before it is queued: nobody says that it was removed.
	if e := m.entry(key); strings.HasSuffix(string(l.Program), "/cleanup") && l.Status == maillog.StatusBounced && !e.sent && !e.left {
		t.end(key, m, "", at)
	}
}

// agentOf is the program that tried to deliver.
func agentOf(l *maillog.Line) string { return text(l.Program[bytes.LastIndexByte(l.Program, '/')+1:]) }

// end notes that a queue ID is out of the queue, and how; empty: as it was going to.
func (t *Tracker) end(key string, m *Mail, how End, at time.Time) {
	if (how == Refused || how == Abandoned) && len(m.entries) > 1 {
		how = "" // one of several tries to hand it back
	}
	if how != "" {
		m.how = how
	}
	t.leave(key, m, at)
}

// leave notes that a queue ID is out of the queue.
func (t *Tracker) leave(key string, m *Mail, at time.Time) {
	m.entry(key).left = true
	m.last = later(m.last, at)
	m.settle()
	t.done = append(t.done, ended{key, at})
}

// free makes room for another mail of the same queue ID. The mail that had it is handed out, unless it goes on as
// another ID.
func (t *Tracker) free(key string) {
	m := t.open[key]
	if m == nil {
		return
	}
	others := slices.ContainsFunc(m.entries, func(e entry) bool { return e.key != key && !e.left })
	if !others {
		t.drop(key)
		return
	}
	m.entry(key).left = true
	m.settle()
	delete(t.open, key)
}

// settled hands out what left the queue a while ago; with the zero time, everything that did.
func (t *Tracker) settled(now time.Time) {
	n := 0
	for ; n < len(t.done); n++ {
		d := t.done[n]
		if !now.IsZero() && now.Sub(d.at) < settle && len(t.done)-n < MaxOpen/10 {
			break
		}
		if m := t.open[d.key]; m != nil && !m.inQueue() && (now.IsZero() || !m.last.After(d.at)) {
			t.forget(m)
			t.out(m)
		}
	}
	t.done = t.done[n:]
	if len(t.old) > 2*len(t.open)+1000 { // keys that are gone
		t.old = slices.DeleteFunc(t.old, func(key string) bool { return t.open[key] == nil })
	}
}

// makeRoom hands out the oldest tenth, whatever became of it.
func (t *Tracker) makeRoom() {
	for n := 0; n < MaxOpen/10 && len(t.old) > 0; n++ {
		t.drop(t.old[0])
		t.old = t.old[1:]
	}
}

// drop hands out the mail of a key, as it is.
func (t *Tracker) drop(key string) {
	if m := t.open[key]; m != nil {
		t.forget(m)
		t.out(m)
	}
}

// forget frees every ID of a mail.
func (t *Tracker) forget(m *Mail) {
	t.kept -= len(m.Deliveries)
	t.counted -= len(m.counted)
	for _, e := range m.entries {
		if t.open[e.key] == m {
			delete(t.open, e.key)
		}
	}
}
