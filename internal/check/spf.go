package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/dns"
	"postward/internal/spf"
)

// policy looks at the domain's SPF policy (RFC 7208), and at what it says of the addresses that send.
func (r *run) policy(ctx context.Context) string {
	if r.Domain == "" {
		return ""
	}
	if mx := r.mx(); mx.Outcome == dns.NoName {
		return "" // said by another topic
	}
	tree := r.spf()
	p := policy{run: r, tree: tree, gone: map[*spf.Node]bool{}}
	if !tree.Outcome.Known() {
		p.say("spf.unknown", "asked for TXT: "+tree.Outcome.String(), "")
	} else {
		p.look()
	}
	p.tell()
	r.heloPolicy(ctx)
	return p.seen()
}

// policy is an SPF record that is looked at, and the one it should be.
type policy struct {
	*run
	tree  *spf.Tree
	found []found
	gone  map[*spf.Node]bool // terms that the corrected record has no more
	added []string           // and those that it has besides
	end   string             // what it ends with; empty: as before
}

type found struct {
	id      ID
	saw, do string
}

func (p *policy) say(id ID, saw, do string) { p.found = append(p.found, found{id, saw, do}) }

func (p *policy) look() {
	switch {
	case p.tree.Has(spf.SeveralRecords) && p.tree.Text != "" && len(p.records()) > 1:
		p.several()
	case p.tree.Text == "":
		p.none()
	default:
		p.record()
		p.terms()
		p.whole()
		p.senderAddrs()
	}
}

func (p *policy) none() {
	saw := "no TXT record begins with v=spf1"
	for _, remark := range p.tree.Remarks {
		if remark.Mark == spf.AlmostRecord {
			saw = "almost one, but not for any receiver: " + remark.Text
		}
	}
	p.added, p.end = p.networks(func(netip.Addr) bool { return true }), "-all"
	p.say("spf.none", saw, "Say which addresses send the domain's mail. Whoever else sends it, a newsletter service perhaps, belongs in there too.")
}

// several makes one record of many: the terms of each, once, and the last one's end.
func (p *policy) several() {
	p.end = "~all"
	for _, text := range p.records() {
		record := spf.Parse(text)
		for _, term := range record.Terms {
			switch {
			case term.Kind == spf.All:
				p.end = term.Text
			case term.Qualifier != "" && !slices.Contains(p.added, term.Text):
				p.added = append(p.added, term.Text)
			}
		}
	}
	for _, n := range p.tree.Nodes {
		p.gone[n] = true
	}
	p.say("spf.several", fmt.Sprintf("%d records: %s", len(p.records()), strings.Join(p.records(), " | ")), "Make one record of them.")
}

// record says what is so about the record as a whole.
func (p *policy) record() {
	for _, remark := range p.tree.Remarks {
		switch remark.Mark {
		case spf.SyntaxError, spf.WrongFamily:
			p.say("spf.syntax", remark.Text, "Correct the term, or leave it out.")
		case spf.NoAll:
			p.end = "~all"
			p.say("spf.open-end", "neither all nor redirect", "End the record with ~all, and with -all when every sender is in it.")
		case spf.LongRecord, spf.LongAnswer:
			p.say("spf.long", remark.Text, "")
		}
	}
}

// terms says what is so about each term of the domain's own record, and about what it leads to.
func (p *policy) terms() {
	for _, n := range p.tree.Nodes {
		for _, remark := range n.Remarks {
			p.term(n, remark)
		}
		if n.Child != nil {
			p.target(n)
		}
	}
}

func (p *policy) term(n *spf.Node, remark spf.Remark) {
	saw := n.Text
	if remark.Text != "" {
		saw += ": " + remark.Text
	}
	switch remark.Mark {
	case spf.TargetNone, spf.TargetBroken, spf.Loop:
		p.gone[n] = true
		p.say("spf.include", saw, "Take it out, or tell the owner of the other record; as it is, the whole policy counts for nothing.")
	case spf.PassAll:
		p.end = "-all"
		p.say("spf.pass-all", saw, "End the record with -all, or with ~all while you look who sends in your name.")
	case spf.NeutralAll:
		p.end = "~all"
		p.say("spf.open-end", saw, "End the record with ~all, and with -all when every sender is in it.")
	case spf.UsesPTR:
		p.gone[n] = true
		p.say("spf.ptr", saw, "Take it out; name the addresses.")
	case spf.RedirectIgnored, spf.AfterAll:
		p.gone[n] = true
		p.say("spf.ignored", saw, "Take it out, or put it before all.")
	case spf.UnknownModifier:
		p.gone[n] = true
		p.say("spf.ignored", saw, "Take it out, or write what was meant.")
	case spf.Void, spf.BadName, spf.NullExchanger:
		p.gone[n] = true
		p.say("spf.void", saw, "Take it out: nobody sends from there.")
	case spf.TooManyExchangers:
		p.say("spf.lookups", saw+" hosts, 10 may be", "Name the addresses with ip4 and ip6 instead.")
		p.gone[n], p.added = true, append(p.added, networks(n)...)
	case spf.HugeNetwork:
		p.say("spf.huge", saw, "")
	case spf.NotPublic:
		p.say("spf.private", saw, "")
	case spf.Covered:
		p.say("spf.covered", saw, "")
	case spf.Unanswered:
		p.say("spf.unknown", saw, "")
	}
}

// target says what is wrong in a record that is not the domain's own but counts as if it were.
func (p *policy) target(n *spf.Node) {
	for _, m := range []spf.Mark{spf.TargetNone, spf.TargetBroken, spf.Loop, spf.PassAll} {
		if !n.Child.Has(m) || p.gone[n] {
			continue
		}
		p.gone[n] = true
		if m == spf.PassAll {
			p.say("spf.pass-all", n.Text+": everybody passes in there", "Take it out, and ask its owner about it.")
		} else {
			p.say("spf.include", n.Text+": in there: "+m.String(), "Take it out until its owner has mended it; as it is, the whole policy counts for nothing.")
		}
	}
	if n.Child.Has(spf.Unanswered) {
		p.say("spf.unknown", n.Text+": what it leads to was not answered", "")
	}
}

// whole says what is so about the tree.
func (p *policy) whole() {
	for _, remark := range p.tree.Remarks {
		switch remark.Mark {
		case spf.TooManyLookups:
			p.flatten()
			p.say("spf.lookups", remark.Text, "Take out what nobody sends with any more. The record here names the networks of the costliest terms instead; look now and then whether they still are the same.")
		case spf.TooManyVoids:
			p.say("spf.void", remark.Text, "Take out what leads to nothing.")
		}
	}
}

// flatten puts networks in the place of the costliest terms, until no more than ten lookups are left.
func (p *policy) flatten() {
	nodes := slices.Clone(p.tree.Nodes)
	slices.SortStableFunc(nodes, func(a, b *spf.Node) int { return cost(b) - cost(a) })
	left := p.tree.Lookups
	for _, n := range nodes {
		if left <= spf.MaxLookups || cost(n) == 0 {
			return
		}
		if nets := networks(n); len(nets) > 0 && !p.gone[n] {
			left -= cost(n)
			p.gone[n], p.added = true, append(p.added, nets...)
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

// networks are those that a term lets pass, as terms; none when they cannot be named all.
func networks(n *spf.Node) (terms []string) {
	if n.Qualifier != spf.Pass {
		return nil
	}
	for _, net := range n.Networks {
		terms = append(terms, networkTerm(net))
	}
	if n.Child == nil {
		return terms
	}
	for _, inner := range n.Child.Nodes {
		if inner.Kind == spf.All || inner.Qualifier == "" && inner.Kind != spf.Redirect {
			continue
		}
		nets := networks(inner)
		if len(nets) == 0 {
			return nil
		}
		terms = append(terms, nets...)
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

// senderAddrs looks whether those who send may.
func (p *policy) senderAddrs() {
	for _, a := range p.senders() {
		v := p.tree.Result(a)
		if local(a) || v.Result == spf.Pass || v.Result == spf.Unknown || v.Result == spf.TempError || v.Result == spf.PermError {
			continue // what makes an error of it has been said
		}
		p.added = append(p.added, networkTerm(netip.PrefixFrom(a, a.BitLen())))
		p.say("spf.sender", fmt.Sprintf("%s sends the domain's mail and comes to %s", a, v.Result), "Put the address into the record.")
	}
}

// networks are terms for the addresses that send and are wanted.
func (p *policy) networks(wanted func(netip.Addr) bool) (terms []string) {
	for _, a := range p.senders() {
		if !local(a) && wanted(a) {
			terms = append(terms, networkTerm(netip.PrefixFrom(a, a.BitLen())))
		}
	}
	return terms
}

// records are the texts of the domain that are SPF records.
func (p *policy) records() []string {
	var all []string
	for _, text := range p.texts() {
		if spf.IsRecord(text) {
			all = append(all, text)
		}
	}
	return all
}

// corrected is the record as it should be. A redirect stays where there is no end of its own.
func (p *policy) corrected() string {
	words := []string{"v=spf1"}
	var end string
	for _, n := range p.tree.Nodes {
		switch {
		case n.Kind == spf.All || n.Kind == spf.Redirect:
			if !p.gone[n] {
				end = n.Text
			}
		case !p.gone[n]:
			words = append(words, n.Text)
		}
	}
	for _, term := range p.added {
		if !slices.Contains(words, term) {
			words = append(words, term)
		}
	}
	if p.end != "" || end == "" {
		end = p.end
	}
	if end == "" {
		end = "~all"
	}
	return strings.Join(append(words, end), " ")
}

// tell emits what was found. The record that mends all of it stands with the most urgent finding, once.
func (p *policy) tell() {
	slices.SortStableFunc(p.found, func(a, b found) int { return a.id.place() - b.id.place() })
	var told ID
	for _, f := range p.found {
		var mend *Mend
		switch {
		case f.do == "":
		case told == "":
			told, mend = f.id, &Mend{Do: f.do, Add: []Record{Text(p.Domain, p.corrected())}}
			for _, text := range p.records() {
				mend.Remove = append(mend.Remove, Text(p.Domain, text))
			}
		default:
			mend = &Mend{Do: f.do + " The record at " + string(told) + " does it."}
		}
		p.find(f.id, p.Domain, f.saw, mend)
	}
}

// seen is the policy in one line.
func (p *policy) seen() string {
	return fmt.Sprintf("%s (%d of %d lookups)", p.tree.Text, p.tree.Lookups, spf.MaxLookups)
}
