package publish

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/domain/mtasts"
	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

var testNow = time.Date(2026, 11, 30, 18, 0, 0, 0, time.UTC)

// edKey is a key whose private half nobody has.
var edKey = Record{Selector: "s1", Algorithm: "ed25519", Public: bytes.Repeat([]byte{7}, 32)}

var edText = edKey.Text()

// rsaKey is a key of some bits at the selector old.
func rsaKey(t *testing.T, bits int) Record {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return Record{Selector: "old", Algorithm: "rsa", Public: public}
}

// looked is the plan for example.org with some more in its zone. The zone names no servers: the resolver's word counts.
func looked(t *testing.T, s Site, more string) *Plan {
	t.Helper()
	const always = "@ SOA ns host 1 1 1 1 1\n@ MX 10 mx\nmx A 192.0.2.25\n"
	zone, err := dns.ParseZone(strings.NewReader("$TTL 300\n"+always+more), "example.org.", "zone")
	if err != nil {
		t.Fatal(err)
	}
	if s.Domain == "" {
		s.Domain = "example.org"
	}
	p, err := Look(t.Context(), Config{Resolver: zone, Now: testNow}, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Plan) item(topic Topic) *Item {
	i := slices.IndexFunc(p.Items, func(i *Item) bool { return i.Topic == topic })
	if i < 0 {
		return &Item{}
	}
	return p.Items[i]
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestWhatIsThereAndWhatIsToBeDone(t *testing.T) {
	mine := Site{Senders: addrs("192.0.2.25")}
	keyed := Site{Senders: addrs("192.0.2.25"), Keys: []Record{edKey}}
	retired := Site{Keys: []Record{{Selector: "s1", Algorithm: "ed25519", Public: edKey.Public, Retired: true}}}
	given := Site{Keys: []Record{{Selector: "s1", Algorithm: "ed25519", Public: edKey.Public, Retired: true, Given: true}}}
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32))
	short := base64.StdEncoding.EncodeToString(rsaKey(t, 1024).Public)
	for _, c := range []struct {
		name  string
		site  Site
		zone  string
		topic Topic
		act   Act
		want  string
		gone  []string
	}{
		{"no policy, and the exchanger sends", mine, "", SPF, Add, "v=spf1 mx ~all", nil},
		{"no policy, and another address sends too", Site{Senders: addrs("192.0.2.25", "192.0.2.99", "2001:db8::1")}, "", SPF, Add, "v=spf1 mx ip4:192.0.2.99 ip6:2001:db8::1 ~all", nil},
		{"no policy, and the exchanger does not send", Site{Senders: addrs("192.0.2.99")}, "", SPF, Add, "v=spf1 ip4:192.0.2.99 ~all", nil},
		{"no policy, and the domain's address sends", Site{Senders: addrs("192.0.2.80")}, "@ A 192.0.2.80\n", SPF, Add, "v=spf1 a ~all", nil},
		{"a policy that covers the sender", mine, "@ TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n", SPF, Keep, "v=spf1 ip4:192.0.2.0/24 -all", nil},
		{"a policy that could be better", mine, "@ TXT \"v=spf1  MX ip4:192.0.2.25 -all\"\n", SPF, Keep, "v=spf1  MX ip4:192.0.2.25 -all", nil},
		{"a policy that forgets the sender", mine, "@ TXT \"v=spf1 ip4:192.0.2.80 -all\"\n", SPF, Change, "v=spf1 ip4:192.0.2.25 ip4:192.0.2.80 -all", []string{"v=spf1 ip4:192.0.2.80 -all"}},
		{"a policy with an open end", mine, "@ TXT \"v=spf1 mx\"\n", SPF, Change, "v=spf1 mx ~all", []string{"v=spf1 mx"}},
		{"two policies", mine, "@ TXT \"v=spf1 mx -all\"\n@ TXT \"v=spf1 ip4:192.0.2.80 -all\"\n", SPF, Change, "v=spf1 mx ip4:192.0.2.80 -all", []string{"v=spf1 ip4:192.0.2.80 -all", "v=spf1 mx -all"}},
		{"nobody says what sends", Site{}, "", SPF, Add, "v=spf1 ip4:192.0.2.25 ~all", nil},
		{"a part of the policy is gone", mine, "@ TXT \"v=spf1 mx include:spf.gone.example.org -all\"\n", SPF, Hand, "", nil},

		{"no key there", keyed, "", DKIM, Add, edText, nil},
		{"the key there, otherwise spelled", keyed, "s1._domainkey TXT \"k=ed25519; p=" + published(edText) + ";\"\n", DKIM, Keep, "k=ed25519; p=" + published(edText) + ";", nil},
		{"the key there, for sha1", keyed, "s1._domainkey TXT \"v=DKIM1; h=sha1; k=ed25519; p=" + published(edText) + "\"\n", DKIM, Change, edText, []string{"v=DKIM1; h=sha1; k=ed25519; p=" + published(edText)}},
		{"a revoked key there", keyed, "s1._domainkey TXT \"v=DKIM1; p=\"\n", DKIM, Change, edText, []string{"v=DKIM1; p="}},
		{"somebody's key there", keyed, "s1._domainkey TXT \"v=DKIM1; k=ed25519; p=" + other + "\"\n", DKIM, Hand, edText, nil},
		{"our key and somebody's", keyed, "s1._domainkey TXT \"v=DKIM1; k=ed25519; p=" + other + "\"\ns1._domainkey TXT \"" + edText + "\"\n", DKIM, Hand, edText, nil},
		{"somebody's short key there", keyed, "s1._domainkey TXT \"v=DKIM1; k=rsa; p=" + short + "\"\n", DKIM, Hand, edText, nil},
		{"somebody's key for reports there", keyed, "s1._domainkey TXT \"v=DKIM1; s=tlsrpt; k=ed25519; p=" + other + "\"\n", DKIM, Hand, edText, nil},
		{"somebody's key there that no receiver takes", keyed, "s1._domainkey TXT \"v=DKIM1; h=sha1; k=ed25519; p=" + other + "\"\n", DKIM, Change, edText, []string{"v=DKIM1; h=sha1; k=ed25519; p=" + other}},
		{"somebody's text where the key belongs", keyed, "s1._domainkey TXT \"not a key\"\n", DKIM, Add, edText, nil},
		{"a retired key there", retired, "s1._domainkey TXT \"" + edText + "\"\n", DKIM, Remove, "", []string{edText}},
		{"a retired key there, with a selector of others", given, "s1._domainkey TXT \"" + edText + "\"\n", DKIM, Hand, "", nil},
		{"a retired key gone, with a selector of others", given, "", DKIM, "", "", nil},
		{"a retired key gone", retired, "", DKIM, "", "", nil},
		{"somebody's key where ours was", retired, "s1._domainkey TXT \"v=DKIM1; k=ed25519; p=" + other + "\"\n", DKIM, Keep, "", nil},

		{"no DMARC", mine, "", DMARC, Add, "v=DMARC1; p=none; rua=mailto:postmaster@example.org", nil},
		{"no DMARC, and somebody reads", Site{Reports: "d@example.net"}, "", DMARC, Add, "v=DMARC1; p=none; rua=mailto:d@example.net", nil},
		{"DMARC that holds", mine, "_dmarc TXT \"v=DMARC1;p=reject\"\n", DMARC, Keep, "v=DMARC1;p=reject", nil},
		{"DMARC that holds, and somebody wants to read", Site{Reports: "d@example.net"}, "_dmarc TXT \"v=DMARC1;p=reject\"\n", DMARC, Change, "v=DMARC1; p=reject; rua=mailto:d@example.net", []string{"v=DMARC1;p=reject"}},
		{"DMARC with others to report to", Site{Reports: "d@example.net"}, "_dmarc TXT \"v=DMARC1;p=reject;rua=mailto:x@example.org\"\n", DMARC, Keep, "v=DMARC1;p=reject;rua=mailto:x@example.org", nil},
		{"two DMARC records", mine, "_dmarc TXT \"v=DMARC1; p=reject\"\n_dmarc TXT \"v=DMARC1; p=quarantine; rua=mailto:x@example.org\"\n", DMARC, Change, "v=DMARC1; p=none; rua=mailto:x@example.org", []string{"v=DMARC1; p=quarantine; rua=mailto:x@example.org", "v=DMARC1; p=reject"}},
		{"DMARC that holds, and almost one beside it", mine, "_dmarc TXT \"v=DMARC1; p=reject\"\n_dmarc TXT \"dmarc1; p=none\"\n", DMARC, Keep, "v=DMARC1; p=reject", nil},
		{"almost DMARC", mine, "_dmarc TXT \"dmarc1; p=reject\"\n", DMARC, Change, "v=DMARC1; p=none; rua=mailto:postmaster@example.org", []string{"dmarc1; p=reject"}},
		{"DMARC and somebody's text", mine, "_dmarc TXT \"site-verification=1\"\n", DMARC, Add, "v=DMARC1; p=none; rua=mailto:postmaster@example.org", nil},

		{"no TLS-RPT", mine, "", TLSRPT, Add, "v=TLSRPTv1; rua=mailto:postmaster@example.org", nil},
		{"TLS-RPT", mine, "_smtp._tls TXT \"v=TLSRPTv1;rua=https://example.net/t\"\n", TLSRPT, Keep, "v=TLSRPTv1;rua=https://example.net/t", nil},
		{"TLS-RPT without a scheme", mine, "_smtp._tls TXT \"v=TLSRPTv1; rua=x@example.org\"\n", TLSRPT, Change, "v=TLSRPTv1; rua=mailto:x@example.org", []string{"v=TLSRPTv1; rua=x@example.org"}},

		{"no MTA-STS, and none wanted", mine, "", MTASTS, "", "", nil},
		{"MTA-STS of somebody", mine, "_mta-sts TXT \"v=STSv1; id=1;\"\n", MTASTS, Keep, "v=STSv1; id=1;", nil},
		{"MTA-STS without an id", mine, "_mta-sts TXT \"v=STSv1;\"\n", MTASTS, Change, "v=STSv1; id=20261130180000", []string{"v=STSv1;"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			i := looked(t, c.site, c.zone).item(c.topic)
			slices.Sort(i.Gone)
			if i.Act != c.act || i.Want != c.want || !slices.Equal(i.Gone, c.gone) {
				t.Errorf("%s %q, without %q, because %q; wanted %s %q, without %q", i.Act, i.Want, i.Gone, i.Why, c.act, c.want, c.gone)
			}
		})
	}
}

// TestOtherTextsAreNobodysBusiness: verification codes beside the policy are neither shown as ours nor taken out.
func TestOtherTextsAreNobodysBusiness(t *testing.T) {
	p := looked(t, Site{Senders: addrs("192.0.2.25")}, "@ TXT \"v=spf1 ip4:192.0.2.80 -all\"\n@ TXT \"google-site-verification=abc\"\n@ TXT \"MS=ms123\"\n")
	i := p.item(SPF)
	if i.Other != 2 || len(i.Gone) != 1 || len(i.Now) != 1 {
		t.Errorf("%+v", i)
	}
	e := Edit{Before: i.truth.Texts, Remove: i.Gone, Add: []string{i.Want}}
	after := Seen{Outcome: dns.Answered, Texts: []string{"MS=ms123", "google-site-verification=abc", i.Want}}
	if !e.shown(&after) {
		t.Error("the other texts are not expected afterwards")
	}
	after.Texts = after.Texts[1:]
	if e.shown(&after) {
		t.Error("that one is gone is not seen")
	}
}

// TestARecordAboveIsNotDoubled: what holds for a name by the record of a domain above it needs none of its own.
func TestARecordAboveIsNotDoubled(t *testing.T) {
	p := looked(t, Site{Domain: "news.example.org", Senders: addrs("192.0.2.25")}, "news A 192.0.2.25\n_dmarc TXT \"v=DMARC1; p=reject\"\n")
	if i := p.item(DMARC); i.Act != "" {
		t.Errorf("%s %q", i.Act, i.Want)
	}
	if i := p.item(SPF); i.Act != Add || i.Want != "v=spf1 a ~all" || i.Zone != "example.org" || i.Field(p.Domain).Name != "news" {
		t.Errorf("%+v", i)
	}
}

// TestWhatDoesNotHoldIsNotPutBeforeAPolicyThatDoes: a record with p=none would end what the domain above says for this one.
func TestWhatDoesNotHoldIsNotPutBeforeAPolicyThatDoes(t *testing.T) {
	const above = "news A 192.0.2.25\n_dmarc TXT \"v=DMARC1; p=reject\"\n"
	for _, broken := range []string{
		"_dmarc.news TXT \"dmarc1; p=reject\"\n",
		"_dmarc.news TXT \"v=DMARC1; p=reject\"\n_dmarc.news TXT \"v=DMARC1; p=quarantine\"\n",
	} {
		i := looked(t, Site{Domain: "news.example.org", Senders: addrs("192.0.2.25")}, above+broken).item(DMARC)
		if i.Act != Hand || i.Want != "" || len(i.Gone) > 0 || !strings.Contains(strings.Join(i.Why, " "), "_dmarc.example.org holds for it") {
			t.Errorf("%q: %s %q, without %q, because %q", broken, i.Act, i.Want, i.Gone, i.Why)
		}
	}
}

// TestNoRecordThatIsMadeLetsOneSenderFewerPass: whoever passed before passes after, in every record that is put in another's place.
func TestNoRecordThatIsMadeLetsOneSenderFewerPass(t *testing.T) {
	others := "news TXT \"v=spf1 ip4:198.51.100.0/24 -all\"\nshop A 203.0.113.7\nloop TXT \"v=spf1 include:loop.example.org -all\"\n"
	for _, record := range []string{
		"v=spf1 ip4:192.0.2.80 include:news.example.org -all", "v=spf1 a:shop.example.org ip4:192.0.2.80 ~all", "v=spf1 -ip4:192.0.2.25 ip4:192.0.2.0/24 -all",
		"v=spf1 ip4:192.0.2.80 include:news.example.org ?all", "v=spf1 ptr ip4:203.0.113.0/28", "v=spf1 redirect=news.example.org", "v=spf1 ip4:198.51.100.7 a:gone.example.org -all",
		"v=spf1 ~ip4:192.0.2.25 ip4:192.0.2.24/31 include:news.example.org", "v=spf1 exists:%{i}._spf.example.org ip4:192.0.2.80 -all",
	} {
		p := looked(t, Site{Senders: addrs("192.0.2.25")}, others+"@ TXT \""+record+"\"\n")
		i := p.item(SPF)
		if i.Act != Change {
			t.Logf("%s: %s, %q", record, i.Act, i.Why)
			continue
		}
		before, after := walked(t, others, record), walked(t, others, i.Want)
		for _, net := range []string{"192.0.2.", "198.51.100.", "203.0.113."} {
			for n := range 256 {
				a := netip.MustParseAddr(fmt.Sprint(net, n))
				if before.Result(a).Result == spf.Pass && after.Result(a).Result != spf.Pass {
					t.Fatalf("%s passes by %q and not by %q", a, record, i.Want)
				}
			}
		}
		if after.Result(netip.MustParseAddr("192.0.2.25")).Result != spf.Pass {
			t.Errorf("%q became %q, and the sender does not pass", record, i.Want)
		}
	}
}

func walked(t *testing.T, others, record string) *spf.Tree {
	t.Helper()
	zone, err := dns.ParseZone(strings.NewReader("$TTL 300\n@ MX 10 mx\nmx A 192.0.2.25\n"+others+"@ TXT \""+record+"\"\n"), "example.org.", "zone")
	if err != nil {
		t.Fatal(err)
	}
	return spf.Walk(t.Context(), zone, "example.org")
}

func TestSilenceIsNoAbsence(t *testing.T) {
	zone, err := dns.ParseZone(strings.NewReader("$TTL 300\n@ SOA ns host 1 1 1 1 1\n@ MX 10 mx\nmx A 192.0.2.25\n_dmarc TXT \"v=DMARC1; p=reject\"\n"), "example.org.", "zone")
	if err != nil {
		t.Fatal(err)
	}
	zone.Fail("_tls.example.org", dns.Timeout)
	s := Site{Domain: "example.org", Senders: addrs("192.0.2.25")}
	p, err := Look(t.Context(), Config{Resolver: zone, Now: testNow}, s)
	if err != nil {
		t.Fatal(err)
	}
	if i := p.item(TLSRPT); i.Act != Unknown || len(i.Why) != 1 || p.Learned() || p.item(DMARC).Act != Keep {
		t.Errorf("%+v", i)
	}
	zone.Fail("example.org", dns.Timeout)
	if _, err = Look(t.Context(), Config{Resolver: zone, Now: testNow}, s); err == nil || !strings.Contains(err.Error(), "find the zone of example.org") {
		t.Errorf("%v", err)
	}
}

func TestAPolicyFileIsReadAsItWasMeant(t *testing.T) {
	text := PolicyFile(mtasts.Enforce, []string{"mx2.example.org", "mx1.example.org", "mx2.example.org"})
	p, err := mtasts.ParsePolicy(text)
	if err != nil || p.Mode != mtasts.Enforce || !slices.Equal(p.MX, []string{"mx1.example.org", "mx2.example.org"}) || p.MaxAge != 7*24*time.Hour {
		t.Errorf("%q is %+v, %v", text, p, err)
	}
	id, err := mtasts.ParseRecord("v=STSv1; id=" + PolicyID(text))
	if err != nil || id == PolicyID(PolicyFile(mtasts.Testing, p.MX)) {
		t.Errorf("%s, %v", id, err)
	}
}

// TestAShortKeyStopsNothing: one that was taken over signs, and receivers take 1024 bits (RFC 8301 section 3.2). One that signs no
// more is only taken out.
func TestAShortKeyStopsNothing(t *testing.T) {
	old := rsaKey(t, 1024)
	there := "old._domainkey TXT \"" + old.Text() + "\"\n"
	p := looked(t, Site{Keys: []Record{old, edKey}}, there)
	if i := p.Items[1]; i.Act != Keep || p.Items[2].Act != Add || len(p.Notes) == 0 || !strings.Contains(p.Notes[0], "old has 1024 bits") {
		t.Errorf("%s, %s, notes %q", i.Act, p.Items[2].Act, p.Notes)
	}
	old.Retired = true
	p = looked(t, Site{Keys: []Record{old}}, there)
	if i := p.item(DKIM); i.Act != Remove || slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "1024") }) {
		t.Errorf("%s, notes %q", i.Act, p.Notes)
	}
}

// TestManyRetiredKeysStopNothing: what signs comes first, whatever the order; what is left is said.
func TestManyRetiredKeysStopNothing(t *testing.T) {
	var all []Record
	for n := range 2 * maxKeys {
		all = append(all, Record{Selector: fmt.Sprint("r", n), Algorithm: "ed25519", Public: bytes.Repeat([]byte{9}, 32), Retired: true})
	}
	p := looked(t, Site{Keys: append(all, edKey)}, "")
	if i := p.item(DKIM); i.Name != "s1._domainkey.example.org" || i.Act != Add || !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, fmt.Sprint(maxKeys+1)+" retired keys") }) {
		t.Errorf("%+v, notes %q", i, p.Notes)
	}
	for n := range all {
		all[n].Retired = false
	}
	if _, err := Look(t.Context(), Config{Now: testNow}, Site{Domain: "example.org", Keys: all}); err == nil {
		t.Error("a domain has keys without end")
	}
}

func TestAKeyIsTakenFromWhatSignersRead(t *testing.T) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&r.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	rsaText := "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(spki)
	for _, c := range []struct {
		kind string
		der  []byte
		want string
	}{
		{"RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), rsaText}, {"PUBLIC KEY", spki, rsaText}, {"RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&r.PublicKey), rsaText},
		{"PRIVATE KEY", pkcs8, "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)},
	} {
		k, err := ParseKey("s1", pem.EncodeToMemory(&pem.Block{Type: c.kind, Bytes: c.der}))
		if err != nil || k.Text() != c.want {
			t.Errorf("%s: %v, %v", c.kind, k, err)
		}
	}
	if _, err := ParseKey("s1", []byte("v=DKIM1")); err == nil {
		t.Error("what is no PEM is a key")
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseKey("s1", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(short)})); err == nil {
		t.Error("a key of 1024 bits is taken")
	}
}
