package guess

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
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

func v4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// TestAttackAFullMemoryIsSavedInTime: Save runs with the gate's mutex; while it does nobody's login is judged, and after a second
// Dovecot is told to let it pass.
func TestAttackAFullMemoryIsSavedInTime(t *testing.T) {
	open(t)
	w := New()
	at := monday
	step := 30 * 24 * time.Hour / 2_000_000 / 12
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began, lines := time.Now(), 0
	rounds := 40
	if n, err := strconv.Atoi(os.Getenv("ROUNDS")); err == nil {
		rounds = n
	}
	for round := range rounds { // 40,000 addresses of 20,000 networks, 20,000 names: all that there is room for
		for n := range uint32(40_000) {
			a := Attempt{Kind: Failed, At: at, Client: v4(0x0b000000 + n/2<<8 + n%2), Account: fmt.Sprintf("name%d", (n+uint32(round)*997)%20_000), Exists: true}
			w.Take(a)
			at = at.Add(step)
			lines++
		}
	}
	spent := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d lines in %s (%.1f µs each); heap %d MiB; sources %d networks %d targets %d bans %d", lines, spent.Round(time.Millisecond), float64(spent.Microseconds())/float64(lines),
		(after.HeapAlloc-before.HeapAlloc)>>20, len(w.sources), len(w.networks), len(w.targets), len(w.bans))
	began = time.Now()
	cpu := used()
	saved, err := w.Remembered(at).Encode()
	took := time.Since(began)
	t.Logf("CPU of Save: %s", used()-cpu)
	runtime.ReadMemStats(&after)
	t.Logf("saved %d KiB in %s; heap now %d MiB, from the system %d MiB", len(saved)>>10, took, after.HeapAlloc>>20, after.Sys>>20)
	if err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if _, err := Restore(saved, nil); err != nil {
		t.Fatal(err)
	}
	t.Logf("restored in %s", time.Since(began))
	if took > 500*time.Millisecond {
		t.Errorf("the gate is shut for %s", took)
	}
}

// TestAttackTheWorstLine: the most that one line costs.
func TestAttackTheWorstLine(t *testing.T) {
	w := New()
	w.Take(Attempt{Kind: Good, At: monday, Client: v4(1), Account: "anna"})
	for n := range uint32(48) { // a wave, and full rolls
		for m := range 40 {
			w.Take(Attempt{Kind: Failed, At: monday.Add(time.Duration(m) * 10 * time.Hour), Client: v4(0x0b000000 + n<<8), Account: fmt.Sprintf("name%d", m), Exists: true})
		}
	}
	at, worst := monday.Add(20*24*time.Hour), time.Duration(0)
	began := time.Now()
	const lines = 2000
	for n := range lines {
		one := time.Now()
		w.Take(Attempt{Kind: Failed, At: at, Client: v4(0x0b000000 + uint32(n%250)<<8 + uint32(n/250)), Account: "anna", Times: 1_000_000})
		worst = max(worst, time.Since(one))
	}
	each := time.Since(began) / lines
	t.Logf("a line that stands for a million: %s, at most %s", each, worst)
	if each > 5*time.Millisecond {
		t.Errorf("%s for one line", each)
	}
}

// TestAttackOneNameFromManyAddresses, and many names from one: the cost of a line.
func TestAttackOneNameFromManyAddresses(t *testing.T) {
	for name, of := range map[string]func(n uint32) (netip.Addr, string){
		"one name from 100,000 addresses":    func(n uint32) (netip.Addr, string) { return v4(0x0b000000 + n*7), "anna" },
		"10,000 names from one address":      func(n uint32) (netip.Addr, string) { return v4(0x0b000000), fmt.Sprint("n", n%10_000) },
		"10,000 names from 10,000 addresses": func(n uint32) (netip.Addr, string) { return v4(0x0b000000 + n%10_000), fmt.Sprint("n", n%9_973) },
		"test from 300,000 addresses":        func(n uint32) (netip.Addr, string) { return v4(0x0b000000 + n*259), "test" },
	} {
		w := New()
		began, worst := time.Now(), time.Duration(0)
		lines := 10_000
		if os.Getenv("ATTACK") != "" {
			lines = 300_000
		}
		for n := range uint32(lines) {
			one := time.Now()
			a, account := of(n)
			w.Take(Attempt{Kind: Failed, At: monday.Add(time.Duration(n) * time.Millisecond), Client: a, Account: account, Exists: account == "anna"})
			worst = max(worst, time.Since(one))
		}
		t.Logf("%s: %.2f µs a line, the worst %s; bans %d", name, float64(time.Since(began).Microseconds())/float64(lines), worst, len(w.bans))
	}
}

// TestAttackWhoIsPushedOut: a flood of a /48 whose mail was taken pushes out what is remembered of other guessers.
func TestAttackWhoIsPushedOut(t *testing.T) {
	open(t)
	s := begin(t)
	tries := 0
	for range 6 { // a slow guesser, whose tries are flushed between
		s.fails("203.0.113.9", "anna", 7, time.Second)
		tries += 7
		s.take(Attempt{Kind: Taken, Client: netip.MustParseAddr(ip6(0x66, 0xffff))})
		for n := range 60_000 {
			s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr(ip6(0x66, n)), Account: "zzz"})
			if n%60 == 0 {
				s.now = s.now.Add(time.Second)
			}
		}
	}
	if len(s.banned) == 0 {
		t.Errorf("%d tries of one address at anna in %s and no ban", tries, s.now.Sub(monday))
	}
}
