package maillog

import "bytes"

// maxTimes bounds how many lines one is believed to stand for.
const maxTimes = 1_000_000

// repeated undoes what syslog daemons do with lines that are like the one before: rsyslog's "message repeated 7 times: [ TEXT]" and
// syslog-ng's "Last message 'TEXT' repeated 7 times, suppressed by syslog-ng on HOST" hold the text; others only count.
// No program that is read lets a stranger begin its words, so these are the daemon's.
func (l *Line) repeated() {
	if len(l.Text) == 0 || l.Text[0]|0x20 != 'l' && l.Text[0] != 'm' && classes[l.Text[0]]&digits == 0 {
		return // nearly all
	}
	s := scan{l.Text}
	switch {
	case string(l.Program) == lastRepeated, s.lit(lastRepeated+" ") && l.known():
		n, ok := s.number()
		if ok && s.lit(" times") && s.end() {
			l.Kind, l.Count = Repeats, min(n, maxTimes)
		}
	case s.lit("message repeated "):
		n, ok := s.number()
		if ok && s.lit(" times: [") && bytes.HasSuffix(s.rest, []byte("]")) {
			s.byte(' ')
			l.Text, l.Times = s.rest[:max(len(s.rest)-1, 0)], min(n, maxTimes)
		}
	case s.lit("Last message '"):
		l.suppressed(s)
	}
}

// suppressed reads syslog-ng's words. The last of what may be their end is theirs.
func (l *Line) suppressed(s scan) {
	const mark = "' repeated "
	at := bytes.LastIndex(s.rest, []byte(mark))
	if at < 0 {
		return
	}
	end := scan{s.rest[at+len(mark):]}
	n, ok := end.number()
	if ok && end.lit(" times, suppressed by syslog-ng on ") {
		l.Text, l.Times = s.rest[:at], min(n, maxTimes)
	}
}
