package proof

import (
	"log/slog"
	"strings"
	"time"

	"postward/internal/auth/mailauth"
	"postward/internal/guard"
)

// Ledger is where it is written down what was proved of each mail: the figures of today in memory, and a line a mail in a
// directory. It outlives a Prover. The lines are evidence for people and decide nothing: a crash may lose those of the last second.
type Ledger struct {
	today figures
	lines lines
}

// NewLedger writes into a directory, which is made when there is something to write.
func NewLedger(dir string, log *slog.Logger) *Ledger {
	return &Ledger{lines: lines{dir: dir, log: log}}
}

// Close writes down what is not yet.
func (l *Ledger) Close() { l.lines.flush() }

// Today are the figures of a day, by the clock of this host.
func (l *Ledger) Today(now time.Time) (in, out map[string]int) { return l.today.all(now) }

// Signed says how many mails an account sent today, and how many of them were signed.
func (l *Ledger) Signed(account string, now time.Time) (mails, signed int) {
	return l.today.signedOf(account, now)
}

// Record is what was proved of a mail, or what was signed of it.
type Record struct {
	At      time.Time    `json:"at"` // the end of the message
	QueueID string       `json:"queue_id"`
	Account string       `json:"account,omitempty"` // who sends it; empty: it comes from outside
	Action  guard.Action `json:"action"`

	// Of a mail from outside: the results that our Authentication-Results gives (RFC 8601 section 2.2), and what follows from them by
	// which rule. In shadow mode Action is to accept it all the same.
	Results     []string             `json:"results,omitempty"`
	Disposition mailauth.Disposition `json:"disposition,omitempty"`
	Rule        string               `json:"rule,omitempty"`

	// Of a mail of an account: its signatures ("example.org by pw20261130r"), or why it has none.
	Signed   []string `json:"signed,omitempty"`
	Unsigned string   `json:"unsigned,omitempty"`
}

// incoming writes down a mail from outside, what follows from its results and what was done.
func (l *Ledger) incoming(t *guard.Transaction, r *mailauth.Result, d mailauth.Disposition, action guard.Action, now time.Time) {
	l.today.count(r, d, action, now)
	l.lines.add(&Record{At: now, QueueID: t.QueueID, Action: action, Results: results(r.Add), Disposition: d, Rule: string(r.Why)})
}

// outgoing writes down a mail of an account.
func (l *Ledger) outgoing(t *guard.Transaction, account string, action guard.Action, signed []string, why string, now time.Time) {
	l.today.signed(account, len(signed), now)
	l.lines.add(&Record{At: now, QueueID: t.QueueID, Account: account, Action: action, Signed: signed, Unsigned: why})
}

// results are those of our field, without its folds: each begins a line in it.
func results(add string) (all []string) {
	for i, part := range strings.Split(add, ";\r\n\t") {
		if i > 0 { // the first is our own name
			all = append(all, strings.ReplaceAll(part, "\r\n\t", " "))
		}
	}
	return all
}
