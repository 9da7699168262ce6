package guard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// effectLease is how long an effect is left alone before it is tried again without an outcome: the doer died.
const effectLease = time.Minute

// rememberRemoved is how long a mail from an unfamiliar source is remembered after it left the queue, so that
// an incident can count what it had cost before anybody noticed.
const rememberRemoved = 24 * time.Hour

// Apply is the only writer of State. It returns the effects that e makes due; they stay in State until a
// KindOutcome event ends them. A fact that is told twice (by the milter and the log, or by a log read again
// after a crash) changes nothing the second time. What postward or an operator says is one event, applied once.
func Apply(s *State, e *Event) []Effect {
	switch e.Kind {
	case KindJudged:
		return s.judged(e)
	case KindUntaken, KindLeft, KindBounced, KindRemoved, KindRequeued, KindRenamed, KindForeign, KindGone, KindCooled:
		return s.mailEvent(e)
	case KindRelease, KindDelete, KindSpam, KindClosed:
		return s.operatorEvent(e)
	case KindRestored:
		s.restored(e)
	case KindAllowed, KindDenied, KindClassed, KindLearned:
		s.listingEvent(e)
	case KindForgotten:
		s.forget(e)
	case KindErased:
		s.erase(e.Account)
	case KindHeard:
		s.heard(e)
	case KindWrote:
		s.wrote(e)
	case KindLogin:
		s.login(e)
	case KindPolicy:
		s.newPolicy(e)
	case KindOutcome:
		s.outcome(e)
	case KindClock:
		s.clock(e)
	case KindBegan:
		s.began(e)
	case KindLocked, KindUnlocked:
		s.lock(e)
	case KindGuessed:
		s.guessed(e)
	case KindListed, KindCleared, KindBanned, KindUnbanned, KindProtected, KindConfined, KindSpared, KindUnspared: // for the journal; the State decides nothing by them
	}
	return nil
}

// touch returns the account, made if it is new, and marks it changed. Mail from outside has none: what is noted of that one is forgotten.
func (s *State) touch(name string) *Account {
	if name == "" {
		return &Account{}
	}
	a := s.accounts[name]
	if a == nil {
		a = &Account{Name: name, Status: Normal}
		s.accounts[name] = a
		s.noteLocal(name)
	}
	s.changed.Accounts[name] = struct{}{}
	return a
}

func (s *State) judged(e *Event) []Effect {
	t, v := e.Transaction, e.Verdict
	if s.mails[t.ID] != nil {
		return nil
	}
	if v.Account == "" {
		s.heldOutside(t, v)
		return nil
	}
	s.site.Latest = max(s.site.Latest, t.At)
	if s.site.First == 0 {
		s.site.First, s.changed.Site = t.At, true
	}
	a := s.touch(v.Account)
	switch {
	case v.Action == Reject || v.Action == Tempfail:
		return s.refused(a, e)
	case v.Action == Accept && v.stops():
		return s.shadowed(a, t, v)
	}
	gained := s.gather(a, t, v)
	if v.Action == Accept {
		s.passed(a, t, v, gained)
		return nil
	}
	if v.Cool {
		return s.cooling(a, t, v, gained)
	}
	return s.held(a, t, v, gained)
}

// refused counts mail that was not taken. Much of it from where nobody of the site writes is told: somebody has a password.
func (s *State) refused(a *Account, e *Event) []Effect {
	t, v, times := e.Transaction, e.Verdict, max(e.Times, 1)
	a.Refused += uint64(times)
	a.LastNo = max(a.LastNo, e.At)
	a.noteNotAs(v, e.At, times, false)
	strange := v.unfamiliar() && !hosted(a.Name) && v.Reason != ReasonContained
	if strange {
		a.Suspicion.Refusals.add(e.At, times)
	}
	var due []Effect
	i := s.openIncident(a.Name)
	if i == nil && strange && a.Suspicion.Refusals.sum(e.At) >= manyRefused {
		i = s.openNew(a, t, v)
		i.Many = true
		i.Refused = a.Suspicion.Refusals.sum(e.At) - times
		due = append(due, s.start(e.At, Effect{Act: ActAlert, Incident: i.ID, Stage: AlertMany}))
	}
	if i != nil {
		i.Refused += times
		i.note(t, v, times)
	}
	return due
}

// manyRefused is how many refused mails of an account from unfamiliar sources are told, in a day.
const manyRefused = 10

// passed counts a mail that goes its way.
func (s *State) passed(a *Account, t *Transaction, v *Verdict, gained Points) {
	m := s.track(t, v, MailPassed, gained)
	if i := s.openIncident(a.Name); i != nil && !i.Shadow && v.unfamiliar() { // what leaves meanwhile belongs to it
		m.Incident = i.ID
		i.Passed++
		i.Last = max(i.Last, t.At)
		i.noteSource(m.Source, v.Level, t.At, 1)
	}
	s.spend(a, t.At, v)
	notes := notesOf(v.unfamiliar(), v.Strange)
	a.learn(s.unknownRecipients(a, t), t.At, notes)
	s.touchKnown(a, t, notes)
	s.credit(a, m, v.People, t.At)
}

// cooling counts a mail that waits a little. It spends now: what cools will leave unless something happens.
func (s *State) cooling(a *Account, t *Transaction, v *Verdict, gained Points) []Effect {
	m := s.track(t, v, MailCooling, gained)
	m.Teach = s.unknownRecipients(a, t)
	s.touchKnown(a, t, notesOf(v.unfamiliar(), v.Strange))
	s.cool[m.ID] = struct{}{}
	s.spend(a, t.At, v)
	s.waits(a, 1)
	if !v.Waits {
		return nil
	}
	m.Unlearned = true // what a lock in shadow would have stopped is told, and teaches nothing
	return s.tellShadow(a, t, v)
}

func (s *State) held(a *Account, t *Transaction, v *Verdict, gained Points) []Effect {
	m := s.track(t, v, MailHeld, gained)
	m.Teach = s.unknownRecipients(a, t)
	s.waits(a, 1)
	a.noteHeld(t.At)
	return s.incidentOf(a, t, v, m)
}

func (s *State) spend(a *Account, now Time, v *Verdict) {
	a.spend(now, v)
	now = max(now, v.ReleaseAt)
	if v.tier() == TierForeign {
		s.site.Unfamiliar.add(now, v.New)
		s.changed.Site = true
	}
	if a.machine() {
		s.site.Undeclared.add(now, v.New)
		s.changed.Site = true
	}
}

// credit counts what a mail that goes its way says about the account: it writes, from there, to so many. people are
// those of its recipients who vouch for the source.
func (s *State) credit(a *Account, m *Mail, people uint8, now Time) {
	if a.First == 0 {
		a.First = now
	}
	a.Last = max(a.Last, now)
	a.Messages++
	a.countDay(now, m.New)
	if hosted(a.Name) {
		return
	}
	by, program := s.merits(a, m, people, now)
	a.Sources.note(m.Source, now, by, program, sharedSource(s.policy, m.Source.Network), &s.familiar)
}

// merits returns what a mail does for its address, network and country, and for its program. A program is earned sooner:
// it lends only where the country is familiar. But where nothing of the account is familiar, a month is asked of it too.
func (s *State) merits(a *Account, m *Mail, people uint8, now Time) (by, program merit) {
	if m.New+m.Staff > 0 {
		people = 0
	}
	by, program = merit{people, earnSettled}, merit{0, earnProgram}
	cold := a.Sources.cold()
	switch {
	case cold && s.learning(now):
		return merit{people, earnLearning}, merit{people, earnProgram}
	case cold:
		return by, by
	case m.Level == LevelAddress:
		program.people = 1
	case !m.unfamiliar():
		program.people = people
	}
	return by, program
}

// touchKnown notes that the known recipients of a mail were written to again.
func (s *State) touchKnown(a *Account, t *Transaction, notes uint16) {
	for _, r := range s.addressees(a, t) {
		switch h := s.site.Secret.hash(r); {
		case a.Known.has(h):
			a.Known.add(h, t.At, notes)
		case a.remembers(r): // the first release vouches
			a.Known.add(h, t.At, notes&^unvouched)
		}
	}
}

// writersAmong returns those of a mail's recipients who wrote to the account lately: what their servers answer says
// nothing of it.
func (s *State) writersAmong(a *Account, t *Transaction) []writer {
	if len(a.Writers) == 0 {
		return nil
	}
	var wrote []writer
	for _, r := range t.Recipients {
		if w := s.site.Secret.writer(r); slices.Contains(a.Writers, w) {
			wrote = append(wrote, w)
		}
	}
	return wrote
}

func (s *State) unknownRecipients(a *Account, t *Transaction) []uint64 {
	var hashes []uint64
	for _, r := range s.addressees(a, t) {
		if h := s.site.Secret.hash(r); !a.knows(h, r) {
			hashes = append(hashes, h)
		}
	}
	return hashes
}

// track begins to follow a mail until it is out of Postfix's queue.
func (s *State) track(t *Transaction, v *Verdict, status MailStatus, gained Points) *Mail {
	m := mailOf(t, v)
	m.Status, m.Gained, m.Envelope = status, gained, s.site.Secret.envelope(t)
	m.Wrote, m.Crowded = s.writersAmong(s.accounts[v.Account], t), s.accounts[v.Account].crowded(t.At)
	s.follow(m, t.At)
	return m
}

func (s *State) follow(m *Mail, now Time) {
	s.mails[m.ID] = m
	s.noteQueueID(m)
	s.changed.Mails[m.ID] = struct{}{}
	s.forgetOld(now)
}

// forgetOld drops what left long ago, and the oldest tenth of the passed mails when there are too many: a log
// that cannot be read must not fill the memory.
func (s *State) forgetOld(now Time) {
	for len(s.removed) > 0 {
		m := s.mails[s.removed[0]]
		if m != nil && now.Sub(m.RemovedAt) < rememberRemoved && len(s.removed) <= maxMails/10 {
			break
		}
		if m != nil {
			s.drop(m)
		}
		s.removed = s.removed[1:]
	}
	if len(s.mails) <= maxMails {
		return
	}
	var passed []*Mail
	for _, m := range s.mails {
		if m.Status == MailPassed || m.Status == MailReleased {
			passed = append(passed, m)
		}
	}
	slices.SortFunc(passed, byTime)
	for _, m := range passed[:min(len(passed), maxMails/10)] {
		s.drop(m)
	}
}

func byTime(a, b *Mail) int {
	if a.At != b.At {
		return cmp.Compare(a.At, b.At)
	}
	return cmp.Compare(a.ID, b.ID)
}

// drop forgets a mail.
func (s *State) drop(m *Mail) {
	delete(s.mails, m.ID)
	if s.queue[m.QueueID] == m.ID {
		delete(s.queue, m.QueueID)
	}
	s.changed.Mails[m.ID] = struct{}{}
}

// waits counts the mails of an account in hold, those of all machines, and those from outside.
func (s *State) waits(a *Account, n int32) {
	if a.Name == "" {
		s.outside = max(s.outside+n, 0)
		return
	}
	n = max(n, -a.Waiting)
	a.Waiting += n
	if strings.HasPrefix(a.Name, NetPrefix) {
		s.machines += n
	}
}

// stopWaiting notes that a mail of the account left the hold queue, or will.
func (s *State) stopWaiting(m *Mail) {
	delete(s.cool, m.ID)
	if m.Waiting() {
		s.waits(s.touch(m.Account), -1)
	}
}

func (s *State) openIncident(account string) *Incident {
	i := s.incidents[s.open[account]]
	if i != nil {
		s.changed.Incidents[i.ID] = struct{}{}
	}
	return i
}

// start makes an effect due and leaves it in State until its outcome is known.
func (s *State) start(now Time, e Effect) Effect {
	e.ID = effectID(&e)
	e.Since, e.Next = now, now.Add(effectLease)
	if old := s.effects[e.ID]; old != nil {
		e.Since, e.Attempts = old.Since, old.Attempts
	}
	s.effects[e.ID] = &e
	s.changed.Effects[e.ID] = struct{}{}
	return e
}

// end forgets an effect, if there is one.
func (s *State) end(id string) {
	if s.effects[id] != nil {
		delete(s.effects, id)
		s.changed.Effects[id] = struct{}{}
	}
}

func effectID(e *Effect) string {
	switch e.Act {
	case ActAlert:
		return fmt.Sprintf("alert:%d:%s", e.Incident, e.Stage)
	case ActKick:
		return fmt.Sprintf("kick:%d", e.Incident)
	}
	return string(e.Act) + ":" + e.Mail
}
