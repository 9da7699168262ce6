package dkim

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// TestHostileHeadersCostLittle: few questions, little memory, whatever is in the header.
func TestHostileHeadersCostLittle(t *testing.T) {
	good := newMaking(t)
	good.sign(sig{key: "ed25519"})
	field := func(value string) canon.Field { return canon.Field{Name: "DKIM-Signature", Value: value} }
	above := func(all ...canon.Field) []canon.Field { return slices.Concat(all, good.header) }
	like := func(n int, f canon.Field) []canon.Field { return above(slices.Repeat([]canon.Field{f}, n)...) }
	tagsOf := func(change, to string) string { return strings.Replace(good.header[0].Value, change, to, 1) }
	domains := make([]canon.Field, 10000)
	for n := range domains {
		domains[n] = field(tagsOf("d=author", fmt.Sprintf("d=author%d", n)))
	}
	for name, c := range map[string]struct {
		header []canon.Field
		want   Reason // of the topmost; empty: it passes
		len    int
		asked  int32
		octets uint64
	}{
		"ten thousand of one domain":      {like(10000, good.header[0]), TooLarge, MaxSignatures, 0, 1 << 20},
		"two thousand of one domain":      {like(2000, good.header[0]), "", MaxSignatures, 1, 1 << 20},
		"ten thousand of other domains":   {domains, TooLarge, MaxSignatures, 0, 1 << 20},
		"two thousand of other domains":   {domains[:2000], NoKey, MaxSignatures, MaxSignatures, 1 << 20},
		"ten thousand without tags":       {like(10000, field(" x")), BadTags, MaxSignatures, 0, 1 << 20},
		"ten thousand empty":              {like(10000, field("")), BadTags, MaxSignatures, 0, 1 << 20},
		"a field of a megabyte":           {like(1, field(strings.Repeat("a=b; ", 200000))), TooLarge, 2, 1, 1 << 20},
		"64 KiB of tags":                  {like(1, field(strings.Repeat("a=b;", 16000))), BadTags, 2, 1, 1 << 20},
		"64 KiB of semicolons":            {like(1, field(strings.Repeat(";", 64000))), BadTags, 2, 1, 1 << 20},
		"64 KiB of blanks":                {like(1, field(strings.Repeat(" ", 64000))), BadTags, 2, 1, 1 << 20},
		"64 KiB of b=":                    {like(1, field(tagsOf("; b=", "; b="+strings.Repeat("AAAA", 15000)))), Changed, 2, 1, 1 << 20},
		"64 KiB of i=":                    {like(1, field(tagsOf("; b=", "; i="+strings.Repeat("=41", 20000)+"@author.example; b="))), NotBelow, 2, 1, 1 << 20},
		"64 KiB of d=":                    {like(1, field(tagsOf("d=author", "d="+strings.Repeat("a.", 30000)+"author"))), NoDomain, 2, 1, 1 << 20},
		"thirty thousand names":           {like(1, field(tagsOf("h=from:", "h=from"+strings.Repeat(":x", 30000)+":"))), Changed, 2, 1, 4 << 20},
		"thirty thousand of one name":     {like(1, field(tagsOf("h=from:", "h="+strings.Repeat("to:", 20000)+"from:"))), Changed, 2, 1, 4 << 20},
		"eight with ten thousand names":   {like(8, field(tagsOf("h=from:", "h=from"+strings.Repeat(":x", 10000)+":"))), Changed, 8, 1, 16 << 20},
		"a header of two megabytes":       {append(slices.Clone(good.header), slices.Repeat([]canon.Field{{Name: "X", Value: strings.Repeat("x", 1000)}}, 2000)...), TooLarge, 1, 0, 1 << 20},
		"a hundred thousand small fields": {append(slices.Clone(good.header), slices.Repeat([]canon.Field{{Name: "X", Value: "x"}}, 100000)...), "", 1, 1, 4 << 20},
		"a field of a megabyte beside":    {append(slices.Clone(good.header), canon.Field{Name: "X", Value: strings.Repeat("x", 1<<20)}), TooLarge, 1, 0, 1 << 20},
	} {
		r := &counting{Resolver: parseZone(t, good.dns())}
		var got []Result
		octets := allocated(func() { got = verified(c.header, good.body, r) })
		if len(got) != c.len || got[0].Reason != c.want || r.asked.Load() != c.asked || octets > c.octets {
			t.Errorf("%s: %d results, %s, want %q; %d questions, %d octets", name, len(got), got[0], c.want, r.asked.Load(), octets)
		}
	}
}

// TestWorkGrowsWithTheHeader: twice as many fields and names take about twice as long, not four times.
func TestWorkGrowsWithTheHeader(t *testing.T) {
	cost := func(n int) uint64 {
		m := newMaking(t)
		for i := range n {
			m.header = append(m.header, canon.Field{Name: fmt.Sprintf("X%d", i%100), Value: " x"})
		}
		var covers []string
		for i := range n {
			covers = append(covers, fmt.Sprintf("x%d", i%100))
		}
		s := Signature{Header: canon.Relaxed, Covers: covers}
		return allocated(func() { s.Digest(m.header, &m.header[0], 0) })
	}
	if small, large := cost(2000), cost(8000); large > 8*small {
		t.Errorf("%d octets for 2000 fields and names, %d for 8000", small, large)
	}
}

// TestNoBodyIsHashedForNothing: when no signature can hold whatever the body is.
func TestNoBodyIsHashedForNothing(t *testing.T) {
	for _, tags := range [][]string{{"l=1"}, {"a=rsa-sha1"}, {"v=2"}, {"bh"}, {"i=@other.example"}} {
		m := newMaking(t)
		m.sign(sig{tags: tags})
		if forms := Read(m.header).Forms(); len(forms) != 0 {
			t.Errorf("%q: the body is hashed in %v", tags, forms)
		}
	}
	m := newMaking(t)
	signed(sig{tags: []string{"c=simple/simple"}}, sig{})(m)
	if forms := Read(m.header).Forms(); !slices.Equal(forms, []canon.Form{canon.Relaxed, canon.Simple}) {
		t.Errorf("the body is hashed in %v", forms)
	}
	if s := Read(fields("Subject: x")); s.Len() != 0 || s.Forms() != nil || verified(s.header, "x", silent{}) != nil {
		t.Error("something is made of a mail that nobody signed")
	}
}

type silent struct{}

func (silent) TXT(ctx context.Context, _ string) dns.Answer {
	<-ctx.Done()
	return dns.Answer{Outcome: dns.Timeout}
}

// TestKeysAreAskedForUntilTheDeadline: by the context of either call; what does not answer is TempError.
func TestKeysAreAskedForUntilTheDeadline(t *testing.T) {
	m := newMaking(t)
	signed(sig{}, sig{selector: "s2"})(m)
	for name, end := range map[string]func(ask, verify context.CancelFunc){
		"Ask":    func(ask, _ context.CancelFunc) { ask() },
		"Verify": func(_, verify context.CancelFunc) { verify() },
	} {
		ask, endAsk := context.WithCancel(context.Background())
		verify, endVerify := context.WithCancel(context.Background())
		s := Read(m.header)
		asked := s.Ask(ask, silent{})
		end(endAsk, endVerify)
		for _, r := range s.Verify(verify, asked, hashed(m.body, s.Forms()...), now) {
			if r.Status != TempError || r.Reason != NotAsked {
				t.Errorf("the context of %s ended: %s", name, r)
			}
		}
		endAsk()
		endVerify()
	}
}

// TestWhoAsksForNothingHasNoFact: a mail whose keys nobody asked for, or those of another mail.
func TestWhoAsksForNothingHasNoFact(t *testing.T) {
	m := newMaking(t)
	m.sign(sig{})
	s := Read(m.header)
	other := Read(nil).Ask(context.Background(), parseZone(t, m.dns()))
	for _, asked := range []*Asked{nil, other} {
		if got := s.Verify(context.Background(), asked, hashed(m.body, s.Forms()...), now); got[0].Reason != NotAsked {
			t.Errorf("%s", got[0])
		}
	}
}

// TestKeysAreAskedForAtOnce: the second question does not wait for the first answer.
func TestKeysAreAskedForAtOnce(t *testing.T) {
	m := newMaking(t)
	signed(sig{}, sig{selector: "s2"}, sig{selector: "s3"}, sig{})(m)
	var all sync.WaitGroup
	all.Add(3)
	s := Read(m.header)
	asked := s.Ask(context.Background(), meeting{parseZone(t, m.dns()), &all})
	if got := shown(s.Verify(context.Background(), asked, hashed(m.body, s.Forms()...), now)); strings.Count(got, "pass") != 4 {
		t.Errorf("%s", got)
	}
}

// meeting answers when all have asked.
type meeting struct {
	Resolver
	all *sync.WaitGroup
}

func (m meeting) TXT(ctx context.Context, name string) dns.Answer {
	m.all.Done()
	m.all.Wait()
	return m.Resolver.TXT(ctx, name)
}

// TestAMailThatIsNotVerifiedLeavesNobodyAsking: Stop ends what Ask began, and waits for it.
func TestAMailThatIsNotVerifiedLeavesNobodyAsking(t *testing.T) {
	m := newMaking(t)
	m.sign(sig{})
	ended := make(chan struct{})
	Read(m.header).Ask(context.Background(), ending(ended)).Stop()
	select {
	case <-ended:
	default:
		t.Error("somebody asks on")
	}
}

// ending says when asking has ended.
type ending chan struct{}

func (l ending) TXT(ctx context.Context, _ string) dns.Answer {
	<-ctx.Done()
	close(l)
	return dns.Answer{Outcome: dns.Timeout}
}

// FuzzVerify: a signature passes only with the fields and the body that its signer saw.
func FuzzVerify(f *testing.F) {
	m := newMaking(f)
	m.sign(sig{key: "ed25519"})
	f.Add(m.mail())
	zone := parseZone(f, m.dns())
	for n := range suite {
		if text, err := os.ReadFile(suite[n].file(n) + ".mail"); err == nil && len(text) < 5000 {
			f.Add(string(text))
		}
	}
	names := []string{"From", "To", "Subject", "Date", "Message-ID"}
	want := lowest(m.header, names)
	body := canonicalBody(true, m.body)
	f.Fuzz(func(t *testing.T, text string) {
		header, b := parseMail(text)
		for _, r := range verified(header, b, zone) {
			if r.Status == Pass && (r.Domain != "author.example" || canonicalBody(true, b) != body || !slices.Equal(lowest(header, names), want)) {
				t.Errorf("%+v: with another mail than was signed", r)
			}
		}
	})
}

// lowest are the lowest fields of some names.
func lowest(header []canon.Field, names []string) (all []string) {
	for _, name := range names {
		text := ""
		for _, f := range header {
			if f.Is(name) {
				text = canonical(true, canon.Field{Name: name, Value: f.Value})
			}
		}
		all = append(all, text)
	}
	return all
}

// FuzzRead: whatever stands in the fields is read within bounds; each result can be said in a field of ours; what is signed
// by us on top of it passes.
func FuzzRead(f *testing.F) {
	m := newMaking(f)
	m.sign(sig{key: "ed25519"})
	f.Add(m.header[0].Name, m.header[0].Value, "From", " x@y.example")
	f.Add("DKIM-Signature ", " v=1; a=rsa-sha256; h=from\r\n :x; bh=AAAA; b=\r", "dkim-signature", "i==0D@")
	s, err := NewSigner("author.example", "s", privateKey(f, "ed25519"))
	if err != nil {
		f.Fatal(err)
	}
	zone := parseZone(f, m.dns())
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		header := []canon.Field{{Name: name1, Value: value1}, {Name: name2, Value: value2}, {Name: name1, Value: value2}}
		for _, r := range verified(header, "", zone) {
			for _, word := range []string{r.Domain, r.Selector, r.Algorithm, r.Sum, r.AUID, r.String()} {
				if strings.ContainsFunc(word, func(c rune) bool { return c < ' ' || c == 0x7f }) {
					t.Errorf("%q", word)
				}
			}
			if (r.Status == Pass) != (r.Reason == "") || r.Status == None {
				t.Errorf("%+v", r)
			}
		}
		field, err := s.Sign(header, hashed("x", SignedForms()...), now)
		if err != nil {
			return
		}
		if got := verified(append([]canon.Field{field}, header...), "x", zone)[0]; got.Status != Pass {
			t.Errorf("we do not verify our own signature: %s", got)
		}
	})
}

// FuzzKey: a record is read for one type of keys only, and a key has a length that is taken.
func FuzzKey(f *testing.F) {
	for _, text := range []string{record(f, "rsa2048"), record(f, "ed25519"), "v=DKIM1; h=sha256; s=*; t=y:s; p=" + bare(f), "p=", "v=DKIM1; k=rsa; p=AAAA", "k=ed25519;p= A\r\n"} {
		f.Add(text)
	}
	m := newMaking(f)
	m.sign(sig{})
	one := Read(m.header).all[0]
	f.Fuzz(func(t *testing.T, text string) {
		taken := 0
		for _, kind := range []string{"rsa", "ed25519"} {
			k, why := readKey(text, kind)
			if why != "" {
				continue
			}
			taken++
			if k.public == nil || kind == "rsa" && (k.bits < minBits || k.bits > maxBits) || kind == "ed25519" && k.bits != 256 {
				t.Errorf("%s: %+v", kind, k)
			}
			k.matches(&one.Signature, make([]byte, 32))
		}
		if taken > 1 {
			t.Errorf("%q is a key of two types", text)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, key := range []string{"rsa2048", "ed25519"} {
		m := newMaking(b)
		m.body = strings.Repeat("Hello, this is a line of a mail.\r\n", 60)
		m.sign(sig{key: key})
		zone := parseZone(b, m.dns())
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if got := verified(m.header, m.body, zone); got[0].Status != Pass {
					b.Fatal(got)
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	for _, key := range []string{"rsa2048", "ed25519"} {
		m := newMaking(b)
		m.body = strings.Repeat("Hello, this is a line of a mail.\r\n", 60)
		s, err := NewSigner("author.example", "s", privateKey(b, key))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := s.Sign(m.header, hashed(m.body, SignedForms()...), time.Unix(0, 0)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
