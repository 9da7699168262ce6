package dns

import (
	"net/netip"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"
)

// MaxName is what a name can have in octets on the wire (RFC 1035 section 2.3.4).
const MaxName = 255

// Canonical brings a name into the form in which it is asked for: lower case, with its final dot. It reports false
// for what DNS cannot carry (an empty or long label, a long name) and for what only an encoding could (octets
// beyond ASCII, white space, control characters).
func Canonical(name string) (string, bool) {
	if name == "" || len(name) > 4*MaxName {
		return "", false
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return "", false
		}
	}
	if _, ok := mdns.IsDomainName(name); !ok {
		return "", false
	}
	name = mdns.Fqdn(strings.ToLower(name))
	// IsDomainName counts kindly what is escaped; what can be packed is what can be asked for.
	var wire [MaxName + 1]byte
	if n, err := mdns.PackDomainName(name, wire[:], 0, nil, false); err != nil || n > MaxName {
		return "", false
	}
	return name, true
}

// Reverse returns the labels of an address in reverse order, without a zone and without a final dot: what RFC 5782
// section 2 puts before a list's name, and RFC 1035 section 3.5 before in-addr.arpa. IPv6 is written in nibbles
// (RFC 3596 section 2.5), an IPv4-mapped address too: who means IPv4 unmaps it.
func Reverse(addr netip.Addr) string {
	if addr.Is4() {
		b := addr.As4()
		return strconv.Itoa(int(b[3])) + "." + strconv.Itoa(int(b[2])) + "." + strconv.Itoa(int(b[1])) + "." + strconv.Itoa(int(b[0]))
	}
	const digits = "0123456789abcdef"
	b := addr.As16()
	text := make([]byte, 0, 64)
	for i := len(b) - 1; i >= 0; i-- {
		text = append(text, digits[b[i]&15], '.', digits[b[i]>>4], '.')
	}
	return string(text[:len(text)-1])
}

// ReverseName is the name under which an address's PTR records are, with the final dot (RFC 1035 section 3.5, RFC 3596 section 2.5).
func ReverseName(addr netip.Addr) string {
	if addr = addr.Unmap(); addr.Is4() {
		return Reverse(addr) + ".in-addr.arpa."
	}
	return Reverse(addr) + ".ip6.arpa."
}

// Show returns a name that may be printed anywhere: every octet other than letters, digits and "-_./*" is written
// \DDD, and it is cut after MaxName octets. The final dot goes, unless it is all there is.
func Show(name string) string {
	if len(name) > 1 {
		name = strings.TrimSuffix(name, ".")
	}
	cut := len(name) > MaxName
	name = name[:min(len(name), MaxName)]
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_./*", c) >= 0:
			b.WriteByte(c)
		case c == '\\' && isEscape(name[i:]):
			b.WriteByte(c)
		default:
			b.WriteString("\\" + string([]byte{'0' + c/100, '0' + c/10%10, '0' + c%10}))
		}
	}
	if cut {
		b.WriteString("...")
	}
	return b.String()
}

// isEscape reports whether s begins with \DDD, which is how a stranger's octets are written already.
func isEscape(s string) bool {
	return len(s) >= 4 && s[1] >= '0' && s[1] <= '2' && s[2] >= '0' && s[2] <= '9' && s[3] >= '0' && s[3] <= '9'
}

// plain is a name as answers hold it: lower case, no final dot.
func plain(name string) string {
	if name == "." {
		return name
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// unescape gives the octets of a character string back that miekg/dns writes as zone files do: \DDD and \X.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if isEscape(s[i:]) {
			n := int(s[i+1]-'0')*100 + int(s[i+2]-'0')*10 + int(s[i+3]-'0')
			b, i = append(b, byte(n)), i+3
			continue
		}
		b, i = append(b, s[i+1]), i+1
	}
	return string(b)
}
