package check

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

// drop takes a term out of the corrected record, with what stands in its place.
func (p *policy) drop(n *spf.Node, instead ...netip.Prefix) {
	p.gone[n] = true
	p.added = append(p.added, networkTerms(instead)...)
	spared := n.Kind == spf.Redirect || n.Qualifier != "" && n.Qualifier != spf.Fail // whom -all would refuse now
	p.lost = p.lost || len(instead) == 0 && !n.Skipped && spared
}

// merged is one record of several: the terms of each, once, and the weakest end. A redirect can only be an include in there.
// What nobody can read is lost.
func merged(records []string) (text string, lost []string) {
	words, end := []string{"v=spf1"}, "-all"
	for _, text := range records {
		own := "~all"
		text, unread := spf.Respelled(text)
		lost = append(lost, unread...)
		for _, term := range spf.Parse(text).Terms {
			word := term.Text
			switch {
			case term.Kind == spf.All:
				own, word = term.Text, ""
			case term.Kind == spf.Redirect:
				word = "include:" + term.Spec
			case term.Kind == spf.Exp && slices.ContainsFunc(words, explains):
				word = "" // there may be one
			}
			if word != "" && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
		if own != "-all" {
			end = "~all"
		}
	}
	return strings.Join(append(words, end), " "), lost
}

func explains(word string) bool { return strings.HasPrefix(strings.ToLower(word), "exp=") }

// amended answers as if a domain had another SPF record.
type amended struct {
	dns.Resolver
	name  string
	texts []string
}

func (a amended) TXT(ctx context.Context, name string) dns.Answer {
	if strings.EqualFold(strings.TrimSuffix(name, "."), a.name) {
		return dns.Answer{Outcome: dns.Answered, Texts: a.texts}
	}
	return a.Resolver.TXT(ctx, name)
}

// walk is the policy as it would be with a record in the place of the domain's own.
func (p *policy) walk(ctx context.Context, record string) *spf.Tree {
	texts := slices.DeleteFunc(slices.Clone(p.texts()), spf.IsRecord)
	return spf.Walk(ctx, amended{p.Resolver, p.Domain, append(texts, record)}, p.Domain)
}

// corrected is the record as it should be; empty when none can be made that is better. It is tried out before anybody
// is told to publish it: whoever sends the domain's mail or passes today passes, by name if not otherwise.
func (p *policy) corrected(ctx context.Context) string {
	text := p.compose(nil)
	tree := p.walk(ctx, text)
	if first := p.shutOut(tree); len(first) > 0 {
		text = p.compose(first)
		tree = p.walk(ctx, text)
	}
	if ctx.Err() != nil || !p.better(text, tree) || len(p.shutOut(tree)) > 0 {
		return ""
	}
	return text
}

// shutOut are terms for those who do not pass by a record and should: what sends, what passes today, and what the terms
// name that were kept.
func (p *policy) shutOut(tree *spf.Tree) (terms []string) {
	var nets []netip.Prefix
	for _, a := range p.senders() {
		if !local(a) {
			nets = append(nets, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	for _, n := range slices.Concat(nets, p.today, passingNow(p.tree), unreached(tree)) {
		if term := networkTerm(n); tree.Result(n.Addr()).Result != spf.Pass && !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	return terms
}

// passingNow are the networks that pass by a policy, but those of half the internet: whose first address does.
func passingNow(t *spf.Tree) (all []netip.Prefix) {
	const maxTried = 256 // each is an evaluation
	for i, n := range passing(t) {
		if i == maxTried {
			break
		}
		if !wide(n) && t.Result(n.Addr()).Result == spf.Pass && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// compose writes the record: first what must not depend on the rest of it.
func (p *policy) compose(first []string) string {
	words := []string{"v=spf1"}
	add := func(word string) {
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	for _, word := range first {
		add(word)
	}
	for _, n := range p.inOrder() {
		if !p.gone[n] && n.Kind != spf.All && n.Kind != spf.Redirect {
			add(n.Text)
		}
	}
	for _, word := range p.added {
		add(word)
	}
	for _, word := range p.ending() {
		add(word)
	}
	return strings.Join(words, " ")
}

// ending is how the record ends: as before, but never with -all when somebody may be missing in it now.
func (p *policy) ending() []string {
	for _, n := range p.tree.Nodes {
		switch {
		case p.gone[n] || n.Skipped:
		case n.Kind == spf.All && p.end == "" && !(p.lost && n.Qualifier == spf.Fail):
			return []string{n.Text}
		case n.Kind == spf.Redirect && !p.lost:
			return []string{n.Text}
		case n.Kind == spf.Redirect:
			return []string{"include:" + n.Spec, "~all"}
		}
	}
	return []string{"~all"}
}

// permanent are what makes a policy count for nothing, for everybody or for some.
var permanent = []spf.Mark{spf.SyntaxError, spf.WrongFamily, spf.TargetNone, spf.TargetBroken, spf.Loop, spf.SeveralRecords, spf.PassAll,
	spf.TooManyLookups, spf.TooManyExchangers}

// better reports whether a record mends something and shuts nobody out: one that lets nobody pass is none, unless the
// domain says so already.
func (p *policy) better(text string, tree *spf.Tree) bool {
	records := p.records()
	if len(records) == 1 && records[0] == text || everybody(tree) || slices.ContainsFunc(permanent, tree.Has) || spent(tree) || len(unreached(tree)) > 0 {
		return false
	}
	return letsPass(tree) || !p.lost && p.end == "" && p.tree.Text != "" && !letsPass(p.tree)
}

// flatten puts networks in the place of the costliest terms, until no more than ten lookups are left.
func (p *policy) flatten() {
	nodes := slices.Clone(p.tree.Nodes)
	slices.SortStableFunc(nodes, func(a, b *spf.Node) int { return cost(b) - cost(a) })
	left := p.tree.Lookups
	for _, n := range nodes {
		if p.gone[n] {
			left -= cost(n)
		}
	}
	for _, n := range nodes {
		if left <= spf.MaxLookups || cost(n) == 0 {
			return
		}
		if nets := networks(n); len(nets) > 0 && !p.gone[n] {
			left -= cost(n)
			p.drop(n, nets...)
		}
	}
}

// cost is how many lookups a term causes.
func cost(n *spf.Node) int {
	switch n.Kind {
	case spf.Include:
		if n.Child != nil {
			return 1 + n.Child.Lookups
		}
		return 1
	case spf.A, spf.MX:
		return 1
	}
	return 0
}

// networks are those that a term lets pass; none when they cannot be named all.
func networks(n *spf.Node) (nets []netip.Prefix) {
	if n.Qualifier != spf.Pass && n.Kind != spf.Redirect || hasMark(n, spf.Unanswered) {
		return nil
	}
	if n.Child == nil {
		return n.Networks
	}
	for _, inner := range n.Child.Nodes {
		if inner.Kind == spf.All || inner.Skipped || inner.Qualifier == "" && inner.Kind != spf.Redirect {
			continue
		}
		more := networks(inner)
		if len(more) == 0 {
			return nil
		}
		nets = append(nets, more...)
	}
	return nets
}

// narrow are the networks that a term lets pass without those that hold everybody.
func narrow(n *spf.Node) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(passed(n)), wide)
}

func networkTerms(nets []netip.Prefix) (terms []string) {
	for _, n := range nets {
		terms = append(terms, networkTerm(n))
	}
	return terms
}

func networkTerm(net netip.Prefix) string {
	kind := "ip6:"
	if net.Addr().Is4() {
		kind = "ip4:"
	}
	if net.IsSingleIP() {
		return kind + net.Addr().String()
	}
	return kind + net.String()
}
