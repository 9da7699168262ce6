package publish

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/wire/dns"
)

// Bounds of what is asked for one zone.
const (
	maxServers   = 13
	maxAddresses = 4 // of one server
)

// Server is a name server of a zone.
type Server struct {
	Name string         `json:"name"`
	Addr netip.AddrPort `json:"addr"`
}

// String names the server and where it was asked.
func (s Server) String() string { return s.Name + " (" + s.Addr.String() + ")" }

// Zone is where a name's records stand, and who serves them.
type Zone struct {
	Apex    string   `json:"apex"` // no final dot
	Primary Server   `json:"primary"`
	Servers []Server `json:"servers"` // with the primary among them when the zone names it
	// Silent are servers of the zone that no address is known of, or that did not answer at any.
	Silent []string `json:"silent,omitempty"`
}

// typeNS is what a zone names its servers with.
const typeNS = dns.Type(2)

// apexOf is the zone that a name lies in, and its primary server as its SOA record names it.
func apexOf(ctx context.Context, r dns.Resolver, name string) (apex, primary string, err error) {
	for at := name; ; {
		a := r.Lookup(ctx, at, dns.SOA)
		if !a.Outcome.Known() {
			return "", "", fmt.Errorf("find the zone of %s: asked for SOA of %s: %s: try again, or another --resolver", name, at, a.Outcome)
		}
		if a.Outcome == dns.Answered && len(a.Others) > 0 && !alias(ctx, r, at) {
			return at, strings.ToLower(strings.TrimSuffix(strings.Fields(a.Others[0])[0], ".")), nil
		}
		_, above, found := strings.Cut(at, ".")
		if !found {
			return "", "", fmt.Errorf("find the zone of %s: no name from there upwards has an SOA record: is the domain registered?", name)
		}
		at = above
	}
}

// alias reports whether a name is one: the SOA record that was answered is then another zone's.
func alias(ctx context.Context, r dns.Resolver, name string) bool {
	return r.Lookup(ctx, name, dns.CNAME).Outcome == dns.Answered
}

// findZone learns who serves a zone. Its primary is the one that is given, or else the one that its SOA record names.
func findZone(ctx context.Context, r dns.Resolver, apex, primary string, given netip.AddrPort) (*Zone, error) {
	z := &Zone{Apex: apex}
	ns := r.Lookup(ctx, apex, typeNS)
	for i, name := range ns.Names {
		if i == maxServers {
			break
		}
		if s, is := reach(ctx, r, name, apex); is != dns.Timeout {
			z.Servers = append(z.Servers, s)
		} else {
			z.Silent = append(z.Silent, name)
		}
	}
	z.Primary = Server{Name: "primary", Addr: given}
	if !given.IsValid() {
		z.Primary = findPrimary(ctx, r, primary, apex, ns.Names)
	}
	if !z.Primary.Addr.IsValid() && len(z.Servers) == 0 {
		return z, errors.New("find the servers of " + apex + ": none of them answers: try again, or name one with --server ADDRESS")
	}
	return z, nil
}

// findPrimary is the server that the SOA record names. One that is not among the zone's own counts only when it answers: it may be
// hidden, or a word that nobody ever looked at.
func findPrimary(ctx context.Context, r dns.Resolver, name, apex string, among []string) Server {
	s, is := reach(ctx, r, name, apex)
	if is == dns.Timeout || !is.Known() && !slices.Contains(among, name) {
		return Server{}
	}
	return s
}

// reach is a server at the first of its addresses that answers, and how it answers for the zone.
func reach(ctx context.Context, r dns.Resolver, name, apex string) (Server, dns.Outcome) {
	addrs := r.Addresses(ctx, name).Addrs
	for _, a := range addrs[:min(len(addrs), maxAddresses)] {
		s := Server{name, netip.AddrPortFrom(a, 53)}
		if seen := askServer(ctx, s, apex); seen.Outcome != dns.Timeout {
			return s, seen.Outcome
		}
	}
	return Server{}, dns.Timeout
}

// all are the servers to be asked, the primary first, each once.
func (z *Zone) all() []Server {
	if !z.Primary.Addr.IsValid() {
		return z.Servers
	}
	all := []Server{z.Primary}
	for _, s := range z.Servers {
		if s.Addr != z.Primary.Addr {
			all = append(all, s)
		}
	}
	return all
}
