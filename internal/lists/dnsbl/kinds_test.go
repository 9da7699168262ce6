package dnsbl

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postward/internal/wire/dns"
	"postward/test/rig"
)

const own = `lists:
- {name: own, title: Own, role: block, kinds: [ip4, ip6, domain], zones: [bl.example.net], codes: {127.0.0.2: listed}, influence: {level: high}, terms: {access: free}, certainty: confirmed}
`

// TestEachKindOfAListIsTriedByItself: a list is sound in one kind and lists everything in another.
func TestEachKindOfAListIsTriedByItself(t *testing.T) {
	set, err := Load(rig.WriteDir(t, map[string]string{"own.yaml": own}))
	if err != nil {
		t.Fatal(err)
	}
	const four, six, name = "203.0.113.9", "2001:db8::25", "example.org"
	for zone, want := range map[string]map[string]Outcome{
		"x. A 192.0.2.1":                      {four: Clear, six: Clear, name: Clear},
		"*.0.0.2.bl.example.net. A 127.0.0.2": {four: Clear, six: Lies, name: Clear}, // all of 2001::/16
		"*.org.bl.example.net. A 127.0.0.2\n*.invalid.bl.example.net. A 127.0.0.2":                                {four: Clear, six: Clear, name: Lies},
		"*.203.bl.example.net. A 127.0.0.2\n*.192.bl.example.net. A 127.0.0.2\n*.198.bl.example.net. A 127.0.0.2": {four: Lies, six: Clear, name: Clear},
		"5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example.net. A 127.0.0.2":             {four: Clear, six: Listed, name: Clear},
	} {
		c := New(zoneOf(t, point("bl.example.net"), zone, "example. SOA . . 1 2 3 4 5"), Options{})
		for s, outcome := range want {
			if r := c.Ask(t.Context(), now, set.ByName("own"), subject(t, s)); r.Outcome != outcome {
				t.Errorf("%s: %s is %s (%s), want %s", zone, s, r.Outcome, r.Why, outcome)
			}
		}
	}
}

// TestAResolverThatInventsIsNoList: whatever it answers, no list calls anything listed, clear or refused by it.
func TestAResolverThatInventsIsNoList(t *testing.T) {
	synctest.Test(t, invents) // some lists are asked slowly
}

func invents(t *testing.T) {
	defer time.Sleep(time.Second) // of synctest's clock, in which no time passes: the last turns are given back
	for _, answer := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.4", "127.255.255.254", "127.0.1.255", "0.0.0.0", "198.51.100.80", "10.0.0.1"} {
		for _, known := range []bool{true, false} { // that .invalid is nobody's
			lines := []string{"example. SOA . . 1 2 3 4 5"}
			for _, top := range []string{"org", "net", "com", "de", "eu", "info", "cz", "ro", "pl", "biz", "ch", "fi", "br", "tw", "fr", "uk", "ru", "us", "to", "io", "me", "co", "at", "nl", "it", "se", "ca", "ie", "mobi", "cn", "no", "sk"} {
				lines = append(lines, "*."+top+". A "+answer)
			}
			if !known {
				lines = append(lines, "*.invalid. A "+answer)
			}
			c := New(zoneOf(t, lines...), Options{})
			for _, l := range load(t).All() {
				for _, s := range []Subject{host, subject(t, "example.org"), subject(t, "2001:db8:1::25")} {
					r := c.Ask(t.Context(), now, l, s)
					if r.Outcome != NotAsked && r.Outcome != Lies && r.Outcome != Unknown || r.Outcome == Lies && r.Health != Lying {
						t.Errorf("%s (%v): %s says %s of %s (%s %s)", answer, known, l.Name, r.Outcome, s, r.Health, r.Why)
					}
				}
			}
		}
	}
}

// TestANewListingAsksThePointsAnew: the list was sound an hour ago, and lists everything since.
func TestANewListingAsksThePointsAnew(t *testing.T) {
	l := load(t).ByName("spamcop")
	z := zoneOf(t, point("bl.spamcop.net"))
	c := New(z, Options{})
	if r := c.Ask(t.Context(), now, l, host); r.Outcome != Clear {
		t.Fatalf("%+v", r)
	}
	z.Zone = zoneOf(t, "*.bl.spamcop.net. A 127.0.0.2").Zone
	for _, s := range []string{"5.6.7.8", "9.9.9.9", "203.0.113.1"} {
		if r := c.Ask(t.Context(), now.Add(time.Hour), l, subject(t, s)); r.Outcome != Lies || r.Health != Everything {
			t.Errorf("%+v", r)
		}
	}
	z.Zone = zoneOf(t, point("bl.spamcop.net"), "8.7.6.5.bl.spamcop.net. A 127.0.0.2").Zone
	for s, want := range map[string]Outcome{"5.6.7.8": Listed, "9.9.9.9": Clear} {
		if r := c.Ask(t.Context(), now.Add(2*time.Hour), l, subject(t, s)); r.Outcome != want {
			t.Errorf("%+v", r)
		}
	}
}

func TestARefusalSaysWhatItIsFor(t *testing.T) {
	for answer, want := range map[string]Refusal{"127.255.255.252": WrongZone, "127.255.255.254": WrongResolver, "127.255.255.255": TooMany, "127.255.255.1": ""} {
		c := New(zoneOf(t, "*.zen.spamhaus.org. A "+answer), Options{})
		r := c.Ask(t.Context(), now, load(t).ByName("spamhaus-zen"), Address(netip.MustParseAddr("5.6.7.8")))
		if r.Outcome != Refused || r.Refusal != want || !strings.HasPrefix(r.Why, answer+": ") {
			t.Errorf("%+v", r)
		}
	}
	z := zoneOf(t, "x. A 192.0.2.1")
	z.Fail("zen.spamhaus.org", dns.Refused)
	if r := New(z, Options{}).Ask(t.Context(), now, load(t).ByName("spamhaus-zen"), host); r.Outcome != Refused || r.Refusal != "" {
		t.Errorf("%+v", r)
	}
}
