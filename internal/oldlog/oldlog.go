// Package oldlog reads log files that are not written any more, or not by us to follow: plain or compressed (.gz, .bz2,
// .xz, .zst), or journald's journal, one line after the other, in bounded memory.
//
// It imports nothing of the house. What is read is text from outside: lines are handed out as they are, at most MaxLine
// octets of each.
package oldlog

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// MaxLine bounds a line, in octets; the rest of a longer one is skipped.
const MaxLine = 64 << 10

// maxWindow bounds the memory that unpacking a .zst or .xz file may ask for, in octets.
const maxWindow = 64 << 20

// File is an old log.
type File struct {
	Path    string
	Changed time.Time // the time of its last line, about: stamps without a year are placed by it
	Size    int64     // octets on disk
	Since   time.Time // of a journal: what is older is left out; zero: nothing
}

// Find returns the files that paths name, the oldest first. A directory stands for the mail logs in it (mail.log,
// maillog, mail.info, syslog and what was rotated from them), "journal" for journald's (see Journal).
func Find(paths ...string) ([]File, error) {
	var files []File
	for _, path := range paths {
		if _, is := Journal(path); is {
			files = append(files, File{Path: path, Changed: time.Now()})
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("find old logs: %w", err)
		}
		if !info.IsDir() {
			files = append(files, File{Path: path, Changed: info.ModTime(), Size: info.Size()})
			continue
		}
		inside, err := findIn(path)
		if err != nil {
			return nil, fmt.Errorf("find old logs: %w", err)
		}
		if len(inside) == 0 {
			return nil, fmt.Errorf("find old logs: %s holds no mail log (mail.log, maillog, syslog, or rotated ones): name the files", path)
		}
		files = append(files, inside...)
	}
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Or(a.Changed.Compare(b.Changed), cmp.Compare(a.Path, b.Path)) })
	return slices.CompactFunc(files, func(a, b File) bool { return a.Path == b.Path }), nil
}

func findIn(dir string) ([]File, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range names {
		if !isMailLog(name.Name()) {
			continue
		}
		if info, err := name.Info(); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			files = append(files, File{Path: filepath.Join(dir, name.Name()), Changed: info.ModTime(), Size: info.Size()})
		}
	}
	return files, nil
}

func isMailLog(name string) bool {
	for _, base := range []string{"mail.log", "maillog", "mail.info", "syslog"} {
		if rest, ok := strings.CutPrefix(name, base); ok && (rest == "" || rest[0] == '.' || rest[0] == '-') {
			return true
		}
	}
	return false
}

// Lines reads a file to its end. packed counts the octets that were read from the disk, for a progress bar; it may be
// nil. The line is valid until each returns.
func (f *File) Lines(ctx context.Context, packed func(int), each func(line []byte) error) error {
	if dir, is := Journal(f.Path); is {
		return f.readJournal(ctx, dir, each)
	}
	file, err := os.Open(f.Path)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("read old log: %w (root or the group adm may)", err)
	}
	if err != nil {
		return fmt.Errorf("read old log: %w", err)
	}
	defer file.Close()
	if err := Lines(ctx, counter{file, packed}, filepath.Ext(f.Path), each); err != nil {
		return fmt.Errorf("read old log %s: %w", f.Path, err)
	}
	return nil
}

// Lines reads from r, which is packed as the extension says (".gz", ".xz", …; others: plain).
func Lines(ctx context.Context, r io.Reader, extension string, each func(line []byte) error) error {
	text, done, err := Unpack(r, extension)
	if err != nil {
		return err
	}
	defer done()
	in := bufio.NewReaderSize(text, MaxLine)
	for n, long := 0, false; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := in.ReadSlice('\n')
		if full := errors.Is(err, bufio.ErrBufferFull); full || err == nil || err == io.EOF {
			if !long && len(line) > 0 {
				if failed := each(bytes.TrimRight(line, "\r\n")); failed != nil {
					return failed
				}
			}
			long = full
			if err == io.EOF {
				return nil
			}
			continue
		}
		return err
	}
}

// Packed reports whether files with an extension (".gz") are read as compressed ones.
func Packed(extension string) bool {
	switch extension {
	case ".gz", ".bz2", ".xz", ".zst":
		return true
	}
	return false
}

// Unpack returns the text of r, which is packed as the extension says; one that is not Packed is plain. done is called
// when no more is read.
func Unpack(r io.Reader, extension string) (text io.Reader, done func(), err error) {
	nothing := func() {}
	switch extension {
	case ".gz":
		z, err := gzip.NewReader(r)
		return z, nothing, err
	case ".bz2":
		return bzip2.NewReader(r), nothing, nil
	case ".xz":
		z, err := xz.ReaderConfig{DictCap: maxWindow}.NewReader(bufio.NewReaderSize(r, 64<<10))
		return z, nothing, err
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nothing, err
		}
		return z, z.Close, nil
	}
	return r, nothing, nil
}

type counter struct {
	r     io.Reader
	count func(int)
}

func (c counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.count != nil {
		c.count(n)
	}
	return n, err
}
