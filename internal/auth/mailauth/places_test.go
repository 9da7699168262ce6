package mailauth

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

// busy is a resolver that knows how many questions are on their way at once, DMARC's apart.
type busy struct {
	dns.Resolver
	mu         sync.Mutex
	there, top int
}

func (b *busy) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	if !strings.HasPrefix(name, "_dmarc.") {
		b.count(1)
		defer b.count(-1)
	}
	return b.Resolver.Lookup(ctx, name, kind)
}

func (b *busy) count(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.there += n
	b.top = max(b.top, b.there)
}

// greedy is a zone in which all that a mail leads to never answers: ten names of a policy, the names of a client.
func greedy(t testing.TB, mails int) dns.Resolver {
	var text strings.Builder
	for m := range mails {
		for _, policy := range []string{"helo", "from"} {
			fmt.Fprintf(&text, "%s%d.evil.example. IN TXT \"v=spf1", policy, m)
			for i := range 10 {
				fmt.Fprintf(&text, " include:n%d.%s%d.silent.example", i, policy, m)
			}
			text.WriteString(" -all\"\n")
		}
	}
	for i := range 10 {
		fmt.Fprintf(&text, "66.113.0.203.in-addr.arpa. IN PTR n%d.silent.example.\n", i)
	}
	evil, err := dns.ParseZone(strings.NewReader(text.String()), ".", "evil")
	if err != nil {
		t.Fatal(err)
	}
	return silent{either{zone(t), evil}, "silent.example"}
}

// takes is a mail that asks for as much as it can: two policies, and eight keys.
func takes(t testing.TB, n int) *letter {
	l := from(t, "author.example").by(stranger, fmt.Sprintf("helo%d.evil.example", n), fmt.Sprintf("x@from%d.evil.example", n))
	return l.top(many(8, func(i int) string {
		return strings.NewReplacer("d=mallory", fmt.Sprintf("d=k%d-%d.silent", n, i)).Replace(tag(""))
	})...)
}

// TestOneMailAsksLittleAtOnce: eight questions for what its envelope leads to, and eight for its keys.
func TestOneMailAsksLittleAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, c, l := &busy{Resolver: greedy(t, 1)}, house(t), takes(t, 0)
		c.Resolver = asked
		m := c.Begin(t.Context(), l.session)
		synctest.Wait()
		if asked.top > maxOfMail || asked.there < maxAside {
			t.Errorf("%d questions after MAIL, %d at once", asked.there, asked.top)
		}
		m.Header(l.header, false)
		synctest.Wait()
		if asked.top > 2*maxOfMail {
			t.Errorf("%d questions at once", asked.top)
		}
		began := time.Now()
		if r := m.End(now); r.Disposition != Reject || time.Since(began) > DefaultDeadline {
			t.Errorf("%s after %s", r.told(), time.Since(began))
		}
	})
}

// TestOneClientDoesNotStarveTheOthers: however many of its mails ask for names that never answer, all together have so many
// questions on their way, also through copies of the Checker; and DMARC's are asked as if they were not there.
func TestOneClientDoesNotStarveTheOthers(t *testing.T) {
	const mails = 30
	synctest.Test(t, func(t *testing.T) {
		asked, c := &busy{Resolver: greedy(t, mails)}, house(t)
		c.Resolver, c.Places = asked, NewPlaces()
		var all []*Mail
		for n := range mails {
			l, copied := takes(t, n), *c
			copied.Seals = true
			m := copied.Begin(t.Context(), l.session)
			m.Header(l.header, false)
			all = append(all, m)
		}
		synctest.Wait()
		if asked.top > maxOfAll || asked.there < maxOfAll {
			t.Errorf("%d questions are on their way, %d at once", asked.there, asked.top)
		}
		for _, m := range all {
			if r := m.End(now); r.Disposition != Reject {
				t.Errorf("%s", r.told())
			}
		}
		if asked.there != 0 || len(c.Places.all) != 0 || len(c.Places.sides) != 0 {
			t.Errorf("%d questions and %d places are left", asked.there, len(c.Places.all))
		}
		if r := from(t, "author.example").sign("author.example").arrive(c); r.MailFrom.Result != spf.Pass {
			t.Errorf("afterwards: %s", r.told())
		}
	})
}

// trailing answers for names that end so when all others have been asked.
type trailing struct {
	dns.Resolver
	ends string
}

func (b trailing) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	if strings.HasSuffix(strings.TrimSuffix(name, "."), b.ends) {
		return far{b.Resolver, time.Millisecond}.Lookup(ctx, name, kind)
	}
	return b.Resolver.Lookup(ctx, name, kind)
}

// TestWhatMayNotBeNeededStarvesNoEvaluation: the names of a forger's HELO and of his client hold no place that the author's own
// policy needs: a forged mail stays one that failed.
func TestWhatMayNotBeNeededStarvesNoEvaluation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := house(t)
		c.Resolver, c.Places = trailing{greedy(t, 1), "seen.example"}, NewPlaces()
		r := from(t, "seen.example").by(stranger, "helo0.evil.example", "-").arrive(c)
		if r.MailFrom.Result != spf.Fail {
			t.Errorf("%s", r.told())
		}
	})
}

// TestAPlaceIsLeftWhenTimeIsOver: who gives up has taken nothing.
func TestAPlaceIsLeftWhenTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free, full := make(place, 1), make(place, 1)
		full <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if take(ctx, []place{free, nil, full}) || take(ctx, []place{free}) || len(free) != 0 {
			t.Errorf("%d are taken", len(free))
		}
	})
}
