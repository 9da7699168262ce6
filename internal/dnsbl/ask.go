package dnsbl

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"postward/internal/dns"
)

// Bounds of a reason, and of how many lists are asked at once.
const (
	maxReason = 300
	maxTexts  = 3
	maxAsked  = 128
)

// Result is a list's word about a subject, and how far it can be believed. Every text in it is plain and harmless
// on a terminal; whoever makes HTML of it escapes it.
type Result struct {
	List    string    `json:"list"`
	Role    Role      `json:"role"`
	Zone    string    `json:"zone,omitempty"` // as it was asked, with {key} in a key's place
	Subject string    `json:"subject"`
	Outcome Outcome   `json:"outcome"`
	Said    []Said    `json:"said,omitempty"`
	Reason  string    `json:"reason,omitempty"` // the list's own text, only when listed
	Why     string    `json:"why,omitempty"`    // for every outcome but listed and clear
	Health  Condition `json:"health,omitempty"` // empty when not asked
	At      time.Time `json:"at"`
}

// Ask asks l about s. It returns when the context ends at the latest. The list's health and the subject are asked
// for at the same time, so that a first answer takes as long as a later one; what the subject's answer is worth
// is decided when the health is known. A list that is known not to be sound is not asked.
func (c *Checker) Ask(ctx context.Context, now time.Time, l *List, s Subject) Result {
	r := Result{List: l.Name, Role: l.Role, Subject: s.String(), At: now}
	if r.Why = c.cannot(l, s, now); r.Why != "" {
		r.Outcome = NotAsked
		return r
	}
	r.Zone = c.Zone(l)
	z := c.zone(l)
	if until := z.resting(now); !until.IsZero() {
		r.Outcome, r.Why = Unknown, "it was silent; asked again after "+until.UTC().Format(time.RFC3339)
		return r
	}
	health, known := z.known(now)
	if known && health.Condition != Sound && health.Condition != Pointless {
		r.take(health.weigh(reading{outcome: Clear}), health)
		return r
	}
	var subject dns.Answer
	var both sync.WaitGroup
	both.Go(func() { subject = c.query(ctx, l, s, dns.A) })
	if !known {
		health = c.checked(ctx, now, l, z)
	}
	both.Wait()
	said := health.weigh(l.read(subject))
	if !errors.Is(ctx.Err(), context.Canceled) {
		z.heard(said.silent, now)
	}
	r.take(said, health)
	if r.Outcome == Listed {
		r.Reason = c.reason(ctx, l, s)
	}
	return r
}

func (r *Result) take(said reading, h Health) {
	r.Outcome, r.Said, r.Why, r.Health = said.outcome, said.said, said.why, h.Condition
}

// AskAll asks every list about s at once and returns their words in the same order.
func (c *Checker) AskAll(ctx context.Context, now time.Time, lists []*List, s Subject) []Result {
	results := make([]Result, len(lists))
	places := make(chan struct{}, maxAsked)
	var all sync.WaitGroup
	for i, l := range lists {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			results[i] = c.Ask(ctx, now, l, s)
		})
	}
	all.Wait()
	return results
}

// Health is l's condition: the one that was found not too long ago, or by asking now. A list that is not asked has
// none.
func (c *Checker) Health(ctx context.Context, now time.Time, l *List) Health {
	if why := c.Refuses(l); why != "" {
		return Health{Why: why, Checked: now, Until: now}
	}
	z := c.zone(l)
	if h, known := z.known(now); known {
		return h
	}
	return c.checked(ctx, now, l, z)
}

// checked asks for the three points at once; one goroutine does so for all that want to know. A check that the
// context cut short is not remembered.
func (c *Checker) checked(ctx context.Context, now time.Time, l *List, z *zone) Health {
	select {
	case z.turn <- struct{}{}:
		defer func() { <-z.turn }()
	case <-ctx.Done():
		return Health{Condition: Silent, Why: "nobody answered in time", Checked: now, Until: now}
	}
	if h, known := z.known(now); known {
		return h
	}
	points := l.probes()
	var answers [3]*dns.Answer
	var all sync.WaitGroup
	for i, p := range []probe{points.listed, points.unlisted, points.random} {
		if p.there {
			all.Go(func() {
				a := c.query(ctx, l, p.subject, dns.A)
				answers[i] = &a
			})
		}
	}
	all.Wait()
	h := Health{Checked: now}
	h.Condition, h.Why = l.judge(answers[0], answers[1], answers[2], points)
	if h.Until = now; h.Condition != Silent {
		h.Until = now.Add(h.Condition.lasts())
		z.found(h)
	}
	return h
}

// reason is the list's text about s, if it has one. What it says is a stranger's: it is cut, made printable, and a
// key in it is taken out.
func (c *Checker) reason(ctx context.Context, l *List, s Subject) string {
	a := c.query(ctx, l, s, dns.TXT)
	text := strings.Join(a.Texts[:min(len(a.Texts), maxTexts)], " / ")
	text = c.key(l).hide(printable(text, 4096))
	return printable(strings.TrimSpace(text), maxReason)
}
