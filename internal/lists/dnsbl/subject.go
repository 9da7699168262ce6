package dnsbl

import (
	"errors"
	"net/netip"
	"strings"

	"postward/internal/wire/dns"
)

// Subject is what lists are asked about: an address or a domain.
type Subject struct {
	addr   netip.Addr
	domain string // lower case, no final dot
}

// Address is an address as a subject. An IPv4-mapped one is IPv4; a zone is forgotten.
func Address(addr netip.Addr) Subject { return Subject{addr: addr.Unmap().WithZone("")} }

// DomainName is a domain as a subject. An internationalised one has to be encoded already.
func DomainName(name string) (Subject, error) {
	canonical, ok := dns.Canonical(name)
	if !ok || canonical == "." {
		return Subject{}, errors.New("ask lists for " + dns.Show(name) + ": not a name that DNS can carry")
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(name, ".")); err == nil {
		return Subject{}, errors.New("ask lists for " + dns.Show(name) + ": an address, not a domain")
	}
	return Subject{domain: strings.TrimSuffix(canonical, ".")}, nil
}

// String is the subject as it may be shown.
func (s Subject) String() string {
	if s.domain != "" {
		return dns.Show(s.domain)
	}
	return s.addr.String()
}

func (s Subject) kind() Kind {
	switch {
	case s.domain != "":
		return Domain
	case s.addr.Is4():
		return IPv4
	}
	return IPv6
}

// label is what is put before a list's zone (RFC 5782 section 2).
func (s Subject) label() string {
	if s.domain != "" {
		return s.domain
	}
	return dns.Reverse(s.addr)
}

// nobodys reports whether no list can know the subject, for it is nobody's address on the internet.
func (s Subject) nobodys() bool {
	a := s.addr
	return s.domain == "" && (!a.IsValid() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast())
}

// PublicResolver names the public service that an address answers for, or is empty. Lists refuse those, for they
// cannot tell who asks. The table has the known ones, not all.
func PublicResolver(addr netip.Addr) string {
	for _, p := range publics {
		if p.net.Contains(addr.Unmap().WithZone("")) {
			return p.name
		}
	}
	return ""
}

var publics = func() (all []struct {
	net  netip.Prefix
	name string
}) {
	for name, nets := range map[string]string{
		"Google Public DNS": "8.8.8.8/32 8.8.4.4/32 2001:4860:4860::/48",
		"Cloudflare":        "1.1.1.0/29 1.0.0.0/29 2606:4700:4700::/48",
		"Quad9":             "9.9.9.0/24 149.112.112.0/24 2620:fe::/48",
		"OpenDNS":           "208.67.222.0/24 208.67.220.0/24 2620:119:35::/48 2620:119:53::/48",
		"Level 3":           "4.2.2.0/29",
		"AdGuard":           "94.140.14.0/24 94.140.15.0/24 2a10:50c0::/32",
		"Yandex":            "77.88.8.0/28",
		"CleanBrowsing":     "185.228.168.0/24 185.228.169.0/24",
		"Verisign":          "64.6.64.6/32 64.6.65.6/32",
		"DNS.Watch":         "84.200.69.80/32 84.200.70.40/32",
		"Control D":         "76.76.2.0/24 76.76.10.0/24",
	} {
		for _, net := range strings.Fields(nets) {
			all = append(all, struct {
				net  netip.Prefix
				name string
			}{netip.MustParsePrefix(net), name})
		}
	}
	return all
}()
