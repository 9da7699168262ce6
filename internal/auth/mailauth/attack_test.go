package mailauth

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postward/internal/domain/dmarc"
	"postward/internal/mail/dkim"
	"postward/internal/wire/dns"
)

// delaying is the zone with what a forger publishes: his client has ten names that never answer, so that evaluating his policy
// comes to the include when its time is over, and that asks for what his envelope says.
func delaying(t testing.TB) dns.Resolver {
	var text strings.Builder
	for i := range 10 {
		fmt.Fprintf(&text, "66.113.0.203.in-addr.arpa. IN PTR n%d.silent.example.\n", i)
	}
	text.WriteString("evil.example. IN TXT \"v=spf1 ptr include:_dmarc.%{l} -all\"\nx._domainkey.evil.example. IN TXT \"v=spf1 ptr include:%{l} -all\"\n")
	evil, err := dns.ParseZone(strings.NewReader(text.String()), ".", "evil")
	if err != nil {
		t.Fatal(err)
	}
	return silent{either{zone(t), evil}, "silent.example"}
}

// either asks a zone first.
type either struct {
	dns.Resolver
	zone *dns.Zone
}

func (e either) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	if a := e.zone.Lookup(ctx, name, kind); a.Outcome == dns.Answered {
		return a
	}
	return e.Resolver.Lookup(ctx, name, kind)
}

// late hands a letter over whose header section comes when the time of SPF is over.
func (l *letter) late(c *Checker) Result {
	m := c.Begin(l.t.Context(), l.session)
	time.Sleep(DefaultDeadline)
	m.Header(l.header, l.cut)
	m.Write([]byte(l.body))
	return m.End(now)
}

// TestAForgersPolicyAsksNothingAway: what an SPF policy asked for when its time was over is asked for again by who needs it.
func TestAForgersPolicyAsksNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := house(t)
		c.Resolver = delaying(t)
		r := from(t, "author.example").by(stranger, "h", "author.example@evil.example").late(c)
		if r.DMARC.Result != dmarc.Fail || r.Disposition != Reject {
			t.Errorf("%s", r.told())
		}
		l := from(t, "bare.example").by(stranger, "h", "x._domainkey.bare.example@x._domainkey.evil.example")
		l.sign("bare.example").header[0].Value = strings.Replace(l.header[0].Value, "s=test", "s=x", 1)
		r = l.late(c)
		if len(r.DKIM) != 1 || r.DKIM[0].Status == dkim.TempError || !r.AsUs {
			t.Errorf("%s", r.told())
		}
	})
}

// TestWhoHasMoreTimeAsksAgain: an answer that nobody had time for is no answer, to who waits for it and to who comes later.
func TestWhoHasMoreTimeAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := remember(far{zone(t), 2 * time.Second})
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() { m.TXT(hasty, "_dmarc.author.example") })
		synctest.Wait()
		for range 3 {
			all.Go(func() {
				if a := m.TXT(t.Context(), "_dmarc.author.example"); a.Outcome != dns.Answered || len(a.Texts) != 1 {
					t.Errorf("who waited got %s", a.Outcome)
				}
			})
		}
		all.Wait()
	})
}

// TestWhatCouldNotBeAskedIsNoProofOfUs: where our own record asks for something a silent name vouches for nobody, and who may be
// honest is marked and not refused; where it asks for nothing an outage of the DNS makes nobody's mail junk.
func TestWhatCouldNotBeAskedIsNoProofOfUs(t *testing.T) {
	strict := Default()
	strict.AsUs = Reject
	for _, one := range []struct {
		name string
		mail *letter
		asUs bool
		want Disposition
	}{
		{"p=reject, a silent name of ours", from(t, "author.example").by(stranger, "h", "x@silent.author.example"), true, Mark},
		{"p=reject, nothing of ours", from(t, "author.example").by(stranger, "h", "x@silent.example").top("Received: from a by b"), true, Reject},
		{"p=quarantine, his own silence", from(t, "careful.example").by(stranger, "h", "x@silent.careful.example"), true, Mark},
		{"p=none, a silent name of ours", from(t, "watching.example").by(stranger, "h", "x@silent.watching.example"), false, Accept},
		{"no answer at all", from(t, "silent.example").by(stranger, "h", "-"), false, Accept},
		{"one may be honest, the other is not", from(t, "author.example").by(stranger, "h", "x@silent.author.example").
			is("From", "a@author.example, b@bare.example").top("Received: from a by b"), true, Reject},
	} {
		c := house(t)
		c.Policy, c.Ours = &strict, func(string) bool { return true }
		c.Resolver = silentNames(t, "silent.careful.example", "silent.watching.example")
		r := one.mail.arrive(c)
		if r.AsUs != one.asUs || r.Disposition != one.want {
			t.Errorf("%s: %s, want %v %s", one.name, r.told(), one.asUs, one.want)
		}
	}
}

// silentNames is the zone with more names that do not answer.
func silentNames(t testing.TB, names ...string) *dns.Zone {
	z := zone(t)
	for _, name := range names {
		z.Fail(name, dns.Timeout)
	}
	return z
}
