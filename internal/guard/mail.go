package guard

import "slices"

// MailStatus is where a mail stands that is followed, as far as postward knows.
type MailStatus string

const (
	MailPassed    MailStatus = "passed"    // in Postfix's queue, or on its way
	MailCooling   MailStatus = "cooling"   // held, to be released by postward itself
	MailHeld      MailStatus = "held"      // held, to be released by a person
	MailReleasing MailStatus = "releasing" // released by decision, not yet known to be done
	MailReleased  MailStatus = "released"  // out of hold, on its way
	MailDeleting  MailStatus = "deleting"  // to be deleted by an operator's word
	MailStopping  MailStatus = "stopping"  // had passed or cooled, to be held again because the account was contained
	MailRemoved   MailStatus = "removed"   // out of the queue; remembered for a day because its source was unfamiliar
	MailForeign   MailStatus = "foreign"   // held by somebody else since: shown, never touched
)

// Mail is a mail of an account, or one from outside that is held, from its verdict until it is out of Postfix's queue.
type Mail struct {
	ID          string     `json:"id"` // Transaction.ID
	QueueID     string     `json:"queue_id,omitempty"`
	Account     string     `json:"account"` // empty: it came from outside
	Status      MailStatus `json:"status"`
	At          Time       `json:"at"`                   // when it was judged
	MailAt      Time       `json:"mail_at"`              // when MAIL was said
	LinesFrom   Time       `json:"lines_from,omitempty"` // the clock was set back since: log lines from here on are about it
	ReleaseAt   Time       `json:"release_at,omitempty"`
	Incident    int64      `json:"incident,omitempty"`
	ReversePath string     `json:"reverse_path"`
	Subject     string     `json:"subject,omitempty"`
	MessageID   string     `json:"message_id,omitempty"`
	First       string     `json:"first,omitempty"`    // its first recipient
	Envelope    []uint32   `json:"envelope,omitempty"` // its recipients as its client named them, by a part of their hashes, sorted
	Recipients  int        `json:"recipients"`
	Reason      Reason     `json:"reason"`
	Why         string     `json:"why,omitempty"`

	Level       Level    `json:"level"`
	Lent        bool     `json:"lent,omitempty"`    // as in Verdict
	Strange     bool     `json:"strange,omitempty"` // likewise
	Budget      Tier     `json:"budget,omitempty"`  // likewise
	New         int      `json:"new,omitempty"`
	Staff       int      `json:"staff,omitempty"` // likewise
	Known       int      `json:"known,omitempty"`
	Gained      Points   `json:"gained,omitempty"` // what its account gathered for it
	Source      source   `json:"source"`
	Fingerprint uint64   `json:"fingerprint,omitempty"`
	Teach       []uint64 `json:"teaches,omitempty"` // recipients that become known when it is let go
	Unkeyed     []uint64 `json:"teach,omitempty"`   // the same as the first release wrote them
	Wrote       []writer `json:"wrote,omitempty"`   // those of its recipients who had written to the account
	Crowded     bool     `json:"crowded,omitempty"` // who had written then is not known
	Left        []uint64 `json:"left,omitempty"`    // recipients whose servers took it
	Bounced     []uint64 `json:"bounced,omitempty"` // recipients whose servers refused it for good
	RemovedAt   Time     `json:"removed_at,omitempty"`
	Holds       int      `json:"holds,omitempty"`      // "placed on hold" lines that our own acts will write
	HoldLines   []string `json:"hold_lines,omitempty"` // keys of such lines that were seen, at most maxHoldLines
	ByHand      bool     `json:"by_hand,omitempty"`    // released by an operator
	FreedWith   int64    `json:"freed_with,omitempty"` // the incident that it was released with, and does not belong to
	Unlearned   bool     `json:"unlearned,omitempty"`  // a lock in shadow would have stopped it: it teaches nothing
}

// maxHoldLines bounds how often one mail is seen put on hold. Nobody does that by hand.
const maxHoldLines = 16

// Waiting reports whether the mail lies in Postfix's hold queue by postward's verdict.
func (m *Mail) Waiting() bool { return m.Status == MailCooling || m.Status == MailHeld }

// unfamiliar reports whether the mail came from a source of which the account knew nothing but its country.
func (m *Mail) unfamiliar() bool { return m.Level <= LevelCountry || m.Lent }

func (m *Mail) tier() Tier { return m.Budget.or(m.Level) }

// Clone returns a copy that shares nothing with m.
func (m *Mail) Clone() *Mail {
	c := *m
	c.Teach, c.Unkeyed = slices.Clone(m.Teach), slices.Clone(m.Unkeyed)
	c.Wrote, c.Envelope = slices.Clone(m.Wrote), slices.Clone(m.Envelope)
	c.Left, c.Bounced, c.HoldLines = slices.Clone(m.Left), slices.Clone(m.Bounced), slices.Clone(m.HoldLines)
	return &c
}

func mailOf(t *Transaction, v *Verdict) *Mail {
	m := &Mail{
		ID: t.ID, QueueID: t.QueueID, Account: v.Account, Status: MailPassed, At: t.At, MailAt: t.MailAt,
		ReleaseAt: v.ReleaseAt, ReversePath: t.ReversePath, Subject: t.Subject, MessageID: t.MessageID,
		Recipients: t.RecipientCount(), Reason: v.Reason, Why: v.Why,
		Level: v.Level, Lent: v.Lent, Strange: v.Strange, Budget: v.Budget, New: v.New, Staff: v.Staff, Known: v.Known, Source: sourceOf(t), Fingerprint: t.Fingerprint,
	}
	if len(t.Recipients) > 0 {
		m.First = t.Recipients[0]
	}
	return m
}
