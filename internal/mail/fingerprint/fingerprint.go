// Package fingerprint makes a number of a message's text that is near that of the same text (guard.Alike says how near),
// though the salutation, a name, a number or a link is another, and whether it comes as plain text or as HTML.
//
// A fingerprint is a SimHash (Charikar, 2002) of the set of a text's words: each distinct word votes on 64 bits, and a
// few other words turn a few bits over. What spammers vary for each recipient votes little or not at all: words with
// digits, addresses, links, words of fewer than four letters. A set, and not shingles: one word replaced changes one
// vote and not several, a part that comes twice (plain and HTML) votes once, and nothing of the text need be kept.
//
// The package is pure: bytes in, a number out, no state besides a Hash, no clock, no log. It imports nothing of the
// house.
package fingerprint

// Bounds of what is looked at.
const (
	MaxBody  = 256 << 10 // octets of a body; the rest is not looked at
	minWords = 12        // distinct words from which on a text has a SimHash
	fewWords = 4         // distinct words from which on it has a fingerprint at all
)

// Hash takes one message and gives its fingerprint. The zero Hash is ready. It is used by one goroutine.
type Hash struct {
	part  part
	taken int // octets of body
	words words
}

// Reset makes h ready for the next message.
func (h *Hash) Reset() { *h = Hash{} }

// Header takes a field of the message's header section, before the body.
func (h *Hash) Header(name, value string) { h.part.field(name, value) }

// Write takes octets of the body, in chunks of any size. It never fails. full: the rest need not be sent.
func (h *Hash) Write(chunk []byte) (full bool) {
	if room := MaxBody - h.taken; len(chunk) >= room {
		chunk, full = chunk[:room], true
	}
	h.taken += len(chunk)
	h.part.write(chunk, &h.words)
	return full
}

// Sum returns the fingerprint of what was taken; 0 when there is too little text.
func (h *Hash) Sum() uint64 {
	h.part.end(&h.words)
	return h.words.sum()
}

// words is the set of a text's words, as votes.
type words struct {
	votes    [64]int32
	distinct int
	exact    uint64      // of the words in their order: for a text too short to vote
	seen     [2048]uint8 // a Bloom filter of the words
	word     [maxWord]byte
	length   int
	spoiled  bool // the token has something in it that no word has
}

// A word has so many octets.
const (
	minWord = 4
	maxWord = 32
)

// take takes one octet of text. Octets from 128 on are letters: of which alphabet does not matter.
func (w *words) take(c byte) {
	switch {
	case c >= 'A' && c <= 'Z':
		c += 'a' - 'A'
	case c >= 'a' && c <= 'z' || c >= 0x80:
	case c == '-' || c == '\'' || c == '.' || c == ',' || c == ';' || c == ':' || c == '!' || c == '?' || c == '"' || c == '(' || c == ')' || c == '*' || c == '_':
		w.punctuation(c)
		return
	case c <= ' ':
		w.end()
		return
	default: // digits, @, /, and everything else that names and numbers have
		w.spoiled = true
		return
	}
	if w.length < 0 { // letters after punctuation inside a token: a host name or an abbreviation
		w.spoiled = true
		return
	}
	if w.length == maxWord {
		w.spoiled = true
		return
	}
	w.word[w.length] = c
	w.length++
}

// punctuation ends a word, unless more comes of the same token: then it was no word.
func (w *words) punctuation(c byte) {
	if c == '.' || c == ':' || c == '_' {
		if w.length > 0 && !w.spoiled {
			w.vote()
			w.length = -1
		}
		return
	}
	w.end()
}

// end ends a token.
func (w *words) end() {
	if w.length > 0 && !w.spoiled {
		w.vote()
	}
	w.length, w.spoiled = 0, false
}

func (w *words) vote() {
	if w.length < minWord {
		return
	}
	h := hash(w.word[:w.length])
	a, b := h%(8*uint64(len(w.seen))), h>>32%(8*uint64(len(w.seen)))
	if w.seen[a/8]&(1<<(a%8)) != 0 && w.seen[b/8]&(1<<(b%8)) != 0 {
		return
	}
	w.seen[a/8] |= 1 << (a % 8)
	w.seen[b/8] |= 1 << (b % 8)
	w.distinct++
	w.exact = (w.exact ^ h) * 0x9e3779b97f4a7c15
	for i := range w.votes {
		w.votes[i] += int32(h>>i&1)*2 - 1
	}
}

func (w *words) sum() uint64 {
	w.end()
	if w.distinct < fewWords {
		return 0
	}
	if w.distinct < minWords {
		return max(w.exact, 1)
	}
	var f uint64
	for i, v := range w.votes {
		if v > 0 {
			f |= 1 << i
		}
	}
	return max(f, 1)
}

// hash is 64-bit FNV-1a with the final mix of MurmurHash3: each bit depends on each octet.
func hash(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
