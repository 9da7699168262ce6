package check

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/domain/spf"
)

// findSenders are the addresses of the target, or else those of its exchangers that can be taken for senders.
func (r *run) findSenders() []netip.Addr {
	senders := slices.Clone(r.Addrs)
	if len(senders) == 0 {
		for _, h := range r.hosts() {
			senders = append(senders, r.sending(h)...)
		}
	}
	slices.SortFunc(senders, netip.Addr.Compare)
	senders = slices.Compact(senders)
	return senders[:min(len(senders), MaxAddrs)]
}

// sending are the addresses of an exchanger that can be taken for senders. What takes the domain's mail need not send it: a
// filter stands in the MX records only, and is the business of whoever runs it. So the SPF policy is asked. An address that
// it lets pass sends; and so does a host of the domain's own by its other addresses then, for a forgotten IPv6 is what its owner
// must be told. Where the policy is broken or says nothing, what it names is taken, and the domain's own hosts: on one small
// server, they are it.
func (r *run) sending(h host) (all []netip.Addr) {
	own, vague := r.within(h.name), r.vague()
	if r.named(h.name) || own && vague {
		return h.addrs.Addrs
	}
	for _, a := range h.addrs.Addrs {
		is := r.spf().Result(a).Result
		broken := is == spf.None || is == spf.PermError || is == spf.TempError || is == spf.Unknown
		switch {
		case own && broken:
			return h.addrs.Addrs
		case is == spf.Pass && !vague, (is == spf.Pass || broken) && r.meant(a):
			all = append(all, a)
		}
	}
	if own && len(all) > 0 {
		return h.addrs.Addrs
	}
	return all
}

// meant reports whether the SPF record names an address, whatever else is wrong with it.
func (r *run) meant(a netip.Addr) bool {
	return slices.ContainsFunc(passing(r.spf()), func(n netip.Prefix) bool { return !wide(n) && n.Contains(a) })
}

// named reports whether the name is what the senders say in HELO.
func (r *run) named(name string) bool {
	return r.HELO != "" && strings.EqualFold(strings.TrimSuffix(r.HELO, "."), name)
}

// within reports whether a name is the domain or lies below it.
func (r *run) within(name string) bool {
	name = strings.TrimSuffix(name, ".")
	return r.Domain != "" && (name == r.Domain || strings.HasSuffix(name, "."+r.Domain))
}

// vague reports whether the SPF policy can be read and still says nothing about who sends: it lets everybody pass, or nobody
// and forbids it nobody.
func (r *run) vague() bool {
	t := r.spf()
	return everybody(t) || t.Text != "" && !letsPass(t) && (t.Has(spf.NeutralAll) || t.Has(spf.NoAll))
}

// letsPass reports whether a policy has a term that lets somebody pass.
func letsPass(t *spf.Tree) bool {
	return slices.ContainsFunc(t.Nodes, func(n *spf.Node) bool {
		switch {
		case n.Skipped || n.Qualifier != spf.Pass && n.Kind != spf.Redirect:
			return false
		case n.Child != nil:
			return letsPass(n.Child)
		case n.Kind == spf.A || n.Kind == spf.MX:
			return len(n.Networks) > 0 || hasMark(n, spf.Unanswered, spf.NeedsSender)
		}
		return true
	})
}

func hasMark(n *spf.Node, marks ...spf.Mark) bool {
	return slices.ContainsFunc(n.Remarks, func(is spf.Remark) bool { return slices.Contains(marks, is.Mark) })
}

// passing are the networks that a policy lets pass, as far as they can be named.
func passing(t *spf.Tree) (all []netip.Prefix) {
	for _, n := range t.Nodes {
		all = append(all, passed(n)...)
	}
	return all
}

// passed are those that a term lets pass.
func passed(n *spf.Node) []netip.Prefix {
	switch {
	case n.Skipped || n.Qualifier != spf.Pass && n.Kind != spf.Redirect:
		return nil
	case n.Kind == spf.All:
		return []netip.Prefix{all4, all6}
	case n.Child != nil:
		return passing(n.Child)
	}
	return n.Networks
}

var (
	all4 = netip.MustParsePrefix("0.0.0.0/0")
	all6 = netip.MustParsePrefix("::/0")
	used = netip.MustParsePrefix("2000::/3") // what of IPv6 is in use (RFC 4291 section 2.4)
)

// everybody reports whether a policy lets half of the internet pass, or more: by all, or by networks that come to as much.
func everybody(t *spf.Tree) bool {
	nets := passing(t)
	slices.SortFunc(nets, func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	var last netip.Prefix
	var four, six uint64 // addresses, and networks of 64 bits
	for _, n := range nets {
		switch {
		case last.IsValid() && last.Contains(n.Addr()):
			continue // an earlier one holds it: of two networks one holds the other, or they have nothing in common
		case n.Addr().Is4():
			four += 1 << (32 - n.Bits())
		case n.Bits() <= used.Bits() && n.Overlaps(used):
			six = 1 << 61
		case n.Overlaps(used):
			six += 1 << (64 - min(n.Bits(), 64))
		}
		last = n
	}
	return four >= 1<<31 || six >= 1<<60
}

// wide reports whether a network is so large that nobody can vouch for who is in it.
func wide(n netip.Prefix) bool {
	return n.Addr().Is4() && n.Bits() < 8 || n.Addr().Is6() && n.Bits() < 16
}
