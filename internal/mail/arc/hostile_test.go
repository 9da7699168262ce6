package arc

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"postward/internal/mail/canon"
	"postward/internal/wire/dns"
)

// counting counts what a resolver is asked for.
type counting struct {
	Resolver
	asked atomic.Int32
}

func (c *counting) TXT(ctx context.Context, name string) dns.Answer {
	c.asked.Add(1)
	return c.Resolver.TXT(ctx, name)
}

// allocated is how many octets f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileHeadersCostLittle: nobody is asked, no body is hashed, and little memory is taken, whatever is in the header.
func TestHostileHeadersCostLittle(t *testing.T) {
	good := newMaking(t)
	good.seal(hop{})
	like := func(n int, f canon.Field) []canon.Field {
		return slices.Concat(good.header, slices.Repeat([]canon.Field{f}, n))
	}
	field := func(value string) canon.Field { return canon.Field{Name: "ARC-Seal", Value: value} }
	numbered := slices.Clone(good.header)
	for n := range 10000 {
		numbered = append(numbered, field(fmt.Sprintf(" i=%d; cv=pass", n)))
	}
	for name, c := range map[string]struct {
		header []canon.Field
		want   Reason
	}{
		"ten thousand of one instance":    {like(10000, good.header[0]), TooMany},
		"ten thousand without":            {like(10000, field(" x")), TooMany},
		"ten thousand with numbers":       {numbered, TooMany},
		"a field of a megabyte":           {like(1, field(" i=1; "+strings.Repeat("a=b; ", 200000))), TooLarge},
		"a comment of a megabyte":         {like(1, field(strings.Repeat("(", 1<<20))), TooLarge},
		"a field of 64 KiB of tags":       {like(1, field(" i=2; "+strings.Repeat("a=b;", 16000))), Missing},
		"a field of 64 KiB of comments":   {like(1, field(strings.Repeat("()", 32000)+"i=2;")), Missing},
		"a field of 64 KiB of brackets":   {like(1, field(strings.Repeat("(", 64000))), NoInstance},
		"a field of 64 KiB of semicolons": {like(1, field("i=2"+strings.Repeat(";", 64000))), Missing},
		"a header of two megabytes":       {append(slices.Repeat([]canon.Field{{Name: "X", Value: strings.Repeat("x", 1000)}}, 2000), good.header...), TooLarge},
		"an instance of twelve digits":    {like(1, field(" i=999999999999; cv=pass")), TooMany},
		"an instance of a megabyte":       {like(1, field(" i="+strings.Repeat("9", 60000)+"; cv=pass")), TooMany},
		"one instance twice":              {like(1, field(" i=1; cv=pass")), Twice},
	} {
		r := &counting{Resolver: zoneFor(t, good)}
		var got Result
		octets := allocated(func() {
			chain := Read(c.header)
			if forms := chain.Forms(); forms != nil {
				t.Errorf("%s: the body is hashed in %v", name, forms)
			}
			got = chain.Validate(context.Background(), r, canon.NewBody(), now)
		})
		if got.Status != Fail || got.Reason != c.want || r.asked.Load() != 0 || octets > 1<<20 {
			t.Errorf("%s: %s, want %q; %d questions, %d octets", name, got, c.want, r.asked.Load(), octets)
		}
	}
}

// TestNobodyIsAskedForNothing: the newest set's keys first, then a few at a time, each once; what fails ends it (RFC 8617
// section 9.2).
func TestNobodyIsAskedForNothing(t *testing.T) {
	chain := func(do func(*making), each bool) int32 {
		m := newMaking(t)
		for n := range 50 {
			h := hop{key: "ed25519", domain: "one.example"}
			if each {
				h.domain = fmt.Sprintf("d%d.example", n+1)
			}
			m.seal(h)
		}
		do(m)
		r := &counting{Resolver: zoneFor(t, m)}
		validated(t, m.header, m.body, r)
		return r.asked.Load()
	}
	for name, c := range map[string]struct{ got, want int32 }{
		"a body that was changed":    {chain((*making).footer, true), 0},
		"a newest signature":         {chain(func(m *making) { m.change("Subject", 0, "a", "b") }, true), 1},
		"a newest seal":              {chain(func(m *making) { m.harm("ARC-Seal", 50) }, true), 1},
		"a key of the one before it": {chain(func(m *making) { m.zone["arc._domainkey.d49.example"] = nil }, true), 1 + atOnce},
		"the first key":              {chain(func(m *making) { m.zone["arc._domainkey.d1.example"] = nil }, true), 50},
		"nothing":                    {chain(func(*making) {}, true), 50},
		"nothing, of one sealer":     {chain(func(*making) {}, false), 1},
	} {
		if c.got != c.want {
			t.Errorf("broken: %s: %d questions, want %d", name, c.got, c.want)
		}
	}
}

// TestKeysAreAskedForUntilTheDeadline: a resolver that says nothing is a TempError, when the context ends.
func TestKeysAreAskedForUntilTheDeadline(t *testing.T) {
	m := newMaking(t)
	m.seals(3, hop{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := Read(m.header)
	if got := c.Validate(ctx, silent{}, hashed(m.body, c.Forms()...), now); got.Status != TempError || got.Reason != NotAsked {
		t.Errorf("%s", got)
	}
}

type silent struct{}

func (silent) TXT(ctx context.Context, _ string) dns.Answer {
	<-ctx.Done()
	return dns.Answer{Outcome: dns.Timeout}
}

// TestChainsOfAnotherTime: real mails, with what the DNS said on their day, as dinosaure/blaze keeps them.
func TestChainsOfAnotherTime(t *testing.T) {
	dir := os.Getenv("POSTWARD_DATA")
	if dir == "" {
		t.Skip("POSTWARD_DATA names no directory with mail of others")
	}
	dir += "/suite-blaze"
	for file, want := range map[string]string{
		"001": "none",
		"002": "pass, oldest-pass=0, by google.com",
		"003": "none",
		"004": "pass, oldest-pass=0, by google.com",
	} {
		text, err := os.ReadFile(dir + "/" + file + ".mail")
		if err != nil {
			t.Fatal(err)
		}
		header, body := parseMail(strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n", "\r\n"))
		if got := shown(validated(t, header, body, cached(dir+"/cache/"))); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

// cached answers from files, one a name.
type cached string

func (dir cached) TXT(_ context.Context, name string) dns.Answer {
	text, err := os.ReadFile(string(dir) + name + ".dns")
	if err != nil {
		return dns.Answer{Outcome: dns.NoName}
	}
	a := dns.Answer{Outcome: dns.Answered}
	for line := range strings.Lines(string(text)) {
		if record, is := strings.CutPrefix(strings.TrimSpace(line), "txt:"); is {
			a.Texts = append(a.Texts, record)
		}
	}
	return a
}

// FuzzChain: a chain passes only with the header and the body that its sealers saw.
func FuzzChain(f *testing.F) {
	m := newMaking(&testing.T{})
	bodies := map[int]string{0: ""}
	for n := range 3 {
		m.seal(hop{key: "ed25519"})
		bodies[n+1] = canonicalBody(true, m.body)
		f.Add(m.mail())
		m.footer()
	}
	zone := zoneFor(f, m)
	for n, c := range suite {
		if text, err := os.ReadFile(c.file(n) + ".mail"); err == nil && strings.HasPrefix(c.name, "instance-") {
			f.Add(string(text))
		}
	}
	s, err := NewSealer("sealer.example", "ed25519", privateKey(f, "ed25519"))
	if err != nil {
		f.Fatal(err)
	}
	from, subject := canonical(true, m.header[m.find("From", 0)]), canonical(true, m.header[m.find("Subject", 0)])
	f.Fuzz(func(t *testing.T, text string) {
		header, body := parseMail(text)
		got := validated(t, header, body, zone)
		if c := Read(header); got.Status != Pass {
			if set, err := s.Seal(c, header, got, found, hashed(body, s.Forms()...), now); err == nil && c.present && !strings.Contains(set[0].Value, "cv=fail") {
				t.Errorf("a broken chain is sealed as %q", set[0].Value)
			}
			return
		}
		lowest := func(name string) string {
			i := len(header) - 1
			for i >= 0 && !header[i].Is(name) {
				i--
			}
			return canonical(true, canon.Field{Name: name, Value: header[max(i, 0)].Value})
		}
		if canonicalBody(true, body) != bodies[len(got.Seals)] || lowest("From") != from || lowest("Subject") != subject {
			t.Errorf("%s: with another mail than was sealed", shown(got))
		}
	})
}

func BenchmarkChain(b *testing.B) {
	for _, n := range []int{1, 3, 50} {
		for _, key := range []string{"rsa2048", "ed25519"} {
			m := newMaking(&testing.T{})
			m.seals(n, hop{key: key})
			zone := zoneFor(b, m)
			b.Run(fmt.Sprintf("%d-%s", n, key), func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					if got := validated(b, m.header, m.body, zone); got.Status != Pass {
						b.Fatal(got)
					}
				}
			})
		}
	}
}
