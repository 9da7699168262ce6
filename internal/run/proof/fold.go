package proof

import (
	"bytes"
	"io"
)

// folded hands a body on as Postfix's smtp(8) sends it: a line longer than smtp_line_length_limit is broken by CRLF and a blank
// (smtp_text_out). What is signed must be what arrives.
type folded struct {
	to    io.Writer
	limit int // octets of a line, without CRLF; 0: none is broken
	left  int // of this line
	cr    bool
}

func newFolded(to io.Writer, limit int) *folded { return &folded{to: to, limit: limit, left: limit} }

var lineEnd, broken = []byte("\r\n"), []byte("\r\n ")

// Write never fails where that to which it hands on does not.
func (f *folded) Write(p []byte) (int, error) {
	n := len(p)
	if f.cr && n > 0 {
		f.cr = false
		if p[0] == '\n' {
			f.end()
			p = p[1:]
		} else {
			f.text([]byte{'\r'})
		}
	}
	for len(p) > 0 {
		i := bytes.Index(p, lineEnd)
		if i < 0 {
			if f.cr = p[len(p)-1] == '\r'; f.cr {
				p = p[:len(p)-1]
			}
			f.text(p)
			break
		}
		f.text(p[:i])
		f.end()
		p = p[i+2:]
	}
	return n, nil
}

// Close hands on what may have been the begin of a line's end.
func (f *folded) Close() {
	if f.cr {
		f.cr = false
		f.text([]byte{'\r'})
	}
}

func (f *folded) text(p []byte) {
	for f.limit > 0 && len(p) > f.left {
		f.put(p[:f.left])
		f.put(broken)
		p, f.left = p[f.left:], f.limit-1
	}
	f.put(p)
	f.left -= len(p)
}

func (f *folded) end() {
	f.put(lineEnd)
	f.left = f.limit
}

func (f *folded) put(p []byte) { _, _ = f.to.Write(p) } // a canon.Body never fails
