package mailauth

import (
	"testing"

	"postward/internal/mail/authres"
)

// cases are mails as they come, and what is said of them: SPF of the reverse-path, of HELO, iprev, DKIM, ARC, DMARC, and what
// is done. The first part is what honest people's mail goes through.
var cases = []struct {
	name string
	mail func(t testing.TB) *letter
	want string
}{
	{"signed, from its own server", func(t testing.TB) *letter { return from(t, "author.example").sign("author.example") },
		"spf=pass helo=pass iprev=pass dkim=pass arc=none dmarc=pass accept [signed]"},
	{"not signed, from its own server", func(t testing.TB) *letter { return from(t, "author.example") },
		"spf=pass helo=pass iprev=pass dkim= arc=none dmarc=pass accept"},
	{"signed, from anywhere", func(t testing.TB) *letter {
		return from(t, "author.example").sign("author.example").by(stranger, "somewhere", "x@unsaid.example")
	}, "spf=fail helo=none iprev=fail dkim=pass arc=none dmarc=pass accept [signed]"},
	{"a subdomain's, relaxed", func(t testing.TB) *letter { return from(t, "author.example").by(authors, "-", "x@news.author.example") },
		"spf=pass helo=none iprev=pass dkim= arc=none dmarc=pass accept"},
	{"an author in a subdomain, signed by the domain", func(t testing.TB) *letter {
		return from(t, "news.author.example").sign("author.example").by(forwards, "h", "")
	}, "spf=none helo=none iprev=fail dkim=pass arc=none dmarc=pass accept [signed]"},
	{"a domain that says nothing", func(t testing.TB) *letter { return from(t, "unsaid.example") },
		"spf=pass helo=pass iprev=pass dkim= arc=none dmarc=none accept"},
	{"a bounce of its own server", func(t testing.TB) *letter { return from(t, "author.example").by(authors, "mail.author.example", "") },
		"spf=pass helo=pass iprev=pass dkim= arc=none dmarc=pass accept"},
	{"forwarded as it was", func(t testing.TB) *letter {
		return from(t, "author.example").sign("author.example").top("Received: from a by b").by(forwards, "b", "-")
	}, "spf=fail helo=none iprev=fail dkim=pass arc=none dmarc=pass accept [relayed signed]"},
	{"forwarded by a listed one, never signed", func(t testing.TB) *letter {
		return from(t, "author.example").top("Received: from a by b").by(forwards, "out.forward.example", "-")
	}, "spf=fail helo=pass iprev=fail dkim= arc=none dmarc=fail accept listed forwarder out.forward.example [relayed]"},
	{"forwarded with the reverse-path of a listed one", func(t testing.TB) *letter {
		return from(t, "author.example").sign("author.example").footer().top("Received: from a by b").by(forwards, "b", "srs0=x@forward.example")
	}, "spf=pass helo=none iprev=fail dkim=fail arc=none dmarc=fail accept listed forwarder forward.example [relayed signed]"},
	{"changed, and signed by a listed forwarder", func(t testing.TB) *letter {
		return from(t, "author.example").top("Received: from a by b").sign("forward.example").by(stranger, "b", "-")
	}, "spf=fail helo=none iprev=fail dkim=pass arc=none dmarc=fail accept listed forwarder forward.example [relayed]"},
	{"forwarded by somebody, never signed", func(t testing.TB) *letter {
		return from(t, "author.example").top("Received: from a by b").by(stranger, "b", "-")
	}, "spf=fail helo=none iprev=fail dkim= arc=none dmarc=fail mark [relayed]"},
	{"a trusted list's footer", func(t testing.TB) *letter { return listed(t, "list.example", "pass") },
		"spf=pass helo=none iprev=pass dkim=fail arc=pass dmarc=fail accept trusted sealer list.example [relayed list sealed signed]"},
	{"a trusted list that saw it fail", func(t testing.TB) *letter { return listed(t, "list.example", "fail") },
		"spf=pass helo=none iprev=pass dkim=fail arc=pass dmarc=fail mark [relayed list sealed signed]"},
	{"a strange list's footer", func(t testing.TB) *letter { return listed(t, "forward.example", "pass") },
		"spf=pass helo=none iprev=pass dkim=fail arc=pass dmarc=fail mark [relayed list sealed signed]"},
	{"a trusted list's mail, changed behind it", func(t testing.TB) *letter { return listed(t, "list.example", "pass").footer() },
		"spf=pass helo=none iprev=pass dkim=fail arc=fail dmarc=fail mark [relayed list sealed signed]"},
	{"a trusted list below a stranger", func(t testing.TB) *letter {
		return listed(t, "list.example", "pass").seal("mallory.example", authres.DMARC("pass", "author.example", "none")).by(stranger, "h", "-")
	}, "spf=fail helo=none iprev=fail dkim=fail arc=pass dmarc=fail mark [relayed list sealed signed]"},
	{"a trusted list that tells of another author", func(t testing.TB) *letter {
		return from(t, "author.example").seal("list.example", authres.DMARC("pass", "unsaid.example", "none")).by(lists, "lists.list.example", "l@list.example")
	}, "spf=pass helo=none iprev=pass dkim= arc=pass dmarc=fail mark [sealed]"},
	{"a trusted list that tells of two results", func(t testing.TB) *letter {
		return from(t, "author.example").seal("list.example", authres.DMARC("pass", "author.example", "none"), authres.DMARC("fail", "author.example", "none")).
			by(lists, "lists.list.example", "l@list.example")
	}, "spf=pass helo=none iprev=pass dkim= arc=pass dmarc=fail mark [sealed]"},
	{"a trusted list that tells of two results, the better one last", func(t testing.TB) *letter {
		return from(t, "author.example").seal("list.example", authres.DMARC("fail", "author.example", "none"), authres.DMARC("pass", "author.example", "none")).
			by(lists, "lists.list.example", "l@list.example")
	}, "spf=pass helo=none iprev=pass dkim= arc=pass dmarc=fail mark [sealed]"},
	{"two From, by a listed forwarder", func(t testing.TB) *letter {
		return from(t, "author.example").bottom("From: x@mallory.example").by(forwards, "out.forward.example", "-")
	}, "spf=fail helo=pass iprev=fail dkim= arc=none dmarc=permerror mark"},
	{"a careless author that is exempt", func(t testing.TB) *letter { return from(t, "careless.example").by(stranger, "h", "-") },
		"spf=fail helo=none iprev=fail dkim= arc=none dmarc=fail accept exempt author careless.example"},
	{"a careless author beside another", func(t testing.TB) *letter {
		return from(t, "careless.example").is("From", "a@careless.example, b@author.example").by(stranger, "h", "-")
	}, "spf=fail helo=none iprev=fail dkim= arc=none dmarc=fail reject"},

	{"p=reject, straight from somewhere", func(t testing.TB) *letter { return from(t, "author.example").by(stranger, "h", "-") },
		"spf=fail helo=none iprev=fail dkim= arc=none dmarc=fail reject"},
	{"p=reject, with a passing domain of his own", func(t testing.TB) *letter {
		return from(t, "author.example").sign("mallory.example").by(stranger, "h", "x@mallory.example")
	}, "spf=pass helo=none iprev=fail dkim=pass arc=none dmarc=fail reject"},
	{"p=reject, a subdomain that does not exist", func(t testing.TB) *letter { return from(t, "nobody.author.example").by(stranger, "h", "-") },
		"spf=none helo=none iprev=fail dkim= arc=none dmarc=fail reject"},
	{"np=reject", func(t testing.TB) *letter { return from(t, "nobody.np.example").by(stranger, "h", "-") },
		"spf=none helo=none iprev=fail dkim= arc=none dmarc=fail reject"},
	{"strict, of a subdomain", func(t testing.TB) *letter { return from(t, "strict.example").by(authors, "-", "x@sub.strict.example") },
		"spf=pass helo=none iprev=pass dkim= arc=none dmarc=fail reject"},
	{"strict, signed by a subdomain", func(t testing.TB) *letter {
		return from(t, "strict.example").sign("sub.strict.example").by(stranger, "h", "")
	}, "spf=none helo=none iprev=fail dkim=pass arc=none dmarc=fail mark [signed]"},
	{"p=quarantine", func(t testing.TB) *letter { return from(t, "careful.example").by(stranger, "h", "-") },
		"spf=fail helo=none iprev=fail dkim= arc=none dmarc=fail mark"},
	{"p=none", func(t testing.TB) *letter { return from(t, "watching.example").by(stranger, "h", "-") },
		"spf=fail helo=none iprev=fail dkim= arc=none dmarc=fail accept"},
	{"t=y", func(t testing.TB) *letter { return from(t, "testing.example").by(stranger, "h", "-") },
		"spf=fail helo=none iprev=fail dkim= arc=none dmarc=fail mark"},
	{"-all alone", func(t testing.TB) *letter { return from(t, "unsaid.example").by(stranger, "h", "-") },
		"spf=fail helo=none iprev=fail dkim= arc=none dmarc=none accept"},
	{"HELO passes, and the author is its domain, with a reverse-path", func(t testing.TB) *letter {
		return from(t, "author.example").by(authors, "mail.author.example", "x@mallory.example")
	}, "spf=fail helo=pass iprev=pass dkim= arc=none dmarc=fail reject"},
	{"a client of IPv6", func(t testing.TB) *letter { return from(t, "mallory.example").by(strangers6, "h", "-") },
		"spf=pass helo=none iprev=permerror dkim= arc=none dmarc=pass accept"},
	{"two DMARC records are none", func(t testing.TB) *letter { return from(t, "twice.example").by(stranger, "h", "-") },
		"spf=permerror helo=none iprev=fail dkim= arc=none dmarc=none accept"},
	{"a DMARC record that cannot be read", func(t testing.TB) *letter { return from(t, "spoilt.example").by(stranger, "h", "-") },
		"spf=none helo=none iprev=fail dkim= arc=none dmarc=permerror accept"},
	{"eleven look-ups", func(t testing.TB) *letter { return from(t, "ten.example") },
		"spf=permerror helo=pass iprev=pass dkim= arc=none dmarc=none accept"},
	{"three void look-ups", func(t testing.TB) *letter { return from(t, "void.example") },
		"spf=permerror helo=pass iprev=pass dkim= arc=none dmarc=none accept"},
	{"ptr", func(t testing.TB) *letter { return from(t, "names.example").by(authors, "h", "x@names.example") },
		"spf=fail helo=none iprev=pass dkim= arc=none dmarc=none accept"},
	{"names of one label have no policy", func(t testing.TB) *letter { return from(t, "unsaid.example").by(authors, "example", "x@example") },
		"spf=none helo=none iprev=pass dkim= arc=none dmarc=none accept"},
	{"exists", func(t testing.TB) *letter { return from(t, "seen.example") },
		"spf=pass helo=pass iprev=pass dkim= arc=none dmarc=none accept"},

	{"as us, by a stranger", func(t testing.TB) *letter { return from(t, "ours.example").by(stranger, "h", "x@mallory.example") },
		"spf=pass helo=none iprev=fail dkim= arc=none dmarc=fail mark as us"},
	{"as us, without a record", func(t testing.TB) *letter { return from(t, "bare.example").by(stranger, "h", "x@mallory.example") },
		"spf=pass helo=none iprev=fail dkim= arc=none dmarc=none mark as us"},
	{"ours, signed by the top-level domain", func(t testing.TB) *letter {
		return from(t, "bare.example").sign("example").by(stranger, "h", "x@mallory.example")
	}, "spf=pass helo=none iprev=fail dkim=pass arc=none dmarc=none mark as us [signed]"},
	{"ours, signed by ours", func(t testing.TB) *letter {
		return from(t, "bare.example").sign("bare.example").by(stranger, "h", "x@mallory.example")
	},
		"spf=pass helo=none iprev=fail dkim=pass arc=none dmarc=none accept [signed]"},
	{"a subdomain of ours, signed by another of ours", func(t testing.TB) *letter {
		return from(t, "plain.ours.example").sign("ours.example").by(stranger, "h", "x@mallory.example")
	}, "spf=pass helo=none iprev=fail dkim=pass arc=none dmarc=pass accept [signed]"},
	{"ours, back from a trusted list", func(t testing.TB) *letter {
		return from(t, "ours.example").sign("ours.example").seal("list.example", authres.DMARC("pass", "ours.example", "none")).top("List-Id: <x.list.example>").
			is("Subject", "[x] a test").by(lists, "h", "l@list.example")
	}, "spf=pass helo=none iprev=pass dkim=fail arc=fail dmarc=fail mark as us [list sealed signed]"},
	{"ours, back from a listed forwarder", func(t testing.TB) *letter {
		return from(t, "ours.example").top("Received: from a by b").by(forwards, "out.forward.example", "-")
	}, "spf=fail helo=pass iprev=fail dkim= arc=none dmarc=fail accept listed forwarder out.forward.example as us [relayed]"},

	{"the author's DNS is silent", func(t testing.TB) *letter { return from(t, "silent.example").by(stranger, "h", "-") },
		"spf=temperror helo=none iprev=fail dkim= arc=none dmarc=temperror accept"},
	{"the author's DNS fails", func(t testing.TB) *letter { return from(t, "failing.example").by(stranger, "h", "-") },
		"spf=temperror helo=none iprev=fail dkim= arc=none dmarc=temperror accept"},
	{"a silent name below the author's domain", func(t testing.TB) *letter {
		return from(t, "author.example").by(stranger, "h", "x@silent.author.example")
	},
		"spf=temperror helo=none iprev=fail dkim= arc=none dmarc=temperror mark"},
	{"a silent name of somebody else", func(t testing.TB) *letter { return from(t, "author.example").by(stranger, "h", "x@silent.example") },
		"spf=temperror helo=none iprev=fail dkim= arc=none dmarc=fail reject"},
	{"a chain of aliases that bites its tail", func(t testing.TB) *letter { return from(t, "loop.example").by(stranger, "h", "-") },
		"spf=temperror helo=none iprev=fail dkim= arc=none dmarc=none accept"},
}

// listed is a mail of a list that wrote into it, sealed it, and found that when it came in.
func listed(t testing.TB, sealer, found string) *letter {
	l := from(t, "author.example").sign("author.example").top("Received: from mail.author.example by lists.list.example")
	l.is("Subject", "[x] a test").footer().bottom("List-Id: <x.list.example>")
	return l.seal(sealer, authres.DMARC(found, "author.example", "none")).by(lists, "lists.list.example", "x-bounces@list.example")
}

func TestMailsAreJudged(t *testing.T) {
	c := house(t)
	for _, one := range cases {
		r := one.mail(t).arrive(c)
		if got := r.told(); got != one.want {
			t.Errorf("%s:\n     %s\nwant %s\n%+v", one.name, got, one.want, r.DKIM)
		}
	}
}
