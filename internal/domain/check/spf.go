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

// policy looks at the domain's SPF policy (RFC 7208), and at what it says of the addresses that send.
func (r *run) policy(ctx context.Context) string {
	if r.absent() {
		return ""
	}
	tree := r.spf()
	p := policy{run: r, tree: tree, gone: map[*spf.Node]bool{}}
	if !tree.Outcome.Known() {
		p.say("spf.unknown", "asked for TXT: "+tree.Outcome.String(), "")
	} else {
		p.look(ctx)
	}
	p.tell(ctx)
	r.heloPolicy(ctx)
	return p.seen()
}

// policy is an SPF record that is looked at, and the one it should be.
type policy struct {
	*run
	tree  *spf.Tree
	found []found
	gone  map[*spf.Node]bool // terms that the corrected record has no more
	ahead map[*spf.Node]bool // terms that come first in it, for else nobody reaches them
	added []string           // and those that it has besides
	end   string             // what it ends with; empty: as before
	lost  bool               // somebody who passes, or was meant to, may not pass by it
	blind bool               // a name in the record may be cut or misspelled, and nobody can tell whose it was: no record is made
	today []netip.Prefix     // what passes by the record that is published
	all   bool               // everybody passes
}

type found struct {
	id      ID
	saw, do string
}

func (p *policy) say(id ID, saw, do string) { p.found = append(p.found, found{id, saw, do}) }

func (p *policy) look(ctx context.Context) {
	switch {
	case p.tree.Has(spf.SeveralRecords) && p.tree.Text != "" && len(p.records()) > 1:
		p.several(ctx)
	case p.tree.Text == "":
		p.none(ctx)
	default:
		p.today = passingNow(p.tree)
		p.parts()
		p.senderAddrs()
		p.respell(ctx, p.records()[0])
	}
}

// parts looks at all that the policy is made of.
func (p *policy) parts() {
	p.all = everybody(p.tree)
	p.record()
	p.terms()
	p.whole()
}

func (p *policy) none(ctx context.Context) {
	saw := "no TXT record begins with v=spf1"
	almost := p.almost()
	if len(almost) > 0 {
		saw = "almost one, but not for any receiver: " + strings.Join(almost, " | ")
	}
	p.say("spf.none", saw, "Say which addresses send the domain's mail, and end the record with -all when every sender is in it. "+
		"Whoever else sends it, a newsletter service perhaps, belongs in there too. A domain that never sends says v=spf1 -all.")
	if len(almost) > 0 {
		p.respell(ctx, almost[0])
	}
}

// several makes one record of many.
func (p *policy) several(ctx context.Context) {
	p.say("spf.several", fmt.Sprintf("%d records: %s", len(p.records()), strings.Join(p.records(), " | ")), "Make one record of them.")
	text, lost := merged(p.records())
	p.insteadOf(ctx, text, lost)
}

// insteadOf lets another record be the one that is mended. What is wrong in that one is mended with it, and not said: nobody
// published it.
func (p *policy) insteadOf(ctx context.Context, text string, lost []string) {
	said := p.found
	p.tree, p.end = p.walk(ctx, text), ""
	p.gone, p.ahead, p.added = map[*spf.Node]bool{}, nil, p.bareNames(ctx, lost)
	p.lost, p.blind = len(lost) > len(p.added), slices.ContainsFunc(lost, spf.Leads)
	p.parts()
	p.found = said
}

// record says what is so about the record as a whole.
func (p *policy) record() {
	for _, remark := range p.tree.Remarks {
		switch remark.Mark {
		case spf.SyntaxError, spf.WrongFamily:
			p.say("spf.syntax", remark.Text, "Write what was meant.")
		case spf.NoAll:
			p.end = "~all"
			if p.unreadable() {
				continue // it may stand in what cannot be read
			}
			p.say("spf.open-end", "neither all nor redirect", "End the record with ~all, and with -all when every sender is in it.")
		case spf.LongRecord, spf.LongAnswer:
			p.say("spf.long", remark.Text, "")
		}
	}
}

func (p *policy) unreadable() bool { return p.tree.Has(spf.SyntaxError) || p.tree.Has(spf.WrongFamily) }

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
		p.drop(n)
		if n.Child != nil && n.Child.Outcome == dns.NoName {
			p.blind = true
			p.say("spf.include", saw, "There is no such name: write it whole if it was cut or misspelled, for whoever sends by it passes then; else take it out. As it is, the whole policy counts for nothing.")
			return
		}
		p.say("spf.include", saw, "Take it out, or tell the owner of the other record; as it is, the whole policy counts for nothing.")
	case spf.PassAll:
		p.end = "~all"
		p.say("spf.pass-all", saw, "Name what sends the mail, and end the record with ~all; with -all when every sender is in it.")
	case spf.NeutralAll:
		p.end = "~all"
		p.say("spf.open-end", saw, "End the record with ~all, and with -all when every sender is in it.")
	case spf.UsesPTR:
		p.drop(n)
		p.say("spf.ptr", saw, "Take it out; name the addresses.")
	case spf.RedirectIgnored:
		p.drop(n)
		p.say("spf.ignored", saw, "Take it out, or take all out.")
	case spf.AfterAll:
		if n.Kind == spf.All {
			p.drop(n)
		} // else it comes to stand before all, as it was meant
		p.say("spf.ignored", saw, "Put it before all, or take it out.")
	case spf.UnknownModifier:
		do := "" // it may mean something to somebody
		if remark.Text != "" {
			do = "Write what was meant."
		}
		p.say("spf.ignored", saw, do)
	case spf.Void, spf.BadName, spf.NullExchanger:
		p.void(n, saw)
	case spf.TooManyExchangers:
		p.say("spf.lookups", saw+" hosts, 10 may be", "Name the addresses with ip4 and ip6 instead.")
		p.drop(n, networks(n)...)
		p.lost = true // only ten of them were asked for
	case spf.HugeNetwork:
		if !p.all {
			p.say("spf.huge", saw, "")
		}
	case spf.NotPublic:
		if loopback := slices.ContainsFunc(networks(n), func(x netip.Prefix) bool { return x.Addr().IsLoopback() }); loopback && (n.Kind == spf.A || n.Kind == spf.MX) && p.ownAnswer() {
			p.say("spf.unknown", saw+", by this host's own resolver: /etc/hosts, perhaps; the world may see another", "")
			return
		}
		p.say("spf.private", saw, "")
	case spf.Covered:
		p.say("spf.covered", saw, "")
	case spf.Unanswered:
		p.say("spf.unknown", saw, "")
	}
}

// void says that a term leads to nothing, or in a part: then the rest of it stays.
func (p *policy) void(n *spf.Node, saw string) {
	if len(n.Networks) > 0 || hasMark(n, spf.Unanswered) {
		p.say("spf.void", saw, "Give the host an address, or take it out of what names it.")
		return
	}
	p.gone[n] = true // nobody passed by it; but where three of them made the policy count for nothing, nobody was refused either
	p.lost = p.lost || spent(p.tree)
	p.say("spf.void", saw, "Take it out: nobody sends from there.")
}

// target says what is wrong in a record that is not the domain's own but counts as if it were.
func (p *policy) target(n *spf.Node) {
	for _, m := range []spf.Mark{spf.TargetNone, spf.TargetBroken, spf.Loop, spf.PassAll} {
		if !n.Child.Has(m) || p.gone[n] {
			continue
		}
		if m == spf.PassAll {
			p.drop(n, narrow(n)...)
			p.lost = true
			p.say("spf.pass-all", n.Text+": everybody passes in there", "Take it out, and ask its owner about it.")
		} else {
			p.drop(n)
			p.say("spf.include", n.Text+": in there: "+m.String(), "Take it out until its owner has mended it; as it is, the whole policy counts for nothing.")
		}
	}
	if n.Child.Has(spf.Unanswered) {
		p.say("spf.unknown", n.Text+": what it leads to was not answered", "")
	}
}

// whole says what is so about the tree.
func (p *policy) whole() {
	if p.all {
		p.openNetworks()
	}
	for _, remark := range p.tree.Remarks {
		switch remark.Mark {
		case spf.TooManyLookups:
			p.flatten()
			p.say("spf.lookups", remark.Text, "Take out what nobody sends with any more, or name networks in the place of the costliest terms; look now and then whether they still are the same.")
		case spf.TooManyVoids:
			p.voids(remark.Text)
		}
	}
}

// openNetworks takes out the networks that come to everybody, and says so where +all has not said it already.
func (p *policy) openNetworks() {
	said := slices.ContainsFunc(p.found, func(f found) bool { return f.id == "spf.pass-all" })
	var saw []string
	for _, n := range p.tree.Nodes {
		if !p.gone[n] && slices.ContainsFunc(passed(n), wide) {
			p.drop(n, narrow(n)...)
			p.lost = true
			saw = append(saw, n.Text)
		}
	}
	if len(saw) == 0 {
		saw = append(saw, p.tree.Text)
	}
	if !said {
		p.say("spf.pass-all", "half of the internet or more passes: "+strings.Join(saw, " "), "Name what sends the mail instead.")
	}
}

// senderAddrs looks whether those who send may.
func (p *policy) senderAddrs() {
	for _, a := range p.senders() {
		v := p.tree.Result(a)
		if local(a) || v.Result == spf.Pass || v.Result == spf.Unknown || v.Result == spf.TempError || v.Result == spf.PermError {
			continue // what makes an error of it has been said
		}
		p.say("spf.sender", fmt.Sprintf("%s sends the domain's mail and comes to %s", a, v.Result), "Put the address into the record.")
	}
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

// almost are the texts of the domain that mean to be SPF records and are none.
func (p *policy) almost() []string {
	return slices.DeleteFunc(slices.Clone(p.texts()), func(text string) bool { return !spf.Almost(text) })
}

// tell emits what was found. The record that mends all of it stands with the most urgent finding, once; when there is none,
// the words have to do.
func (p *policy) tell(ctx context.Context) {
	slices.SortStableFunc(p.found, func(a, b found) int { return a.id.place() - b.id.place() })
	var told ID
	record := ""
	if !p.blind && slices.ContainsFunc(p.found, func(f found) bool { return f.do != "" }) {
		record = p.corrected(ctx)
	}
	for _, f := range p.found {
		var mend *Mend
		switch {
		case f.do == "":
		case record == "" && p.blind:
			mend = &Mend{Do: f.do}
		case record == "":
			mend = &Mend{Do: f.do + p.wanting()}
		case told == "":
			told, mend = f.id, p.replacement(f.do, record)
		default:
			mend = &Mend{Do: f.do + " The record at " + string(told) + " does it."}
		}
		p.find(f.id, p.Domain, f.saw, mend)
	}
}

// replacement puts a record in the place of what there is.
func (p *policy) replacement(do, record string) *Mend {
	if p.lost && !strings.Contains(do, "-all") {
		do += " The record ends with ~all: make it -all when every sender is in it."
	}
	mend := &Mend{Do: do, Add: []Record{Text(p.Domain, record)}}
	for _, text := range append(p.records(), p.almost()...) {
		mend.Remove = append(mend.Remove, Text(p.Domain, text))
	}
	return mend
}

// wanting says what a record could not be made without.
func (p *policy) wanting() string {
	if len(p.senders()) > 0 {
		return ""
	}
	return " Name the sending address beside the domain, and a record is written for it."
}

// seen is the policy in one line.
func (p *policy) seen() string {
	return fmt.Sprintf("%s (%d of %d lookups)", p.tree.Text, p.tree.Lookups, spf.MaxLookups)
}
