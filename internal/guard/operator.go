package guard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// operatorEvent applies an operator's word about held mail or an incident.
func (s *State) operatorEvent(e *Event) []Effect {
	var due []Effect
	for _, m := range s.Decides(e) {
		due = append(due, s.decide(m, e))
	}
	i := s.incidents[e.Incident]
	if i == nil {
		return due
	}
	s.changed.Incidents[i.ID] = struct{}{}
	switch e.Kind {
	case KindRelease:
		if i.Shadow {
			s.approve(i, e.At)
		}
		s.pardon(i, e)
	case KindSpam:
		due = append(due, s.spam(i, e)...)
	}
	if e.Kind == KindClosed && e.Actor == "" && i.Shadow {
		if i.Status != IncidentClosed {
			s.endShadow(i, e.At)
		}
		return due
	}
	if (e.Kind == KindRelease || e.Kind == KindClosed) && i.Status != IncidentClosed {
		due = append(due, s.closeIncident(i, e))
	}
	return due
}

// Decides returns the waiting mails that an operator's word is about, oldest first: one mail, or an incident's. To
// release an open incident says that the owner is the owner: what cools of his mail goes too, and what is being held.
func (s *State) Decides(e *Event) []*Mail {
	if e.Mail != "" {
		if m := s.mails[e.Mail]; m != nil && m.Waiting() {
			return []*Mail{m}
		}
		return nil
	}
	i := s.incidents[e.Incident]
	if i == nil || e.Kind == KindClosed {
		return nil
	}
	cools := e.Kind == KindRelease && i.Status != IncidentClosed
	var about []*Mail
	for _, m := range s.mailsOf(i.Account) {
		ours := m.Waiting() && (m.Incident == i.ID || cools && m.Status == MailCooling)
		if stopping := m.Status == MailStopping && m.Incident == i.ID && cools; ours || stopping {
			about = append(about, m)
		}
	}
	return about
}

// decide releases or deletes one mail by an operator's word.
func (s *State) decide(m *Mail, e *Event) Effect {
	a := s.touch(m.Account)
	i := s.incidents[cmp.Or(m.Incident, e.Incident)] // what cools has none of its own, perhaps
	if i == nil {
		i = &Incident{}
	} else {
		s.changed.Incidents[i.ID] = struct{}{}
	}
	if m.Status == MailCooling {
		i.noteCooled(m)
	}
	m.ByHand = true
	if m.Incident == 0 {
		m.FreedWith = e.Incident
	}
	s.changed.Mails[m.ID] = struct{}{}
	if e.Kind == KindDelete || e.Kind == KindSpam {
		i.Deleted++
		s.stopWaiting(m)
		m.Status = MailDeleting
		return s.start(e.At, Effect{Act: ActDelete, Mail: m.ID, Incident: m.Incident})
	}
	i.Released++
	if m.Status == MailStopping { // it was on its way when the account was stopped, and taken for that into account
		s.end(effectID(&Effect{Act: ActHold, Mail: m.ID}))
		m.Status = MailReleasing
		return s.start(e.At, Effect{Act: ActRelease, Mail: m.ID, Incident: m.Incident})
	}
	if !m.fromOutside() {
		a.Sources.trust(m.Source, e.At, sharedSource(s.policy, m.Source.Network), &s.familiar)
	}
	return s.letGo(a, m, e.At)
}

// approve takes in what an incident of shadow mode would have held: it was the owner, and all of it left.
func (s *State) approve(i *Incident, now Time) {
	a := s.touch(i.Account)
	for _, m := range s.mailsOf(i.Account) {
		if m.Incident != i.ID || m.Teach == nil {
			continue
		}
		a.learn(m.Teach, now, 0)
		a.Sources.trust(m.Source, now, sharedSource(s.policy, m.Source.Network), &s.familiar)
		i.Released++
		m.Teach = nil
		s.changed.Mails[m.ID] = struct{}{}
	}
}

// pardon is what a release teaches about the account: its budgets are full again, it may write to as many.
func (s *State) pardon(i *Incident, e *Event) {
	a := s.touch(i.Account)
	total := a.Spent.New[TierOwn.at()].sum(e.At)
	for _, m := range s.mails {
		if m.Incident == i.ID && (m.Status == MailReleasing || i.Shadow) {
			total += m.New
		}
	}
	a.MaxDay = max(a.MaxDay, uint16(min(total, 65535)))
	a.Granted = max(a.Granted, a.MaxDay)
	a.Spent, a.Known = spent{}, a.Known.atHome()
	if e.Listing != nil {
		s.listingEvent(&Event{Kind: KindClassed, At: e.At, Account: i.Account, Listing: e.Listing})
	}
}

func (s *State) closeIncident(i *Incident, e *Event) Effect {
	i.Status, i.Closed, i.By = IncidentClosed, e.At, e.Actor
	i.Outcome = "released"
	if e.Kind == KindClosed {
		i.Outcome = "closed"
		s.keepAll(i) // nobody said that it was the owner
	}
	a := s.touch(i.Account)
	a.Status, a.Held = Normal, nil
	a.Suspicion = Suspicion{} // what was gathered against it is looked through
	delete(s.open, i.Account)
	return s.start(e.At, Effect{Act: ActAlert, Incident: i.ID, Stage: AlertClosed})
}

// listingEvent changes the list of those who may send.
func (s *State) listingEvent(e *Event) {
	a := s.touch(e.Account)
	was := a.listed()
	s.forgetOwner(a)
	switch e.Kind {
	case KindLearned:
		if e.Listing != nil {
			a.Learned = e.Listing
		}
		if e.Past != nil {
			s.remember(a, e.Past)
		}
	case KindAllowed:
		s.allow(a, e)
	case KindDenied:
		l := Listing{Since: e.At}
		if a.Listing != nil {
			l = *a.Listing // what it was allowed as holds again when it is
		}
		l.Denied = true
		a.Listing = &l
	case KindClassed:
		if a.Listing != nil && e.Listing != nil {
			l := *a.Listing
			l.declare(e.Listing)
			a.Listing = &l
		}
	}
	s.noteOwner(a)
	s.site.Begun = s.site.Begun || s.site.Listed > 0 || a.listed()
	if is := a.listed(); is != was {
		s.site.Listed += map[bool]int{true: 1, false: -1}[is]
		s.changed.Site = true
	}
}

// Keeps says why an account cannot be taken out yet; empty: it can.
func (s *State) Keeps(name string) string {
	if id := s.open[name]; id != 0 {
		return fmt.Sprintf("incident %d of it is open", id)
	}
	a := s.accounts[name]
	switch {
	case a == nil:
	case a.Locked != 0: // whoever has its password would log in again
		return "its logins are locked"
	case hosted(name) && a.Listing != nil && a.Listing.Denied: // unknown, it would send again
		return "it was denied, and needs no login"
	}
	for _, m := range s.mails {
		if m.Account == name && m.Status != MailRemoved {
			return "mail of it is in Postfix's queue"
		}
	}
	return ""
}

// erase takes an account out, as if it had never been seen: a typing error, or somebody who left. It is not on the list then.
func (s *State) erase(name string) {
	a := s.accounts[name]
	if a == nil || s.Keeps(name) != "" {
		return
	}
	s.forgetOwner(a)
	s.familiar.take(&a.Sources)
	if a.listed() {
		s.site.Listed--
		s.changed.Site = true
	}
	delete(s.accounts, name)
	delete(s.locals, name)
	s.changed.Accounts[name] = struct{}{}
}

// allow puts an account on the list, by the addresses given or else by those that were learned. The day it was
// first listed stays.
func (s *State) allow(a *Account, e *Event) {
	l := Listing{Since: e.At}
	if a.Listing != nil {
		l = *a.Listing
		l.Denied = false
	}
	if e.Listing != nil {
		l.declare(e.Listing)
	}
	switch said := e.Listing; {
	case said != nil && said.Adds && len(said.Addresses) > 0:
		hold := a.allowed(l.Addresses)
		l.Own = l.Own || len(hold) == 0 && !strings.HasPrefix(a.Name, NetPrefix) // a machine's own are all of the site
		l.Addresses = joined(hold, said.Addresses)
	case said != nil && len(said.Addresses) > 0:
		l.Addresses, l.Own = said.Addresses, said.Own
	default:
		l.Addresses = a.allowed(l.Addresses)
	}
	a.Listing = &l
}

// allowed returns the addresses that hold, or else those that were learned.
func (a *Account) allowed(hold []string) []string {
	if len(hold) == 0 && a.Learned != nil {
		return a.Learned.Addresses
	}
	return hold
}

// joined returns what is in either list, sorted.
func joined(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// declare takes over what an operator said; what he left out stays.
func (l *Listing) declare(said *Listing) {
	if said.Class != "" {
		l.Class = said.Class
	}
	if said.Budget > 0 {
		l.Budget = said.Budget
	}
}

// outcome applies what became of an effect.
func (s *State) outcome(e *Event) {
	f := s.effects[e.Effect]
	if f == nil {
		return
	}
	s.changed.Effects[f.ID] = struct{}{}
	if e.Outcome == Failed && !(f.Act == ActAlert && e.At.Sub(f.Since) > alertFor) {
		f.Attempts++
		f.Error = e.Text
		f.Next = e.At.Add(backoff(f.Attempts))
		return
	}
	delete(s.effects, f.ID)
	if m := s.mails[f.Mail]; m != nil {
		s.carried(m, f, e.Outcome)
	}
}

// alertFor is how long an alert is tried before it is given up.
const alertFor = 24 * time.Hour

// backoff returns how long to wait after the n-th failed attempt.
func backoff(n int) time.Duration {
	waits := [...]time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
	return waits[min(max(n, 1), len(waits))-1]
}

// carried notes on a mail that an effect was carried out, or found nothing to do.
func (s *State) carried(m *Mail, f *Effect, o Outcome) {
	s.changed.Mails[m.ID] = struct{}{}
	switch {
	case f.Act == ActRelease && m.Status == MailReleasing:
		m.Status = MailReleased
	case f.Act == ActHold && m.Status == MailStopping && o == Done:
		m.Status = MailHeld
		s.waits(s.touch(m.Account), 1)
		if i := s.incidents[m.Incident]; i != nil {
			i.Stopped++
			s.changed.Incidents[i.ID] = struct{}{}
		}
	case f.Act == ActHold && m.Status == MailStopping:
		m.Status, m.Holds = MailPassed, 0
	case f.Act == ActDelete && m.Status == MailDeleting:
		s.drop(m)
	}
}
