package oldlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// lines reads b to its end.
func lines(t *testing.T, b []byte, extension string) (n int, err error) {
	t.Helper()
	err = Lines(t.Context(), bytes.NewReader(b), extension, func([]byte) error { n++; return nil })
	return n, err
}

func TestPackingIsSeenWhateverTheNameSays(t *testing.T) {
	for extension, path := range packed(t, t.TempDir(), "one\ntwo\n") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := lines(t, b, ""); n != 2 || err != nil {
			t.Errorf("%q without a name: %d lines, %v", extension, n, err)
		}
		if n, err := lines(t, b, ".1"); n != 2 || err != nil {
			t.Errorf("%q as .1: %d lines, %v", extension, n, err)
		}
	}
	for _, c := range []struct{ text, extension, want string }{
		{"\x04\x22\x4d\x18junk\n", "", ".lz4 files cannot be read here"},
		{"\x1f\x9djunk\n", ".Z", ".Z files cannot be read here"},
		{"PK\x03\x04junk\n", "", ".zip files cannot be read here"},
		{"Nov 23 one\n", ".lz4", "does not begin like one"},
		{"Nov 23 one\n", ".gz", "does not begin like one"},
	} {
		if n, err := lines(t, []byte(c.text), c.extension); n != 0 || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %d lines, %v", c.text, n, err)
		}
	}
}

// xzFile packs a text whose block header asks for a dictionary.
func xzFile(t testing.TB, text string, dictionary byte) []byte {
	t.Helper()
	var z bytes.Buffer
	w, err := xz.NewWriter(&z)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	header := z.Bytes()[12 : 12+(int(z.Bytes()[12])+1)*4]
	at := bytes.Index(header, []byte{lzma2, 1}) + 2
	header[at] = dictionary
	binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))
	return z.Bytes()
}

const (
	dictionary4GiB   = 40
	dictionary128MiB = 30
	dictionary192MiB = 31
)

func TestUnpackingIsBoundedInMemory(t *testing.T) {
	good, bomb := xzFile(t, "one\ntwo\n", 12), xzFile(t, "three\n", dictionary4GiB)
	for _, c := range []struct {
		name string
		b    []byte
		n    int
	}{{"at once", bomb, 0}, {"in the second stream", append(append(append([]byte{}, good...), 0, 0, 0, 0), bomb...), 2}, {"just above", xzFile(t, "x\n", dictionary192MiB), 0}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n, err := lines(t, c.b, ".xz")
		runtime.ReadMemStats(&after)
		if n != c.n || !errors.Is(err, errTooLarge) || !strings.Contains(err.Error(), "unpack it first") {
			t.Errorf("%s: %d lines, %v", c.name, n, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > maxWindow {
			t.Errorf("%s: %d MiB were taken", c.name, used>>20)
		}
	}
	if n, err := lines(t, xzFile(t, "one\n", dictionary128MiB), ".xz"); n != 1 || err != nil {
		t.Errorf("within the bound: %d lines, %v", n, err)
	}
	lzma4GiB := append([]byte{0x5d, 0, 0, 0, 0xff}, bytes.Repeat([]byte{0xff}, 8)...)
	if _, err := lines(t, append(lzma4GiB, make([]byte, 20)...), ""); !errors.Is(err, errTooLarge) {
		t.Errorf("lzma: %v", err)
	}
}

// packWith packs a text with a program of this machine.
func packWith(t *testing.T, text string, program string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed: test/setup.sh test does that", program)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(text)
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLongWindowsOfZstd(t *testing.T) {
	text := strings.Repeat("a line of a log\n", 1000)
	for arg, good := range map[string]bool{"--long=27": true, "--long=28": false, "--long=31": false} {
		n, err := lines(t, packWith(t, text, "zstd", "-q", arg), ".zst")
		if good && (n != 1000 || err != nil) || !good && (n != 0 || !errors.Is(err, errTooLarge)) {
			t.Errorf("%s: %d lines, %v", arg, n, err)
		}
	}
}

// Every form of .xz that xz(1) writes passes the guard.
func TestTheGuardKnowsEveryForm(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		text.WriteString(strings.Repeat(string(rune('a'+i%7)), i%61) + "\n")
	}
	noise := make([]byte, 300_000) // stored, not packed
	for i := range noise {
		noise[i] = byte(uint32(i) * 2654435761 >> 13)
	}
	all := text.String() + string(noise) + "\n"
	want := strings.Count(all, "\n")
	for _, args := range []string{"-9", "-0 -C none", "-C crc32", "-C sha256", "-T2 --block-size=20000", "--block-list=1000,3000,5,70000"} {
		b := packWith(t, all, "xz", append(strings.Fields(args), "-c")...)
		if n, err := lines(t, b, ".xz"); n != want || err != nil {
			t.Errorf("%s: %d of %d lines, %v", args, n, want, err)
		}
		for _, at := range []int{13, len(b) / 3, len(b) - 13, len(b) - 1} {
			if _, err := lines(t, b[:at], ".xz"); err == nil {
				t.Errorf("%s: cut at %d of %d, and nothing is said", args, at, len(b))
			}
		}
	}
}
