package follow

import (
	"io"
	"os"
	"path/filepath"

	"postward/internal/log/oldlog"
)

// packed is a compressed file as the text in it: read from front to back, and a little way back. Where it is corrupt
// it ends.
type packed struct {
	file   *os.File
	text   io.Reader // nil: not begun
	done   func()
	at     int64  // how much of the text was read
	kept   []byte // the last of it
	broken error
}

// maxKept is how far back can be read without beginning anew.
const maxKept = 2 * bufferSize

func unpack(f *os.File) *packed { return &packed{file: f, done: func() {}} }

// unpackable reports whether a compressed file can be read.
func unpackable(path string) bool { return oldlog.Packed(filepath.Ext(path)) }

// ReadAt reads the text at an offset. Its only error is io.EOF: the text ends there, or is broken.
func (p *packed) ReadAt(b []byte, offset int64) (int, error) {
	if p.text == nil || offset < p.at-int64(len(p.kept)) {
		p.begin()
	}
	for p.at < offset {
		if p.more(min(offset-p.at, bufferSize)) == 0 {
			return 0, io.EOF
		}
	}
	for p.at < offset+int64(len(b)) && p.more(offset+int64(len(b))-p.at) > 0 {
	}
	from := p.at - int64(len(p.kept))
	if offset > p.at || offset < from {
		return 0, io.EOF
	}
	n := copy(b, p.kept[offset-from:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// begin starts at the front.
func (p *packed) begin() {
	p.done()
	p.at, p.kept, p.done = 0, p.kept[:0], func() {}
	if _, p.broken = p.file.Seek(0, io.SeekStart); p.broken != nil {
		p.text = eof{}
		return
	}
	text, done, err := oldlog.Unpack(p.file, filepath.Ext(p.file.Name()))
	if err != nil {
		p.text, p.broken = eof{}, err
		return
	}
	p.text, p.done = text, done
}

// more reads at most n octets on, and says how many there were.
func (p *packed) more(n int64) int {
	n = min(n, bufferSize)
	if over := len(p.kept) + int(n) - maxKept; over > 0 {
		p.kept = append(p.kept[:0], p.kept[over:]...)
	}
	end := len(p.kept)
	p.kept = append(p.kept, make([]byte, n)...)
	got := 0
	for got < int(n) {
		m, err := p.text.Read(p.kept[end+got:])
		got += m
		if err != nil {
			if err != io.EOF {
				p.broken = err
			}
			p.text = eof{}
			break
		}
	}
	p.kept = p.kept[:end+got]
	p.at += int64(got)
	return got
}

// ended is why the text ends before its time, or nil.
func (p *packed) ended() error {
	if p == nil {
		return nil
	}
	return p.broken
}

// eof is a text without anything in it.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
