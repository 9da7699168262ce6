package guard

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Secret keys the hashes by which recipients are known: who has the source and not the secret cannot make an address
// that passes for another one. It is the installation's own, made once, and lies in the store.
type Secret [16]byte

// MarshalText writes the secret as base64; the zero Secret is the empty text.
func (k Secret) MarshalText() ([]byte, error) {
	if k == (Secret{}) {
		return nil, nil
	}
	return base64.StdEncoding.AppendEncode(nil, k[:]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (k *Secret) UnmarshalText(text []byte) error {
	*k = Secret{}
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(raw) != 0 && len(raw) != len(k) {
		return fmt.Errorf("read the secret of the installation: %d octets of text are no secret", len(text))
	}
	copy(k[:], raw)
	return nil
}

// hash is the first 8 octets of SHA-256 over the secret and the address: stable as long as the secret, for the store
// keeps it. 64 bits of a keyed hash cannot be searched for from outside.
func (k *Secret) hash(address string) uint64 {
	var short [128]byte
	sum := sha256.Sum256(append(append(short[:0], k[:]...), address...))
	return binary.LittleEndian.Uint64(sum[:])
}

// maxKnown bounds the recipients an account is known to write to. The one not used for longest is dropped.
const maxKnown = 1000

// What is noted of a recipient beside its day.
const (
	// unvouched: the account wrote to it from an unfamiliar source first. It is no stranger any more, and proves
	// nothing: a thief writes to mailboxes of his own.
	unvouched uint16 = 1 << 14
	// abroad: on that day it was written to from a source that is strange to the account.
	abroad uint16 = 1 << 15

	dayBits = unvouched - 1
)

// firstDay is 2020-01-01 in days since 1970: with it 14 bits of a day last until 2064.
const firstDay = 18262

func dayOf(t Time) int { return int(t / (24 * hour)) }

// packDay returns the day of t in dayBits.
func packDay(t Time) uint16 { return uint16(min(max(dayOf(t)-firstDay, 0), int(dayBits))) }

// Recipients is a bounded set of recipients by hash, with the day each was last used and what is noted of it. It is
// sorted by hash: 10 octets a recipient, and a look-up in a set of 500 touches nine of them.
type Recipients struct {
	hashes []uint64
	notes  []uint16 // parallel to hashes: the day of the last use since firstDay, unvouched, abroad
}

// Len returns the number of recipients.
func (r *Recipients) Len() int { return len(r.hashes) }

// IsZero reports whether the set is empty, for encoding/json.
func (r Recipients) IsZero() bool { return len(r.hashes) == 0 }

func (r *Recipients) has(hash uint64) bool {
	_, ok := slices.BinarySearch(r.hashes, hash)
	return ok
}

// vouched reports whether a recipient is known, and not only from unfamiliar sources.
func (r *Recipients) vouched(hash uint64) bool {
	i, ok := slices.BinarySearch(r.hashes, hash)
	return ok && r.notes[i]&unvouched == 0
}

// notesOf is what is noted of the recipients of a mail.
func notesOf(unfamiliar, strange bool) uint16 {
	note := uint16(0)
	if unfamiliar {
		note |= unvouched
	}
	if strange {
		note |= abroad
	}
	return note
}

// add notes that a recipient was written to. What was vouched for once stays so.
func (r *Recipients) add(hash uint64, now Time, notes uint16) {
	note := packDay(now) | notes
	i, ok := slices.BinarySearch(r.hashes, hash)
	if ok && notes&abroad == 0 && isLately(r.notes[i], packDay(now), 10) {
		note = r.notes[i]&^unvouched | notes // what was abroad stays so for ten days, whatever the owner writes from home
	}
	if ok {
		r.notes[i] = max(r.notes[i]&dayBits, note&dayBits) | note&abroad | r.notes[i]&note&unvouched
		return
	}
	if len(r.hashes) >= maxKnown {
		old := r.oldest()
		r.hashes = slices.Delete(r.hashes, old, old+1)
		r.notes = slices.Delete(r.notes, old, old+1)
		i, _ = slices.BinarySearch(r.hashes, hash)
	}
	if len(r.hashes) == cap(r.hashes) { // grow in small steps: most accounts stay small, and there are many
		r.hashes = append(make([]uint64, 0, len(r.hashes)+64), r.hashes...)
		r.notes = append(make([]uint16, 0, len(r.notes)+64), r.notes...)
	}
	r.hashes = slices.Insert(r.hashes, i, hash)
	r.notes = slices.Insert(r.notes, i, note)
}

// lately reports whether a recipient was written to from an unfamiliar source today or on one of so many days before.
func (r *Recipients) lately(hash uint64, now Time, days int) bool {
	i, ok := slices.BinarySearch(r.hashes, hash)
	return ok && isLately(r.notes[i], packDay(now), days)
}

// countLately returns how many were.
func (r *Recipients) countLately(now Time, days int) int {
	n, today := 0, packDay(now)
	for _, note := range r.notes {
		if isLately(note, today, days) {
			n++
		}
	}
	return n
}

func isLately(note, today uint16, days int) bool {
	return note&abroad != 0 && int(today)-int(note&dayBits) <= days
}

// atHome returns the set without a note that anybody was written to from a strange source: an operator said that it was
// the owner. Whom he released mail to vouches from then on; the others are no better known for it.
func (r *Recipients) atHome() Recipients {
	c := r.Clone()
	for i := range c.notes {
		c.notes[i] &^= abroad
	}
	return c
}

func (r *Recipients) oldest() int {
	old := 0
	for i, note := range r.notes {
		if note&dayBits < r.notes[old]&dayBits {
			old = i
		}
	}
	return old
}

// Clone returns a copy that shares nothing with r.
func (r *Recipients) Clone() Recipients {
	return Recipients{slices.Clone(r.hashes), slices.Clone(r.notes)}
}

// MarshalText writes the set as base64 of 10 octets a recipient: hash and note, little-endian.
func (r Recipients) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, 10*len(r.hashes))
	for i, h := range r.hashes {
		raw = binary.LittleEndian.AppendUint64(raw, h)
		raw = binary.LittleEndian.AppendUint16(raw, r.notes[i])
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
		r.notes = append(r.notes, binary.LittleEndian.Uint16(raw[8:]))
	}
	if !slices.IsSorted(r.hashes) {
		return fmt.Errorf("read known recipients: not sorted")
	}
	return nil
}

// The first release knew recipients by a hash without a key, which can be computed backwards: a tag behind the plus of
// any mailbox gives it a known one's hash. What it knew is kept until it is written to again, and believed of addresses
// that leave no room for such a tag.

// unkeyedHash is the first release's: 64-bit FNV-1a with a final mix.
func unkeyedHash(address string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(address); i++ {
		h = (h ^ uint64(address[i])) * 1099511628211
	}
	h ^= h >> 32
	return h * 0x9e3779b97f4a7c15
}

// freeText is how many octets a chosen part of an address may have: to meet one of a thousand hashes of 64 bits by
// letters and digits takes ten.
const freeText = 8

// tagless reports whether an address leaves no room for text that reaches the same mailbox whatever it is.
func tagless(address string) bool {
	local, _, _ := cutAddress(address)
	if strings.ContainsAny(local, "+=#\"") {
		return false
	}
	_, extension, _ := strings.Cut(local, "-")
	return len(extension) <= freeText && len(local) <= 64
}

// knows reports whether the account knows an address, whose hash is given.
func (a *Account) knows(hash uint64, address string) bool {
	return a.Known.has(hash) || a.remembers(address)
}

func (a *Account) remembers(address string) bool {
	return a.Unkeyed != nil && tagless(address) && a.Unkeyed.has(unkeyedHash(address))
}

// rememberUnkeyed takes over what the first release knew.
func (a *Account) rememberUnkeyed(hashes []uint64, now Time) {
	if a.Unkeyed == nil && len(hashes) > 0 {
		a.Unkeyed = &Recipients{}
	}
	for _, h := range hashes {
		a.Unkeyed.add(h, now, 0)
	}
}

// vouchedFor reports whether the account knows an address not only from unfamiliar sources.
func (a *Account) vouchedFor(hash uint64, address string) bool {
	return a.Known.vouched(hash) || !a.Known.has(hash) && a.remembers(address)
}
