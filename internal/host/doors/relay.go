package doors

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/host/postfix"
)

// Whom Postfix lets relay without a login is an account of postward's only by networks.own: all others are strangers, whose
// mail it does not judge.

// wider says which networks Postfix lets relay and networks.own does not name, and what of mynetworks could not be read.
func (d *Doors) wider(k Known) (open, unread string) {
	var nets, whys []string
	named := map[netip.Prefix]bool{}
	for p := range d.each("smtpd") {
		if !k.Sees(p) || !relays(p, "permit_mynetworks") {
			continue
		}
		n := d.networks[p.Worth["mynetworks"]]
		for _, net := range n.all {
			if !named[net] && !covered(net, k.Own) {
				named[net], nets = true, append(nets, net.String())
			}
		}
		whys = append(whys, n.unread...)
	}
	if len(nets) > 0 {
		open = fmt.Sprintf("Postfix lets machines relay without a login that networks.own does not name (mynetworks: %s): postward does not judge what they send. "+
			"Add them to networks.own in postward.toml and systemctl reload postward, or take them out of mynetworks", some(nets))
	}
	slices.Sort(whys)
	if whys = slices.Compact(whys); len(whys) > 0 {
		unread = fmt.Sprintf("whom Postfix lets relay without a login cannot be read (mynetworks: %s): write the addresses into mynetworks itself, and into networks.own in postward.toml", some(whys))
	}
	return open, unread
}

// certificates says where clients may relay for their certificate.
func (d *Doors) certificates(k Known) string {
	var open []string
	for p := range d.each("smtpd") {
		asks := p.Worth["smtpd_tls_ask_ccert"] == "yes" || p.Worth["smtpd_tls_req_ccert"] == "yes"
		some := relays(p, "permit_tls_clientcerts") && p.Worth["relay_clientcerts"] != "" || relays(p, "permit_tls_all_clientcerts")
		if k.Sees(p) && asks && some {
			open = append(open, p.Name)
		}
	}
	if len(open) == 0 {
		return ""
	}
	return fmt.Sprintf("%s lets clients relay for their certificate, without a login (permit_tls_clientcerts): postward does not judge what they send. "+
		"Give them logins, or name their addresses in mynetworks and networks.own, and take permit_tls_clientcerts out", some(open))
}

// relays reports whether a service lets a client send anywhere for this restriction: one of the two lists that say who may
// relay names it, and no list refuses before it. A list that refuses nowhere permits.
func relays(p *postfix.Program, permit string) bool {
	named := false
	for _, name := range restrictions {
		list := strings.ToLower(p.Worth[name])
		if ends(list, permit) {
			return false
		}
		named = named || has(list, permit) && (name == "smtpd_relay_restrictions" || name == "smtpd_recipient_restrictions")
	}
	return named
}

// ends reports whether a list of restrictions ends relaying before it comes to a permit.
func ends(list, permit string) bool {
	for _, word := range postfix.SplitList(list) {
		switch word {
		case permit:
			return false
		case "reject", "defer", "reject_unauth_destination", "defer_unauth_destination":
			return true
		}
	}
	return false
}

// covered reports whether every address of a network is of loopback or of one of ours.
func covered(n netip.Prefix, ours []netip.Prefix) bool {
	if n.Addr().IsLoopback() && (n.Addr().Is4() && n.Bits() >= 8 || n.IsSingleIP()) {
		return true
	}
	within := false
	for _, o := range ours {
		if o.Bits() <= n.Bits() && o.Contains(n.Addr()) {
			return true
		}
		within = within || n.Contains(o.Addr())
	}
	if !within || n.IsSingleIP() {
		return false
	}
	low, high := halves(n)
	return covered(low, ours) && covered(high, ours)
}

// halves cuts a network in two.
func halves(n netip.Prefix) (low, high netip.Prefix) {
	bits := n.Bits() + 1
	octets := n.Addr().AsSlice()
	octets[n.Bits()/8] |= 0x80 >> (n.Bits() % 8)
	middle, _ := netip.AddrFromSlice(octets) // as many octets as n has
	return netip.PrefixFrom(n.Addr(), bits), netip.PrefixFrom(middle, bits)
}
