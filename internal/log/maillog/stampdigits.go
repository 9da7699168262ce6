package maillog

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
