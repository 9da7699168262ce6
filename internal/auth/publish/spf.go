package publish

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/domain/check"
	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

// spf judges the domain's policy by what check finds in it. A record that is sound and lets the senders pass is kept; else the
// record takes its place that check has made and tried.
func (l *look) spf(ctx context.Context, r dns.Resolver, i *Item) {
	i.split(func(text string) bool { return spf.IsRecord(text) || spf.Almost(text) })
	report := check.Run(ctx, check.Config{Resolver: r, Timeout: l.Timeout, Now: l.Config.Now},
		check.Target{Domain: l.Domain, Addrs: l.Senders, Selectors: []string{"none"}}, nil)
	worth, unknown, want := weigh(&report, i)
	fresh := ""
	if len(i.Now) == 0 && !unknown {
		fresh = l.fresh(ctx, r)
	}
	switch {
	case fresh != "":
		i.replace(fresh)
	case want != "":
		i.replace(want)
	case worth:
		i.hand()
		if len(l.Senders) == 0 {
			i.Why = append(i.Why, "name what sends the mail: --sender ADDRESS")
		}
	case unknown:
		i.Act = Unknown
	case len(i.Now) == 1:
		i.Want = i.Now[0]
	}
	i.spare(ctx, r, l.Senders)
}

// weigh reads the findings about the domain's policy: whether something in it is worth a change, whether something could not be
// learned, and the record that mends it. A mend for what could merely be better is not made.
func weigh(report *check.Report, i *Item) (worth, unknown bool, want string) {
	mended := ""
	for _, f := range report.Findings {
		if f.Topic != "spf" || f.ID == "spf.helo" {
			continue
		}
		unknown = unknown || f.Grade == check.Unknown
		if f.Grade.Worth() || f.Grade == check.Unknown {
			i.Why = append(i.Why, f.Title+": "+f.Seen)
		}
		worth = worth || f.Grade.Worth()
		if f.Mend == nil {
			continue
		}
		if f.Grade.Worth() && len(f.Mend.Add) == 0 && !strings.Contains(f.Mend.Do, "does it.") {
			i.Why = append(i.Why, f.Mend.Do)
		}
		if len(f.Mend.Add) > 0 {
			mended, _ = textOf(f.Mend.Add[0]) // an error leaves it empty: then it is a person's
		}
	}
	if worth {
		want = mended
	}
	return worth, unknown, want
}

// fresh is the record of a domain that had none: by names where they say the same, for they go on being right when an address
// changes; by addresses else. Empty when nobody is known to send.
func (l *look) fresh(ctx context.Context, r dns.Resolver) string {
	if len(l.Senders) == 0 {
		return ""
	}
	words, left := []string{"v=spf1"}, slices.Clone(l.Senders)
	for _, term := range []struct {
		word  string
		addrs []netip.Addr
	}{{"mx", exchangers(ctx, r, l.Domain)}, {"a", r.Addresses(ctx, l.Domain).Addrs}} {
		if covers(l.Senders, term.addrs) && slices.ContainsFunc(left, func(a netip.Addr) bool { return slices.Contains(term.addrs, a) }) {
			words = append(words, term.word)
			left = slices.DeleteFunc(left, func(a netip.Addr) bool { return slices.Contains(term.addrs, a) })
		}
	}
	for _, a := range left {
		words = append(words, addressTerm(a))
	}
	return strings.Join(append(words, "~all"), " ")
}

func addressTerm(a netip.Addr) string {
	if a.Is4() {
		return "ip4:" + a.String()
	}
	return "ip6:" + a.String()
}

// covers reports whether all of some addresses are senders: a name that has others too would let those pass.
func covers(senders, addrs []netip.Addr) bool {
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !slices.Contains(senders, a) })
}

// exchangers are the addresses that the term mx stands for; none when one of its hosts did not answer, or there are more than
// ten.
func exchangers(ctx context.Context, r dns.Resolver, domain string) (all []netip.Addr) {
	mx := r.MX(ctx, domain)
	if len(mx.Exchangers) > spf.MaxExchangers {
		return nil
	}
	for _, x := range mx.Exchangers {
		a := r.Addresses(ctx, x.Host)
		if a.Outcome != dns.Answered || a.Incomplete {
			return nil
		}
		all = append(all, a.Addrs...)
	}
	return all
}

// spare tries a record before it is published: each sender, and each that passed by the one before, must pass by it. One that
// fails is left to a person.
func (i *Item) spare(ctx context.Context, r dns.Resolver, senders []netip.Addr) {
	if i.Want == "" || slices.Contains(i.Now, i.Want) && len(i.Gone) == 0 {
		return
	}
	before := spf.Walk(ctx, r, i.Name)
	after := spf.Walk(ctx, current{r, map[string]Seen{i.Name: {Outcome: dns.Answered, Texts: []string{i.Want}}}}, i.Name)
	for _, a := range append(slices.Clone(senders), ends(before)...) {
		mine := slices.Contains(senders, a)
		if (mine || before.Result(a).Result == spf.Pass) && after.Result(a).Result != spf.Pass {
			i.hand(a.String() + " would not pass by the record " + i.Want + ": write it by hand")
			return
		}
	}
}

// ends are the first and the last address of each network that a policy names, but of those that hold half the internet: nobody
// can vouch for who is in there.
func ends(t *spf.Tree) (all []netip.Addr) {
	const most = 512
	for tree := range t.All() {
		for _, n := range tree.Nodes {
			for _, net := range n.Networks {
				wide := net.Bits() < 8 || net.Addr().Is6() && net.Bits() < 16
				if len(all) < most && !wide {
					all = append(all, net.Addr(), last(net))
				}
			}
		}
	}
	return all
}

// last is the last address of a network.
func last(net netip.Prefix) netip.Addr {
	b := net.Addr().AsSlice()
	for bit := net.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
