package check

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postward/internal/lists/dnsbl"
	"postward/internal/wire/dns"
	"postward/test/rig"
)

// someLists are a few lists, and none of those that the program knows besides.
func someLists(t *testing.T) *dnsbl.Set {
	t.Helper()
	known, err := dnsbl.Load("")
	if err != nil {
		t.Fatal(err)
	}
	text := "lists:\n"
	for _, l := range known.All() {
		text += "  - {name: " + l.Name + ", status: {state: dead, note: not in this test}}\n"
	}
	for _, l := range []struct{ name, role, level, kind string }{
		{"big", "block", "high", "ip4"}, {"part-of-big", "block", "high", "ip4"}, {"small", "block", "low", "ip4"}, {"unused", "block", "none", "ip4"},
		{"good", "allow", "high", "ip4"}, {"names", "block", "high", "domain"},
	} {
		text += "  - name: " + l.name + "\n    title: List " + l.name + "\n    role: " + l.role + "\n    kinds: [" + l.kind + "]\n    zones: [" + l.name +
			".bl.example]\n    codes: {127.0.0.2: spam was seen}\n    influence: {level: " + l.level + "}\n    because: spam in a trap.\n" +
			"    removal: {method: self-service, url: https://" + l.name + ".bl.example/remove}\n    terms: {access: free}\n    certainty: confirmed\n"
		if l.name == "part-of-big" {
			text += "    counts_as: big\n"
		}
		if l.name == "names" {
			text = strings.Replace(text, "names.bl.example/remove}\n    terms: {access: free}", "names.bl.example/remove}\n    terms: {access: free, own_resolver: true}", 1)
		}
	}
	set, err := dnsbl.Load(rig.WriteDir(t, map[string]string{"lists.yaml": text}))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// sound are the points at which a list is seen to be one (RFC 5782 section 5).
var sound = []string{
	"2.0.0.127.big.bl.example. A 127.0.0.2", "2.0.0.127.part-of-big.bl.example. A 127.0.0.2", "2.0.0.127.small.bl.example. A 127.0.0.2",
	"2.0.0.127.unused.bl.example. A 127.0.0.2", "2.0.0.127.good.bl.example. A 127.0.0.2",
}

// on plants a sender of its own (one that no list is asked for to see how it is) and records of lists.
func on(want []ID, put ...string) fault {
	return fault{
		take: []string{"example.org. TXT"},
		put: slices.Concat(sound, put, []string{`example.org. TXT "v=spf1 ip4:198.18.7.25 -all"`, "mx1.example.org. A 198.18.7.25",
			"25.7.18.198.in-addr.arpa. PTR mx1.example.org."}),
		also: func(w *domainWorld) { w.target.Addrs, w.lists = addrs("198.18.7.25"), true },
		want: want, left: want,
	}
}

var listFaults = map[string]fault{
	"on no list":                          on(nil),
	"on a list that matters":              on([]ID{"lists.listed"}, "25.7.18.198.big.bl.example. A 127.0.0.2"),
	"on a list and the one it is part of": on([]ID{"lists.listed"}, "25.7.18.198.big.bl.example. A 127.0.0.2", "25.7.18.198.part-of-big.bl.example. A 127.0.0.2"),
	"the domain on a list":                on([]ID{"lists.listed"}, "example.org.names.bl.example. A 127.0.0.2"),
	"on a list of few":                    on([]ID{"lists.minor"}, "25.7.18.198.small.bl.example. A 127.0.0.2"),
	"on a list of nobody":                 on([]ID{"lists.unused"}, "25.7.18.198.unused.bl.example. A 127.0.0.2"),
	"on a list of good senders":           on(nil, "25.7.18.198.good.bl.example. A 127.0.0.2"),
	"a list refuses":                      on([]ID{"lists.refused"}, "25.7.18.198.big.bl.example. A 127.255.255.254"),
	"a list counts the questions":         on([]ID{"lists.refused"}, "*.big.bl.example. A 127.255.255.255"),
	"a resolver that invents lists":       on([]ID{"resolver.lying", "lists.unknown"}, nowhere+". A 127.0.0.2", "*.big.bl.example. A 127.0.0.2"),
	"a list that matters is silent": func() fault {
		f := on([]ID{"lists.unknown"})
		plant := f.also
		f.also = func(w *domainWorld) { plant(w); w.fail["big.bl.example"] = dns.Timeout }
		return f
	}(),
	"a list that matters and refuses public resolvers": func() fault {
		f := on([]ID{"lists.refused", "resolver.public"})
		plant := f.also
		f.also = func(w *domainWorld) {
			plant(w)
			w.server = []netip.AddrPort{netip.MustParseAddrPort("8.8.8.8:53")}
		}
		return f
	}(),
	"a list of few is silent": func() fault {
		f := on(nil)
		plant := f.also
		f.also = func(w *domainWorld) { plant(w); w.fail["small.bl.example"] = dns.Timeout }
		return f
	}(),
	"a list that lists everybody":  on(nil, "*.small.bl.example. A 127.0.0.2"),
	"a list whose domain was sold": on(nil, "*.small.bl.example. A 203.0.113.80"),
	"no list answers": func() fault {
		f := on([]ID{"lists.unknown"})
		zones := []string{"big", "part-of-big", "small", "unused", "good", "names"}
		f.put = slices.DeleteFunc(f.put, func(line string) bool { return strings.Contains(line, ".bl.example.") })
		for _, zone := range zones {
			f.put = append(f.put, "*."+zone+".bl.example. A 203.0.113.80")
		}
		return f
	}(),
}

func TestAListingSaysHowItEnds(t *testing.T) {
	w := newWorld()
	f := listFaults["on a list that matters"]
	f.plant(t, w)
	found := w.check(t)
	if len(found) != 1 || found[0].Subject != "198.18.7.25 on big" || !strings.Contains(found[0].Mend.Do, "https://big.bl.example/remove") ||
		!strings.Contains(found[0].Seen, "spam was seen") {
		t.Errorf("%+v", found)
	}
}

// TestEachRefusalHasItsOwnAdvice: what helps against one refusal is no help against another.
func TestEachRefusalHasItsOwnAdvice(t *testing.T) {
	for answer, want := range map[string]string{"127.255.255.252": "has a slip", "127.255.255.254": "resolver on this host may be your own", "127.255.255.255": "Too many questions"} {
		w := newWorld()
		f := on(nil, "*.big.bl.example. A "+answer)
		f.plant(t, w)
		w.server = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
		found := w.check(t)
		if len(found) != 1 || found[0].ID != "lists.refused" || !strings.Contains(found[0].Seen, answer) || !strings.Contains(found[0].Mend.Do, want) || !strings.Contains(found[0].Mend.Do, "key") {
			t.Errorf("%s: %+v", answer, found)
		}
	}
}
