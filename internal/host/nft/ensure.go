package nft

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// MaxAllow bounds the prefixes that are never dropped.
const MaxAllow = 4096

// Ensure makes the table what it should be, with these prefixes never dropped: it was never made, somebody flushed the
// ruleset, a chain is gone, a set was changed, another ruleset put a rule into it. made says that something was not as it
// should be, or not as it was: bans may be gone, and whoever keeps the list adds them again. What stands in sets that are
// as they should be is kept.
func (t *Table) Ensure(allow []netip.Prefix) (made bool, err error) {
	if len(allow) > MaxAllow {
		return false, fmt.Errorf("ensure the table inet postward: %d prefixes are allowed, at most %d can be: name wider ones", len(allow), MaxAllow)
	}
	for _, p := range allow {
		if !p.IsValid() || p.Addr().Is4In6() {
			return false, fmt.Errorf("ensure the table inet postward: %s is no prefix of IPv4 or IPv6", p)
		}
	}
	for range tries {
		if made, err = t.ensure(allow); !changedMeanwhile(err) {
			break
		}
	}
	if err != nil {
		return made, explain("ensure the table inet postward", err)
	}
	return made, nil
}

// tries bounds how often something is done again that somebody else's change, or the end of a ban, has come between.
const tries = 3

// changedMeanwhile reports whether the kernel refused what does not fit what it holds.
func changedMeanwhile(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EBUSY)
}

func (t *Table) ensure(allow []netip.Prefix) (made bool, err error) {
	t.begin()
	found, err := t.there()
	if err != nil {
		return false, err
	}
	if found == nil {
		return true, t.build(allow)
	}
	fit, whole := t.fitting()
	if whole && found.Flags == 0 && t.sameChains() {
		return t.fill(allow)
	}
	var bans []Ban
	if err := t.read(fit, func(b Ban) { bans = append(bans, b) }); err != nil {
		return false, err // better a table that somebody changed than bans that are forgotten
	}
	t.conn.DelTable(ours())
	if err := t.build(allow); err != nil {
		return false, err
	}
	return true, t.Add(slices.DeleteFunc(bans, func(b Ban) bool { return b.check() != nil })) // over, or somebody's without an end
}

// build makes a table that is not there, in one transaction with what waits to be sent.
func (t *Table) build(allow []netip.Prefix) error {
	t.conn.AddTable(ours())
	for _, s := range sets() {
		if err := t.conn.AddSet(s, t.standing(s, allow)); err != nil {
			return err
		}
	}
	for _, c := range chains() {
		t.conn.AddChain(c.Chain)
		for _, r := range c.rules {
			t.conn.AddRule(&nftables.Rule{Table: ours(), Chain: c.Chain, Exprs: r.exprs})
		}
	}
	if err := t.conn.Flush(); err != nil {
		return err
	}
	for _, g := range groups() {
		t.isEmpty(g.name(), true)
	}
	return nil
}

// standing are the elements that a set always has: ports and allowed prefixes.
func (t *Table) standing(s *nftables.Set, allow []netip.Prefix) (elements []nftables.SetElement) {
	if s.Name == setPorts {
		for _, key := range t.ports() {
			elements = append(elements, nftables.SetElement{Key: key})
		}
		return elements
	}
	for _, p := range widest(allow) {
		if setAllow+familyOf(p.Addr()).number == s.Name {
			elements = append(elements, ends(p, 0)...)
		}
	}
	return elements
}

// fill puts into a whole table the ports and prefixes that it should have, if it has others.
func (t *Table) fill(allow []netip.Prefix) (made bool, err error) {
	for _, s := range sets() {
		if s.HasTimeout {
			continue
		}
		want := t.standing(s, allow)
		have, err := t.conn.GetSetElements(s)
		if err != nil {
			return false, err
		}
		if sameElements(s, have, want) {
			continue
		}
		made = true
		t.conn.FlushSet(s)
		for part := range slices.Chunk(want, chunk) {
			if err := t.conn.SetAddElements(s, part); err != nil {
				return false, err
			}
		}
	}
	return made, t.conn.Flush()
}

func sameElements(s *nftables.Set, have, want []nftables.SetElement) bool {
	if s.Interval {
		return slices.Equal(spans(have), spans(want))
	}
	keys := map[string]bool{}
	for _, e := range have {
		keys[string(e.Key)] = true
	}
	for _, e := range want {
		if !keys[string(e.Key)] {
			return false
		}
	}
	return len(have) == len(want)
}

// fitting returns those sets of the table that are what they should be. whole: they all are, and there is no other.
func (t *Table) fitting() (fit []*nftables.Set, whole bool) {
	found, err := t.conn.GetSets(ours()) // an error is a set of an unknown kind, or a table that is gone meanwhile
	if err != nil {
		return nil, false
	}
	want := sets()
	for _, s := range want {
		if slices.ContainsFunc(found, func(f *nftables.Set) bool { return sameSet(f, s) }) {
			fit = append(fit, s)
		}
	}
	return fit, len(fit) == len(want) && len(found) == len(want)
}

func sameSet(a, b *nftables.Set) bool {
	type kind struct {
		name                                              string
		interval, timeout, isMap, dynamic, constant, pair bool
		key, size                                         uint32
	}
	of := func(s *nftables.Set) kind {
		return kind{s.Name, s.Interval, s.HasTimeout && s.Timeout == 0, s.IsMap, s.Dynamic, s.Constant, s.Concatenation, s.KeyType.GetNFTMagic(), s.Size}
	}
	return of(a) == of(b)
}

// sameChains reports whether the table has our chains with our rules, and no others.
func (t *Table) sameChains() bool {
	all, err := t.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return false
	}
	found := map[string]*nftables.Chain{}
	for _, c := range all {
		if c.Table != nil && c.Table.Name == Name {
			found[c.Name] = c
		}
	}
	want := chains()
	for _, c := range want {
		if have := found[c.Name]; have == nil || !sameChain(have, c.Chain) || !t.sameRules(c) {
			return false
		}
	}
	return len(found) == len(want)
}

func sameChain(a, b *nftables.Chain) bool {
	return a.Type == b.Type && reflect.DeepEqual(a.Hooknum, b.Hooknum) && reflect.DeepEqual(a.Priority, b.Priority) && reflect.DeepEqual(a.Policy, b.Policy)
}

func (t *Table) sameRules(c chain) bool {
	rules, err := t.conn.GetRules(ours(), c.Chain)
	if err != nil || len(rules) != len(c.rules) {
		return false
	}
	for i, r := range rules {
		for _, e := range r.Exprs {
			if counter, ok := e.(*expr.Counter); ok {
				*counter = expr.Counter{} // what it has counted does not matter
			}
		}
		if !reflect.DeepEqual(r.Exprs, c.rules[i].exprs) {
			return false
		}
	}
	return true
}
