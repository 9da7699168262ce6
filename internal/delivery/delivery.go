// Package delivery follows each mail through Postfix's log: who handed it in, under which queue IDs it lay in the queue,
// what became of it at each recipient, how it ended.
//
// A queue ID is a mail only for a while: Postfix uses short ones again. So a mail begins with the first line about an ID
// that is free, and ends with qmgr's "removed". One mail may have several IDs: postsuper -r gives it another, a content
// filter hands it back as another, local(8) forwards it as another. These are one Mail here, and count once: they are
// known by "orig_id=", by the filter's "orig_queue_id=", and by the ID in the reply of who took it ("queued as",
// "forwarded as"). Several instances of Postfix in one log are told apart by their syslog_name, where it begins with
// "postfix".
//
// Lines may be missing or out of order: what is not told stays empty, and a mail whose end is missing is handed out when
// its ID is used again, when there is no room, or at the end. Nothing is guessed.
//
// Bounds: MaxOpen mails, MaxDeliveries recipients a mail, MaxIDs queue IDs a mail; texts are cut to 256 octets. A Tracker
// is one goroutine's. The package must not import anything of the house but maillog.
package delivery

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/maillog"
)

// Bounds.
const (
	MaxOpen       = 100_000
	MaxDeliveries = 1000
	MaxIDs        = 16
	maxText       = 256
)

// Mail is what the log says of one mail.
type Mail struct {
	IDs       []string   `json:"queue_ids"`         // the first one first
	Account   string     `json:"account,omitempty"` // the login, or "uid:1000" for sendmail(1); empty for a stranger
	Client    netip.Addr `json:"client,omitzero"`   // who handed it in
	HostName  string     `json:"client_name,omitempty"`
	From      string     `json:"from"`                 // reverse-path
	MessageID string     `json:"message_id,omitempty"` // brackets included
	Size      int64      `json:"size,omitempty"`       // octets
	Count     int64      `json:"recipients,omitempty"` // recipients that were queued first
	Arrived   time.Time  `json:"arrived"`              // the first line about it
	Ended     time.Time  `json:"ended,omitzero"`       // out of the queue; zero: not seen
	End       End        `json:"end,omitempty"`
	Held      int        `json:"held,omitempty"`      // times it was put on hold
	NoticeOf  string     `json:"notice_of,omitempty"` // the queue ID of the mail that this is a bounce or warning about
	Begun     bool       `json:"begun"`               // its first line was how mail begins: nothing before it is missing

	Deliveries []Delivery `json:"deliveries,omitempty"` // one a recipient: the last attempt
	More       int        `json:"more,omitempty"`       // recipients beyond MaxDeliveries

	open int      // queue IDs that are in the queue
	keys []string // of the Tracker, one for each of IDs
}

// End is how a mail left the queue.
type End string

const (
	Removed End = "removed" // every recipient is done with
	Expired End = "expired" // too old: given back to its sender
	Deleted End = "deleted" // by the operator
)

// Delivery is what became of a mail at one recipient.
type Delivery struct {
	To       string         `json:"to"`                // as it was expanded
	OrigTo   string         `json:"orig_to,omitempty"` // as it was given, if that differs
	Relay    string         `json:"relay,omitempty"`   // name and address of who took or refused it
	DSN      string         `json:"dsn,omitempty"`     // enhanced status code, RFC 3463
	Status   maillog.Status `json:"-"`
	Outcome  string         `json:"status"` // "sent", "deferred", "bounced", …
	Reply    string         `json:"reply,omitempty"`
	Delay    string         `json:"delay,omitempty"` // seconds since it arrived
	At       time.Time      `json:"at"`
	Attempts int            `json:"attempts"`
}

// settle is how long a mail that left the queue is kept for lines that were written late: who took it as another ID
// says so after that ID may have left already.
const settle = 5 * time.Second

// Tracker joins the lines of each mail.
type Tracker struct {
	out  func(*Mail)
	open map[string]*Mail // by instance and queue ID, in the queue or just out of it
	done []ended          // out of the queue, oldest first
	old  []string         // keys in the order in which they came, for want of room
}

type ended struct {
	key string
	at  time.Time
}

// New returns a Tracker that hands each mail out once, when it has ended.
func New(out func(*Mail)) *Tracker {
	return &Tracker{out: out, open: map[string]*Mail{}}
}

// Line takes a line that was written at a time. Lines that are not about a mail are nothing to it.
func (t *Tracker) Line(l *maillog.Line, at time.Time) {
	t.settled(at)
	if len(l.QueueID) == 0 {
		return
	}
	key := keyOf(l.Program, string(l.QueueID))
	switch l.Kind {
	case maillog.PickedUp, maillog.Client:
		t.begin(key, l, at)
	case maillog.MessageID:
		m := t.get(key, l, at)
		m.MessageID = text(l.MessageID)
	case maillog.Active:
		m := t.get(key, l, at)
		if m.Count == 0 {
			m.From, m.Size, m.Count = text(l.From), l.Size, l.Recipients
		}
	case maillog.Delivery:
		t.delivered(key, t.get(key, l, at), l, at)
	case maillog.Notice:
		notice := t.get(keyOf(l.Program, string(l.OtherID)), l, at)
		notice.NoticeOf, notice.Begun = string(l.QueueID), true
	case maillog.Held, maillog.MilterHold, maillog.Hold:
		t.get(key, l, at).Held++
	case maillog.Expired:
		t.get(key, l, at).End = Expired
	case maillog.Deleted:
		m := t.get(key, l, at)
		m.End = Deleted
		t.end(key, m, at)
	case maillog.Removed:
		t.end(key, t.get(key, l, at), at)
	}
}

// Flush hands out everything that is left.
func (t *Tracker) Flush() {
	t.settled(time.Time{})
	for _, key := range t.old {
		t.drop(key)
	}
	t.old, t.done = nil, nil
}

// Open returns the mails that are in the queue, in no order.
func (t *Tracker) Open() []*Mail {
	var mails []*Mail
	for key, m := range t.open {
		if m.open > 0 && key == m.keys[0] {
			mails = append(mails, m)
		}
	}
	return mails
}

// begin takes the line that says who hands a mail in.
func (t *Tracker) begin(key string, l *maillog.Line, at time.Time) {
	if l.OtherID != nil { // requeued, or handed back by a filter: the same mail
		if m := t.open[keyOf(l.Program, string(l.OtherID))]; m != nil {
			t.join(key, m)
			return
		}
	}
	if m := t.open[key]; m != nil && (m.Begun || m.Count > 0) { // the ID is used again
		t.drop(key)
	}
	m := t.get(key, l, at)
	m.Begun = true
	if l.Kind == maillog.PickedUp {
		m.Account, m.From = "uid:"+strconv.FormatInt(l.UID, 10), text(l.From)
		return
	}
	m.Account, m.HostName = strings.ToLower(text(l.SASLUsername)), text(l.Client.Name)
	m.Client = address(l.Client.Addr)
	if l.Origin.Addr != nil { // a filter says for whom it hands the mail back
		m.Client, m.HostName = address(l.Origin.Addr), text(l.Origin.Name)
	}
}

// get returns the mail of a key, begun if there is none.
func (t *Tracker) get(key string, l *maillog.Line, at time.Time) *Mail {
	if m := t.open[key]; m != nil {
		return m
	}
	if len(t.open) >= MaxOpen {
		t.makeRoom()
	}
	m := &Mail{IDs: []string{keyID(key)}, keys: []string{key}, Arrived: at, open: 1}
	t.open[key] = m
	t.old = append(t.old, key)
	return m
}

// join makes a queue ID another one of a mail. What was noted under it moves over.
func (t *Tracker) join(key string, m *Mail) {
	other := t.open[key]
	if other == m || len(m.IDs) >= MaxIDs {
		return
	}
	m.IDs, m.keys = append(m.IDs, keyID(key)), append(m.keys, key)
	if other == nil {
		m.open++
	} else {
		m.open += other.open
		for i := range other.Deliveries {
			m.note(&other.Deliveries[i])
		}
		m.Ended = later(m.Ended, other.Ended)
	}
	if _, known := t.open[key]; !known {
		t.old = append(t.old, key)
	}
	t.open[key] = m
}

// delivered takes the line of one attempt.
func (t *Tracker) delivered(key string, m *Mail, l *maillog.Line, at time.Time) {
	d := Delivery{
		To: text(l.To), OrigTo: text(l.OrigTo), Relay: text(l.Relay.Name), DSN: text(l.DSN), Status: l.Status, Outcome: l.Status.String(),
		Reply: text(l.Reply), Delay: text(l.Delay), At: at, Attempts: 1,
	}
	if len(l.Relay.Addr) > 0 {
		d.Relay += "[" + text(l.Relay.Addr) + "]"
	}
	if id := takenAs(l); id != "" {
		other := keyOf(l.Program, id)
		next := t.open[other]
		if next != nil && next != m && next.Account == "" && !next.Arrived.Before(m.Arrived) {
			t.join(other, m)
			next = m
		}
		if next == m && other != key {
			return // what becomes of the recipient is told under the next ID
		}
	}
	m.note(&d)
}

// note keeps the last attempt for a recipient.
func (m *Mail) note(d *Delivery) {
	i := slices.IndexFunc(m.Deliveries, func(x Delivery) bool { return x.To == d.To && x.OrigTo == d.OrigTo })
	switch {
	case i >= 0:
		attempts := m.Deliveries[i].Attempts + d.Attempts
		m.Deliveries[i] = *d
		m.Deliveries[i].Attempts = attempts
	case len(m.Deliveries) >= MaxDeliveries:
		m.More++
	default:
		m.Deliveries = append(m.Deliveries, *d)
	}
}

// end notes that a queue ID left the queue.
func (t *Tracker) end(key string, m *Mail, at time.Time) {
	m.open--
	m.Ended = later(m.Ended, at)
	if m.End == "" {
		m.End = Removed
	}
	t.done = append(t.done, ended{key, at})
}

// settled hands out what left the queue a while ago; with the zero time, everything that did.
func (t *Tracker) settled(now time.Time) {
	n := 0
	for ; n < len(t.done); n++ {
		d := t.done[n]
		if !now.IsZero() && now.Sub(d.at) < settle && len(t.done)-n < MaxOpen/10 {
			break
		}
		if m := t.open[d.key]; m != nil && m.open <= 0 {
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
	for _, key := range m.keys {
		if t.open[key] == m {
			delete(t.open, key)
		}
	}
}
