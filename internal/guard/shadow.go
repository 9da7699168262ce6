package guard

import "time"

// Shadow mode tells everything that enforcing would do, and learns nothing from it: the mail goes its way, and for
// the account everything else is as if it had been stopped.

// shadowFor is how long an incident of shadow mode stays open: what goes on is told again every day.
const shadowFor = 24 * time.Hour

// shadowed counts a mail that would have been stopped. What reaches strangers is spent all the same where budgets are
// enforced: another lock is in shadow then.
func (s *State) shadowed(a *Account, t *Transaction, v *Verdict) []Effect {
	gained := Points(0)
	if v.Would == Hold {
		gained = s.gather(a, t, v)
		a.noteHeld(t.At)
	}
	a.noteNotAs(v, t.At, 1, true)
	m := s.track(t, v, MailPassed, gained)
	m.Teach = s.unknownRecipients(a, t)
	if s.policy.Enforces(Budgets) {
		s.spend(a, t.At, v)
	}
	due := s.incidentOf(a, t, v, m)
	if i := s.incidents[m.Incident]; !i.Many && v.unfamiliar() && i.Refused >= manyRefused {
		i.Many = true // what opened it may have been a harmless thing
		due = append(due, s.start(t.At, Effect{Act: ActAlert, Incident: i.ID, Stage: AlertMany}))
	}
	return due
}

// tellShadow enters what a lock in shadow would have stopped, of a mail that waits for another one, into the account's
// incident. The mail itself does not belong to it: it leaves when its time is over.
func (s *State) tellShadow(a *Account, t *Transaction, v *Verdict) []Effect {
	a.noteNotAs(v, t.At, 1, true)
	told := *v
	told.Action, told.Cool = Accept, false
	return s.incidentOf(a, t, &told, &Mail{})
}

// newPolicy takes over what the operator decided. Where enforcing begins it begins with a clean sheet: what shadow mode
// told is told, and the next attack is an incident of its own.
func (s *State) newPolicy(e *Event) {
	began := false
	for _, subject := range Subjects {
		began = began || e.Policy.Enforces(subject) && !s.policy.Enforces(subject)
	}
	s.policy, s.changed.Policy = e.Policy, true
	for _, id := range s.open {
		if i := s.incidents[id]; began && i.Shadow {
			s.endShadow(i, e.At)
		}
	}
}

// endShadow closes an incident of shadow mode without a word, for nothing is held, and forgets what was gathered by it.
func (s *State) endShadow(i *Incident, now Time) {
	s.closeShadow(i, now)
	a := s.touch(i.Account)
	a.Status, a.Held, a.Suspicion = Normal, nil, Suspicion{}
}

func (s *State) closeShadow(i *Incident, now Time) {
	i.Status, i.Closed, i.Outcome = IncidentClosed, now, OutcomeShadow
	delete(s.open, i.Account)
	s.changed.Incidents[i.ID] = struct{}{}
}

// OutcomeShadow is the Incident.Outcome of one that shadow mode told, and nobody closed.
const OutcomeShadow = "shadow"
