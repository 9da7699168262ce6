package guard

import "time"

// The clock of a host is set right now and then: by an hour by a hurried hand, by years where there is no battery.
// What the State counts by time (budgets, cooling, suspicion) must neither be forgotten early because of it, nor wait
// for a time that will not come for a year.

// clock moves what runs by the clock along with a step of it (e.Step, positive: forward), and brings what a wrong clock
// dated after e.At back to e.At. What identifies a mail stays: when it was judged and when it was sent.
func (s *State) clock(e *Event) {
	step := Time(e.Step)
	s.site.Latest = e.At
	s.moveCounts(step, e.At)
	s.moveDates(s.site.Leap.rest(step, e.At), e.At)
}

// began lets what is counted, and what waits, go on as it was when postward last ran: e.Step is how long ago that is by
// the clock, and how much of it went by nobody knows. A clock that is ahead at boot says too much, and is set right later.
func (s *State) began(e *Event) {
	step := Time(e.Step)
	if step > s.site.Leap.By || s.site.Leap.over(e.At) {
		s.site.Leap = leap{step, e.At}
	}
	s.moveCounts(step, e.At)
}

// leap is time that went by while postward did not run: all of it, or none, and the clock was ahead.
type leap struct {
	By Time `json:"by"`
	At Time `json:"at"` // when postward began
}

// leapFor is how long a clock must run undisturbed until a leap of it is believed.
const leapFor = 7 * 24 * time.Hour

func (l leap) over(now Time) bool { return now.Sub(l.At) >= leapFor }

// rest takes a step to now off the leap, and returns by how much dates move. A clock that is set back soon after the start
// was ahead: the dates from before have their age again without being moved.
func (l *leap) rest(step, now Time) Time {
	if l.over(now - step) {
		*l = leap{}
	}
	undone := min(max(-step, 0), l.By)
	if l.By -= undone; l.By == 0 {
		*l = leap{}
	} else {
		l.At += step
	}
	return step + undone
}

// moveCounts moves what is counted over time, and what waits.
func (s *State) moveCounts(step, now Time) {
	by := stride{Time: step}
	by.hours = s.site.RestOfHours.take(step, hour)
	by.days = int32(s.site.RestOfDays.take(step, 24*hour))
	s.site.Unfamiliar.shift(by)
	s.site.Undeclared.shift(by)
	s.site.MachinesAlerted.shift(by)
	s.site.Spam.shift(by.Time)
	s.changed.Site = true
	for name := range s.accounts {
		s.touch(name).shiftCounts(by)
	}
	for id, m := range s.mails {
		m.shift(step, now)
		s.changed.Mails[id] = struct{}{}
	}
	for id, f := range s.effects {
		f.Since, f.Next = f.Since+step, f.Next+step
		s.changed.Effects[id] = struct{}{}
	}
}

// moveDates moves since when things are known, and when they were last seen.
func (s *State) moveDates(step, now Time) {
	by := stride{Time: step, days: int32(s.site.RestOfDates.take(step, 24*hour))}
	s.site.First = moved(s.site.First, step, now)
	s.changed.Site = true
	for name := range s.accounts {
		s.touch(name).shiftDates(by, now)
	}
}

// stride is a step of the clock, and what it is in the units that windows count in.
type stride struct {
	Time
	hours int64
	days  int32
}

// rest is what of the steps so far no window was moved by: a host that sleeps for a minute each hour must neither have the
// same day for ever nor a month in a week.
type rest Time

// take adds a step, and returns how many whole units are to be moved by, the nearest number.
func (r *rest) take(step, unit Time) int64 {
	all := Time(*r) + step
	n := (all + unit/2) / unit
	if (all+unit/2)%unit < 0 {
		n--
	}
	*r = rest(all - n*unit)
	return int64(n)
}

// shift moves the window by whole hours.
func (w *window) shift(by stride) {
	if w.Hour == 0 || by.hours == 0 {
		return
	}
	moved := window{Hour: w.Hour + by.hours}
	for back := range int64(len(w.Slots)) {
		if to, from := moved.Hour-back, w.Hour-back; to >= 0 && from >= 0 {
			moved.Slots[to%dayOfSlots] = w.Slots[from%dayOfSlots]
		}
	}
	*w = moved
}

func (a *Account) shiftCounts(by stride) {
	for i := range a.Spent.New {
		a.Spent.New[i].shift(by)
		a.Spent.Ten[i].shift(by)
	}
	for i := range a.Held {
		a.Held[i] += by.Time
	}
	a.Suspicion.shift(by)
	a.Wrote.shift(by)
	if a.Day != 0 {
		a.Day += by.days
	}
}

func (a *Account) shiftDates(by stride, now Time) {
	step := by.Time
	a.First, a.Last, a.LastNo, a.Past, a.Crowded = moved(a.First, step, now), moved(a.Last, step, now), moved(a.LastNo, step, now), moved(a.Past, step, now), moved(a.Crowded, step, now)
	a.Locked = moved(a.Locked, step, now)
	if a.Listing != nil {
		l := *a.Listing
		l.Since = moved(l.Since, step, now)
		a.Listing = &l
	}
	a.Known.shift(by, now)
	if a.Unkeyed != nil {
		a.Unkeyed.shift(by, now)
	}
	moveUses(a.Sources.Networks, step, now)
	moveUses(a.Sources.ASNs, step, now)
	moveUses(a.Sources.Countries, step, now)
	moveUses(a.Sources.Programs, step, now)
	for i := range a.Sources.Readings {
		r := &a.Sources.Readings[i]
		r.First, r.Last = min(r.First+by.days, int32(dayOf(now))), min(r.Last+by.days, int32(dayOf(now)))
	}
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

func (s *Suspicion) shift(by stride) {
	step := by.Time
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
	s.Asked.shift(by)
	s.Bounces.shift(by)
	s.Answered.shift(by)
	s.Abroad.Bounces.shift(by)
	s.Abroad.Answered.shift(by)
	s.Refusals.shift(by)
}

func (d *today) shift(by stride) {
	if d.Day != 0 {
		d.Day += by.days
	}
}

// shift moves the days on which recipients were last written to. What a clock without a battery took for the past of
// firstDay is today's when it is right again.
func (r *Recipients) shift(by stride, now Time) {
	for i, note := range r.notes {
		day := min(max(int(note&dayBits)+int(by.days), 0), int(packDay(now)))
		r.notes[i] = note&^dayBits | uint16(day)
	}
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
