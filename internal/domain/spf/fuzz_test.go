package spf

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"postward/internal/wire/dns"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"v=spf1 -all", "v=spf1 a/24//64 mx:x.example ip4:192.0.2.0/24 ip6:2001:db8::/32 ?ptr exists:%{ir}.%{l1r+-}._spf.%{d} redirect=a.example exp=b.example x-y=z",
		"V=SPF1 ip4:256.1.1.1 ip6:1::2::3 include: a//129 +", "v=spf1 %%%_%- include:%{s", strings.Repeat("a ", 70_000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := Parse(text)
		if len(r.Terms) > MaxTerms || len(r.Faults) > maxFaults {
			t.Fatalf("%d terms, %d faults", len(r.Terms), len(r.Faults))
		}
		for _, term := range r.Terms {
			if raw(term.Text) {
				t.Errorf("%q", term.Text)
			}
		}
		for _, fault := range r.Faults {
			if raw(fault.Term) || fault.At < 0 || fault.At > len(text) {
				t.Errorf("%+v", fault)
			}
		}
	})
}

func raw(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// A walk over whatever records, each including whatever it likes, ends within its bounds.
func FuzzWalk(f *testing.F) {
	f.Add("v=spf1 include:b.example a mx ptr -all", "v=spf1 include:c.example include:a.example ?all", "v=spf1 redirect=b.example")
	f.Add("v=spf1 include:%{d2}.b.example exists:%{i}.c.example", "v=spf1 a:c.example/0 mx//0", "v=spf1 +all")
	f.Add("v=spf1"+strings.Repeat(" include:b.example", 99), "v=spf1"+strings.Repeat(" include:c.example", 99), "v=spf1"+strings.Repeat(" a:b.example", 99))
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), {}}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		z, err := dns.ParseZone(strings.NewReader("a.example. A 192.0.2.1\nb.example. AAAA 2001:db8::1\nc.example. MX 10 a.example.\n"), ".", "zone")
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{"a.example.": a, "b.example.": b, "c.example.": c}
		tree := Walk(t.Context(), planted{z, texts}, "a.example")
		if tree.Questions > MaxQuestions {
			t.Fatalf("%d questions", tree.Questions)
		}
		for sub := range tree.All() {
			if raw(sub.Text) || raw(sub.Domain) {
				t.Errorf("%q %q", sub.Domain, sub.Text)
			}
		}
		for _, addr := range addrs {
			tree.Result(addr)
		}
	})
}

// planted is a zone with texts that a zone file could not hold.
type planted struct {
	dns.Resolver
	texts map[string]string
}

func (p planted) TXT(ctx context.Context, name string) dns.Answer {
	if text, is := p.texts[name]; is {
		return dns.Answer{Outcome: dns.Answered, Texts: []string{text}}
	}
	return p.Resolver.TXT(ctx, name)
}
