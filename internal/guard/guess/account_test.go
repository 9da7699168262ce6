package guess

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// TestALoginForgivesItsOwnAccountAlone: who has info@ at one domain guesses at info@ of another, and logs in to his own in between.
func TestALoginForgivesItsOwnAccountAlone(t *testing.T) {
	s := begin(t)
	for range 4 {
		s.fails("203.0.113.9", "info@victim.example", 3, time.Second)
		s.take(Attempt{Kind: Good, Client: netip.MustParseAddr("203.0.113.9"), Account: "info@mine.example", Home: AtAddress})
	}
	if n := s.About(netip.MustParseAddr("203.0.113.9"), s.now).Hour; n != 12 {
		t.Errorf("%d of 12 guesses are remembered", n)
	}
	s = begin(t) // nor is a login of the namesake's a guesser's success, nor his address out of the wave
	for n := range 12 {
		from := fmt.Sprintf("198.51.%d.1", n)
		s.logsIn(from, "info@mine.example")
		s.fails(from, "info@victim.example", 1, time.Second)
		s.logsIn(from, "info@mine.example")
	}
	people["info"] = true
	defer delete(people, "info")
	s.fails("192.0.2.7", "info@victim.example", 1, time.Second)
	if s.Protected("info@victim.example", s.now) == nil || s.Protected("info@mine.example", s.now) != nil {
		t.Errorf("victim protected %v, namesake %v", s.Protected("info@victim.example", s.now), s.Protected("info@mine.example", s.now))
	}
}

// TestPasswordsThatDifferAreNoTelephones: where the owner has his provider, an old password may be tried for ever, and new ones may not.
func TestPasswordsThatDifferAreNoTelephones(t *testing.T) {
	for name, c := range map[string]struct {
		passwords int // that are tried in turn
		every     time.Duration
		banned    bool
	}{
		"one old password, every five minutes": {1, 5 * time.Minute, false},
		"two devices with two":                 {2, 5 * time.Minute, false},
		"an owner who tries all his fifteen":   {15, 2 * time.Minute, false},
		"a guesser, every four minutes":        {1000, 4 * time.Minute, true},
		"a guesser, every half an hour":        {1000, 30 * time.Minute, true},
	} {
		s := begin(t)
		for n := range 400 {
			s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr("198.51.100.9"), Account: "anna", ASN: 3320, Home: AtNetwork, Password: uint32(1 + n%c.passwords)})
			s.now = s.now.Add(c.every)
		}
		if got := len(s.banned) > 0; got != c.banned {
			t.Errorf("%s: banned %v", name, s.banned)
		}
	}
}

// TestATelephoneAtManyAddressesIsNoWave: with an old password, at another address of its provider each hour, as carriers give them.
func TestATelephoneAtManyAddressesIsNoWave(t *testing.T) {
	s := begin(t)
	for n := range 7 * 24 * 4 {
		s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr(fmt.Sprintf("198.51.%d.9", n/4%24)), Account: "anna", ASN: 3320, Home: AtNetwork})
		s.now = s.now.Add(15 * time.Minute)
	}
	s.wants()
	if len(s.findings) > 0 {
		t.Errorf("%+v", s.findings[0])
	}
}

// TestAFrontIsLetInAloneOfItsNetwork: the ban of the network that it lies in goes, and nobody there is forgiven.
func TestAFrontIsLetInAloneOfItsNetwork(t *testing.T) {
	s := begin(t)
	for n := range 4 {
		s.fails(fmt.Sprintf("203.0.113.%d", n+1), "anna", 3, time.Minute)
	}
	s.fails("203.0.113.5", "bert", 8, time.Minute)
	s.wants("203.0.113.0/24 network", "203.0.113.5/32 passwords")
	s.usual(usual{30, 20, one("203.0.113.80"), one("203.0.113.80")}, 4)
	if s.Banned(netip.MustParseAddr("203.0.113.80"), s.now) != nil {
		t.Error("the front is kept out")
	}
	if b := s.Ban(netip.MustParsePrefix("203.0.113.5/32")); b == nil {
		t.Error("its neighbour's ban is forgotten")
	}
	if n := s.About(netip.MustParseAddr("203.0.113.1"), s.now).Day; n != 3 {
		t.Errorf("its neighbour's tries: %d", n)
	}
}
