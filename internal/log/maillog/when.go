package maillog

// When reads the stamp of a line, and nothing else of it if it is a common one.
func When(line []byte, into *Stamp) bool {
	*into = Stamp{}
	s := scan{line[:min(len(line), MaxLine)]}
	if s.stamp(into) {
		if year := s; into.Year != 0 || !year.year(&Stamp{}) {
			return true
		}
	}
	var l Line
	ok := Parse(line, &l)
	*into = l.Stamp
	return ok
}
