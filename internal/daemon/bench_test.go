package daemon

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/store"
)

// BenchmarkStartWithTenThousandAccounts opens a store with 10,000 accounts of a month's history and 120 known
// recipients each, and makes the State of it: how long a start takes, and how much memory the State is.
func BenchmarkStartWithTenThousandAccounts(b *testing.B) {
	path := filepath.Join(b.TempDir(), storeFile)
	s, err := store.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	state := guard.New()
	for n := range 10_000 {
		p := &guard.Past{}
		begin := guard.TimeOf(time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC))
		for day := range 30 {
			var to []string
			for i := range 4 {
				to = append(to, fmt.Sprintf("r%d@far%d.example", day*4+i, n))
			}
			at := begin.Add(time.Duration(day) * 24 * time.Hour)
			p.Note(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 64500, "CH", to, at)
			p.Note(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 64500, "CH", to, at.Add(time.Hour))
		}
		name := fmt.Sprintf("account%d", n)
		guard.Apply(state, &guard.Event{Kind: guard.KindAllowed, At: begin, Account: name, Listing: &guard.Listing{}})
		guard.Apply(state, &guard.Event{Kind: guard.KindLearned, At: begin, Account: name, Past: p})
	}
	s.Writer().Checkpoint(state.TakeChanges())
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	state = nil
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, err := store.Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		rows, _, err := s.Load(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		state = guard.Restore(rows)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := len(state.Accounts()); n != 10_000 {
		b.Fatalf("%d accounts", n)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
	runtime.KeepAlive(state)
}
