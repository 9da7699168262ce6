package maillog

// longTime is how many characters of a long queue ID tell the time: six the second (enough until the year 2596),
// four the microsecond (mail_queue.h, MQID_LG_*).
const longTime = 10

// ValidQueueID reports whether b is a queue ID as Postfix makes them, and nothing else:
//
//   - short: upper-case hexadecimal, five digits of microseconds and the inode number (6 to 21 characters);
//   - long: in an alphabet without vowels, six characters of seconds, four of microseconds, a 'z', and the inode
//     number without any 'z' (12 to 23 characters).
//
// It is narrower than Postfix's own mail_queue_id_ok, which takes every alphanumeric word ("ALL", a log name).
func ValidQueueID(b []byte) bool {
	return shortID(b) || longID(b)
}

func shortID(b []byte) bool {
	if len(b) < 6 || len(b) > 21 {
		return false
	}
	for _, c := range b {
		if classes[c]&hex == 0 {
			return false
		}
	}
	return true
}

func longID(b []byte) bool {
	if len(b) < longTime+2 || len(b) > longTime+13 || b[longTime] != 'z' {
		return false
	}
	for i, c := range b {
		if classes[c]&safe == 0 || c == 'z' && i > longTime {
			return false
		}
	}
	return true
}

// queueID reads a queue ID that ends where its characters end.
func (s *scan) queueID() ([]byte, bool) {
	n, both := 0, hex|safe
	for n < len(s.rest) && n <= 23 {
		c := classes[s.rest[n]] & (hex | safe)
		if c == 0 {
			break
		}
		both &= c
		n++
	}
	b := s.rest[:n]
	short := both&hex != 0 && n >= 6 && n <= 21 // as shortID has it
	if !short && !longID(b) {
		return nil, false
	}
	s.rest = s.rest[n:]
	return b, true
}
