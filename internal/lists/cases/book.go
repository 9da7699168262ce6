package cases

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"postward/internal/lists/dnsbl"
)

// Bounds of what is kept.
const (
	maxCases = 400 // the oldest that have ended go first
	maxSaid  = 300 // octets of what a list says
)

// again is how soon after its end a listing counts as the same case: what it was for had not ended.
const again = 7 * 24 * time.Hour

// Outcome is how a case ended.
type Outcome string

// The outcomes.
const (
	Delisted Outcome = "delisted" // the list does not list it any more
	Closed   Outcome = "closed"   // a person closed it
)

// Request is that a person asked.
type Request struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// Case is one listing.
type Case struct {
	ID      int64  `json:"id"`
	List    string `json:"list,omitempty"`    // the list's name
	Subject string `json:"subject,omitempty"` // the address or domain that is listed
	Said    string `json:"said,omitempty"`    // in its own words

	Since    time.Time `json:"since"` // it lists since then
	Opened   time.Time `json:"opened"`
	Drafted  time.Time `json:"drafted,omitzero"` // the last draft; before the last request it counts no more
	Requests []Request `json:"requests,omitempty"`
	Denied   time.Time `json:"denied,omitzero"` // they said no, to the last request

	Ended   time.Time `json:"ended,omitzero"`
	Outcome Outcome   `json:"outcome,omitempty"`
	By      string    `json:"by,omitempty"`     // who closed it
	Still   bool      `json:"still,omitempty"`  // closed, and the list says the same since
	Again   int       `json:"again,omitempty"`  // how often it came back within a week of its end
	Between time.Time `json:"between,omitzero"` // when it had ended before it came back the last time
}

// Open reports whether the case goes on.
func (c *Case) Open() bool { return c.Ended.IsZero() }

func (c *Case) key() string { return c.List + " " + c.Subject }

// Listing is what a list says now.
type Listing struct {
	List    *dnsbl.List
	Subject string
	Since   time.Time
	Said    string
}

// Book is the cases. The zero value has none.
type Book struct {
	cases   []*Case // the oldest first
	last    int64
	changed bool
}

// Lists takes in all listings there are now: it opens cases for those that are new and ends those of lists that list nothing more. A list
// that is dead or none to be asked has no case. What ended less than a week ago is opened again.
func (b *Book) Lists(all []Listing, now time.Time) {
	there := map[string]bool{}
	for _, l := range all {
		if l.List.Role != dnsbl.Block || !l.List.Status.Asked() {
			continue
		}
		c := Case{List: l.List.Name, Subject: l.Subject, Said: l.Said, Since: l.Since}
		there[c.key()] = true
		b.open(c, now)
	}
	b.endOthers(there, now)
}

func (b *Book) open(c Case, now time.Time) {
	c.Said = c.Said[:min(len(c.Said), maxSaid)]
	at := slices.IndexFunc(b.cases, func(o *Case) bool {
		return o.key() == c.key() && (o.Open() || o.Still || o.Outcome != Closed && now.Sub(o.Ended) < again)
	})
	switch {
	case at >= 0 && b.cases[at].Still: // a person said that it is no case
		return
	case at < 0:
		b.last++
		c.ID, c.Opened = b.last, now
		b.cases = append(b.cases, &c)
		b.forget()
	case b.cases[at].Open() && b.cases[at].Said == c.Said:
		return
	default:
		b.cases[at].goesOn(&c, now)
	}
	b.changed = true
}

// goesOn takes in what is said now of a case that is open, or that comes back.
func (c *Case) goesOn(is *Case, now time.Time) {
	c.Said = is.Said
	if c.Open() {
		return
	}
	c.Between, c.Ended, c.Outcome, c.Since = c.Ended, time.Time{}, "", cmp.Or(is.Since, now)
	c.Again++
	c.Drafted, c.Denied = time.Time{}, time.Time{}
}

func (b *Book) endOthers(there map[string]bool, now time.Time) {
	for _, c := range b.cases {
		if there[c.key()] || !c.Open() && !c.Still {
			continue
		}
		if c.Open() {
			c.Ended, c.Outcome = now, Delisted
		}
		c.Still, b.changed = false, true
	}
}

// forget makes room: of cases that ended the oldest goes.
func (b *Book) forget() {
	if len(b.cases) <= maxCases {
		return
	}
	oldest := slices.IndexFunc(b.cases, func(c *Case) bool { return !c.Open() })
	b.cases = slices.Delete(b.cases, max(0, oldest), max(0, oldest)+1)
}

// ErrNone says that there is no open case of a number.
var ErrNone = errors.New("there is no open case of that number: postward case list")

// Drafted notes that a request was written for a person.
func (b *Book) Drafted(id int64, now time.Time) error {
	return b.note(id, func(c *Case) { c.Drafted = now })
}

// Requested notes that a person asked.
func (b *Book) Requested(id int64, by string, now time.Time) error {
	return b.note(id, func(c *Case) { c.Requests, c.Denied = append(c.Requests, Request{now, by}), time.Time{} })
}

// Denied notes that those who were asked said no.
func (b *Book) Denied(id int64, now time.Time) error {
	c, err := b.of(id)
	if err == nil && len(c.Requests) == 0 {
		return fmt.Errorf("case %d: nobody asked yet: tell of that first, postward case requested %[1]d", id)
	}
	return b.note(id, func(c *Case) { c.Denied = now })
}

// Close ends a case by a person's word. As long as the list says the same it is not opened again.
func (b *Book) Close(id int64, by string, now time.Time) error {
	return b.note(id, func(c *Case) { c.Ended, c.Outcome, c.By, c.Still = now, Closed, by, true })
}

func (b *Book) of(id int64) (*Case, error) {
	for _, c := range b.cases {
		if c.ID == id && c.Open() {
			return c, nil
		}
	}
	return nil, fmt.Errorf("case %d: %w", id, ErrNone)
}

func (b *Book) note(id int64, note func(*Case)) error {
	c, err := b.of(id)
	if err != nil {
		return err
	}
	note(c)
	b.changed = true
	return nil
}

// saved is the form in which a Book is kept.
type saved struct {
	Last  int64   `json:"last"`
	Cases []*Case `json:"cases"`
}

// Save is what Load takes; empty: nothing changed since.
func (b *Book) Save() (string, error) {
	if !b.changed {
		return "", nil
	}
	b.changed = false
	text, err := json.Marshal(saved{b.last, b.cases})
	return string(text), err
}

// Load takes what was saved.
func (b *Book) Load(text string) error {
	var s saved
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("read the cases: %w; they are opened anew", err)
	}
	s.Cases = slices.DeleteFunc(s.Cases, func(c *Case) bool { return c == nil })
	if len(s.Cases) > maxCases {
		return fmt.Errorf("read the cases: there are %d of them, and %d are kept; they are opened anew", len(s.Cases), maxCases)
	}
	b.cases, b.last = s.Cases, s.Last
	for _, c := range b.cases {
		b.last = max(b.last, c.ID)
	}
	return nil
}
