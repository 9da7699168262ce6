package guard

import "fmt"

// Jobs is what the clock makes due.
type Jobs struct {
	Events  []Event  // to be journaled and applied
	Effects []Effect // to be tried (again)
}

// Due returns what is due at now: cooling times that are over, and effects without an outcome whose time has
// come. It reads s and changes nothing; asking twice gives the same jobs, which have the same keys.
func Due(s *State, now Time) Jobs {
	var jobs Jobs
	for id := range s.cool {
		if m := s.mails[id]; m != nil && m.ReleaseAt <= now {
			jobs.Events = append(jobs.Events, Event{Key: "cooled:" + id, Kind: KindCooled, At: now, Mail: id})
		}
	}
	for _, id := range s.open {
		if i := s.incidents[id]; i.Shadow && now.Sub(i.Opened) >= shadowFor {
			jobs.Events = append(jobs.Events, Event{Key: fmt.Sprintf("shadow:%d", id), Kind: KindClosed, At: now, Incident: id})
		}
	}
	for _, e := range s.effects {
		if e.Next <= now {
			jobs.Effects = append(jobs.Effects, *e)
		}
	}
	return jobs
}
