package dns

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

func TestReverseNames(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.99":        "99.2.0.192",
		"::ffff:127.0.0.2":  "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0",
		"2001:db8:1:2::567": "7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2",
		"fe80::1%eth0":      "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f",
	} {
		if got := Reverse(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestAMappedAddresssNamesAreIPv4s(t *testing.T) {
	if got := ReverseName(netip.MustParseAddr("::ffff:192.0.2.1")); got != "1.2.0.192.in-addr.arpa." {
		t.Error(got)
	}
}

func TestShowIsHarmless(t *testing.T) {
	for name, want := range map[string]string{
		"mx.example.":             "mx.example",
		".":                       ".",
		"<b>.example":             `\060b\062.example`,
		"a\x1b]0;x\a.example":     `a\027\0930\059x\007.example`,
		`a\027b.example`:          `a\027b.example`,
		"\u202eelpmaxe.example":   `\226\128\174elpmaxe.example`,
		strings.Repeat("a.", 200): strings.Repeat("a.", 127) + "a...",
	} {
		if got := Show(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestARecordOfAWholeCertificateIsNotCut(t *testing.T) {
	want := "3 0 0 " + strings.Repeat("30", 4000)
	z, err := ParseZone(strings.NewReader("_25._tcp.mx.example. TLSA "+want+"\n"), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	if a := z.Lookup(t.Context(), "_25._tcp.mx.example", TLSA); len(a.Others) != 1 || a.Others[0] != want {
		t.Errorf("%d octets of %d", len(a.Others[0]), len(want))
	}
}

const example = `
$ORIGIN example.
$TTL 300
@        IN SOA ns.example. host.example. 1 2 3 4 60
         MX 20 b.example.
         MX 10 A.example.
a        A 192.0.2.1
         A 192.0.2.2
         AAAA 2001:db8::1
         TXT "v=spf1 " "-all"
odd      TXT "\027[31m<b>\"\\"
alias    CNAME a
chain    CNAME alias
lost     CNAME nowhere
loop     CNAME pool
pool     CNAME loop
*.wild   A 192.0.2.9
b.c      A 192.0.2.3
null     MX 0 .
_25._tcp.a TLSA 3 1 1 abcdef
1.2.0.192.in-addr.arpa. PTR A.example.
`

func zone(t *testing.T, text string) *Zone {
	t.Helper()
	z, err := ParseZone(strings.NewReader(text), "example", "example.dns")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestZoneAnswersAsAServerWould(t *testing.T) {
	z := zone(t, example)
	z.Fail("broken.example", Failure)
	minute, five := time.Minute, 5*time.Minute
	cases := []struct {
		name string
		t    Type
		want Answer
	}{
		{"a.example", A, Answer{Outcome: Answered, TTL: five, Addrs: addrs("192.0.2.1", "192.0.2.2")}},
		{"A.EXAMPLE.", TXT, Answer{Outcome: Answered, TTL: five, Texts: []string{"v=spf1 -all"}}},
		{"odd.example", TXT, Answer{Outcome: Answered, TTL: five, Texts: []string{"\x1b[31m<b>\"\\"}}},
		{"example", MX, Answer{Outcome: Answered, TTL: five, Exchangers: []Exchanger{{10, "a.example"}, {20, "b.example"}}}},
		{"null.example", MX, Answer{Outcome: Answered, TTL: five, Exchangers: []Exchanger{{0, "."}}}},
		{"chain.example", A, Answer{Outcome: Answered, TTL: five, Addrs: addrs("192.0.2.1", "192.0.2.2")}},
		{"alias.example", CNAME, Answer{Outcome: Answered, TTL: five, Names: []string{"a.example"}}},
		{"_25._tcp.a.example", TLSA, Answer{Outcome: Answered, TTL: five, Others: []string{"3 1 1 abcdef"}}},
		{"x.y.wild.example", A, Answer{Outcome: Answered, TTL: five, Addrs: addrs("192.0.2.9")}},
		{"a.example", MX, Answer{Outcome: NoData, TTL: minute}},
		{"c.example", A, Answer{Outcome: NoData, TTL: minute}},
		{"x.a.example", A, Answer{Outcome: NoName, TTL: minute}},
		{"lost.example", A, Answer{Outcome: NoName, TTL: minute}},
		{"loop.example", A, Answer{Outcome: Lying}},
		{"x.broken.example", A, Answer{Outcome: Failure}},
	}
	for _, c := range cases {
		if got := z.Lookup(t.Context(), c.name, c.t); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s: %+v, want %+v", c.name, c.t, got, c.want)
		}
	}
	if a := z.PTR(t.Context(), netip.MustParseAddr("192.0.2.1")); !slices.Equal(a.Names, []string{"a.example"}) {
		t.Errorf("PTR: %+v", a)
	}
	if a := z.Addresses(t.Context(), "a.example"); !slices.Equal(a.Addrs, addrs("192.0.2.1", "192.0.2.2", "2001:db8::1")) || a.Incomplete {
		t.Errorf("addresses: %+v", a)
	}
}

func TestAZoneCanAnswerForEverything(t *testing.T) {
	z := zone(t, "*. A 198.51.100.1\n")
	if a := z.Lookup(t.Context(), "any.thing", A); a.Outcome != Answered {
		t.Errorf("%+v", a)
	}
	if z.Fail(".", Refused); z.Lookup(t.Context(), "any.thing", A).Outcome != Refused {
		t.Error("the root does not fail")
	}
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestABadZoneFileNamesItsLine(t *testing.T) {
	for _, text := range []string{"a A 192.0.2.1\nb A what\n", "a A 192.0.2.1\n$INCLUDE /etc/passwd\n"} {
		if _, err := ParseZone(strings.NewReader(text), "example", "bad.dns"); err == nil || !strings.Contains(err.Error(), "bad.dns") ||
			!strings.Contains(err.Error(), "line: 2") {
			t.Errorf("%v", err)
		}
	}
}

func TestOneFamilysFailureDoesNotHideTheOther(t *testing.T) {
	one := Answer{Outcome: Answered, TTL: time.Minute, Addrs: addrs("192.0.2.1")}
	for _, c := range []struct {
		other Answer
		want  Answer
	}{
		{Answer{Outcome: NoData, TTL: time.Hour}, one},
		{Answer{Outcome: Timeout}, Answer{Outcome: Answered, Incomplete: true, Addrs: one.Addrs}},
	} {
		if got := both(one, c.other); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v", got)
		}
		if got := both(c.other, one); !reflect.DeepEqual(got, c.want) {
			t.Errorf("the other way round: %+v", got)
		}
	}
	if got := both(Answer{Outcome: NoData, TTL: time.Hour}, Answer{Outcome: Failure}); got.Outcome != Failure || got.TTL != 0 {
		t.Errorf("no data and a failure: %+v", got)
	}
}

func TestChainsAreBounded(t *testing.T) {
	m := &mdns.Msg{}
	for i := range MaxChain {
		m.Answer = append(m.Answer, rr(t, string(rune('a'+i))+". CNAME "+string(rune('b'+i))+".")...)
	}
	m.Answer = append(m.Answer, rr(t, "m. A 192.0.2.1")...)
	if a := read(m, question{"b.", A}); a.Outcome != Answered {
		t.Errorf("%d aliases: %s", MaxChain-1, a.Outcome)
	}
	if a := read(m, question{"a.", A}); a.Outcome != Lying {
		t.Errorf("%d aliases: %s", MaxChain, a.Outcome)
	}
}

func TestTTLs(t *testing.T) {
	for _, c := range []struct {
		what string
		m    *mdns.Msg
		want time.Duration
	}{
		{"the chain's least", &mdns.Msg{Answer: rr(t, "a. 60 CNAME b.", "b. 300 A 192.0.2.1")}, time.Minute},
		{"at most a day", &mdns.Msg{Answer: rr(t, "a. 864000 A 192.0.2.1")}, 24 * time.Hour},
		{"the sign bit is zero", &mdns.Msg{Answer: rr(t, "a. 4294967295 A 192.0.2.1")}, 0},
		{"SOA's own TTL", &mdns.Msg{Ns: rr(t, ". 30 SOA a. b. 1 2 3 4 3600")}, 30 * time.Second},
		{"SOA's MINIMUM", &mdns.Msg{Ns: rr(t, ". 3600 SOA a. b. 1 2 3 4 20")}, 20 * time.Second},
		{"at most three hours of nothing", &mdns.Msg{Ns: rr(t, ". 86400 SOA a. b. 1 2 3 4 86400")}, 3 * time.Hour},
		{"no SOA, nothing kept", &mdns.Msg{MsgHdr: mdns.MsgHdr{Rcode: mdns.RcodeNameError}}, 0},
	} {
		if got := read(c.m, question{"a.", A}).TTL; got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestTheCacheForgetsInTimeAndIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	c := newCache()
	q := question{"a.", A}
	c.put(q, Answer{Outcome: NoName, TTL: time.Minute}, now)
	if a, ok := c.get(q, now.Add(40*time.Second)); !ok || a.TTL != 20*time.Second {
		t.Errorf("%v %s", ok, a.TTL)
	}
	if a, ok := c.get(q, now.Add(-time.Hour)); !ok || a.TTL != time.Minute {
		t.Errorf("a clock that stepped back: %v %s", ok, a.TTL)
	}
	if _, ok := c.get(q, now.Add(time.Minute)); ok {
		t.Error("kept beyond its TTL")
	}
	for i := range 3 * maxEntries {
		c.put(question{strings.Repeat("x", 1+i%60) + ".", Type(i)}, Answer{Outcome: NoName, TTL: time.Hour}, now)
	}
	if len(c.entries) != maxEntries || c.used.Len() != maxEntries {
		t.Errorf("%d entries", len(c.entries))
	}
	big := Answer{Outcome: Answered, TTL: time.Hour, Texts: []string{strings.Repeat("x", 60000)}}
	for i := range 100 {
		c.put(question{"big.", Type(i)}, big, now)
	}
	if c.bytes > maxBytes {
		t.Errorf("%d octets", c.bytes)
	}
	if _, ok := c.get(question{"big.", 99}, now); !ok {
		t.Error("the newest is gone")
	}
	big.Texts = []string{strings.Repeat("x", maxEntry)}
	c.put(q, big, now)
	if _, ok := c.get(q, now); ok {
		t.Error("one answer pushes the others out")
	}
}

func TestResolvConf(t *testing.T) {
	c, err := ParseConfig(strings.NewReader(`# made by NetworkManager
; so is this
search example.org
nameserver 192.0.2.53
nameserver fe80::1%eth0   # trailing
nameserver 0.0.0.0
nameserver not-an-address
nameserver
options timeout:99 attempts:0 ndots:15 trust-ad rotate edns0
options use-vc timeout:x
frobnicate <b>
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[fe80::1%eth0]:53"), netip.MustParseAddrPort("127.0.0.1:53")},
		Timeout: 5 * time.Second, Attempts: 1, Rotate: true, TCP: true, TrustAD: true,
		Notes: []string{`line 7: not an address: "not-an-address"`, "line 8: nameserver without an address",
			"line 10: no number in option timeout", `line 11: unknown word "frobnicate"`},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v", c)
	}
	if c, err = ReadConfig(t.TempDir() + "/none"); err != nil || len(c.Servers) != 1 || c.Servers[0].String() != "127.0.0.1:53" {
		t.Errorf("without a file: %+v %v", c, err)
	}
}

func TestALongResolvConfIsCut(t *testing.T) {
	c, err := ParseConfig(strings.NewReader(strings.Repeat("nameserver 192.0.2.1\nwhat\n", 100000)))
	if err != nil || len(c.Servers) != maxServers || len(c.Notes) != 20 {
		t.Errorf("%d servers, %d notes, %v", len(c.Servers), len(c.Notes), err)
	}
	if _, err := ParseConfig(strings.NewReader("nameserver " + strings.Repeat("1", 1<<20))); err != nil {
		t.Error(err)
	}
}
