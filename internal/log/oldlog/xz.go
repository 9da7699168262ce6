package oldlog

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzGuard hands on an .xz file as it is, and ends where a block asks for more memory than maxWindow: the library takes what
// a block header says. Every block has such a header, so the guard steps from part to part (the .xz file format, version
// 1.2.1, sections 2 to 4). What it cannot follow ends too.
type xzGuard struct {
	in    *bufio.Reader
	left  int64                         // octets that are handed on before the next step
	step  func(*xzGuard) (int64, error) // looks at what comes next; nil: a stream
	check int64                         // octets of the check behind each block of this stream
	data  int64                         // octets of the compressed data of this block
	index int64                         // octets of the index so far
	todo  uint64                        // numbers of the index that are still to come
}

var errXZ = errors.New("xz: damaged")

// Read hands on what is left of a part, or looks at the next one.
func (g *xzGuard) Read(b []byte) (int, error) {
	for g.left == 0 {
		step := g.step
		if step == nil {
			step = (*xzGuard).stream
		}
		var err error
		if g.left, err = step(g); err != nil {
			return 0, err
		}
	}
	n, err := g.in.Read(b[:min(int64(len(b)), g.left)])
	g.left -= int64(n)
	return n, early(err)
}

// early is the error of a file that ends within a part.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// peek is what comes next, n octets of it.
func (g *xzGuard) peek(n int) ([]byte, error) {
	b, err := g.in.Peek(n)
	return b, early(err)
}

// checkSizes are those of the checks, by the low four bits of the stream flags (section 2.1.1.2).
var checkSizes = [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

// stream looks at a stream header, or four octets of padding between two streams.
func (g *xzGuard) stream() (int64, error) {
	if _, err := g.in.Peek(1); err != nil { // the end of the file, where it should be
		return 0, err
	}
	b, err := g.peek(4)
	if err != nil || binary.LittleEndian.Uint32(b) == 0 {
		return 4, err
	}
	if b, err = g.peek(12); err != nil {
		return 0, err
	}
	if string(b[:6]) != "\xfd7zXZ\x00" {
		return 0, errXZ
	}
	g.check, g.step = checkSizes[b[7]&0x0f], (*xzGuard).block
	return 12, nil
}

// block looks at a block header or the beginning of the index.
func (g *xzGuard) block() (int64, error) {
	b, err := g.peek(1)
	if err != nil {
		return 0, err
	}
	if b[0] == 0 {
		g.index, g.todo, g.step = 1, 0, (*xzGuard).count
		return 1, nil
	}
	size := (int(b[0]) + 1) * 4
	if b, err = g.peek(size); err != nil {
		return 0, err
	}
	if err := dictionaries(b[:size-4]); err != nil {
		return 0, err
	}
	g.data, g.step = 0, (*xzGuard).chunk
	return int64(size), nil
}

// lzma2 is the ID of the filter that has a dictionary (section 5.3.1).
const lzma2 = 0x21

// dictionaries looks at the filter flags of a block header (section 3.1).
func dictionaries(header []byte) error {
	in, sizes := bytes.NewReader(header[2:]), header[1]>>6
	for ; sizes > 0; sizes &= sizes - 1 { // of the data, packed and not
		if _, err := binary.ReadUvarint(in); err != nil {
			return errXZ
		}
	}
	for range int(header[1]&3) + 1 {
		id, err1 := binary.ReadUvarint(in)
		size, err2 := binary.ReadUvarint(in)
		if err1 != nil || err2 != nil || size > uint64(in.Len()) {
			return errXZ
		}
		properties := make([]byte, size)
		in.Read(properties) // all are there
		if id != lzma2 {
			continue
		}
		if size != 1 {
			return errXZ
		}
		if n, err := lzma.DecodeDictCap(properties[0]); err != nil || n > maxWindow {
			return fmt.Errorf("%w (a dictionary of %d MiB)", errTooLarge, n>>20)
		}
	}
	return nil
}

// chunk looks at a chunk of LZMA2 data: its first octet says how its sizes stand.
func (g *xzGuard) chunk() (int64, error) {
	b, err := g.peek(1)
	if err != nil {
		return 0, err
	}
	head, size := 0, int64(0)
	switch control := b[0]; {
	case control == 0: // the end: padding to a multiple of four and the check
		g.step = (*xzGuard).block
		return 1 + (3 - g.data%4) + g.check, nil
	case control < 3:
		head = 3
	case control < 0x80:
		return 0, errXZ
	case control < 0xc0:
		head = 5
	default: // with properties
		head = 6
	}
	if b, err = g.peek(head); err != nil {
		return 0, err
	}
	at := 1 // of the size of what is stored, or packed
	if head > 3 {
		at = 3
	}
	size = int64(head) + int64(binary.BigEndian.Uint16(b[at:])) + 1
	g.data += size
	return size, nil
}

// count looks at how many records the index has, and record at one number of one: two each.
func (g *xzGuard) count() (int64, error) {
	n, size, err := g.number()
	g.todo, g.step = 2*n, (*xzGuard).record
	return size, err
}

func (g *xzGuard) record() (int64, error) {
	if g.todo == 0 { // padding, checksum, and the stream's footer
		g.step = (*xzGuard).stream
		return (4-g.index%4)%4 + 4 + 12, nil
	}
	g.todo--
	_, size, err := g.number()
	return size, err
}

// number reads a number of the index.
func (g *xzGuard) number() (n uint64, size int64, err error) {
	b, err := g.in.Peek(binary.MaxVarintLen64)
	n, length := binary.Uvarint(b)
	if length <= 0 {
		return 0, 0, cmp.Or(early(err), errXZ)
	}
	g.index += int64(length)
	return n, int64(length), nil
}
