package maillog

// When reads the stamp of a line, and nothing else of it if it is a common one.
func When(line []byte, into *Stamp) bool {
	*into = Stamp{}
	s := scan{line[:min(len(line), MaxLine)]}
	if s.stamp(into) {
		if into.Year != 0 || !s.yearFollows() {
			return true
		}
	}
	var l Line
	ok := Parse(line, &l)
	*into = l.Stamp
	return ok
}

// yearFollows reports whether a year stands behind a stamp that has none, perhaps behind a zone: then it is another form of stamp.
func (s scan) yearFollows() bool {
	if year := s; year.year(&Stamp{}) {
		return true
	}
	_, zone := s.take(word)
	return zone && s.byte(' ') && s.year(&Stamp{}) && s.over()
}
