package spf

import (
	"slices"
	"strings"
)

// maxTarget is what a target-name has at most; labels go from its left until it fits (RFC 7208 section 7.3).
const maxTarget = 253

// target expands the domain-spec of a term. When the Subject does not tell enough, the node is unknown.
func (b *builder) target(n *Node, domain string) string {
	pieces, _ := macroString(n.Spec, false)
	var all strings.Builder
	for i := range pieces {
		p := &pieces[i]
		if p.letter == 0 {
			all.WriteString(p.literal)
			continue
		}
		value, ok := b.value(p.letter, domain, n)
		if !ok {
			n.unknown = true
			return ""
		}
		all.WriteString(p.transform(value))
	}
	name := all.String()
	for len(strings.TrimSuffix(name, ".")) > maxTarget {
		_, rest, is := strings.Cut(name, ".")
		if !is {
			break
		}
		name = rest
	}
	return name
}

// value is what a macro-letter stands for (section 7.2). Without a sender, the domain of it is the one that is asked about.
func (b *builder) value(letter byte, domain string, n *Node) (string, bool) {
	s := &b.subject
	local, host := "postmaster", b.origin
	if at := strings.LastIndexByte(s.Sender, '@'); at > 0 {
		local, host = s.Sender[:at], s.Sender[at+1:]
	} else if at == 0 {
		host = s.Sender[1:]
	}
	switch letter {
	case 'd':
		return domain, true
	case 'o':
		return host, true
	case 's':
		return local + "@" + host, s.Sender != ""
	case 'l':
		return local, s.Sender != ""
	case 'h':
		return s.HELO, s.HELO != ""
	}
	n.own = true
	if !s.Addr.IsValid() {
		return "", false
	}
	switch letter {
	case 'i':
		return dotted(s.Addr), true
	case 'p':
		return b.validated(domain)
	}
	if s.Addr.Is4() {
		return "in-addr", true
	}
	return "ip6", true
}

// validated is %{p} (section 7.3): a name of the address that has the address, the domain itself or one below it
// first; "unknown" when there is none. It reports false as long as an answer is missing.
func (b *builder) validated(domain string) (string, bool) {
	n, missed := Node{}, len(b.wants)
	b.names(&n)
	if len(b.wants) > missed {
		return "", false
	}
	var names []string
	for i := range n.Hosts {
		if slices.Contains(n.Hosts[i].Addrs, b.subject.Addr) {
			names = append(names, n.Hosts[i].Name)
		}
	}
	for _, name := range names {
		if equalFold(name, domain) {
			return name, true
		}
	}
	for _, name := range names {
		if below(name, domain) {
			return name, true
		}
	}
	if len(names) > 0 {
		return names[0], true
	}
	return "unknown", true
}

// below reports whether a name is the domain, or in it.
func below(name, domain string) bool {
	name, domain = lower(strings.TrimSuffix(name, ".")), lower(strings.TrimSuffix(domain, "."))
	return name == domain || strings.HasSuffix(name, "."+domain)
}
