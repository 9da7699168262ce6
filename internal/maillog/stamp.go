package maillog

import "time"

// Stamp is the time a line claims, not yet put on the calendar.
type Stamp struct {
	Year                 int16 // 0: not told (RFC 3164)
	Month, Day           uint8 // 1..12, 1..31
	Hour, Minute, Second uint8 // Second is 0..60
	Nanosecond           int32
	Offset               int32 // seconds east of UTC, with Year only
}

// Time puts the stamp on the calendar. A stamp with a year carries its own offset. One without (RFC 3164) is
// local time: it is read in now's location, in the latest year that puts it no more than a day after now. For an
// old file, give its modification time as now. An hour that a clock change repeats is read as one of the two.
func (s Stamp) Time(now time.Time) time.Time {
	if s.Year != 0 {
		t := s.in(int(s.Year), time.UTC)
		return t.Add(-time.Duration(s.Offset) * time.Second)
	}
	limit := now.Add(24 * time.Hour)
	for year := now.Year() + 1; ; year-- {
		t := s.in(year, now.Location())
		leapless := s.Month == 2 && s.Day == 29 && !leap(year)
		if !leapless && !t.After(limit) {
			return t
		}
	}
}

func (s Stamp) in(year int, loc *time.Location) time.Time {
	return time.Date(year, time.Month(s.Month), int(s.Day), int(s.Hour), int(s.Minute), int(s.Second), int(s.Nanosecond), loc)
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// stamp reads a stamp and the space after it.
func (s *scan) stamp(into *Stamp) bool {
	if len(s.rest) > 0 && s.rest[0] >= '0' && s.rest[0] <= '9' {
		return s.stamp3339(into)
	}
	return s.stamp3164(into)
}

// stamp3164 reads "Jan  2 15:04:05 " (RFC 3164 section 4.1.2; the day also as "02").
func (s *scan) stamp3164(into *Stamp) bool {
	b := s.rest
	if len(b) < 16 || b[3] != ' ' || b[6] != ' ' || b[15] != ' ' {
		return false
	}
	into.Month = monthOf(b[0], b[1], b[2])
	day := digit(b[5])
	if b[4] != ' ' {
		day += 10 * digit(b[4])
	}
	into.Day = uint8(min(day, 99))
	s.rest = b[16:]
	return into.clock(b[7:15]) && into.valid()
}

// stamp3339 reads "2006-01-02T15:04:05.999999+01:00 " (RFC 3339 section 5.6; the offset also as "+0100").
func (s *scan) stamp3339(into *Stamp) bool {
	b := s.rest
	if len(b) < 20 || b[4] != '-' || b[7] != '-' || b[10] != 'T' {
		return false
	}
	into.Year = int16(pair(b, 0)*100 + pair(b, 2))
	into.Month, into.Day = uint8(pair(b, 5)), uint8(pair(b, 8))
	if into.Year < 1970 || into.Year > 9999 || !into.clock(b[11:19]) || !into.valid() {
		return false
	}
	s.rest = b[19:]
	if s.byte('.') && !s.fraction(into) {
		return false
	}
	return s.offset(into) && s.byte(' ')
}

// fraction reads 1 to 9 digits behind the point.
func (s *scan) fraction(into *Stamp) bool {
	n, scale := 0, int32(100_000_000)
	for n < len(s.rest) && digit(s.rest[n]) <= 9 {
		into.Nanosecond += int32(digit(s.rest[n])) * scale
		scale /= 10
		n++
	}
	s.rest = s.rest[n:]
	return n >= 1 && n <= 9
}

func (s *scan) offset(into *Stamp) bool {
	if s.byte('Z') {
		return true
	}
	sign := int32(1)
	if !s.byte('+') {
		if !s.byte('-') {
			return false
		}
		sign = -1
	}
	if len(s.rest) < 4 {
		return false
	}
	hours := pair(s.rest, 0)
	s.rest = s.rest[2:]
	s.byte(':')
	if len(s.rest) < 2 {
		return false
	}
	minutes := pair(s.rest, 0)
	s.rest = s.rest[2:]
	into.Offset = sign * int32(hours*3600+minutes*60)
	return hours <= 23 && minutes <= 59
}

// clock reads "15:04:05".
func (t *Stamp) clock(b []byte) bool {
	hour, minute, second := pair(b, 0), pair(b, 3), pair(b, 6)
	t.Hour, t.Minute, t.Second = uint8(hour), uint8(minute), uint8(second)
	return b[2] == ':' && b[5] == ':' && hour <= 23 && minute <= 59 && second <= 60
}

var monthDays = [13]uint8{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func (t *Stamp) valid() bool {
	if t.Month < 1 || t.Month > 12 || t.Day < 1 || t.Day > monthDays[t.Month] {
		return false
	}
	return t.Year == 0 || t.Month != 2 || t.Day != 29 || leap(int(t.Year))
}

func monthOf(a, b, c byte) uint8 {
	switch string([]byte{a, b, c}) {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

// digit is 0..9, or 200 for what is no digit.
func digit(c byte) int {
	if c < '0' || c > '9' {
		return 200
	}
	return int(c - '0')
}

// pair is a two-digit number at i, or a number above 99 when it is none.
func pair(b []byte, i int) int {
	high, low := digit(b[i]), digit(b[i+1])
	if high > 9 || low > 9 {
		return 200
	}
	return high*10 + low
}
