package netinfo

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Start says that from an address on, until the next Start, Info is so. At is an IPv4 address, or the upper 64 bits
// of an IPv6 one.
type Start struct {
	At   uint64
	Info Info
}

// Encode makes a table, for the generator. Both lists must rise; neighbours that say the same become one. What is no
// network or no country is written as unknown. It fails on a list out of order, an address outside the family (IPv6:
// outside 2000::/3), and on a number that the form has no room for.
func Encode(date time.Time, v4, v6 []Start) ([]byte, error) {
	one, err := pack(v4, 16, 0, buckets4)
	if err != nil {
		return nil, fmt.Errorf("encode IPv4: %w", err)
	}
	two, err := pack(v6, 48, first6, buckets6)
	if err != nil {
		return nil, fmt.Errorf("encode IPv6: %w", err)
	}
	infos := slices.Concat(one.infos, two.infos)
	slices.Sort(infos)
	if infos = slices.Compact(infos); len(infos) > 1<<24 {
		return nil, fmt.Errorf("encode IP table: %d infos, there is room for %d", len(infos), 1<<24)
	}
	le := binary.LittleEndian
	out := append([]byte(magic), 0, 0, 0, 0)
	le.PutUint32(out[4:], version)
	out = le.AppendUint64(out, uint64(date.Unix()))
	for _, n := range []int{len(one.infos), len(two.infos), len(infos)} {
		out = le.AppendUint32(out, uint32(n))
	}
	for _, list := range [][]uint32{one.buckets, two.buckets, infos} {
		for _, v := range list {
			out = le.AppendUint32(out, v)
		}
	}
	out = append(append(out, one.starts...), two.starts...)
	for _, v := range slices.Concat(one.infos, two.infos) {
		i, _ := slices.BinarySearch(infos, v)
		out = append(out, byte(i), byte(i>>8), byte(i>>16))
	}
	return out, nil
}

// packed is one family before the infos have their places.
type packed struct {
	buckets []uint32
	starts  []byte
	infos   []uint32
}

// pack splits each start into its bucket (the bits above shift) and the rest.
func pack(list []Start, shift int, first, count uint64) (packed, error) {
	if !slices.IsSortedFunc(list, func(a, b Start) int { return cmp.Compare(a.At, b.At) }) {
		return packed{}, fmt.Errorf("the starts do not rise")
	}
	p := packed{buckets: make([]uint32, count+1)}
	last := uint32(0)
	for i, s := range list {
		if i > 0 && s.At == list[i-1].At {
			return packed{}, fmt.Errorf("two starts at %x", s.At)
		}
		info, err := infoNumber(s.Info)
		if err != nil {
			return packed{}, err
		}
		bucket := s.At>>shift - first
		if info == last {
			continue
		}
		if s.At>>shift == first+count && info == 0 {
			break // the end of the last range, where the family ends too
		}
		if s.At>>shift < first || bucket >= count {
			return packed{}, fmt.Errorf("the start %x is outside", s.At)
		}
		last = info
		p.buckets[bucket+1]++
		p.starts = append(p.starts, binary.LittleEndian.AppendUint64(nil, s.At)[:shift/8]...)
		p.infos = append(p.infos, info)
	}
	for i := range count {
		p.buckets[i+1] += p.buckets[i]
	}
	return p, nil
}

func infoNumber(i Info) (uint32, error) {
	if !usableASN(i.ASN) {
		i.ASN = 0
	}
	if i.ASN > maxASN {
		return 0, fmt.Errorf("AS%d: the form has room up to %d", i.ASN, maxASN)
	}
	return i.ASN<<10 | uint32(countryNumber(i.Country)), nil
}
