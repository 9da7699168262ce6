package mailauth

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"postward/internal/domain/dmarc"
	"postward/internal/mail/authres"
)

// TestOurFieldSaysWhatWasFound: each check with what it was about, and what was done about DMARC.
func TestOurFieldSaysWhatWasFound(t *testing.T) {
	for _, one := range []struct {
		name string
		mail *letter
		want string
	}{
		{"signed, from its own server", from(t, "author.example").sign("author.example"), ` mx.here.example;
	iprev=pass policy.iprev=192.0.2.1;
	spf=pass smtp.mailfrom=anna@author.example;
	spf=pass smtp.helo=mail.author.example;
	dkim=pass header.d=author.example header.s=test header.a=ed25519-sha256
	header.b=B;
	dmarc=pass policy.dmarc=none header.from=author.example`},
		{"rejected", from(t, "author.example").by(stranger, "h", "-"), ` mx.here.example;
	iprev=fail policy.iprev=203.0.113.66;
	spf=fail smtp.mailfrom=anna@author.example;
	spf=none smtp.helo=h;
	dkim=none;
	dmarc=fail policy.dmarc=reject header.from=author.example`},
		{"a bounce, marked", from(t, "careful.example").by(stranger, "mail.mallory.example", ""), ` mx.here.example;
	iprev=fail policy.iprev=203.0.113.66;
	spf=none smtp.helo=mail.mallory.example;
	dkim=none;
	dmarc=fail policy.dmarc=quarantine header.from=careful.example`},
		{"a trusted list's", listed(t, "list.example", "pass"), ` mx.here.example;
	iprev=pass policy.iprev=198.51.100.5;
	spf=pass smtp.mailfrom=x-bounces@list.example;
	spf=none smtp.helo=lists.list.example;
	dkim=fail reason="the body was changed" header.d=author.example
	header.s=test header.a=ed25519-sha256 header.b=B;
	arc=pass smtp.remote-ip=198.51.100.5 header.oldest-pass=0;
	dmarc=fail policy.dmarc=none header.from=author.example`},
	} {
		r := one.mail.arrive(house(t))
		got := strings.ReplaceAll(r.Add, "\r\n", "\n")
		for _, s := range r.DKIM {
			got = strings.ReplaceAll(got, "header.b="+s.Sum, "header.b=B")
			got = strings.ReplaceAll(got, `header.b="`+s.Sum+`"`, "header.b=B")
		}
		if unfolded(got) != unfolded(one.want) {
			t.Errorf("%s:\n%s\nwant\n%s", one.name, got, one.want)
		}
	}
}

// unfolded is a text without regard to where it is folded.
func unfolded(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestTheBodyIsNeededForSignaturesAlone: who hands a mail over need not send us the rest of one that has none.
func TestTheBodyIsNeededForSignaturesAlone(t *testing.T) {
	for _, one := range []struct {
		mail *letter
		want bool
	}{{from(t, "author.example"), false}, {from(t, "author.example").top("DKIM-Signature: v=1"), false},
		{from(t, "author.example").sign("author.example"), true}, {from(t, "author.example").seal("list.example"), true}} {
		m := house(t).Begin(t.Context(), one.mail.session)
		if m.Header(one.mail.header, false); m.NeedsBody() != one.want {
			t.Errorf("%v: %v", one.mail.header[0], m.NeedsBody())
		}
		m.Close()
	}
}

// TestForgedResultsAreRemoved: those that pass for ours, in an order in which each is where it is said when its turn comes.
func TestForgedResultsAreRemoved(t *testing.T) {
	l := from(t, "author.example").bottom(
		"Authentication-Results: other.example; dmarc=pass",
		"authentication-results: mx.here.example; dmarc=pass",
		"Authentication-Results : HERE.example; dmarc=pass",
		"X: mx.here.example",
		"Authentication-Results: (hi) \"mx.here.example\"; dmarc=pass",
		"Authentication-Results: other.example 2; dmarc=pass",
		"ARC-Authentication-Results: i=1; mx.here.example; dmarc=pass")
	r := l.arrive(house(t))
	want := []Removal{{"Authentication-Results", 5}, {"Authentication-Results", 4}, {"Authentication-Results ", 3}, {"authentication-results", 2}}
	if !reflect.DeepEqual(r.Remove, want) {
		t.Errorf("%+v, want %+v", r.Remove, want)
	}
	c := house(t)
	if c.Service = nil; l.arrive(c).Remove != nil || l.arrive(c).Add != "" {
		t.Error("there is nobody whose results could be forged")
	}
}

// TestAFloodOfForgedResultsIsRefused: whatever the policy says, and whoever vouches for the mail. Each removal costs Postfix a walk
// through the header section.
func TestAFloodOfForgedResultsIsRefused(t *testing.T) {
	forged := func(n int) *letter {
		l := from(t, "author.example").sign("author.example")
		return l.bottom(many(n, func(i int) string { return fmt.Sprintf("Authentication-Results: mx.here.example; dmarc=pass; x=%d", i) })...)
	}
	for _, n := range []int{MaxForged, MaxForged + 1, 10000} {
		for _, p := range []Policy{{}, Default()} {
			c, flooded := house(t), n > MaxForged
			c.Policy = &p
			r := forged(n).arrive(c)
			want, removed, why := Accept, n, Why("")
			if flooded {
				want, removed, why = Reject, 0, WhyFlooded
			}
			if r.Flooded != flooded || r.Disposition != want || len(r.Remove) != removed || r.Why != why {
				t.Errorf("%d fields: %s, %q, %d are removed", n, r.told(), r.Why, len(r.Remove))
			}
		}
	}
	l := from(t, "author.example").by(forwards, "out.forward.example", "-")
	l.header = append(l.header, forged(100).header[6:]...)
	if r := l.arrive(house(t)); r.Disposition != Reject || r.Overridden != "" || !strings.Contains(r.Add, "policy.dmarc=reject") {
		t.Errorf("by a listed forwarder: %s, %s", r.told(), r.Add)
	}
}

// TestAHeaderSectionThatNobodySawTheEndOfIsRefused: there may be forged results in the rest, and nobody can take them away.
func TestAHeaderSectionThatNobodySawTheEndOfIsRefused(t *testing.T) {
	for _, p := range []Policy{{}, Default()} {
		for _, l := range []*letter{from(t, "author.example").sign("author.example"), from(t, "unsaid.example"),
			from(t, "author.example").by(forwards, "out.forward.example", "-")} {
			c := house(t)
			c.Policy, l.cut = &p, true
			r := l.arrive(c)
			if !r.Cut || r.Disposition != Reject || r.Why != WhyCut || r.Overridden != "" || len(r.Remove) > 0 {
				t.Errorf("%s, %q", r.told(), r.Why)
			}
		}
	}
}

// TestNothingOfAStrangerEndsAResult: whatever he says of himself, a reader of our field finds what was found.
func TestNothingOfAStrangerEndsAResult(t *testing.T) {
	for _, evil := range []string{"x; dmarc=pass header.from=author.example", "x\r\n\tdmarc=pass", "x\r\nX: y", "(", `"`, `\`, "x dmarc=pass", "\x00", "é", "=?utf-8?q?x?="} {
		for _, l := range []*letter{
			from(t, "author.example").by(stranger, evil, "-"), from(t, "author.example").by(stranger, "h", evil+"@mallory.example"),
			from(t, "author.example").by(stranger, "h", "x@"+evil), from(t, "author.example").by(stranger, "h", "-").top(tag("d=" + evil)),
			from(t, "author.example").by(stranger, "h", "-").top(strings.ReplaceAll(tag(""), "test", evil)),
			from(t, "author.example").by(stranger, "h", "-").top(strings.ReplaceAll(tag(""), "mallory.example", evil)),
		} {
			r := l.arrive(house(t))
			found, err := authres.Parse(r.Add)
			results := found.Of("dmarc")
			if err != nil || len(results) != 1 || results[0].Value == string(dmarc.Pass) || strings.Contains(r.Add, "dmarc=pass") {
				t.Errorf("%q: %q", evil, r.Add)
			}
			if strings.Count(r.Add, "\n") != strings.Count(r.Add, "\r\n\t") || strings.ContainsAny(r.Add, "\x00é") {
				t.Errorf("%q: %q", evil, r.Add)
			}
		}
	}
}

// TestAPolicyIsWhatTheOperatorSays, and no more than RFC 9989 section 7.4 lets him.
func TestAPolicyIsWhatTheOperatorSays(t *testing.T) {
	all := Policy{Reject, Reject, Reject, Reject, Reject, Reject, Reject}
	if all.Check() == nil {
		t.Error("lists' mail would be rejected")
	}
	p := Default()
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	for _, one := range []struct {
		mail *letter
		all  Disposition // with all, where the empty policy accepts
		why  Why
	}{
		{from(t, "author.example").by(stranger, "h", "x@mallory.example"), Reject, WhyDirect},
		{from(t, "author.example").by(stranger, "h", "x@mallory.example").top("Received: from a by b"), Hold, WhyIndirect},
		{from(t, "author.example").by(stranger, "h", "x@mallory.example").bottom("From: x@mallory.example"), Hold, WhyDoubtful},
		{from(t, "careful.example").by(stranger, "h", "x@mallory.example"), Reject, WhyQuarantine},
		{from(t, "author.example").by(stranger, "h", "x@silent.author.example"), Reject, WhyUndecided},
		{from(t, "bare.example").by(stranger, "h", "x@mallory.example"), Reject, WhyAsUs},
		{from(t, "unsaid.example").by(stranger, "h", "-"), Reject, WhySPF},
		{from(t, "author.example").by(forwards, "out.forward.example", "-"), Accept, WhyDirect},
		{from(t, "unsaid.example").by(forwards, "out.forward.example", "-"), Accept, WhySPF},
		{from(t, "author.example").sign("author.example").by(stranger, "h", "-"), Accept, ""},
	} {
		c := house(t)
		c.Policy = &all
		r := one.mail.arrive(c)
		if r.Disposition != one.all || r.Why != one.why {
			t.Errorf("%s: %s, want %s: %s", r.told(), r.Why, one.all, one.why)
		}
		if c.Policy = &(Policy{}); one.mail.arrive(c).Disposition != Accept {
			t.Errorf("%s: and the policy accepts everything", r.told())
		}
	}
}
