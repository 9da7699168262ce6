package guess

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// crowd is the so-manieth of many addresses, each in a network of its own.
func crowd(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 20<<24+uint32(n)<<8+7)
	return netip.AddrFrom4(b)
}

// manyBans has as many bans as are kept, each a second after the one before.
func manyBans(t testing.TB) (*Watch, time.Time) {
	t.Helper()
	w, now := New(), time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	for n := range MaxBans {
		at := now.Add(time.Duration(n) * time.Second)
		w.Take(Attempt{Kind: Failed, At: at, Client: crowd(n), Account: "alarm"})
	}
	if len(w.bans) != MaxBans {
		t.Fatalf("%d bans", len(w.bans))
	}
	return w, now.Add(MaxBans * time.Second)
}

// largest is a memory in which every bound is reached.
func largest() (*Watch, time.Time) {
	w, now := New(), time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	t := now.Unix()
	for n := range maxSources {
		p := placeOf(crowd(n))
		s := w.source(p)
		for i := range keptTries {
			s.tries.push(try{at: t - int64(i), name: uint32(i), exists: true})
			s.rude.push(try{at: t - int64(i), name: uint32(Relay), password: uint32(i)})
		}
		for i := range keptNames {
			s.say(fmt.Sprint("name", n, i))
		}
	}
	for n := range maxNetworks {
		r := &roll{}
		for i := range keptTries {
			r.push(try{at: t - int64(i), name: uint32(i)})
		}
		w.networks[placeOf(crowd(n)).area()] = r
	}
	for n := range maxTargets {
		x := &target{wave: t}
		for i := range keptHits {
			x.push(hit{t - int64(i), placeOf(crowd(n + i)), uint32(i), false})
		}
		w.targets[fmt.Sprint("target", n)] = x
	}
	for n := range maxHomes {
		for i := range 4 {
			w.enter(placeOf(crowd(n)), uint32(4*n+i), t)
		}
	}
	for n := range maxSenders {
		sent(w.senders, placeOf(crowd(n)), t)
		sent(w.sendersAround, placeOf(crowd(n)).area(), t)
	}
	return w, now
}

func BenchmarkMakeRoom(b *testing.B) {
	w, now := manyBans(b)
	for n := MaxBans; b.Loop(); {
		w.makeRoom()
		b.StopTimer()
		for len(w.bans) < MaxBans {
			n++
			now = now.Add(time.Second)
			w.ban(netip.PrefixFrom(crowd(n), 32), Default, Evidence{}, now)
		}
		b.StartTimer()
	}
}

func BenchmarkRemembered(b *testing.B) {
	w, now := largest()
	b.ReportAllocs()
	longest, last := time.Duration(0), time.Now()
	for b.Loop() {
		last = time.Now()
		w.Remembered(now, func() {
			longest = max(longest, time.Since(last))
			last = time.Now()
		})
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms-at-once-at-most")
}

func BenchmarkEncode(b *testing.B) {
	w, now := largest()
	m := w.Remembered(now, func() {})
	b.ReportAllocs()
	for b.Loop() {
		saved, err := m.Encode()
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(saved)))
	}
}
