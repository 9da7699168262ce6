package follow

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// headSize bounds how much of a first line is hashed.
const headSize = 1 << 10

// identity is how the kernel knows a file, as long as it exists.
type identity struct {
	dev, ino uint64
}

func identify(info fs.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{uint64(st.Dev), st.Ino}
}

// file is the one that is being read. Its pos may carry the identity of the file that it is a copy of.
type file struct {
	*os.File
	packed  *packed // its text, when it is compressed
	id      identity
	pos     Position
	scanned int64 // behind a long line's begin: how far its end has been searched
}

// open opens what must be a regular file. It does not wait for a FIFO's other end. What this process may not read, Open may.
func (c *Config) open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrPermission) && c.Open != nil {
		f, err = c.Open(path)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// fresh is a file from its start, with a new position.
func fresh(log string, f *os.File, info fs.FileInfo) (*file, error) {
	opened := &file{File: f, id: identify(info)}
	if unpackable(f.Name()) {
		opened.packed = unpack(f)
	}
	head, err := headOf(opened.text())
	if err != nil {
		return nil, err
	}
	opened.pos = Position{Path: log, Dev: opened.id.dev, Ino: opened.id.ino, Head: head, At: info.ModTime()}
	return opened, nil
}

// text is what is read: the file, or what is packed in it.
func (f *file) text() io.ReaderAt {
	if f.packed != nil {
		return f.packed
	}
	return f.File
}

// headOf hashes the first line of a file, with its line break; of a longer one headSize bytes. It is 0 when the
// first line has no end yet.
func headOf(f io.ReaderAt) (uint64, error) {
	b, err := firstLine(f)
	return hashHead(b), err
}

// firstLine is what a file has of its first line, with its line break; of a longer one headSize bytes.
func firstLine(f io.ReaderAt) ([]byte, error) {
	b := make([]byte, headSize)
	n, err := readAt(f, b, 0)
	if err != nil {
		return nil, err
	}
	return cutLine(b[:n]), nil
}

func cutLine(b []byte) []byte {
	b = b[:min(len(b), headSize)]
	if end := bytes.IndexByte(b, '\n'); end >= 0 {
		b = b[:end+1]
	}
	return b
}

func hashHead(b []byte) uint64 {
	b = cutLine(b)
	if len(b) < headSize && !bytes.HasSuffix(b, []byte("\n")) {
		return 0
	}
	h := fnv.New64a()
	h.Write(b)
	return max(h.Sum64(), 1)
}

// readAt fills b as far as the file goes; the end of the file is no error.
func readAt(f io.ReaderAt, b []byte, offset int64) (int, error) {
	n, err := f.ReadAt(b, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// intact reports whether the file still begins as it did and reaches the offset: neither truncated nor another.
func (f *file) intact(p Position) (bool, error) {
	if f.packed != nil {
		return true, nil // nobody writes to it
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() < p.Offset {
		return false, nil
	}
	if p.Head == 0 {
		return true, nil
	}
	head, err := headOf(f.File)
	return head == p.Head, err
}

// holds reports whether a compressed file is that of a position: it begins as that did and reaches the offset.
func (p *packed) holds(pos Position) bool {
	head, err := headOf(p)
	if err != nil || head == 0 || head != pos.Head {
		return false
	}
	if pos.Offset == 0 {
		return true
	}
	var last [1]byte
	n, err := p.ReadAt(last[:], pos.Offset-1)
	return n == 1 && err == nil
}

// lastLineEnd is the offset behind the last line break, 0 when there is none in the last bufferSize bytes.
func lastLineEnd(f *os.File, size int64, buf []byte) (int64, error) {
	from := max(0, size-int64(len(buf)))
	n, err := readAt(f, buf, from)
	if err != nil {
		return 0, err
	}
	if end := bytes.LastIndexByte(buf[:n], '\n'); end >= 0 {
		return from + int64(end) + 1, nil
	}
	return from, nil
}

// copies reports whether a file is the log's copy, perhaps still in the making, and the log is not truncated yet: it has all
// of it still. The log is looked at now, for the copy may have been made after it was opened.
func (f *file) copies(log *file) bool {
	mine, err := firstLine(f.text())
	if err != nil || len(mine) == 0 || f.id == log.id {
		return false
	}
	own, err := firstLine(log.text())
	return err == nil && bytes.HasPrefix(own, mine)
}

// close closes a file, if there is one.
func (f *file) close() {
	if f != nil {
		f.Close()
	}
}

// Close closes the file.
func (f *file) Close() error {
	if f.packed != nil {
		f.packed.done()
	}
	return f.File.Close()
}

// changed is the modification time, the old one when it cannot be had.
func (f *file) changed() time.Time {
	if info, err := f.Stat(); err == nil {
		return info.ModTime()
	}
	return f.pos.At
}
