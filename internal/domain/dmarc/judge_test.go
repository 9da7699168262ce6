package dmarc

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postward/internal/wire/dns"
)

// late answers each question after a while, as a resolver does that looks at its context. What it would say is in the world.
type late struct {
	*world
	after map[string]time.Duration // by name; any other name: usual
	usual time.Duration
}

func (l *late) TXT(ctx context.Context, name string) dns.Answer {
	return l.Lookup(ctx, name, dns.TXT)
}

func (l *late) Lookup(ctx context.Context, name string, t dns.Type) dns.Answer {
	wait, is := l.after[name]
	if !is {
		wait = l.usual
	}
	select {
	case <-ctx.Done():
		return dns.Answer{Outcome: dns.Timeout}
	case <-time.After(wait):
		return l.world.Lookup(ctx, name, t)
	}
}

func TestAMailCostsTwoAnswersTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &late{world: newWorld(t, strings.Split(strings.TrimSpace(record("example.com", "p=none; np=reject")), "\n")), usual: 50 * time.Millisecond}
		m := Mail{Authors: []string{"a.b.c.d.e.f.g.h.i.example.com", "example.com"}, MailFrom: Identifier{"bounce.example.com", "pass"}, DKIM: []Identifier{{"x.y.example.com", "pass"}, {"example.net", "pass"}}}
		began := time.Now()
		if v := Judge(t.Context(), r, m); v.Result != Pass {
			t.Errorf("%+v", v)
		}
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

// A deadline that ends any of the look-ups is temperror, or what holds without it; it is never a fail of what passes.
func TestADeadlineIsNeverAFail(t *testing.T) {
	zoned := strings.Split(strings.TrimSpace(record("example.com", "p=reject; np=none")+record("com", "p=none; psd=y")), "\n")
	m := Mail{Authors: []string{"news.example.com"}, MailFrom: Identifier{"bounce.example.com", "pass"}}
	stranger := Mail{Authors: []string{"news.example.com"}, MailFrom: Identifier{"example.net", "pass"}}
	for _, name := range []string{"_dmarc.news.example.com", "_dmarc.example.com", "_dmarc.com", "_dmarc.bounce.example.com", "news.example.com"} {
		synctest.Test(t, func(t *testing.T) {
			r := &late{world: newWorld(t, zoned), after: map[string]time.Duration{name: time.Hour}}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			began := time.Now()
			v, w := Judge(ctx, r, m), Judge(ctx, r, stranger)
			if v.Result != TempError && !(v.Result == Pass && name == "news.example.com") || v.Asked != None {
				t.Errorf("%s is late: %+v", name, v)
			}
			if w.Result != TempError && !(w.Result == Fail && name == "_dmarc.bounce.example.com") {
				t.Errorf("%s is late, for a stranger: %+v", name, w)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s is late: it took %s", name, took)
			}
		})
	}
}

func TestIdentifiersAreBounded(t *testing.T) {
	w := newWorld(t, strings.Split(strings.TrimSpace(record("example.com", "p=reject")), "\n"))
	m := Mail{Authors: []string{"x.example.com", "y.example.com", "z.example.com", "example.com", "v.example.com"}}
	for c := 'a'; c < 'q'; c++ {
		m.DKIM = append(m.DKIM, Identifier{string(c) + ".a.b.c.d.e.f.g.h.example.com", "temperror"})
	}
	k := Gather(t.Context(), w, m)
	v := Evaluate(m, k)
	if n := w.asked.Load(); n > MaxQuestions || len(k.Walks) != MaxAuthors+MaxIdentifiers {
		t.Errorf("%d questions for %d walks", n, len(k.Walks))
	}
	if v.Result != TempError || v.Authors[0].DKIM[MaxIdentifiers-1].Is != NotKnown || v.Authors[0].DKIM[MaxIdentifiers].Is != NotLooked || !v.Incomplete {
		t.Errorf("%+v", v)
	}
	for i := range m.DKIM {
		m.DKIM[i].Result = "pass"
	}
	if v := Evaluate(Mail{Authors: m.Authors[:1], DKIM: m.DKIM[MaxIdentifiers:]}, k); v.Result != PermError || v.Authors[0].Why != Unlooked {
		t.Errorf("none that was looked at is aligned, and one that was not could be: %+v", v)
	}
}

// What the walk has shown to exist is not asked for, nor is what no tag depends on.
func TestExistenceIsAskedWhereItMatters(t *testing.T) {
	for zoned, want := range map[string]int{
		record("example.com", "p=none; np=reject"):                                           1,
		record("example.com", "p=none; sp=reject"):                                           0,
		record("example.com", "p=none; np=reject") + "\n_dmarc.a.example.com. A 192.0.2.1":   0,
		record("example.com", "p=none; np=reject") + record("a.example.com", "p=none; np=x"): 0,
	} {
		w := newWorld(t, strings.Split(strings.TrimSpace(zoned), "\n"))
		if k := Gather(t.Context(), w, Mail{Authors: []string{"a.example.com"}}); len(k.Exists) != want {
			t.Errorf("%s: %v", zoned, k.Exists)
		}
	}
}
