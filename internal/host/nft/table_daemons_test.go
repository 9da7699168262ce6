//go:build daemons

package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// List is all that Each hands over, sorted.
func (t *Table) List() (bans []Ban, err error) {
	err = t.Each(func(b Ban) { bans = append(bans, b) })
	slices.SortFunc(bans, func(a, b Ban) int { return a.Prefix.Compare(b.Prefix) })
	return bans, err
}

// prefixesOf are the bans that stand.
func prefixesOf(t testing.TB, table *Table) (all []netip.Prefix) {
	t.Helper()
	bans, err := table.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bans {
		all = append(all, b.Prefix)
	}
	return all
}

// someBans are one for each set, sorted.
func someBans() (bans []Ban) {
	for _, p := range prefixes("198.51.100.0/24", "203.0.113.5/32", "2001:db8:1::/48", "2001:db8:2::/64", "2001:db8:3::5/128") {
		bans = append(bans, Ban{Prefix: p, For: time.Hour})
	}
	for _, p := range prefixes("198.51.101.0/24", "203.0.113.6/32", "2001:db8:4::/48", "2001:db8:5::/64", "2001:db8:6::5/128") {
		bans = append(bans, Ban{Prefix: p, For: time.Hour, Logins: true})
	}
	slices.SortFunc(bans, func(a, b Ban) int { return a.Prefix.Compare(b.Prefix) })
	return bans
}

// emptied is the table without a ban.
func emptied(t *testing.T) string {
	t.Helper()
	for _, g := range groups() {
		nft(t, "flush set inet postward "+g.name())
	}
	return ruleset(t, "table inet postward")
}

// altered is the table with someBans, one word of it another.
func altered(from, to string) string {
	return strings.Replace(new(Table).Listing(someBans(), never), from, to, 1)
}

func TestWhatSomebodyChangedIsMended(t *testing.T) {
	const hook = "type filter hook prerouting priority %s; policy %s;"
	for name, x := range map[string]struct {
		command string
		lost    int // bans that do not stand afterwards, of one in each set
	}{
		"nothing is there":          {"flush ruleset", len(someBans())},
		"the table is gone":         {"delete table inet postward", len(someBans())},
		"the table sleeps":          {"add table inet postward { flags dormant; }", 0},
		"a chain is empty":          {"flush chain inet postward mail", 0},
		"the hook is empty":         {"flush chain inet postward prerouting", 0},
		"the hook is gone":          {"delete chain inet postward prerouting", 0},
		"another priority":          {"delete chain inet postward prerouting\nadd chain inet postward prerouting { " + fmt.Sprintf(hook, "0", "accept") + " }\nadd rule inet postward prerouting tcp dport @ports jump mail", 0},
		"another policy":            {"add chain inet postward prerouting { policy drop; }", 0},
		"a rule too many":           {"insert rule inet postward mail accept", 0},
		"a rule that closes ssh":    {"add rule inet postward prerouting tcp dport 22 drop", 0},
		"somebody banned for ever":  {"add element inet postward ban4 { 192.0.2.77 }\nadd rule inet postward mail accept", 0},
		"a rule is another":         {"flush chain inet postward prerouting\nadd rule inet postward prerouting udp dport @ports jump mail", 0},
		"a chain too many":          {"add chain inet postward extra", 0},
		"a set too many":            {"add set inet postward extra { type ipv4_addr; }", 0},
		"no port":                   {"flush set inet postward ports", 0},
		"ssh among the ports":       {"add element inet postward ports { 22 }", 0},
		"another port":              {"delete element inet postward ports { 25 }\nadd element inet postward ports { 26 }", 0},
		"half the world is allowed": {"add element inet postward allow4 { 128.0.0.0/1 }", 0},
		"nobody is allowed":         {"flush set inet postward allow6", 0},
		"a set is another": {"flush chain inet postward prerouting\nflush chain inet postward mail\ndelete set inet postward ban4\n" +
			"add set inet postward ban4 { type ipv4_addr; flags interval; elements = { 0.0.0.0/1 }; }", 1},
		"a set has a time of its own": {altered("flags timeout\n", "flags timeout\ntimeout 1s\n"), 1},
		"a set has no bound":          {altered("flags timeout\n\t\tsize 133072\n", "flags timeout\n"), 1},
		"a set has another bound":     {altered("size 34768\n", "size 100\n"), 1},
		"a rule lets through":         {altered("counter drop\n", "counter accept\n"), 0},
		"a rule is about another set": {altered("@ban6net counter", "@ban6 counter"), 0},
		"logins are kept from mail":   {altered("tcp dport != 25 jump logins", "jump logins"), 0},
		"another mask":                {altered("ffff:ffff:ffff:ffff:: @ban6host", "ffff:ffff:ffff:: @ban6host"), 0},
		"a rule of logins is gone":    {"flush chain inet postward logins", 0},
		"a rule does more":            {altered("@ban6net counter drop", "@ban6net limit rate 1/second counter drop"), 0},
		"all but mail is closed":      {altered("tcp dport @ports", "tcp dport != @ports"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			table := ensured(t)
			before := ruleset(t, "table inet postward")
			if err := table.Add(someBans()); err != nil {
				t.Fatal(err)
			}
			if made, err := table.Ensure(never); made || err != nil {
				t.Fatalf("nothing was changed: %v, %v", made, err)
			}
			standing := ruleset(t, "ruleset")
			nft(t, x.command)
			if ruleset(t, "ruleset") == standing {
				t.Fatal("the command changes nothing")
			}
			if made, err := table.Ensure(never); !made || err != nil {
				t.Fatalf("made %v, %v", made, err)
			}
			if left := prefixesOf(t, table); len(left) != len(someBans())-x.lost {
				t.Errorf("of the bans %v is left", left)
			}
			if after := emptied(t); after != before {
				t.Errorf("it was\n%s\nand is\n%s", before, after)
			}
			if made, err := table.Ensure(never); made || err != nil {
				t.Errorf("again: %v, %v", made, err)
			}
		})
	}
}

// theirs are tables of others that look like ours.
const theirs = `table ip postward {
	set ban4 { type ipv4_addr; flags timeout; elements = { 192.0.2.1 timeout 1h }; }
	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		ip saddr @ban4 drop
	}
}
table inet f2b-table {
	set ban4 { type ipv4_addr; elements = { 192.0.2.2 }; }
	set ports { type inet_service; elements = { 22 }; }
	chain mail { ip saddr @ban4 tcp dport @ports reject
	}
}
table inet postward2 {
	set ban4 { type ipv4_addr; elements = { 192.0.2.3 }; }
}`

func TestTablesOfOthersStay(t *testing.T) {
	table := opened(t)
	nft(t, theirs)
	before := ruleset(t, "ruleset")
	if made, err := table.Ensure(never); !made || err != nil {
		t.Fatal(made, err)
	}
	err := errors.Join(table.Add(someBans()), table.Remove(prefixes("192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32", "198.51.100.0/24")))
	if err != nil {
		t.Fatal(err)
	}
	nft(t, "add chain inet postward extra")
	if made, err := table.Ensure(nil); !made || err != nil {
		t.Fatal(made, err)
	}
	for range 2 {
		if err := table.Drop(); err != nil {
			t.Fatal(err)
		}
	}
	if after := ruleset(t, "ruleset"); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
}

func TestAddingAgainGivesTheNewTime(t *testing.T) {
	table := ensured(t)
	for _, d := range []time.Duration{time.Minute, time.Hour, 2 * time.Minute} {
		bans := someBans()
		for i := range bans {
			bans[i].For = d
		}
		if err := table.Add(bans); err != nil {
			t.Fatal(err)
		}
		got, err := table.List()
		if err != nil || len(got) != len(bans) {
			t.Fatalf("%v %v", got, err)
		}
		for i, b := range got {
			if b.Prefix != bans[i].Prefix || b.For > d || b.For < d-30*time.Second {
				t.Errorf("%s: %s is left of %s", b.Prefix, b.For, d)
			}
		}
	}
}

func TestOfBansThatOverlapTheWiderStands(t *testing.T) {
	table := ensured(t)
	for _, x := range []struct{ add, want []netip.Prefix }{
		{prefixes("203.0.113.128/25", "203.0.113.7/32", "198.51.100.0/25"), prefixes("198.51.100.0/25", "203.0.113.7/32", "203.0.113.128/25")},
		{prefixes("203.0.113.0/24"), prefixes("198.51.100.0/25", "203.0.113.0/24", "203.0.113.7/32")},
		{prefixes("203.0.113.0/25", "203.0.113.0/24", "198.51.100.128/25"), prefixes("198.51.100.0/25", "198.51.100.128/25", "203.0.113.0/24", "203.0.113.7/32")},
	} {
		var bans []Ban
		for _, p := range x.add {
			bans = append(bans, Ban{Prefix: p, For: time.Hour})
		}
		if err := table.Add(bans); err != nil {
			t.Fatal(err)
		}
		got := prefixesOf(t, table)
		slices.SortFunc(x.want, netip.Prefix.Compare)
		if !slices.Equal(got, x.want) {
			t.Errorf("after %v: %v", x.add, got)
		}
	}
	if err := table.Remove(prefixes("203.0.113.0/25", "203.0.113.0/24")); err != nil {
		t.Fatal(err)
	}
	if got := prefixesOf(t, table); !slices.Equal(got, prefixes("198.51.100.0/25", "198.51.100.128/25", "203.0.113.7/32")) {
		t.Errorf("%v", got)
	}
}

func TestLiftingTwiceIsNoError(t *testing.T) {
	table := ensured(t)
	if err := table.Add(someBans()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := table.Remove(append(prefixesOf(t, table), prefixes("192.0.2.7/32", "192.0.2.0/24", "2001:db8:9::/64", "2001:db8:9::1/128")...)); err != nil {
			t.Fatal(err)
		}
		if got := prefixesOf(t, table); len(got) > 0 {
			t.Errorf("%v", got)
		}
	}
}

func TestAMissingTableIsSaid(t *testing.T) {
	table := opened(t)
	_, err := table.List()
	for what, err := range map[string]error{"list": err, "add": table.Add(someBans()), "add a network": table.Add(someBans()[:1]),
		"remove": table.Remove(prefixes("192.0.2.7/32")), "remove a network": table.Remove(prefixes("192.0.2.0/24"))} {
		if !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := table.Drop(); err != nil {
		t.Error(err)
	}
}

func TestAListingIsTheTable(t *testing.T) {
	table := ensured(t)
	allow := append(prefixes("10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/25", "192.0.2.128/25", "2001:db8:7::/64"), never...)
	nft(t, table.Listing(someBans(), allow))
	if made, err := table.Ensure(allow); made || err != nil {
		t.Errorf("it had to be mended: %v %v", made, err)
	}
	if got := prefixesOf(t, table); len(got) != len(someBans()) {
		t.Errorf("%v", got)
	}
}

func TestWithoutTheRightItIsSaid(t *testing.T) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		var none [2]unix.CapUserData
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			done <- err
			return
		}
		_, err := Open()
		done <- err
	}()
	if err := <-done; !errors.Is(err, ErrUnavailable) || !errors.Is(err, unix.EPERM) {
		t.Error(err)
	}
}

// generation is how many transactions nf_tables has carried out.
func generation(t testing.TB) uint32 {
	t.Helper()
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Execute(netlink.Message{Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request}, Data: make([]byte, 4)})
	if err != nil || len(got) != 1 || len(got[0].Data) < 12 {
		t.Fatalf("%v %v", got, err)
	}
	return binary.BigEndian.Uint32(got[0].Data[8:])
}

// TestTheGenerationTellsOfEachChange: whoever keeps the list of bans need not read the kernel's while nobody changed anything.
func TestTheGenerationTellsOfEachChange(t *testing.T) {
	table := ensured(t)
	at := func() uint32 {
		t.Helper()
		g, err := table.Generation()
		if err != nil || g != generation(t) {
			t.Fatalf("%d, %v", g, err)
		}
		return g
	}
	for _, x := range []struct {
		what    string
		do      func() error
		changed bool
	}{
		{"list", func() error { _, err := table.List(); return err }, false},
		{"ensure", func() error { _, err := table.Ensure(never); return err }, false},
		{"ban", func() error { return table.Add(someBans()) }, true},
		{"lift", func() error { return table.Remove(prefixes("203.0.113.5/32")) }, true},
		{"by hand", func() error { nft(t, "flush set inet postward ban4net"); return nil }, true},
		{"by another", func() error { nft(t, "add table inet other\ndelete table inet other"); return nil }, true},
	} {
		before := at()
		if err := x.do(); err != nil {
			t.Errorf("%s: %v", x.what, err)
		}
		if after := at(); (after != before) != x.changed {
			t.Errorf("%s: generation %d, and then %d", x.what, before, after)
		}
	}
	if err := table.Add([]Ban{{Prefix: prefixes("203.0.113.9/32")[0], For: 100 * time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	before := at()
	for slices.Contains(prefixesOf(t, table), prefixes("203.0.113.9/32")[0]) {
	}
	if after := at(); after != before {
		t.Errorf("a ban that is over: generation %d, and then %d", before, after)
	}
}

// many are different bans, half of each family, a tenth of them networks.
func many(n int) (bans []Ban) {
	for i := range n {
		b := [4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 0}
		p := netip.PrefixFrom(netip.AddrFrom4(b), 24)
		if i%2 == 1 {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, b[0], b[1], b[2]}), 64)
		}
		if i%10 > 1 {
			p = netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		}
		bans = append(bans, Ban{Prefix: p, For: time.Hour})
	}
	return bans
}

func TestTenThousandBansAreFewTransactions(t *testing.T) {
	table := ensured(t)
	bans := many(10_000)
	for range 2 {
		before := generation(t)
		if err := table.Add(bans); err != nil {
			t.Fatal(err)
		}
		if n := generation(t) - before; n > 12 {
			t.Errorf("%d transactions", n)
		}
		if got := prefixesOf(t, table); len(got) != len(bans) {
			t.Errorf("%d bans stand", len(got))
		}
	}
	before := generation(t)
	if err := table.Remove(prefixesOf(t, table)); err != nil {
		t.Fatal(err)
	}
	if n := generation(t) - before; n > 12 {
		t.Errorf("%d transactions to lift them", n)
	}
	if got := prefixesOf(t, table); len(got) > 0 {
		t.Errorf("%d bans stand", len(got))
	}
}

// BenchmarkAdd: a second is the bound for ten thousand.
func BenchmarkAdd(b *testing.B) {
	for name, bans := range map[string][]Ban{"address": many(3)[2:], "network": many(1), "100": many(100), "10000": many(10_000)} {
		b.Run(name, func(b *testing.B) {
			table := ensured(b)
			for b.Loop() {
				if err := table.Add(bans); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEnsureAndList(b *testing.B) {
	table := ensured(b)
	if err := table.Add(many(10_000)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if made, err := table.Ensure(never); made || err != nil {
			b.Fatal(made, err)
		}
		if bans, err := table.List(); len(bans) != 10_000 || err != nil {
			b.Fatal(len(bans), err)
		}
	}
}

// Networks that touch share the ends of their intervals, and the kernel's tree holds what goes and what comes at once.
func TestNetworksThatTouchStayWhatTheyAre(t *testing.T) {
	for _, base := range prefixes("198.51.100.0/24", "2001:db8:ff00::/120", "255.255.255.0/24") {
		table, r := ensured(t), rand.New(rand.NewPCG(1, 2))
		stands := map[netip.Prefix]time.Duration{}
		for step := range 200 {
			var some []netip.Prefix
			for range 1 + r.IntN(12) {
				a := base.Addr().AsSlice()
				a[len(a)-1] = byte(r.IntN(256))
				addr, _ := netip.AddrFromSlice(a)
				p, _ := addr.Prefix(base.Bits() + 1 + r.IntN(7))
				some = append(some, p)
			}
			if r.IntN(3) > 0 {
				var bans []Ban
				for _, p := range some {
					bans = append(bans, Ban{Prefix: p, For: time.Hour})
				}
				put, over := settle(some, stands)
				for _, p := range over {
					delete(stands, p)
				}
				for _, p := range put {
					stands[p] = time.Hour
				}
				if err := table.Add(bans); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
			} else {
				for _, p := range some {
					delete(stands, p)
				}
				if err := table.Remove(some); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
			}
			want := slices.SortedFunc(maps.Keys(stands), netip.Prefix.Compare)
			if got := prefixesOf(t, table); !slices.Equal(got, want) {
				t.Fatalf("step %d: %v stand, not %v", step, got, want)
			}
		}
	}
}

// What a hijacked daemon asks for does not fill the kernel's memory.
func TestTheKernelsMemoryIsBounded(t *testing.T) {
	table := ensured(t)
	var bans []Ban
	for i := range maxAddrs + 3*spare {
		bans = append(bans, Ban{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}), 32), For: time.Hour})
	}
	if err := table.Add(bans); !errors.Is(err, unix.ENFILE) || !strings.Contains(err.Error(), "the set is full") {
		t.Errorf("%.300v", err)
	}
	if n := len(prefixesOf(t, table)); n < maxAddrs || n >= len(bans) {
		t.Errorf("%d stand", n)
	}
}
