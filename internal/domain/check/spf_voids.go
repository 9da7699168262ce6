package check

import (
	"net/netip"
	"slices"
	"strings"

	"postward/internal/domain/spf"
)

// spent reports whether the policy counts for nothing for clients of either family: questions of both have too few answers.
func spent(t *spf.Tree) bool { return min(t.Voids4, t.Voids6) > spf.MaxVoids }

// voids weighs that a policy asks for too much that is not there. Where that is so for one family of clients, the other's
// policy is sound; and in that one family it matters only to those who would pass by a term behind it.
func (p *policy) voids(saw string) {
	const order = "Put the terms that ask nothing (ip4, ip6) first, and behind them those that have addresses of this family. Take out none of them."
	lost := unreached(p.tree)
	switch {
	case spent(p.tree):
		p.say("spf.voids", saw, "Take out what leads to nothing.")
		return
	case len(lost) == 0:
		return
	}
	p.first(lost)
	saw += "; " + shownNetworks(lost) + " would pass by a term behind them"
	if slices.ContainsFunc(p.senders(), func(a netip.Addr) bool { return p.tree.Result(a).Result == spf.PermError }) {
		p.say("spf.voids", saw, order)
		return
	}
	p.say("spf.voids-family", saw, order)
}

// unreached are the networks that a policy would let pass, by terms that no client of their family comes to: its questions
// had too many voids before.
func unreached(t *spf.Tree) (all []netip.Prefix) {
	const maxTried = 256 // each is an evaluation
	for i, n := range behind(t) {
		if i == maxTried {
			break
		}
		if t.Result(n.Addr()).Result == spf.PermError && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// behind are the networks that pass by terms behind too many voids.
func behind(t *spf.Tree) (all []netip.Prefix) {
	for _, n := range t.Nodes {
		switch {
		case n.Skipped || n.Kind == spf.All || n.Qualifier != spf.Pass && n.Kind != spf.Redirect:
		case n.Child != nil:
			all = append(all, behind(n.Child)...)
		default:
			for _, net := range n.Networks {
				if net.Addr().Is4() && n.Behind4 || net.Addr().Is6() && n.Behind6 {
					all = append(all, net)
				}
			}
		}
	}
	return all
}

// first lets those terms come first in the record that ask nothing, or that some networks pass by.
func (p *policy) first(lost []netip.Prefix) {
	p.ahead = map[*spf.Node]bool{}
	for _, n := range p.tree.Nodes {
		plain := n.Kind == spf.IP4 || n.Kind == spf.IP6
		if n.Qualifier == spf.Pass && (plain || slices.ContainsFunc(passed(n), func(net netip.Prefix) bool { return slices.Contains(lost, net) })) {
			p.ahead[n] = true
		}
	}
}

// inOrder are the terms as the record has them. Those that come first do so behind what asks nothing and before the first
// that does, but never before one that lets somebody not pass: what it says of him would change.
func (p *policy) inOrder() []*spf.Node {
	place := func(n *spf.Node) int {
		switch {
		case p.ahead[n] && (n.Kind == spf.IP4 || n.Kind == spf.IP6):
			return 0
		case p.ahead[n]:
			return 1
		}
		return 2
	}
	nodes := slices.Clone(p.tree.Nodes)
	for begin := 0; begin < len(nodes); {
		end := begin
		for end < len(nodes) && nodes[end].Qualifier == spf.Pass && !nodes[end].Skipped {
			end++
		}
		slices.SortStableFunc(nodes[begin:end], func(a, b *spf.Node) int { return place(a) - place(b) })
		begin = end + 1
	}
	return nodes
}

// shownNetworks names some networks.
func shownNetworks(nets []netip.Prefix) string {
	const most = 5
	var words []string
	for _, n := range nets[:min(len(nets), most)] {
		words = append(words, strings.SplitN(networkTerm(n), ":", 2)[1])
	}
	if len(nets) > most {
		words = append(words, "…")
	}
	return strings.Join(words, ", ")
}
