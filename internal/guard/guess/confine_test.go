package guess

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// triesPasswords tries passwords from where its account logged in, if it may, and reports how many were looked at.
func (s *scene) triesPasswords(client, account string, times int, every time.Duration) (open int) {
	for range times {
		if s.guess(client, account, 0, Abroad) {
			open++
		}
		s.now = s.now.Add(every)
	}
	return open
}

// Whoever knew a password once, and guesses at the new one, is kept from that account, whatever else is guessed at from his address:
// before, behind, or meanwhile. Those who are at home there get in.
func TestWhoMayNotGuessAtHisOwnMayNotByGuessingAtOthers(t *testing.T) {
	const home = "203.0.113.9"
	others := func(s *scene) {
		for n := range 36 {
			s.fails(home, fmt.Sprint("person", n%4), 1, time.Second)
		}
	}
	his := func(s *scene) { s.triesPasswords(home, "anna", 30, time.Second) }
	for name, parts := range map[string][]func(*scene){"his, then others": {his, others}, "others, then his": {others, his}, "in turn": {his, others, his}} {
		s := begin(t)
		s.logsIn(home, "anna")
		s.logsIn(home, "person77")
		s.now = s.now.Add(time.Hour)
		for _, part := range parts {
			part(s)
		}
		if open := s.triesPasswords(home, "anna", 100, time.Second); open > 0 {
			t.Errorf("%s: %d more guesses at his own were looked at", name, open)
		}
		if r := s.may("person77", netip.MustParseAddr(home)); r != "" {
			t.Errorf("%s: who is at home there is %s", name, r)
		}
		if r := s.may("bert", netip.MustParseAddr(home)); r != RefusedConfined {
			t.Errorf("%s: a stranger there is %q", name, r)
		}
		if n := s.CountConfined(s.now); n != 1 || len(s.Confined(s.now)) != 2 {
			t.Errorf("%s: %d addresses are confined, about %d subjects", name, n, len(s.Confined(s.now)))
		}
		if c := s.About(netip.MustParseAddr(home), s.now).Confined; c == nil || c.Account != "" {
			t.Errorf("%s: the address is said to be confined about %+v", name, c)
		}
	}
}

// What is confined stays so over a restart, each subject of its own, and from a memory that knew one an address.
func TestConfinesAreRemembered(t *testing.T) {
	s := begin(t)
	a := netip.MustParseAddr("203.0.113.9")
	s.confineTo(placeOf(a), &Confine{Account: "anna", Strict: true, Since: s.now, Until: s.now.Add(time.Hour)})
	s.confineTo(placeOf(a), &Confine{Since: s.now, Until: s.now.Add(time.Hour)})
	m := s.Remembered(s.now, func() {})
	old := Memory{memory{Confined: map[netip.Prefix]Confine{m.Confines[0].Prefix: m.Confines[0]}}}
	for want, m := range map[int]*Memory{2: m, 1: &old} {
		saved, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		w, err := Restore(saved)
		if err != nil || len(w.Confined(s.now)) != want {
			t.Errorf("of %d subjects %d are left (%v)", want, len(w.Confined(s.now)), err)
		}
	}
}

// However many subjects an address is confined about, what is remembered of it is bounded, and one about all stays.
func TestAnAddressIsConfinedAboutFewSubjects(t *testing.T) {
	s := begin(t)
	from := placeOf(netip.MustParseAddr("203.0.113.9"))
	s.confineTo(from, &Confine{Since: s.now, Until: s.now.Add(time.Hour)})
	for n := range 5 * confinedHere {
		s.confineTo(from, &Confine{Account: fmt.Sprint("person", n), Since: s.now, Until: s.now.Add(confineForOne)})
	}
	if n := len(s.Confined(s.now)); n != 1 {
		t.Errorf("%d subjects of which one is all", n)
	}
	for n := range 5 * confinedHere {
		s.confineTo(from, &Confine{Account: fmt.Sprint("person", n), Strict: true, Since: s.now, Until: s.now.Add(30 * time.Minute)})
	}
	if n := len(s.Confined(s.now)); n != confinedHere || s.widest(from, s.now).Account != "" {
		t.Errorf("%d subjects, the widest is %+v", n, s.widest(from, s.now))
	}
}

// Who guesses at a few colleagues in turns, with passwords that differ, from where all of them log in, is kept from each of them: what is
// kept of what he tried is not enough for twenty at one.
func TestWhoGuessesAtColleaguesInTurnsIsKeptFromThem(t *testing.T) {
	const home = "203.0.113.9"
	s := begin(t)
	people := []string{"anna", "bert", "carl"}
	for _, name := range people {
		s.logsIn(home, name)
	}
	s.now = s.now.Add(time.Hour)
	open := 0
	for n := range 600 {
		open += s.triesPasswords(home, people[n%len(people)], 1, 20*time.Second)
	}
	if open > 2*keptTries {
		t.Errorf("%d of 600 guesses were looked at", open)
	}
}

// Whatever stands where nothing hashes to, each network counts once.
func TestDistinctCountsEachOnce(t *testing.T) {
	for first := range uint32(2000) {
		tg := &target{}
		for _, asn := range []uint32{first + 1, 0, first + 1, 0} {
			tg.hits = append(tg.hits, hit{at: 1000, asn: asn})
		}
		if n := tg.distinct(1000, func(*hit) bool { return true }, func(h *hit) uint64 { return uint64(h.asn) }); n != 3 {
			t.Fatalf("AS%d twice and two that are not known are %d", first+1, n)
		}
	}
}
