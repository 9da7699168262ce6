package canon

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"slices"
)

// Body hashes a body in one or more forms. It is written to in pieces of any size, and never fails to take them.
type Body struct {
	hashers []*hasher
}

// NewBody returns a Body that hashes in the forms; one named twice is hashed once.
func NewBody(forms ...Form) *Body {
	b := &Body{}
	for _, form := range forms {
		if b.hasher(form) == nil {
			b.hashers = append(b.hashers, &hasher{form: form, sha: sha256.New(), out: make([]byte, 0, pieces)})
		}
	}
	return b
}

func (b *Body) hasher(form Form) *hasher {
	i := slices.IndexFunc(b.hashers, func(h *hasher) bool { return h.form == form })
	if i < 0 {
		return nil
	}
	return b.hashers[i]
}

// Write takes the next octets of the body.
func (b *Body) Write(p []byte) (int, error) {
	for _, h := range b.hashers {
		h.write(p)
	}
	return len(p), nil
}

// Sum is the hash (bh=) of what was written, in a form that NewBody was told: nil for another. Nothing may be written
// after it.
func (b *Body) Sum(form Form) []byte {
	h := b.hasher(form)
	if h == nil {
		return nil
	}
	return h.end()
}

// hasher hashes in one form. What it has not decided about yet is held back: line ends that may be the last ones, a CR
// that may begin one, a blank that may stand at the end of its line.
type hasher struct {
	form  Form
	sha   hash.Hash
	lines int  // line ends held back
	cr    bool // and behind them a CR
	blank bool // and before that a blank
	any   bool // something was hashed
	out   []byte
	sum   []byte
}

const pieces = 4096

// What is hashed often is made once.
var lineEnd, blank = []byte("\r\n"), []byte(" ")

func (h *hasher) write(p []byte) {
	for len(p) > 0 {
		switch {
		case h.cr:
			p = h.afterCR(p)
		case h.form == Relaxed:
			p = h.words(p)
		default:
			p = h.line(p)
		}
	}
}

// afterCR decides what a CR was.
func (h *hasher) afterCR(p []byte) []byte {
	h.cr = false
	if p[0] == '\n' {
		h.lines, h.blank = h.lines+1, false
		return p[1:]
	}
	h.release()
	h.emit(lineEnd[:1])
	return p
}

// line takes what stands before a CR, and the CR, as it is.
func (h *hasher) line(p []byte) []byte {
	n := bytes.IndexByte(p, '\r')
	if h.cr = n >= 0; !h.cr {
		n = len(p)
	}
	if n > 0 {
		h.release()
		h.emit(p[:n])
	}
	return p[min(n+1, len(p)):]
}

// words is line with one blank for each run of them. It looks at every octet of every mail, so it does no more for one
// than it must.
func (h *hasher) words(p []byte) []byte {
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == ' ' || c == '\t':
			h.blank = true
		case c == '\r':
			h.cr = true
			return p[i+1:]
		default:
			n := word(p[i:])
			h.release()
			h.emit(p[i : i+n])
			i += n - 1
		}
	}
	return nil
}

// word counts the octets before the next blank or CR.
func word(p []byte) int {
	for i, c := range p {
		if c <= ' ' && (c == ' ' || c == '\t' || c == '\r') {
			return i
		}
	}
	return len(p)
}

// release hashes what was held back, for something stands behind it.
func (h *hasher) release() {
	for ; h.lines > 0; h.lines-- {
		h.emit(lineEnd)
	}
	if h.blank {
		h.emit(blank)
	}
	h.blank = false
}

// emit collects small pieces for the hash.
func (h *hasher) emit(p []byte) {
	h.any = true
	if len(h.out)+len(p) > cap(h.out) {
		h.sha.Write(h.out)
		h.out = h.out[:0]
	}
	if len(p) > cap(h.out) {
		h.sha.Write(p)
		return
	}
	h.out = append(h.out, p...)
}

// end is the hash of all of it: one line end at its end. An empty body is one line end in the form simple (section
// 3.4.3) and nothing in the form relaxed (section 3.4.4).
func (h *hasher) end() []byte {
	if h.sum != nil {
		return h.sum
	}
	if h.cr {
		h.release()
		h.emit(lineEnd[:1])
	}
	if h.any || h.form == Simple {
		h.emit(lineEnd)
	}
	h.sha.Write(h.out)
	h.sum, h.out = h.sha.Sum(nil), nil
	return h.sum
}
