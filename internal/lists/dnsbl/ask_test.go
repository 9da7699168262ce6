package dnsbl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postward/internal/wire/dns"
	"postward/test/rig"
)

var (
	now    = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	host   = Address(netip.MustParseAddr("5.6.7.8"))
	secret = "k3yk3yk3yk3yk3yk3yk3yk3yk3"
)

// asked is a resolver that remembers what it was asked for. The answers are the zone's.
type asked struct {
	*dns.Zone
	mu    sync.Mutex
	names []string
}

func (a *asked) Lookup(ctx context.Context, name string, t dns.Type) dns.Answer {
	a.mu.Lock()
	a.names = append(a.names, name)
	a.mu.Unlock()
	return a.Zone.Lookup(ctx, name, t)
}

func (a *asked) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.names)
}

func zoneOf(t *testing.T, lines ...string) *asked {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(strings.Join(lines, "\n")+"\n"), ".", "lists.dns")
	if err != nil {
		t.Fatal(err)
	}
	return &asked{Zone: z}
}

// point is the test point of a zone that is as RFC 5782 wants it.
func point(zone string) string { return "2.0.0.127." + zone + ". A 127.0.0.2" }

func dqs(t *testing.T) Options {
	t.Helper()
	k, err := NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Keys: map[string]Key{"spamhaus": k}}
}

func TestAListsWord(t *testing.T) {
	const zen = "zen.spamhaus.org"
	cases := []struct {
		name    string
		list    string
		subject string
		zone    []string
		want    Outcome
		health  Condition
		why     string
	}{
		{"clear", "spamhaus-zen", "5.6.7.8", []string{point(zen)}, Clear, Sound, ""},
		{"listed", "spamhaus-zen", "5.6.7.8", []string{point(zen), "8.7.6.5." + zen + ". A 127.0.0.3"}, Listed, Sound, ""},
		{"IPv6", "spamhaus-zen", "2001:db8:1:2::567", []string{point(zen),
			"7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2." + zen + ". A 127.0.0.3"}, Listed, Sound, ""},
		{"IPv4 in IPv6", "spamhaus-zen", "::ffff:5.6.7.8", []string{point(zen), "8.7.6.5." + zen + ". A 127.0.0.3"}, Listed, Sound, ""},
		{"an IPv6 list's own points", "sem-ipv6", "2001:db9::1", []string{
			"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.ipv6.spameatingmonkey.net. A 127.0.0.2"}, Clear, Sound, ""},
		{"a public resolver", "spamhaus-zen", "5.6.7.8", []string{"*." + zen + ". A 127.255.255.254"}, Refused, Refusing, "127.255.255.254: query came through a public"},
		{"refused at the subject only", "spamhaus-zen", "5.6.7.8", []string{point(zen), "8.7.6.5." + zen + ". A 127.255.255.255"}, Refused, Sound, "127.255.255.255: too many"},
		{"lists everything", "spamhaus-zen", "5.6.7.8", []string{"*." + zen + ". A 127.0.0.2"}, Lies, Everything, "lists everything: it even lists "},
		{"lists its neighbour", "spamhaus-zen", "5.6.7.8", []string{point(zen), "1.0.0.127." + zen + ". A 127.0.0.2"}, Lies, Everything, "it even lists 127.0.0.1"},
		{"answers everything with a code of its own", "spamcop", "5.6.7.8", []string{"*.bl.spamcop.net. A 127.0.0.9"}, Lies, Everything, "it even answers for"},
		{"NXDOMAIN is rewritten", "spamhaus-zen", "5.6.7.8", []string{"*. A 146.112.61.108"}, Lies, Lying, "146.112.61.108 is no answer of a list"},
		{"a page at the subject only", "spamhaus-zen", "5.6.7.8", []string{point(zen), "8.7.6.5." + zen + ". A 198.51.100.1"}, Lies, Sound, "198.51.100.1 is no answer"},
		{"empty: dead or deaf", "spamhaus-zen", "5.6.7.8", []string{zen + ". A 192.0.2.1"}, Unknown, Pointless, "does not list its test point 127.0.0.2"},
		{"listed, without a test point", "spamcop", "5.6.7.8", []string{"8.7.6.5.bl.spamcop.net. A 127.0.0.2"}, Listed, Pointless, ""},
		{"a loop", "spamhaus-zen", "5.6.7.8", []string{point(zen), "8.7.6.5." + zen + ". CNAME 8.7.6.5." + zen + "."}, Lies, Sound, "does not fit the question"},
		{"a code that nobody knows", "spamhaus-zen", "5.6.7.8", []string{point(zen), "8.7.6.5." + zen + ". A 127.0.0.77"}, Unknown, Sound, "127.0.0.77"},
		{"Hostkarma calls 127.0.0.1 white", "hostkarma", "5.6.7.8", []string{point("hostkarma.junkemailfilter.com"),
			"1.0.0.127.hostkarma.junkemailfilter.com. A 127.0.0.1"}, Clear, Sound, ""},
		{"DNSWL's point looks like a refusal", "dnswl", "5.6.7.8", []string{"2.0.0.127.list.dnswl.org. A 127.0.10.0",
			"8.7.6.5.list.dnswl.org. A 127.0.6.2"}, Listed, Sound, ""},
		{"a domain", "spamhaus-dbl", "Evil.Example", []string{"dbltest.com.dbl.spamhaus.org. A 127.0.1.2",
			"evil.example.dbl.spamhaus.org. A 127.0.1.4"}, Listed, Sound, ""},
		{"a domain list that lists everything", "spamhaus-dbl", "good.example", []string{"*.dbl.spamhaus.org. A 127.0.1.2"}, Lies, Everything, ""},
		{"a domain list without a point", "swinog-uri", "good.example", []string{"uribl.swinog.ch. A 192.0.2.1"}, Clear, Sound, ""},
		{"an address at a domain list", "spamhaus-dbl", "5.6.7.8", nil, NotAsked, "", "it lists domains only"},
		{"a domain that is too long", "spamhaus-dbl", strings.Repeat("abcdefg.", 30) + "example", nil, NotAsked, "", "too long"},
		{"a domain at an address list", "spamcop", "a.example", nil, NotAsked, "", "it lists IPv4, IPv6 only"},
		{"a private address", "spamcop", "10.1.2.3", nil, NotAsked, "", "nobody's address"},
		{"dead", "wpbl", "5.6.7.8", nil, NotAsked, "", "dead since 2024: empty since 2023-11"},
		{"fraud", "nszones", "5.6.7.8", nil, NotAsked, "", "fraud: fake, says Spamhaus"},
		{"merged", "cbl", "5.6.7.8", nil, NotAsked, "", "retired: merged into XBL"},
		{"comes with another", "spamhaus-css", "5.6.7.8", nil, NotAsked, "", "its answers come with spamhaus-zen"},
		{"no key", "spamhaus-authbl", "5.6.7.8", nil, NotAsked, "", "it wants a key, and there is none of spamhaus"},
		{"not registered", "barracuda", "5.6.7.8", nil, NotAsked, "", "registered"},
		{"for customers", "proofpoint-pdr", "5.6.7.8", nil, NotAsked, "", "no zone"},
		{"terms unknown", "hetzner", "5.6.7.8", nil, NotAsked, "", "its terms are not known"},
	}
	lists := load(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			z := zoneOf(t, append(c.zone, "example. SOA . . 1 2 3 4 5")...)
			got := New(z, Options{}).Ask(t.Context(), now, lists.ByName(c.list), subject(t, c.subject))
			if got.Outcome != c.want || got.Health != c.health || !strings.Contains(got.Why, c.why) || (got.Why == "") != (c.want == Listed || c.want == Clear) {
				t.Errorf("%+v, want %s, %s, %q", got, c.want, c.health, c.why)
			}
			if c.want == NotAsked && z.count() > 0 {
				t.Errorf("asked for %q", z.names)
			}
		})
	}
}

func subject(t *testing.T, text string) Subject {
	t.Helper()
	if addr, err := netip.ParseAddr(text); err == nil {
		return Address(addr)
	}
	s, err := DomainName(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNoListThatIsNotAliveIsAsked(t *testing.T) {
	z := zoneOf(t, "*. A 127.0.0.2")
	domain := subject(t, "a.example")
	c := New(z, dqs(t))
	for _, l := range load(t).All() {
		if l.Status.Asked() {
			continue
		}
		for _, s := range []Subject{host, domain} {
			if r := c.Ask(t.Context(), now, l, s); r.Outcome != NotAsked || !strings.HasPrefix(r.Why, string(l.Status.State)) {
				t.Errorf("%+v", r)
			}
		}
	}
	if z.count() > 0 {
		t.Errorf("asked for %q", z.names)
	}
}

func TestPublicResolversAreToldAndAKeyIsTheRemedy(t *testing.T) {
	l := load(t).ByName("spamhaus-zen")
	name := PublicResolver(netip.MustParseAddr("::ffff:8.8.8.8"))
	if name != "Google Public DNS" || PublicResolver(netip.MustParseAddr("127.0.0.1")) != "" || PublicResolver(netip.MustParseAddr("2606:4700:4700::1111")) != "Cloudflare" {
		t.Errorf("%q", name)
	}
	z := zoneOf(t, point("zen.spamhaus.org"), point(secret+".zen.dq.spamhaus.net"))
	if r := New(z, Options{Public: name}).Ask(t.Context(), now, l, host); r.Outcome != NotAsked || r.Why != "it refuses public resolvers, and Google Public DNS is one" {
		t.Errorf("%+v", r)
	}
	o := dqs(t)
	o.Public = name
	if r := New(z, o).Ask(t.Context(), now, l, host); r.Outcome != Clear || r.Zone != "{key}.zen.dq.spamhaus.net" {
		t.Errorf("%+v", r)
	}
}

// TestAKeyShowsNowhere asks with a key in every way that can go wrong and looks for it in everything that comes back.
func TestAKeyShowsNowhere(t *testing.T) {
	zone := secret + ".zen.dq.spamhaus.net"
	listed := "8.7.6.5." + zone + ". "
	lists := load(t)
	for name, lines := range map[string][]string{
		"listed, and the text repeats the name": {point(zone), listed + "A 127.0.0.2", listed + `TXT "see https://x/?q=8.7.6.5.` + strings.ToUpper(secret) + `.zen ` + secret + secret + `"`},
		"clear":                                 {point(zone)},
		"empty":                                 {"x. A 192.0.2.1"},
		"rewritten":                             {"*. A 198.51.100.1"},
		"everything":                            {"*." + zone + ". A 127.0.0.2", `*.` + zone + `. TXT "` + secret + `"`},
		"a loop":                                {point(zone), listed + "CNAME 8.7.6.5." + zone + "."},
		"refused":                               {"*." + zone + ". A 127.255.255.255"},
		"refused, RPZ":                          nil,
		"silent":                                nil,
		"server failed":                         nil,
	} {
		t.Run(name, func(t *testing.T) {
			z := zoneOf(t, append(lines, "example. SOA . . 1 2 3 4 5")...)
			switch name {
			case "silent":
				z.Fail(zone, dns.Timeout)
			case "server failed":
				z.Fail(zone, dns.Failure)
			case "refused, RPZ":
				z.Fail(zone, dns.Refused)
			}
			o := dqs(t)
			c := New(z, o)
			l := lists.ByName("spamhaus-zen")
			r := c.Ask(t.Context(), now, l, host)
			if z.count() == 0 || !strings.Contains(z.names[0], secret) {
				t.Fatal("the key is not asked with")
			}
			h, _ := c.zone(l).known(IPv4, now)
			text := ""
			for _, v := range []any{r, c, o, o.Keys["spamhaus"], h, l, c.Zone(l)} {
				text += fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v)
				data, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				text += string(data)
			}
			if strings.Contains(strings.ToLower(text), secret[:8]) {
				t.Errorf("the key shows: %s", text)
			}
		})
	}
	for _, bad := range []string{"short7", "has space in it", strings.Repeat("x", 64), "dot.dot.dot.dot"} {
		if _, err := NewKey(bad); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAReasonIsBoundedAndHarmless(t *testing.T) {
	const zen = "8.7.6.5.bl.spamcop.net. "
	z := zoneOf(t, point("bl.spamcop.net"), zen+"A 127.0.0.2",
		zen+`TXT "\027[31mred\000\010<script>alert(1)</script> \226\128\174evil\255"`, zen+`TXT "`+strings.Repeat("x", 255)+`" "`+strings.Repeat("y", 255)+`"`,
		zen+`TXT "third"`, zen+`TXT "fourth"`)
	r := New(z, Options{}).Ask(t.Context(), now, load(t).ByName("spamcop"), host)
	if r.Outcome != Listed || len(r.Reason) > maxReason || !strings.HasPrefix(r.Reason, "[31mred") || !strings.HasSuffix(r.Reason, "...") {
		t.Errorf("%d %q", len(r.Reason), r.Reason)
	}
	if strings.ContainsAny(r.Reason, "\x1b\x00\n\u202e\ufffd") || strings.Contains(r.Reason, "fourth") {
		t.Errorf("%q", r.Reason)
	}
	data, err := json.Marshal(r)
	if err != nil || strings.Contains(string(data), "<script>") {
		t.Errorf("%s %v", data, err)
	}
}

func TestATextIsOnlyAskedForWhenListed(t *testing.T) {
	z := zoneOf(t, point("bl.spamcop.net"), "8.7.6.5.bl.spamcop.net. TXT \"old\"")
	r := New(z, Options{}).Ask(t.Context(), now, load(t).ByName("spamcop"), host)
	if r.Outcome != Clear || r.Reason != "" || z.count() != 4 {
		t.Errorf("%+v after %q", r, z.names)
	}
}

func TestHealthIsRememberedForAWhile(t *testing.T) {
	z := zoneOf(t, point("bl.spamcop.net"))
	c, l := New(z, Options{}), load(t).ByName("spamcop")
	for _, step := range []struct {
		after time.Duration
		want  int // questions asked since the last step
	}{{0, 4}, {time.Hour, 1}, {5*time.Hour + 59*time.Minute, 1}, {6 * time.Hour, 4}} {
		before := z.count()
		if r := c.Ask(t.Context(), now.Add(step.after), l, host); r.Outcome != Clear {
			t.Errorf("%+v", r)
		}
		if got := z.count() - before; got != step.want {
			t.Errorf("after %s: %d questions, want %d", step.after, got, step.want)
		}
	}
}

func TestAListThatIsNotSoundIsNotAskedAgainAtOnce(t *testing.T) {
	z := zoneOf(t, "*.bl.spamcop.net. A 127.0.0.2")
	c, l := New(z, Options{}), load(t).ByName("spamcop")
	c.Ask(t.Context(), now, l, host)
	before := z.count()
	if r := c.Ask(t.Context(), now.Add(14*time.Minute), l, host); r.Outcome != Lies || z.count() != before {
		t.Errorf("%+v, %d questions", r, z.count()-before)
	}
	if c.Ask(t.Context(), now.Add(15*time.Minute), l, host); z.count() == before {
		t.Error("never asked again")
	}
}

func TestASilentListRests(t *testing.T) {
	z := zoneOf(t, point("bl.spamcop.net"))
	z.Fail("bl.spamcop.net", dns.Timeout)
	c, l := New(z, Options{}), load(t).ByName("spamcop")
	at := now
	for i := range failures {
		if r := c.Ask(t.Context(), at, l, host); r.Outcome != Unknown || r.Why != "nobody answered in time" {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	for _, rest := range []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute} {
		before := z.count()
		if r := c.Ask(t.Context(), at.Add(rest-time.Second), l, host); r.Outcome != Unknown || !strings.Contains(r.Why, "silent; asked again after") || z.count() != before {
			t.Errorf("before %s: %+v", rest, r)
		}
		at = at.Add(rest)
		if c.Ask(t.Context(), at, l, host); z.count() == before {
			t.Errorf("not asked again after %s", rest)
		}
	}
	z.Fail("bl.spamcop.net", 0)
	at = at.Add(time.Hour)
	if r := c.Ask(t.Context(), at, l, host); r.Outcome != Clear {
		t.Errorf("when it is back: %+v", r)
	}
	z.Fail("bl.spamcop.net", dns.Failure)
	if c.Ask(t.Context(), at.Add(time.Minute), l, host); !c.zone(l).resting(at.Add(2 * time.Minute)).IsZero() {
		t.Error("one failure is enough to rest")
	}
}

func TestTheTermsPaceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := zoneOf(t, point("bl.spameatingmonkey.net"), point("backscatter.spameatingmonkey.net"), "9.9.9.9.bl.spameatingmonkey.net. A 127.0.0.2")
		c, s := New(z, Options{}), load(t)
		black := s.ByName("sem-black")
		begin := time.Now()
		r := c.AskAll(t.Context(), now, []*List{black, s.ByName("sem-backscatter")}, host)
		if took := time.Since(begin); took != 3*200*time.Millisecond { // 4 questions to one operator, 5 a second
			t.Errorf("took %s", took)
		}
		if r[0].Outcome != Clear || r[1].Outcome != Clear || r[0].List != "sem-black" {
			t.Errorf("%+v", r)
		}
		before := z.count()
		if r := c.Ask(t.Context(), now, black, host); r.Outcome != Clear || z.count() != before+1 {
			t.Errorf("a second time: %+v, %d questions", r, z.count()-before)
		}
		before = z.count()
		if r := c.Ask(t.Context(), now, black, Address(netip.MustParseAddr("9.9.9.9"))); r.Outcome != Listed || z.count() != before+5 { // with all three points, and the text
			t.Errorf("listed: %+v, %d questions", r, z.count()-before)
		}
		time.Sleep(time.Second) // the last turn is given back
	})
}

func TestNoTimeForATurnIsNoSilenceOfTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := zoneOf(t, point("bl.spameatingmonkey.net"))
		c, l := New(z, Options{}), load(t).ByName("sem-black")
		for range failures {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if r := c.Ask(ctx, now, l, host); r.Outcome != Unknown || !strings.Contains(r.Why, "no time was left") {
				t.Errorf("%+v", r)
			}
			cancel()
		}
		if !c.zone(l).resting(now).IsZero() {
			t.Error("it rests, and was never silent")
		}
		time.Sleep(time.Second) // the last turn is given back
	})
}

func TestTheTermsNumberOfADayIsKept(t *testing.T) {
	s, err := Load(rig.WriteDir(t, map[string]string{"a.yaml": "lists:\n- name: spamcop\n  terms: {per_day: 12}\n"}))
	if err != nil {
		t.Fatal(err)
	}
	z := zoneOf(t, point("bl.spamcop.net"))
	c, l := New(z, Options{}), s.ByName("spamcop")
	var last Result
	for range 20 {
		last = c.Ask(t.Context(), now, l, host)
	}
	if last.Outcome != NotAsked || last.Why != "the queries of today, 12 by its terms, are used up" || z.count() > 12 {
		t.Errorf("%+v after %d", last, z.count())
	}
	if r := c.Ask(t.Context(), now.Add(24*time.Hour), l, host); r.Outcome != Clear {
		t.Errorf("the next day: %+v", r)
	}
}

func TestWhatIsNoDomainIsSaid(t *testing.T) {
	for _, name := range []string{"", ".", "a b", "192.0.2.1", "::1", "bücher.example", strings.Repeat("a", 64)} {
		if s, err := DomainName(name); err == nil {
			t.Errorf("%q is %s", name, s)
		}
	}
}
