package guess

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// target is an account, or a name that nobody has, as far as it was tried from elsewhere.
type target struct {
	hits      []hit         // one a source: where it was refused last, oldest first
	wave      int64         // Unix seconds until which it is guessed at
	counted   int64         // when that was counted last
	near      int64         // the same of guesses from the networks that its owner uses himself
	period    int64         // since when spent counts
	spent     time.Duration // for how long it was protected since
	protected *Protection   // that stands, or stood last; nil: there was none
}

// hit is a source that was refused.
type hit struct {
	at   int64 // the last time
	from place
	asn  uint32
	near bool // of an autonomous system that the account uses
}

// keptHits is how many sources are kept of a target.
const keptHits = 48

// When an account is guessed at.
const (
	waveNets    = 10 // networks (a /24, a /48) in a day
	waveSystems = 3  // of so many autonomous systems, where they are known,
	waveNetsOne = 25 // or so many networks of fewer
	waveNear    = 40 // addresses of the autonomous systems that the account uses: a telephone on its way has some of them
	hastyNear   = 12 // so many are enough where each tried as often in a day: one telephone that tries every ten minutes has no time for it
	waveLasts   = hour
)

// Protection is an account at which many guess: only who is known there may log in, for a time.
type Protection struct {
	Account  string    `json:"account"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Evidence Evidence  `json:"evidence"`
	By       string    `json:"by,omitempty"` // the operator; empty: postward

	told time.Time // until when it was told to last
}

// Why says what the protection stands on.
func (p *Protection) Why() string {
	if p.By != "" {
		return ByHand.Why(Evidence{})
	}
	return fmt.Sprintf("%d networks guess at it", p.Evidence.Sources)
}

// An account is protected for a day in any two: longer, a guesser would have a switch to keep a traveller out. In the rest of the
// time only networks that guess themselves are refused.
const (
	longestProtection = 24 * time.Hour
	protectionPeriod  = 2 * longestProtection
	waveLastsFor      = waveLasts * time.Second
)

// guessedAt counts a refused login against its account.
func (w *Watch) guessedAt(a *attempt) []Finding {
	if a.Account == "" || a.Own || a.Shared {
		return nil
	}
	now := a.now
	t := w.targets[a.Account]
	if t == nil {
		makeRoom(w.targets, maxTargets, func(t *target) int64 { return t.keep() })
		t = &target{}
		w.targets[a.Account] = t
	}
	t.push(hit{now, a.from, a.ASN, a.Home != Abroad})
	began := now >= t.wave
	if !t.guessedAt(now) && !w.isHasty(a, t) {
		return nil
	}
	var findings []Finding
	if began {
		findings = w.sweep(a, t)
	}
	if !a.known {
		return findings
	}
	if p := t.protect(&a.Attempt, now); p != nil {
		findings = append(findings, Finding{Protect: p})
	}
	return findings
}

// isHasty reports whether an account is guessed at by some addresses of its own autonomous systems, each of which tried often, and notes
// until when.
func (w *Watch) isHasty(a *attempt, t *target) bool {
	now := a.now
	if a.Home != AtNetwork || t.neighbours(now) < hastyNear || w.triedBy(a.from, a) < hastyNear {
		return false
	}
	often := 0
	for i := range t.hits {
		if h := &t.hits[i]; h.near && now-h.at < day && w.triedBy(h.from, a) >= hastyNear {
			often++
		}
	}
	if often < hastyNear {
		return false
	}
	t.wave, t.counted, t.near = now+waveLasts, now, now+waveLasts
	return true
}

// triedBy is how often an account was tried from a place within a day.
func (w *Watch) triedBy(from place, a *attempt) int {
	s := w.sources[from]
	if s == nil {
		return 0
	}
	return s.tries.of(a.now, func(x *try) bool { return x.account == a.account }).day
}

// keep is when a target may be forgotten: one that is protected, last.
func (t *target) keep() int64 {
	last := t.wave
	if t.protected != nil {
		last = max(last, t.protected.Until.Unix()+int64(protectionPeriod/time.Second))
	}
	if len(t.hits) > 0 {
		last = max(last, t.hits[len(t.hits)-1].at)
	}
	return last
}

// push notes that a source was refused. One that was before is the latest now: whoever tries often leaves no less room for others.
func (t *target) push(h hit) {
	if i := t.find(h.from); i >= 0 {
		t.hits = slices.Delete(t.hits, i, i+1)
	} else if len(t.hits) >= keptHits {
		t.hits = slices.Delete(t.hits, 0, 1)
	}
	t.hits = append(t.hits, h)
}

// forget takes an address out, from where its owner logged in after all.
func (t *target) forget(from place) {
	if i := t.find(from); i >= 0 {
		t.hits = slices.Delete(t.hits, i, i+1)
	}
}

// find is where the hit of a source is, which has one at most; -1: there is none.
func (t *target) find(from place) int {
	for i := range t.hits {
		if t.hits[i].from == from {
			return i
		}
	}
	return -1
}

// recount is how often it is counted anew, in seconds, who guesses at an account that is guessed at already.
const recount = 300

// guessedAt reports whether an account is guessed at, and notes until when.
func (t *target) guessedAt(now int64) bool {
	if now < t.wave && now-t.counted < recount {
		return true
	}
	near := t.neighbours(now) >= waveNear
	if !near && (len(t.hits) < waveNets || !t.many(now)) {
		return false
	}
	t.wave, t.counted = now+waveLasts, now
	if near {
		t.near = t.wave
	}
	return true
}

// many reports whether enough networks tried within a day. Those of one autonomous system may be one telephone on its way.
func (t *target) many(now int64) bool {
	if t.count(now, far) < waveNets {
		return false
	}
	nets := t.nets(now)
	return nets >= waveNets && t.distinct(now, far, func(h *hit) uint64 { return uint64(h.asn) }) >= waveSystems || nets >= waveNetsOne
}

// neighbours is how many addresses of its own systems tried within a day.
func (t *target) neighbours(now int64) int { return t.count(now, near) }

func (t *target) count(now int64, which func(*hit) bool) (n int) {
	for i := range t.hits {
		if h := &t.hits[i]; now-h.at < day && which(h) {
			n++
		}
	}
	return n
}

func near(h *hit) bool { return h.near }
func far(h *hit) bool  { return !h.near }

func inArea(h *hit) uint64 { return uint64(h.from.area()) }

// nets is how many networks that are not its own tried within a day.
func (t *target) nets(now int64) int {
	return t.distinct(now, far, inArea)
}

// distinct counts what is not the same within a day; 0 is never the same.
func (t *target) distinct(now int64, which func(*hit) bool, what func(*hit) uint64) int {
	var seen [4 * keptHits]uint64 // by where its hash says, or behind: three quarters stay empty
	n := 0
	for i := range t.hits {
		h := &t.hits[i]
		if now-h.at >= day || !which(h) {
			continue
		}
		w := what(h)
		if w == 0 {
			n++
			continue
		}
		at := (w * spread >> 32) % uint64(len(seen))
		for seen[at] != 0 && seen[at] != w {
			at = (at + 1) % uint64(len(seen))
		}
		if seen[at] == 0 {
			seen[at] = w
			n++
		}
	}
	return n
}

// spread makes numbers that are near to each other far (Fibonacci hashing).
const spread = 0x9E3779B97F4A7C15

// evidence is how many sources and networks guess at an account.
func (t *target) evidence(now int64, account string) Evidence {
	e := Evidence{Account: account, Sources: t.distinct(now, func(*hit) bool { return true }, inArea)}
	for i := range t.hits {
		if now-t.hits[i].at < day {
			e.Tries++
		}
	}
	return e
}

// protect begins or prolongs a protection, as long as the account was not protected for long enough. It returns it when that is
// news: when it begins, and each time that half of it is over.
func (t *target) protect(a *Attempt, now int64) *Protection {
	if now-t.period >= int64(protectionPeriod/time.Second) {
		t.period, t.spent = now, 0
	}
	p := t.protected
	if p != nil && p.By != "" && a.At.Before(p.Until) {
		return nil // a person's word
	}
	from := a.At
	if p != nil && p.Until.After(from) {
		from = p.Until
	}
	more := min(a.At.Add(waveLastsFor).Sub(from), longestProtection-t.spent)
	if more <= 0 {
		return nil
	}
	t.spent += more
	if p == nil || !a.At.Before(p.Until) {
		p = &Protection{Account: a.Account, Since: a.At}
		t.protected = p
	}
	p.Until = from.Add(more)
	if p.Until.Sub(p.told) < waveLastsFor/2 {
		return nil
	}
	p.told, p.Evidence = p.Until, t.evidence(now, a.Account)
	return p
}

// sweep bans those that had guessed at an account before the wave was seen.
func (w *Watch) sweep(a *attempt, t *target) []Finding {
	var findings []Finding
	now := a.now
	for _, h := range t.hits {
		s := w.sources[h.from]
		if s == nil || h.near || w.lives(h.from, now) {
			continue
		}
		one := s.tries.of(now, func(x *try) bool { return x.account == a.account })
		if !inWave.reached(one.hour, one.day, one.week) {
			continue
		}
		if b := w.ban(h.from.prefix(), Wave, Evidence{Tries: one.day, Account: a.Account, Sources: t.nets(now), Seconds: now - one.firstDay}, a.At); b != nil {
			findings = append(findings, Finding{Ban: b})
		}
	}
	return findings
}

// Settled reports whether an account has been logging in from the neighbourhood of an address on several days, for a week at least:
// whoever found its password yesterday is not.
func (w *Watch) Settled(account string, client netip.Addr, now time.Time) bool {
	if !client.IsValid() {
		return false
	}
	at := w.around[placeOf(client.Unmap().WithZone("")).area()].stay(hash(strings.ToLower(account)), now.Unix())
	return at != nil && at.settled(now.Unix())
}

// Protected returns the protection that an account is under, or nil.
func (w *Watch) Protected(account string, now time.Time) *Protection {
	t := w.targets[strings.ToLower(account)]
	if t == nil || t.protected == nil || !now.Before(t.protected.Until) {
		return nil
	}
	return t.protected
}

// guesses reports whether others of a source's network, or of its autonomous system, take part in a wave at an account.
func (t *target) guesses(from place, asn uint32, now int64) bool {
	return now < t.wave && slices.ContainsFunc(t.hits, func(h hit) bool {
		return h.from != from && now-h.at < day && (h.from.area() == from.area() || asn != 0 && h.asn == asn)
	})
}

// ProtectByHand protects an account for a time that an operator says; d 0 ends it.
func (w *Watch) ProtectByHand(account string, d time.Duration, by string, now time.Time) *Protection {
	account = strings.ToLower(account)
	t := w.targets[account]
	if t == nil {
		t = &target{}
		w.targets[account] = t
	}
	t.protected = &Protection{Account: account, Since: now, Until: now.Add(d), By: by}
	return t.protected
}

// Protections returns those that stand, by account.
func (w *Watch) Protections(now time.Time) []*Protection {
	var all []*Protection
	for _, t := range w.targets {
		if p := t.protected; p != nil && now.Before(p.Until) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *Protection) int { return strings.Compare(a.Account, b.Account) })
	return all
}
