package guess

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// target is an account, or a name, that was tried from elsewhere.
type target struct {
	rolls     []hit // the last refused logins from networks that are not its own, oldest first
	wave      int64 // Unix seconds until which it is guessed at
	protected *Protection
}

// hit is one refused login.
type hit struct {
	at   int64
	from netip.Prefix
	net  uint32 // its neighbourhood, by a hash
	asn  uint32
}

// keptHits is how many are kept of a target.
const keptHits = 48

// When an account is guessed at.
const (
	waveNets     = 10 // networks (a /24, a /48) in a day
	waveSystems  = 3  // of so many autonomous systems, where they are known,
	waveNetsOne  = 25 // or so many networks of fewer
	waveLasts    = hour
	waveLastsFor = waveLasts * time.Second
)

// Protection is an account at which many guess: only who is known there may log in, for a time.
type Protection struct {
	Account  string    `json:"account"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Evidence Evidence  `json:"evidence"`
	By       string    `json:"by,omitempty"` // the operator; empty: postward
}

// longestProtection is for how long an account is protected in one piece, and for how long it is not afterwards: longer, a
// guesser would have a switch to lock a traveller out.
const longestProtection = 24 * time.Hour

// target64 is the key of a target.
func target64(account string) string { return strings.ToLower(account) }

// guessedAt counts a refused login against its account.
func (w *Watch) guessedAt(a *Attempt, from netip.Prefix) []Finding {
	if a.Account == "" || a.Home != Abroad || a.Own || a.Shared {
		return nil
	}
	now, key := a.At.Unix(), target64(a.Account)
	t := w.targets[key]
	if t == nil {
		makeRoom(w.targets, maxTargets, func(t *target) int64 { return t.keep() })
		t = &target{}
		w.targets[key] = t
	}
	t.push(hit{now, from, hashAddr(network(from).Addr()), a.ASN})
	if !t.many(now) {
		return nil
	}
	began := now >= t.wave
	t.wave = now + waveLasts
	var findings []Finding
	if began {
		findings = w.sweep(a, t)
	}
	if p := t.protect(a, now); a.Exists && p != nil {
		findings = append(findings, Finding{Protect: p})
	}
	return findings
}

// keep is when a target may be forgotten: one that is protected, last.
func (t *target) keep() int64 {
	if t.protected != nil {
		return t.protected.Until.Unix() + int64(longestProtection/time.Second)
	}
	if len(t.rolls) == 0 {
		return 0
	}
	return t.rolls[len(t.rolls)-1].at
}

func (t *target) push(h hit) {
	if len(t.rolls) >= keptHits {
		copy(t.rolls, t.rolls[1:])
		t.rolls = t.rolls[:len(t.rolls)-1]
	}
	t.rolls = append(t.rolls, h)
}

// forget takes the hits of an address out, from where its owner logged in after all.
func (t *target) forget(from netip.Prefix) {
	kept := t.rolls[:0]
	for _, h := range t.rolls {
		if h.from != from {
			kept = append(kept, h)
		}
	}
	t.rolls = kept
}

// many reports whether enough networks tried within a day. Those of one autonomous system may be one telephone on its way.
func (t *target) many(now int64) bool {
	nets := t.nets(now)
	return nets >= waveNets && t.systems(now) >= waveSystems || nets >= waveNetsOne
}

// nets is how many networks tried within a day.
func (t *target) nets(now int64) int {
	return t.distinct(now, func(h *hit) uint32 { return h.net })
}

// systems is of how many autonomous systems they are. One that is not known is one of its own.
func (t *target) systems(now int64) int {
	return t.distinct(now, func(h *hit) uint32 { return h.asn })
}

// distinct counts what is not the same within a day; 0 is never the same.
func (t *target) distinct(now int64, what func(*hit) uint32) int {
	var seen [keptHits]uint32
	n := 0
	for i := range t.rolls {
		h := &t.rolls[i]
		if w := what(h); now-h.at < day && (w == 0 || !slices.Contains(seen[:n], w)) {
			seen[n] = w
			n++
		}
	}
	return n
}

// tries is how many of the tries that are kept lie within a day.
func (t *target) tries(now int64) int {
	n := 0
	for _, h := range t.rolls {
		if now-h.at < day {
			n++
		}
	}
	return n
}

// protect begins or prolongs a protection. It returns it when that is news: when it begins, and when half of it is over.
func (t *target) protect(a *Attempt, now int64) *Protection {
	p, until := t.protected, a.At.Add(waveLastsFor)
	e := Evidence{Tries: t.tries(now), Sources: t.nets(now), Account: a.Account}
	switch {
	case p == nil || a.At.Sub(p.Until) >= longestProtection || a.At.After(p.Until) && p.Until.Sub(p.Since) < longestProtection:
		p = &Protection{Account: a.Account, Since: a.At, Until: until, Evidence: e}
		t.protected = p
		return p
	case p.By != "" || a.At.After(p.Until): // a person's word, or it had its day
		return nil
	}
	news := until.Sub(p.Until) > waveLastsFor/2
	if last := p.Since.Add(longestProtection); until.After(last) {
		until = last
	}
	if !news || !until.After(p.Until) {
		return nil
	}
	p.Until, p.Evidence = until, e
	return p
}

// sweep bans those that had guessed at an account before the wave was seen.
func (w *Watch) sweep(a *Attempt, t *target) []Finding {
	var findings []Finding
	now, name := a.At.Unix(), hash(person(a.Account))
	for _, h := range t.rolls {
		s := w.sources[h.from]
		if s == nil || w.lives(h.from, now) {
			continue
		}
		one := s.tries.of(now, func(x *try) bool { return x.name == name })
		if !inWave.reached(one.hour, one.day, one.week) {
			continue
		}
		if b := w.ban(h.from, Wave, Evidence{Tries: one.day, Account: a.Account, Sources: t.nets(now), Seconds: now - one.firstDay}, a.At); b != nil {
			findings = append(findings, Finding{Ban: b})
		}
	}
	return findings
}

// knows reports whether an account logged in from the neighbourhood of an address before.
func (w *Watch) knows(account string, client netip.Addr, now int64) bool {
	h := w.around[network(Source(client))]
	if h == nil {
		return false
	}
	at, is := h.accounts[hash(person(account))]
	return is && now-at.last < atHomeFor
}

// Settled reports whether an account has been logging in from the neighbourhood of an address on several days, for a week at least:
// whoever found its password yesterday is not.
func (w *Watch) Settled(account string, client netip.Addr, now time.Time) bool {
	if !client.IsValid() {
		return false
	}
	h := w.around[network(Source(client))]
	if h == nil {
		return false
	}
	at, is := h.accounts[hash(person(account))]
	return is && now.Unix()-at.last < atHomeFor && at.settled(now.Unix())
}

// Protected returns the protection that an account is under, or nil.
func (w *Watch) Protected(account string, now time.Time) *Protection {
	t := w.targets[target64(account)]
	if t == nil || t.protected == nil || !now.Before(t.protected.Until) {
		return nil
	}
	return t.protected
}

// ProtectByHand protects an account for a time that an operator says; d 0 ends it.
func (w *Watch) ProtectByHand(account string, d time.Duration, by string, now time.Time) *Protection {
	t := w.targets[target64(account)]
	if t == nil {
		t = &target{}
		w.targets[target64(account)] = t
	}
	t.protected = &Protection{Account: account, Since: now, Until: now.Add(d), By: by}
	return t.protected
}

// Protections returns those that stand, by account.
func (w *Watch) Protections(now time.Time) []*Protection {
	var all []*Protection
	for _, t := range w.targets {
		if t.protected != nil && now.Before(t.protected.Until) {
			all = append(all, t.protected)
		}
	}
	slices.SortFunc(all, func(a, b *Protection) int { return strings.Compare(a.Account, b.Account) })
	return all
}
