package guard

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
)

func TestAccountFitsInEightKiB(t *testing.T) {
	const accounts = 4000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	site, secret := newFamiliars(), &Secret{}
	kept := make([]*Account, accounts)
	for n := range kept {
		a := &Account{Name: fmt.Sprintf("account-%d", n), Listing: &Listing{Addresses: []string{"a@example.org"}}}
		for i := range 500 {
			a.Known.add(secret.hash(fmt.Sprintf("r%d-%d@far.example", n, i)), day0, 0)
		}
		for i := range maxNetworks {
			from := source{Network: netip.AddrFrom4([4]byte{203, byte(n >> 8), byte(n), byte(i)}), ASN: uint32(i), Country: "CH", Program: fmt.Sprintf("Mail client %d", i)}
			a.Sources.note(from, day0, merit{1, earnLearning}, merit{1, earnProgram}, false, &site)
			a.Suspicion.newBouncer(uint32(i), day0)
			a.noteHeld(day0)
			a.Suspicion.noteNetwork(from.Network, day0)
			a.Suspicion.noteText(uint64(i)*0x9e3779b97f4a7c15, 1, 1, day0)
		}
		for i := range maxWriters {
			a.Writers = append(makeRoom(a.Writers, -1, maxWriters), writer(i))
		}
		kept[n] = a
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if size := (after.HeapAlloc - before.HeapAlloc) / accounts; size > 8192 {
		t.Errorf("an account with 500 known recipients takes %d octets, want at most 8192", size)
	}
	runtime.KeepAlive(kept)
}
