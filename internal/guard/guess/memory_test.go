package guess

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

func TestWhatIsRememberedOutlivesTheProcess(t *testing.T) {
	s := begin(t)
	s.logsIn("198.51.100.7", "anna")
	s.fails("203.0.113.9", "anna", 7, time.Minute)
	s.fails("203.0.113.10", "anna", 8, time.Minute)
	for n := range 12 {
		s.fails(fmt.Sprintf("20.0.%d.1", n), "bert", 1, time.Minute)
	}
	saved, err := s.Remembered(s.now, func() {}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Restore(saved)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Bans(s.now) {
		w.Recall(b)
	}
	s.Watch = w
	if s.Banned(netip.MustParseAddr("203.0.113.10"), s.now) == nil || s.Protected("bert", s.now) == nil || !s.lives(placeOf(netip.MustParseAddr("198.51.100.7")), s.now.Unix()) {
		t.Error("a ban, a protection or a home is forgotten")
	}
	s.fails("203.0.113.9", "anna", 1, 0)
	if s.banned["203.0.113.9/32"] != Passwords {
		t.Error("the seven tries before are forgotten")
	}
}

// TestAFloodForgetsNoHome: what outsiders fill is bounded, and apart from what good logins fill.
func TestAFloodForgetsNoHome(t *testing.T) {
	s := begin(t)
	s.logsIn("198.51.100.7", "anna")
	dice := rand.New(rand.NewPCG(3, 4))
	for n := range 100_000 {
		a := netip.AddrFrom4([4]byte{byte(20 + n%100), byte(dice.IntN(256)), byte(dice.IntN(256)), byte(dice.IntN(256))})
		s.now = s.now.Add(time.Second)
		for _, f := range s.Take(Attempt{Kind: []Kind{Failed, Taken, NoMailbox, Relay}[n%4], Client: a, Account: fmt.Sprint("n", n), At: s.now, Times: 1 + n%50}) {
			if f.Ban == nil {
				t.Fatalf("%+v", f)
			}
		}
	}
	if len(s.sources) > maxSources || len(s.networks) > maxNetworks || len(s.targets) > maxTargets || len(s.senders) > maxSenders || len(s.bans) > MaxBans {
		t.Error("something is not bounded")
	}
	s.fails("198.51.100.7", "anna", 30, time.Second)
	if s.Banned(netip.MustParseAddr("198.51.100.7"), s.now) != nil {
		t.Error("anna's home is forgotten")
	}
}

func TestAStepOfTheClockChangesNothing(t *testing.T) {
	s := begin(t)
	s.fails("203.0.113.9", "anna", 5, time.Minute)
	s.fails("203.0.113.10", "anna", 8, time.Minute)
	for _, step := range []time.Duration{8760 * time.Hour, -8760 * time.Hour, -time.Hour} {
		s.Shift(step)
		s.now = s.now.Add(step)
	}
	if b := s.Ban(netip.MustParsePrefix("203.0.113.10/32")); !s.now.Before(b.Until) || b.Until.Sub(s.now) > 30*time.Minute {
		t.Errorf("at %s the ban ends at %s", s.now, b.Until)
	}
	s.fails("203.0.113.9", "anna", 3, time.Minute)
	s.wants("203.0.113.9/32 passwords", "203.0.113.10/32 passwords")
}

// TestOthersHaveTheWatchWhileItIsCopied: what they do then tears nothing of what was there before.
func TestOthersHaveTheWatchWhileItIsCopied(t *testing.T) {
	s := begin(t)
	const sources = 5000
	for n := range sources {
		s.Take(Attempt{Kind: Failed, At: s.now, Client: crowd(n), Account: "anna", Times: 1 + n%5})
		s.Take(Attempt{Kind: Taken, At: s.now, Client: crowd(n)})
		s.Take(Attempt{Kind: Good, At: s.now, Client: crowd(n + sources), Account: fmt.Sprint("user", n/2)})
	}
	dice, rests := rand.New(rand.NewPCG(5, 6)), 0
	m := s.Remembered(s.now, func() {
		for rests++; dice.IntN(3) > 0; {
			kind := []Kind{Failed, Failed, Good, Taken, Relay}[dice.IntN(5)]
			s.Take(Attempt{Kind: kind, At: s.now, Client: crowd(dice.IntN(3 * sources)), Account: fmt.Sprint("user", dice.IntN(99)), Times: 1})
		}
		s.Unban(netip.PrefixFrom(crowd(dice.IntN(100)), 32), s.now) // forgotten, before it is copied or after
	})
	if rests < 5*sources/atOnce {
		t.Errorf("others had it %d times", rests)
	}
	saved, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Restore(saved)
	if err != nil {
		t.Fatal(err)
	}
	for n := range sources {
		about := w.About(crowd(n), s.now)
		if n >= 100 && (about.Week < 1+n%5 || about.Sent.IsZero()) || w.About(crowd(n+sources), s.now).AtHome == 0 {
			t.Fatalf("of number %d this is left: %+v", n, about)
		}
	}
}

func TestAMemoryIsNotHalfInAnotherTime(t *testing.T) {
	s := begin(t)
	for n := range 10 * atOnce {
		s.Take(Attempt{Kind: Taken, At: s.now, Client: crowd(n)})
	}
	rests := 0
	if m := s.Remembered(s.now, func() {
		if rests++; rests == 5 {
			s.Shift(time.Hour)
		}
	}); m != nil || rests < 5 {
		t.Errorf("it was shifted within %d pieces, and is none: %t", rests, m == nil)
	}
}
