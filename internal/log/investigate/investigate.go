// Package investigate reads old mail logs and says what happened: who sent how much and from where, which accounts stand
// out and why, who guesses passwords, what the receivers refused, and what postward would have held, and at which mail.
//
// It is the same decision over old lines: each mail that an account sent is judged by guard as if every account that sent
// were allowed to, and nothing were known before the first line. A person is thought of who looks at what is held after
// some hours (see replay.go), and what receivers answered is told to the decision (answers.go). What the log does not say (texts, client programs) is not judged: the real postward knows more.
//
// A Report is bounded however long the log is: see the max constants. Of the house the package imports guard, message,
// and its neighbours maillog, delivery and unread.
package investigate

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postward/internal/guard/guess"
	"postward/internal/log/delivery"
	"postward/internal/log/logins"
	"postward/internal/log/maillog"
	"postward/internal/log/unread"
)

// Bounds of what is remembered; beyond them only the totals count.
const (
	maxAccounts  = 20_000
	maxGuessers  = 20_000
	maxReceivers = 2000
	maxSubjects  = 5
	maxHours     = 24 * 400
)

// Where answers to which network and country an address belongs.
type Where func(netip.Addr) (asn uint32, country string)

// Options say what to look at.
type Options struct {
	Now     time.Time // of the investigation: stamps without a year lie before it
	Since   time.Time // what came before is learned, as attach learns from old logs, and not reported; zero: nothing
	Account string    // only this one's mail; empty: all
	Where   Where     // may be nil
}

// Report is what was found. It is JSON as it is.
type Report struct {
	First   time.Time        `json:"first"` // the first line that was looked at
	Last    time.Time        `json:"last"`
	Lines   int64            `json:"lines"`
	Ours    int64            `json:"understood"`     // lines that were understood
	Unread  map[string]int64 `json:"not_understood"` // lines of programs that we know, by program
	NotRead []string         `json:"not_read"`       // what the caller could not read, or not to its end, and why
	Strange int64            `json:"unread_lines"`   // lines of mail programs whose header was not read
	Forms   []unread.Form    `json:"unread_forms"`   // those, by the form of their headers
	Mails   int64            `json:"mails"`          // all that entered the queue
	// Suppressed are lines that are not in the log, for journald left them out or cannot print them.
	Suppressed uint64   `json:"suppressed,omitempty"`
	Copies     []string `json:"copies,omitempty"` // addresses to which this server copies every mail: recipients of no account
	// Unchecked are logins that failed because the server that checks passwords was not there, or had trouble of its own.
	Unchecked int             `json:"unchecked_logins,omitempty"`
	Accounts  []*Account      `json:"accounts"`                        // those that stand out first, of these the hijacked ones, then by recipients
	Guessers  []*Guesser      `json:"guessers"`                        // most failures first
	Bans      []*guess.Ban    `json:"would_have_banned,omitempty"`     // in the order in which they would have been
	Replies   []*Receiver     `json:"receivers"`                       // most refusals first
	Relays    []*Relay        `json:"relayed_without_login,omitempty"` // most recipients first
	Hours     map[int64]*Hour `json:"hours"`                           // by hours since 1970
	accounts  map[string]*Account
	guessers  map[netip.Addr]*Guesser
	replies   map[string]*Receiver
}

// Account is what one account sent.
type Account struct {
	Name        string    `json:"name"`
	Mails       int       `json:"mails"`
	Recipients  int       `json:"recipients"`
	Delivered   int       `json:"delivered"` // recipients
	Bounced     int       `json:"bounced"`
	Discarded   int       `json:"discarded,omitempty"` // taken, and thrown away by this server or a filter of it
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Busiest     int       `json:"busiest_hour"` // recipients of its busiest hour
	Sources     []*Source `json:"sources"`      // those that sent most, the greatest first
	MoreSources int       `json:"more_sources,omitempty"`
	Wrong       int       `json:"failed_logins"`
	Stopped     *Stop     `json:"would_have_stopped,omitempty"`
	Cold        bool      `json:"cold,omitempty"`     // only held, and only on the log's first days, when nobody was known
	Subjects    []string  `json:"subjects,omitempty"` // some of what would have been stopped, when the log has them

	hour    int64
	count   int
	sources map[netip.Addr]*Source
	begun   time.Time // to write, as far as the whole log tells
	moved   bool      // it wrote before what is reported, and from none of the sources of which mail would have been kept
}

// Stop is what postward would have done about an account.
type Stop struct {
	Mail      int        `json:"mail"` // the number of the first mail that would have been held, from 1
	At        time.Time  `json:"at"`
	Why       string     `json:"why"`
	Held      int        `json:"held"`      // mails for a person
	Refused   int        `json:"refused"`   // mails after the account was stopped
	Passed    int        `json:"passed"`    // recipients that would have got a mail between the first and the last held one
	Contained time.Time  `json:"contained"` // when the account would have been stopped; zero: never
	Last      time.Time  `json:"last"`      // of the mails held or refused
	Source    netip.Addr `json:"source"`    // of the first one
}

// Hour is a slot of the timeline.
type Hour struct {
	Sent    int `json:"sent"`    // recipients of mail of accounts
	Stopped int `json:"stopped"` // those that postward would have held or refused
	Wrong   int `json:"wrong"`   // failed logins
}

// Investigation gathers a Report line by line.
type Investigation struct {
	options Options
	report  *Report
	tracker *delivery.Tracker
	arrived arrivals
	relays  relays
	sources int       // of all accounts
	start   time.Time // the first line of all, reported or not
	earlier map[string]*earlier
	names   names
	joiner  *logins.Joiner
	watch   *guess.Watch
	replay  *replay
	line    maillog.Line
	unread  unread.Lines
	last    time.Time
}

// New begins an investigation.
func New(o Options) *Investigation {
	i := &Investigation{options: o, replay: newReplay(), earlier: map[string]*earlier{}, names: names{}, joiner: logins.New(), watch: guess.New(), relays: newRelays(), arrived: arrivals{open: map[*delivery.Mail]*arrival{}}, report: &Report{
		Unread: map[string]int64{}, Hours: map[int64]*Hour{}, accounts: map[string]*Account{}, guessers: map[netip.Addr]*Guesser{}, replies: map[string]*Receiver{},
	}}
	if i.options.Where == nil {
		i.options.Where = func(netip.Addr) (uint32, string) { return 0, "" }
	}
	i.tracker = delivery.New(i.mail)
	i.tracker.OnBegin(i.began)
	return i
}

// Line takes a line of a file that was last changed at changed.
func (i *Investigation) Line(text []byte, changed time.Time) {
	i.report.Lines++
	l := &i.line
	maillog.Parse(text, l)
	switch {
	case l.Kind == maillog.Repeats:
		i.attempted(i.joiner.Line(text, l, i.last))
		return
	case l.Kind == maillog.Unknown:
		i.joiner.Line(text, l, i.last)
		i.unread.Note(text, l)
		i.leftOut(l, changed)
		return
	case !l.Kind.Understood():
		i.joiner.Line(text, l, i.last)
		i.report.Unread[base(l.Program)]++
		return
	}
	i.report.Ours++
	at := l.Stamp.Next(i.last, changed)
	i.last = at
	if i.start.IsZero() || at.Before(i.start) {
		i.start = at
	}
	if !at.Before(i.options.Since) {
		i.looked(at)
	}
	i.attempted(i.joiner.Line(text, l, at))
	i.tracker.Line(l, at)
	i.judgeArrived(at)
}

// looked notes that a line is in the report.
func (i *Investigation) looked(at time.Time) {
	if i.report.First.IsZero() || at.Before(i.report.First) {
		i.report.First = at
	}
	if at.After(i.report.Last) {
		i.report.Last = at
	}
}

// judgeArrived judges the mails that can be by now.
func (i *Investigation) judgeArrived(now time.Time) {
	for m := i.arrived.next(now); m != nil; m = i.arrived.next(now) {
		i.mailArrived(m)
	}
}

func base(program []byte) string {
	name := string(program[max(strings.LastIndexByte(string(program), '/')+1, 0):])
	return name[:min(len(name), 40)]
}

// Finish hands in what is left and returns the report.
func (i *Investigation) Finish() *Report {
	i.tracker.Flush()
	i.judgeArrived(i.last)
	r := i.report
	r.Copies = i.replay.copies.names()
	r.Strange, r.Forms = i.unread.Total(), i.unread.Forms()
	for _, g := range r.guessers {
		g.settle()
	}
	for name, a := range r.accounts {
		a.Wrong = i.names[name]
		a.Cold = a.Stopped != nil && a.Stopped.Contained.IsZero() && a.Stopped.Last.Sub(i.start) < firstDays
		a.settleSources()
		a.settleBegun(i.earlier[name])
	}
	if i.options.Account == "" {
		r.Relays = i.relays.settle(i.options.Where, i.relayed)
	}
	r.Accounts = slices.SortedFunc(maps.Values(r.accounts), func(a, b *Account) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.suspect(), a.suspect()), cmp.Compare(b.Recipients, a.Recipients), cmp.Compare(a.Name, b.Name))
	})
	r.Guessers = slices.SortedFunc(maps.Values(r.guessers), func(a, b *Guesser) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), a.Client.Compare(b.Client))
	})
	r.Replies = slices.SortedFunc(maps.Values(r.replies), func(a, b *Receiver) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(b.Taken, a.Taken), cmp.Compare(a.Domain, b.Domain))
	})
	return r
}

// Lost is how much of an account's mail would not have left: held, or refused after it was stopped.
func (a *Account) Lost() int {
	if a.Stopped == nil {
		return 0
	}
	return a.Stopped.Held + a.Stopped.Refused
}

func (i *Investigation) hour(at time.Time) *Hour {
	n := at.Unix() / 3600
	h := i.report.Hours[n]
	if h == nil {
		h = &Hour{}
		if len(i.report.Hours) < maxHours {
			i.report.Hours[n] = h
		}
	}
	return h
}

// mail takes a mail that has ended.
func (i *Investigation) mail(m *delivery.Mail) {
	past := m.Arrived.Before(i.options.Since)
	switch {
	case m.Queued() && !past:
		i.report.Mails++
		i.relays.note(m)
	case past && m.Account == "" && m.From != "":
		i.replay.came(m)
	}
	if !i.asked(m) {
		return
	}
	i.arrived.ended(m)
	i.replay.ended(m)
	if !m.Queued() || past {
		return
	}
	if a := i.account(m); a != nil {
		i.received(a, m)
	}
}

// account returns what is known of a mail's account; nil when there is no room for another one.
func (i *Investigation) account(m *delivery.Mail) *Account {
	a := i.report.accounts[m.Account]
	if a == nil && len(i.report.accounts) < maxAccounts {
		a = &Account{Name: m.Account, First: m.Arrived}
		i.report.accounts[m.Account] = a
	}
	return a
}

// mailArrived takes the next mail in the order of arrival.
func (i *Investigation) mailArrived(m *delivery.Mail) {
	if !m.Queued() {
		return
	}
	if m.Arrived.Before(i.options.Since) { // known from then on, and not reported
		i.replay.copies.take(m.Account, transaction(m))
		i.remembered(m)
		return
	}
	a := i.account(m)
	if a == nil {
		return
	}
	t := transaction(m)
	i.replay.copies.take(m.Account, t)
	n := len(t.Recipients) + t.MoreRecipients
	a.add(m, n)
	h := i.hour(m.Arrived)
	h.Sent += n
	kept := i.judge(a, m, t)
	i.source(a, m, n, kept)
	if kept {
		h.Stopped += n
		a.subject(m.Subject)
	}
}

func (a *Account) subject(s string) {
	if s != "" && len(a.Subjects) < maxSubjects && !slices.Contains(a.Subjects, s) {
		a.Subjects = append(a.Subjects, s)
	}
}

func (a *Account) add(m *delivery.Mail, recipients int) {
	a.Mails++
	a.Recipients += recipients
	if m.Arrived.Before(a.First) {
		a.First = m.Arrived
	}
	if m.Arrived.After(a.Last) {
		a.Last = m.Arrived
	}
	if hour := m.Arrived.Unix() / 3600; hour != a.hour {
		a.hour, a.count = hour, 0
	}
	a.count += recipients
	a.Busiest = max(a.Busiest, a.count)
}
