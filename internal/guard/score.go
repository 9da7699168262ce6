package guard

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Points are thousandths of the score. Whole numbers: a replay on another machine must decide the same, and
// floating point does not promise that.
type Points int32

const point Points = 1000

func (p Points) String() string { return fmt.Sprintf("%d.%d", p/point, p%point/100) }

// The score of lock 3 is what speaks against one message and what the account gathered, which halves every
// halfLife. The numbers were tuned on a sending trace with injected compromises: see bench/detect.
const (
	halfLife      = 8 * time.Hour
	holdAt        = 7 * point
	containAt     = 12 * point
	maxGathered   = 100 * point
	unfamiliarFor = 6 * time.Hour // within which further unfamiliar networks count
)

// levelPoints is what a source's level says against a message.
var levelPoints = [...]Points{LevelNew: 3 * point, LevelCountry: 2 * point, LevelNetwork: point / 2, LevelAddress: 0}

// recipientPoints is what each never-seen recipient adds to the account, by level.
var recipientPoints = [...]Points{LevelNew: 1000, LevelCountry: 700, LevelNetwork: 300, LevelAddress: 120}

// What else speaks against a message.
const (
	strangePoints  = 1500 // each further unfamiliar network
	maxStrangePts  = 6000
	dormantPoints  = 2000
	programPoints  = 700
	heldPoints     = 1000
	bouncePoints   = 1500 // a hard bounce of mail from level new or country
	familiarBounce = 700
	knownPoints    = -200 // a message to known people only
	manySame       = 800  // the same text to more than sameFew at level new or country
	oneMessage     = 4000 // at most, for one message from a familiar network or address
	oneByOne       = 500  // the same text to more than sameMany never-seen recipients, from anywhere
	sameFew        = 4
	sameMany       = 12
)

// Suspicion is what an account gathered in the last hours.
type Suspicion struct {
	Points  Points     `json:"points"`
	At      Time       `json:"at,omitempty"`      // when Points were right
	Strange []Strange  `json:"strange,omitempty"` // unfamiliar networks of the last hours, at most maxStrange
	Texts   []SameText `json:"texts,omitempty"`   // texts of the last day, at most maxTexts
	Bounces window     `json:"bounces"`           // hard bounces of a rolling day
	Tried   window     `json:"tried"`             // recipients whose servers answered, of a rolling day
}

// Strange is an unfamiliar network that was used lately.
type Strange struct {
	Network netip.Addr `json:"network"`
	At      Time       `json:"at"`
}

// SameText is a text and how many never-seen recipients it went to.
type SameText struct {
	Fingerprint uint64 `json:"fingerprint"`
	Recipients  uint16 `json:"recipients"`
	At          Time   `json:"at"`
}

// Bounds of a Suspicion. The oldest is dropped.
const (
	maxStrange = 8
	maxTexts   = 8
)

// decayed returns what is left of the gathered points at now. Between two halvings it is a straight line.
func (s *Suspicion) decayed(now Time) Points {
	age := now.Sub(s.At)
	if s.Points == 0 || age <= 0 {
		return s.Points
	}
	halves := age / halfLife
	if halves >= 31 {
		return 0
	}
	p := int64(s.Points) >> halves
	return Points(p - p*int64(age%halfLife/time.Second)/(2*int64(halfLife/time.Second)))
}

// gather adds points at now; negative ones forgive.
func (s *Suspicion) gather(now Time, p Points) {
	s.Points = min(max(s.decayed(now)+p, 0), maxGathered)
	s.At = max(s.At, now)
}

// Hard bounces are evidence only in number and at a share that no ordinary list has.
const (
	manyBounces = 4
	bounceShare = 5 // one in so many
)

// refused reports whether receivers refused so much of the account's mail that it speaks against it.
func (s *Suspicion) refused(now Time) bool {
	n := s.Bounces.sum(now)
	return n >= manyBounces && n*bounceShare >= s.Tried.sum(now)
}

// bounced counts a hard bounce; one for spam counts twice.
func (s *Suspicion) bounced(now Time, level Level, spam bool) {
	s.Bounces.add(now, 1)
	p := Points(familiarBounce)
	if level <= LevelCountry {
		p = bouncePoints
	}
	if spam {
		p *= 2
	}
	s.gather(now, p)
}

// strangers returns the unfamiliar networks of the last hours other than network.
func (s *Suspicion) strangers(network netip.Addr, now Time) int {
	n := 0
	for _, x := range s.Strange {
		if x.Network != network && now.Sub(x.At) < unfamiliarFor {
			n++
		}
	}
	return n
}

func (s *Suspicion) noteStrange(network netip.Addr, now Time) {
	i := slices.IndexFunc(s.Strange, func(x Strange) bool { return x.Network == network })
	if i >= 0 {
		s.Strange = slices.Delete(s.Strange, i, i+1)
	} else if len(s.Strange) >= maxStrange {
		s.Strange = slices.Delete(s.Strange, 0, 1)
	}
	s.Strange = append(s.Strange, Strange{network, now})
}

// same returns how many never-seen recipients a text went to in the last day.
func (s *Suspicion) same(fingerprint uint64, now Time) int {
	for _, x := range s.Texts {
		if x.Fingerprint == fingerprint && now.Sub(x.At) < 24*time.Hour {
			return int(x.Recipients)
		}
	}
	return 0
}

func (s *Suspicion) noteText(fingerprint uint64, recipients int, now Time) {
	n := s.same(fingerprint, now) + recipients
	i := slices.IndexFunc(s.Texts, func(x SameText) bool { return x.Fingerprint == fingerprint })
	if i >= 0 {
		s.Texts = slices.Delete(s.Texts, i, i+1)
	} else if len(s.Texts) >= maxTexts {
		s.Texts = slices.Delete(s.Texts, 0, 1)
	}
	s.Texts = append(s.Texts, SameText{fingerprint, uint16(min(n, 65535)), now})
}

// score returns S of GUARD: this message's points and what the account gathered.
func (j *judgement) score() Points {
	t, a := j.t, j.account
	s := levelPoints[j.level]
	if j.level <= LevelCountry {
		s += min(Points(a.Suspicion.strangers(Network(t.Client), t.At))*strangePoints, maxStrangePts)
	}
	if a.dormant(j.policy, t.At) {
		s += dormantPoints
	}
	if t.Mailer != "" && !a.Sources.Programs.familiar(t.Mailer) {
		s += programPoints
	}
	return s + j.gains() + a.Suspicion.decayed(t.At)
}

// gather adds a judged mail to what the account gathered.
func (a *Account) gather(s *State, t *Transaction, v *Verdict) {
	j := judgement{state: s, policy: s.policy, t: t, account: a, level: v.Level, new: v.New, known: v.Known}
	g := j.gains()
	if v.Action == Hold && !v.Cool {
		g += heldPoints
	}
	a.Suspicion.gather(t.At, g)
	if v.Level <= LevelCountry {
		a.Suspicion.noteStrange(Network(t.Client), t.At)
	}
	if n := j.sameRecipients(); t.Fingerprint != 0 && n > 0 {
		a.Suspicion.noteText(t.Fingerprint, n, t.At)
	}
}

// gains returns what this message adds to what the account gathered.
func (j *judgement) gains() Points {
	t, a := j.t, j.account
	level := j.level
	if level == LevelNetwork && a.newcomer(t.At) {
		level = LevelAddress // a first day at work
	}
	g := min(Points(j.new)*recipientPoints[level], maxGathered) * 3 / Points(3+int(a.meanDay()))
	if j.level >= LevelNetwork {
		g = min(g, oneMessage) // an invitation to many is one message; the second is another matter
	}
	if t.Fingerprint != 0 && j.sameRecipients() > 0 {
		n := a.Suspicion.same(t.Fingerprint, t.At) + j.sameRecipients()
		if j.level <= LevelCountry && n > sameFew {
			g += manySame
		}
		if n > max(sameMany, int(a.meanDay())) && j.new <= 2 && j.new > 0 {
			g += oneByOne
		}
	}
	if g == 0 {
		return knownPoints
	}
	return g
}

// sameRecipients returns the recipients that count when a text is seen again: strangers, and from an unfamiliar
// source everybody.
func (j *judgement) sameRecipients() int {
	if j.level <= LevelCountry {
		return j.new + j.known
	}
	return j.new
}
