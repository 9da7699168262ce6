package dmarc

import (
	"context"
	"strings"
	"testing"

	"postward/internal/wire/dns"
)

// Whatever stands in the records, the domains and the results: a verdict comes, within its bounds, and it is consistent.
func FuzzEvaluate(f *testing.F) {
	f.Add("example.com", "mail.example.com pass", "a.example.com pass,example.com temperror", "v=DMARC1; p=reject; np=none; t=y", "v=DMARC1; p=none; psd=y", "", false)
	f.Add("a.b.c.d.e.f.g.h.example.com,example.org,com,x,y,z", "example.com pass", "B.C.example.com pass,\x00 pass,. pass", "v=DMARC1; p=bad", "v=DMARC1; aspf=s", "silent", true)
	f.Add("", "", "", "", "", "", true)
	f.Fuzz(func(t *testing.T, authors, spf, dkim, own, middle, top string, uncertain bool) {
		m := Mail{Authors: listed(authors), Uncertain: uncertain, MailFrom: identifier(spf)}
		for _, word := range listed(dkim) {
			m.DKIM = append(m.DKIM, identifier(word))
		}
		r := &layered{texts: []string{top, middle, own}}
		consistent(t, &m, Judge(t.Context(), r, m))
		if n := r.asked.Load(); n > MaxQuestions {
			t.Errorf("%d questions", n)
		}
	})
}

func consistent(t *testing.T, m *Mail, v Verdict) {
	passes := len(v.Authors) > 0
	for _, a := range v.Authors {
		passes = passes && a.Result == Pass
		if a.Result == Fail && (!a.Policy.valid() || a.Policy.Strength() > v.Asked.Strength()) {
			t.Errorf("%+v of %+v", a, v)
		}
		if strings.ContainsFunc(a.Domain+a.At+a.SPF.Domain+a.SPF.Result, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("not printable: %+v", a)
		}
	}
	if len(v.Authors) > MaxAuthors || !v.Asked.valid() || v.Result == "" {
		t.Errorf("%+v", v)
	}
	if (v.Result == Pass) != (passes && !m.Uncertain && len(m.Authors) <= MaxAuthors) {
		t.Errorf("%+v passes: %v", v, passes)
	}
	if v.Result != Fail && v.Result != PermError && v.Asked != None {
		t.Errorf("%+v asks for something", v)
	}
}

func listed(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func identifier(s string) Identifier {
	domain, result, _ := strings.Cut(s, " ")
	return Identifier{domain, result}
}

// layered has a text at each name, by how many labels it has; "silent" is silence.
type layered struct {
	world
	texts []string
}

func (l *layered) TXT(ctx context.Context, name string) dns.Answer {
	return l.Lookup(ctx, name, dns.TXT)
}

func (l *layered) Lookup(_ context.Context, name string, _ dns.Type) dns.Answer {
	l.asked.Add(1)
	text := l.texts[min(strings.Count(name, "."), len(l.texts))%len(l.texts)]
	switch {
	case text == silent:
		return dns.Answer{Outcome: dns.Timeout}
	case !strings.HasPrefix(name, "_dmarc.") || text == "":
		return dns.Answer{Outcome: dns.NoName}
	}
	return dns.Answer{Outcome: dns.Answered, Texts: []string{text}}
}
