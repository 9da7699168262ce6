package gate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// Why somebody is not banned: all of it stands here, in the order in which it is said. First what holds whatever a person says, and of
// that first what stands in a configuration, for to undo anything else would change nothing; then what holds until a person says
// otherwise; last what may be otherwise tomorrow.

// spared says why nothing of a network is banned, whoever says so; empty: it may be.
func (g *Gate) spared(p netip.Prefix) string {
	if p.Addr().IsLoopback() {
		return "it is this host"
	}
	var own netip.Prefix
	isOwn := false
	g.state(func(s *guard.State) { own, isOwn = overlapping(s.Policy().Own, p) })
	if isOwn {
		return fmt.Sprintf("it is of your own networks (%s in networks.own)", ctl.Plain(own))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if n, is := overlapping(g.trusted, p); is {
		return fmt.Sprintf("Postfix lets %s relay (mynetworks), or Dovecot trusts it as a proxy (haproxy_trusted_networks, login_trusted_networks)", ctl.Plain(n))
	}
	if n, is := overlapping(g.allow, p); is {
		return fmt.Sprintf("%s is on the allow list (postward allow remove %[1]s takes it off)", ctl.Plain(n))
	}
	for _, n := range nobodys {
		if n.Overlaps(p) {
			return "nobody comes from there"
		}
	}
	if nat64.Overlaps(p) && p.Bits() < nat64.Bits()+widestBan4 || nat64Here.Overlaps(p) {
		return "it is a translator's, by which whoever has IPv4 comes"
	}
	return ""
}

// nobodys are addresses that no client has.
var nobodys = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8")}

// nat64 has everybody who has IPv4 in it, each host with an address of its own (RFC 6052), as the watch counts them; nat64Here has whoever a
// translator of this site puts there, in whatever form (RFC 8215).
var nat64, nat64Here = netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48")

func overlapping(networks []netip.Prefix, p netip.Prefix) (n netip.Prefix, is bool) {
	if i := slices.IndexFunc(networks, p.Overlaps); i >= 0 {
		return networks[i], true
	}
	return n, false
}

// whyNever says why an address is not banned, whatever it tries; empty: it may be. found is what the watch says of it: that everybody comes
// by it, or that somebody lives there.
func (g *Gate) whyNever(client netip.Addr, found string) string {
	if why := g.spared(netip.PrefixFrom(client, client.BitLen())); why != "" {
		return why
	}
	g.mu.Lock()
	why := g.refusal(client, time.Now())
	g.mu.Unlock()
	if why != "" {
		return strings.TrimPrefix(why, "ban refused: ") // by the parent
	}
	g.state(func(s *guard.State) {
		if s.Policy().IsWebmail(client) {
			found = "it is a webmail host or a proxy (networks.webmail), and everybody's"
		}
	})
	if found == "" {
		return ""
	}
	return fmt.Sprintf("%s; postward ban add %s bans it all the same", found, client)
}
