package main

import (
	"fmt"
	"math/rand/v2"
)

// The hash by which accounts knew their recipients was 64-bit FNV-1a, which has no key: an address of anybody can be
// given a plus tag with which it has the hash of another. The final mix of that hash was one to one, so it does not
// matter here.
//
// The search is a meeting in the middle in two stages. The step h → (h xor c)·P changes the low octet of h by the
// octet c and the rest only by multiplication. So a block of a tag whose low octets before and after are given adds
// a number that depends on nothing else: h → h·P^n + D. Four lists of such blocks make the question one of sums
// modulo 2^64 (Wagner, A Generalized Birthday Problem, 2002).

const (
	fnvStart uint64 = 14695981039346656037
	fnvPrime uint64 = 1099511628211
)

func hashOn(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h
}

// hashBack takes back what text did to a hash.
func hashBack(h uint64, text string) uint64 {
	inverse := inverseOf(fnvPrime)
	for i := len(text) - 1; i >= 0; i-- {
		h = h*inverse ^ uint64(text[i])
	}
	return h
}

// inverseOf returns the inverse of an odd number modulo 2^64, by Newton's iteration.
func inverseOf(p uint64) uint64 {
	x := p
	for range 6 {
		x *= 2 - p*x
	}
	return x
}

func power(p uint64, n int) uint64 {
	r := uint64(1)
	for range n {
		r *= p
	}
	return r
}

const (
	blockLen  = 6       // octets of a tag's block
	blocks    = 1 << 19 // of a list
	mergeBits = 18      // above the low octet that the two stages meet in
	tagOctets = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// block is an element of a list: what it adds to the hash, and the octets that do.
type block struct {
	adds uint64
	who  int32 // for the first list: whose address it begins with
	text [blockLen]byte
}

// collider makes addresses of strangers that have the hash of a target.
type collider struct {
	lists [4][]block
	end   uint64 // the hash after the tag
}

// lowOctets are what the low octet of the hash is between the blocks; any would do.
var lowOctets = [3]byte{0x35, 0x71, 0xc4}

// mailbox and provider make a stranger's address: mailbox(n) + tag + provider.
func mailbox(n int) string { return fmt.Sprintf("m%d+", n) }

const provider = "@big.example"

func newCollider(target string, strangers int, seed uint64) *collider {
	rng := rand.New(rand.NewPCG(seed, 2))
	c := &collider{end: hashBack(hashOn(fnvStart, target), provider)}
	for len(c.lists[0]) < blocks {
		who := int32(rng.IntN(strangers))
		h := hashOn(fnvStart, mailbox(int(who)))
		b := drawBlock(rng, byte(h), lowOctets[0], 3)
		b.who, b.adds = who, b.adds+h*power(fnvPrime, 4*blockLen)
		c.lists[0] = append(c.lists[0], b)
	}
	for n, out := range []byte{lowOctets[1], lowOctets[2], byte(c.end)} {
		for len(c.lists[n+1]) < blocks {
			c.lists[n+1] = append(c.lists[n+1], drawBlock(rng, lowOctets[n], out, 2-n))
		}
	}
	return c
}

// drawBlock draws a block that leads the low octet from one to another; so many blocks come after it.
func drawBlock(rng *rand.Rand, from, to byte, after int) block {
	inverse := byte(inverseOf(fnvPrime))
	for {
		var b block
		h := uint64(from)
		for i := range blockLen - 1 {
			b.text[i] = tagOctets[rng.IntN(len(tagOctets))]
			h = (h ^ uint64(b.text[i])) * fnvPrime
		}
		last := to*inverse ^ byte(h)
		if !tagOctet(last) {
			continue
		}
		b.text[blockLen-1] = last
		h = (h ^ uint64(last)) * fnvPrime
		b.adds = (h - uint64(from)*power(fnvPrime, blockLen)) * power(fnvPrime, after*blockLen)
		return b
	}
}

func tagOctet(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// sum is two blocks, one of each list.
type sum struct {
	adds uint64
	a, b int32
}

// find returns addresses of different strangers with the target's hash, by stranger. Each round finds about four.
func (c *collider) find(rounds int) map[int]string {
	found := map[int]string{}
	for round := range uint64(rounds) {
		low := uint64(byte(c.lists[0][0].adds+c.lists[1][0].adds)) | round<<8
		left := merge(c.lists[0], c.lists[1], low)
		right := merge(c.lists[2], c.lists[3], c.end-low)
		meet(left, right, c.end, func(x, y sum) {
			first := c.lists[0][x.a]
			tag := string(first.text[:]) + string(c.lists[1][x.b].text[:]) + string(c.lists[2][y.a].text[:]) + string(c.lists[3][y.b].text[:])
			found[int(first.who)] = mailbox(int(first.who)) + tag + provider
		})
	}
	return found
}

// merge returns the pairs whose sums have the low bits of low.
func merge(a, b []block, low uint64) []sum {
	index := newIndex(len(b), mergeBits, func(i int) uint64 { return b[i].adds >> 8 })
	var sums []sum
	for i := range a {
		index.each((low-a[i].adds)>>8, func(k int32) {
			sums = append(sums, sum{a[i].adds + b[k].adds, int32(i), k})
		})
	}
	return sums
}

// meet calls each for the pairs that add up to end.
func meet(left, right []sum, end uint64, each func(x, y sum)) {
	const shift = 8 + mergeBits // below that they are equal already
	index := newIndex(len(left), 20, func(i int) uint64 { return left[i].adds >> shift })
	for _, y := range right {
		index.each((end-y.adds)>>shift, func(k int32) {
			if left[k].adds+y.adds == end {
				each(left[k], y)
			}
		})
	}
}

// index finds numbers by their low bits.
type index struct {
	mask uint64
	head []int32 // the last one with those bits, plus 1; 0: none
	next []int32 // the one before it
}

func newIndex(n, bits int, key func(int) uint64) *index {
	x := &index{mask: 1<<bits - 1, head: make([]int32, 1<<bits), next: make([]int32, n)}
	for i := range n {
		h := &x.head[key(i)&x.mask]
		x.next[i], *h = *h, int32(i)+1
	}
	return x
}

func (x *index) each(key uint64, f func(int32)) {
	for k := x.head[key&x.mask]; k != 0; k = x.next[k-1] {
		f(k - 1)
	}
}
