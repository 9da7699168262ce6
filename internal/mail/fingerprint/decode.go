package fingerprint

import (
	"bytes"
	"strings"
)

// unquote decodes a line of quoted-printable (RFC 2045 section 6.7). soft: the line goes on in the next one.
func unquote(line []byte, out func(byte)) (soft bool) {
	line = bytes.TrimRight(line, " \t")
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c != '=' {
			out(c)
			continue
		}
		if i == len(line)-1 {
			return true
		}
		if i+2 < len(line) {
			if high, low := hex(line[i+1]), hex(line[i+2]); high >= 0 && low >= 0 {
				out(byte(high<<4 | low))
				i += 2
				continue
			}
		}
		out(c)
	}
	return false
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// base64 decodes base64 (RFC 2045 section 6.8) in pieces of any length. What is not of its alphabet is skipped.
type base64 struct {
	bits  uint32
	count int
}

func (b *base64) decode(line []byte, out func(byte)) {
	for _, c := range line {
		v := sextet(c)
		if v < 0 {
			if c == '=' {
				b.flush()
			}
			continue
		}
		b.bits, b.count = b.bits<<6|uint32(v), b.count+6
		if b.count >= 8 {
			b.count -= 8
			out(byte(b.bits >> b.count))
			b.bits &= 1<<b.count - 1
		}
	}
}

// flush forgets the bits that fill up the last octet.
func (b *base64) flush() { *b = base64{} }

func sextet(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '+' || c == '-':
		return 62
	case c == '/' || c == '_':
		return 63
	}
	return -1
}

// html takes tags, comments, style and script out of a text, and decodes the entities that people write.
type html struct {
	state  htmlState
	tag    [16]byte // the name of the tag, or the entity, in lower case
	length int
	dashes int    // at the end of a comment
	skip   string // the element whose content is no text: style, script, title, head
}

type htmlState uint8

const (
	inText htmlState = iota
	inTagName
	inTag
	inComment
	inEntity
)

func (h *html) take(c byte, w *words) {
	switch h.state {
	case inText:
		h.text(c, w)
	case inTagName:
		h.tagName(c, w)
	case inTag:
		if c == '>' {
			h.state = inText
		}
	case inComment:
		switch {
		case c == '-':
			h.dashes++
		case c == '>' && h.dashes >= 2:
			h.state, h.dashes = inText, 0
		default:
			h.dashes = 0
		}
	case inEntity:
		h.entity(c, w)
	}
}

func (h *html) text(c byte, w *words) {
	switch {
	case c == '<':
		h.state, h.length = inTagName, 0
	case h.skip != "":
	case c == '&':
		h.state, h.length = inEntity, 0
	default:
		w.take(c)
	}
}

// inline are the elements that do not part words.
var inline = map[string]bool{
	"b": true, "i": true, "u": true, "em": true, "strong": true, "span": true, "font": true, "a": true, "small": true, "big": true, "wbr": true,
}

func (h *html) tagName(c byte, w *words) {
	if c != '>' && c > ' ' && !(c == '/' && h.length > 0) {
		if h.length < len(h.tag) {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			h.tag[h.length] = c
			h.length++
		}
		if h.length == 3 && string(h.tag[:3]) == "!--" {
			h.state, h.dashes = inComment, 0
		}
		return
	}
	name := string(h.tag[:h.length])
	h.state = inTag
	if c == '>' {
		h.state = inText
	}
	closing := strings.TrimPrefix(name, "/")
	switch {
	case h.skip != "":
		if name == "/"+h.skip {
			h.skip = ""
		}
	case name == "style" || name == "script" || name == "title":
		h.skip = name
	}
	if !inline[closing] {
		w.end()
	}
}

// entity reads what comes after an ampersand.
func (h *html) entity(c byte, w *words) {
	if c != ';' && c > ' ' && c != '<' && c != '&' && h.length < len(h.tag) {
		h.tag[h.length] = c
		h.length++
		return
	}
	h.state = inText
	for _, d := range entityText(string(h.tag[:h.length])) {
		w.take(byte(d))
	}
	if c != ';' {
		h.text(c, w)
	}
}

// entityText returns what an entity stands for, in one octet; a space for what parts words or is not known.
func entityText(name string) string {
	switch name {
	case "apos", "#39", "rsquo", "lsquo", "#8217", "#8216":
		return "'"
	case "shy", "#173", "zwnj", "zwj", "#8203":
		return ""
	}
	if number, ok := strings.CutPrefix(name, "#"); ok {
		n := 0
		for _, c := range number {
			if c < '0' || c > '9' || n > 127 {
				return " "
			}
			n = n*10 + int(c-'0')
		}
		if n > ' ' && n < 127 {
			return string(rune(n))
		}
	}
	return " "
}
