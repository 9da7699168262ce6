package spf

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// meant is what was meant by a word: one term, or several that were run together; none when nobody can tell.
func meant(word string) []string {
	if parts := split(word); len(parts) > 1 {
		var all []string
		for _, part := range parts {
			terms := meant(part)
			if terms == nil {
				return nil
			}
			all = append(all, terms...)
		}
		return all
	}
	if isTerm(word) && !slip(word) {
		return []string{word}
	}
	q, name, value := apart(word)
	if nets := networksOf(value); nets != nil && name != "all" {
		return networkTerms(q, nets)
	}
	if term := q + named(name, value); isTerm(term) && !slip(term) {
		return []string{term}
	}
	return nil
}

// Leads reports whether a word, however it is spelled, was to lead to another policy.
func Leads(word string) bool {
	_, name, _ := apart(word)
	kind := nearest(name)
	return kind == string(Include) || kind == string(Redirect)
}

// isTerm reports whether a word is a term by the grammar.
func isTerm(word string) bool {
	r := Parse(version + " " + word)
	return len(r.Faults) == 0 && len(r.Terms) == 1
}

// doubled is a sign too many before a value.
var doubled = regexp.MustCompile(`(?i)^[-+~?]?(include|exists|redirect|a|mx|ptr|ip4)[:=][:=/]`)

// slip reports whether a word is a term by the grammar that was meant for something else.
func slip(word string) bool {
	if doubled.MatchString(word) {
		return true
	}
	name, _, is := modifier(word)
	if !is {
		return false
	}
	name = lower(name)
	return name == "v" || name != "redirect" && name != "exp" && nearest(name) != ""
}

// glued is where a term begins inside of a word: no name has a colon or an equals sign in it.
var glued = regexp.MustCompile(`(?i)[-+~?]?(include:|exists:|ip[46]:|redirect=)`)

// tail is the end of a policy at the end of a word.
var tail = regexp.MustCompile(`(?i)[-+~?]all$`)

// split is a word as the terms that were run together in it. A name with a hyphen in its last label is none: no top-level
// domain has one, but for those that begin with xn--.
func split(word string) (parts []string) {
	begin := 0
	cut := func(at int) {
		if strings.Trim(word[begin:at], "-+~?") != "" {
			parts, begin = append(parts, word[begin:at]), at
		}
	}
	for _, at := range glued.FindAllStringIndex(word, maxFaults) {
		cut(at[0])
	}
	rest := word[begin:]
	if at := tail.FindStringIndex(rest); at != nil && !strings.Contains(lower(rest[strings.LastIndexByte(rest, '.')+1:]), "xn--") {
		cut(begin + at[0])
	}
	return append(parts, word[begin:])
}

// apart is a word's qualifier, its name in lower case, and its value. A value alone has no name.
func apart(word string) (q, name, value string) {
	value = strings.TrimLeft(word, "-+~?")
	if n := len(word) - len(value); n > 0 {
		q = word[n-1 : n]
	}
	if networksOf(value) != nil {
		return q, "", value
	}
	end := strings.IndexAny(value, ":=/")
	if end < 0 {
		return q, lower(strings.Trim(value, ".")), ""
	}
	return q, lower(value[:end]), value[end:]
}

// schemes is what stands before a name and is none of it.
var schemes = regexp.MustCompile(`(?i)^[:=/]*(https?://|mailto:|dns:|@|\*\.)?`)

// named is the term of a name and a value, both as they may be written.
func named(name, value string) string {
	kind := nearest(name)
	host := strings.TrimRight(schemes.ReplaceAllString(value, ""), "/.:")
	switch kind {
	case "all":
		return strings.TrimSuffix("all"+host, "1") // all=1
	case "redirect", "exp":
		return kind + "=" + host
	case "ip4", "ip6":
		if Parse(version+" a:"+host).Faults == nil && host != "" {
			return "a:" + host // a host's name where its address belongs
		}
	case "a", "mx", "ptr":
		if rest, lengths := cutLengths(strings.TrimRight(value, "/.:")); strings.Trim(rest, ":=") == "" {
			return kind + lengths
		}
	case "":
		return name + value
	}
	return kind + ":" + host
}

// kinds are the names that a word may be meant for.
var kinds = []Kind{Include, Exists, Redirect}

// nearest is the mechanism or modifier that a name is, or is meant for; empty when it is no such.
func nearest(name string) string {
	switch name {
	case "all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists", "redirect", "exp":
		return name
	case "ip", "ipv4", "ipv6", "ip-4", "ip-6", "ipv", "pi4", "i4":
		return "ip4"
	case "al", "alll", "aall", "aal", "lal":
		return "all"
	case "mxs", "m":
		return "mx"
	}
	for _, k := range kinds {
		if distance(name, string(k)) <= 2 {
			return string(k)
		}
	}
	return ""
}

// distance is how many letters are wrong, missing, too many or changed with their neighbour.
func distance(a, b string) int {
	if len(a) > 2*len(b) {
		return len(a)
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := append(make([]int, 0, len(b)+1), i+1)
		for j := range len(b) {
			d := min(row[j+1]+1, next[j]+1, row[j]+differ(a[i], b[j]))
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			next = append(next, d)
		}
		before, row = row, next
	}
	return row[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}

func networkTerms(q string, nets []netip.Prefix) (terms []string) {
	for _, n := range nets {
		kind, text := "ip6:", n.String()
		if n.Addr().Is4() {
			kind = "ip4:"
		}
		if n.IsSingleIP() {
			text = n.Addr().String()
		}
		terms = append(terms, q+kind+text)
	}
	return terms
}

// networksOf are the networks that a value names: an address, one with a length or a mask, two with a hyphen between them.
func networksOf(value string) []netip.Prefix {
	value = strings.Trim(strings.TrimLeft(value, ":=/"), "[]().:/")
	if from, to, is := strings.Cut(value, "-"); is {
		return between(from, to)
	}
	text, length, _ := strings.Cut(value, "/")
	addr, ok := addressOf(strings.TrimRight(text, "]"))
	if !ok {
		return nil
	}
	n := lengthOf(length, addr.BitLen())
	if addr.Is4() && length == "" { // 192.0.2 and 192.0.2.* are 192.0.2.0/24
		n = 8 * (strings.Count(text, ".") + 1 - strings.Count(text, "*"))
	}
	return []netip.Prefix{netip.PrefixFrom(addr, n).Masked()}
}

// addressOf reads an address. Its octets may have zeros before them, be missing at the end, or be a star.
func addressOf(text string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr, addr.Zone() == ""
	}
	octets := strings.Split(text, ".")
	if len(octets) < 3 || len(octets) > 4 {
		return netip.Addr{}, false
	}
	var b [4]byte
	for i, octet := range octets {
		n, err := strconv.ParseUint(octet, 10, 8)
		if star := octet == "*" && i > 0; err != nil && !star {
			return netip.Addr{}, false
		}
		b[i] = byte(n)
	}
	return netip.AddrFrom4(b), true
}

// lengthOf reads a prefix length or a mask of so many bits; what is none is the address alone.
func lengthOf(text string, most int) int {
	if mask, err := netip.ParseAddr(text); err == nil && mask.Is4() && most == 32 {
		m, n := mask.As4(), 0
		for n < 32 && m[n/8]&(0x80>>(n%8)) != 0 {
			n++
		}
		return n
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return most
	}
	return n
}

// between are the networks from one IPv4 address to another, whole or its last octet.
func between(from, to string) (nets []netip.Prefix) {
	low, err := netip.ParseAddr(from)
	if err != nil || !low.Is4() {
		return nil
	}
	if !strings.Contains(to, ".") {
		to = from[:strings.LastIndexByte(from, '.')+1] + to
	}
	high, err := netip.ParseAddr(to)
	if err != nil || !high.Is4() || high.Less(low) {
		return nil
	}
	for at := low; at.IsValid() && !high.Less(at) && len(nets) < 2*32; {
		n := netip.PrefixFrom(at, 32)
		for n.Bits() > 0 {
			wider := netip.PrefixFrom(at, n.Bits()-1)
			if wider.Masked().Addr() != at || high.Less(last(wider)) {
				break
			}
			n = wider
		}
		nets, at = append(nets, n), last(n).Next()
	}
	return nets
}

// last is the last address of an IPv4 network.
func last(n netip.Prefix) netip.Addr {
	b := n.Addr().As4()
	for i := n.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}
