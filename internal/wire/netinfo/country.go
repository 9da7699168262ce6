package netinfo

// lettersPairs is how many codes of two letters there are. Code number 0 is none, AA is 1, ZZ is the last.
const lettersPairs = 26 * 26

// letters is every code in a row, so that a country costs no allocation.
var letters = func() string {
	all := make([]byte, 0, 2*lettersPairs)
	for i := range lettersPairs {
		all = append(all, byte('A'+i/26), byte('A'+i%26))
	}
	return string(all)
}()

// country returns the code of a number, or nothing.
func country(n int) string {
	if n < 1 || n > lettersPairs {
		return ""
	}
	return letters[2*n-2 : 2*n]
}

// countryNumber returns the number of a code. It is 0 for what is none: not two capital letters, a region, or a
// code kept for private use. XK is the exception: nobody has another one for Kosovo.
func countryNumber(code string) int {
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return 0
	}
	switch {
	case code == "AA", code == "AP", code == "EU", code == "ZZ", code[0] == 'X' && code != "XK", code[0] == 'Q' && code[1] >= 'M':
		return 0
	}
	return int(code[0]-'A')*26 + int(code[1]-'A') + 1
}
