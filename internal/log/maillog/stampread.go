package maillog

import "time"

// stamp reads a stamp and the space after it: RFC 3164's (also with a fraction, journalctl -o short-precise), RFC
// 3339's, journalctl's short-iso ("+0100"), short-full ("Sat 2024-11-23 17:29:01 CET") and short-unix.
func (s *scan) stamp(into *Stamp) bool {
	b := s.rest
	if len(b) < 16 {
		return false
	}
	switch {
	case b[0] < '0' || b[0] > '9':
		if b[3] == ' ' && b[8] == '-' {
			return s.stampFull(into)
		}
		return s.stamp3164(into)
	case b[4] == '-':
		return s.stamp3339(into)
	}
	return s.stampUnix(into)
}

// stamp3164 reads "Jan  2 15:04:05 " (RFC 3164 section 4.1.2; the day also as "02" and "2").
func (s *scan) stamp3164(into *Stamp) bool {
	b := s.rest
	if b[3] != ' ' {
		return false
	}
	into.Month = monthOf(b[0], b[1], b[2])
	day := digit(b[5])
	clock := 7
	switch {
	case b[5] == ' ':
		day = digit(b[4])
		clock = 6
	case b[4] != ' ':
		day += 10 * digit(b[4])
	}
	into.Day = uint8(min(day, 99))
	if len(b) < clock+9 || b[clock-1] != ' ' || !into.clock(b[clock:clock+8]) || !into.valid() {
		return false
	}
	s.rest = b[clock+8:]
	return (!s.byte('.') || s.fraction(into)) && s.byte(' ')
}

// stampFull reads "Sat 2024-11-23 17:29:01 CET ". "UTC" is an offset, all other letters are those of the place.
func (s *scan) stampFull(into *Stamp) bool {
	if len(s.rest) < 24 || s.rest[14] != ' ' || !into.date(s.rest[4:14]) || !into.clock(s.rest[15:23]) || !into.valid() {
		return false
	}
	s.rest = s.rest[23:]
	if s.byte('.') && !s.fraction(into) || !s.byte(' ') {
		return false
	}
	zone, ok := s.take(word)
	if !ok || len(zone) > len(into.zone) {
		return false
	}
	if string(zone) != "UTC" {
		copy(into.zone[:], zone)
	}
	return s.byte(' ')
}

// stampUnix reads "1732379341.123456 ".
func (s *scan) stampUnix(into *Stamp) bool {
	seconds, ok := s.number()
	if !ok || seconds < 1e8 || seconds > 1e10 || !s.byte('.') {
		return false
	}
	*into = stampOf(time.Unix(seconds, 0))
	return s.fraction(into) && s.byte(' ')
}

// stamp3339 reads "2006-01-02T15:04:05.999999+01:00 " (RFC 3339 section 5.6; the offset also as "+0100").
func (s *scan) stamp3339(into *Stamp) bool {
	b := s.rest
	if len(b) < 20 || b[10] != 'T' || !into.date(b[:10]) || !into.clock(b[11:19]) || !into.valid() {
		return false
	}
	s.rest = b[19:]
	if s.byte('.') && !s.fraction(into) {
		return false
	}
	return s.offset(into) && s.byte(' ')
}

// date reads "2006-01-02".
func (t *Stamp) date(b []byte) bool {
	t.Year = int16(pair(b, 0)*100 + pair(b, 2))
	t.Month, t.Day = uint8(pair(b, 5)), uint8(pair(b, 8))
	return b[4] == '-' && b[7] == '-' && t.Year >= 1970 && t.Year <= 9999
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
