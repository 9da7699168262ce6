package nft

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// chunk is how many bans one transaction holds.
const chunk = 1000

// Add bans prefixes, or gives them the time and the way that are named now, whatever was. Of two of one way that overlap the wider stands,
// but for those of a host, which lie apart: a narrower one that stands already is taken over by it, and one that comes later is passed
// over without an error, also when it should last longer. So whoever keeps the list adds what Each does not show, every minute or so. Of
// a prefix that is named twice the ban of all ports counts, and the longer time. A transaction has a thousand bans; where one fails,
// those before it stand. The error is ErrMissing where there is no table.
func (t *Table) Add(bans []Ban) error {
	times, logins := map[netip.Prefix]time.Duration{}, map[netip.Prefix]bool{}
	for _, b := range bans {
		if err := b.check(); err != nil {
			return fmt.Errorf("ban %s: %w", b.Prefix, err)
		}
		if _, twice := times[b.Prefix]; !twice {
			logins[b.Prefix] = b.Logins
		}
		times[b.Prefix], logins[b.Prefix] = max(times[b.Prefix], b.For), logins[b.Prefix] && b.Logins
	}
	byGroup := map[string][]netip.Prefix{}
	for p := range times {
		name := groupOf(p, logins[p]).name()
		byGroup[name] = append(byGroup[name], p)
	}
	return t.each("add %d bans to %s", byGroup, times, t.put)
}

// Remove lifts the bans of exactly these prefixes, of either way. That one of them is not banned is no error; a wider ban that holds it
// stays.
func (t *Table) Remove(prefixes []netip.Prefix) error {
	times, byGroup := map[netip.Prefix]time.Duration{}, map[string][]netip.Prefix{}
	for _, p := range prefixes {
		if err := (Ban{Prefix: p, For: time.Minute}).check(); err != nil {
			return fmt.Errorf("lift the ban of %s: %w", p, err)
		}
		if times[p] == 0 {
			name := groupOf(p, false).name()
			times[p], byGroup[name] = time.Minute, append(byGroup[name], p)
		}
	}
	return t.each("lift %d bans of %s", byGroup, times, func(g group, prefixes []netip.Prefix, times map[netip.Prefix]time.Duration) error {
		return errors.Join(t.take(g.set(), prefixes, times), t.take(g.other().set(), prefixes, times))
	})
}

// each does something to prefixes, group by group, a transaction for each chunk.
func (t *Table) each(tried string, byGroup map[string][]netip.Prefix, times map[netip.Prefix]time.Duration, prepare func(group, []netip.Prefix, map[netip.Prefix]time.Duration) error) error {
	for _, g := range groups() {
		for part := range slices.Chunk(byGroup[g.name()], chunk) {
			if err := t.change(func() error { return prepare(g, part, times) }); err != nil {
				return explain(fmt.Sprintf(tried, len(part), g.name()), err)
			}
		}
	}
	return nil
}

func (b Ban) check() error {
	switch {
	case !b.Prefix.IsValid() || b.Prefix != b.Prefix.Masked() || b.Prefix.Addr().Is4In6():
		return errors.New("it is no prefix of IPv4 or IPv6 without host bits")
	case b.For < time.Millisecond:
		return fmt.Errorf("for %s: a ban lasts a millisecond at least", b.For)
	}
	return nil
}

// change does a transaction, again if somebody, or the end of a ban, came between.
func (t *Table) change(prepare func() error) (err error) {
	for range tries {
		t.begin()
		if err = prepare(); err == nil {
			err = t.conn.Flush()
		}
		if errors.Is(err, unix.ENFILE) || !changedMeanwhile(err) { // what did not fit cannot be deleted either
			return err
		}
	}
	if errors.Is(err, unix.ENOENT) {
		return ErrMissing
	}
	return err
}

// put prepares a transaction that adds prefixes with their times. Kernels before 6.12 leave an element that is there its
// old time, so what is there is deleted first; and what is not there cannot be deleted. Of networks it is known what is
// there; an address is added, deleted and added. In the other way it is not banned any more.
func (t *Table) put(g group, prefixes []netip.Prefix, times map[netip.Prefix]time.Duration) error {
	s := g.set()
	if !s.Interval {
		return errors.Join(t.send(t.conn.SetAddElements, s, prefixes, times), t.send(t.conn.SetDeleteElements, s, prefixes, nil),
			t.send(t.conn.SetAddElements, s, prefixes, times), t.takeOther(g, prefixes, times))
	}
	standing, err := t.networks(s)
	if err != nil {
		return err
	}
	put, over := settle(prefixes, standing)
	return errors.Join(t.send(t.conn.SetDeleteElements, s, over, nil), t.send(t.conn.SetAddElements, s, put, times), t.takeOther(g, prefixes, times))
}

// takeOther prepares what takes prefixes that are added out of where they lie in the other way. That set is empty more often than not,
// and then nothing is to be done; what somebody else put into it since it was read, the next Each shows.
func (t *Table) takeOther(g group, prefixes []netip.Prefix, times map[netip.Prefix]time.Duration) error {
	delete(t.empty, g.name())
	if t.empty[g.other().name()] {
		return nil
	}
	return t.take(g.other().set(), prefixes, times)
}

// settle says which of the wanted prefixes are to be put into an interval set, and which of the standing ones go: those
// that a wider one takes over, and those that get another time.
func settle(wanted []netip.Prefix, standing map[netip.Prefix]time.Duration) (put, over []netip.Prefix) {
	among := map[netip.Prefix]bool{}
	for _, p := range widest(wanted) {
		if _, held := holder(p, standing); !held {
			put, among[p] = append(put, p), true
		}
	}
	for p := range standing {
		if _, held := holder(p, among); held || among[p] {
			over = append(over, p)
		}
	}
	return put, over
}

// send prepares messages that add or delete prefixes: a message has room for some 1600 elements.
func (t *Table) send(how func(*nftables.Set, []nftables.SetElement) error, s *nftables.Set, prefixes []netip.Prefix, times map[netip.Prefix]time.Duration) error {
	for part := range slices.Chunk(prefixes, chunk/2) {
		var elements []nftables.SetElement
		for _, p := range part {
			if s.Interval {
				elements = append(elements, ends(p, times[p])...)
			} else {
				elements = append(elements, nftables.SetElement{Key: p.Addr().AsSlice(), Timeout: times[p]})
			}
		}
		if err := how(s, elements); err != nil {
			return err
		}
	}
	return nil
}

// take prepares a transaction that deletes prefixes, whether they are there or not.
func (t *Table) take(s *nftables.Set, prefixes []netip.Prefix, times map[netip.Prefix]time.Duration) error {
	if !s.Interval {
		return errors.Join(t.send(t.conn.SetAddElements, s, prefixes, times), t.send(t.conn.SetDeleteElements, s, prefixes, nil))
	}
	standing, err := t.networks(s)
	if err != nil {
		return err
	}
	there := slices.DeleteFunc(slices.Clone(prefixes), func(p netip.Prefix) bool { _, ok := standing[p]; return !ok })
	return t.send(t.conn.SetDeleteElements, s, there, nil)
}

// Each hands over the bans that stand, one by one, with what is left of their times, in no order: a hundred thousand at once, in a slice
// that grew, took 20 MiB. After an error some may have been handed over.
func (t *Table) Each(take func(Ban)) error {
	found, err := t.there()
	switch {
	case err != nil:
		return explain("list the bans", err)
	case found == nil:
		return fmt.Errorf("list the bans: %w", ErrMissing)
	}
	fit, whole := t.fitting()
	if !whole {
		return fmt.Errorf("list the bans: %w", ErrMissing)
	}
	if err := t.read(fit, take); err != nil {
		return explain("list the bans", err)
	}
	return nil
}

// read hands over the bans in these sets. One that cannot be read is left out, and an error.
func (t *Table) read(sets []*nftables.Set, take func(Ban)) (err error) {
	byName := map[string]*nftables.Set{}
	for _, s := range sets {
		byName[s.Name] = s
	}
	for _, g := range groups() {
		s := byName[g.name()]
		if s == nil {
			continue
		}
		some := false
		failed := t.readGroup(g, s, func(b Ban) { some = true; take(b) })
		t.isEmpty(s.Name, failed == nil && !some)
		err = errors.Join(err, failed)
	}
	return err
}

// readGroup reads one set. Of an interval set an element tells nothing without the next, and there are few.
func (t *Table) readGroup(g group, s *nftables.Set, take func(Ban)) error {
	if s.Interval {
		elements, err := t.conn.GetSetElements(s)
		g.eachOf(elements, take)
		return err
	}
	return dump(s, func(some []nftables.SetElement) { g.eachOf(some, take) })
}

func (t *Table) isEmpty(name string, is bool) {
	if t.empty == nil {
		t.empty = map[string]bool{}
	}
	t.empty[name] = is
}

// eachOf hands over the bans of a set's elements.
func (g group) eachOf(elements []nftables.SetElement, take func(Ban)) {
	if g.bits == 0 {
		for _, sp := range spans(elements) {
			for _, p := range sp.prefixes() {
				take(Ban{p, sp.left, g.logins})
			}
		}
		return
	}
	for _, e := range elements {
		a, ok := netip.AddrFromSlice(e.Key)
		if !ok {
			continue
		}
		if p := netip.PrefixFrom(a, g.bits); p == p.Masked() { // what somebody wrote with host bits meets nobody
			take(Ban{p, e.Expires, g.logins})
		}
	}
}

// networks are the prefixes that stand in an interval set.
func (t *Table) networks(s *nftables.Set) (map[netip.Prefix]time.Duration, error) {
	elements, err := t.conn.GetSetElements(s)
	if err != nil {
		if _, whole := t.fitting(); !whole {
			err = ErrMissing
		}
		return nil, err
	}
	all := map[netip.Prefix]time.Duration{}
	for _, sp := range spans(elements) {
		for _, p := range sp.prefixes() {
			all[p] = sp.left
		}
	}
	return all, nil
}
