package guard

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
)

// maxKnown bounds the recipients an account is known to write to. The one not used for longest is dropped.
const maxKnown = 1000

// Recipients is a bounded set of recipients by hash, with the day each was last used. It is sorted by hash:
// 10 octets a recipient, and a look-up in a set of 500 touches nine of them.
type Recipients struct {
	hashes []uint64
	days   []uint16 // days since 1970 of the last use, parallel to hashes
}

// hashRecipient is 64-bit FNV-1a with a final mix, stable for ever: the store keeps it.
func hashRecipient(address string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(address); i++ {
		h = (h ^ uint64(address[i])) * 1099511628211
	}
	h ^= h >> 32
	return h * 0x9e3779b97f4a7c15
}

// Len returns the number of recipients.
func (r *Recipients) Len() int { return len(r.hashes) }

func (r *Recipients) has(hash uint64) bool {
	_, ok := slices.BinarySearch(r.hashes, hash)
	return ok
}

func (r *Recipients) add(hash uint64, now Time) {
	day := uint16(now / (24 * hour))
	i, ok := slices.BinarySearch(r.hashes, hash)
	if ok {
		r.days[i] = max(r.days[i], day)
		return
	}
	if len(r.hashes) >= maxKnown {
		old := r.oldest()
		r.hashes = slices.Delete(r.hashes, old, old+1)
		r.days = slices.Delete(r.days, old, old+1)
		i, _ = slices.BinarySearch(r.hashes, hash)
	}
	if len(r.hashes) == cap(r.hashes) { // grow in small steps: most accounts stay small, and there are many
		r.hashes = append(make([]uint64, 0, len(r.hashes)+64), r.hashes...)
		r.days = append(make([]uint16, 0, len(r.days)+64), r.days...)
	}
	r.hashes = slices.Insert(r.hashes, i, hash)
	r.days = slices.Insert(r.days, i, day)
}

func (r *Recipients) oldest() int {
	old := 0
	for i, d := range r.days {
		if d < r.days[old] {
			old = i
		}
	}
	return old
}

func (r *Recipients) Clone() Recipients {
	return Recipients{slices.Clone(r.hashes), slices.Clone(r.days)}
}

// MarshalText writes the set as base64 of 10 octets a recipient: hash and day, little-endian.
func (r Recipients) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, 10*len(r.hashes))
	for i, h := range r.hashes {
		raw = binary.LittleEndian.AppendUint64(raw, h)
		raw = binary.LittleEndian.AppendUint16(raw, r.days[i])
	}
	return base64.StdEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText reads what MarshalText wrote.
func (r *Recipients) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(raw)%10 != 0 || len(raw) > 10*maxKnown {
		return fmt.Errorf("read known recipients: %d octets are not a set of at most %d", len(text), maxKnown)
	}
	*r = Recipients{}
	for ; len(raw) > 0; raw = raw[10:] {
		r.hashes = append(r.hashes, binary.LittleEndian.Uint64(raw))
		r.days = append(r.days, binary.LittleEndian.Uint16(raw[8:]))
	}
	if !slices.IsSorted(r.hashes) {
		return fmt.Errorf("read known recipients: not sorted")
	}
	return nil
}
