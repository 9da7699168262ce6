package spf

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postward/internal/wire/dns"
)

// Bounds of what is a long record (RFC 7208 section 3.4) and of a shown one, in octets.
const (
	longRecord = 450
	longAnswer = 512
	maxText    = 8192
)

// read takes the SPF record out of a domain's texts.
func (t *Tree) read(name string, texts []string) {
	octets := 12 + len(name) + 1 + 4
	plain := len(name)
	for _, text := range texts {
		octets += 12 + len(text) + max(1, (len(text)+254)/255)
		plain += len(text)
		switch {
		case IsRecord(text):
			if t.records++; t.records == 1 {
				t.Text = printable(text, maxText)
			}
		case len(text) >= 4 && (equalFold(text[:4], "spf1") || len(text) >= 5 && equalFold(text[:5], "v=spf")) || len(text) >= 3 && equalFold(text[:3], "spf"):
			t.say(AlmostRecord, printable(text, maxShown))
		}
	}
	if t.Octets = octets; !t.Outcome.Known() || t.records == 0 {
		return
	}
	if octets > longAnswer {
		t.say(LongAnswer, strconv.Itoa(octets)+" octets")
	} else if plain > longRecord {
		t.say(LongRecord, strconv.Itoa(plain)+" octets")
	}
}

// countVoids adds up what an address that matches nothing causes.
func (t *Tree) countVoids() {
	for _, n := range t.Nodes {
		switch {
		case n.Skipped || n.unknown || n.invalid:
			continue
		case n.Child != nil:
			t.Voids4 += n.Child.Voids4
			t.Voids6 += n.Child.Voids6
		case n.Kind == A && len(n.Hosts) > 0:
			t.Voids4 += void(n.Hosts[0].V4)
			t.Voids6 += void(n.Hosts[0].V6)
		case n.Kind == MX || n.Kind == Exists:
			t.Voids4 += void(n.Outcome)
			t.Voids6 += void(n.Outcome)
		}
	}
}

// markBehind notes the terms that come behind too many voids, with those that were there before the record.
func (t *Tree) markBehind(v4, v6 int) {
	for _, n := range t.Nodes {
		n.Behind4, n.Behind6 = v4 > MaxVoids, v6 > MaxVoids
		if n.Child != nil {
			n.Child.markBehind(v4, v6)
		}
		one := Tree{Nodes: []*Node{n}}
		one.countVoids()
		v4, v6 = v4+one.Voids4, v6+one.Voids6
	}
}

func void(o dns.Outcome) int {
	if o == dns.NoData || o == dns.NoName {
		return 1
	}
	return 0
}

// remark says of the whole tree what is worth saying.
func (t *Tree) remark() {
	lookups := 0
	for sub := range t.All() {
		sub.remarkRecord()
		t.Largest = max(t.Largest, sub.Octets)
	}
	t.remarkTerms(&lookups)
	t.markBehind(0, 0)
	if t.Lookups > MaxLookups {
		t.say(TooManyLookups, strconv.Itoa(t.Lookups)+" terms ask, 10 may")
	}
	if v := max(t.Voids4, t.Voids6); v > MaxVoids {
		family := "for any client"
		if t.Voids4 <= MaxVoids {
			family = "for an IPv6 client"
		} else if t.Voids6 <= MaxVoids {
			family = "for an IPv4 client"
		}
		t.say(TooManyVoids, strconv.Itoa(v)+" questions have no answer "+family+", 2 may")
	}
	t.remarkEnd()
	t.remarkCovered()
}

// remarkRecord says what is so about the record as a whole.
func (t *Tree) remarkRecord() {
	switch {
	case t.bad:
		t.say(BadName, t.Domain)
	case t.Outcome == 0:
		t.say(NotFollowed, t.Domain)
	case !t.Outcome.Known():
		t.say(Unanswered, "TXT of "+t.Domain+": "+t.Outcome.String())
	case t.records == 0:
		t.say(NoRecord, t.Domain+": "+t.Outcome.String())
	case t.records > 1:
		t.say(SeveralRecords, t.Domain+": "+strconv.Itoa(t.records))
	}
}

// remarkEnd says how the policy ends for those who match nothing: the record's own end, or that of its redirect.
func (t *Tree) remarkEnd() {
	if t.records != 1 {
		return
	}
	for _, n := range t.Nodes {
		switch {
		case n.Kind == All:
			if !n.Skipped && n.Qualifier == Neutral {
				n.say(NeutralAll, "")
			}
			return
		case n.Kind == Redirect:
			if n.Child != nil {
				n.Child.remarkEnd()
			}
			return
		}
	}
	t.say(NoAll, "")
}

// remarkTerms says what is so about each term, in the order of evaluation.
func (t *Tree) remarkTerms(lookups *int) {
	for _, n := range t.Nodes {
		if n.Skipped {
			if n.Kind == Redirect {
				n.say(RedirectIgnored, "")
			} else {
				n.say(AfterAll, "")
			}
			continue
		}
		if n.Kind.asks() {
			if *lookups++; *lookups == MaxLookups+1 {
				n.say(TooManyLookups, "the eleventh")
			}
		}
		n.remark()
		if n.Child != nil {
			n.Child.remarkTerms(lookups)
			n.remarkChild()
		}
	}
}

func (n *Node) remarkChild() {
	c := n.Child
	switch {
	case c.bad || c.Outcome.Known() && c.records == 0:
		n.say(TargetNone, c.Domain)
	case c.Outcome.Known() && (c.records > 1 || c.faults > 0):
		n.say(TargetBroken, c.Domain)
	}
}

func (n *Node) remark() {
	switch n.Kind {
	case All:
		if n.Qualifier == Pass {
			n.say(PassAll, "")
		}
	case Other:
		n.remarkModifier()
	case PTR:
		n.say(UsesPTR, "")
	}
	switch {
	case n.beyond:
		n.say(NotFollowed, n.Name)
	case n.loop:
		n.say(Loop, n.Name)
	case n.unknown:
		n.say(NeedsSender, n.Spec)
	case n.invalid && n.Child == nil:
		n.say(BadName, n.Name)
	}
	n.remarkAnswers()
	for _, p := range n.Networks {
		n.remarkNetwork(p)
	}
}

// remarkModifier says what an unknown modifier may have been meant for. Those of RFC 6652 section 3 are known: they ask for
// reports, and change no result.
func (n *Node) remarkModifier() {
	name, _, _ := strings.Cut(lower(n.Text), "=")
	text := ""
	switch {
	case name == "ra" || name == "rp" || name == "rr":
		return
	case name == "v":
		text = "a second version: two records in one text"
	case slip(n.Text):
		text = strings.Join(append([]string{"what was meant is"}, meant(n.Text)...), " ")
	}
	n.say(UnknownModifier, text)
}

// remarkAnswers says what the term's questions came to.
func (n *Node) remarkAnswers() {
	switch n.Kind {
	case A:
		for i := range n.Hosts {
			n.remarkHost(&n.Hosts[i])
		}
	case MX, Exists:
		n.remarkOutcome(n.Name, n.Outcome)
		if n.Kind != MX {
			return
		}
		if n.Exchangers > MaxExchangers {
			n.say(TooManyExchangers, strconv.Itoa(n.Exchangers))
		}
		for i := range n.Hosts {
			if n.Hosts[i].Name == "." {
				n.say(NullExchanger, n.Name)
				continue
			}
			n.remarkHost(&n.Hosts[i])
		}
	}
}

// remarkHost says that a host has no address, or that one of the families was not learned.
func (n *Node) remarkHost(h *Host) {
	o := h.V4
	if o == 0 || o == dns.Answered || h.V6 != 0 && !h.V6.Known() {
		o = h.V6
	}
	if len(h.Addrs) > 0 && o.Known() {
		return
	}
	n.remarkOutcome(h.Name, o)
}

func (n *Node) remarkOutcome(name string, o dns.Outcome) {
	switch {
	case o == 0 || o == dns.Answered:
	case o.Known():
		n.say(Void, name+": "+o.String())
	default:
		n.say(Unanswered, name+": "+o.String())
	}
}

// shared is 100.64.0.0/10, which providers use behind their NAT (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func (n *Node) remarkNetwork(p netip.Prefix) {
	a, bits := p.Addr(), p.Bits()
	if a.Is4() && bits < 16 || a.Is6() && bits < 32 {
		n.say(HugeNetwork, p.String())
	}
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() && bits > 8 || shared.Overlaps(p) && bits >= 10 {
		n.say(NotPublic, p.String())
	}
}

// covering is a network that a term gives its result to.
type covering struct {
	net    netip.Prefix
	node   *Node
	domain string
	result Result
	place  int // in the order of evaluation
}

// remarkCovered finds networks that lie in another's with the same result, in one sweep over all of them.
func (t *Tree) remarkCovered() {
	all := t.coverings(nil, "")
	slices.SortStableFunc(all, func(x, y covering) int {
		if c := x.net.Addr().Compare(y.net.Addr()); c != 0 {
			return c
		}
		if c := x.net.Bits() - y.net.Bits(); c != 0 {
			return c
		}
		return x.place - y.place
	})
	var open []covering // each lies in the one before
	for _, c := range all {
		for len(open) > 0 && !within(c.net, open[len(open)-1].net) {
			open = open[:len(open)-1]
		}
		for i := len(open) - 1; i >= 0; i-- {
			if o := open[i]; o.node != c.node && o.result == c.result {
				c.node.say(Covered, c.net.String()+" by "+o.node.Text+" of "+o.domain)
				break
			}
		}
		open = append(open, c)
	}
}

func within(inner, outer netip.Prefix) bool {
	return inner.Bits() >= outer.Bits() && outer.Contains(inner.Addr())
}

// coverings collects the networks of the tree. What an include makes of a match is the outermost term's result, and only what
// passes inside is a match.
func (t *Tree) coverings(all []covering, result Result) []covering {
	for _, n := range t.Nodes {
		r := result
		if r == "" {
			r = n.Qualifier
		} else if n.Qualifier != Pass && n.Kind != Redirect {
			continue
		}
		if n.Child != nil {
			if n.Kind == Redirect {
				r = result
			}
			all = n.Child.coverings(all, r)
			continue
		}
		if n.Skipped {
			continue
		}
		for _, p := range n.Networks {
			all = append(all, covering{p, n, t.Domain, r, len(all)})
		}
	}
	return all
}
