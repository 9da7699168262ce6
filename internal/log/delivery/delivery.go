// Package delivery follows each mail through Postfix's log: who handed it in, under which queue IDs it lay in the queue,
// what became of it at each recipient, how it ended.
//
// A queue ID is a mail only for a while: Postfix uses short ones again. So a mail begins with the first line about an ID
// that is free, and ends with qmgr's "removed". One that smtpd had begun to take may also end before it was queued: a
// table or a milter refused it or threw it away, or its client broke off, which only the lines of that smtpd process
// tell (the next mail, or the end of the session, and no Message-ID was logged).
//
// One mail may have several IDs: postsuper -r gives it another, a content filter hands it back as another, local(8)
// forwards it as another, MailScanner takes it out of hold as another. These are one Mail here, and count once: they are known by "orig_id=", by the filter's
// "orig_queue_id=", and by the ID in the reply of who took it ("queued as", "forwarded as"). A filter that says none of
// these (one behind pipe(8), one that answers first and hands back later) makes two mails. Several hosts in one log are
// told apart, and several instances of Postfix on one by their syslog_name: one that begins with "postfix", or under
// which a program speaks that has no name of its own (maillog.Line.Instance).
//
// Lines may be missing or out of order: what is not told stays empty, and a mail whose end is missing is handed out when
// its ID is used again, when there is no room, or at the end. Nothing is guessed.
//
// Bounds: MaxOpen mails, MaxDeliveries recipients a mail and MaxKept of all, MaxIDs queue IDs a mail; beyond them recipients
// are counted, of the oldest mails first. Texts are cut to 256 octets. A Tracker is one goroutine's. The package must not
// import anything of the house but maillog and message.
package delivery

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postward/internal/log/maillog"
)

// Bounds.
const (
	MaxOpen       = 100_000
	MaxDeliveries = 1000
	MaxKept       = 200_000
	MaxIDs        = 16
	maxText       = 256
)

// Mail is what the log says of one mail.
type Mail struct {
	IDs       []string   `json:"queue_ids"`         // the first one first
	Account   string     `json:"account,omitempty"` // the login, or "uid:1000" for sendmail(1); empty for a stranger
	Client    netip.Addr `json:"client,omitzero"`   // who handed it in
	HostName  string     `json:"client_name,omitempty"`
	From      string     `json:"from"`                 // reverse-path; empty also when it was never told
	MessageID string     `json:"message_id,omitempty"` // brackets included
	Subject   string     `json:"subject,omitempty"`    // when header_checks(5) logs it (/^Subject:/ INFO)
	Size      int64      `json:"size,omitempty"`       // octets
	Count     int64      `json:"recipients,omitempty"` // recipients that were queued first
	Arrived   time.Time  `json:"arrived"`              // the first line about it
	Ended     time.Time  `json:"ended,omitzero"`       // out of the queue, under all of its IDs; zero: not seen
	End       End        `json:"end,omitempty"`        // empty: as long as Ended is zero
	Held      int        `json:"held,omitempty"`       // times it was put on hold
	InHold    bool       `json:"in_hold,omitempty"`    // now
	NoticeOf  string     `json:"notice_of,omitempty"`  // the queue ID of the mail that this is a bounce or warning about
	Begun     bool       `json:"begun"`                // its first line was how mail begins: nothing before it is missing

	Deliveries []Delivery `json:"deliveries,omitempty"`     // one a recipient: the last attempt
	More       int        `json:"more,omitempty"`           // further recipients, of whom nothing is kept
	Named      []string   `json:"named,omitempty"`          // recipients whom a line names that is not about an attempt: of a mail on hold none else does
	Refused    []Refusal  `json:"refused,omitempty"`        // recipients whom this host refused, of a mail that went on without them; at most maxNamed
	Why        string     `json:"why,omitempty"`            // what was said when it was put on hold, refused or thrown away, or its client broke off
	Unclear    int        `json:"unclear,omitempty"`        // attempts that the log tells of in words that can be read in two ways
	MoreIDs    int        `json:"more_queue_ids,omitempty"` // further queue IDs, between the first and the others

	entries []entry   // one for each of IDs
	how     End       // how it will have ended
	last    time.Time // when an ID left the queue
	passed  []passed
	counted []uint64 // of More: who they are, sorted (see count.go)
	thin    bool     // nothing more is kept of recipients
}

// NoQueue stands where a mail has no queue ID.
const NoQueue = "NOQUEUE"

// End is how a mail left the queue.
type End string

const (
	Removed   End = "removed"   // every recipient is done with
	Expired   End = "expired"   // too old: given back to its sender
	Deleted   End = "deleted"   // by the operator
	Refused   End = "refused"   // by this host, after a recipient had been taken: its client was told so, it was never queued
	Discarded End = "discarded" // by a table or a milter: its client was told that it was taken
	Abandoned End = "abandoned" // its client broke off before its end: it was never queued
)

// Delivery is what became of a mail at one recipient.
type Delivery struct {
	To       string         `json:"to"`                // as it was expanded
	OrigTo   string         `json:"orig_to,omitempty"` // as it was given, if that differs
	Relay    string         `json:"relay,omitempty"`   // name and address of who took or refused it
	Agent    string         `json:"agent,omitempty"`   // the program that tried: smtp, lmtp, local, …
	DSN      string         `json:"dsn,omitempty"`     // enhanced status code, RFC 3463
	Status   maillog.Status `json:"-"`
	Outcome  string         `json:"status"` // "sent", "deferred", "bounced", …
	Reply    string         `json:"reply,omitempty"`
	Delay    string         `json:"delay,omitempty"` // seconds since it arrived
	At       time.Time      `json:"at"`
	Attempts int            `json:"attempts"`
	Copies   int            `json:"copies,omitempty"` // of one name, if there are several: an alias with many mailboxes, files and commands
}

// Refusal is a recipient whom this host refused, of a mail that went on without it.
type Refusal struct {
	To  string    `json:"to"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

// Name is the recipient as he was given: what a milter was told, if it is a whole address.
func (d *Delivery) Name() string { return cmp.Or(d.OrigTo, d.To) }

// Said reports whether Reply has the words of a server elsewhere, and not those of this site: of its own smtp(8), as "TLS is
// required, but was not offered by host", or of a content filter.
func (d *Delivery) Said() bool {
	return d.Reached() && !d.Near() && (strings.Contains(d.Reply, " said: ") || strings.Contains(d.Reply, " refused to talk to me: "))
}

// Reached reports whether a server was, that is none of this host's: what it answered is its own.
func (d *Delivery) Reached() bool {
	_, addr, found := strings.Cut(d.Relay, "[")
	return found && !strings.Contains(addr, "/") && d.Agent != "lmtp"
}

// Near reports whether the server that was reached is this host or of a private network.
func (d *Delivery) Near() bool {
	_, addr, _ := strings.Cut(d.Relay, "[")
	a := address([]byte(strings.TrimSuffix(addr, "]")))
	return a.IsValid() && near(a)
}

// entry is one queue ID of a mail.
type entry struct {
	key    string     // of the Tracker
	by     string     // the first part of the syslog_name that began it
	client netip.Addr // who handed it in
	left   bool       // it is not in the queue any more, or never was
	hold   bool
	handed bool // by smtpd: that it is refused was told to a client
	told   bool // its Message-ID was logged
	sent   bool // qmgr took it
}

// passed is a recipient whom a content filter took and gave back: the alias that he was named by is told in front of the
// filter only, and so is an attempt that the filter put off.
type passed struct {
	to, orig string
	attempts int
}

// Queued reports whether it was ever queued: not if it was refused, or broken off by its client, before that.
func (m *Mail) Queued() bool { return m.End != Refused && m.End != Abandoned }

// Told reports whether it is known for whom it is: each recipient had an attempt, or it is over.
func (m *Mail) Told() bool {
	return !m.Ended.IsZero() || m.Count > 0 && int64(len(m.Deliveries)+m.More) >= m.Count
}

// inQueue reports whether any of its queue IDs is in the queue.
func (m *Mail) inQueue() bool {
	return slices.ContainsFunc(m.entries, func(e entry) bool { return !e.left })
}

func (m *Mail) entry(key string) *entry {
	for i := range m.entries {
		if m.entries[i].key == key {
			return &m.entries[i]
		}
	}
	return &entry{} // not one of its own: nobody sees what is noted
}

// settle writes what follows from the entries into what is public.
func (m *Mail) settle() {
	m.Ended, m.End = time.Time{}, ""
	m.InHold = slices.ContainsFunc(m.entries, func(e entry) bool { return e.hold && !e.left })
	if m.inQueue() {
		return
	}
	m.Ended, m.End = m.last, m.how
	if m.End == "" {
		m.End = Removed
	}
}

// sender takes the reverse-path of a line that has it. Of a mail that qmgr has not seen, none else tells.
func (m *Mail) sender(l *maillog.Line) {
	if m.From == "" {
		m.From = text(l.From)
	}
}

// maxNamed bounds the recipients of Mail.Named.
const maxNamed = 8

// because keeps whom a line names that decides about a mail, and what it says.
func (m *Mail) because(l *maillog.Line) {
	if to := text(l.To); to != "" && len(m.Named) < maxNamed && !slices.Contains(m.Named, to) {
		m.Named = append(m.Named, to)
	}
	m.Why = whyOf(l)
}

// whyOf is what a line says that decides about a mail or a recipient.
func whyOf(l *maillog.Line) string {
	words := strings.Join(slices.DeleteFunc([]string{string(l.Code), string(l.DSN), text(l.Reply)}, func(s string) bool { return s == "" }), " ")
	switch l.Kind {
	case maillog.Lost:
		words = "after " + string(l.Stage)
	case maillog.QueueTrouble:
		return words
	}
	if len(l.Rule) > 0 {
		words = text(l.Rule)
	}
	return text([]byte(string(l.Action) + ": " + words))
}

// refuse keeps a recipient whom this host refused, while the mail goes on.
func (m *Mail) refuse(l *maillog.Line, at time.Time) {
	if to := text(l.To); to != "" && len(m.Refused) < maxNamed {
		m.Refused = append(m.Refused, Refusal{to, whyOf(l), at})
	}
}

// hold notes that it was put on hold, or taken off.
func (m *Mail) hold(key string, on bool) {
	e := m.entry(key)
	if on && !e.hold {
		m.Held++
	}
	e.hold = on
	m.settle()
}

// note keeps the last attempt for a recipient.
func (m *Mail) note(d *Delivery, room bool) {
	if i := slices.IndexFunc(m.passed, func(p passed) bool { return p.to == d.To && d.OrigTo == "" }); i >= 0 {
		d.OrigTo = m.passed[i].orig
		d.Attempts += m.passed[i].attempts
		m.passed[i].attempts = 0
	}
	i := slices.IndexFunc(m.Deliveries, func(x Delivery) bool { return x.To == d.To && x.OrigTo == d.OrigTo })
	switch {
	case i >= 0:
		m.Deliveries[i].again(d)
	case m.thin || len(m.Deliveries) >= MaxDeliveries:
		m.count(d, room)
	default:
		m.Deliveries = append(m.Deliveries, *d)
	}
}

// again notes a further line about a recipient: another attempt if the last one was put off, else another copy that goes by the
// same name. The worse of their ends is kept, for that is what somebody asks about.
func (d *Delivery) again(next *Delivery) {
	attempts, copies := d.Attempts+next.Attempts, d.Copies
	if d.Status != maillog.StatusDeferred {
		attempts, copies = max(d.Attempts, next.Attempts), max(copies, 1)+1
		if next.Status == maillog.StatusSent {
			next = d
		}
	}
	*d = *next
	d.Attempts, d.Copies = attempts, copies
}

// pass notes that a recipient's copy goes on under the next ID. What becomes of it is told there, or has been already.
// local(8) forwards to others, and they are told with their alias; a filter gives back the same recipients.
func (m *Mail) pass(d *Delivery, forwarded bool) {
	p := passed{to: d.To, orig: d.OrigTo}
	if i := slices.IndexFunc(m.Deliveries, func(x Delivery) bool {
		return x.To == d.To && x.OrigTo == d.OrigTo && x.Status == maillog.StatusDeferred
	}); i >= 0 && (forwarded || d.OrigTo != "") {
		p.attempts = m.Deliveries[i].Attempts
		m.Deliveries = slices.Delete(m.Deliveries, i, i+1)
	}
	if forwarded || d.OrigTo == "" || len(m.passed) >= MaxDeliveries {
		return
	}
	for i := range m.Deliveries {
		if told := &m.Deliveries[i]; told.To == d.To && told.OrigTo == "" {
			told.OrigTo = p.orig
			told.Attempts += p.attempts
			p.attempts = 0
		}
	}
	m.passed = append(m.passed, p)
}
