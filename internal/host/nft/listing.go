package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
)

// Listing is the table as text for `nft -f`, with these bans and prefixes that are never dropped: for people who want to
// see what postward would do, or keep it without postward. Loaded, it takes the place of the table that is there.
func (t *Table) Listing(bans []Ban, allow []netip.Prefix) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What postward bans; nft -f FILE\nadd table inet %[1]s\ndelete table inet %[1]s\ntable inet %[1]s {\n", Name)
	for _, s := range sets() {
		list(&b, s, t.elements(s, bans, allow))
	}
	for _, c := range chains() {
		fmt.Fprintf(&b, "\tchain %s {\n", c.Name)
		if c.hook != "" {
			fmt.Fprintf(&b, "\t\t%s\n", c.hook)
		}
		for _, r := range c.rules {
			fmt.Fprintf(&b, "\t\t%s\n", r.text)
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func list(b *strings.Builder, s *nftables.Set, elements []string) {
	fmt.Fprintf(b, "\tset %s {\n\t\ttype %s\n", s.Name, s.KeyType.Name)
	switch {
	case s.Interval && s.HasTimeout:
		b.WriteString("\t\tflags interval,timeout\n")
	case s.Interval:
		b.WriteString("\t\tflags interval\n")
	case s.HasTimeout:
		b.WriteString("\t\tflags timeout\n")
	}
	if s.Size > 0 {
		fmt.Fprintf(b, "\t\tsize %d\n", s.Size)
	}
	if len(elements) > 0 {
		fmt.Fprintf(b, "\t\telements = { %s }\n", strings.Join(elements, ",\n\t\t\t"))
	}
	b.WriteString("\t}\n")
}

// elements are those of a set, as text.
func (t *Table) elements(s *nftables.Set, bans []Ban, allow []netip.Prefix) (all []string) {
	switch {
	case s.Name == setPorts:
		for _, key := range t.ports() {
			all = append(all, fmt.Sprint(uint16(key[0])<<8|uint16(key[1])))
		}
	case s.HasTimeout:
		return banTexts(s, bans)
	default:
		for _, p := range widest(allow) {
			if setAllow+familyOf(p.Addr()).number == s.Name {
				all = append(all, p.String())
			}
		}
	}
	return all
}

// banTexts are the bans that lie in a set: as in Add, the widest of those that overlap.
func banTexts(s *nftables.Set, bans []Ban) (all []string) {
	times := map[netip.Prefix]time.Duration{}
	var mine []netip.Prefix
	for _, b := range bans {
		if b.check() == nil && groupOf(b.Prefix, b.Logins).name() == s.Name {
			mine, times[b.Prefix] = append(mine, b.Prefix), max(times[b.Prefix], b.For)
		}
	}
	if s.Interval {
		mine = widest(mine)
	}
	slices.SortFunc(mine, netip.Prefix.Compare)
	for _, p := range slices.Compact(mine) {
		text := p.String()
		if !s.Interval {
			text = p.Addr().String()
		}
		all = append(all, fmt.Sprintf("%s timeout %ds", text, (times[p]+time.Second-1)/time.Second))
	}
	return all
}
