package spf

import (
	"net/netip"
	"strconv"
	"strings"
)

// Bounds of a record.
const (
	MaxTerms  = 1024
	maxFaults = 20
	maxShown  = 300 // octets of a term in a fault
)

// Parse reads a text for which IsRecord holds. It goes on after a fault: a record has what terms it has.
func Parse(text string) Record {
	var p parser
	if !IsRecord(text) {
		p.fault(0, text, "not "+version+" and a space")
		return p.record
	}
	p.seen = make(map[Kind]bool)
	for at := len(version); at < len(text); {
		if text[at] == ' ' {
			at++
			continue
		}
		end := at + 1
		for end < len(text) && text[end] != ' ' {
			end++
		}
		if len(p.record.Terms) == MaxTerms {
			p.fault(at, text[at:], "more than "+strconv.Itoa(MaxTerms)+" terms")
			break
		}
		p.term(at, text[at:end])
		at = end
	}
	return p.record
}

type parser struct {
	record Record
	seen   map[Kind]bool
}

func (p *parser) fault(at int, term, why string) { p.add(Fault{At: at, Term: term, Why: why}) }

func (p *parser) add(f Fault) {
	if len(p.record.Faults) == maxFaults {
		return
	}
	f.Term = printable(f.Term, maxShown)
	if f.Mark == 0 {
		f.Mark = SyntaxError
	}
	p.record.Faults = append(p.record.Faults, f)
}

// term reads a directive or a modifier.
func (p *parser) term(at int, word string) {
	for i := range len(word) {
		if word[i] <= ' ' || word[i] > '~' {
			p.fault(at, word, "an octet that is no printable ASCII")
			return
		}
	}
	t := Term{Text: word, Bits4: 32, Bits6: 128}
	var f Fault
	if name, value, is := modifier(word); is {
		f = t.modifier(name, value)
		if f.Why == "" && t.Kind != Other && p.seen[t.Kind] {
			f.Why = "a second " + string(t.Kind) // section 6
		}
		p.seen[t.Kind] = true
	} else {
		f = t.directive(word)
	}
	if f.Why != "" {
		f.At, f.Term = at, word
		p.add(f)
		return
	}
	p.record.Terms = append(p.record.Terms, t)
}

// modifier splits name "=" value: "=" comes before any ":" and "/" (section 4.6.1).
func modifier(word string) (name, value string, is bool) {
	name, value, is = strings.Cut(word, "=")
	if !is || name == "" || !isAlpha(name[0]) {
		return "", "", false
	}
	for i := range len(name) {
		if c := name[i]; !isAlnum(c) && c != '-' && c != '_' && c != '.' {
			return "", "", false
		}
	}
	return name, value, true
}

func (t *Term) modifier(name, value string) (f Fault) {
	t.Spec = value
	switch lower(name) {
	case "redirect":
		t.Kind, f.Why = Redirect, domainSpec(value)
	case "exp":
		t.Kind, f.Why = Exp, domainSpec(value)
	case "all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists":
		// By the grammar it is an unknown modifier, and ignored: the walk remarks on it.
		fallthrough
	default:
		t.Kind = Other
		_, f.Why = macroString(value, true)
	}
	return f
}

func (t *Term) directive(word string) (f Fault) {
	t.Qualifier = Pass
	switch word[0] {
	case '-':
		t.Qualifier = Fail
	case '~':
		t.Qualifier = SoftFail
	case '?':
		t.Qualifier = Neutral
	}
	if strings.IndexByte("+-~?", word[0]) >= 0 {
		word = word[1:]
	}
	end := strings.IndexAny(word, ":/")
	if end < 0 {
		end = len(word)
	}
	name, rest := lower(word[:end]), word[end:]
	switch t.Kind = Kind(name); t.Kind {
	case All:
		if rest != "" {
			f.Why = "all takes nothing"
		}
	case Include, Exists:
		f.Why = t.wanted(rest)
	case PTR:
		if rest != "" {
			f.Why = t.wanted(rest)
		}
	case A, MX:
		f.Why = t.dual(rest)
	case IP4, IP6:
		f = t.network(rest)
	default:
		f.Why = unknown(name, rest)
	}
	return f
}

// unknown says why a word is no mechanism, and what was meant, if it is one of the usual mistakes.
func unknown(name, rest string) string {
	switch {
	case name == "":
		return "no name of a mechanism"
	case (name == "redirect" || name == "exp") && strings.HasPrefix(rest, ":"):
		return name + " is a modifier: " + name + "="
	case name == "ip" || name == "ipv4" || name == "ipv6":
		return "no such mechanism: ip4 and ip6 are"
	case rest == "" && strings.Count(name, ".") >= 1:
		return "no mechanism but a name or an address: a:, include:, ip4: or ip6: is missing"
	}
	return "no such mechanism"
}

// wanted reads a colon and the domain-spec that must follow.
func (t *Term) wanted(rest string) string {
	spec, is := strings.CutPrefix(rest, ":")
	if !is {
		return "a domain is missing"
	}
	t.Spec = spec
	return domainSpec(spec)
}

// dual reads [":" domain-spec] [dual-cidr-length].
func (t *Term) dual(rest string) string {
	rest, lengths := cutLengths(rest)
	four, six, is := strings.Cut(lengths, "//")
	if is {
		if t.Bits6 = bits(six, 128); t.Bits6 < 0 {
			return "an IPv6 prefix length is 0 to 128"
		}
	}
	if four != "" {
		if t.Bits4 = bits(four[1:], 32); t.Bits4 < 0 {
			return "an IPv4 prefix length is 0 to 32"
		}
	}
	if rest == "" {
		return ""
	}
	return t.wanted(rest)
}

// cutLengths takes "/24", "//64" or "/24//64" off the end. A slash may be part of a domain-spec, but not of its end.
func cutLengths(s string) (rest, lengths string) {
	i := len(s)
	for range 2 {
		n := i
		for n > 0 && isDigit(s[n-1]) {
			n--
		}
		if n == i || n == 0 || s[n-1] != '/' {
			break
		}
		if i == len(s) && n >= 2 && s[n-2] == '/' {
			i = n - 2
			continue
		}
		i = n - 1
		break
	}
	return s[:i], s[i:]
}

// bits reads a prefix length without leading zeros; -1 is none.
func bits(s string, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n > most || len(s) > 1 && s[0] == '0' || s == "" || !isDigit(s[0]) {
		return -1
	}
	return n
}

// network reads ":" and an address with an optional prefix length.
func (t *Term) network(rest string) (f Fault) {
	text, is := strings.CutPrefix(rest, ":")
	if !is || text == "" {
		return Fault{Why: "an address is missing"}
	}
	text, length, cut := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return Fault{Why: "no address"}
	}
	if addr.Is4() != (t.Kind == IP4) {
		return Fault{Why: "the address is of the other family", Mark: WrongFamily}
	}
	n := addr.BitLen()
	if cut {
		if n = bits(length, n); n < 0 {
			return Fault{Why: "a prefix length is 0 to " + strconv.Itoa(addr.BitLen())}
		}
	}
	t.Network = netip.PrefixFrom(addr, n).Masked()
	return f
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
