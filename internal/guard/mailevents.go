package guard

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// mailEvent applies what the log, the queue or the clock says of one mail. A mail that is not followed (any
// more) makes it a fact that changes nothing.
func (s *State) mailEvent(e *Event) []Effect {
	m := s.mails[e.Mail]
	if m == nil || m.Status == MailRemoved {
		return nil
	}
	s.changed.Mails[m.ID] = struct{}{}
	switch e.Kind {
	case KindUntaken:
		s.untaken(m)
	case KindLeft, KindBounced:
		s.answered(m, e)
	case KindRequeued:
		s.requeued(m, e.QueueID)
	case KindRenamed:
		s.renamed(m, e.QueueID)
	case KindForeign:
		s.foreign(m, e.Key)
	case KindGone:
		if m.Waiting() {
			s.stopWaiting(m)
			s.drop(m)
		}
	case KindRemoved:
		s.removeMail(m, e.At)
	case KindCooled:
		return s.cooled(m, e.At)
	}
	return nil
}

// untaken gives back what a mail spent that the MTA never took: its sender keeps it, and will try again.
func (s *State) untaken(m *Mail) {
	a := s.touch(m.Account)
	a.Suspicion.takeBack(m)
	if m.Status == MailPassed || m.Status == MailCooling {
		a.giveBack(m)
		if m.tier() == TierForeign && m.Status == MailCooling {
			s.site.Unfamiliar.giveBack(m.ReleaseAt, m.New)
			s.changed.Site = true
		}
	}
	if i := s.incidents[m.Incident]; i != nil && m.Status == MailHeld {
		i.Held = max(i.Held-1, 0)
		s.changed.Incidents[i.ID] = struct{}{}
	}
	s.stopWaiting(m)
	s.drop(m)
}

// answered counts a recipient whose server took the mail, or refused it for good: each once.
func (s *State) answered(m *Mail, e *Event) {
	h := s.site.Secret.hash(e.Recipient)
	before := m.Left
	if e.Kind == KindBounced {
		before = m.Bounced
	}
	if slices.Contains(before, h) || len(before) >= MaxRecipients {
		return
	}
	a := s.touch(m.Account)
	if len(m.Left)+len(m.Bounced) == 0 {
		a.Suspicion.Answered.add(e.At, 1)
		if m.unfamiliar() {
			a.Suspicion.Abroad.Answered.add(e.At, 1)
		}
	}
	if e.Kind == KindBounced {
		s.bounced(a, m, e, h)
		return
	}
	m.Left = append(m.Left, h)
	if i := s.incidents[cmp.Or(m.Incident, m.FreedWith)]; i != nil {
		i.took(m.ByHand, e.At)
		s.changed.Incidents[i.ID] = struct{}{}
	}
}

// took counts a recipient whose server took a mail of the incident: before a person let it go, or for that.
func (i *Incident) took(byHand bool, at Time) {
	if byHand {
		i.Freed++
	} else {
		i.Left++
		i.LeftAt = max(i.LeftAt, at)
	}
}

// bounced counts a refusal against the account once a mail, and once a receiving domain and day; not from those who wrote
// to it first, nor when too many wrote to tell: nobody outside decides what is thought of an account.
func (s *State) bounced(a *Account, m *Mail, e *Event, h uint64) {
	first := len(m.Bounced) == 0
	m.Bounced = append(m.Bounced, h)
	if !first || m.Crowded || slices.Contains(m.Wrote, writer(h>>32)) {
		return
	}
	if a.Suspicion.newBouncer(uint32(s.site.Secret.hash(domainOf(e.Recipient))), e.At) {
		a.Suspicion.bounced(e.At, m.unfamiliar(), strings.HasPrefix(e.DSN, "5.7."))
	}
}

// foreign notes that somebody put the mail on hold. The line that our own act writes is not somebody's.
func (s *State) foreign(m *Mail, line string) {
	if slices.Contains(m.HoldLines, line) || len(m.HoldLines) >= maxHoldLines {
		return
	}
	m.HoldLines = append(m.HoldLines, line)
	if m.Holds > 0 {
		m.Holds--
		return
	}
	s.stopWaiting(m)
	m.Status = MailForeign
}

// requeued follows a mail to its new queue ID. Postfix takes it off hold with that, and asks no milter: an administrator
// let it go.
func (s *State) requeued(m *Mail, queueID string) {
	s.renamed(m, queueID)
	switch m.Status {
	case MailCooling, MailHeld, MailForeign, MailReleasing:
		s.stopWaiting(m)
		s.end(effectID(&Effect{Act: ActRelease, Mail: m.ID}))
		m.Status, m.ByHand, m.Teach, m.Unkeyed = MailReleased, true, nil, nil
	}
}

// restored takes in a deleted mail that is back in hold, for a person to decide. A mail that is there, under its own name or as
// the one that has this queue ID, is not taken in twice.
func (s *State) restored(e *Event) {
	if len(e.Trashed) != 1 || s.waitsAs(e.Trashed[0].ID) || s.Queued(e.QueueID) != nil {
		return
	}
	m := e.Trashed[0].Clone()
	s.forgetRemoved(m.ID)
	m.Status, m.QueueID, m.ReleaseAt, m.ByHand = MailHeld, e.QueueID, 0, false
	m.Holds, m.HoldLines = 0, nil
	s.mails[m.ID] = m
	s.noteQueueID(m)
	s.changed.Mails[m.ID] = struct{}{}
	s.waits(s.touch(m.Account), 1)
	if i := s.incidents[m.Incident]; i != nil {
		i.Deleted = max(i.Deleted-1, 0)
		s.changed.Incidents[i.ID] = struct{}{}
	}
}

// waitsAs reports whether a mail is followed still, and not only remembered.
func (s *State) waitsAs(id string) bool {
	m := s.mails[id]
	return m != nil && m.Status != MailRemoved
}

// forgetRemoved ends that a mail is remembered as one that left: it is back.
func (s *State) forgetRemoved(id string) {
	s.removed = slices.DeleteFunc(s.removed, func(other string) bool { return other == id })
}

// renamed follows a mail to its new queue ID. It lies where it lay.
func (s *State) renamed(m *Mail, queueID string) {
	if s.queue[m.QueueID] == m.ID {
		delete(s.queue, m.QueueID)
	}
	m.QueueID = queueID
	s.noteQueueID(m)
}

func (s *State) removeMail(m *Mail, now Time) {
	s.stopWaiting(m)
	i := s.incidents[m.Incident]
	shadow := i != nil && i.Shadow && i.Status != IncidentClosed // a person may still say that it was the owner
	if !shadow && (!m.unfamiliar() || m.ByHand) {
		s.drop(m)
		return
	}
	m.Status, m.RemovedAt = MailRemoved, now
	if !shadow {
		m.Teach = nil
	}
	if s.queue[m.QueueID] == m.ID {
		delete(s.queue, m.QueueID)
	}
	s.removed = append(s.removed, m.ID)
}

// cooled lets a mail go whose time is over, if the account is still normal and may still send; else a person decides.
func (s *State) cooled(m *Mail, now Time) []Effect {
	if m.Status != MailCooling {
		return nil
	}
	a := s.touch(m.Account)
	i := s.openIncident(m.Account)
	switch {
	case i != nil && !i.Shadow:
		s.keep(m, i)
		return nil
	case a.Listing != nil && a.Listing.Denied: // since it waits
		delete(s.cool, m.ID)
		m.Status, m.ReleaseAt = MailHeld, 0
		return nil
	}
	return []Effect{s.letGo(a, m, now)}
}

// letGo releases a mail that waits. What it was held for becomes ordinary: its recipients are known now.
func (s *State) letGo(a *Account, m *Mail, now Time) Effect {
	s.stopWaiting(m)
	if !m.ByHand && now.Sub(m.ReleaseAt) > time.Hour { // postward was down: it leaves on another day than it was counted on
		a.spendOn(now, m.tier(), m.New)
	}
	m.Status = MailReleasing
	if m.Unlearned && !m.ByHand {
		m.Teach, m.Unkeyed = nil, nil
		s.changed.Mails[m.ID] = struct{}{}
		return s.start(now, Effect{Act: ActRelease, Mail: m.ID, Incident: m.Incident})
	}
	a.learn(m.Teach, now, notesOf(m.unfamiliar() && !m.ByHand, m.Strange && !m.ByHand))
	a.rememberUnkeyed(m.Unkeyed, now)
	s.credit(a, m, 0, now)
	m.Teach, m.Unkeyed = nil, nil
	s.changed.Mails[m.ID] = struct{}{}
	return s.start(now, Effect{Act: ActRelease, Mail: m.ID, Incident: m.Incident})
}
