package oldlog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// packed writes a text as a file of each kind.
func packed(t *testing.T, dir, text string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for extension, open := range map[string]func(io.Writer) (io.WriteCloser, error){
		"":      func(w io.Writer) (io.WriteCloser, error) { return nopCloser{w}, nil },
		".gz":   func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		".xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		".lzma": func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) },
		".zst":  func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	} {
		var b bytes.Buffer
		w, err := open(&b)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		files[extension] = filepath.Join(dir, "mail.log.1"+extension)
		if err := os.WriteFile(files[extension], b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func read(t *testing.T, path string) (lines []string) {
	t.Helper()
	f := File{Path: path}
	if err := f.Lines(t.Context(), nil, func(line []byte) error { lines = append(lines, string(line)); return nil }); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestEveryLineOfEveryKindOfFile(t *testing.T) {
	long := strings.Repeat("x", 3*MaxLine)
	for extension, path := range packed(t, t.TempDir(), "one\r\n"+long+"\ntwo\n\nthree") {
		if got := strings.Join(read(t, path), "|"); got != "one|"+long[:MaxLine]+"|two||three" {
			t.Errorf("%q: %d octets: %.80q", extension, len(got), got)
		}
	}
}

func TestDamagedFilesAreSaid(t *testing.T) {
	for extension, path := range packed(t, t.TempDir(), strings.Repeat("a line of a log\n", 1000)) {
		if extension == "" {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, broken := range [][]byte{b[:len(b)/2], append([]byte("junk"), b...), nil} {
			if err := os.WriteFile(path, broken, 0o644); err != nil {
				t.Fatal(err)
			}
			f := File{Path: path}
			err := f.Lines(t.Context(), nil, func([]byte) error { return nil })
			if len(broken) > 0 && err == nil {
				t.Errorf("%s: %d octets of nonsense are read without a word", extension, len(broken))
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v does not name the file", extension, err)
			}
		}
	}
}

func TestDirectoryStandsForItsMailLogs(t *testing.T) {
	dir := t.TempDir()
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i, name := range []string{"mail.log.2.gz", "mail.log.1", "mail.log", "auth.log", "mail.log-not", "mailman.log"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, begin, begin.AddDate(0, 0, i)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Find(dir, filepath.Join(dir, "mail.log"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.Path))
	}
	if got := strings.Join(names, " "); got != "mail.log.2.gz mail.log.1 mail.log" {
		t.Error(got)
	}
	if _, err := Find(t.TempDir()); err == nil || !strings.Contains(err.Error(), "name the files") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := Find(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a file that is not there is found")
	}
}

func FuzzUnpack(f *testing.F) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte("one\ntwo\n"))
	w.Close()
	f.Add(".gz", z.Bytes())
	f.Add(".xz", []byte("\xfd7zXZ\x00"))
	f.Add("", xzFile(f, "one\ntwo\n", 12))
	f.Add(".zst", []byte("\x28\xb5\x2f\xfd"))
	f.Add(".bz2", []byte("BZh9"))
	f.Fuzz(func(t *testing.T, extension string, b []byte) {
		n := 0
		Lines(t.Context(), bytes.NewReader(b), extension, func(line []byte) error { // an error is as good
			if len(line) > MaxLine {
				t.Fatalf("a line of %d octets", len(line))
			}
			if n++; n > 100_000 {
				return io.EOF
			}
			return nil
		})
	})
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":"one","SYSLOG_IDENTIFIER":"postfix/qmgr","_PID":"7","_UID":"0"}` + "\n"))
	f.Add([]byte(`{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1","MESSAGE":[104,10,255],"_UID":["1000","1"],"N_DROPPED":null}` + "\n{\n"))
	f.Add([]byte(`{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"-9223372036854775808","MESSAGE":[[1],"x"],"MESSAGE_ID":"` + dropped + `","N_DROPPED":"9"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := entries{in: bufio.NewReaderSize(bytes.NewReader(b), maxEntry)}
		n := 0
		if err := in.each(func(e *Entry, _ bool) error {
			n++
			if line := e.AppendLine(nil); bytes.ContainsAny(line[len(line)-len(e.Text):], "\r\n\x00") && len(line) < MaxLine {
				t.Fatalf("%q is more than a line", line)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n > 1+bytes.Count(b, []byte("\n")) {
			t.Fatalf("%d entries", n)
		}
	})
}
