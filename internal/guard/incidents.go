package guard

import (
	"slices"
	"time"
)

// adoptFor is how far back an incident looks for mail of the same account that had passed from unfamiliar
// sources.
const adoptFor = 24 * time.Hour

// incidentOf adds a held mail to the account's incident, opened if there is none, and stops the account when
// the evidence suffices.
func (s *State) incidentOf(a *Account, t *Transaction, v *Verdict, m *Mail) []Effect {
	var due []Effect
	i := s.openIncident(a.Name)
	if i != nil && i.Shadow && v.Action != Accept {
		s.closeShadow(i, t.At) // this one is real: it is told by itself
		i, a.Status = nil, Normal
	}
	if i == nil {
		i = s.openNew(a, t, v)
		if s.worthAnAlert(a, t.At) {
			due = append(due, s.start(t.At, Effect{Act: ActAlert, Incident: i.ID, Stage: AlertOpened}))
		}
	}
	m.Incident = i.ID
	switch {
	case v.Action == Accept && !i.Shadow:
		i.Passed++ // another lock, in shadow, would have stopped it
	case v.Action == Accept && v.Would != Hold:
		i.Refused++ // would have been
	default:
		i.Held++
	}
	if v.unfamiliar() && !i.Elsewhere && len(i.Sources) > 0 { // the operator has seen another one
		due = append(due, s.start(t.At, Effect{Act: ActAlert, Incident: i.ID, Stage: AlertElsewhere}))
	}
	i.note(t, v, 1)
	if i.Status == IncidentContained || i.Shadow && s.policy.Enforces(Containment) {
		return due // nothing that is only told stops anybody
	}
	if !i.Shadow && !s.policy.Enforces(Containment) {
		if i.Would == 0 && s.mustContain(a, i, v, t.At) {
			i.Would = t.At
			due = append(due, s.start(t.At, Effect{Act: ActAlert, Incident: i.ID, Stage: AlertContained}))
		}
		return due
	}
	if a.Status == Normal && a.heldSince(t.At.Add(-s.policy.Containment.Within)) >= 2 {
		a.Status = Suspicious
	}
	if s.mustContain(a, i, v, t.At) {
		due = append(due, s.contain(a, i, t.At)...)
	}
	return due
}

// machinesAlerted bounds the undeclared machines that are worth an alert in a day: one of them may have all the addresses of a
// network. Status shows the rest.
const machinesAlerted = 4

// worthAnAlert reports whether an incident of the account is worth an alert, and counts it.
func (s *State) worthAnAlert(a *Account, now Time) bool {
	if !a.machine() {
		return true
	}
	s.site.MachinesAlerted.add(now, 1)
	s.changed.Site = true
	return s.site.MachinesAlerted.sum(now) <= machinesAlerted
}

func (s *State) openNew(a *Account, t *Transaction, v *Verdict) *Incident {
	s.site.LastIncident++
	s.changed.Site = true
	i := &Incident{
		ID: s.site.LastIncident, Account: a.Name, Status: IncidentOpen, Shadow: v.Action == Accept,
		Opened: t.At, First: t.At, Last: t.At,
	}
	s.incidents[i.ID] = i
	s.open[a.Name] = i.ID
	s.changed.Incidents[i.ID] = struct{}{}
	s.forgetClosed()
	s.adopt(i, t.At)
	return i
}

// adopt gives an incident the account's earlier mail from unfamiliar sources: what cools, what passed, what left.
func (s *State) adopt(i *Incident, now Time) {
	for _, m := range s.mails {
		if m.Account != i.Account || m.Incident != 0 || m.ByHand || !m.unfamiliar() || now.Sub(m.At) > adoptFor {
			continue
		}
		switch m.Status {
		case MailPassed, MailReleasing, MailReleased, MailRemoved:
			i.Passed++
			if i.Left += len(m.Left); len(m.Left) > 0 {
				i.LeftAt = max(i.LeftAt, m.At) // when it was sent: when it was taken is not kept
			}
		case MailCooling:
		default:
			continue
		}
		m.Incident = i.ID
		i.First = min(i.First, m.At)
		s.changed.Mails[m.ID] = struct{}{}
	}
}

// forgetClosed drops the oldest closed incidents beyond the bound; the journal keeps their events.
func (s *State) forgetClosed() {
	if len(s.incidents) <= maxClosedIncident {
		return
	}
	oldest := int64(0)
	for id, i := range s.incidents {
		if i.Status == IncidentClosed && (oldest == 0 || id < oldest) {
			oldest = id
		}
	}
	if oldest != 0 {
		delete(s.incidents, oldest)
		s.changed.Incidents[oldest] = struct{}{}
	}
}

// mustContain asks for many held mails in a short time, or two and a high score, and for two independent families of
// evidence, one of which is about what was sent: who travels and writes much is held, and not stopped. From a familiar
// address mail is refused only when the receivers refuse it too. Holding leaks nothing. Of a hosted account that nobody
// declared, or that writes as anybody, only the budgets hold: what its mail says, and what is answered, outsiders decide
// (vacation notices, redirects).
func (s *State) mustContain(a *Account, i *Incident, v *Verdict, now Time) bool {
	p := &s.policy.Containment
	if a.undeclared() || a.relays() || i.Evidence.Count() < 2 || i.Evidence&aboutMail == 0 {
		return false
	}
	if v.Level == LevelAddress && !a.Suspicion.refused(now, v.unfamiliar()) {
		return false
	}
	limit := p.Held
	if v.Level == LevelNetwork {
		limit = p.HeldNetwork
	}
	held := a.heldSince(now.Add(-p.Within))
	return held >= min(limit, maxHeldTimes) || held >= 2 && levelPoints[v.Level]+a.Suspicion.decayed(now) >= s.policy.Score.Contain
}

// contain stops an account: its mail is refused from now on, what cools stays held, and what is still queued
// is held again. In shadow mode that is only told.
func (s *State) contain(a *Account, i *Incident, now Time) []Effect {
	a.Status = Contained
	i.Status, i.Contained = IncidentContained, now
	i.Before = i.Held + i.Passed
	due := []Effect{s.start(now, Effect{Act: ActAlert, Incident: i.ID, Stage: AlertContained})}
	if i.Shadow {
		return due
	}
	if !hosted(a.Name) {
		due = append(due, s.start(now, Effect{Act: ActKick, Incident: i.ID}))
	}
	for _, m := range s.mailsOf(a.Name) {
		switch {
		case m.Status == MailCooling:
			s.keep(m, i)
			i.Before++
		case m.mayBeQueued():
			m.Status, m.Incident, m.Holds = MailStopping, i.ID, m.Holds+1
			s.changed.Mails[m.ID] = struct{}{}
			s.end(effectID(&Effect{Act: ActRelease, Mail: m.ID})) // decided, and perhaps not done yet
			due = append(due, s.start(now, Effect{Act: ActHold, Mail: m.ID, Incident: i.ID}))
		}
	}
	return due
}

// mayBeQueued reports whether the mail may still wait in the queue, and no person wants it to leave.
func (m *Mail) mayBeQueued() bool {
	switch m.Status {
	case MailPassed, MailReleasing, MailReleased:
		return m.QueueID != "" && !m.ByHand
	}
	return false
}

// keep turns a cooling mail into a held one of the incident.
func (s *State) keep(m *Mail, i *Incident) {
	delete(s.cool, m.ID)
	m.Status, m.ReleaseAt, m.Incident = MailHeld, 0, i.ID
	i.noteCooled(m)
	s.changed.Mails[m.ID] = struct{}{}
	s.changed.Incidents[i.ID] = struct{}{}
}

// keepAll keeps what cools of an incident's account, unless the incident is only told.
func (s *State) keepAll(i *Incident) {
	for _, m := range s.mailsOf(i.Account) {
		if m.Status == MailCooling && !i.Shadow {
			s.keep(m, i)
		}
	}
}

// mailsOf returns an account's mails in order of time.
func (s *State) mailsOf(account string) []*Mail {
	var of []*Mail
	for _, m := range s.mails {
		if m.Account == account {
			of = append(of, m)
		}
	}
	slices.SortFunc(of, byTime)
	return of
}
