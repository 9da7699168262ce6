package guard

// The clock of a host is set right now and then: by an hour by a hurried hand, by years where there is no battery.
// What the State counts by time (budgets, cooling, suspicion) must neither be forgotten early because of it, nor wait
// for a time that will not come for a year.

// clock moves what runs by the clock along with a step of it (e.Step, positive: forward), and brings what a wrong clock
// dated after e.At back to e.At. What identifies a mail stays: when it was judged and when it was sent.
func (s *State) clock(e *Event) {
	step := Time(e.Step)
	s.site.Latest, s.site.First = e.At, moved(s.site.First, step, e.At)
	s.site.Unfamiliar.shift(step)
	s.site.Undeclared.shift(step)
	s.site.Spam.shift(step)
	s.changed.Site = true
	for name := range s.accounts {
		s.touch(name).shift(step, e.At)
	}
	for id, m := range s.mails {
		m.shift(step, e.At)
		s.changed.Mails[id] = struct{}{}
	}
	for id, f := range s.effects {
		f.Since, f.Next = f.Since+step, f.Next+step
		s.changed.Effects[id] = struct{}{}
	}
}

// shift moves the window by whole hours, rounded to what forgets later.
func (w *window) shift(step Time) {
	if w.Hour == 0 {
		return
	}
	hours := int64(step / hour) // of a step back this is rounded already
	if step > 0 && step%hour != 0 {
		hours++
	}
	moved := window{Hour: w.Hour + hours}
	for back := range int64(len(w.Slots)) {
		if to, from := moved.Hour-back, w.Hour-back; to >= 0 && from >= 0 {
			moved.Slots[to%dayOfSlots] = w.Slots[from%dayOfSlots]
		}
	}
	*w = moved
}

func (a *Account) shift(step, now Time) {
	for i := range a.Spent.New {
		a.Spent.New[i].shift(step)
		a.Spent.Ten[i].shift(step)
	}
	for i := range a.Held {
		a.Held[i] += step
	}
	a.Suspicion.shift(step)
	a.First, a.Last, a.LastNo, a.Past = moved(a.First, step, now), moved(a.Last, step, now), moved(a.LastNo, step, now), moved(a.Past, step, now)
	if a.Listing != nil {
		l := *a.Listing
		l.Since = moved(l.Since, step, now)
		a.Listing = &l
	}
	moveUses(a.Sources.Networks, step, now)
	moveUses(a.Sources.ASNs, step, now)
	moveUses(a.Sources.Countries, step, now)
	moveUses(a.Sources.Programs, step, now)
	for i := range a.Sources.Readings {
		r := &a.Sources.Readings[i]
		r.First, r.Last = min(r.First+wholeDays(step), int32(dayOf(now))), min(r.Last+wholeDays(step), int32(dayOf(now)))
	}
}

// wholeDays is a step of the clock in days, those of more than a half among them: a host that sleeps for a minute each night
// must neither have the same ten days for ever nor a month in a week.
func wholeDays(step Time) int32 {
	if step < 0 {
		return int32((step - 12*hour) / (24 * hour))
	}
	return int32((step + 12*hour) / (24 * hour))
}

// moved returns a date after a step of the clock: as long ago as it was. Zero stays unknown.
func moved(t, step, now Time) Time {
	if t == 0 {
		return 0
	}
	if t = min(t+step, now); t == 0 {
		t = -1
	}
	return t
}

func moveUses[K comparable](uses Uses[K], step, now Time) {
	for i := range uses {
		uses[i].First, uses[i].Last = moved(uses[i].First, step, now), moved(uses[i].Last, step, now)
	}
}

func (s *Suspicion) shift(step Time) {
	if s.Points != 0 {
		s.At += step
	}
	shiftAll(s.Strange, step)
	for i := range s.Texts {
		s.Texts[i].At += step
	}
	for i := range s.Bouncers {
		s.Bouncers[i].Hour += int32(step / hour)
	}
	s.Asked.shift(step)
}

func shiftAll(list []Strange, step Time) {
	for i := range list {
		list[i].At += step
	}
}

func (s *SpamMarks) shift(step Time) {
	shiftAll(s.Networks, step)
	for i := range s.Texts {
		s.Texts[i].At += step
	}
	for i := range s.Shared {
		s.Shared[i].At += step
	}
}

// shift moves the mail's cooling, and lets log lines of the new time be about it.
func (m *Mail) shift(step, now Time) {
	if m.ReleaseAt != 0 {
		m.ReleaseAt += step
	}
	if m.RemovedAt != 0 {
		m.RemovedAt += step
	}
	m.LinesFrom = min(m.linesFrom(), now)
	if m.LinesFrom == m.At {
		m.LinesFrom = 0
	}
}

// linesFrom is from when on log lines with the mail's queue id are about it.
func (m *Mail) linesFrom() Time {
	if m.LinesFrom != 0 {
		return m.LinesFrom
	}
	return m.At
}

// Tells reports whether a log line of a time can be about the mail: its queue id had other mails before it.
func (m *Mail) Tells(line Time) bool { return line >= m.linesFrom() }
