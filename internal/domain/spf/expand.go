package spf

import "strings"

// maxTarget is what a target-name has at most; labels go from its left until it fits (RFC 7208 section 7.3).
const maxTarget = 253

// target expands the domain-spec of a term. When it depends on who sends, the node is unknown.
func (b *builder) target(n *Node, domain string) string {
	pieces, _ := macroString(n.Spec, false)
	var all strings.Builder
	for i := range pieces {
		p := &pieces[i]
		if p.letter == 0 {
			all.WriteString(p.literal)
			continue
		}
		value, ok := b.value(p.letter, domain)
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

// value is what a macro-letter stands for (section 7.2), of those that do not depend on who sends. The sender's domain is the
// one that is asked about.
func (b *builder) value(letter byte, domain string) (string, bool) {
	switch letter {
	case 'd':
		return domain, true
	case 'o':
		return b.origin, true
	}
	return "", false
}
