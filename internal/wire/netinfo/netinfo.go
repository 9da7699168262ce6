// Package netinfo says to which autonomous system and country an address belongs, offline: from a table that is
// part of the program, or from the operator's own .mmdb files.
//
// The country is the one the address block is registered in, not where the person sits. What is not known is the
// zero Info, and so is every address that is nobody's: private, loopback, documentation, tunnels.
//
// The package has no state, no clock and no goroutine; a DB may be used by many at once. It must not import
// anything of the house.
package netinfo

import (
	"net/netip"
	"time"
)

// Info is what is known of an address. The zero value: nothing.
type Info struct {
	ASN     uint32 // autonomous system number; 0 is unknown
	Country string // ISO 3166-1 alpha-2, or XK; empty is unknown
}

// DB answers for addresses. Table and MMDB are the two kinds.
type DB interface {
	// Lookup returns what is known of a. An IPv4-mapped IPv6 address is IPv4, a zone is ignored.
	Lookup(a netip.Addr) Info
	// Date is when the data was made, UTC; of two files the older one's.
	Date() time.Time
	// Credit is one line of text that names the sources, for their licences.
	Credit() string
}

// nobodys are the special-purpose ranges (RFC 6890 and its successors): private, shared, loopback, link-local,
// documentation, benchmarks, multicast. A tunnel (6to4, Teredo) is here too: it says nothing of who uses it.
// IPv6 outside 2000::/3 needs no entry.
var nobodys = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// Public reports whether an address can be somebody's on the Internet: it is of no special-purpose range, nor one that
// leads to another address (NAT64, 6to4, Teredo). An IPv4-mapped address is the IPv4 address; one with a zone is local.
func Public(a netip.Addr) bool {
	_, ok := public(a)
	return ok && a.Zone() == ""
}

// public returns a in the form in which it is looked up, and whether it can be somebody's at all.
func public(a netip.Addr) (netip.Addr, bool) {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if first := a.As16()[0]; first&0xe0 != 0x20 {
			return a, false
		}
	}
	if !a.IsValid() || !special[firstOctet(a)] {
		return a, a.IsValid()
	}
	for i := range nobodys {
		if nobodys[i].Contains(a) {
			return a, false
		}
	}
	return a, true
}

// special says of each first octet whether nobodys has any range of it: most addresses need no other look. Never written after the package
// is built.
var special = makeSpecial()

func makeSpecial() (t [256]bool) {
	for _, p := range nobodys {
		first := int(firstOctet(p.Addr()))
		for n := range 1 << max(8-p.Bits(), 0) {
			t[first+n] = true
		}
	}
	return t
}

func firstOctet(a netip.Addr) byte {
	if a.Is4() {
		return a.As4()[0]
	}
	return a.As16()[0]
}

// usableASN reports whether n can be a network of the Internet: not 0, AS_TRANS, reserved, private, documentation or
// last (RFC 7607, 6793, 6996, 5398, 7300, and IANA's registry).
func usableASN(n uint32) bool {
	return n != 0 && n != 23456 && (n < 64496 || n > 131071) && n < 4200000000
}
