//go:build daemons

package nft

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

// used is the processor's time.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestAttackManyNetworksOfIPv6: each /64 is a network of its own, and for each that is added the kernel is asked for all.
func TestAttackManyNetworksOfIPv6(t *testing.T) {
	if os.Getenv("ATTACK") == "" {
		t.Skip("an attack that succeeds: ATTACK=1 shows it")
	}
	table, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Ensure(nil); err != nil {
		t.Fatal(err)
	}
	prefix := func(n int) netip.Prefix {
		return netip.MustParsePrefix(fmt.Sprintf("2001:db8:66:%x::/64", n))
	}
	next := 0
	for _, standing := range []int{0, 1000, 4000, 16000} {
		for next < standing {
			var bans []Ban
			for ; len(bans) < 1000; next++ {
				bans = append(bans, Ban{prefix(next), time.Hour})
			}
			if err := table.Add(bans); err != nil {
				t.Fatal(err)
			}
		}
		began, cpu := time.Now(), used()
		for range 5 {
			if err := table.Add([]Ban{{prefix(next), time.Hour}}); err != nil {
				t.Fatal(err)
			}
			next++
		}
		t.Logf("with %d /64 standing: %s, %s of the processor, for one more", standing, time.Since(began)/5, (used()-cpu)/5)
		began = time.Now()
		all, err := table.List()
		t.Logf("a list of %d: %s %v", len(all), time.Since(began), err)
	}
	for next < 20_000 {
		var bans []Ban
		for ; len(bans) < 500; next++ {
			bans = append(bans, Ban{prefix(next), time.Hour})
		}
		if err := table.Add(bans); err != nil {
			t.Logf("full at %d: %v", next, err)
			break
		}
	}
	if err := table.Add([]Ban{{netip.MustParsePrefix("2001:db8:77:1::/64"), 7 * 24 * time.Hour}}); err != nil {
		t.Logf("another guesser: %v", err)
	}
	if err := table.Add([]Ban{{netip.MustParsePrefix("2001:db8:66::/48"), time.Hour}}); err != nil {
		t.Logf("the whole /48 instead of its 16,000: %v", err)
	} else {
		all, _ := table.List()
		t.Logf("the whole /48 instead: %d stand", len(all))
	}
}
