package check

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postward/internal/domain/spf"
)

// others are hosts and policies of providers that the records of these tests name.
var others = append([]string{`a.example.net. TXT "v=spf1 ip4:198.51.100.1 -all"`, `b.example.net. TXT "v=spf1 ip4:198.51.100.2 include:none.example.net -all"`,
	"none.example.net. A 198.51.100.99", "h.example.net. A 198.51.100.3", "h.example.net. AAAA 2001:db8:3::1", "gone6.example.net. A 198.51.100.4"}, only4...)

// TestAMendSaysWhatWasMeant: each is published with a slip, and the mend has what was meant.
func TestAMendSaysWhatWasMeant(t *testing.T) {
	for text, want := range map[string]string{
		"include: a.example.net ~all":              "include:a.example.net ~all",
		"include:a.example.net\u00a0~all":          "include:a.example.net ~all",
		"redirect:a.example.net":                   "redirect=a.example.net",
		"ip4:198.51.100.4,198.51.100.5 -all":       "ip4:198.51.100.4 ip4:198.51.100.5 -all",
		"include:a.example.net,h.example.net -all": "include:a.example.net ~all", // h has no policy
		"a.example.net h.example.net -all":         "include:a.example.net a:h.example.net -all",
		"inlcude:a.example.net -all":               "include:a.example.net -all",
		"include=a.example.net -all":               "include:a.example.net -all",
		"a:198.51.100.7 moo -all":                  "ip4:198.51.100.7 ~all",
		"ra=postmaster rp=10 rr=e ?all":            "ra=postmaster rp=10 rr=e ~all",
		"exp=why.example.net ptr op=1 -all":        "exp=why.example.net op=1 ~all",
		"ipv4=198.51.100.7 -all":                   "ip4:198.51.100.7 -all",
		// what passes today goes on passing: 198.51.100.2 does before the broken part
		"include:b.example.net -all": "ip4:198.51.100.2 ~all",
		// order, and nothing taken out
		"a:w1.example.net a:w2.example.net a:w3.example.net ip6:2001:db8:1::/48 -all":                        "ip6:2001:db8:1::/48 a:w1.example.net a:w2.example.net a:w3.example.net -all",
		"a:w1.example.net a:w2.example.net a:w3.example.net a:w6.example.net ~all":                           "a:w6.example.net a:w1.example.net a:w2.example.net a:w3.example.net ~all",
		"include:v.example.net ip6:2001:db8:1::/48 -all":                                                     "ip6:2001:db8:1::/48 include:v.example.net -all",
		"include:w.example.net -all":                                                                         "ip6:2001:db8:9::/48 include:w.example.net -all",
		"-ip6:2001:db8:1:9::/64 a:w1.example.net a:w2.example.net a:w3.example.net ip6:2001:db8:1::/48 -all": "-ip6:2001:db8:1:9::/64 ip6:2001:db8:1::/48 a:w1.example.net a:w2.example.net a:w3.example.net -all",
	} {
		w := newWorld()
		f := spfRecord("", own+" "+text, others...)
		f.put = append(f.put, `v.example.net. TXT "v=spf1 a:w1.example.net a:w2.example.net a:w3.example.net -all"`, `w.example.net. TXT "v=spf1 a:w1.example.net a:w2.example.net a:w3.example.net ip6:2001:db8:9::/48 -all"`)
		f.plant(t, w)
		record, _ := mendedSPF(t, w)
		if words := strings.Fields(own + " " + want); !sameWords(strings.Fields(record), words) {
			t.Errorf("%s is mended to %q, want %q", text, record, want)
		}
	}
}

// TestWhereANameIsCutNoRecordIsMade: whoever sends by it would be shut out, and nobody can tell who that is.
func TestWhereANameIsCutNoRecordIsMade(t *testing.T) {
	for _, text := range []string{"include:_spf.exampl -all", "include:exampl -all", "include: -all", "redirect=_spf.exampl", "inlcude:exampl moo -all"} {
		w := newWorld()
		f := spfRecord("", own+" "+text)
		f.plant(t, w)
		record, found := mendedSPF(t, w)
		if record != "" {
			t.Errorf("%s is mended to %q", text, record)
		}
		if len(found) == 0 || found[0].Mend == nil || found[0].Mend.Do == "" {
			t.Errorf("%s: %+v", text, found)
		}
	}
}

// sameWords: the senders' own terms may stand anywhere, for they ask nothing; the others in their order.
func sameWords(a, b []string) bool {
	plain := func(words []string) (own, rest []string) {
		for _, w := range words {
			if strings.Contains(" "+spaced, " "+w+" ") {
				own = append(own, w)
			} else {
				rest = append(rest, w)
			}
		}
		return own, rest
	}
	ownA, restA := plain(a)
	ownB, restB := plain(b)
	slices.Sort(ownA)
	slices.Sort(ownB)
	return slices.Equal(ownA, ownB) && slices.Equal(restA, restB)
}

const spaced = own + " "

// TestOneFamilyIsNotAll: a family of clients that a policy does not work for is not the whole, and one that nobody sends by is
// nothing.
func TestOneFamilyIsNotAll(t *testing.T) {
	three := "a:w1.example.net a:w2.example.net a:w3.example.net"
	for text, want := range map[string]ID{
		own + " " + three + " -all":                                                      "",
		own + " ip6:2001:db8:1::/48 " + three + " -all":                                  "",
		own + " " + three + " a:w6.example.net//128 -all":                                "spf.voids-family",
		own + " " + three + " ip6:2001:db8::/48 -all":                                    "", // what it adds to the sender's own address is all that is lost
		own + " " + three + " exists:none2.example.net -all":                             "", // asks for A, whatever the client
		own + " a:n1.example.net a:n2.example.net a:n3.example.net -all":                 "spf.voids",
		"v=spf1 a:s1.example.net a:s2.example.net a:s3.example.net " + own[7:] + " -all": "spf.voids", // our own IPv4
		own + " a:s1.example.net a:s2.example.net a:s3.example.net ip4:203.0.113.9 -all": "spf.voids-family",
	} {
		w := newWorld()
		f := spfRecord("", text, append([]string{"s1.example.net. AAAA 2001:db8:7::1", "s2.example.net. AAAA 2001:db8:7::2", "s3.example.net. AAAA 2001:db8:7::3", "none2.example.net. A 127.0.0.2"}, others...)...)
		f.plant(t, w)
		var got ID
		for _, f := range w.check(t) {
			if strings.HasPrefix(string(f.ID), "spf.voids") {
				got = f.ID
			}
		}
		if text == own+" "+three+" ip6:2001:db8::/48 -all" {
			want = "spf.voids-family" // the network's other addresses
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestWhatPassesTodayPassesByTheMend holds every planted fault to the law: no mend lets one fewer pass.
func TestWhatPassesTodayPassesByTheMend(t *testing.T) {
	for name, f := range spfFaults {
		w := newWorld()
		f.plant(t, w)
		var nets []netip.Prefix
		for _, n := range passing(treeOf(t, w)) {
			if !wide(n) && resultOf(t, w, n.Addr()) == spf.Pass {
				nets = append(nets, n)
			}
		}
		record, found := mendedSPF(t, w)
		if record == "" {
			continue
		}
		for _, f := range found {
			if f.Mend != nil && f.Topic == "spf" {
				w.apply(t, f.Mend)
			}
		}
		for _, n := range nets {
			if is := resultOf(t, w, n.Addr()); is != spf.Pass {
				t.Errorf("%s: %s passed, and comes to %s by %s", name, n, is, record)
			}
		}
	}
}
