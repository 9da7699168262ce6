package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"postward/internal/domain/check"
	"postward/internal/host/postfix"
	"postward/internal/run/ctl"
	"postward/internal/wire/dns"
)

// targets reads the arguments: each domain is a target, and the addresses are what sends the mail of all of them.
// Addresses without a domain are one target; no arguments are none.
func (f *checkFlags) targets(args []string) ([]check.Target, error) {
	helo, err := f.names()
	if err != nil {
		return nil, err
	}
	var domains []string
	var addrs []netip.Addr
	for _, arg := range args {
		if a, err := parseAddress(arg); err == nil {
			addrs = append(addrs, a)
			continue
		}
		d, err := parseDomain(arg)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	if len(addrs) > check.MaxAddrs {
		return nil, &ctl.Problem{What: fmt.Sprintf("%d addresses are more than one check looks at", len(addrs)), Hint: fmt.Sprintf("at most %d", check.MaxAddrs)}
	}
	if len(domains) == 0 && len(addrs) > 0 {
		domains = []string{""}
	}
	var targets []check.Target
	for _, d := range domains {
		targets = append(targets, check.Target{Domain: d, Addrs: addrs, HELO: helo, Selectors: f.selectors, Own: f.relay})
	}
	return targets, nil
}

// names checks the names that flags give, and returns the HELO name.
func (f *checkFlags) names() (string, error) {
	for _, s := range f.selectors {
		if !hostName(strings.ToLower(s)) {
			return "", &ctl.Problem{What: fmt.Sprintf("--selector %q is none", s), Hint: "what stands in s= of the mails' DKIM-Signature"}
		}
	}
	helo := strings.ToLower(strings.TrimSuffix(f.helo, "."))
	if _, ok := dns.Canonical(helo); f.helo != "" && !ok {
		return "", &ctl.Problem{What: fmt.Sprintf("--helo %q is no name", f.helo), Hint: "the server's name, such as mail.example.org"}
	}
	return helo, nil
}

func parseAddress(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err == nil && a.Zone() != "" {
		err = fmt.Errorf("%s is only known on this host", text)
	}
	return a.Unmap(), err
}

// parseDomain reads a domain as a person writes it: in capitals, with a final dot, in letters beyond ASCII (RFC 5890),
// as a mail address of it. It comes back in lower case, without the final dot.
func parseDomain(text string) (string, error) {
	domain := text[strings.LastIndexByte(text, '@')+1:]
	if strings.ContainsFunc(domain, func(r rune) bool { return r > '~' }) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", &ctl.Problem{What: fmt.Sprintf("%q is no domain", text), Hint: "its form in ASCII, which begins with xn--"}
		}
		domain = ascii
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	if !hostName(domain) || !strings.Contains(domain, ".") || strings.Trim(last, "0123456789") == "" { // RFC 3696 section 2: no top-level domain is a number
		return "", &ctl.Problem{What: fmt.Sprintf("%q is neither a domain nor an address", text), Hint: "postward check example.org, or postward check 192.0.2.25"}
	}
	return domain, nil
}

// hostName reports whether a name has labels of letters, digits, hyphens and underscores only: what can be asked for and
// harms nobody who reads it in a table or types it on.
func hostName(name string) bool {
	if _, ok := dns.Canonical(name); !ok {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// ownTarget is this host: what Postfix says of it, or else the system.
func ownTarget(ctx context.Context, r dns.Resolver, f *checkFlags) (check.Target, error) {
	helo, err := f.names()
	if err != nil {
		return check.Target{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	host, domain, said := ownNames(ctx)
	if helo != "" {
		said = helo
	}
	t := check.Target{HELO: said, Selectors: f.selectors, Own: f.relay} // its exchangers may be somebody else's
	if t.Domain, err = parseDomain(domain); err != nil {
		return t, &ctl.Problem{What: fmt.Sprintf("this host is called %q, which says no domain", host), Hint: "postward check example.org"}
	}
	t.Addrs = ownAddresses(ctx, r, host)
	return t, nil
}

// ownNames are the host's name, its domain and what it says in HELO.
func ownNames(ctx context.Context) (host, domain, helo string) {
	var p postfix.Instance
	host, err := p.Get(ctx, "myhostname")
	if err == nil {
		domain, err = p.Get(ctx, "mydomain")
	}
	if err == nil {
		helo, err = p.Get(ctx, "smtp_helo_name")
	}
	if err == nil && host != "" {
		return host, domain, helo
	}
	host, err = os.Hostname()
	if err != nil {
		return "", "", ""
	}
	domain = host
	if first, rest, _ := strings.Cut(host, "."); first != "" && strings.Contains(rest, ".") {
		domain = rest
	}
	return host, domain, host
}

// ownAddresses are those that the DNS has for the host's name, or else those of its interfaces that the world can
// reach; behind a NAT there are none, and the check takes the mail exchangers'.
func ownAddresses(ctx context.Context, r dns.Resolver, host string) []netip.Addr {
	all := slices.Clone(r.Addresses(ctx, host).Addrs)
	if len(all) == 0 {
		interfaces, err := net.InterfaceAddrs()
		if err != nil {
			return nil
		}
		for _, i := range interfaces {
			if p, err := netip.ParsePrefix(i.String()); err == nil {
				all = append(all, p.Addr().Unmap())
			}
		}
	}
	all = slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsGlobalUnicast() || a.IsPrivate() })
	return all[:min(len(all), check.MaxAddrs)]
}
