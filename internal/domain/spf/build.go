package spf

import (
	"net/netip"
	"slices"
	"strings"

	"postward/internal/wire/dns"
)

// builder makes a tree of what is known, in the order of evaluation, and notes what it misses.
type builder struct {
	known   *known
	origin  string // the domain that is asked about: the sender's
	root    *Tree
	wants   []want
	lookups int
	path    []string // the records that lead here
}

func build(k *known, domain string) *builder {
	b := &builder{known: k, origin: strings.TrimSuffix(domain, ".")}
	b.root = b.tree(domain)
	return b
}

// get is the answer to a question, or none yet: then it is wanted.
func (b *builder) get(name string, t dns.Type) (dns.Answer, bool) {
	q := question{name, t}
	a, is := b.known.answers[q]
	if !is {
		b.wants = append(b.wants, want{q, t == dns.TXT, b.lookups})
	}
	return a, is
}

// tree reads the record of a domain and follows its terms.
func (b *builder) tree(domain string) *Tree {
	name, ok := dns.Canonical(domain)
	if !ok || !strings.Contains(strings.TrimSuffix(name, "."), ".") { // section 4.3
		return &Tree{Domain: printable(domain, dns.MaxName), bad: true}
	}
	t := &Tree{Domain: shown(name)}
	a, is := b.get(name, dns.TXT)
	if !is {
		return t
	}
	t.Outcome = a.Outcome
	t.read(name, a.Texts)
	if t.records != 1 {
		return t
	}
	b.path = append(b.path, t.Domain)
	defer func() { b.path = b.path[:len(b.path)-1] }()
	before := b.lookups
	t.Nodes = b.nodes(t, b.record(a.Texts))
	t.Lookups = b.lookups - before
	t.countVoids()
	return t
}

// record is the SPF record of the texts, read once.
func (b *builder) record(texts []string) Record {
	text := texts[slices.IndexFunc(texts, IsRecord)]
	r, is := b.known.records[text]
	if !is {
		r = Parse(text)
		b.known.records[text] = r
	}
	return r
}

// nodes makes the terms' nodes, in the order in which they are evaluated: redirect last (section 6.1). What is never evaluated
// is asked for nothing.
func (b *builder) nodes(t *Tree, r Record) (nodes []*Node) {
	t.faults = len(r.Faults)
	for _, f := range r.Faults {
		t.say(f.Mark, f.Term+": "+f.Why)
	}
	hasAll := slices.ContainsFunc(r.Terms, func(t Term) bool { return t.Kind == All })
	ended := false
	var redirect *Node
	for _, term := range r.Terms {
		n := &Node{Term: term}
		if term.Kind == Redirect {
			n.Skipped, redirect = hasAll, n
			continue
		}
		n.Skipped = ended && term.Qualifier != ""
		ended = ended || term.Kind == All
		b.follow(t, n)
		nodes = append(nodes, n)
	}
	if redirect != nil {
		b.follow(t, redirect)
		nodes = append(nodes, redirect)
	}
	return nodes
}

// follow asks what a term asks.
func (b *builder) follow(t *Tree, n *Node) {
	if n.Skipped || !n.Kind.asks() {
		if n.Network.IsValid() {
			n.Networks = []netip.Prefix{n.Network}
		}
		return
	}
	b.lookups++
	if b.lookups > maxLookups {
		n.beyond = true
		return
	}
	target := t.Domain
	if n.Spec != "" {
		if target = b.target(n, t.Domain); n.unknown {
			return
		}
	}
	name, ok := dns.Canonical(target)
	if n.Name = shown(name); !ok {
		n.Name, n.invalid = printable(target, dns.MaxName), true
	}
	switch n.Kind {
	case Include, Redirect:
		b.child(n, target)
	case A:
		if ok {
			n.Hosts = []Host{b.host(name)}
		}
	case MX:
		if ok {
			b.exchangers(n, name)
		}
	case Exists:
		if ok {
			a, _ := b.get(name, dns.A)
			n.Outcome = a.Outcome
		}
	case PTR:
		n.unknown = true
	}
	n.cover()
}

// child follows an include or a redirect, unless it leads back or too deep.
func (b *builder) child(n *Node, target string) {
	switch {
	case slices.Contains(b.path, n.Name):
		n.loop = true
	case len(b.path) >= maxDepth:
		n.beyond = true
	default:
		n.Child = b.tree(target)
	}
}

// host asks for the addresses of a name, of both families.
func (b *builder) host(name string) Host {
	v4, _ := b.get(name, dns.A)
	v6, _ := b.get(name, dns.AAAA)
	return Host{Name: shown(name), V4: v4.Outcome, V6: v6.Outcome, Addrs: slices.Concat(v4.Addrs, v6.Addrs)}
}

func (b *builder) exchangers(n *Node, name string) {
	a, _ := b.get(name, dns.MX)
	n.Outcome, n.Exchangers = a.Outcome, len(a.Exchangers)
	for _, x := range a.Exchangers[:min(len(a.Exchangers), MaxExchangers)] {
		if host, ok := dns.Canonical(x.Host); ok && host != "." {
			n.Hosts = append(n.Hosts, b.host(host))
		} else {
			n.Hosts = append(n.Hosts, Host{Name: dns.Show(x.Host), V4: dns.NoName, V6: dns.NoName})
		}
	}
}

// cover makes networks of the addresses.
func (n *Node) cover() {
	if n.Kind != A && n.Kind != MX {
		return
	}
	for i := range n.Hosts {
		for _, addr := range n.Hosts[i].Addrs {
			bits := n.Bits6
			if addr.Is4() {
				bits = n.Bits4
			}
			if p, err := addr.Prefix(bits); err == nil && !slices.Contains(n.Networks, p) {
				n.Networks = append(n.Networks, p)
			}
		}
	}
}
