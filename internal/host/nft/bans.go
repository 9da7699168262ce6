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

// Add bans prefixes, or gives them the time that is named now, whatever was left. Of two that overlap the wider stands:
// a narrower one that stands already is taken over by it, and one that comes later is passed over without an error, also
// when it should last longer. So whoever keeps the list adds what List does not show, every minute or so. A transaction has a
// thousand bans; where one fails, those before it stand. The error is ErrMissing where there is no table.
func (t *Table) Add(bans []Ban) error {
	times := map[netip.Prefix]time.Duration{}
	for _, b := range bans {
		if err := b.check(); err != nil {
			return fmt.Errorf("ban %s: %w", b.Prefix, err)
		}
		times[b.Prefix] = max(times[b.Prefix], b.For)
	}
	return t.each("add %d bans to %s", times, t.put)
}

// Remove lifts the bans of exactly these prefixes. That one of them is not banned is no error; a wider ban that holds it
// stays.
func (t *Table) Remove(prefixes []netip.Prefix) error {
	times := map[netip.Prefix]time.Duration{}
	for _, p := range prefixes {
		if err := (Ban{p, time.Minute}).check(); err != nil {
			return fmt.Errorf("lift the ban of %s: %w", p, err)
		}
		times[p] = time.Minute
	}
	return t.each("lift %d bans of %s", times, t.take)
}

// each does something to prefixes, set by set, a transaction for each chunk.
func (t *Table) each(tried string, times map[netip.Prefix]time.Duration, prepare func(*nftables.Set, []netip.Prefix, map[netip.Prefix]time.Duration) error) error {
	bySet := map[string][]netip.Prefix{}
	for p := range times {
		bySet[setOf(p)] = append(bySet[setOf(p)], p)
	}
	for _, s := range sets() {
		for part := range slices.Chunk(bySet[s.Name], chunk) {
			if err := t.change(func() error { return prepare(s, part, times) }); err != nil {
				return explain(fmt.Sprintf(tried, len(part), s.Name), err)
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
// there; an address is added, deleted and added.
func (t *Table) put(s *nftables.Set, prefixes []netip.Prefix, times map[netip.Prefix]time.Duration) error {
	if !s.Interval {
		return errors.Join(t.send(t.conn.SetAddElements, s, prefixes, times), t.send(t.conn.SetDeleteElements, s, prefixes, nil),
			t.send(t.conn.SetAddElements, s, prefixes, times))
	}
	standing, err := t.networks(s)
	if err != nil {
		return err
	}
	put, over := settle(prefixes, standing)
	return errors.Join(t.send(t.conn.SetDeleteElements, s, over, nil), t.send(t.conn.SetAddElements, s, put, times))
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

// List returns the bans that stand, with what is left of their times, sorted.
func (t *Table) List() ([]Ban, error) {
	found, err := t.there()
	switch {
	case err != nil:
		return nil, explain("list the bans", err)
	case found == nil:
		return nil, fmt.Errorf("list the bans: %w", ErrMissing)
	}
	fit, whole := t.fitting()
	if !whole {
		return nil, fmt.Errorf("list the bans: %w", ErrMissing)
	}
	bans, err := t.read(fit)
	if err != nil {
		return nil, explain("list the bans", err)
	}
	slices.SortFunc(bans, func(a, b Ban) int { return a.Prefix.Compare(b.Prefix) })
	return bans, nil
}

// read returns the bans in these sets. One that cannot be read is left out, and an error.
func (t *Table) read(sets []*nftables.Set) (bans []Ban, err error) {
	for _, s := range sets {
		switch {
		case !s.HasTimeout:
		case s.Interval: // an element tells nothing without the next, and there are few
			elements, failed := t.conn.GetSetElements(s)
			bans, err = append(bans, bansOf(s, elements)...), errors.Join(err, failed)
		default:
			err = errors.Join(err, dump(s, func(some []nftables.SetElement) { bans = append(bans, bansOf(s, some)...) }))
		}
	}
	return bans, err
}

func bansOf(s *nftables.Set, elements []nftables.SetElement) (bans []Ban) {
	if s.Interval {
		for _, sp := range spans(elements) {
			for _, p := range sp.prefixes() {
				bans = append(bans, Ban{p, sp.left})
			}
		}
		return bans
	}
	for _, e := range elements {
		if a, ok := netip.AddrFromSlice(e.Key); ok {
			bans = append(bans, Ban{netip.PrefixFrom(a, a.BitLen()), e.Expires})
		}
	}
	return bans
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
	for _, b := range bansOf(s, elements) {
		all[b.Prefix] = b.For
	}
	return all, nil
}
