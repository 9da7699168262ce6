package probe

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzReply holds what is true of every connection: replies are bounded and printable, and reading comes to an end.
func FuzzReply(f *testing.F) {
	for _, text := range []string{"220 mx.example.org ESMTP\r\n", "250-mx\r\n250-AUTH PLAIN\r\n250-SIZE 1\r\n250 AUTH=LOGIN\r\n", "220\r\n", "220-a\n250 b\n",
		"HTTP/1.1 400\r\n", "220 \x1b[2J\x00\xff\r\n", "550 5.7.1 no\r\n", "999 x\r\n", strings.Repeat("220-x\r\n", 101)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		r := newReader(bytes.NewReader(sent))
		for n := 0; ; n++ {
			reply, err := r.reply()
			if err != nil {
				if p := problem(Greeting, err); p.Fault == 0 || p.Fault == Local {
					t.Errorf("%v", p)
				}
				return
			}
			if n > maxTotal || reply.Code < 200 || reply.Code > 599 || len(reply.Lines) == 0 || len(reply.Lines) > maxLines {
				t.Fatalf("%d: %+v", n, reply)
			}
			harmless(t, reply)
			h := hello(reply, true)
			_, _ = h.Size()
			if len(h.Keywords) > maxLines || len(h.Mechanisms()) > maxTotal {
				t.Errorf("%+v", h)
			}
			_ = reply.Enhanced()
		}
	})
}

func harmless(t *testing.T, r Reply) {
	t.Helper()
	for _, line := range r.Lines {
		strange := func(c rune) bool { return !unicode.IsPrint(c) || c == utf8.RuneError }
		if len(line) > maxShown+len("…") || strings.ContainsFunc(line, strange) {
			t.Errorf("shown: %q", line)
		}
	}
}
