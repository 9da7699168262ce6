package mailauth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/mail/arc"
	"postward/internal/mail/authres"
	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
	"postward/internal/wire/dns"
)

// now is when mails are judged.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// Clients: a server of each author's domain, of a list, of a forwarder, and somebody else's machine.
var (
	authors    = netip.MustParseAddr("192.0.2.1")
	lists      = netip.MustParseAddr("198.51.100.5")
	forwards   = netip.MustParseAddr("198.51.100.7")
	strangers6 = netip.MustParseAddr("2001:db8:66::66")
	stranger   = netip.MustParseAddr("203.0.113.66")
)

// domains are what is published: a domain, its SPF policy and its DMARC record. Each has a key for DKIM and one for ARC.
var domains = [][3]string{
	{"author.example", "v=spf1 ip4:192.0.2.1 -all", "v=DMARC1; p=reject"},
	{"news.author.example", "v=spf1 ip4:192.0.2.1 -all", ""},
	{"strict.example", "v=spf1 ip4:192.0.2.1 -all", "v=DMARC1; p=reject; adkim=s; aspf=s"},
	{"sub.strict.example", "v=spf1 ip4:192.0.2.1 -all", ""},
	{"careful.example", "v=spf1 ip4:192.0.2.1 -all", "v=DMARC1; p=quarantine"},
	{"watching.example", "v=spf1 ip4:192.0.2.1 -all", "v=DMARC1; p=none; rua=mailto:d@watching.example"},
	{"testing.example", "v=spf1 ip4:192.0.2.1 -all", "v=DMARC1; p=reject; t=y"},
	{"unsaid.example", "v=spf1 ip4:192.0.2.1 -all", ""},
	{"ours.example", "v=spf1 ip4:192.0.2.25 -all", "v=DMARC1; p=none"},
	{"plain.ours.example", "v=spf1 ip4:192.0.2.25 -all", ""},
	{"bare.example", "v=spf1 ip4:192.0.2.25 -all", ""},
	{"list.example", "v=spf1 ip4:198.51.100.5 -all", "v=DMARC1; p=none"},
	{"forward.example", "v=spf1 ip4:198.51.100.7 -all", ""},
	{"mallory.example", "v=spf1 ip4:203.0.113.66 ip6:2001:db8:66::/48 -all", "v=DMARC1; p=reject"},
	{"example", "v=spf1 +all", ""},
	{"careless.example", "v=spf1 -all", "v=DMARC1; p=reject"},
	{"np.example", "v=spf1 -all", "v=DMARC1; p=none; sp=quarantine; np=reject"},
}

// more is what else the zone has.
const more = `
1.2.0.192.in-addr.arpa. IN PTR mail.author.example.
mail.author.example. IN A 192.0.2.1
mail.author.example. IN TXT "v=spf1 a -all"
5.100.51.198.in-addr.arpa. IN PTR lists.list.example.
lists.list.example. IN A 198.51.100.5
66.113.0.203.in-addr.arpa. IN PTR mail.author.example.
7.100.51.198.in-addr.arpa. IN PTR nowhere.forward.example.
out.forward.example. IN TXT "v=spf1 ip4:198.51.100.7 -all"
ten.example. IN TXT "v=spf1 include:i1.ten.example include:i2.ten.example include:i3.ten.example include:i4.ten.example include:i5.ten.example include:i6.ten.example include:i7.ten.example include:i8.ten.example include:i9.ten.example include:i10.ten.example include:i11.ten.example ip4:192.0.2.1 -all"
*.ten.example. IN TXT "v=spf1 ?ip4:10.9.8.7"
void.example. IN TXT "v=spf1 a:a.void.example a:b.void.example a:c.void.example ip4:192.0.2.1 -all"
twice.example. IN TXT "v=spf1 -all"
twice.example. IN TXT "v=spf1 +all"
_dmarc.twice.example. IN TXT "v=DMARC1; p=reject"
_dmarc.twice.example. IN TXT "v=DMARC1; p=none"
_dmarc.spoilt.example. IN TXT "v=DMARC1; p=rejekt"
loop.example. IN CNAME loop2.example.
loop2.example. IN CNAME loop.example.
_dmarc.silentspf.example. IN TXT "v=DMARC1; p=reject"
_dmarc.silentkey.example. IN TXT "v=DMARC1; p=reject"
silentkey.example. IN TXT "v=spf1 -all"
names.example. IN TXT "v=spf1 ptr -all"
seen.example. IN TXT "v=spf1 exists:%{i}._spf.seen.example -all"
192.0.2.1._spf.seen.example. IN A 127.0.0.2
`

// zone is what the DNS has.
func zone(t testing.TB) *dns.Zone {
	t.Helper()
	var text strings.Builder
	for _, d := range domains {
		if d[1] != "" {
			fmt.Fprintf(&text, "%s. IN TXT %q\n", d[0], d[1])
		}
		if d[2] != "" {
			fmt.Fprintf(&text, "_dmarc.%s. IN TXT %q\n", d[0], d[2])
		}
		fmt.Fprintf(&text, "test._domainkey.%s. IN TXT %q\n", d[0], published(d[0]))
	}
	z, err := dns.ParseZone(strings.NewReader(text.String()+more), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"silent.example", "silentspf.example", "_domainkey.silentkey.example", "silent.author.example"} {
		z.Fail(name, dns.Timeout)
	}
	z.Fail("failing.example", dns.Failure)
	z.Fail("9.0.0.10.in-addr.arpa", dns.Failure)
	return z
}

func key(domain string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

func published(domain string) string {
	return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key(domain).Public().(ed25519.PublicKey))
}

// letter is a mail on its way.
type letter struct {
	t       testing.TB
	session Session
	header  []canon.Field // top first
	body    string
	cut     bool // there is more of the header section
}

// from is a letter of an author as his domain's server hands it to us.
func from(t testing.TB, domain string) *letter {
	l := &letter{t: t, body: "Hello,\r\n\r\nthis is a test.\r\n"}
	l.session = Session{Client: authors, Helo: "mail.author.example", MailFrom: "anna@" + domain}
	return l.bottom("From: Anna <anna@"+domain+">", "To: you@here.example", "Subject: a test", "Date: Sun, 01 Nov 2026 11:00:00 +0000",
		"Message-ID: <1@"+domain+">")
}

// by has another client hand it over, with another reverse-path ("-": the same).
func (l *letter) by(client netip.Addr, helo, mailFrom string) *letter {
	l.session.Client, l.session.Helo = client, helo
	if mailFrom != "-" {
		l.session.MailFrom = mailFrom
	}
	return l
}

func (l *letter) top(lines ...string) *letter {
	for _, line := range lines {
		l.header = slices.Insert(l.header, 0, field(line))
	}
	return l
}

func (l *letter) bottom(lines ...string) *letter {
	for _, line := range lines {
		l.header = append(l.header, field(line))
	}
	return l
}

func field(line string) canon.Field {
	name, value, _ := strings.Cut(line, ":")
	return canon.Field{Name: name, Value: value}
}

// is sets a field, or takes it out.
func (l *letter) is(name, value string) *letter {
	i := slices.IndexFunc(l.header, func(f canon.Field) bool { return f.Is(name) })
	if value == "" {
		l.header = slices.Delete(l.header, i, i+1)
		return l
	}
	l.header[i].Value = " " + value
	return l
}

func (l *letter) footer() *letter { l.body += "-- \r\nlist\r\n"; return l }

func (l *letter) hashed(forms ...canon.Form) *canon.Body {
	b := canon.NewBody(forms...)
	b.Write([]byte(l.body))
	return b
}

// sign adds a signature of a domain.
func (l *letter) sign(domain string) *letter {
	s, err := dkim.NewSigner(domain, "test", key(domain))
	if err != nil {
		l.t.Fatal(err)
	}
	f, err := s.Sign(l.header, l.hashed(dkim.SignedForms()...), now.Add(-time.Hour))
	if err != nil {
		l.t.Fatal(err)
	}
	l.header = slices.Insert(l.header, 0, f)
	return l
}

// seal adds a set of ARC of a domain, that says so of the mail as it came in.
func (l *letter) seal(domain string, found ...authres.Result) *letter {
	s, err := arc.NewSealer(domain, "test", key(domain))
	if err != nil {
		l.t.Fatal(err)
	}
	service, err := authres.New(domain)
	if err != nil {
		l.t.Fatal(err)
	}
	chain := arc.Read(l.header)
	was := chain.Validate(l.t.Context(), zone(l.t), l.hashed(chain.Forms()...), now)
	set, err := s.Seal(chain, l.header, was, service.Payload(found...), l.hashed(s.Forms()...), now.Add(-time.Hour))
	if err != nil {
		l.t.Fatal(err)
	}
	l.header = append(set, l.header...)
	return l
}

// arrive sends it, in pieces.
func (l *letter) arrive(c *Checker) Result {
	m := c.Begin(l.t.Context(), l.session)
	m.Header(l.header, l.cut)
	for piece := range slices.Chunk([]byte(l.body), 7000) {
		m.Write(piece)
	}
	return m.End(now)
}

// house is a checker as an operator would have it.
func house(t testing.TB) *Checker {
	service, err := authres.New("mx.here.example", "here.example")
	if err != nil {
		t.Fatal(err)
	}
	one := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	return &Checker{Resolver: zone(t), Service: service, Trusted: one("list.example"), Forwarder: one("forward.example", "out.forward.example"),
		Exempt: one("careless.example"), Ours: one("ours.example", "plain.ours.example", "bare.example")}
}

// told is a result in few words.
func (r *Result) told() string {
	var b strings.Builder
	fmt.Fprintf(&b, "spf=%s helo=%s iprev=%s dkim=", r.MailFrom.Result, r.HELO.Result, r.IPRev.Result)
	for i, s := range r.DKIM {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s.Status.String())
	}
	fmt.Fprintf(&b, " arc=%s dmarc=%s %s", r.ARC.Status, r.DMARC.Result, r.Disposition)
	if r.Overridden != "" {
		fmt.Fprintf(&b, " %s %s", r.Overridden, r.By)
	}
	if r.AsUs {
		b.WriteString(" as us")
	}
	if len(r.Signs) > 0 {
		fmt.Fprintf(&b, " %s", r.Signs)
	}
	return b.String()
}
