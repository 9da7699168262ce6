package proof

import (
	"bytes"
	"strings"
	"testing"
)

func TestALineIsBrokenAsPostfixBreaksIt(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"},
		{x(10) + "\r\n", x(10) + "\r\n"},
		{x(11) + "\r\n", x(10) + "\r\n x\r\n"},
		{x(19) + "\r\n", x(10) + "\r\n " + x(9) + "\r\n"},
		{x(20) + "\r\n", x(10) + "\r\n " + x(9) + "\r\n x\r\n"},
		{x(25), x(10) + "\r\n " + x(9) + "\r\n " + x(6)},
		{"a\rb\r\n", "a\rb\r\n"},
		{x(10) + "\r", x(10) + "\r\n \r"},
		{x(9) + "\r\r\n", x(9) + "\r\r\n"},
		{x(10) + "\n", x(10) + "\r\n \n"},
	} {
		for size := 1; size <= len(c.in)+1; size++ {
			var got bytes.Buffer
			f := newFolded(&got, 10)
			for p := []byte(c.in); len(p) > 0; p = p[min(size, len(p)):] {
				f.Write(p[:min(size, len(p))])
			}
			f.Close()
			if got.String() != c.want {
				t.Errorf("%q in pieces of %d: %q, want %q", c.in, size, got.String(), c.want)
				break
			}
		}
	}
	var got bytes.Buffer
	f := newFolded(&got, 0)
	f.Write([]byte(x(5000) + "\r\n"))
	f.Close()
	if got.String() != x(5000)+"\r\n" {
		t.Error("a line is broken where no limit is set")
	}
}
