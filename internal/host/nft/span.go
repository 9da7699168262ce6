package nft

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
)

// span is what an interval set holds: from first to last, both in it.
type span struct {
	first, last netip.Addr
	left        time.Duration
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(a); bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(a)
	return addr
}

// ends are the two elements that an interval set has for a prefix: where it begins, with its time, and what comes behind
// it. Nothing comes behind the last address of all.
func ends(p netip.Prefix, d time.Duration) []nftables.SetElement {
	e := []nftables.SetElement{{Key: p.Masked().Addr().AsSlice(), Timeout: d}}
	if behind := last(p).Next(); behind.IsValid() {
		e = append(e, nftables.SetElement{Key: behind.AsSlice(), IntervalEnd: true})
	}
	return e
}

// spans reads the elements of an interval set, in whatever order. nft(8) leaves out an end where the next span begins,
// and may write one where none began.
func spans(elements []nftables.SetElement) (all []span) {
	slices.SortFunc(elements, func(a, b nftables.SetElement) int {
		if c := bytes.Compare(a.Key, b.Key); c != 0 || a.IntervalEnd == b.IntervalEnd {
			return c
		}
		if a.IntervalEnd {
			return -1
		}
		return 1
	})
	var open *span
	for _, e := range elements {
		at, ok := netip.AddrFromSlice(e.Key)
		if !ok {
			continue
		}
		if open != nil && open.first != at {
			all = append(all, span{open.first, at.Prev(), open.left})
		}
		open = nil
		if !e.IntervalEnd {
			open = &span{first: at, left: e.Expires}
		}
	}
	if open != nil {
		all = append(all, span{open.first, last(netip.PrefixFrom(open.first, 0)), open.left})
	}
	return all
}

// prefixes are those that a span is made of: one, unless somebody else wrote it.
func (s span) prefixes() (all []netip.Prefix) {
	for first := s.first; first.IsValid() && first.Compare(s.last) <= 0; {
		bits := first.BitLen()
		for bits > 0 {
			wider := netip.PrefixFrom(first, bits-1)
			if wider.Masked().Addr() != first || last(wider).Compare(s.last) > 0 {
				break
			}
			bits--
		}
		p := netip.PrefixFrom(first, bits)
		all, first = append(all, p), last(p).Next()
	}
	return all
}

// holder returns the widest of the prefixes, other than p itself, that holds p.
func holder[V any](p netip.Prefix, among map[netip.Prefix]V) (netip.Prefix, bool) {
	for bits := range p.Bits() {
		wider := netip.PrefixFrom(p.Addr(), bits).Masked()
		if _, ok := among[wider]; ok {
			return wider, true
		}
	}
	return netip.Prefix{}, false
}

// widest leaves out what others of the list hold, and sorts the rest.
func widest(list []netip.Prefix) (all []netip.Prefix) {
	among := map[netip.Prefix]bool{}
	for _, p := range list {
		among[p.Masked()] = true
	}
	for p := range among {
		if _, held := holder(p, among); !held {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return all
}
