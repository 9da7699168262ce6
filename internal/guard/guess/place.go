package guess

import (
	"encoding/binary"
	"net/netip"
)

// place is what is counted and banned of an address: itself, or the /64 that a host of IPv6 has for its own. It is small, for several
// are looked up for each login: IPv4 is its 32 bits, IPv6 its first 64; those of ::/32 are nobody's (RFC 4291 section 2.4), and
// are one place.
type place uint64

// area is the neighbourhood of a place: its /24, or its /48.
type area uint64

// placeOf returns the place of an address that is neither mapped nor has a zone.
func placeOf(a netip.Addr) place {
	if a.Is4() {
		b := a.As4()
		return place(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	if nat64.Contains(a) {
		return translated<<32 | place(binary.BigEndian.Uint32(b[12:]))
	}
	p := place(binary.BigEndian.Uint64(b[:8]))
	if p.is4() {
		return 0
	}
	return p
}

func (p place) is4() bool { return p>>32 == 0 }

// translated is the prefix by which hosts of IPv4 come through NAT64 (RFC 6052 section 2.1). Each is a place of its own: the first
// half of the prefix, and its address of IPv4. Those of 64:ff9b:1::/48 are not among them (RFC 8215): no host is 0.1.0.0/16.
const translated = 0x0064ff9b

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func (p place) isTranslated() bool { return p>>32 == translated && uint32(p)>>16 != 1 }

func (p place) prefix() netip.Prefix { return p.cut(32, 64) }

func (p place) area() area {
	if p.is4() || p.isTranslated() {
		return area(p &^ (1<<8 - 1))
	}
	return area(p &^ (1<<16 - 1))
}

func (n area) prefix() netip.Prefix { return place(n).cut(24, 48) }

// within tells the places of an area apart.
func (p place) within() uint32 { return uint32(p) ^ uint32(p>>32) }

// cut returns the first bits of a place.
func (p place) cut(of4, of6 int) netip.Prefix {
	if p.is4() {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(p))
		return netip.PrefixFrom(netip.AddrFrom4(b), of4)
	}
	var b [16]byte
	if p.isTranslated() {
		binary.BigEndian.PutUint32(b[:], translated)
		binary.BigEndian.PutUint32(b[12:], uint32(p))
		return netip.PrefixFrom(netip.AddrFrom16(b), 96+of4)
	}
	binary.BigEndian.PutUint64(b[:], uint64(p))
	return netip.PrefixFrom(netip.AddrFrom16(b), of6)
}

// areaOf returns what prefix made a prefix of.
func areaOf(p netip.Prefix) area { return placeOf(p.Addr()).area() }
