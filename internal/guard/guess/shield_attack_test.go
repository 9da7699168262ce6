package guess

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func ip6(hi, n int) string { return fmt.Sprintf("2001:db8:%x:%x::1", hi, n) }

// guessed tries a password if the gate lets him, and reports whether it was looked at.
func (s *scene) guess(client, account string, asn uint32, home Home) bool {
	a := netip.MustParseAddr(client)
	if s.May(Login{Account: account, Client: a, ASN: asn, Home: home, At: s.now}) != "" {
		return false
	}
	s.take(Attempt{Kind: Failed, Client: a, Account: account, ASN: asn, Home: home, Password: uint32(len(s.findings))<<20 | uint32(s.now.UnixNano()/1e6)&0xfffff | 1})
	return true
}

// TestAttackANamesakeIsNoShield: whoever has info@ at a domain of his own guesses at info@ of another domain.
func TestAttackANamesakeIsNoShield(t *testing.T) {
	for _, hashes := range []bool{false, true} {
		s := begin(t)
		people["info"] = true
		s.logsIn("203.0.113.9", "info@mine.example")
		if hashes { // settled: five days in a week
			for range 8 {
				s.now = s.now.Add(25 * time.Hour)
				s.logsIn("203.0.113.9", "info@mine.example")
			}
		}
		tries := 0
		for n := range 10_000 {
			a := Attempt{Kind: Failed, Client: netip.MustParseAddr("203.0.113.9"), Account: "info@victim.example"}
			if hashes {
				a.Password = uint32(n + 1)
			}
			if s.may("info@victim.example", a.Client) == "" {
				s.take(a)
				tries++
			}
			s.now = s.now.Add(time.Second)
		}
		if tries > 200 {
			t.Errorf("hashes %v: %d of 10000 guesses at a namesake in three hours were let through; banned %v, confined %v, findings %d", hashes, tries, s.banned, s.Confined(s.now), len(s.findings))
		}
		// Under a protection, by hand, of the victim: he is let in too.
		s.ProtectByHand("info@victim.example", 24*time.Hour, "root", s.now)
		if s.may("info@victim.example", netip.MustParseAddr("203.0.113.9")) == "" {
			t.Errorf("hashes %v: the protected account is open to its namesake's address", hashes)
		}
		if s.Settled("info@victim.example", netip.MustParseAddr("203.0.113.9"), s.now) {
			t.Errorf("hashes %v: he is settled in the victim's account: a contained one is open to him", hashes)
		}
		delete(people, "info")
	}
}

// TestAttackProtectionIsNotSpentOnOtherDomains: 24 names of one person spend the day of protection in a minute.
func TestAttackProtectionIsNotSpentOnOtherDomains(t *testing.T) {
	run := func(decoys int) (let int, protected time.Duration) {
		s := begin(t)
		s.logsIn("192.0.2.1", "anna@example.org")
		for n := range 12 { // a wave
			s.guess(fmt.Sprintf("198.51.%d.1", n), fmt.Sprintf("anna@decoy%d.example", n), uint32(n), Abroad)
		}
		for n := range decoys {
			s.guess(fmt.Sprintf("198.51.%d.2", n), fmt.Sprintf("anna@decoy%d.example", 100+n), uint32(1000+n), Abroad)
		}
		for n := range 2000 { // one try each, 24 hours
			if s.guess(fmt.Sprintf("100.%d.%d.9", n/250, n%250), "anna@example.org", uint32(5000+n), Abroad) {
				let++
			}
			if s.Protected("anna@example.org", s.now) != nil {
				protected += 43 * time.Second
			}
			s.now = s.now.Add(43 * time.Second)
		}
		return let, protected
	}
	let0, p0 := run(0)
	let, p := run(30)
	t.Logf("without decoys %d of 2000 were looked at, protected %s; with 30 decoys %d, protected %s", let0, p0.Round(time.Minute), let, p.Round(time.Minute))
	if let > 2*let0 {
		t.Errorf("30 guesses at other domains open the account: %d instead of %d of 2000 guesses in a day", let, let0)
	}
}

// TestAttackNobodyPushesOutAPersonsProtection: eight other domains push an operator's word out.
func TestAttackNobodyPushesOutAPersonsProtection(t *testing.T) {
	s := begin(t)
	s.logsIn("192.0.2.1", "anna@example.org")
	s.ProtectByHand("anna@example.org", 30*24*time.Hour, "root", s.now)
	for n := range 30 {
		s.guess(fmt.Sprintf("198.51.%d.1", n), fmt.Sprintf("anna@decoy%d.example", n), uint32(n), Abroad)
	}
	if s.Protected("anna@example.org", s.now) == nil {
		t.Errorf("30 guesses from outside ended a protection of 30 days that an operator had set")
	}
}

// TestAttackOneMailIsNoShieldForANetwork: one mail of a /48 that was taken opened it to guessers, two tries for each of its /64.
func TestAttackOneMailIsNoShieldForANetwork(t *testing.T) {
	for _, shield := range []bool{false, true} {
		s := begin(t)
		tries := 0
		for n := range 40_000 {
			if n%10_000 == 0 && shield { // a mail now and then
				s.take(Attempt{Kind: Taken, Client: netip.MustParseAddr(ip6(0x66, 0xffff))})
			}
			for range 2 {
				if s.guess(ip6(0x66, n), "anna", 64500, Abroad) {
					tries++
				}
				s.now = s.now.Add(time.Second)
			}
		}
		t.Logf("shield %v: %d guesses at one account from one /48 in %s; banned %d, protected %v", shield, tries, s.now.Sub(monday), len(s.banned), s.Protected("anna", s.now) != nil)
		if shield && tries > 1000 {
			t.Errorf("one taken mail, and a /48 guesses %d times a day", tries)
		}
	}
	s := begin(t) // the same of IPv4
	s.take(Attempt{Kind: Taken, Client: netip.MustParseAddr("203.0.113.255")})
	tries := 0
	for range 7 {
		for n := range 250 {
			for range 2 {
				if s.guess(fmt.Sprintf("203.0.113.%d", n), "anna", 64500, Abroad) {
					tries++
				}
				s.now = s.now.Add(24 * time.Hour / 500)
			}
		}
		s.take(Attempt{Kind: Taken, Client: netip.MustParseAddr("203.0.113.255")})
	}
	if tries > 300 {
		t.Errorf("one mail a day, and a /24 guesses %d times a week at one account; banned %d", tries, len(s.banned))
	}
}

// TestAttackAMailServerIsNotShutOutForOneLogin: whoever has a mail provider log in somewhere ("send mail as", fetch by POP, web space)
// had that provider's mail shut out.
func TestAttackAMailServerIsNotShutOutForOneLogin(t *testing.T) {
	s := begin(t)
	server := netip.MustParseAddr("203.0.113.41")
	total, logins := time.Duration(0), 0
	for range 20 * 24 {
		for n := range 10 {
			s.take(Attempt{Kind: Taken, Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})}) // or it would be a front
			if s.takesMail(server) {
				s.take(Attempt{Kind: Taken, Client: server})
			}
		}
		if s.may("test", server) == "" {
			s.fails("203.0.113.41", "test", 1, 0)
			logins++
		}
		if !s.takesMail(server) {
			total += time.Hour
		}
		s.now = s.now.Add(time.Hour)
	}
	if total > 0 {
		t.Errorf("a server that brings ten mails an hour was shut out for %s of 20 days by %d logins as \"test\"", total, logins)
	}
	if logins > 10 {
		t.Errorf("it logged in as \"test\" %d times", logins)
	}
}

// TestAttackAFrontIsKnownBesideWebmailOnTheHost: what logs in over loopback says nothing about who comes directly.
func TestAttackAFrontIsKnownBesideWebmailOnTheHost(t *testing.T) {
	for _, c := range []struct {
		client string
		people int // who log in through the front, an hour
	}{{"172.17.0.1", 0}, {"172.17.0.1", 5}, {"203.0.113.80", 0}, {"203.0.113.80", 5}} {
		s := begin(t)
		for range 40 {
			for n := range 5 { // Roundcube logs in for each click
				s.logsIn("127.0.0.1", fmt.Sprintf("person%d", n))
			}
			s.usual(usual{c.people, 10, one(c.client), one(c.client)}, 1)
		}
		s.guessers(c.client)
		if len(s.banned) > 0 || s.may("newcomer", netip.MustParseAddr(c.client)) != "" {
			t.Errorf("front %s, %d people: banned %v, a newcomer %q", c.client, c.people, s.banned, s.may("newcomer", netip.MustParseAddr(c.client)))
		}
	}
}

// TestAttackDockersProxyOfIPv6: IPv4 is handed on with its addresses, IPv6 comes by docker-proxy, as 172.17.0.1.
func TestAttackDockersProxyOfIPv6(t *testing.T) {
	for _, people := range []int{0, 2} {
		s := begin(t)
		for range 48 {
			s.usual(usual{10, 10, many("198.51.100.%d"), many("192.0.2.%d")}, 0)
			for n := range 10 {
				s.logsIn(fmt.Sprintf("198.51.100.%d", n), fmt.Sprintf("person%d", n))
				s.take(Attempt{Kind: Taken, Client: netip.MustParseAddr("172.17.0.1")}) // big providers prefer IPv6
			}
			for n := range people {
				s.logsIn("172.17.0.1", fmt.Sprintf("person%d", n))
			}
			s.now = s.now.Add(time.Hour)
		}
		s.guessers("172.17.0.1")
		if len(s.banned) > 0 || len(s.Confined(s.now)) > 0 {
			t.Errorf("%d people by it: Docker's bridge, by which all mail of IPv6 comes, is banned %v, confined %d", people, s.banned, len(s.Confined(s.now)))
		}
	}
}

// TestAttackNAT64: clients of IPv4 behind SIIT or NAT64 share 64:ff9b::/64.
func TestAttackNAT64(t *testing.T) {
	s := begin(t)
	s.fails("64:ff9b::203.0.113.9", "test", 1, 0)
	if s.Banned(netip.MustParseAddr("64:ff9b::198.51.100.1"), s.now) != nil {
		t.Errorf("one guesser of IPv4 bans all of IPv4 behind the translator: %v", s.banned)
	}
}

// TestAttackBotsOfTheOwnersProvider: 39 of them try 31 times an hour, nine in ten minutes.
func TestAttackBotsOfTheOwnersProvider(t *testing.T) {
	s := begin(t)
	s.logsIn("198.51.100.1", "anna")
	tries := 0
	for range 24 * 6 * 7 {
		for bot := range 39 {
			for range 5 {
				if s.guess(fmt.Sprintf("198.18.%d.7", bot), "anna", 3320, AtNetwork) {
					tries++
				}
			}
		}
		s.now = s.now.Add(10 * time.Minute)
	}
	if len(s.findings) == 0 {
		t.Errorf("%d guesses in a week at one account from 39 addresses of its owner's provider, and no finding at all", tries)
	}
}

// TestAttackTwoNamesHideTheDaysLimit: what is kept of an address is 40 tries, and another name takes half of them.
func TestAttackTwoNamesHideTheDaysLimit(t *testing.T) {
	run := func(decoy string) (tries int) {
		s := begin(t)
		s.logsIn("203.0.113.9", "fritz")
		for range 24 {
			for range 19 {
				if s.guess("203.0.113.9", "anna", 1, Abroad) {
					tries++
				}
				if decoy != "" {
					s.guess("203.0.113.9", decoy, 1, Abroad)
				}
				s.now = s.now.Add(time.Hour / 19)
			}
		}
		return tries
	}
	one := run("")
	for _, decoy := range []string{"bert", "anna@x.invalid"} {
		two := run(decoy)
		t.Logf("from where one account is his: %d guesses a day at one name, %d with %s beside", one, two, decoy)
		if two > one+one/2 {
			t.Errorf("%s gives %d instead of %d", decoy, two, one)
		}
	}
}

// TestAttackRegularsOfALargeAddress: a university's address has more people than are remembered of an address.
func TestAttackRegularsOfALargeAddress(t *testing.T) {
	s := begin(t)
	for range 5 {
		for n := range 2000 {
			s.logsIn("203.0.113.9", fmt.Sprintf("person%d", n))
			s.now = s.now.Add(30 * time.Second)
		}
	}
	for _, name := range []string{"anna", "bert", "carl"} {
		s.fails("203.0.113.9", name, 11, time.Second)
	}
	out := 0
	for n := range 2000 {
		if s.may(fmt.Sprintf("person%d", n), netip.MustParseAddr("203.0.113.9")) != "" {
			out++
		}
	}
	if out > 0 {
		t.Errorf("%d of 2000 people who log in there daily are shut out by 33 tries of one neighbour, for an hour, and by one try more for another", out)
	}
}

// TestAttackATravellerOfALargeProvider: a try a day from the traveller's provider keeps him out, day after day.
func TestAttackATravellerOfALargeProvider(t *testing.T) {
	s := begin(t)
	s.logsIn("198.51.100.1", "anna")
	out, asked := 0, 0
	for hour := range 14 * 24 {
		for bot := range 12 {
			if hour%12 == bot%12 { // each bot twice a day, of twelve large providers
				s.guess(fmt.Sprintf("198.18.%d.7", bot), "anna", uint32(bot+1), Abroad)
			}
		}
		if hour > 12 {
			asked++
			if s.May(Login{Account: "anna", Client: netip.MustParseAddr("192.0.2.77"), ASN: 5, At: s.now}) != "" {
				out++
			}
		}
		s.now = s.now.Add(time.Hour)
	}
	t.Logf("kept out in %d of %d hours", out, asked)
	if out > asked/2 {
		t.Errorf("a traveller at a provider of which one bot guesses twice a day is kept out in %d of %d hours, two weeks long", out, asked)
	}
}
