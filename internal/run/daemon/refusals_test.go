package daemon

import (
	"fmt"
	"net/netip"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/store"
)

// Whoever chooses the address that he is refused at fills no journal: loopback is one network, and so is what is beyond all
// that are told apart.
func TestAFloodOfRefusalsFromManyNetworksIsFewRows(t *testing.T) {
	for where, address := range map[string]func(i int) netip.Addr{
		"loopback": func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, byte(i >> 16), byte(i >> 8), byte(i)}) },
		"mapped": func(i int) netip.Addr {
			return netip.AddrFrom16(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}).As16())
		},
		"anywhere": func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}) },
	} {
		r, rows, times := refusals{}, 0, 0
		record := func(e *guard.Event) (*store.Ticket, error) {
			rows++
			times += max(e.Times, 1)
			return nil, nil
		}
		const all = 3 * maxRefusals
		for i := range all {
			e := &guard.Event{Key: fmt.Sprint(i), Account: "local:www-data", Transaction: &guard.Transaction{Client: address(i)}, Verdict: &guard.Verdict{Reason: guard.ReasonNotListed}}
			if err := r.add(e, record); err != nil {
				t.Fatal(err)
			}
		}
		if limit := map[string]int{"anywhere": maxRefusals + 1}[where]; rows > max(limit, 1) {
			t.Errorf("%s: %d rows at once", where, rows)
		}
		if err := r.flush(1, record); err != nil {
			t.Fatal(err)
		}
		if times != all {
			t.Errorf("%s: %d of %d are told", where, times, all)
		}
	}
}
