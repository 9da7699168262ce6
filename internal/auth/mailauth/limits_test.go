package mailauth

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"postward/internal/domain/spf"
	"postward/internal/mail/message"
	"postward/internal/wire/dns"
)

// TestAPolicyIsReadUpToItsBound: one octet more is its owner's error, however little is wrong with it.
func TestAPolicyIsReadUpToItsBound(t *testing.T) {
	policy := func(octets int) string {
		text := "v=spf1 ip4:192.0.2.1 " + strings.Repeat("x="+strings.Repeat("y", 98)+" ", 200)
		return text[:octets-len(" -all")] + " -all"
	}
	for octets, want := range map[int]spf.Result{maxPolicy: spf.Pass, maxPolicy + 1: spf.PermError} {
		c := house(t)
		c.Resolver = texts{zone(t), map[string][]string{"long.example.": {policy(octets)}}}
		if r := from(t, "long.example").arrive(c); r.MailFrom.Result != want {
			t.Errorf("a policy of %d octets: %+v, want %s", octets, r.MailFrom, want)
		}
	}
}

// TestAPolicyAsksForNoMoreThanItMay: what is asked for ahead is bounded by what may be asked for at all.
func TestAPolicyAsksForNoMoreThanItMay(t *testing.T) {
	for _, mechanism := range []string{"include", "a", "mx", "exists"} {
		policy := "v=spf1"
		for i := range 300 {
			policy += fmt.Sprintf(" %s:n%d.many.example", mechanism, i)
		}
		c := house(t)
		counted := &counting{Resolver: texts{zone(t), map[string][]string{"many.example.": {policy + " -all"}}}}
		c.Resolver = counted
		r := from(t, "many.example").by(stranger, "h", "-").arrive(c)
		asked := 0
		for question := range counted.asked {
			if strings.Contains(question, ".many.example. ") && !strings.HasPrefix(question, "_dmarc.") {
				asked++
			}
		}
		if r.MailFrom.Result != spf.PermError || asked > spf.MaxLookups {
			t.Errorf("%s: %s, %d of 300 names were asked for", mechanism, r.told(), asked)
		}
	}
}

// TestANameThatCannotBeAskedForMayBeTheClients: iprev fails by what is known, and by nothing else.
func TestANameThatCannotBeAskedForMayBeTheClients(t *testing.T) {
	c := house(t)
	c.Resolver = silentNames(t, "mail.author.example")
	if r := from(t, "author.example").arrive(c); r.IPRev.Result != TempError {
		t.Errorf("%+v", r.IPRev)
	}
}

// TestOfManyNamesAFewAreAskedFor: whoever owns an address chooses its names (RFC 7208 section 4.6.4).
func TestOfManyNamesAFewAreAskedFor(t *testing.T) {
	counted := &counting{Resolver: named{zone(t), many(200, func(i int) string { return fmt.Sprintf("n%d.many.example", i) })}}
	r := checkIPRev(t.Context(), remember(counted), stranger)
	if n := counted.questions(); r.Result != Fail || n > maxNames+1 {
		t.Errorf("%+v, %d questions", r, n)
	}
}

// TestAFromThatIsTooLongIsUnread: who is shown as its author nobody has looked at.
func TestAFromThatIsTooLongIsUnread(t *testing.T) {
	for size, want := range map[int]bool{message.MaxField - 100: false, message.MaxField + 100: true} {
		l := from(t, "author.example").is("From", strings.Repeat("x", size-50)+" <anna@author.example>")
		l.header[0].Value += strings.Repeat(" ", size-len(l.header[0].Value))
		if r := l.arrive(house(t)); r.Unread != want {
			t.Errorf("From of %d octets: %v, %s", size, r.Unread, r.told())
		}
	}
}

// TestAChainAsksAheadForItsNewestKeysAlone: whether the older ones are needed is not known yet.
func TestAChainAsksAheadForItsNewestKeysAlone(t *testing.T) {
	c := house(t)
	counted := &counting{Resolver: c.Resolver}
	c.Resolver = counted
	from(t, "author.example").top(many(40, func(i int) string {
		return fmt.Sprintf("ARC-Seal: i=%d; cv=pass; a=ed25519-sha256; d=d%d.example; s=s; b=AAAA", i+1, i)
	})...).arrive(c)
	keys := 0
	for question := range counted.asked {
		if strings.Contains(question, "._domainkey.") {
			keys++
		}
	}
	if keys != maxAhead {
		t.Errorf("%d keys were asked for", keys)
	}
}

// named has names for every address.
type named struct {
	dns.Resolver
	names []string
}

func (n named) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	if kind == dns.PTR {
		return dns.Answer{Outcome: dns.Answered, Names: n.names}
	}
	return n.Resolver.Lookup(ctx, name, kind)
}
