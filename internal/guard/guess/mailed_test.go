package guess

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// takesMail reports whether mail of an address is taken, as far as bans go.
func (s *scene) takesMail(a netip.Addr) bool {
	b := s.Banned(a, s.now)
	return b == nil || b.Logins
}

// mails has a mail of a client be taken.
func (s *scene) mails(client string) {
	s.take(Attempt{Kind: Taken, Client: netip.MustParseAddr(client)})
}

// failsKept is a login that fails where the kernel keeps out who is banned: one that reaches us came by a port that is open.
func (s *scene) failsKept(client, account string) {
	s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr(client), Account: account, Kept: true})
}

// stands says how a client is kept out.
func (s *scene) stands(client string) string {
	b := s.Banned(netip.MustParseAddr(client), s.now)
	switch {
	case b == nil:
		return ""
	case b.Logins:
		return b.Prefix.String() + " logins"
	}
	return b.Prefix.String() + " all"
}

func (s *scene) wantsStanding(of map[string]string) {
	s.t.Helper()
	for client, want := range of {
		if got := s.stands(client); got != want {
			s.t.Errorf("%s: %q stands, not %q", client, got, want)
		}
	}
}

// TestAnHonestServerAmongGuessersOfAHosterIsHeard: four guessers have the /24 banned, and the mail of their neighbour arrives.
func TestAnHonestServerAmongGuessersOfAHosterIsHeard(t *testing.T) {
	for _, of := range []struct{ server, guessers, network string }{{"203.0.113.25", "203.0.113.%d", "203.0.113.0/24"}, {"2001:db8:7:25::1", "2001:db8:7:%d::1", "2001:db8:7::/48"}} {
		s := begin(t)
		s.mails(of.server)
		s.now = s.now.Add(6 * 24 * time.Hour)
		for n := range 12 {
			s.fails(fmt.Sprintf(of.guessers, 10+n%4), "anna", 1, time.Minute)
		}
		s.wants(of.network + " network")
		one := fmt.Sprintf(of.guessers, 10)
		s.wantsStanding(map[string]string{of.server: of.network + " logins", one: of.network + " logins"})
		if r := s.may("anna", netip.MustParseAddr(one)); r != RefusedBanned {
			t.Errorf("the guesser is %q", r)
		}
		s.failsKept(one, "anna") // by port 25
		s.wantsStanding(map[string]string{of.server: of.network + " logins", one: placeOf(netip.MustParseAddr(one)).prefix().String() + " all",
			fmt.Sprintf(of.guessers, 11): of.network + " logins"})
	}
}

// TestWithoutMailABanIsWhole: what was taken more than a week ago is no reason, nor what was under way when the ban began.
func TestWithoutMailABanIsWhole(t *testing.T) {
	s := begin(t)
	s.mails("203.0.113.9")
	s.now = s.now.Add(8 * 24 * time.Hour)
	s.fails("203.0.113.9", "test", 1, time.Second)
	s.fails("198.51.100.9", "test", 1, time.Second)
	s.mails("203.0.113.9") // was under way
	s.failsKept("203.0.113.9", "test")
	s.wantsStanding(map[string]string{"203.0.113.9": "203.0.113.9/32 all", "198.51.100.9": "198.51.100.9/32 all"})
	s.now = s.now.Add(time.Hour)
	s.fails("203.0.113.9", "test", 1, 2*time.Second)
	s.wantsStanding(map[string]string{"203.0.113.9": "203.0.113.9/32 logins"}) // the next one
	if b := s.Ban(netip.MustParsePrefix("203.0.113.9/32")); b.Times != 2 {
		t.Errorf("it is banned for the %d. time", b.Times)
	}
}

// TestAMailBeforehandBuysNoGuess: whoever sends one first is kept from logging in as soon as anybody, and all of him as soon as he goes
// on by port 25.
func TestAMailBeforehandBuysNoGuess(t *testing.T) {
	for _, client := range []string{"203.0.113.9", "2001:db8:1:2::9"} {
		tries := map[bool]int{}
		for _, mail := range []bool{false, true} {
			s := begin(t)
			for n := range 14 * 24 * 60 {
				s.mails(fmt.Sprintf("192.0.2.%d", n%250)) // or whoever sends is a front
				if mail && s.takesMail(netip.MustParseAddr(client)) {
					s.mails(client)
				}
				if s.guess(client, "anna", 1, Abroad) {
					tries[mail]++
				}
				s.now = s.now.Add(time.Minute)
			}
		}
		if tries[true] > tries[false] {
			t.Errorf("%s: %d guesses without a mail, %d with some", client, tries[false], tries[true])
		}
		s := begin(t)
		s.mails(client)
		for range 8 {
			s.failsKept(client, "anna")
		}
		own := placeOf(netip.MustParseAddr(client)).prefix().String()
		s.wantsStanding(map[string]string{client: own + " logins"})
		s.now = s.now.Add(underWay)
		s.failsKept(client, "anna") // its line was late
		s.wantsStanding(map[string]string{client: own + " logins"})
		s.now = s.now.Add(time.Second)
		s.failsKept(client, "anna")
		s.wantsStanding(map[string]string{client: own + " all"})
		b := s.Ban(netip.MustParsePrefix(own))
		if b.Reason != GoesOn || b.Times != 2 || b.Until.Sub(b.Since) != 2*time.Hour || !strings.Contains(b.Why(), `as "anna" by port 25`) {
			t.Errorf("%+v: %s", b, b.Why())
		}
		s.failsKept(client, "anna")
		if b := s.Ban(netip.MustParsePrefix(own)); b.Times != 2 {
			t.Errorf("again: %+v", b)
		}
	}
}

// TestWhereNothingKeepsThemOutWhoGoesOnIsNoWorse: in shadow, without nf_tables, in an old log a failed login may have come by any port.
func TestWhereNothingKeepsThemOutWhoGoesOnIsNoWorse(t *testing.T) {
	s := begin(t)
	s.mails("203.0.113.9")
	s.fails("203.0.113.9", "test", 100, 15*time.Second)
	s.wantsStanding(map[string]string{"203.0.113.9": "203.0.113.9/32 logins"})
}

// TestWhatDovecotRefusesForABanIsGoingOn, if nothing but port 25 is open.
func TestWhatDovecotRefusesForABanIsGoingOn(t *testing.T) {
	s := begin(t)
	client := netip.MustParseAddr("203.0.113.9")
	s.mails(client.String())
	s.fails(client.String(), "test", 1, time.Second)
	login := Login{Account: "test", Client: client, At: s.now}
	if got := s.GoesOn(login); got != nil {
		t.Errorf("after a second: %+v", got)
	}
	login.At = s.now.Add(time.Minute)
	if got := s.GoesOn(login); len(got) != 1 || got[0].Ban.Logins || got[0].Ban.Reason != GoesOn {
		t.Errorf("%+v", got)
	}
	login.Client = netip.MustParseAddr("203.0.113.10")
	if got := s.GoesOn(login); got != nil {
		t.Errorf("who is not banned: %+v", got)
	}
}

// TestBadMannersAndAPersonsWordShutOutMail, whatever was taken and whatever stands.
func TestBadMannersAndAPersonsWordShutOutMail(t *testing.T) {
	s := begin(t)
	p := netip.MustParsePrefix("203.0.113.9/32")
	s.mails("203.0.113.9")
	s.fails("203.0.113.9", "test", 1, time.Second)
	s.BanByHand(p, time.Hour, "root", s.now)
	s.wantsStanding(map[string]string{"203.0.113.9": "203.0.113.9/32 all"})
	s = begin(t)
	s.mails("203.0.113.25")
	s.fails("203.0.113.9", "test", 1, time.Second)
	for n := range 12 {
		s.fails(fmt.Sprintf("203.0.113.%d", 10+n%4), "anna", 1, time.Second)
	}
	for n := range 40 { // of a neighbour, under the network's ban
		s.take(Attempt{Kind: NoMailbox, Client: netip.MustParseAddr("203.0.113.77"), To: fmt.Sprint("gone", n)})
	}
	s.wantsStanding(map[string]string{"203.0.113.25": "203.0.113.0/24 logins", "203.0.113.77": "203.0.113.77/32 all", "203.0.113.9": "203.0.113.9/32 all"})
	s.BanByHand(netip.MustParsePrefix("203.0.113.0/24"), time.Hour, "root", s.now)
	s.wantsStanding(map[string]string{"203.0.113.25": "203.0.113.0/24 all"})
}

// TestAWiderBanOfAllGoesBeforeANarrowOneOfLogins: whatever else is kept of an address, its mail is shut out if one ban says so.
func TestAWiderBanOfAllGoesBeforeANarrowOneOfLogins(t *testing.T) {
	s := begin(t)
	s.mails("203.0.113.9")
	s.fails("203.0.113.9", "test", 1, time.Second)
	s.BanByHand(netip.MustParsePrefix("203.0.113.0/25"), time.Hour, "root", s.now)
	s.wantsStanding(map[string]string{"203.0.113.9": "203.0.113.0/25 all"})
}

// TestABanOfLoginsOutlivesARestart, and one of before there were any is of all.
func TestABanOfLoginsOutlivesARestart(t *testing.T) {
	s := begin(t)
	s.mails("203.0.113.9")
	s.fails("203.0.113.9", "test", 1, time.Second)
	s.fails("203.0.113.10", "test", 1, time.Second)
	var bans []*Ban
	for _, b := range s.Bans(s.now) {
		row, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(row), "logins") != b.Logins {
			t.Errorf("%s", row)
		}
		again := new(Ban)
		if err := json.Unmarshal(row, again); err != nil {
			t.Fatal(err)
		}
		bans = append(bans, again)
	}
	s.Watch = New()
	for _, b := range bans {
		s.Recall(b)
	}
	s.wantsStanding(map[string]string{"203.0.113.9": "203.0.113.9/32 logins", "203.0.113.10": "203.0.113.10/32 all"})
}
