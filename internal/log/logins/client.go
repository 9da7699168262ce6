package logins

import "net/netip"

// clientOf reads the address of a client; what is none is the zero Addr. IPv4, which most are, is read here: netip wants a string of
// each.
func clientOf(b []byte) netip.Addr {
	if a, ok := dotted(b); ok || len(b) == 0 {
		return a
	}
	a, err := netip.ParseAddr(string(b))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// dotted reads "203.0.113.9", as netip does: no octet begins with a 0 that is not all of it.
func dotted(b []byte) (netip.Addr, bool) {
	var a [4]byte
	octet, n, digits := 0, uint(0), 0
	for _, c := range b {
		switch d := uint(c - '0'); {
		case d <= 9 && digits < 3 && (digits == 0 || n > 0):
			n, digits = n*10+d, digits+1
		case c == '.' && digits > 0 && n <= 255 && octet < 3:
			a[octet], octet, n, digits = byte(n), octet+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if octet < 3 || digits == 0 || n > 255 {
		return netip.Addr{}, false
	}
	a[3] = byte(n)
	return netip.AddrFrom4(a), true
}
