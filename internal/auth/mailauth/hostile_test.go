package mailauth

import (
	"fmt"
	"strings"
	"testing"

	"postward/internal/domain/dmarc"
	"postward/internal/mail/authres"
)

// tag makes a signature of a stranger's own making.
func tag(tags string) string {
	return "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=mallory.example; s=test; h=from; bh=" + strings.Repeat("A", 43) + "=; b=" +
		strings.Repeat("A", 86) + "==; " + tags
}

func many(n int, line func(i int) string) (all []string) {
	for i := range n {
		all = append(all, line(i))
	}
	return all
}

// hostile are mails that a stranger made to be taken for Anna's (p=reject), or to cost us. Where nothing else is said he sends
// from his own machine with the reverse-path of his own domain, which passes.
var hostile = []struct {
	name string
	mail func(l *letter)
	want string // behind "spf=pass helo=none iprev=fail "
}{
	// The From field.
	{"two From, his first", func(l *letter) { l.sign("mallory.example").top("From: x@mallory.example") }, "dkim=fail arc=none dmarc=permerror mark [signed]"},
	{"two From, his last", func(l *letter) { l.bottom("From: x@mallory.example") }, "dkim= arc=none dmarc=permerror mark"},
	{"two From of his own", func(l *letter) { l.is("From", "x@mallory.example").bottom("From: y@mallory.example") }, "dkim= arc=none dmarc=permerror mark"},
	{"an address as the display name", func(l *letter) { l.is("From", `"anna@author.example" <x@mallory.example>`) }, "dkim= arc=none dmarc=pass accept"},
	{"an address as the display name, bare", func(l *letter) { l.is("From", `anna@author.example <x@mallory.example>`) }, "dkim= arc=none dmarc=permerror mark"},
	{"an address behind his", func(l *letter) { l.is("From", `<x@mallory.example> <anna@author.example>`) }, "dkim= arc=none dmarc=permerror mark"},
	{"an encoded address before his", func(l *letter) { l.is("From", `=?utf-8?q?anna=40author.example?= <x@mallory.example>`) }, "dkim= arc=none dmarc=pass accept"},
	{"an encoded address alone", func(l *letter) { l.is("From", `=?utf-8?q?anna=40author.example?=`) }, "dkim= arc=none dmarc=permerror mark"},
	{"a look-alike", func(l *letter) { l.is("From", "anna@\u0430uthor.example") }, "dkim= arc=none dmarc=none accept"},
	{"a look-alike of fullwidth letters", func(l *letter) { l.is("From", "anna@\uff41uthor.example") }, "dkim= arc=none dmarc=fail reject"},
	{"capitals", func(l *letter) { l.is("From", "ANNA@AUTHOR.EXAMPLE") }, "dkim= arc=none dmarc=fail reject"},
	{"a last dot", func(l *letter) { l.is("From", "anna@author.example.") }, "dkim= arc=none dmarc=permerror mark"},
	{"folded", func(l *letter) { l.is("From", "Anna\r\n\t<anna@author.example>") }, "dkim= arc=none dmarc=fail reject"},
	{"a group of nobody", func(l *letter) { l.is("From", "Anna author.example:;") }, "dkim= arc=none dmarc=none accept"},
	{"a group of Anna", func(l *letter) { l.is("From", "Friends: anna@author.example;") }, "dkim= arc=none dmarc=fail reject"},
	{"a group of both", func(l *letter) { l.is("From", "Friends: x@mallory.example, anna@author.example;") }, "dkim= arc=none dmarc=fail reject"},
	{"NUL behind the domain", func(l *letter) { l.is("From", "<anna@author.example\x00.mallory.example>") }, "dkim= arc=none dmarc=permerror mark"},
	{"NUL in the field's name", func(l *letter) { l.is("From", "x@mallory.example").top("From\x00: anna@author.example") }, "dkim= arc=none dmarc=permerror mark"},
	{"a blank before the colon", func(l *letter) { l.is("From", "x@mallory.example").top("From : anna@author.example") }, "dkim= arc=none dmarc=permerror mark"},
	{"a source route", func(l *letter) { l.is("From", "<@mallory.example:anna@author.example>") }, "dkim= arc=none dmarc=permerror mark"},
	{"a comment in the address", func(l *letter) { l.is("From", "anna@author.example(.mallory.example)") }, "dkim= arc=none dmarc=fail reject"},
	{"a percent hack", func(l *letter) { l.is("From", "anna%author.example@mallory.example") }, "dkim= arc=none dmarc=pass accept"},
	{"an address literal", func(l *letter) { l.is("From", "anna@[192.0.2.1]") }, "dkim= arc=none dmarc=none accept"},
	{"no From", func(l *letter) { l.is("From", "") }, "dkim= arc=none dmarc=permerror accept"},
	{"an empty From", func(l *letter) { l.is("From", " ") }, "dkim= arc=none dmarc=permerror accept"},
	{"a domain of one label", func(l *letter) { l.is("From", "anna@example") }, "dkim= arc=none dmarc=none accept"},
	{"a hundred labels below Anna's domain", func(l *letter) { l.is("From", "anna@"+strings.Repeat("a.", 100)+"author.example") }, "dkim= arc=none dmarc=fail reject"},
	{"a domain that is too long", func(l *letter) { l.is("From", "anna@"+strings.Repeat("a.", 200)+"author.example") }, "dkim= arc=none dmarc=permerror accept"},
	{"two authors, one of them his", func(l *letter) { l.is("From", "x@mallory.example, anna@author.example") }, "dkim= arc=none dmarc=fail reject"},
	{"Anna as the sixth author", func(l *letter) {
		l.is("From", "x@mallory.example, a@unsaid.example, b@bare1.example, c@bare2.example, d@bare3.example, anna@author.example")
	}, "dkim= arc=none dmarc=permerror mark"},
	{"two hundred authors", func(l *letter) {
		l.is("From", strings.Join(many(200, func(i int) string { return fmt.Sprintf("a@d%d.example", i) }), ", "))
	}, "dkim= arc=none dmarc=permerror mark"},
	{"a From field of a megabyte", func(l *letter) { l.is("From", strings.Repeat("x ", 1<<19)+"<anna@author.example>") }, "dkim= arc=none dmarc=permerror mark"},
	{"another field of a megabyte above", func(l *letter) { l.top("X-Big: " + strings.Repeat("x", 1<<20)) }, "dkim= arc=none dmarc=permerror mark"},
	{"more fields than anybody kept", func(l *letter) { l.is("From", "x@mallory.example").cut = true }, "dkim= arc=none dmarc=permerror reject"},
	{"Sender is Anna", func(l *letter) { l.is("From", "x@mallory.example").top("Sender: anna@author.example") }, "dkim= arc=none dmarc=pass accept"},

	// Signatures.
	{"10,000 signatures", func(l *letter) { l.top(many(10000, func(i int) string { return tag(fmt.Sprintf("t=%d", i)) })...) }, "dkim=policy,policy,policy,policy,policy,policy,policy,policy arc=none dmarc=permerror mark"},
	{"2,000 selectors", func(l *letter) {
		l.top(many(2000, func(i int) string { return strings.Replace(tag(""), "s=test", fmt.Sprintf("s=s%d", i), 1) })...)
	}, "dkim=fail,fail,fail,fail,fail,fail,fail,fail arc=none dmarc=fail reject"},
	{"Anna's signature on another body", func(l *letter) { l.sign("author.example").footer() }, "dkim=fail arc=none dmarc=fail mark [signed]"},
	{"Anna's signature with l=0", func(l *letter) { l.top(strings.ReplaceAll(tag("l=0"), "mallory", "author")) }, "dkim=policy arc=none dmarc=fail mark [signed]"},
	{"in Anna's name, by his domain", func(l *letter) { l.top(tag("i=anna@author.example")) }, "dkim=permerror arc=none dmarc=fail reject"},
	{"rsa-sha1", func(l *letter) { l.top(strings.Replace(tag(""), "ed25519-sha256", "rsa-sha1", 1)) }, "dkim=permerror arc=none dmarc=fail reject"},
	{"a signature of the top-level domain", func(l *letter) { l.sign("example") }, "dkim=pass arc=none dmarc=fail mark [signed]"},
	{"a signature that has expired", func(l *letter) { l.top(tag("t=100; x=200")) }, "dkim=permerror arc=none dmarc=fail reject"},
	{"a signature of the year 2099", func(l *letter) { l.top(tag("t=4070908800")) }, "dkim=policy arc=none dmarc=fail reject"},
	{"a field beside Anna's signature that she signed as absent", func(l *letter) { l.sign("author.example").top("Reply-To: x@mallory.example") }, "dkim=fail arc=none dmarc=fail mark [signed]"},
	{"a second Subject beside Anna's signature", func(l *letter) { l.sign("author.example").top("Subject: his") }, "dkim=fail arc=none dmarc=fail mark [signed]"},
	{"Anna's signature, and his From below hers", func(l *letter) { l.sign("author.example").bottom("From: x@mallory.example") }, "dkim=fail arc=none dmarc=permerror mark [signed]"},
	{"a forged signature of a listed forwarder", func(l *letter) { l.top(strings.ReplaceAll(tag(""), "mallory", "forward")) }, "dkim=fail arc=none dmarc=fail reject"},
	{"a tag twice", func(l *letter) { l.top(tag("d=author.example")) }, "dkim=neutral arc=none dmarc=fail reject"},
	{"a signature of 100 kB", func(l *letter) { l.top(tag("z=" + strings.Repeat("x", 100<<10))) }, "dkim=policy arc=none dmarc=fail reject"},
	{"a h= of 10,000 names", func(l *letter) { l.top(strings.Replace(tag(""), "h=from", "h=from"+strings.Repeat(":from", 10000), 1)) }, "dkim=fail arc=none dmarc=fail reject"},

	// Chains.
	{"a set in the list's name", func(l *letter) {
		l.top("ARC-Authentication-Results: i=1; list.example; dmarc=pass header.from=author.example",
			"ARC-Message-Signature: i=1; a=ed25519-sha256; d=list.example; s=test; h=from; bh=AAAA; b=AAAA", "ARC-Seal: i=1; a=ed25519-sha256; cv=none; d=list.example; s=test; b=AAAA")
	}, "dkim= arc=fail dmarc=fail mark [sealed]"},
	{"results of a chain alone", func(l *letter) {
		l.top("ARC-Authentication-Results: i=1; list.example; dmarc=pass header.from=author.example")
	}, "dkim= arc=fail dmarc=fail mark [sealed]"},
	{"the list's set of another mail", func(l *letter) {
		other := from(l.t, "author.example").seal("list.example", authres.DMARC("pass", "author.example", "none"))
		l.is("Subject", "another").header = append(other.header[:3:3], l.header...)
	}, "dkim= arc=fail dmarc=fail mark [sealed]"},
	{"the list's set of another mail below his own", func(l *letter) {
		other := from(l.t, "author.example").seal("list.example", authres.DMARC("pass", "author.example", "none"))
		l.is("Subject", "another").header = append(other.header[:3:3], l.header...)
		l.seal("mallory.example", authres.DMARC("pass", "author.example", "none"))
	}, "dkim= arc=fail dmarc=fail mark [sealed]"},
	{"instance 51", func(l *letter) { l.top("ARC-Seal: i=51; cv=pass; a=ed25519-sha256; d=list.example; s=test; b=AAAA") }, "dkim= arc=fail dmarc=fail mark [sealed]"},
	{"10,000 seals", func(l *letter) {
		l.top(many(10000, func(i int) string { return fmt.Sprintf("ARC-Seal: i=%d; cv=pass", i%50) })...)
	}, "dkim= arc=fail dmarc=fail mark [sealed]"},

	// What he says of himself.
	{"a local part with an @", func(l *letter) { l.session.MailFrom = `"anna@author.example"@mallory.example` }, "dkim= arc=none dmarc=fail reject"},
	{"a local part of macros", func(l *letter) { l.session.MailFrom = "%{d}%{d}%@mallory.example" }, "dkim= arc=none dmarc=fail reject"},
	{"HELO is his address", func(l *letter) { l.session.Helo = "[203.0.113.66]" }, "dkim= arc=none dmarc=fail reject"},
	{"HELO of 10 kB", func(l *letter) { l.session.Helo = strings.Repeat("x.", 5000) + "example" }, "dkim= arc=none dmarc=fail reject"},
	{"HELO with results in it", func(l *letter) { l.session.Helo = "x.example; dmarc=pass header.from=author.example" }, "dkim= arc=none dmarc=fail reject"},
	{"the name of a listed forwarder", func(l *letter) { l.session.Helo = "out.forward.example" }, "spf=pass helo=fail iprev=fail dkim= arc=none dmarc=fail reject"},
	{"the reverse-path of a listed forwarder", func(l *letter) { l.session.MailFrom = "x@forward.example" }, "spf=fail helo=none iprev=fail dkim= arc=none dmarc=fail reject"},
	{"the client's name is not proven", func(l *letter) { l.session.ClientName = "unknown" }, "dkim= arc=none dmarc=fail reject"},
}

func TestHostileMailsAreJudged(t *testing.T) {
	for _, one := range hostile {
		c := house(t)
		counted := &counting{Resolver: c.Resolver}
		c.Resolver = counted
		l := from(t, "author.example").by(stranger, "h", "x@mallory.example")
		one.mail(l)
		r := l.arrive(c)
		got := strings.TrimPrefix(r.told(), "spf=pass helo=none iprev=fail ")
		if got != one.want {
			t.Errorf("%s:\n     %s\nwant %s\n", one.name, got, one.want)
		}
		if n := counted.questions(); n > 80 {
			t.Errorf("%s: %d questions", one.name, n)
		}
		found, err := authres.Parse(r.Add)
		if said := found.Of("dmarc"); err != nil || len(said) != max(1, len(r.DMARC.Authors)) || found.ID != "mx.here.example" {
			t.Errorf("%s: our field says %q", one.name, r.Add)
		}
		if strings.Contains(r.Add, "dmarc=pass") != (r.DMARC.Result == dmarc.Pass) {
			t.Errorf("%s: our field says %q", one.name, r.Add)
		}
	}
}
