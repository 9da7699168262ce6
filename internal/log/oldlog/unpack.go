package oldlog

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// maxWindow bounds the memory that unpacking a file may ask for, in octets: xz -9 wants half of it, zstd --ultra -22 and
// --long all of it.
const maxWindow = 128 << 20

// magics are how packed files begin. No line of a log does.
var magics = []struct{ begin, extension string }{
	{"\x1f\x8b", ".gz"},
	{"BZh", ".bz2"}, // see packing
	{"\xfd7zXZ\x00", ".xz"},
	{"\x28\xb5\x2f\xfd", ".zst"},
	{"\x5d\x00\x00", ".lzma"},
	{"\x04\x22\x4d\x18", ".lz4"},
	{"\x1f\x9d", ".Z"},
	{"PK\x03\x04", ".zip"},
	{"7z\xbc\xaf\x27\x1c", ".7z"},
	{"\x89LZO", ".lzo"},
}

// packing says how a file is packed, by how it begins; empty: not at all.
func packing(head []byte) string {
	if len(head) > 3 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" { // a frame to skip: pzstd writes them
		return ".zst"
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.begin)) && (m.extension != ".bz2" || len(head) >= 10 && (string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")) {
			return m.extension
		}
	}
	return ""
}

// Packed reports whether files with an extension (".gz") are read as compressed ones.
func Packed(extension string) bool {
	return slices.Contains([]string{".gz", ".bz2", ".xz", ".zst", ".lzma"}, extension)
}

// Unpack returns the text of r. How it is packed is seen by its first octets; an extension that is Packed must be true. done
// is called when no more is read.
func Unpack(r io.Reader, extension string) (text io.Reader, done func(), err error) {
	nothing := func() {}
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(10)
	if err != nil && err != io.EOF {
		return nil, nothing, err
	}
	found := packing(head)
	if found == "" && slices.Contains(packers, extension) {
		return nil, nothing, fmt.Errorf("it is called %s and does not begin like one: is it damaged?", extension)
	}
	switch found {
	case "":
		return in, nothing, nil
	case ".gz":
		text, err = gzip.NewReader(in)
	case ".bz2":
		text = bzip2.NewReader(in)
	case ".xz":
		text, err = xz.ReaderConfig{DictCap: lzma.MinDictCap}.NewReader(&xzGuard{in: in})
	case ".lzma":
		text, err = lzma.ReaderConfig{DictCap: maxWindow}.NewReader(in)
	case ".zst":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nothing, tooLarge(err)
		}
		return zstdText{z}, z.Close, nil
	default:
		err = fmt.Errorf("%s files cannot be read here: unpack it first", found)
	}
	return text, nothing, tooLarge(err)
}

// zstdText says what to do about a window that is too large, which the first Read tells.
type zstdText struct{ io.Reader }

func (z zstdText) Read(b []byte) (int, error) {
	n, err := z.Reader.Read(b)
	return n, tooLarge(err)
}

// errTooLarge is that of a file that asks for more than maxWindow.
var errTooLarge = fmt.Errorf("unpacking it needs more than %d MiB of memory: unpack it first, if you trust it", maxWindow>>20)

func tooLarge(err error) error {
	var dict *lzma.ErrDictSize
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.As(err, &dict) {
		return fmt.Errorf("%w (%s)", errTooLarge, strings.TrimPrefix(err.Error(), "lzma: "))
	}
	return err
}
