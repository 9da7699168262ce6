package maillog

import "time"

// Stamp is the time a line claims, not yet put on the calendar.
type Stamp struct {
	Year                 int16 // 0: not told (RFC 3164)
	Month, Day           uint8 // 1..12, 1..31
	Hour, Minute, Second uint8 // Second is 0..60
	Nanosecond           int32
	Offset               int32   // seconds east of UTC, with Year and without zone only
	zone                 [6]byte // with Year: the letters of a local zone, as journalctl -o short-full writes them, or here
}

// slack is how far the clock of the line's host may be ahead of ours.
const slack = time.Minute

// stampOf is the stamp of a moment.
func stampOf(t time.Time) Stamp {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return Stamp{Year: int16(year), Month: uint8(month), Day: uint8(day), Hour: uint8(hour), Minute: uint8(minute),
		Second: uint8(second), Nanosecond: int32(t.Nanosecond())}
}

// Time puts the stamp on the calendar. A stamp with a year and an offset needs no help. One without (RFC 3164) is
// local time: it is read in now's location, in the latest year that puts it no more than a day after now. For an old
// file, give its modification time as now. In an hour that a clock change repeats it is the later reading that is
// not after now; in one that it leaves out, the clock is read as if it had not been changed.
func (s Stamp) Time(now time.Time) time.Time { return s.Next(time.Time{}, now) }

// Next is Time for a line that comes after another in the same file: in an hour that a clock change repeats, it is the
// first reading that does not lie before last.
func (s Stamp) Next(last, now time.Time) time.Time {
	if s.Year != 0 && s.zone[0] == 0 {
		at := s.in(int(s.Year), time.UTC)
		if s.Offset != 0 {
			at = at.Add(-time.Duration(s.Offset) * time.Second)
		}
		return at
	}
	if s.Year != 0 {
		early, late := s.readings(int(s.Year), now.Location())
		if s.zone[0] == here {
			return which(early, late, last, now)
		}
		if name, _ := late.Zone(); name == s.letters() {
			return late
		}
		return early
	}
	limit := now.Add(24 * time.Hour)
	for year := limit.Add(24 * time.Hour).Year(); ; year-- { // a day more: no zone is further off
		early, late := s.readings(year, now.Location())
		leapless := s.Month == 2 && s.Day == 29 && !leap(year)
		if leapless || early.After(limit) {
			continue
		}
		return which(early, late, last, now)
	}
}

// which of two readings is meant, behind a line of which the moment is known, by the clock that is now.
func which(early, late, last, now time.Time) time.Time {
	if early.Equal(late) || late.After(now.Add(slack)) || !last.IsZero() && !early.Before(last.Add(-slack)) {
		return early
	}
	return late
}

// readings are the two moments at which the clocks of a place showed the stamp, in a year; mostly they are one.
func (s Stamp) readings(year int, loc *time.Location) (early, late time.Time) {
	naive := s.in(year, time.UTC)
	if loc == time.UTC {
		return naive, naive
	}
	_, before := naive.Add(-24 * time.Hour).In(loc).Zone()
	_, after := naive.Add(24 * time.Hour).In(loc).Zone()
	early = naive.Add(-time.Duration(before) * time.Second).In(loc)
	if before == after {
		return early, early
	}
	late = naive.Add(-time.Duration(after) * time.Second).In(loc)
	_, is := early.Zone()
	if _, is2 := late.Zone(); is2 != after {
		return early, early
	}
	if is != before {
		return late, late
	}
	return early, late
}

func (s Stamp) letters() string {
	for i, c := range s.zone {
		if c == 0 {
			return string(s.zone[:i])
		}
	}
	return string(s.zone[:])
}

// in is the moment of a stamp by a clock without changes. In UTC, which most stamps are read in, it is counted here: time.Date, which
// takes any month and day, needs longer.
func (s Stamp) in(year int, loc *time.Location) time.Time {
	if loc == time.UTC && s.Month >= 1 && s.Month <= 12 {
		seconds := int64(s.Hour)*3600 + int64(s.Minute)*60 + int64(s.Second)
		return time.Unix(daysSince1970(year, int(s.Month), int(s.Day))*86400+seconds, int64(s.Nanosecond)).UTC()
	}
	return time.Date(year, time.Month(s.Month), int(s.Day), int(s.Hour), int(s.Minute), int(s.Second), int(s.Nanosecond), loc)
}

// daysSince1970 counts the days up to a date of the Gregorian calendar: years begin in March, so that a leap day is a year's last.
func daysSince1970(year, month, day int) int64 {
	const upTo1970 = 719_468 // from the first of March of the year 0
	if month -= 3; month < 0 {
		month += 12
		year--
	}
	leaps := floor(year, 4) - floor(year, 100) + floor(year, 400)
	return int64(year*365 + leaps + (153*month+2)/5 + day - 1 - upTo1970)
}

// floor divides and rounds down, also before the year 0.
func floor(a, b int) int {
	if a < 0 {
		return -((b - 1 - a) / b)
	}
	return a / b
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// InYear is a stamp without a year, in one: by the clock of the place.
func (s Stamp) InYear(year int) Stamp {
	if s.Year == 0 {
		s.Year, s.zone = int16(year), [6]byte{here}
	}
	return s
}
