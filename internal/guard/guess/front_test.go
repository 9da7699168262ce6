package guess

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// traffic is what a server sees in an hour: people log in, strangers' mail is taken, and guessers try. Who of them comes by what
// address, the test says.
type usual struct {
	people, strangers int
	person, stranger  func(n int) string // by which address the n-th comes
}

func (s *scene) usual(u usual, hours int) {
	for range hours {
		for n := range u.people {
			s.logsIn(u.person(n), fmt.Sprintf("person%d", n))
		}
		for n := range u.strangers {
			s.take(Attempt{Kind: Taken, Client: netip.MustParseAddr(u.stranger(n))})
		}
		s.now = s.now.Add(time.Hour)
	}
}

// guessers try what guessers try, all by one address.
func (s *scene) guessers(client string) {
	for _, name := range []string{"alarm", "test", "pi", "karen", "steve", "sales"} {
		s.fails(client, name, 6, time.Second)
	}
	s.fails(client, "person1", 40, time.Second)
	for range 10 {
		s.take(Attempt{Kind: Pregreet, Client: netip.MustParseAddr(client)})
	}
}

func one(client string) func(int) string { return func(int) string { return client } }

func many(format string) func(int) string {
	return func(n int) string { return fmt.Sprintf(format, 1+n%250) }
}

// TestAProxyInFrontIsNotBanned: everybody comes by its address, also those who guess. It is told, with what came by it.
func TestAProxyInFrontIsNotBanned(t *testing.T) {
	for name, c := range map[string]struct {
		client string
		before usual
	}{
		"Docker's bridge":                          {"172.17.0.1", usual{30, 20, one("172.17.0.1"), one("172.17.0.1")}},
		"mailcow's bridge, of one person":          {"172.22.1.1", usual{1, 2, one("172.22.1.1"), one("172.22.1.1")}},
		"Docker's bridge, and nothing is known":    {"172.17.0.1", usual{}},
		"a proxy for mailboxes alone":              {"172.18.0.5", usual{30, 20, one("172.18.0.5"), many("192.0.2.%d")}},
		"one, and nobody logged in":                {"172.18.0.5", usual{0, 20, nil, many("192.0.2.%d")}},
		"a cluster's node":                         {"100.64.3.7", usual{}},
		"a bridge of IPv6":                         {"fd00:d0c::1", usual{5, 5, one("fd00:d0c::1"), one("fd00:d0c::1")}},
		"a load balancer":                          {"203.0.113.80", usual{30, 20, one("203.0.113.80"), one("203.0.113.80")}},
		"one of IPv6":                              {"2001:db8:7::80", usual{30, 20, one("2001:db8:7::80"), one("2001:db8:7::80")}},
		"one before a server where nobody logs in": {"203.0.113.80", usual{0, 40, nil, one("203.0.113.80")}},
	} {
		s := begin(t)
		s.usual(c.before, 4)
		s.guessers(c.client)
		s.wants()
		if r := s.may("newcomer", netip.MustParseAddr(c.client)); r != "" || len(s.Confined(s.now)) > 0 {
			t.Errorf("%s: a newcomer is %q", name, r)
		}
		f := s.Front(s.now)
		if f == nil || f.Client.String() != c.client || f.Tries < 60 || f.Logins != 4*c.before.people {
			t.Errorf("%s: told is %+v", name, f)
		}
		if a := s.About(netip.MustParseAddr(c.client), s.now); a.Never == "" {
			t.Errorf("%s: source show does not say why it is not banned", name)
		}
	}
}

// TestWhatIsNoProxyIsJudgedAsBefore: each looks a little like one.
func TestWhatIsNoProxyIsJudgedAsBefore(t *testing.T) {
	const office, scanner = "198.51.100.7", "203.0.113.9"
	for name, c := range map[string]struct {
		before  usual
		guesser string
		banned  string
	}{
		"a scanner makes most of the connections of a quiet server":      {usual{1, 1, one(office), one("192.0.2.25")}, scanner, "203.0.113.9/32"},
		"a scanner is all that there is":                                 {usual{}, scanner, "203.0.113.9/32"},
		"beside an office from where all log in":                         {usual{30, 5, one(office), many("192.0.2.%d")}, scanner, "203.0.113.9/32"},
		"a machine of the house, where others log in":                    {usual{3, 3, many("192.168.1.%d"), many("192.0.2.%d")}, "192.168.1.66", "192.168.1.66/32"},
		"a machine of the house, and one other person lives there":       {usual{1, 0, one("192.168.1.7"), nil}, "192.168.1.66", "192.168.1.66/32"},
		"a spammer who sends most of the mail":                           {usual{3, 400, many("198.51.100.%d"), one(scanner)}, scanner, "203.0.113.9/32"},
		"a spammer with one account, where nobody else logs in":          {usual{1, 400, one("198.51.100.7"), one(scanner)}, scanner, "203.0.113.9/32"},
		"a proxy, and somebody guesses past it":                          {usual{30, 20, one("203.0.113.80"), one("203.0.113.80")}, scanner, "203.0.113.9/32"},
		"the mail comes by a filter of others, the people by themselves": {usual{30, 50, many("198.51.100.%d"), one("192.0.2.25")}, scanner, "203.0.113.9/32"},
	} {
		s := begin(t)
		s.usual(c.before, 4)
		s.guessers(c.guesser)
		if len(s.banned) != 1 || s.banned[c.banned] == "" {
			t.Errorf("%s: banned are %v", name, s.banned)
		}
		if f := s.Front(s.now); f != nil {
			t.Errorf("%s: told is %+v", name, f)
		}
	}
}

// TestAnOfficeIsNoProxy: thirty people and all logins of a small site, and its mail comes from elsewhere. It is confined as ever.
func TestAnOfficeIsNoProxy(t *testing.T) {
	for name, u := range map[string]usual{
		"and the mail from elsewhere": {30, 5, one("198.51.100.7"), many("192.0.2.%d")},
		"and no mail at all":          {30, 0, one("198.51.100.7"), nil},
		"and mail by one filter":      {30, 50, one("198.51.100.7"), one("192.0.2.25")},
	} {
		s := begin(t)
		s.usual(u, 24)
		s.guessers("198.51.100.7")
		s.wants()
		if len(s.Confined(s.now)) != 1 || s.Front(s.now) != nil {
			t.Errorf("%s: confined are %v, told is %+v", name, s.Confined(s.now), s.Front(s.now))
		}
	}
}

// TestAProxyThatIsToldOfIsOneNoMore: from when the addresses of clients are handed on it is one of many; and one that is found out
// while it is banned is let in again.
func TestAProxyThatIsToldOfIsOneNoMore(t *testing.T) {
	s := begin(t)
	s.guessers("203.0.113.80")
	if s.banned["203.0.113.80/32"] == "" {
		t.Fatal("an address of which nothing is known is not banned")
	}
	s.usual(usual{30, 20, one("203.0.113.80"), one("203.0.113.80")}, 4) // in shadow mode
	if s.Banned(netip.MustParseAddr("203.0.113.80"), s.now) != nil || len(s.Bans(s.now)) > 0 {
		t.Error("it is found out, and still banned")
	}
	if last := s.findings[len(s.findings)-1]; last.Lift == nil || last.Lift.Prefix.String() != "203.0.113.80/32" {
		t.Errorf("what is found is %+v", last)
	}
	s.guessers("203.0.113.80")
	if s.Front(s.now) == nil {
		t.Error("it is not told")
	}
	s.usual(usual{30, 20, many("198.51.100.%d"), many("192.0.2.%d")}, 30)
	s.fails("203.0.113.80", "karen", 40, time.Second)
	if s.Front(s.now) != nil {
		t.Errorf("it is told still: %+v", s.Front(s.now))
	}
}

func TestAProxyIsRememberedOverARestartAndAStepOfTheClock(t *testing.T) {
	s := begin(t)
	s.usual(usual{30, 20, one("203.0.113.80"), one("203.0.113.80")}, 4)
	s.guessers("203.0.113.80")
	saved, err := s.Remembered(s.now, func() {}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Restore(saved)
	if err != nil || !reflect.DeepEqual(w.Front(s.now), s.Front(s.now)) || w.Front(s.now) == nil {
		t.Fatalf("%v: %+v, not %+v", err, w.Front(s.now), s.Front(s.now))
	}
	const year = 365 * 24 * time.Hour
	s.Shift(year)
	s.now = s.now.Add(year)
	s.usual(usual{30, 20, one("203.0.113.80"), one("203.0.113.80")}, 1)
	s.guessers("203.0.113.80")
	s.wants()
	if f := s.Front(s.now); f == nil || f.Logins != 5*30 {
		t.Errorf("after the step: %+v", f)
	}
}
