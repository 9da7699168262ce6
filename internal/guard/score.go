package guard

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Points are thousandths of the score. Whole numbers: a replay on another machine must decide the same, and
// floating point does not promise that.
type Points int32

// Point is one point.
const Point Points = 1000

func (p Points) String() string {
	sign := ""
	if p < 0 {
		sign, p = "-", -p
	}
	return fmt.Sprintf("%s%d.%d", sign, p/Point, p%Point/100)
}

// The score of lock 3 is what speaks against one message and what the account gathered, which halves every
// halfLife. The numbers were tuned on a sending trace with injected compromises: see bench/detect.
const (
	halfLife      = 8 * time.Hour
	maxGathered   = 100 * Point
	unfamiliarFor = 6 * time.Hour // within which further unfamiliar networks count
)

// levelPoints is what a source's level says against a message.
var levelPoints = [...]Points{LevelNew: 2000, LevelCountry: 1500, LevelNetwork: 500, LevelAddress: 0}

// recipientPoints is what each never-seen recipient adds to the account, by level.
var recipientPoints = [...]Points{LevelNew: 1000, LevelCountry: 1100, LevelNetwork: 200, LevelAddress: 120}

// What else speaks against a message.
const (
	metPoints     Points = 1500 // taken off an unfamiliar source where it is none of the last hours
	strangePoints Points = 1500 // each further unfamiliar network …
	strangeMost   Points = 6000 // … and all of them together
	dormantPoints Points = 2000 // the account was never used, or not for long
	programPoints Points = 700  // a client program that it never used
	replyPoints   Points = 1500 // answers go to another domain, where anybody gets an address
	spamPoints    Points = 4000 // an operator called this text spam, and the same for this network
	heldPoints    Points = 1000 // a message was held for a person
	bouncePoints  Points = 1500 // a hard bounce of mail from level new or country
	knownPoints   Points = -200 // a message to known people only
	textPoints    Points = 800  // the same text to more than textFew at level new or country
	textEach      Points = 500  // the same text to more than textMany never-seen recipients, one by one, from anywhere
	messageMost   Points = 4000 // one message: an invitation is one message
)

// The same text to so many.
const (
	textRepeats = 2  // to more, one by one: it waits a little
	textFew     = 4  // to more from level new or country
	textMany    = 12 // to more from anywhere
)

// askedTimes is how many times the budget an account must have asked for before its recipients are evidence: a
// person who writes a long invitation on a journey is held, and not stopped.
const askedTimes = 3

// wroteShare: one who wrote to the account lately weighs so many times less than a stranger. Nobody proved that it was he.
const wroteShare = 4

// Suspicion is what an account gathered in the last hours.
type Suspicion struct {
	Points   Points     `json:"points"`
	At       Time       `json:"at,omitempty"`       // when Points were right
	Strange  []Strange  `json:"strange,omitempty"`  // unfamiliar networks of the last hours, at most maxStrange
	Texts    []SameText `json:"texts,omitempty"`    // texts of the last day, at most maxTexts
	Asked    window     `json:"asked,omitzero"`     // never-seen recipients of a rolling day, of held mail too
	Bounces  window     `json:"bounces,omitzero"`   // hard bounces of a rolling day, see State.answered
	Answered window     `json:"answered,omitzero"`  // mails that a receiving server answered, of a rolling day
	Abroad   delivery   `json:"abroad,omitzero"`    // the same of mail from unfamiliar sources alone
	Refusals today      `json:"refusals,omitzero"`  // mails from unfamiliar sources that were refused
	Bouncers []bouncer  `json:"bouncers,omitempty"` // domains that refused mail, at most maxBouncers
}

// delivery is what receiving servers said of mails, in a day.
type delivery struct {
	Bounces  today `json:"bounces"`
	Answered today `json:"answered"`
}

// Strange is an unfamiliar network that was used lately.
type Strange struct {
	Network netip.Addr `json:"network"`
	At      Time       `json:"at"`
}

// SameText is a text and how many recipients it went to, one message after the other.
type SameText struct {
	Fingerprint uint64 `json:"fingerprint"`
	Recipients  uint16 `json:"recipients"` // those that count: see judgement.strangers
	New         uint16 `json:"new"`        // never-seen ones
	At          Time   `json:"at"`
}

// Bounds of a Suspicion. The oldest is dropped.
const (
	maxStrange = 6
	maxTexts   = 6
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
	manyBounces  = 4
	bounceShare  = 5 // one in so many
	bouncesWeigh = 2 // points are for so many a day: an outsider with many domains must not hold anybody's mail
	maxBouncers  = 4
)

// refused reports whether receivers refused so much of the account's mail that it speaks against it. Against mail from an
// unfamiliar source speaks only what was refused of such mail: whom the owner answers at home, outsiders choose.
func (s *Suspicion) refused(now Time, unfamiliar bool) bool {
	n, all := s.answers(now, unfamiliar)
	return n >= manyBounces && n*bounceShare >= all
}

// answers returns how many mails were refused for good, of how many that were answered.
func (s *Suspicion) answers(now Time, unfamiliar bool) (bounced, all int) {
	if unfamiliar {
		return s.Abroad.Bounces.sum(now), s.Abroad.Answered.sum(now)
	}
	return s.Bounces.sum(now), s.Answered.sum(now)
}

// bounced counts a hard bounce; one for spam weighs twice, of mail from where the account is at home nothing. All together
// weigh less than it takes to hold a mail.
func (s *Suspicion) bounced(now Time, unfamiliar, spam bool) {
	s.Bounces.add(now, 1)
	if !unfamiliar {
		return
	}
	n := s.Abroad.Bounces.sum(now)
	s.Abroad.Bounces.add(now, 1)
	p := bouncePoints
	if spam {
		p *= 2
	}
	if n < bouncesWeigh {
		s.gather(now, p)
	}
}

// bouncer is what is kept of a receiving domain: half of its hash.
type bouncer struct {
	Domain uint32 `json:"domain"`
	Hour   int32  `json:"hour"` // since 1970
}

// newBouncer reports whether a receiving domain refused no mail of the account for a day, and notes it.
func (s *Suspicion) newBouncer(domain uint32, now Time) bool {
	h := int32(now / hour)
	i := slices.IndexFunc(s.Bouncers, func(b bouncer) bool { return b.Domain == domain })
	if i >= 0 && h-s.Bouncers[i].Hour < 24 {
		return false
	}
	s.Bouncers = append(makeRoom(s.Bouncers, i, maxBouncers), bouncer{domain, h})
	return true
}

// otherNetworks returns how many unfamiliar networks other than network were used in the last hours.
func (s *Suspicion) otherNetworks(network netip.Addr, now Time) int {
	n := 0
	for _, x := range s.Strange {
		if x.Network != network && now.Sub(x.At) < unfamiliarFor {
			n++
		}
	}
	return n
}

func (s *Suspicion) noteNetwork(network netip.Addr, now Time) {
	i := slices.IndexFunc(s.Strange, func(x Strange) bool { return x.Network == network })
	s.Strange = append(makeRoom(s.Strange, i, maxStrange), Strange{network, now})
}

// text returns what a text did in the last day.
func (s *Suspicion) text(fingerprint uint64, now Time) SameText {
	for _, x := range s.Texts {
		if Alike(x.Fingerprint, fingerprint) && now.Sub(x.At) < 24*time.Hour {
			return x
		}
	}
	return SameText{Fingerprint: fingerprint}
}

func (s *Suspicion) noteText(fingerprint uint64, recipients, fresh int, now Time) {
	x := s.text(fingerprint, now)
	x.Recipients, x.New = sum16(x.Recipients, recipients), sum16(x.New, fresh)
	x.At = now
	i := slices.IndexFunc(s.Texts, func(x SameText) bool { return Alike(x.Fingerprint, fingerprint) })
	s.Texts = append(makeRoom(s.Texts, i, maxTexts), x)
}

// textDistance is the most bits in which the fingerprints (package fingerprint) of one text differ. Of 37 fraud mails, each
// changed in eleven ways twenty times, it finds 95 to 100 % again, depending on the way; of 3486 pairs of different mails it
// takes none for the same that are not (TestRecallOnMailOfOthers). Two numbers at random are as near as that once in four
// million times.
const textDistance = 12

// Alike reports whether two fingerprints are of the same text. Zero is no fingerprint, and like nothing.
func Alike(a, b uint64) bool {
	return a != 0 && b != 0 && bits.OnesCount64(a^b) <= textDistance
}

func sum16(a uint16, n int) uint16 { return uint16(min(max(int(a)+n, 0), 65535)) }

// makeRoom takes element i out of list, or, if there is none (-1), the oldest when the list is full.
func makeRoom[T any](list []T, i, limit int) []T {
	if i < 0 && len(list) >= limit {
		i = 0
	}
	if cap(list) < limit { // room for all of them at once, and not for more: there are many accounts
		list = append(make([]T, 0, limit), list...)
	}
	if i < 0 {
		return list
	}
	return slices.Delete(list, i, i+1)
}

// Part is one thing that adds to the score, or takes from it.
type Part struct {
	Points Points `json:"points"`
	What   string `json:"what"`
}

// score returns what speaks against this message and what the account gathered.
func (j *judgement) score() Points {
	s := Points(0)
	for _, p := range j.parts() {
		s += p.Points
	}
	return s
}

// parts returns what makes the score.
func (j *judgement) parts() [8]Part {
	t, a := j.t, j.account
	parts := [8]Part{
		{levelPoints[j.level], "the source"},
		{0, "other unfamiliar networks in the last 6 hours"},
		{0, "the account was never used, or not for long"},
		{0, "a client program that it never used"},
		{0, "answers go to a free mail service"},
		{j.state.site.calledSpam(t, a.Name, j.level), "other accounts' spam: this text, or this network"},
		{j.gains(), "its recipients and its text"},
		{a.Suspicion.decayed(t.At), "what the account gathered in the last hours"},
	}
	if j.level <= LevelCountry {
		parts[0].Points -= map[bool]Points{true: metPoints}[j.met]
		parts[1].Points = min(Points(j.otherNetworks())*strangePoints, strangeMost)
	}
	if a.dormant(j.policy, t.At) && !a.newcomer(t.At) { // a newcomer's first mail is no surprise
		parts[2].Points = dormantPoints
	}
	if t.Mailer != "" && !a.Sources.Program(t.Mailer) {
		parts[3].Points = programPoints
	}
	if answersElsewhere(t) {
		parts[4].Points = replyPoints
	}
	return parts
}

func (j *judgement) otherNetworks() int {
	return j.account.Suspicion.otherNetworks(Network(j.t.Client), j.t.At)
}

// Explanation is why a mail would pass or be held.
type Explanation struct {
	Level   Level   `json:"level"`
	Source  string  `json:"source"` // in words
	Budget  int     `json:"budget"` // never-seen recipients a rolling day, from this source
	Spent   int     `json:"spent"`
	Ten     int     `json:"budget_ten"` // the same in ten days
	TenGone int     `json:"spent_ten"`
	Parts   []Part  `json:"parts"` // of the score
	Score   Points  `json:"score"`
	Hold    Points  `json:"hold"` // the score from which on a mail is held
	Verdict Verdict `json:"verdict"`
}

// Explain says what would become of a transaction of an account, and why. It changes nothing.
func Explain(s *State, t *Transaction) Explanation {
	j := newJudgement(s, t, s.AccountOf(t))
	has, gone := j.here(), j.spent(j.tier)
	x := Explanation{
		Level: j.level, Source: j.sourceFact(), Budget: has.day, Spent: gone.day, Ten: has.ten, TenGone: gone.ten,
		Score: j.score(), Hold: s.policy.Score.Hold, Verdict: Judge(s, t),
	}
	for _, p := range j.parts() {
		if p.Points != 0 {
			x.Parts = append(x.Parts, p)
		}
	}
	return x
}

// gains returns what this message adds to what the account gathered. It forgives where only people who vouch are
// written to, from a familiar source.
func (j *judgement) gains() Points {
	if j.sameRecipients() == 0 {
		if j.people == 0 || j.unfamiliar() {
			return 0
		}
		return knownPoints
	}
	a, now, usual := j.account, j.t.At, int(j.account.UsualDay())
	habit := usual
	if j.level >= LevelNetwork {
		habit = max(usual, int(a.Granted))
	}
	strangers := Points(j.new - j.wrote)
	g := strangers*j.recipientPoints() + Points(j.wrote+j.staff)*j.recipientPoints()/wroteShare
	g = min(min(g, maxGathered)*3/Points(3+habit), messageMost)
	if j.t.Fingerprint == 0 {
		return g
	}
	before := int(a.Suspicion.text(j.t.Fingerprint, now).Recipients)
	n := before + j.sameRecipients()
	if j.unfamiliar() && before > 0 && n > textFew { // one message to many says nothing: the second with its text does
		g += textPoints
	}
	if strangers > 0 && n > max(textMany, usual) && j.new <= 2 {
		g += textEach
	}
	return g
}

// recipientPoints is what a never-seen recipient weighs. A newcomer writes to nobody else: where the site is at home
// it weighs little, in the site's country half.
func (j *judgement) recipientPoints() Points {
	switch grace := j.account.newcomer(j.t.At); {
	case grace && j.level == LevelNetwork:
		return recipientPoints[LevelAddress]
	case grace && j.level == LevelCountry:
		return recipientPoints[LevelCountry] / 2
	}
	return recipientPoints[j.level]
}

// asks returns what this message asks for, for the evidence about recipients: one message, however long, is at most one
// day's budget. An invitation is one decision, and an answer is somebody else's.
func (j *judgement) asks() int { return min(j.new-j.wrote, j.here().day) }

// asked returns what the account asked for in a rolling day, with this message.
func (j *judgement) asked() int { return j.account.Suspicion.Asked.sum(j.t.At) + j.asks() }

// sameRecipients returns the recipients that count when a text is seen again: strangers, and from an unfamiliar source
// everybody.
func (j *judgement) sameRecipients() int {
	if j.unfamiliar() {
		return j.new + j.staff + j.known
	}
	return j.new - j.wrote
}

// gather adds a judged mail to what its account gathered, and returns the points.
func (s *State) gather(a *Account, t *Transaction, v *Verdict) Points {
	j := judgement{state: s, policy: s.policy, t: t, account: a, level: v.Level, lent: v.Lent, tier: v.tier(), new: v.New, wrote: v.Wrote, staff: v.Staff, known: v.Known}
	g := j.gains()
	if v.Action == Hold && !v.Cool || v.stops() {
		g += heldPoints
	}
	a.Suspicion.gather(t.At, g)
	a.Suspicion.Asked.add(t.At, j.asks())
	if v.Level <= LevelCountry {
		a.Suspicion.noteNetwork(Network(t.Client), t.At)
		if t.Fingerprint != 0 {
			s.site.Spam.noteShared(t.Fingerprint, s.site.Secret.hash(a.Name), t.At)
			s.changed.Site = true
		}
	}
	if n := j.sameRecipients(); t.Fingerprint != 0 && n > 0 {
		a.Suspicion.noteText(t.Fingerprint, n, j.new, t.At)
	}
	return g
}

// takeBack undoes gather for a mail that the MTA did not take: it will come again.
func (s *Suspicion) takeBack(m *Mail) {
	s.gather(m.At, -m.Gained)
	s.Asked.giveBack(m.At, m.New) // of a long invitation more than it was: it leans to the owner
	for i := range s.Texts {
		if x := &s.Texts[i]; Alike(x.Fingerprint, m.Fingerprint) {
			counted := m.New
			if m.unfamiliar() {
				counted += m.Staff + m.Known
			}
			x.Recipients, x.New = sum16(x.Recipients, -counted), sum16(x.New, -m.New)
		}
	}
}

// answersElsewhere reports whether answers go to a mailbox at a free mail service that the authors do not use.
func answersElsewhere(t *Transaction) bool {
	return slices.ContainsFunc(t.ReplyTo, func(address string) bool {
		domain := domainOf(address)
		return freeMail[domain] && !slices.ContainsFunc(t.Authors, func(author string) bool { return domainOf(author) == domain })
	})
}

func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// freeMail are the domains where anybody gets an address at once, as seen most in the Reply-To fields of fraud mail.
var freeMail = map[string]bool{
	"gmail.com": true, "googlemail.com": true, "yahoo.com": true, "ymail.com": true, "hotmail.com": true, "outlook.com": true,
	"live.com": true, "msn.com": true, "aol.com": true, "mail.com": true, "gmx.com": true, "gmx.net": true, "gmx.de": true,
	"web.de": true, "mail.ru": true, "yandex.com": true, "yandex.ru": true, "inbox.ru": true, "bk.ru": true, "163.com": true,
	"126.com": true, "qq.com": true, "proton.me": true, "protonmail.com": true, "tutanota.com": true, "zoho.com": true,
	"icloud.com": true, "consultant.com": true, "post.com": true, "myself.com": true,
}
