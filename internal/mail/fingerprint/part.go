package fingerprint

import (
	"bytes"
	"strings"
)

// part reads a body line by line (RFC 2045, 2046): its own header section when it is a part of a multipart, then its
// text, decoded. The text of every part votes: words that come twice vote once.
type part struct {
	line       []byte // of a line that is not complete, at most maxLine
	long       bool   // the line was longer: its rest is text without a beginning
	inHeader   bool
	boundaries []string // of the multiparts that are open, outermost first
	kind       kind
	encoding   encoding
	attached   bool
	name       string // of the field whose lines are being read, in a part's header section
	value      string
	html       html
	base64     base64
}

// kind is what a part is.
type kind uint8

const (
	plain kind = iota // also what says nothing (RFC 2045 section 5.2)
	markup
	other
)

type encoding uint8

const (
	asIs encoding = iota
	quotedPrintable
	inBase64
)

const (
	maxLine     = 4 << 10 // octets of a line that are looked at together
	maxDepth    = 4       // multiparts in one another
	maxBoundary = 70      // RFC 2046 section 5.1.1
	maxValue    = 1 << 10
)

// field takes a header field of the message, or of a part.
func (p *part) field(name, value string) {
	switch strings.ToLower(name) {
	case "content-type":
		p.contentType(value)
	case "content-transfer-encoding":
		switch strings.ToLower(strings.TrimSpace(value)) {
		case "quoted-printable":
			p.encoding = quotedPrintable
		case "base64":
			p.encoding = inBase64
		}
	case "content-disposition":
		p.attached = strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "attachment")
	}
}

func (p *part) contentType(value string) {
	mediaType, parameters, _ := strings.Cut(value, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch {
	case mediaType == "text/html":
		p.kind = markup
	case mediaType == "text/plain" || mediaType == "":
		p.kind = plain
	default:
		p.kind = other
	}
	if strings.HasPrefix(mediaType, "multipart/") && len(p.boundaries) < maxDepth {
		if b := boundary(parameters); b != "" {
			p.boundaries = append(p.boundaries, b)
		}
	}
}

// boundary finds the boundary parameter.
func boundary(parameters string) string {
	const name = "boundary="
	i := 0
	for ; i+len(name) <= len(parameters) && !strings.EqualFold(parameters[i:i+len(name)], name); i++ {
	}
	if i+len(name) > len(parameters) {
		return ""
	}
	b := strings.TrimSpace(parameters[i+len(name):])
	if quoted, ok := strings.CutPrefix(b, `"`); ok {
		b, _, _ = strings.Cut(quoted, `"`)
	} else {
		b, _, _ = strings.Cut(b, ";")
		b = strings.TrimSpace(b)
	}
	if len(b) > maxBoundary {
		return ""
	}
	return b
}

// write cuts a chunk into lines.
func (p *part) write(chunk []byte, w *words) {
	for len(chunk) > 0 {
		rest, found := chunk, false
		if i := bytes.IndexByte(chunk, '\n'); i >= 0 {
			rest, found = chunk[:i], true
		}
		took := min(len(rest), maxLine-len(p.line))
		p.line = append(p.line, rest[:took]...)
		switch {
		case took < len(rest): // a line without end: what is here is taken as text
			p.piece(w)
			chunk = chunk[took:]
			continue
		case found:
			p.finish(w)
			chunk = chunk[len(rest)+1:]
		default:
			return
		}
	}
}

// piece takes the beginning of an overlong line.
func (p *part) piece(w *words) {
	if !p.inHeader {
		p.text(p.line, false, w)
	}
	p.line, p.long = p.line[:0], true
}

// finish takes a whole line, or the last piece of an overlong one.
func (p *part) finish(w *words) {
	line := bytes.TrimSuffix(p.line, []byte{'\r'})
	switch {
	case !p.long && p.delimiter(line, w):
	case p.inHeader && !p.long:
		p.headerLine(string(line))
	case !p.inHeader:
		p.text(line, true, w)
	}
	p.line, p.long = p.line[:0], false
}

// end takes what is left after the last chunk.
func (p *part) end(w *words) {
	if len(p.line) > 0 {
		p.finish(w)
	}
	p.base64.flush()
}

// delimiter takes a line that separates parts, or ends a multipart.
func (p *part) delimiter(line []byte, w *words) bool {
	if len(p.boundaries) == 0 || !bytes.HasPrefix(line, []byte("--")) {
		return false
	}
	said := strings.TrimRight(string(line[2:]), " \t")
	for i := len(p.boundaries) - 1; i >= 0; i-- {
		b := p.boundaries[i]
		if said != b && said != b+"--" {
			continue
		}
		w.end()
		p.html, p.base64 = html{}, base64{}
		p.name, p.value = "", ""
		if said == b {
			p.boundaries, p.inHeader = p.boundaries[:i+1], true
			p.kind, p.encoding, p.attached = plain, asIs, false
		} else {
			p.boundaries, p.inHeader = p.boundaries[:i], false
			p.kind, p.encoding = other, asIs // an epilogue is nobody's text
		}
		return true
	}
	return false
}

// headerLine takes a line of a part's header section; folded lines are joined (RFC 5322 section 2.2.3).
func (p *part) headerLine(line string) {
	if line != "" && (line[0] == ' ' || line[0] == '\t') {
		if len(p.value) < maxValue {
			p.value += line
		}
		return
	}
	if p.name != "" {
		p.field(p.name, p.value)
	}
	p.name, p.value = "", ""
	if line == "" {
		p.inHeader = false
		return
	}
	if name, value, ok := strings.Cut(line, ":"); ok && len(value) < maxValue {
		p.name, p.value = strings.TrimSpace(name), value
	}
}

// text takes a line of a part's body, or a piece of one. A multipart's own lines (preamble) are no text.
func (p *part) text(line []byte, whole bool, w *words) {
	if p.kind == other || p.attached {
		return
	}
	switch p.encoding {
	case inBase64:
		p.base64.decode(line, func(c byte) { p.letter(c, w) })
		return
	case quotedPrintable:
		if soft := unquote(line, func(c byte) { p.letter(c, w) }); soft {
			return
		}
	default:
		for _, c := range line {
			p.letter(c, w)
		}
	}
	if whole {
		p.letter('\n', w)
	}
}

func (p *part) letter(c byte, w *words) {
	if p.kind == markup {
		p.html.take(c, w)
		return
	}
	w.take(c)
}
