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
	for i := range a {
		if i > 0 {
			if len(b) == 0 || b[0] != '.' {
				return netip.Addr{}, false
			}
			b = b[1:]
		}
		n, digits := 0, 0
		for ; digits < min(len(b), 3) && b[digits] >= '0' && b[digits] <= '9'; digits++ {
			n = n*10 + int(b[digits]-'0')
		}
		if digits == 0 || n > 255 || digits > 1 && b[0] == '0' {
			return netip.Addr{}, false
		}
		a[i], b = byte(n), b[digits:]
	}
	if len(b) > 0 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4(a), true
}
