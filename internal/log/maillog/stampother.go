package maillog

import "time"

// here is the zone of a stamp that has a year and no offset: the clock of the place.
const here = '?'

// otherStamp reads the stamps that Dovecot's log_timestamp and others can make, and the blanks behind them: any of the dates
// below (or a label of TAI64N), with a clock, a fraction behind a point or a comma, an offset, UTC, or none of these, perhaps in brackets.
func (s *scan) otherStamp(into *Stamp) bool {
	bracket := s.byte('[')
	if !s.weekday() || !s.dated(into) || !into.valid() || bracket && !s.byte(']') {
		return false
	}
	if into.Year != 0 && into.zone[0] == 0 && into.Offset == 0 {
		into.zone[0] = here
	}
	if into.zone[0] == utc {
		into.zone[0] = 0
	}
	n := len(s.rest)
	for s.byte(' ') {
	}
	return len(s.rest) < n
}

// utc stands in a stamp's zone for an offset of nothing, while it is read.
const utc = '='

// weekday takes "Sun " or "Sun, ", if it is there.
func (s *scan) weekday() bool {
	if len(s.rest) < 5 {
		return false
	}
	switch string(s.rest[:3]) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		s.rest = s.rest[3:]
		s.byte(',')
		return s.byte(' ')
	}
	return true
}

func (s *scan) dated(into *Stamp) bool {
	whole := *s
	if s.monthFirst(into) {
		return true
	}
	*s, *into = whole, Stamp{}
	if s.yearFirst(into) {
		return true
	}
	*s, *into = whole, Stamp{}
	if s.dayFirst(into) {
		return true
	}
	*s, *into = whole, Stamp{}
	return s.epoch(into) || s.label(into)
}

// monthFirst: "Apr  2 07:00:01", with a year behind the day or at the end, there perhaps behind a zone.
func (s *scan) monthFirst(into *Stamp) bool {
	if !s.month(into) || !s.byte(' ') {
		return false
	}
	s.byte(' ')
	if !s.day(into) {
		return false
	}
	s.byte(',')
	if !s.byte(' ') {
		return false
	}
	if whole := *s; !s.year(into) || !s.byte(' ') {
		*s, into.Year = whole, 0
	}
	if !s.daytime(into) {
		return false
	}
	if into.Year == 0 {
		s.lastYear(into)
	}
	return true
}

// lastYear takes " 2026", " CEST 2026" or " +0200 2026".
func (s *scan) lastYear(into *Stamp) {
	whole, was := *s, *into
	if s.byte(' ') && s.year(into) && s.over() {
		return
	}
	*s, *into = whole, was
	if s.zoned(into) && s.byte(' ') && s.year(into) && s.over() {
		return
	}
	*s, *into = whole, was
}

// zoned takes " CEST", " UTC" or " +0200".
func (s *scan) zoned(into *Stamp) bool {
	if s.displaced(into) {
		return true
	}
	if !s.byte(' ') {
		return false
	}
	letters, ok := s.take(word)
	if !ok || len(letters) > len(into.zone) || letters[0] < 'A' || letters[0] > 'Z' { // a host may be called 0
		return false
	}
	copy(into.zone[:], letters)
	return true
}

// over reports whether a stamp can end here.
func (s *scan) over() bool { return len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == ']') }

// yearFirst: "2026-04-12 07:00:01", also with a T, slashes or points.
func (s *scan) yearFirst(into *Stamp) bool {
	if !s.year(into) || len(s.rest) < 7 {
		return false
	}
	b := s.rest
	into.Month, into.Day = uint8(pair(b, 1)), uint8(pair(b, 4))
	if b[0] != b[3] || b[0] != '-' && b[0] != '/' && b[0] != '.' || b[6] != ' ' && b[6] != 'T' && b[6] != '_' {
		return false
	}
	s.rest = b[7:]
	return s.daytimeThere(into)
}

// dayFirst: "12.04.2026 07:00:01", "12 Apr 2026 07:00:01", "12/Apr/2026:07:00:01 +0200". Where both are numbers and no points
// are between them, some write the month first: not read.
func (s *scan) dayFirst(into *Stamp) bool {
	if !s.day(into) || len(s.rest) < 3 {
		return false
	}
	between := s.rest[0]
	s.rest = s.rest[1:]
	if between == '.' {
		into.Month = uint8(pair(s.rest, 0))
		s.rest = s.rest[2:]
	} else if between != ' ' && between != '/' && between != '-' || !s.month(into) {
		return false
	}
	if !s.byte(between) || !s.year(into) || !s.byte(' ') && !s.byte(':') {
		return false
	}
	return s.daytimeThere(into)
}

// daytimeThere takes a clock, and an offset if there is one.
func (s *scan) daytimeThere(into *Stamp) bool {
	ok := s.daytime(into)
	if ok {
		s.displaced(into)
	}
	return ok
}

// epoch: "1775977201" or "1775977201.250", seconds since 1970.
func (s *scan) epoch(into *Stamp) bool {
	seconds, ok := s.number()
	if !ok || seconds < 1e8 || seconds > 1e10 {
		return false
	}
	*into = stampOf(time.Unix(seconds, 0))
	into.zone[0] = utc
	return !s.byte('.') || s.fraction(into)
}

// label: "@4000000069f769df0c2ee5b4", a TAI64N label, as multilog and s6-log write it: 2^62 and ten more than the seconds since 1970,
// and nanoseconds.
func (s *scan) label(into *Stamp) bool {
	if !s.byte('@') {
		return false
	}
	seconds, ok := s.hexadecimal(16)
	nanoseconds, whole := s.hexadecimal(8)
	if seconds -= 1<<62 + 10; !ok || !whole || seconds > 1e10 || nanoseconds > 999_999_999 {
		return false
	}
	*into = stampOf(time.Unix(int64(seconds), int64(nanoseconds)))
	into.zone[0] = utc
	return true
}

// hexadecimal reads n digits, in small letters.
func (s *scan) hexadecimal(n int) (number uint64, ok bool) {
	if len(s.rest) < n {
		return 0, false
	}
	for _, c := range s.rest[:n] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		number = number<<4 | uint64(c)
	}
	s.rest = s.rest[n:]
	return number, true
}

func (s *scan) month(into *Stamp) bool {
	if len(s.rest) < 4 {
		return false
	}
	into.Month = monthOf(s.rest[0], s.rest[1], s.rest[2])
	s.rest = s.rest[3:]
	return into.Month != 0
}

func (s *scan) day(into *Stamp) bool {
	b, ok := s.take(digits)
	if !ok || len(b) > 2 {
		return false
	}
	into.Day = b[len(b)-1] - '0'
	if len(b) == 2 {
		into.Day += 10 * (b[0] - '0')
	}
	return true
}

func (s *scan) year(into *Stamp) bool {
	if len(s.rest) < 4 {
		return false
	}
	n := pair(s.rest, 0)*100 + pair(s.rest, 2)
	if n < 1970 || n > 9999 || pair(s.rest, 2) > 99 {
		return false
	}
	into.Year, s.rest = int16(n), s.rest[4:]
	return true
}

// daytime takes "07:00:01", and a fraction.
func (s *scan) daytime(into *Stamp) bool {
	if len(s.rest) < 8 || !into.clock(s.rest[:8]) {
		return false
	}
	s.rest = s.rest[8:]
	if s.byte('.') || s.byte(',') {
		return s.fraction(into)
	}
	return true
}

// displaced takes an offset, with or without a blank before it: "Z", "+02:00", " +0200", "+02", " UTC". It takes nothing
// else.
func (s *scan) displaced(into *Stamp) bool {
	whole := *s
	s.byte(' ')
	if s.byte('Z') || s.lit("UTC") || s.lit("GMT") {
		if into.zone[0] = utc; s.over() {
			return true
		}
	} else if len(s.rest) > 3 && (s.rest[0] == '+' || s.rest[0] == '-') && (s.offset(into) || s.wholeHours(whole, into)) && s.over() {
		into.zone[0] = utc
		return true
	}
	*s, into.zone, into.Offset = whole, [6]byte{}, 0
	return false
}

// wholeHours takes "+02".
func (s *scan) wholeHours(whole scan, into *Stamp) bool {
	*s = whole
	s.byte(' ')
	hours := int32(pair(s.rest, 1))
	if into.Offset = hours * 3600; s.rest[0] == '-' {
		into.Offset = -into.Offset
	}
	s.rest = s.rest[3:]
	return hours <= 23
}
