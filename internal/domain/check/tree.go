package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

// maxTree bounds the lines of an SPF policy that are shown.
const maxTree = 100

// tree is the SPF policy as receivers walk it: each record, and below a term what it leads to.
func (r *run) tree() []string {
	if r.Domain == "" {
		return nil
	}
	t := r.spf()
	if t.Text == "" {
		return nil
	}
	var lines []string
	branch(t, 0, &lines)
	if len(lines) > maxTree {
		lines = append(lines[:maxTree], "…")
	}
	return lines
}

func branch(t *spf.Tree, depth int, lines *[]string) {
	line := func(depth int, text string) {
		if len(*lines) <= maxTree {
			*lines = append(*lines, strings.Repeat("  ", depth)+seen(text))
		}
	}
	costs := fmt.Sprintf("%d lookups", t.Lookups)
	if t.Lookups == 1 {
		costs = "1 lookup"
	}
	if t.Text == "" {
		line(depth, t.Domain+": no record ("+t.Outcome.String()+")")
		return
	}
	line(depth, t.Domain+" ("+costs+")")
	for _, n := range t.Nodes {
		switch {
		case n.Skipped:
			line(depth+1, n.Text+" (nobody comes so far)")
		case n.Child != nil:
			line(depth+1, n.Text)
			branch(n.Child, depth+2, lines)
		case len(n.Networks) > 0 && n.Kind != spf.IP4 && n.Kind != spf.IP6:
			var networks []string
			for _, network := range n.Networks[:min(len(n.Networks), 8)] {
				networks = append(networks, network.String())
			}
			line(depth+1, n.Text+": "+strings.Join(networks, ", "))
		default:
			line(depth+1, n.Text)
		}
	}
}

// heloPolicy looks whether the name said in HELO has a policy of its own: a bounce has no other sender (RFC 7208
// section 2.4).
func (r *run) heloPolicy(ctx context.Context) {
	if r.HELO == "" || r.HELO == r.Domain || !strings.Contains(r.HELO, ".") {
		return
	}
	name := strings.TrimSuffix(r.HELO, ".")
	a := r.Resolver.Addresses(ctx, name)
	if !slices.ContainsFunc(r.senders(), func(s netip.Addr) bool { return contains(a.Addrs, s.Unmap()) }) {
		return // it is no name of what sends: said by another topic
	}
	t := spf.Walk(ctx, r.Resolver, name)
	if t.Outcome == dns.Answered && t.Text == "" || t.Outcome == dns.NoData {
		r.find("spf.helo", name, "no SPF record", &Mend{Do: "Publish one for the host's name too.", Add: []Record{Text(name, "v=spf1 a -all")}})
	}
}
