//go:build daemons

package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// standing are the bans as List has them, without their times.
func standing(t testing.TB, table *Table) (all []string) {
	t.Helper()
	bans, err := table.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bans {
		all = append(all, way(b))
	}
	return all
}

func way(b Ban) string { return fmt.Sprint(b.Prefix, map[bool]string{true: " logins"}[b.Logins]) }

func ways(bans []Ban) (all []string) {
	for _, b := range bans {
		all = append(all, way(b))
	}
	return all
}

// TestABanOfLoginsLeavesPort25Open, and closes the others, for an address, a host's /64 and a network.
func TestABanOfLoginsLeavesPort25Open(t *testing.T) {
	table, f := ensured(t), host(t)
	for _, x := range []struct {
		to, guesser, other string
		prefixes           []netip.Prefix
	}{
		{near4, guesser4, other4, []netip.Prefix{single(guesser4), network(guesser4)}},
		{near6, guesser6, "", []netip.Prefix{single(guesser6), netip.PrefixFrom(netip.MustParseAddr(guesser6), 64).Masked(), network(guesser6)}},
	} {
		echo(t, x.to, 587)
		for _, p := range x.prefixes {
			ban := Ban{Prefix: p, For: time.Hour, Logins: true}
			open, err := dial(f, x.guesser, x.to, 587, soon)
			if err != nil || !talks(open, soon) {
				t.Fatal(err)
			}
			for _, logins := range []bool{true, false, true} { // and a ban that changes its way
				if ban.Logins = logins; table.Add([]Ban{ban}) != nil {
					t.Fatal("not added")
				}
				if !shut(t, f, x.guesser, x.to, 587) {
					t.Errorf("%s, logins %v: submission is open", p, logins)
				}
				if logins && !reaches(t, f, x.guesser, x.to, 25) {
					t.Errorf("%s: its mail is shut out", p)
				} else if !logins && !shut(t, f, x.guesser, x.to, 25) {
					t.Errorf("%s is banned from all, and brings mail", p)
				}
				if !reaches(t, f, x.guesser, x.to, 22) {
					t.Errorf("%s does not reach ssh", p)
				}
				if got := standing(t, table); !slices.Equal(got, ways([]Ban{ban})) {
					t.Errorf("%s, logins %v: %q stand", p, logins, got)
				}
			}
			if talks(open, aBit) {
				t.Errorf("%s goes on with an open connection to submission", p)
			}
			open.Close()
			if err := table.Remove([]netip.Prefix{p}); err != nil {
				t.Fatal(err)
			}
			if !reaches(t, f, x.guesser, x.to, 587) {
				t.Errorf("%s is not banned any more", p)
			}
		}
	}
	if made, err := table.Ensure(never); made || err != nil {
		t.Errorf("what was counted is a change: %v, %v", made, err)
	}
}

// TestAHostsNetworkOfIPv6IsMetWhole, and nothing beside it: it lies in a hash, under its first address.
func TestAHostsNetworkOfIPv6IsMetWhole(t *testing.T) {
	table, f := ensured(t), host(t)
	own := netip.PrefixFrom(netip.MustParseAddr(guesser6), 64).Masked()
	beside := netip.PrefixFrom(netip.MustParseAddr("2001:db8:0:1::"), 64)
	if err := table.Add([]Ban{{Prefix: beside, For: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if !reaches(t, f, guesser6, near6, 25) {
		t.Error("the network beside is banned, and it is shut out")
	}
	nft(t, "add element inet postward ban6host { "+guesser6+" timeout 1h }") // somebody's, with host bits
	if got := standing(t, table); !slices.Equal(got, []string{beside.String()}) {
		t.Errorf("%q stand", got)
	}
	if err := table.Add([]Ban{{Prefix: own, For: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if !shut(t, f, guesser6, near6, 25) {
		t.Error("it is not banned")
	}
}

// TestAPrefixHasOneBan: whichever was there, and when both are added at once it is of all ports.
func TestAPrefixHasOneBan(t *testing.T) {
	table := ensured(t)
	bans := someBans()
	for range 3 { // and nobody looks between
		for i := range bans {
			bans[i].Logins = !bans[i].Logins
		}
		if err := table.Add(bans); err != nil {
			t.Fatal(err)
		}
	}
	if got := standing(t, table); !slices.Equal(got, ways(bans)) {
		t.Errorf("%q stand, not %q", got, ways(bans))
	}
	for range 3 {
		for i := range bans {
			bans[i].Logins = !bans[i].Logins
		}
		if err := table.Add(bans); err != nil {
			t.Fatal(err)
		}
		if got := standing(t, table); !slices.Equal(got, ways(bans)) {
			t.Errorf("%q stand, not %q", got, ways(bans))
		}
	}
	nft(t, "add element inet postward login4 { 192.0.2.9 timeout 1h }") // somebody's; and by somebody who knows nothing of what stands
	fresh, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Table{table, fresh} {
		if _, err := table.List(); err != nil {
			t.Fatal(err)
		}
		ban := Ban{Prefix: single("192.0.2.9"), For: time.Hour, Logins: x == fresh}
		if err := x.Add([]Ban{ban}); err != nil {
			t.Fatal(err)
		}
		if got := standing(t, table); !slices.Contains(got, way(ban)) || len(got) != len(bans)+1 {
			t.Errorf("%q stand", got)
		}
	}
	if err := table.Remove([]netip.Prefix{single("192.0.2.9")}); err != nil {
		t.Fatal(err)
	}
	var both, whole []Ban
	for _, b := range bans {
		b.Logins = false
		whole = append(whole, b)
		both = append(both, Ban{b.Prefix, time.Minute, true}, b, Ban{b.Prefix, time.Minute, true})
	}
	if err := table.Add(both); err != nil {
		t.Fatal(err)
	}
	if got := standing(t, table); !slices.Equal(got, ways(whole)) {
		t.Errorf("%q stand, not %q", got, ways(whole))
	}
}

// former is the table as it was when there were no bans of logins and no hash of hosts' networks.
const former = `table inet postward {
	set ports { type inet_service; elements = { 25, 110, 143, 465, 587, 993, 995, 4190 }; }
	set allow4 { type ipv4_addr; flags interval; elements = { 127.0.0.0/8 }; }
	set ban4 { type ipv4_addr; flags timeout; size 133072; elements = { 203.0.113.5 timeout 1h }; }
	set ban4net { type ipv4_addr; flags interval,timeout; size 34768; elements = { 198.51.100.0/24 timeout 1h }; }
	set allow6 { type ipv6_addr; flags interval; elements = { ::1 }; }
	set ban6 { type ipv6_addr; flags timeout; size 133072; elements = { 2001:db8:3::5 timeout 1h }; }
	set ban6net { type ipv6_addr; flags interval,timeout; size 34768; elements = { 2001:db8:1::/48 timeout 1h, 2001:db8:2::/64 timeout 1h }; }
	chain mail {
		ip saddr @allow4 return
		ip6 saddr @allow6 return
		ip saddr @ban4 counter drop
		ip saddr @ban4net counter drop
		ip6 saddr @ban6 counter drop
		ip6 saddr @ban6net counter drop
	}
	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		tcp dport @ports jump mail
	}
}`

func TestATableOfTheFormerFormIsMended(t *testing.T) {
	table := ensured(t)
	before := ruleset(t, "table inet postward")
	nft(t, "delete table inet postward\n"+former)
	if made, err := table.Ensure(never); !made || err != nil {
		t.Fatal(made, err)
	}
	var want []Ban
	for _, b := range someBans() {
		if !b.Logins {
			want = append(want, b)
		}
	}
	if got := standing(t, table); !slices.Equal(got, ways(want)) {
		t.Errorf("%q stand, not %q", got, ways(want))
	}
	if after := emptied(t); after != before {
		t.Errorf("it should be\n%s\nand is\n%s", before, after)
	}
	if made, err := table.Ensure(never); made || err != nil {
		t.Errorf("again: %v %v", made, err)
	}
}

// BenchmarkOneMoreHost: one more /64 where thousands stand.
func BenchmarkOneMoreHost(b *testing.B) {
	table := ensured(b)
	at := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 16), byte(i >> 8), byte(i)}), 64)
	}
	var bans []Ban
	for i := range 4000 {
		bans = append(bans, Ban{Prefix: at(i), For: time.Hour})
	}
	if err := table.Add(bans); err != nil {
		b.Fatal(err)
	}
	for i := 4000; b.Loop(); i++ {
		if err := table.Add([]Ban{{Prefix: at(i), For: time.Hour}}); err != nil {
			b.Fatal(err)
		}
	}
}
