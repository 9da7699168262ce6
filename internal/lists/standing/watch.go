// Package standing is what is remembered of the server's standing: on which blocklists it is, and when each is asked again.
//
// A Watch is pure: it asks nobody. Due says what is to be asked now; whoever asks gives the answers to Take, which returns
// a Change when a list says something else than before. What a list refuses to say, or cannot be believed, changes nothing.
// Each pair of a list and a subject has a time of its own, jittered by a tenth, so that a list is not asked everything at
// once and not by everybody at the full hour.
//
// It imports dnsbl. Not safe for concurrent use.
package standing

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"postward/internal/lists/dnsbl"
)

// Every is how often a list is asked, Often how often while an incident is open.
const (
	Every = 3 * time.Hour
	Often = 15 * time.Minute
)

// lowest is the rank of influence from which on a list is watched: "low", some use it.
const lowest = 2

// maxPairs bounds what is watched.
const maxPairs = 4096

// maxSaid bounds what is kept of a list's words, in octets.
const maxSaid = 200

// Question is a list that is to be asked about a subject.
type Question struct {
	List    *dnsbl.List
	Subject dnsbl.Subject
}

func (q Question) key() string { return q.List.Name + " " + q.Subject.String() }

// Known is what is known of a pair.
type Known struct {
	List    string    `json:"list"`
	Subject string    `json:"subject"`
	Listed  bool      `json:"listed,omitempty"`
	Since   time.Time `json:"since,omitzero"`  // of the listing
	Codes   string    `json:"codes,omitempty"` // the answers that list it, in order
	Said    string    `json:"said,omitempty"`
	Asked   time.Time `json:"asked,omitzero"`
	Alerted bool      `json:"told,omitempty"`   // the owner was told of the listing as it is
	Silent  bool      `json:"silent,omitempty"` // it said nothing the last time
	// Ending: it said that the listing has ended, once. Some lists have servers that do not agree: it is asked again first.
	Ending bool `json:"ending,omitempty"`
}

// Change is a list that says something new.
type Change struct {
	Known
	Title string // of the list
}

// Watch is what is watched. The zero value watches nothing.
type Watch struct {
	questions []Question
	known     map[string]*Known
}

// New watches subjects on the lists that matter: blocklists that somebody uses, which asks says can be asked. A list whose
// data another one of them has too is not asked besides.
func New(lists []*dnsbl.List, subjects []dnsbl.Subject, asks func(*dnsbl.List) bool) *Watch {
	w := &Watch{known: map[string]*Known{}}
	matter := map[string]*dnsbl.List{}
	for _, l := range lists {
		if l.Role == dnsbl.Block && l.Influence.Level.Rank() >= lowest && asks(l) {
			matter[l.Name] = l
		}
	}
	for _, l := range lists {
		if matter[l.Name] == nil {
			continue
		}
		whole := matter[l.CountsAs]
		for _, s := range subjects {
			if l.Lists(s) && (whole == nil || !whole.Lists(s)) && len(w.questions) < maxPairs {
				w.questions = append(w.questions, Question{l, s})
			}
		}
	}
	return w
}

// Questions are all that is ever asked.
func (w *Watch) Questions() []Question { return slices.Clone(w.questions) }

// spread is the time over which the first questions go.
const spread = 10 * time.Second

// Due returns what is to be asked at a time; urgent says that an incident is open. What was never asked is due soon after
// begin, in a time of spread.
func (w *Watch) Due(now, begin time.Time, urgent bool) (due []Question) {
	every := Every
	if urgent {
		every = Often
	}
	for _, q := range w.questions {
		every := every
		at := begin.Add(jitter(q.key(), begin, spread))
		if k := w.known[q.key()]; k != nil && !k.Asked.IsZero() && !k.Asked.After(now) {
			if k.Silent || k.Ending {
				every = Often
			}
			at = k.Asked.Add(every - every/10 + jitter(q.key(), k.Asked, every/5))
		}
		if !now.Before(at) {
			due = append(due, q)
		}
	}
	return due
}

// jitter is a part of a range, always the same for a key and a time.
func jitter(key string, at time.Time, of time.Duration) time.Duration {
	h := fnv.New64a()
	fmt.Fprint(h, key, at.UnixNano())
	return time.Duration(h.Sum64() % uint64(of))
}

// Take notes an answer that came at a time, and returns the change, if it is one: the listing begins, has another reason
// (the list's codes are others: ZEN has PBL and XBL), or ends, said twice, or the list now lists everything.
func (w *Watch) Take(q Question, r *dnsbl.Result, now time.Time) *Change {
	k := w.known[q.key()]
	if k == nil {
		k = &Known{List: q.List.Name, Subject: q.Subject.String()}
		w.known[q.key()] = k
	}
	k.Asked, k.Silent = now, r.Outcome == dnsbl.Unknown
	sure := k.Ending
	if k.Ending = r.Outcome == dnsbl.Clear && k.Listed && !sure; k.Ending {
		return nil
	}
	switch codes := listing(r); {
	case r.Outcome == dnsbl.Listed && (!k.Listed || codes != k.Codes):
		if !k.Listed {
			k.Since = now
		}
		k.Listed, k.Codes, k.Said, k.Alerted = true, codes, words(r), false
	case k.Listed && (r.Outcome == dnsbl.Clear || r.Health == dnsbl.Everything): // what lists everything lists nobody
		k.Listed, k.Since, k.Codes, k.Said, k.Alerted = false, time.Time{}, "", "", false
	default:
		return nil
	}
	return &Change{*k, q.List.Title}
}

// listing are the answers that list, in order.
func listing(r *dnsbl.Result) string {
	var codes []string
	for _, s := range r.Said {
		if s.Listing {
			codes = append(codes, s.Answer)
		}
	}
	slices.Sort(codes)
	return strings.Join(codes, " ")
}

// words are what a list says of a listing.
func words(r *dnsbl.Result) string {
	var all []string
	for _, s := range r.Said {
		all = append(all, strings.TrimSpace(s.Answer+" "+s.Means))
	}
	if r.Reason != "" {
		all = append(all, r.Reason)
	}
	text := strings.Join(all, "; ")
	return strings.ToValidUTF8(text[:min(len(text), maxSaid)], "")
}

// Listed are the listings, the oldest first.
func (w *Watch) Listed() (all []Change) {
	for _, q := range w.questions {
		if k := w.known[q.key()]; k != nil && k.Listed {
			all = append(all, Change{*k, q.List.Title})
		}
	}
	slices.SortStableFunc(all, func(a, b Change) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.List, b.List)) })
	return all
}

// Alerted notes that the owner was told of a listing.
func (w *Watch) Alerted(c *Change) {
	if k := w.known[c.List+" "+c.Subject]; k != nil {
		k.Alerted = true
	}
}

// Save returns what is known, for Load.
func (w *Watch) Save() (string, error) {
	all := []*Known{}
	for _, q := range w.questions {
		if k := w.known[q.key()]; k != nil {
			all = append(all, k)
		}
	}
	text, err := json.Marshal(all)
	return string(text), err
}

// Load takes in what an earlier Watch had saved. What is not watched any more is forgotten.
func (w *Watch) Load(text string) error {
	var all []*Known
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return fmt.Errorf("read what the lists said: %w", err)
	}
	saved := map[string]*Known{}
	for _, k := range all {
		if k != nil {
			saved[k.List+" "+k.Subject] = k
		}
	}
	for _, q := range w.questions {
		if k := saved[q.key()]; k != nil {
			w.known[q.key()] = k
		}
	}
	return nil
}
