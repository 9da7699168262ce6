package warden

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"postward/internal/host/nft"
)

// Bounds of a ban. One without an end does not exist: what a hijacked daemon closes opens by itself.
const (
	MaxBans  = 1000 // in one request
	shortest = time.Second
	longest  = 7 * 24 * time.Hour
	widest4  = 24
	widest6  = 48
)

// reserved is a prefix that no mail client has an address in (RFC 6890), or that stands for other people's addresses.
type reserved struct {
	prefix netip.Prefix
	what   string
}

var reservations = []reserved{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local addresses"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved addresses"},
	{netip.MustParsePrefix("::/96"), "the unspecified address and loopback"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "IPv4 addresses in IPv6 (RFC 4291 2.5.5.2)"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "IPv4 addresses behind a translator (RFC 8215)"},
	{netip.MustParsePrefix("fe80::/10"), "link-local addresses"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// nat64 has each host of IPv4 that comes through a translator, with an address of its own.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// spared are the addresses that the parent lets nobody ban, whoever asks.
type spared struct {
	never  []netip.Prefix // the operator's
	host   []netip.Addr   // of this host's interfaces
	logins []netip.Addr   // where somebody is logged in from
}

// plain is a prefix of IPv4 where one of IPv4-mapped addresses stands: the kernel sees these as what they are.
func plain(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// refusal says why a ban is not carried out, nil if it may be.
func (s *spared) refusal(b nft.Ban) error {
	p := b.Prefix
	switch {
	case !p.IsValid():
		return errors.New("no prefix is named: write 203.0.113.5/32")
	case p != p.Masked():
		return fmt.Errorf("%s has host bits: write %s", p, p.Masked())
	case p.Bits() < widest4 && p.Addr().Is4(), p.Bits() < widest6 && p.Addr().Is6():
		return fmt.Errorf("%s is wider than /%d (IPv4) or /%d (IPv6): ban what guessed, not everybody beside it", p, widest4, widest6)
	case b.For < shortest || b.For > longest:
		return fmt.Errorf("for %s: a ban lasts %s to %s, and can be given again", b.For, shortest, longest)
	}
	for _, r := range reservations {
		if r.prefix.Overlaps(p) {
			return fmt.Errorf("%s holds %s", p, r.what)
		}
	}
	if nat64.Overlaps(p) && p.Bits() < nat64.Bits()+widest4 {
		return fmt.Errorf("%s holds more of IPv4 than a /%d, behind a translator (RFC 6052)", p, widest4)
	}
	for _, n := range s.never {
		if plain(n).Overlaps(p) {
			return fmt.Errorf("%s holds what is never banned, %s (networks.own, or the allow list)", p, n)
		}
	}
	return s.inhabited(p)
}

// inhabited refuses this host, and people who could not log in any more to lift the ban.
func (s *spared) inhabited(p netip.Prefix) error {
	if i := slices.IndexFunc(s.host, p.Contains); i >= 0 {
		return fmt.Errorf("%s holds %s, an address of this host", p, s.host[i])
	}
	if i := slices.IndexFunc(s.logins, p.Contains); i >= 0 {
		return fmt.Errorf("%s holds %s, where somebody is logged in to this host from", p, s.logins[i])
	}
	return nil
}

// hostAddrs are the addresses of this host's interfaces.
func hostAddrs() (all []netip.Addr, err error) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this host's addresses: %w", err)
	}
	for _, a := range found {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				all = append(all, addr.Unmap())
			}
		}
	}
	return all, nil
}
