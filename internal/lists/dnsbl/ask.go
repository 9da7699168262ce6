package dnsbl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"postward/internal/lists/facts"
	"postward/internal/wire/dns"
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
	Reason  string    `json:"reason,omitempty"`  // the list's own text, only when listed
	Why     string    `json:"why,omitempty"`     // for every outcome but listed and clear
	Refusal Refusal   `json:"refusal,omitempty"` // when refused, as far as the list says
	Health  Condition `json:"health,omitempty"`  // empty when not asked
	At      time.Time `json:"at"`
}

// Ask asks l about s. It returns when the context ends at the latest. The list's health and the subject are asked
// for at the same time, unless its terms set a pace, so that a first answer takes as long as a later one; what the
// subject's answer is worth is decided when the health is known. A list that is known not to be sound is not asked.
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
	health, known := z.known(s.kind(), now)
	if known && health.Condition != Sound && health.Condition != Pointless {
		r.take(health.weigh(reading{outcome: Clear}), health)
		return r
	}
	subject, health, err := c.answer(ctx, now, l, s)
	if err != nil {
		r.Outcome, r.Why = Unknown, fmt.Sprintf("no time was left to ask it: its terms are %d a second", l.Terms.PerSecond)
		return r
	}
	if subject.outcome == Listed && now.Sub(health.Checked) > freshFor { // it may have begun to list everything since
		if health, err = c.checkedAnew(ctx, now, l, z, s.kind()); err != nil {
			r.Outcome, r.Why = Unknown, "no time was left to see whether it lists everything"
			return r
		}
	}
	said := health.weigh(subject)
	if !errors.Is(ctx.Err(), context.Canceled) {
		z.heard(said.silent, now)
	}
	r.take(said, health)
	if r.Outcome == Listed {
		r.Reason = c.reason(ctx, l, s)
	}
	return r
}

// answer is what l says about s, and l's health. Where the terms set a pace each question counts: then what "not listed"
// is worth is learned at one point, and only what else it says wants all three.
func (c *Checker) answer(ctx context.Context, now time.Time, l *List, s Subject) (reading, Health, error) {
	z := c.zone(l)
	if l.Terms.PerSecond > 0 {
		a, err := c.query(ctx, l, s, dns.A)
		if err != nil {
			return reading{}, Health{}, err
		}
		health, err := c.checked(ctx, now, l, z, s.kind(), a.Outcome == dns.Answered)
		return l.read(a), health, err
	}
	var subject dns.Answer
	var both sync.WaitGroup
	both.Go(func() { subject, _ = c.query(ctx, l, s, dns.A) }) // without a pace there is no turn to wait for
	health, err := c.checked(ctx, now, l, z, s.kind(), true)
	both.Wait()
	return l.read(subject), health, err
}

func (r *Result) take(said reading, h Health) {
	r.Outcome, r.Said, r.Why, r.Refusal, r.Health = said.outcome, said.said, said.why, said.refusal, h.Condition
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

// checked is l's health in a kind: as it was found not too long ago, or asked for now, at all points at once or, if not whole, at
// the listed one; one goroutine asks for all that want to know. A check that the context cut short is not remembered.
// The error is errWaited.
func (c *Checker) checked(ctx context.Context, now time.Time, l *List, z *zone, k Kind, whole bool) (Health, error) {
	return c.health(ctx, now, l, z, k, whole, func(h Health) bool { return h.whole || !whole })
}

// checkedAnew is checked when what is known is older than freshFor.
func (c *Checker) checkedAnew(ctx context.Context, now time.Time, l *List, z *zone, k Kind) (Health, error) {
	return c.health(ctx, now, l, z, k, true, func(h Health) bool { return h.whole && now.Sub(h.Checked) <= freshFor })
}

func (c *Checker) health(ctx context.Context, now time.Time, l *List, z *zone, k Kind, whole bool, will func(Health) bool) (Health, error) {
	if h, known := z.known(k, now); known && will(h) {
		return h, nil
	}
	select {
	case z.turn <- struct{}{}:
		defer func() { <-z.turn }()
	case <-ctx.Done():
		if l.Terms.PerSecond > 0 { // time went by in waiting for turns, here or there: that is not its silence
			return Health{}, errWaited
		}
		return Health{Condition: Silent, Why: "nobody answered in time", Checked: now, Until: now}, nil
	}
	if h, known := z.known(k, now); known && will(h) {
		return h, nil
	}
	points := l.probes(k)
	if !whole {
		points = points.only()
	}
	answers, err := c.atPoints(ctx, l, points)
	if err != nil {
		return Health{}, err
	}
	h := Health{Checked: now, whole: points.random.there}
	h.Condition, h.Why = l.judge(answers, points)
	h.refusal = l.refusalOf(answers)
	c.blame(ctx, now, l, &h)
	if h.Until = now; h.Condition != Silent {
		h.Until = now.Add(h.Condition.lasts())
		z.found(k, h)
	}
	return h, nil
}

// blame says whose word it is when a list seems to answer for everything.
func (c *Checker) blame(ctx context.Context, now time.Time, l *List, h *Health) {
	if h.Condition != Everything && h.Condition != Refusing && h.Condition != Lying {
		return
	}
	if answer := c.invents(ctx, now, l); answer != "" {
		h.Condition, h.Why = Lying, "the resolver answers "+answer+" for names that do not exist: "+answer+" is no answer of a list"
	}
}

// atPoints asks at the points that are there.
func (c *Checker) atPoints(ctx context.Context, l *List, points probes) (got answersAt, err error) {
	var errs [4]error
	var all sync.WaitGroup
	for i, p := range []struct {
		probe
		to **dns.Answer
	}{{points.listed, &got.listed}, {points.unlisted, &got.unlisted}, {points.random, &got.random}, {points.main, &got.main}} {
		if p.there {
			all.Go(func() {
				var a dns.Answer
				a, errs[i] = c.query(ctx, l, p.subject, dns.A)
				*p.to = &a
			})
		}
	}
	all.Wait()
	return got, errors.Join(errs[:]...)
}

// reason is the list's text about s, if it has one. What it says is a stranger's: it is cut, made printable, and a
// key in it is taken out.
func (c *Checker) reason(ctx context.Context, l *List, s Subject) string {
	a, _ := c.query(ctx, l, s, dns.TXT) // when there is no time for it, there is no reason
	text := strings.Join(a.Texts[:min(len(a.Texts), maxTexts)], " / ")
	text = c.key(l).hide(facts.Printable(text, 4096))
	return facts.Printable(strings.TrimSpace(text), maxReason)
}
