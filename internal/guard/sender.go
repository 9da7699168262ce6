package guard

import (
	"slices"
	"strings"
)

// mayUse reports whether an account may use address as a reverse-path or author. What stands behind Postfix's
// recipient_delimiter is the account's own affair (anna+shop@ is anna@), where nobody has the whole address: Postfix looks
// for that first.
func (s *State) mayUse(a *Account, address string) bool {
	if a.Owns(s.policy, address) {
		return true
	}
	base := s.policy.base(address)
	return base != address && s.holderOf(address) == "" && a.Owns(s.policy, base)
}

// Owns reports whether address is one of the account's own: those it was allowed, and where there are none, or its own are
// among them, the address that it is, or its name at the site's domains. The null reverse-path belongs to everybody: it is
// what notices carry (RFC 5321 section 4.5.5).
func (a *Account) Owns(p *Policy, address string) bool {
	l := a.Listing
	switch {
	case address == "":
		return true
	case l == nil || len(l.Addresses) == 0:
		return a.isNamed(p, address)
	}
	allowed := slices.ContainsFunc(l.Addresses, func(pattern string) bool { return matches(pattern, address) })
	return allowed || l.Own && a.isNamed(p, address)
}

// isNamed reports whether address is the account's by its name alone.
func (a *Account) isNamed(p *Policy, address string) bool {
	name, domain, _ := cutAddress(address)
	switch {
	case strings.HasPrefix(a.Name, NetPrefix):
		return p.localDomain(domain)
	case strings.Contains(a.Name, "@"):
		return a.Name == address
	}
	return p.localDomain(domain) && name == strings.TrimPrefix(a.Name, LocalPrefix)
}

// colleague reports whether an address is of the site's own domains: nobody else hears of mail to it.
func (p *Policy) colleague(address string) bool {
	_, domain, _ := cutAddress(address)
	return p.localDomain(domain)
}

// matches reports whether pattern (exact, with one * in its local part, or * alone) covers address. Both are canonical. So
// "*@lists.example.org" is a domain, "srs0=*@example.org" what SRS makes of any sender, "news+*@example.org" a list's VERP.
func matches(pattern, address string) bool {
	if pattern == "*" {
		return true
	}
	of, in, whole := cutAddress(pattern)
	before, after, open := strings.Cut(of, "*")
	if !open || !whole {
		return pattern == address
	}
	local, domain, found := cutAddress(address)
	return found && domain == in && len(local) >= len(before)+len(after) && strings.HasPrefix(local, before) && strings.HasSuffix(local, after)
}

// base returns address without its extension, as Postfix splits it (split_addr(3)): from the first delimiter on, which is
// not the first character. Postfix's own senders, and a list's owner and request where "-" delimits, have none.
func (p *Policy) base(address string) string {
	local, domain, ok := cutAddress(address)
	i := strings.IndexAny(local, p.Delimiter)
	if !ok || i <= 0 || local[0] == '"' || local == "mailer-daemon" || local == "double-bounce" {
		return address
	}
	if local[i] == '-' && (strings.HasPrefix(local, "owner-") || strings.HasSuffix(local, "-request")) {
		return address
	}
	return local[:i] + "@" + domain
}

func cutAddress(address string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, "", false
	}
	return address[:i], address[i+1:], true
}
