package dnsbl

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Code is a pattern of answers and what they mean.
type Code struct {
	Text  string `json:"code"`
	Means string `json:"means"`
	List  string `json:"list,omitempty"` // the list whose rules hold for this answer

	low, high [4]byte
	bit       byte // of the last octet of 127.0.0.x
	other     bool // whatever no other code of the list matches
}

// refusals is what every list's refusals have: the convention of 127.255.255.0/24.
var refusals = Code{Text: "127.255.255.*", Means: "refused, says a convention of lists", low: [4]byte{127, 255, 255, 0}, high: [4]byte{127, 255, 255, 255}}

// Refusal is for what a list does not answer, as far as its code says so.
type Refusal string

// The refusals of the convention; the empty one is for another reason, or for none that was given.
const (
	WrongZone     Refusal = "zone"     // 127.255.255.252: the name of the zone is wrong
	WrongResolver Refusal = "resolver" // 127.255.255.254: a public resolver, or one that nobody knows
	TooMany       Refusal = "many"     // 127.255.255.255: too many questions
)

// refusalOf is what a code of the convention says.
func refusalOf(a [4]byte) Refusal {
	if !refusals.matches(a) {
		return ""
	}
	return map[byte]Refusal{252: WrongZone, 254: WrongResolver, 255: TooMany}[a[3]]
}

// parseCode reads a pattern: an address of 127.0.0.0/8 of which each octet may be a range or *, "bit N" with N a
// power of two up to 128, or "other".
func parseCode(text string) (Code, error) {
	c := Code{Text: text}
	if text == "other" {
		c.other = true
		return c, nil
	}
	if number, is := strings.CutPrefix(text, "bit "); is {
		n, err := strconv.ParseUint(number, 10, 8)
		if err != nil || n == 0 || n&(n-1) != 0 || number != strconv.Itoa(int(n)) {
			return c, errors.New("a bit is 1, 2, 4, 8, 16, 32, 64 or 128")
		}
		c.bit = byte(n)
		return c, nil
	}
	octets := strings.Split(text, ".")
	if len(octets) != 4 {
		return c, errors.New("not four octets")
	}
	for i, octet := range octets {
		low, high, ok := octetRange(octet)
		if !ok {
			return c, errors.New("octet " + strconv.Itoa(i+1) + " is no number, range or *")
		}
		c.low[i], c.high[i] = low, high
	}
	if octets[0] != "127" {
		return c, errors.New("not in 127.0.0.0/8")
	}
	return c, nil
}

func octetRange(text string) (low, high byte, ok bool) {
	if text == "*" {
		return 0, 255, true
	}
	from, to, ranged := strings.Cut(text, "-")
	if low, ok = octet(from); !ok || !ranged {
		return low, low, ok
	}
	high, ok = octet(to)
	return low, high, ok && low < high
}

func octet(text string) (byte, bool) {
	n, err := strconv.ParseUint(text, 10, 8)
	return byte(n), err == nil && strconv.Itoa(int(n)) == text
}

// matches reports whether a is one of the code's answers; other matches nothing by itself.
func (c *Code) matches(a [4]byte) bool {
	if c.other {
		return false
	}
	if c.bit != 0 {
		return a[0] == 127 && a[1] == 0 && a[2] == 0 && a[3]&c.bit != 0
	}
	for i := range a {
		if a[i] < c.low[i] || a[i] > c.high[i] {
			return false
		}
	}
	return true
}

// matching returns the codes that match a; other is what is left when none does.
func matching(codes []Code, a [4]byte) []*Code {
	var all []*Code
	var other *Code
	for i := range codes {
		if codes[i].matches(a) {
			all = append(all, &codes[i])
		} else if codes[i].other {
			other = &codes[i]
		}
	}
	if all == nil && other != nil {
		all = append(all, other)
	}
	return all
}

// isCode reports whether an answer is in 127.0.0.0/8: what is not is no answer of a list.
func isCode(addr netip.Addr) bool { return addr.Is4() && addr.As4()[0] == 127 }

// MembersOf are the lists whose rules hold for an answer that lists; none where the list does not say that it has others' data.
func (l *List) MembersOf(answer string) (names []string) {
	addr, err := netip.ParseAddr(answer)
	if err != nil || !isCode(addr) {
		return nil
	}
	for _, c := range matching(l.Codes, addr.As4()) {
		if c.List != "" && !slices.Contains(names, c.List) {
			names = append(names, c.List)
		}
	}
	return names
}
