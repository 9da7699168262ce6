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
	saved, err := s.Remembered(s.now).Encode()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Restore(saved, s.Bans(s.now))
	if err != nil {
		t.Fatal(err)
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
