package guard

import (
	"slices"
	"strings"
)

// Owns reports whether the account may use address as a reverse-path or author. The null reverse-path belongs
// to everybody: it is what notices carry (RFC 5321 section 4.5.5).
func (a *Account) Owns(p *Policy, address string) bool {
	if address == "" {
		return true
	}
	if a.Listing != nil && len(a.Listing.Addresses) > 0 {
		return slices.ContainsFunc(a.Listing.Addresses, func(pattern string) bool { return matches(pattern, address) })
	}
	name, domain, _ := cutAddress(address)
	switch {
	case strings.HasPrefix(a.Name, NetPrefix):
		return p.localDomain(domain)
	case strings.Contains(a.Name, "@"):
		return a.Name == address
	}
	return p.localDomain(domain) && name == strings.TrimPrefix(a.Name, LocalPrefix)
}

// matches reports whether pattern (exact, *@domain or *) covers address. Both are canonical.
func matches(pattern, address string) bool {
	if pattern == "*" {
		return true
	}
	if domain, ok := strings.CutPrefix(pattern, "*@"); ok {
		_, d, found := cutAddress(address)
		return found && strings.EqualFold(d, domain)
	}
	return strings.EqualFold(pattern, address)
}

func cutAddress(address string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, "", false
	}
	return address[:i], address[i+1:], true
}
