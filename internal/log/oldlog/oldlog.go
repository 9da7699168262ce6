// Package oldlog reads log files that are not written any more, or not by us to follow: plain or compressed (gzip,
// bzip2, xz, zstd, lzma), or journald's journal, one line after the other, in bounded memory.
//
// It imports nothing of the house. What is read is text from outside: lines are handed out as they are, at most MaxLine
// octets of each.
package oldlog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// MaxLine bounds a line, in octets; the rest of a longer one is skipped.
const MaxLine = 64 << 10

// stdin is the path that stands for standard input.
const stdin = "-"

// File is an old log.
type File struct {
	Path    string
	Changed time.Time // the time of its last line, about: stamps without a year are placed by it
	Size    int64     // octets on disk
	Timed   bool      // see Merge
	Since   time.Time // of a journal: what is older is left out; zero: nothing

	log, suffix string    // see Rotated
	rotated     bool      // its name says so, and not only seems to
	until       time.Time // its place among the files of other logs
}

// Find returns the files that paths name, the oldest first. A directory stands for the mail log in it (postfix.log,
// mail.log, maillog, mail, mail.info, syslog or messages: the first of these) and what was rotated from that, "journal" for
// journald's (see Journal), "-" for standard input.
func Find(paths ...string) ([]File, error) {
	var files []File
	for _, path := range paths {
		found, err := find(path)
		if err != nil {
			return nil, fmt.Errorf("find old logs: %w", err)
		}
		files = append(files, found...)
	}
	return inOrder(files), nil
}

func find(path string) ([]File, error) {
	if _, is := Journal(path); is || path == stdin {
		return []File{{Path: path, Changed: time.Now(), log: path}}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		f := File{Path: path, Changed: info.ModTime(), Size: info.Size()}
		f.place()
		return []File{f}, nil
	}
	files, err := findIn(path)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no mail log (mail.log, maillog, syslog, or rotated ones): name the files, or the journal where journald keeps it (--journal)", path)
	}
	return files, err
}

// Lines reads a file to its end. packed counts the octets that were read from the disk, for a progress bar; it may be
// nil. The line is valid until each returns.
func (f *File) Lines(ctx context.Context, packed func(int), each func(line []byte) error) error {
	if dir, is := Journal(f.Path); is {
		return f.readJournal(ctx, dir, each)
	}
	if f.Path == stdin {
		if err := Lines(ctx, counter{os.Stdin, packed}, "", each); err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		return nil
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

// Lines reads from r, packed or not (see Unpack for the extension).
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
				if failed := each(unbroken(line)); failed != nil {
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

// unbroken is a line without its line break: bytes.TrimRight makes a set of its characters for each.
func unbroken(line []byte) []byte {
	n := len(line)
	for n > 0 && (line[n-1] == '\n' || line[n-1] == '\r') {
		n--
	}
	return line[:n]
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
