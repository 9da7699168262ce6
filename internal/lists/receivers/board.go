// Package receivers is what is remembered of those who take the server's mail: who accepts, who puts off, who refuses for what is
// thought of the server, since when, and whose mail caused it.
//
// A Board is a fold of what replies mean (package reply), one after the other in the order of the log. A spell of trouble begins with the
// first reply of its kind and ends with the first mail that is taken; trouble within a day of that is the same spell, so that
// who takes one mail of ten does not begin anew each time. What is about one mail, its content or its recipient, is counted and
// is no trouble of the server's. Of somebody whose hosts are not known nothing is remembered until he refuses.
//
// Pure: whoever calls gives the time. It imports reply and nothing else of the house. Not safe for concurrent use.
package receivers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"postward/internal/lists/reply"
)

// Bounds of what is remembered.
const (
	Days         = 30  // of which counts are kept
	maxReceivers = 200 // of more, who accepts and was in trouble longest ago is forgotten
	maxAccounts  = 8   // of a spell
	maxDomains   = 8   // of a receiver
	maxUnknown   = 100 // forms of replies that nothing matches
	sameSpell    = 24 * time.Hour
)

// State is how a receiver takes the server's mail.
type State string

// The states, each worse than the one before.
const (
	Accepting  State = "accepting"
	Throttling State = "throttling" // puts mail off for its rate or a reputation
	Refusing   State = "refusing"   // refuses mail for a reputation
	Blocking   State = "blocking"   // does not even let the server speak
)

var rank = map[State]int{Accepting: 0, Throttling: 1, Refusing: 2, Blocking: 3}

// Told is one reply, and what is known of its mail.
type Told struct {
	At      time.Time
	Parsed  *reply.Parsed
	Meaning *reply.Meaning
	Account string // who sent the mail; empty: nobody knows
	Domain  string // of the recipient
}

// Day counts the replies of a day (UTC).
type Day struct {
	Date     string `json:"date"`
	Accepted int    `json:"accepted"`
	Refused  int    `json:"refused"` // for good, and not for the recipient's sake
	Put      int    `json:"put_off"`
	Other    int    `json:"other"` // the recipient's own: no such address, a full mailbox
}

// Row is what is remembered of a receiver.
type Row struct {
	Receiver string         `json:"receiver"`
	Title    string         `json:"title"`
	State    State          `json:"state"`
	Since    time.Time      `json:"since,omitzero"` // of the state; of a spell its beginning
	Ended    time.Time      `json:"ended,omitzero"` // of the last spell: the first mail that was taken
	Lasted   string         `json:"lasted,omitempty"`
	Class    reply.Class    `json:"class,omitempty"` // of the worst reply of the spell
	Said     string         `json:"said,omitempty"`  // that reply: a stranger's text
	Means    string         `json:"means,omitempty"`
	Do       string         `json:"do,omitempty"`
	Link     string         `json:"link,omitempty"`
	Last     time.Time      `json:"last,omitzero"`      // when it said something
	Accounts map[string]int `json:"accounts,omitempty"` // whose mail the spell's replies were about
	Domains  []string       `json:"domains,omitempty"`  // recipients' domains that were put off or refused
	Days     []Day          `json:"days,omitempty"`     // the oldest first
	Advised  []string       `json:"advised,omitempty"`  // lines of Postfix's configuration, for who shows the row

	was   State     // before the spell ended
	began time.Time // the spell
}

// Change is a receiver whose state is another one.
type Change struct {
	Row
	Again bool          // it accepts again
	After time.Duration // so long after the spell began
}

// Board is who says what. The zero value is empty.
type Board struct {
	rows    map[string]*Row
	unknown map[string]*Unknown
}

// Take notes a reply, and returns the change, if it is one.
func (b *Board) Take(t *Told) *Change {
	m := t.Meaning
	if t.Parsed.Code == "" || m.Receiver == "" || m.ByText {
		return nil // nobody spoke, or nobody knows who
	}
	if m.Unknown() {
		b.collect(t)
	}
	r := b.row(t)
	if r == nil {
		return nil
	}
	r.Last = t.At
	r.count(t)
	if t.Parsed.Accepted() {
		return r.accept(t.At)
	}
	return r.trouble(t)
}

// row is the receiver's; nil when there is none and none is needed.
func (b *Board) row(t *Told) *Row {
	name := t.Meaning.Receiver
	if r := b.rows[name]; r != nil {
		return r
	}
	if t.Parsed.Accepted() && t.Meaning.Title == name || stateOf(t) == "" && t.Meaning.Title == name {
		return nil
	}
	if b.rows == nil {
		b.rows = map[string]*Row{}
	}
	if len(b.rows) >= maxReceivers {
		b.forget()
	}
	b.rows[name] = &Row{Receiver: name, Title: t.Meaning.Title, State: Accepting, Since: t.At}
	return b.rows[name]
}

// forget forgets who is in the least trouble, and of these who spoke longest ago.
func (b *Board) forget() {
	all := slices.Collect(maps.Values(b.rows))
	least := slices.MinFunc(all, func(x, y *Row) int {
		return cmp.Or(cmp.Compare(rank[x.State], rank[y.State]), x.Last.Compare(y.Last), cmp.Compare(x.Receiver, y.Receiver))
	})
	delete(b.rows, least.Receiver)
}

// stateOf is into which state a reply puts its receiver; empty: into none.
func stateOf(t *Told) State {
	class, final := t.Meaning.Class, t.Parsed.Code[0] == '5'
	switch {
	case class.Reputation() && final && t.Parsed.Command == "":
		return Blocking
	case class.Reputation() && final:
		return Refusing
	case class.Reputation() || class == reply.Rate && !final:
		return Throttling
	}
	return ""
}

// trouble notes a reply that refuses or puts off.
func (r *Row) trouble(t *Told) *Change {
	next := stateOf(t)
	if next == "" {
		return nil
	}
	if r.State == Accepting {
		r.begin(t.At)
	}
	r.blame(t)
	if rank[next] <= rank[r.State] {
		return nil
	}
	r.State, r.Class, r.Said, r.Means, r.Do, r.Link = next, t.Meaning.Class, t.Parsed.Text, t.Meaning.Means, t.Meaning.Do, cmp.Or(t.Meaning.Own, t.Meaning.Link)
	return &Change{Row: r.clone()}
}

// begin begins a spell, or goes on with the one that seemed to have ended.
func (r *Row) begin(at time.Time) {
	if !r.Ended.IsZero() && at.Sub(r.Ended) < sameSpell {
		r.State, r.Ended, r.Lasted = r.was, time.Time{}, ""
		r.Since = r.began
		return
	}
	r.Since, r.began, r.Ended, r.Lasted, r.Accounts, r.Domains = at, at, time.Time{}, "", nil, nil
}

// accept ends a spell.
func (r *Row) accept(at time.Time) *Change {
	if r.State == Accepting {
		return nil
	}
	after := at.Sub(r.Since)
	r.was, r.State, r.Since, r.Ended, r.Lasted = r.State, Accepting, at, at, Lasted(after)
	return &Change{Row: r.clone(), Again: true, After: after}
}

// blame notes whose mail, and to which domain, a reply was about.
func (r *Row) blame(t *Told) {
	if _, known := r.Accounts[t.Account]; t.Account != "" && (known || len(r.Accounts) < maxAccounts) {
		if r.Accounts == nil {
			r.Accounts = map[string]int{}
		}
		r.Accounts[t.Account]++
	}
	if t.Domain != "" && len(r.Domains) < maxDomains && !slices.Contains(r.Domains, t.Domain) {
		r.Domains = append(r.Domains, t.Domain)
	}
}

// count counts a reply for its day. What is stamped before the last day counts for that.
func (r *Row) count(t *Told) {
	date := t.At.UTC().Format(time.DateOnly)
	if n := len(r.Days); n == 0 || r.Days[n-1].Date < date {
		r.Days = append(r.Days, Day{Date: date})
	}
	oldest := t.At.UTC().AddDate(0, 0, 1-Days).Format(time.DateOnly)
	r.Days = slices.DeleteFunc(r.Days, func(d Day) bool { return d.Date < oldest })
	day := &r.Days[len(r.Days)-1]
	switch class := t.Meaning.Class; {
	case t.Parsed.Accepted():
		day.Accepted++
	case class == reply.User || class == reply.Mailbox:
		day.Other++
	case t.Parsed.Code[0] == '5':
		day.Refused++
	default:
		day.Put++
	}
}

// Share is how much of a day's mail was refused or put off, of what was not the recipient's own affair: 0 to 1.
func (d Day) Share() float64 {
	if all := d.Accepted + d.Refused + d.Put; all > 0 {
		return float64(d.Refused+d.Put) / float64(all)
	}
	return 0
}

// Lasted is a time in words: "34 days", "5 hours".
func Lasted(d time.Duration) string {
	n, unit := int(d/time.Minute), "minute"
	if d >= 48*time.Hour {
		n, unit = int(d/(24*time.Hour)), "day"
	} else if d >= 2*time.Hour {
		n, unit = int(d/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", max(n, 0), unit)
}

func (r *Row) clone() Row {
	c := *r
	c.Accounts, c.Domains, c.Days = maps.Clone(r.Accounts), slices.Clone(r.Domains), slices.Clone(r.Days)
	return c
}

// Rows are those that are remembered, the worst first.
func (b *Board) Rows() []Row {
	all := []Row{}
	for _, r := range b.rows {
		all = append(all, r.clone())
	}
	slices.SortFunc(all, func(x, y Row) int {
		return cmp.Or(cmp.Compare(rank[y.State], rank[x.State]), cmp.Compare(x.Receiver, y.Receiver))
	})
	return all
}

// saved is what Save writes.
type saved struct {
	Rows    []savedRow `json:"rows"`
	Unknown []*Unknown `json:"unknown"`
}

type savedRow struct {
	Row
	Was   State     `json:"was,omitempty"`
	Began time.Time `json:"began,omitzero"`
}

// Save returns what is remembered, for Load.
func (b *Board) Save() (string, error) {
	s := saved{Unknown: b.Unknown()}
	for _, r := range b.Rows() {
		s.Rows = append(s.Rows, savedRow{r, r.was, r.began})
	}
	text, err := json.Marshal(s)
	return string(text), err
}

// Load takes in what an earlier Board had saved.
func (b *Board) Load(text string) error {
	var s saved
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("read what receivers said: %w", err)
	}
	b.rows, b.unknown = map[string]*Row{}, map[string]*Unknown{}
	for _, x := range s.Rows[:min(len(s.Rows), maxReceivers)] {
		r := x.Row
		r.was, r.began = x.Was, x.Began
		b.rows[r.Receiver] = &r
	}
	for _, u := range s.Unknown[:min(len(s.Unknown), maxUnknown)] {
		if u != nil {
			b.unknown[form(u.Example)] = u
		}
	}
	return nil
}
