package nft

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func TestAPrefixIsReadAsItWasWritten(t *testing.T) {
	for _, list := range [][]netip.Prefix{
		prefixes("203.0.113.0/24"), prefixes("203.0.113.0/25", "203.0.113.128/25"), prefixes("0.0.0.0/0"), prefixes("255.255.255.0/24"),
		prefixes("2001:db8::/64", "2001:db8:0:1::/64"), prefixes("::/0"), prefixes("ffff::/16"), prefixes("203.0.113.9/32"),
	} {
		var elements []nftables.SetElement
		for _, p := range list {
			for _, e := range ends(p, time.Hour) {
				e.Expires = e.Timeout
				elements = append(elements, e)
			}
		}
		slices.Reverse(elements) // the kernel's order
		var got []netip.Prefix
		for _, s := range spans(elements) {
			if got = append(got, s.prefixes()...); s.left != time.Hour {
				t.Errorf("%v: %s", list, s.left)
			}
		}
		if !slices.Equal(got, list) {
			t.Errorf("%v is read as %v", list, got)
		}
	}
}

// nft(8) leaves out the end of a span where another begins, and begins with an end.
func TestSpansThatNftWroteAreRead(t *testing.T) {
	at := func(s string, end bool) nftables.SetElement {
		return nftables.SetElement{Key: netip.MustParseAddr(s).AsSlice(), IntervalEnd: end}
	}
	got := spans([]nftables.SetElement{at("0.0.0.0", true), at("192.0.2.0", false), at("192.0.2.8", false), at("192.0.2.11", true)})
	want := []span{{netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("192.0.2.7"), 0}, {netip.MustParseAddr("192.0.2.8"), netip.MustParseAddr("192.0.2.10"), 0}}
	if !slices.Equal(got, want) {
		t.Fatalf("%v", got)
	}
	if p := got[1].prefixes(); !slices.Equal(p, prefixes("192.0.2.8/31", "192.0.2.10/32")) {
		t.Errorf("%v", p)
	}
}

func TestOfOverlappingPrefixesTheWiderIsPut(t *testing.T) {
	standing := map[netip.Prefix]time.Duration{}
	for _, p := range prefixes("2001:db8:1::/48", "2001:db8:2:3::/64", "2001:db8:2:4::/64", "2001:db8:5::/64") {
		standing[p] = time.Hour
	}
	put, over := settle(prefixes("2001:db8:1:7::/64", "2001:db8:2::/48", "2001:db8:2:3::/64", "2001:db8:3::/64", "2001:db8:5::/64"), standing)
	slices.SortFunc(over, netip.Prefix.Compare)
	if !slices.Equal(put, prefixes("2001:db8:2::/48", "2001:db8:3::/64", "2001:db8:5::/64")) ||
		!slices.Equal(over, prefixes("2001:db8:2:3::/64", "2001:db8:2:4::/64", "2001:db8:5::/64")) {
		t.Errorf("put %v, over %v", put, over)
	}
}

func TestWhatIsNoBanIsRefused(t *testing.T) {
	var table Table
	for _, b := range []Ban{{}, {Prefix: netip.MustParsePrefix("203.0.113.9/24"), For: time.Hour}, {Prefix: netip.MustParsePrefix("203.0.113.9/32"), For: 0},
		{Prefix: netip.MustParsePrefix("203.0.113.9/32"), For: -time.Second}, {Prefix: netip.MustParsePrefix("::ffff:203.0.113.9/128"), For: time.Hour}} {
		if err := table.Add([]Ban{b}); err == nil {
			t.Errorf("%+v is added", b)
		}
	}
	if err := table.Remove([]netip.Prefix{{}}); err == nil {
		t.Error("nothing is lifted")
	}
	if _, err := table.Ensure([]netip.Prefix{{}}); err == nil {
		t.Error("nothing is allowed")
	}
	if _, err := table.Ensure(make([]netip.Prefix, MaxAllow+1)); err == nil {
		t.Error("no bound")
	}
}

func TestAListingHasEachBanOnce(t *testing.T) {
	text := (&Table{Ports: []uint16{587, 25}}).Listing([]Ban{
		{Prefix: netip.MustParsePrefix("203.0.113.9/32"), For: 90 * time.Minute}, {Prefix: netip.MustParsePrefix("203.0.113.9/32"), For: time.Minute},
		{Prefix: netip.MustParsePrefix("2001:db8:1::/48"), For: time.Millisecond}, {Prefix: netip.MustParsePrefix("2001:db8:1::/64"), For: time.Hour}, {},
	}, prefixes("10.0.0.0/8", "10.1.0.0/16"))
	for _, want := range []string{"{ 203.0.113.9 timeout 5400s }", "{ 2001:db8:1::/48 timeout 1s }", "{ 10.0.0.0/8 }", "{ 25,\n\t\t\t587 }", "ip6 saddr @ban6net counter drop"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("not once %q in\n%s", want, text)
		}
	}
}

// FuzzSpans: whatever stands in a set, what is read of it is in order, does not overlap, and is made of prefixes whose
// number is bounded.
func FuzzSpans(f *testing.F) {
	f.Add([]byte{0, 192, 0, 2, 0, 1, 192, 0, 2, 8})
	f.Add([]byte{0, 255, 255, 255, 255, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var elements []nftables.SetElement
		for ; len(b) >= 5; b = b[5:] {
			elements = append(elements, nftables.SetElement{Key: b[1 : 5-int(b[0]>>7)], IntervalEnd: b[0]&1 == 1})
		}
		var before netip.Addr
		for _, s := range spans(elements) {
			if s.last.Less(s.first) || before.IsValid() && s.first.Compare(before) <= 0 {
				t.Fatalf("%v after %s", s, before)
			}
			before = s.last
			if n := len(s.prefixes()); n < 1 || n > 2*32 {
				t.Fatalf("%v is %d prefixes", s, n)
			}
		}
	})
}
