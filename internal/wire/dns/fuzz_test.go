package dns

import (
	"bytes"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// FuzzRead holds what is true of every message: no panic, an outcome, bounds.
func FuzzRead(f *testing.F) {
	for _, lines := range [][]string{{"a. 60 A 192.0.2.1"}, {"a. CNAME b.", "b. CNAME a."}, {`a. TXT "\000\"<b>"`}, {"a. MX 10 b."}} {
		m := new(mdns.Msg)
		m.SetQuestion("a.", mdns.TypeA)
		m.Response, m.Compress = true, true
		for _, line := range lines {
			rr, err := mdns.NewRR(line)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		packed, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, uint16(mdns.TypeA))
	}
	f.Fuzz(func(t *testing.T, packed []byte, kind uint16) {
		m := new(mdns.Msg)
		if len(packed) > 65535 || m.Unpack(packed) != nil {
			return
		}
		q := question{"a.", Type(kind)}
		_ = q.answers(m, m.Id)
		a := read(m, q)
		records := len(a.Addrs) + len(a.Texts) + len(a.Exchangers) + len(a.Names) + len(a.Others)
		if a.Outcome == 0 || a.Outcome > Lying || a.TTL < 0 || a.TTL > maxPositive || records > MaxRecords {
			t.Errorf("%+v", a)
		}
		if a.Outcome != Answered && records > 0 {
			t.Errorf("%s with records", a.Outcome)
		}
		for _, name := range a.Names {
			harmless(t, Show(name))
		}
	})
}

// FuzzResolvConf holds: no panic, at least one server, bounds.
func FuzzResolvConf(f *testing.F) {
	f.Add([]byte("nameserver 192.0.2.1\noptions timeout:3 attempts:2\n"))
	f.Add([]byte("nameserver fe80::1%\x00\noptions timeout:-1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(bytes.NewReader(text))
		if err != nil {
			return
		}
		if len(c.Servers) == 0 || len(c.Servers) > maxServers || c.Timeout < time.Second || c.Timeout > maxTimeout ||
			c.Attempts < 1 || c.Attempts > maxAttempts || len(c.Notes) > 20 {
			t.Errorf("%+v", c)
		}
		for _, note := range c.Notes {
			if strings.ContainsFunc(note, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("note %q", note)
			}
		}
	})
}

// FuzzName holds: what is canonical stays so and can be packed, what is shown is harmless.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a.example", `a\.b.example`, `\256`, `a\`, "..", strings.Repeat("a.", 127)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		harmless(t, Show(name))
		first, ok := Canonical(name)
		if !ok {
			return
		}
		if again, ok := Canonical(first); !ok || again != first {
			t.Errorf("%q: %q, then %q", name, first, again)
		}
		if _, err := new(mdns.Msg).SetQuestion(first, mdns.TypeA).Pack(); err != nil {
			t.Errorf("%q: %v", first, err)
		}
	})
}

func harmless(t *testing.T, shown string) {
	t.Helper()
	if len(shown) > 4*MaxName+3 || strings.ContainsFunc(shown, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>&"'`, r) }) {
		t.Errorf("shown: %q", shown)
	}
}
