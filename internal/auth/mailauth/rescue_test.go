package mailauth

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"postward/internal/domain/spf"
	"postward/internal/mail/arc"
	"postward/internal/mail/dkim"
	"postward/internal/wire/dns"
)

// panicking panics when it is asked for a name that has a text in it.
type panicking struct {
	dns.Resolver
	at string
}

func (p panicking) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	if strings.Contains(name, p.at) {
		panic("the resolver broke at " + p.at)
	}
	return p.Resolver.Lookup(ctx, name, kind)
}

// TestAPanicEndsOnePartOfOneMail: whichever question the resolver panics at, End comes, that part is temperror, the others are
// what they are, nothing is rejected, and it is told.
func TestAPanicEndsOnePartOfOneMail(t *testing.T) {
	for at, want := range map[string]string{
		"":                       "spf=temperror helo=temperror iprev=temperror dkim=temperror,temperror arc=temperror dmarc=temperror accept [sealed signed]",
		"_dmarc.":                "spf=pass helo=none iprev=pass dkim=pass,pass arc=pass dmarc=temperror accept [sealed signed]",
		"_domainkey.author":      "spf=pass helo=none iprev=pass dkim=pass,temperror arc=pass dmarc=temperror accept trusted sealer list.example [sealed signed]",
		"_domainkey.list":        "spf=pass helo=none iprev=pass dkim=temperror,pass arc=temperror dmarc=pass accept [sealed signed]",
		"in-addr.arpa":           "spf=pass helo=none iprev=temperror dkim=pass,pass arc=pass dmarc=pass accept [sealed signed]",
		"lists.list.example":     "spf=pass helo=temperror iprev=temperror dkim=pass,pass arc=pass dmarc=pass accept [sealed signed]",
		"no such name in a mail": "spf=pass helo=none iprev=pass dkim=pass,pass arc=pass dmarc=pass accept [sealed signed]",
	} {
		c := house(t)
		c.Resolver = panicking{c.Resolver, at}
		r := hopping(t).arrive(c)
		if got := r.told(); got != want {
			t.Errorf("%q:\n     %s\nwant %s", at, got, want)
		}
		if told := strings.Contains(r.Panic, "the resolver broke") && strings.Contains(r.Panic, "rescue_test.go"); told != (at != "no such name in a mail") {
			t.Errorf("%q: told %q", at, r.Panic)
		}
		if len(r.Panic) > maxPanic {
			t.Errorf("%d octets are told", len(r.Panic))
		}
	}
}

// TestNothingIsRejectedBesideAPanic: what was not found out may have let the mail pass.
func TestNothingIsRejectedBesideAPanic(t *testing.T) {
	c := house(t)
	c.Resolver = panicking{c.Resolver, "in-addr.arpa"}
	if r := from(t, "author.example").by(stranger, "h", "-").arrive(c); r.Disposition != Mark || r.Panic == "" {
		t.Errorf("%s, told %q", r.told(), r.Panic)
	}
}

// TestAClosedMailsPanicIsTold: of a mail that has no end too.
func TestAClosedMailsPanicIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, l := house(t), hopping(t)
		c.Resolver = panicking{c.Resolver, ""}
		m := c.Begin(t.Context(), l.session)
		m.Header(l.header, false)
		synctest.Wait()
		m.Close()
		m.Close()
		if !strings.Contains(m.Panic(), "the resolver broke") {
			t.Errorf("told %q", m.Panic())
		}
	})
}

// TestABodyThatCannotBeSummedIsNoFail: a signature is one that could not be tried, when trying it panics again and again.
func TestABodyThatCannotBeSummedIsNoFail(t *testing.T) {
	c, l := house(t), hopping(t)
	m := c.Begin(t.Context(), l.session)
	m.Header(l.header, false)
	m.forms, m.body = nil, nil
	r := m.End(now)
	if len(r.DKIM) != 2 || r.DKIM[0].Status != dkim.TempError || r.ARC.Status != arc.TempError || r.MailFrom.Result != spf.Pass || r.Panic == "" {
		t.Errorf("%s, told %q", r.told(), r.Panic)
	}
}
