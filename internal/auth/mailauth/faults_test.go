package mailauth

import (
	"context"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"postward/internal/domain/dmarc"
	"postward/internal/domain/spf"
	"postward/internal/mail/arc"
	"postward/internal/mail/authres"
	"postward/internal/mail/dkim"
	"postward/internal/wire/dns"
	"postward/test/world"
)

// silent never answers, for names that end so.
type silent struct {
	dns.Resolver
	ends string
}

// lingering never answers either, and who asked takes a moment to go. It knows how many are there.
type lingering struct {
	dns.Resolver
	there atomic.Int32
}

func (l *lingering) Lookup(ctx context.Context, _ string, _ dns.Type) dns.Answer {
	l.there.Add(1)
	defer l.there.Add(-1)
	<-ctx.Done()
	time.Sleep(moment)
	return dns.Answer{Outcome: dns.Timeout}
}

const moment = time.Millisecond

func (s silent) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	if strings.HasSuffix(strings.TrimSuffix(name, "."), s.ends) {
		<-ctx.Done()
		return dns.Answer{Outcome: dns.Timeout}
	}
	return s.Resolver.Lookup(ctx, name, kind)
}

// hopping is a mail that asks for everything that a mail can.
func hopping(t testing.TB) *letter {
	return from(t, "author.example").sign("author.example").seal("list.example", authres.DMARC("pass", "author.example", "none")).sign("list.example").
		by(lists, "lists.list.example", "x@list.example")
}

// TestNobodyAnswers: End comes at the deadline, nothing failed, and nothing is left behind: synctest wants every goroutine gone.
func TestNobodyAnswers(t *testing.T) {
	for _, slow := range []time.Duration{0, time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			l, c := hopping(t), house(t)
			c.Resolver = silent{zone(t), ""}
			m := c.Begin(t.Context(), l.session)
			time.Sleep(slow)
			m.Header(l.header, false)
			time.Sleep(slow)
			m.Write([]byte(l.body))
			began := time.Now()
			r := m.End(now)
			if took := time.Since(began); took > DefaultDeadline {
				t.Errorf("after %s: End took %s", slow, took)
			}
			want := "spf=temperror helo=temperror iprev=temperror dkim=temperror,temperror arc=temperror dmarc=temperror accept [sealed signed]"
			if got := r.told(); got != want {
				t.Errorf("after %s:\n     %s\nwant %s", slow, got, want)
			}
		})
	}
}

// TestAStrangersSilenceHidesNoRecord: whoever writes as Anna and brings names along that never answer is judged as without them.
func TestAStrangersSilenceHidesNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, c := from(t, "author.example").sign("mallory.example").by(stranger, "mail.mallory.example", "x@mallory.example"), house(t)
		c.Resolver = silent{zone(t), "mallory.example"}
		began := time.Now()
		r := l.arrive(c)
		if r.DMARC.Result != dmarc.Fail || r.Disposition != Reject || r.MailFrom.Result != spf.TempError || r.DKIM[0].Status != dkim.TempError {
			t.Errorf("%s", r.told())
		}
		if took := time.Since(began); took > DefaultDeadline {
			t.Errorf("End took %s", took)
		}
	})
}

// TestSilenceIsNoFail: RFC 7208 section 5.5 has ptr not match when the client's names cannot be asked for, and then -all would
// hold; at the deadline that is not known, whatever is evaluated.
func TestSilenceIsNoFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, c := from(t, "names.example").by(stranger, "h", "-"), house(t)
		c.Resolver = silent{zone(t), "in-addr.arpa"}
		if r := l.arrive(c); r.MailFrom.Result != spf.TempError || r.IPRev.Result != TempError {
			t.Errorf("%s", r.told())
		}
	})
}

// TestAnEndedMailLeavesNothing: at whichever moment a mail ends, everything that it started ends, at once.
func TestAnEndedMailLeavesNothing(t *testing.T) {
	for name, end := range map[string]func(m *Mail, l *letter, cancel func()){
		"after MAIL":       func(m *Mail, _ *letter, _ func()) { m.Close() },
		"after the header": func(m *Mail, l *letter, _ func()) { m.Header(l.header, false); synctest.Wait(); m.Close() },
		"in the body": func(m *Mail, l *letter, _ func()) {
			m.Header(l.header, false)
			m.Write([]byte("x"))
			m.Close()
			m.Close()
		},
		"without a header":      func(m *Mail, _ *letter, cancel func()) { cancel(); m.End(now) },
		"its context, midway":   func(m *Mail, l *letter, cancel func()) { m.Header(l.header, false); cancel(); m.End(now) },
		"its context, before":   func(m *Mail, l *letter, cancel func()) { cancel(); m.Header(l.header, false); m.End(now); m.Close() },
		"its context, then not": func(m *Mail, _ *letter, cancel func()) { cancel(); m.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			l, c, asked := hopping(t), house(t), &lingering{}
			c.Resolver = asked
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			began := time.Now()
			m := c.Begin(ctx, l.session)
			synctest.Wait()
			end(m, l, cancel)
			if took := time.Since(began); took > 2*moment || asked.there.Load() > 0 {
				t.Errorf("%s: it took %s, and %d are still asking", name, took, asked.there.Load())
			}
		})
	}
}

// TestEachQuestionIsAskedOnce: so that one mail is judged by one state of the DNS, whatever changes meanwhile.
func TestEachQuestionIsAskedOnce(t *testing.T) {
	c := house(t)
	for _, one := range cases {
		counted := &counting{Resolver: zone(t)}
		c.Resolver = counted
		one.mail(t).arrive(c)
		for question, times := range counted.asked {
			if times > 1 {
				t.Errorf("%s: %s was asked for %d times", one.name, question, times)
			}
		}
	}
}

// TestNobodyWaitsForAnothersAnswerLongerThanForHisOwn: a question that is on its way has the patience of who asked first.
func TestNobodyWaitsForAnothersAnswerLongerThanForHisOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := remember(silent{nil, ""})
		patient, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var first sync.WaitGroup
		first.Go(func() { m.TXT(patient, "a.example") })
		synctest.Wait()
		began := time.Now()
		if a := m.TXT(hasty, "a.example"); a.Outcome != dns.Timeout || time.Since(began) != time.Second {
			t.Errorf("%s after %s", a.Outcome, time.Since(began))
		}
		first.Wait()
		if a := m.TXT(hasty, "A.example."); a.Outcome != dns.Timeout {
			t.Errorf("%s", a.Outcome)
		}
	})
}

// flipping says something else each time that it is asked for an author's record.
type flipping struct {
	dns.Resolver
	times *atomic.Int32
}

func (f flipping) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	if strings.HasPrefix(name, "_dmarc.author") {
		record := []string{"v=DMARC1; p=none", "v=DMARC1; p=reject"}[f.times.Add(1)%2]
		return dns.Answer{Outcome: dns.Answered, Texts: []string{record}}
	}
	return f.Resolver.Lookup(ctx, name, kind)
}

func TestARecordThatChangesIsOneOfBoth(t *testing.T) {
	c, times := house(t), new(atomic.Int32)
	c.Resolver = flipping{zone(t), times}
	for n := range int32(20) {
		r := from(t, "author.example").by(stranger, "h", "-").arrive(c)
		want := []Disposition{Accept, Reject}[(n+1)%2]
		if r.Disposition != want || times.Load() != n+1 {
			t.Errorf("%s, want %s; asked %d times in %d mails", r.told(), want, times.Load(), n+1)
		}
	}
}

// TestARecordTooLongToRead: what a stranger publishes costs us no more than what is bounded.
func TestARecordTooLongToRead(t *testing.T) {
	long := strings.Repeat(" ip4:192.0.2.1", 7000)
	c := house(t)
	c.Resolver = texts{zone(t), map[string][]string{
		"long.example.":        {"v=spf1" + long},
		"_dmarc.long.example.": {"v=DMARC1; p=reject; x=" + long},
		"many.example.":        strings.Split(strings.Repeat("v=other ", 256), " "),
		"_dmarc.many.example.": {strings.Repeat("x", 60000), "v=DMARC1; p=reject"},
	}}
	for domain, want := range map[string]string{
		"long.example": "spf=permerror helo=none iprev=fail dkim= arc=none dmarc=fail reject",
		"many.example": "spf=none helo=none iprev=fail dkim= arc=none dmarc=fail reject",
	} {
		r := from(t, domain).by(stranger, "h", "-").arrive(c)
		if got := r.told(); got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}

type texts struct {
	dns.Resolver
	of map[string][]string
}

func (r texts) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	if got := r.of[name]; got != nil && kind == dns.TXT {
		return dns.Answer{Outcome: dns.Answered, Texts: got}
	}
	return r.Resolver.Lookup(ctx, name, kind)
}

// TestTenThousandForgedMailsAskLittle: a flood in the name of one domain whose servers answer, fail, or are silent. There
// are five questions; what failed is asked again after a while. A thousand of them at once take less than maxFlood.
func TestTenThousandForgedMailsAskLittle(t *testing.T) {
	const none = -1
	for _, f := range []struct {
		name    string
		rcode   int
		mails   int
		patient time.Duration
		want    string
	}{
		{"no such name", mdns.RcodeNameError, 10000, 30 * time.Second, "spf=none helo=none iprev=permerror dkim= arc=none dmarc=fail reject"},
		{"failure", mdns.RcodeServerFailure, 2000, 30 * time.Second, "spf=temperror helo=temperror iprev=temperror dkim= arc=none dmarc=temperror mark"},
		{"silence", none, 2000, 300 * time.Millisecond, "spf=temperror helo=temperror iprev=temperror dkim= arc=none dmarc=temperror accept"},
	} {
		var asked atomic.Int32
		server := world.Serve(t, func(w mdns.ResponseWriter, q *mdns.Msg) {
			asked.Add(1)
			if f.rcode != none {
				w.WriteMsg(forgedReply(q, f.rcode))
			}
		})
		client, err := dns.New(dns.Config{Servers: []netip.AddrPort{server}, Timeout: f.patient, Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		c := house(t)
		c.Resolver, c.Deadline = client, 2*time.Minute // on a busy machine this is no test of speed
		before := system()
		results := flood(t, c, f.mails)
		grown := system() - before
		t.Logf("%s: %d questions of %d mails, %d MiB", f.name, asked.Load(), f.mails, grown>>20)
		if grown > maxFlood {
			t.Errorf("%s: memory has grown by %d MiB", f.name, grown>>20)
		}
		if n := asked.Load(); n > 100 || results[f.want] != f.mails {
			t.Errorf("%s: %d questions, %v", f.name, n, results)
		}
	}
}

// maxFlood is how much memory may grow in a flood: 128 KiB for each mail that is on its way.
const maxFlood = atOnce * 128 << 10

// system is the most that this process has ever had from the system, stacks too.
func system() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}

// forgedReply answers for author.example's record, and with the code for all else.
func forgedReply(q *mdns.Msg, rcode int) *mdns.Msg {
	m := new(mdns.Msg).SetReply(q)
	soa, _ := mdns.NewRR(". 300 IN SOA ns.example. h.example. 1 3600 600 86400 300")
	m.Rcode, m.Ns = rcode, []mdns.RR{soa}
	if record, _ := mdns.NewRR(`_dmarc.author.example. 300 IN TXT "v=DMARC1; p=reject"`); q.Question[0].Name == record.Header().Name {
		m.Rcode, m.Ns, m.Answer = mdns.RcodeSuccess, nil, []mdns.RR{record}
	}
	return m
}

// atOnce is how many mails of a flood are on their way at the same moment; Postfix has a hundred (default_process_limit).
const atOnce = 1000

// flood has so many mails.
func flood(t *testing.T, c *Checker, n int) map[string]int {
	var all sync.WaitGroup
	var mu sync.Mutex
	results := map[string]int{}
	places := make(chan struct{}, atOnce)
	for range n {
		places <- struct{}{}
		l := from(t, "author.example").by(stranger, "mail.mallory.example", "-")
		all.Go(func() {
			defer func() { <-places }()
			r := l.arrive(c)
			mu.Lock()
			results[r.told()]++
			mu.Unlock()
		})
	}
	all.Wait()
	return results
}

// far is a resolver whose answers take a while.
type far struct {
	dns.Resolver
	takes time.Duration
}

func (f far) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	select {
	case <-ctx.Done():
		return dns.Answer{Outcome: dns.Timeout}
	case <-time.After(f.takes):
		return f.Resolver.Lookup(ctx, name, kind)
	}
}

// TestFewAnswersAreWaitedForInTurn: a mail takes as long as the longest way of questions that need each other's answer, however many
// there are beside it. With a mail that is sent at once, by a resolver whose answers take 50 ms.
func TestFewAnswersAreWaitedForInTurn(t *testing.T) {
	const answer = 50 * time.Millisecond
	for _, one := range []struct {
		name string
		mail func(t testing.TB) *letter
		want time.Duration
	}{
		{"signed, from its own server", func(t testing.TB) *letter { return from(t, "author.example").sign("author.example") }, 2 * answer},
		{"the same, with a name that Postfix has proved", func(t testing.TB) *letter {
			l := from(t, "author.example").sign("author.example").by(authors, "mx.unsaid.example", "-")
			l.session.ClientName = "mail.author.example"
			return l
		}, answer},
		{"from a subdomain", func(t testing.TB) *letter { return from(t, "author.example").by(authors, "h", "x@news.author.example") }, 2 * answer},
		{"ten includes beside each other", func(t testing.TB) *letter { return from(t, "ten.example").by(authors, "h", "-") }, 3 * answer}, // maxAside at once
		{"a list's, with a name that Postfix has proved", func(t testing.TB) *letter {
			l := listed(t, "list.example", "pass")
			l.session.ClientName = "lists.list.example"
			return l
		}, answer},
		{"forged", func(t testing.TB) *letter { return from(t, "author.example").by(stranger, "h", "-") }, 2 * answer},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := house(t)
			c.Resolver = far{c.Resolver, answer}
			l := one.mail(t)
			began := time.Now()
			l.arrive(c)
			if took := time.Since(began); took != one.want {
				t.Errorf("%s: %s, want %s", one.name, took, one.want)
			}
		})
	}
}

// TestTheEndOfALongMailWaitsForNothing: what the header section leads to was asked for while the body came.
func TestTheEndOfALongMailWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, l := house(t), listed(t, "list.example", "pass")
		c.Resolver = far{c.Resolver, 50 * time.Millisecond}
		m := c.Begin(t.Context(), l.session)
		m.Header(l.header, false)
		time.Sleep(200 * time.Millisecond)
		m.Write([]byte(l.body))
		began := time.Now()
		if r := m.End(now); r.ARC.Status != arc.Pass || time.Since(began) > 0 {
			t.Errorf("%s, after %s", r.told(), time.Since(began))
		}
	})
}

func BenchmarkMail(b *testing.B) {
	for _, one := range []struct {
		name string
		mail *letter
	}{
		{"plain", from(b, "author.example")},
		{"signed", from(b, "author.example").sign("author.example")},
		{"list", listed(b, "list.example", "pass")},
	} {
		c := house(b)
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				one.mail.arrive(c)
			}
		})
	}
}
