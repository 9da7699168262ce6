package attach

import "bytes"

// A logical line of main.cf or master.cf (postconf(5), "main.cf file format"): text that begins without white
// space, and the lines after it that begin with white space. Comment lines and blank lines may stand in between;
// they do not end it.
type logical struct {
	number int    // of its first physical line, from 1
	text   []byte // its physical lines without their ends, joined; comments and blank lines left out
	at     []int  // for each byte of text its offset in the file
	tail   span   // the last physical line with text
}

// span is a physical line: [start,end) is its text, [end,next) the line end, empty at the end of the file.
type span struct{ start, end, next int }

func (s span) eol(file []byte) string { return string(file[s.end:s.next]) }

// parseLines reads the logical lines of a file. Text that continues nothing is left out, as Postfix does.
func parseLines(file []byte) []logical {
	var lines []logical
	orphan := false
	for number, s := range physicalLines(file) {
		text := file[s.start:s.end]
		trimmed := bytes.TrimLeft(text, " \t\r\v\f")
		switch {
		case len(trimmed) == 0 || trimmed[0] == '#':
			continue
		case len(trimmed) == len(text):
			orphan = false
			lines = append(lines, logical{number: number + 1})
		case len(lines) == 0 || orphan:
			orphan = true
			continue
		}
		lines[len(lines)-1].add(file, s)
	}
	return lines
}

func (l *logical) add(file []byte, s span) {
	l.text = append(l.text, file[s.start:s.end]...)
	for i := s.start; i < s.end; i++ {
		l.at = append(l.at, i)
	}
	l.tail = s
}

// physicalLines cuts a file at its newlines. A carriage return before the newline belongs to the line end.
func physicalLines(file []byte) []span {
	var spans []span
	for start := 0; start < len(file); {
		s := span{start: start, end: len(file), next: len(file)}
		if i := bytes.IndexByte(file[start:], '\n'); i >= 0 {
			s.end, s.next = start+i, start+i+1
			if s.end > start && file[s.end-1] == '\r' {
				s.end--
			}
		}
		spans = append(spans, s)
		start = s.next
	}
	return spans
}

// lineOf returns the number, from 1, and the text of the physical line that offset lies in.
func lineOf(file []byte, offset int) (number int, text string) {
	for i, s := range physicalLines(file) {
		if offset < s.next || s.next == len(file) {
			return i + 1, string(file[s.start:s.end])
		}
	}
	return 1, ""
}

func isSpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }
