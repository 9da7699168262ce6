package guess

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

var monday = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

// scene is a Watch and what came of what it was told.
type scene struct {
	t *testing.T
	*Watch
	now      time.Time
	banned   map[string]Reason
	findings []Finding
}

func begin(t *testing.T) *scene {
	return &scene{t: t, Watch: New(), now: monday, banned: map[string]Reason{}}
}

// people are the accounts there are.
var people = map[string]bool{"anna": true, "bert": true, "carl": true, "dora": true, "emil": true, "fritz": true}

func (s *scene) take(a Attempt) {
	a.At = s.now
	a.Exists = people[person(a.Account)] || strings.HasPrefix(a.Account, "person")
	for _, f := range s.Take(a) {
		s.findings = append(s.findings, f)
		if f.Ban != nil {
			s.banned[f.Ban.Prefix.String()] = f.Ban.Reason
		}
	}
}

func (s *scene) fails(client, account string, times int, every time.Duration) {
	for range times {
		s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr(client), Account: account})
		s.now = s.now.Add(every)
	}
}

func (s *scene) logsIn(client, account string) {
	s.take(Attempt{Kind: Good, Client: netip.MustParseAddr(client), Account: account})
}

func (s *scene) may(account string, client netip.Addr) Refusal {
	return s.May(Login{Account: account, Client: client, At: s.now})
}

func (s *scene) wants(banned ...string) {
	s.t.Helper()
	want := map[string]Reason{}
	for _, b := range banned {
		p, r, _ := strings.Cut(b, " ")
		want[p] = Reason(r)
	}
	if !reflect.DeepEqual(s.banned, want) {
		s.t.Errorf("banned are %v, not %v", s.banned, want)
	}
}

func TestWhoTriesManyPasswordsIsBanned(t *testing.T) {
	s := begin(t)
	s.fails("203.0.113.9", "anna", 10, time.Second)
	s.wants("203.0.113.9/32 passwords")
}

func TestATravellerWhoMistypesIsNot(t *testing.T) {
	for n := 1; n <= 7; n++ {
		s := begin(t)
		s.fails("203.0.113.9", "anna", n, 20*time.Second)
		s.logsIn("203.0.113.9", "anna")
		s.fails("203.0.113.9", "anna", 30, time.Minute) // her telephone has the old password
		s.wants()
	}
}

func TestOneTryAnHourIsSeen(t *testing.T) {
	s := begin(t)
	s.fails("203.0.113.9", "anna", 72, time.Hour)
	s.wants("203.0.113.9/32 passwords")
}

func TestTwoTriesADayAreSeenWithinTheWeek(t *testing.T) {
	s := begin(t)
	s.fails("203.0.113.9", "anna", 40, 8*time.Hour)
	s.wants("203.0.113.9/32 passwords")
}

func TestOneAddressThatTriesSeveralPeopleIsBanned(t *testing.T) {
	s := begin(t)
	for _, name := range []string{"anna", "bert", "carl", "dora", "emil"} {
		s.fails("203.0.113.9", name, 1, time.Minute)
	}
	s.wants()
	s.fails("203.0.113.9", "fritz", 1, time.Minute)
	s.wants("203.0.113.9/32 accounts")
}

func TestFormsOfOneNameAreOnePerson(t *testing.T) {
	s := begin(t)
	for _, name := range []string{"anna", "anna@example.org", "ANNA@mail.example.org", "anna@localhost", "Anna"} {
		s.fails("203.0.113.9", name, 1, time.Minute)
	}
	s.wants()
}

func TestNamesThatNobodyHasAreTriedByGuessers(t *testing.T) {
	s := begin(t)
	for _, name := range []string{"karen", "steve", "sales"} {
		s.fails("203.0.113.9", name, 1, time.Minute)
	}
	s.fails("203.0.113.10", "alarm", 1, 0)
	s.wants("203.0.113.9/32 names", "203.0.113.10/32 default")
}

func TestADefaultNameThatSomebodyHasIsAName(t *testing.T) {
	people["pi"] = true
	defer delete(people, "pi")
	s := begin(t)
	s.fails("203.0.113.10", "pi", 3, time.Second)
	s.wants()
}

// TestManyNetworksAtOneAccountProtectIt: a thousand addresses, one try each, and their owner reads his mail all the while.
func TestManyNetworksAtOneAccountProtectIt(t *testing.T) {
	s := begin(t)
	home := netip.MustParseAddr("198.51.100.7")
	s.logsIn(home.String(), "anna")
	for n := range 1000 {
		s.fails(fmt.Sprintf("%d.%d.%d.9", 20+n/500, n%250, n%7), "anna", 1, 10*time.Second)
	}
	s.wants()
	p := s.Protected("anna", s.now)
	if p == nil {
		t.Fatal("anna is not protected")
	}
	if r := s.may("anna", home); r != "" {
		t.Errorf("from home she is %s", r)
	}
	if r := s.may("anna", netip.MustParseAddr("198.51.100.200")); r != "" {
		t.Errorf("from next door she is %s", r)
	}
	if r := s.may("anna", netip.MustParseAddr("192.0.2.77")); r != RefusedProtected {
		t.Errorf("from elsewhere somebody is %q", r)
	}
	if r := s.may("bert", netip.MustParseAddr("192.0.2.77")); r != "" {
		t.Errorf("bert is %s", r)
	}
}

// TestAProtectionIsNoSwitch: who guesses for a week keeps a traveller out for a day.
func TestAProtectionIsNoSwitch(t *testing.T) {
	s, out := begin(t), 0
	for n := range 7 * 24 * 60 {
		s.fails(fmt.Sprintf("20.%d.%d.9", n%250, n%249), "anna", 1, time.Minute)
		if s.may("anna", netip.MustParseAddr("192.0.2.77")) != "" {
			out++
		}
	}
	if h := out / 60; h < 23 || h > 4*25 {
		t.Errorf("she is kept out for %d of 168 hours", h)
	}
	told := 0
	for _, f := range s.findings {
		if f.Protect != nil {
			told++
		}
	}
	if told == 0 || told > 7*2*24*2 {
		t.Errorf("that is told %d times", told)
	}
}

// TestManyAddressesWithFewTriesAreBanned: 5,000 addresses, 4 tries each, on 50 accounts.
func TestManyAddressesWithFewTriesAreBanned(t *testing.T) {
	s := begin(t)
	dice := rand.New(rand.NewPCG(1, 2))
	for n := range 5000 {
		account := fmt.Sprintf("person%d", dice.IntN(50))
		s.fails(fmt.Sprintf("%d.%d.%d.9", 20+n/2500, n%250, dice.IntN(250)), account, 4, time.Second)
	}
	for n := range 50 {
		if s.Protected(fmt.Sprintf("person%d", n), s.now) == nil {
			t.Errorf("person%d is not protected", n)
		}
	}
	if len(s.banned) < 4500 {
		t.Errorf("%d of 5,000 are banned", len(s.banned))
	}
}

func TestAnOfficeIsNeverBanned(t *testing.T) {
	s := begin(t)
	for n := range 30 {
		s.logsIn("198.51.100.7", fmt.Sprintf("person%d", n))
	}
	s.now = s.now.Add(48 * time.Hour)
	for range 200 { // a telephone that has the old password
		s.fails("198.51.100.7", "person3", 1, 5*time.Minute)
	}
	for n := range 25 { // new passwords for everybody
		s.fails("198.51.100.7", fmt.Sprintf("person%d", n), 3, 10*time.Second)
	}
	s.wants()
	if len(s.findings) != 0 {
		t.Errorf("that is told: %+v", s.findings)
	}
}

// TestAGuesserBehindACarriersAddressIsConfined: the forty that are at home there still get in.
func TestAGuesserBehindACarriersAddressIsConfined(t *testing.T) {
	s := begin(t)
	nat := netip.MustParseAddr("198.51.100.7")
	for n := range 40 {
		s.logsIn(nat.String(), fmt.Sprintf("person%d", n))
	}
	for n := range 60 {
		s.fails(nat.String(), fmt.Sprintf("person%d", 100+n%20), 1, time.Minute)
	}
	s.wants()
	if r := s.may("person105", nat); r != RefusedConfined {
		t.Errorf("whom he guesses at is %q", r)
	}
	if r := s.may("person5", nat); r != "" {
		t.Errorf("who is at home there is %s", r)
	}
}

func TestANetworkThatTriesInSmallPortionsIsBanned(t *testing.T) {
	s := begin(t)
	for n := range 40 {
		s.fails(fmt.Sprintf("203.0.113.%d", 1+n%20), []string{"anna", "bert"}[n%2], 1, 30*time.Minute)
	}
	s.wants("203.0.113.0/24 network")
	s = begin(t)
	for n := range 40 {
		s.fails(fmt.Sprintf("2001:db8:7:%x::%x", n, n), []string{"anna", "bert"}[n%2], 1, 10*time.Minute)
	}
	s.wants("2001:db8:7::/48 network")
}

func TestANetworkWhereSomebodyLivesIsNotBanned(t *testing.T) {
	s := begin(t)
	s.logsIn("203.0.113.200", "carl")
	for n := range 40 {
		s.fails(fmt.Sprintf("203.0.113.%d", 1+n%20), []string{"anna", "bert"}[n%2], 1, 30*time.Minute)
	}
	s.wants()
}

func TestEveryAddressOfAHostIsItsOwn(t *testing.T) {
	s := begin(t)
	for n := range 12 {
		s.fails(fmt.Sprintf("2001:db8::%x", n+1), "anna", 1, time.Minute)
	}
	s.wants("2001:db8::/64 passwords")
}

func TestWhatFollowsAWaveIsTold(t *testing.T) {
	s := begin(t)
	for _, name := range []string{"anna", "bert", "carl", "emil", "fritz"} {
		s.fails("203.0.113.9", name, 1, time.Minute)
	}
	s.logsIn("203.0.113.9", "dora")
	s.logsIn("203.0.113.9", "dora")
	cracked := 0
	for _, f := range s.findings {
		if f.Cracked != nil && f.Cracked.Account == "dora" {
			cracked++
		}
	}
	if cracked != 1 {
		t.Errorf("it is told %d times", cracked)
	}
	if s.lives(placeOf(netip.MustParseAddr("203.0.113.9")), s.now.Unix()) {
		t.Error("the guesser is at home now")
	}
}

func TestTheOperatorsOwnAreNeverBanned(t *testing.T) {
	s := begin(t)
	for n := range 100 {
		s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr("192.0.2.1"), Account: fmt.Sprint("name", n), Own: true})
		s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr("127.0.0.1"), Account: fmt.Sprint("name", n)})
		s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr("::ffff:127.0.0.1"), Account: fmt.Sprint("name", n)})
		s.take(Attempt{Kind: Relay, Client: netip.MustParseAddr("192.0.2.1"), Own: true})
	}
	s.wants()
}

func TestAServerWhoseMailIsTakenMayAskForWhoLeft(t *testing.T) {
	s := begin(t)
	s.take(Attempt{Kind: Taken, Client: netip.MustParseAddr("192.0.2.25")})
	for n := range 100 {
		for _, client := range []string{"192.0.2.25", "203.0.113.25"} {
			s.take(Attempt{Kind: NoMailbox, Client: netip.MustParseAddr(client), To: fmt.Sprint("gone", n, "@example.org")})
		}
		s.take(Attempt{Kind: NoMailbox, Client: netip.MustParseAddr("203.0.113.26"), To: "gone@example.org"})
	}
	s.wants("203.0.113.25/32 manners")
}

func TestTheSamePasswordAgainIsNoGuess(t *testing.T) {
	s := begin(t)
	for range 100 {
		s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr("203.0.113.9"), Account: "anna", Password: 7})
	}
	s.wants()
	for n := range 8 {
		s.take(Attempt{Kind: Failed, Client: netip.MustParseAddr("203.0.113.9"), Account: "anna", Password: uint32(100 + n)})
	}
	s.wants("203.0.113.9/32 passwords")
}

func TestBansGrowAndAreForgotten(t *testing.T) {
	s := begin(t)
	p := netip.MustParsePrefix("203.0.113.9/32")
	for _, want := range []time.Duration{30 * time.Minute, 2 * time.Hour, 8 * time.Hour, 32 * time.Hour, 128 * time.Hour, 168 * time.Hour, 168 * time.Hour} {
		s.fails("203.0.113.9", "anna", 8, time.Second)
		b := s.Ban(p)
		if got := b.Until.Sub(b.Since); got != want {
			t.Errorf("the ban no. %d lasts %s, not %s", b.Times, got, want)
		}
		if s.Banned(p.Addr(), s.now) == nil {
			t.Error("it does not stand")
		}
		s.fails("203.0.113.9", "anna", 3, time.Second) // what still comes makes it no longer
		s.now = b.Until.Add(time.Minute)
		if s.Banned(p.Addr(), s.now) != nil {
			t.Error("it does not end")
		}
	}
	s.now = s.now.Add(31 * 24 * time.Hour)
	if gone := s.Prune(s.now); len(gone) != 1 {
		t.Errorf("%v are forgotten", gone)
	}
}

func TestAllowBeatsBan(t *testing.T) {
	s := begin(t)
	s.fails("203.0.113.9", "anna", 8, time.Second)
	s.Allow([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")})
	if s.Banned(netip.MustParseAddr("203.0.113.9"), s.now) != nil || len(s.Bans(s.now)) != 0 {
		t.Error("the ban stands")
	}
}

func TestReasonsAreSentences(t *testing.T) {
	e := Evidence{Tries: 12, Names: 4, Sources: 7, Account: "anna", Seconds: 3700}
	for _, r := range Reasons {
		if why := r.Why(e); why == string(r) || strings.Contains(why, "%!") {
			t.Errorf("%s: %s", r, why)
		}
	}
	if got := Passwords.Why(e); got != `12 refused logins in an hour as "anna"` {
		t.Error(got)
	}
}

func BenchmarkTake(b *testing.B) {
	w := New()
	at := monday
	for n := 0; b.Loop(); n++ {
		at = at.Add(time.Second)
		w.Take(Attempt{Kind: Failed, Client: netip.AddrFrom4([4]byte{20, byte(n >> 8), byte(n), byte(n >> 3)}), Account: people64[n%64], Exists: true, At: at})
	}
}

var people64 = func() (out [64]string) {
	for n := range out {
		out[n] = fmt.Sprintf("person%d@example.org", n)
	}
	return
}()

// TestAPasswordThatWasFoundYesterdayIsNoHome: whoever logs in for three days buys nothing.
func TestAPasswordThatWasFoundYesterdayIsNoHome(t *testing.T) {
	s := begin(t)
	thief, owner := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("198.51.100.7")
	for d := range 12 {
		s.logsIn(owner.String(), "anna")
		if d >= 9 {
			s.logsIn(thief.String(), "anna")
			s.logsIn(thief.String(), "anna")
		}
		s.now = s.now.Add(24 * time.Hour)
	}
	if s.Settled("anna", thief, s.now) || !s.Settled("anna", owner, s.now) {
		t.Errorf("the thief %v, the owner %v", s.Settled("anna", thief, s.now), s.Settled("anna", owner, s.now))
	}
}

// TestWhoGetsTheAddressOfABannedOneMayMistypeTwice.
func TestWhoGetsTheAddressOfABannedOneMayMistypeTwice(t *testing.T) {
	s := begin(t)
	s.fails("203.0.113.9", "anna", 8, time.Second)
	s.now = s.now.Add(8 * time.Hour)
	s.fails("203.0.113.9", "bert", 2, time.Second)
	if s.Banned(netip.MustParseAddr("203.0.113.9"), s.now) != nil {
		t.Error("he is banned")
	}
	s.logsIn("203.0.113.9", "bert")
	s.fails("203.0.113.9", "anna", 12, time.Second)
	if s.Banned(netip.MustParseAddr("203.0.113.9"), s.now) != nil {
		t.Error("where he lives is banned")
	}
}

// TestOneOfFewPeopleAgainIsOneMore: whoever tries five people and one of them twice takes names from a list, and has some of them twice.
func TestOneOfFewPeopleAgainIsOneMore(t *testing.T) {
	for _, c := range []struct {
		names string
		gap   time.Duration
		want  []string
	}{
		{"anna bert carl dora anna emil", time.Minute, []string{"203.0.113.9/32 accounts"}},
		{"anna bert carl dora anna emil", 3 * time.Minute, nil}, // guests who come one after the other
		{"anna bert carl dora emil", time.Minute, nil},
		{"anna bert carl dora anna bert", time.Minute, nil},
	} {
		s := begin(t)
		for name := range strings.FieldsSeq(c.names) {
			s.fails("203.0.113.9", name, 1, c.gap)
		}
		s.wants(c.want...)
	}
}

// TestAProtectedAccountIsReadByWebmailForTheFirstTime: nobody said that the host is one.
func TestAProtectedAccountIsReadByWebmailForTheFirstTime(t *testing.T) {
	s := begin(t)
	host, office := netip.MustParseAddr("192.0.2.80"), netip.MustParseAddr("198.51.100.7")
	for n := range 60 {
		s.logsIn(host.String(), fmt.Sprint("person", n))
		if n < 30 {
			s.logsIn(office.String(), fmt.Sprint("person", n))
		}
	}
	for n := range 40 {
		s.fails(fmt.Sprintf("20.%d.0.9", n), "anna", 1, time.Minute)
	}
	if r := s.may("anna", host); r != "" {
		t.Errorf("by webmail she is %s", r)
	}
	if r := s.may("anna", office); r != RefusedProtected {
		t.Errorf("from where 30 live somebody is %q", r)
	}
	s.fails(host.String(), "anna", 25, time.Minute)
	if r := s.may("anna", host); r != RefusedConfined {
		t.Errorf("who guesses by webmail is %q", r)
	}
}
