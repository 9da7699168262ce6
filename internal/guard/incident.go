package guard

import (
	"net/netip"
	"slices"
)

// IncidentStatus is how far an incident is.
type IncidentStatus string

const (
	IncidentOpen      IncidentStatus = "open"      // mail is held, the account may still send
	IncidentContained IncidentStatus = "contained" // the account's mail is refused
	IncidentClosed    IncidentStatus = "closed"
)

// Bounds of what an incident remembers one by one. The counts go on.
const (
	maxIncidentSources   = 64
	maxIncidentSentences = 16
)

// Incident is what happened to one account, from the first held mail until an operator closes it.
type Incident struct {
	ID        int64          `json:"id"`
	Account   string         `json:"account"`
	Status    IncidentStatus `json:"status"`
	Shadow    bool           `json:"shadow,omitempty"` // nothing was held: the subject was in shadow
	Opened    Time           `json:"opened"`
	Contained Time           `json:"contained,omitempty"`
	Many      bool           `json:"many,omitempty"`          // it was told that many mails are refused
	Elsewhere bool           `json:"elsewhere,omitempty"`     // mail from an unfamiliar source belongs to it
	Would     Time           `json:"would_contain,omitempty"` // the account would have been stopped, had containment been enforced
	Closed    Time           `json:"closed,omitempty"`
	By        string         `json:"by,omitempty"`      // who closed it
	Outcome   string         `json:"outcome,omitempty"` // released, closed
	Spam      bool           `json:"spam,omitempty"`    // an operator called it spam
	Evidence  Families       `json:"evidence"`
	First     Time           `json:"first"` // the first mail that belongs to it
	Last      Time           `json:"last"`  // the last one, refused ones included

	Held     int  `json:"held"`              // mails held, cooling ones that were kept or decided included
	Passed   int  `json:"passed"`            // mails from unfamiliar sources that passed in the day before it was opened, or since
	Stopped  int  `json:"stopped"`           // passed mails put on hold while they were queued
	Refused  int  `json:"refused"`           // mails refused since
	Left     int  `json:"left"`              // recipients whose servers took a mail of the incident before it was released
	LeftAt   Time `json:"left_at,omitempty"` // when the last of these was taken
	Freed    int  `json:"freed"`             // recipients whose servers took one after an operator let it go
	Released int  `json:"released"`          // mails that an operator let go
	Deleted  int  `json:"deleted"`           // mails that an operator deleted
	Before   int  `json:"before"`            // mails accepted (passed, cooling, held) before the account was contained

	Sources   []IncidentSource `json:"sources,omitempty"`
	Sentences []Sentence       `json:"sentences,omitempty"`
}

// IncidentSource is one source of an incident's mail.
type IncidentSource struct {
	Network  netip.Addr `json:"network,omitzero"`
	ASN      uint32     `json:"asn,omitempty"`
	Country  string     `json:"country,omitempty"`
	Level    Level      `json:"level"`
	Messages int        `json:"messages"`
	First    Time       `json:"first"`
	Last     Time       `json:"last"`
}

// Sentence is one reason in words.
type Sentence struct {
	At     Time   `json:"at"`
	Reason Reason `json:"reason"`
	Why    string `json:"why"`
	Times  int    `json:"times"` // how often the same reason came in a row
}

func (i *Incident) note(t *Transaction, v *Verdict, times int) {
	i.Evidence |= v.Evidence
	i.Elsewhere = i.Elsewhere || v.unfamiliar()
	i.Last = max(i.Last, t.At)
	i.noteSource(sourceOf(t), v.Level, t.At, times)
	if n := len(i.Sentences); n > 0 && i.Sentences[n-1].Reason == v.Reason {
		i.Sentences[n-1].Times += times
	} else if n < maxIncidentSentences {
		i.Sentences = append(i.Sentences, Sentence{t.At, v.Reason, v.Why, times})
	}
}

// noteCooled counts a mail that waited a little, and is a person's to decide now: its source too, or what came from
// there were less than what was held.
func (i *Incident) noteCooled(m *Mail) {
	i.Held++
	i.noteSource(m.Source, m.Level, m.At, 1)
}

func (i *Incident) noteSource(from source, level Level, at Time, times int) {
	for k := range i.Sources {
		if s := &i.Sources[k]; s.Network == from.Network {
			s.Messages, s.First, s.Last = s.Messages+times, min(s.First, at), max(s.Last, at)
			return
		}
	}
	if len(i.Sources) < maxIncidentSources {
		i.Sources = append(i.Sources, IncidentSource{from.Network, from.ASN, from.Country, level, times, at, at})
	}
}

// Clone returns a copy that shares nothing with i.
func (i *Incident) Clone() *Incident {
	c := *i
	c.Sources, c.Sentences = slices.Clone(i.Sources), slices.Clone(i.Sentences)
	return &c
}
