package guard

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// as judges a mail of an account that is listed, and from where it always writes.
func as(t *testing.T, s *State, account string, change func(*Transaction)) Verdict {
	t.Helper()
	m := &Transaction{ID: "m", Stage: StageEnd, At: day0, Direction: Submission, Login: account, Client: addressed("192.0.2.10"),
		ReversePath: "anna@example.org", Authors: []string{"anna@example.org"}, Recipients: []string{"bob@far.example"}}
	change(m)
	return Judge(s, m)
}

func rights(t *testing.T, listing *Listing) *State {
	t.Helper()
	s := New()
	p := DefaultPolicy()
	for _, subject := range Subjects {
		p.Modes[subject] = Enforce
	}
	p.Domains, p.Own = []string{"example.org"}, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	Apply(s, &Event{Key: "p", Kind: KindPolicy, At: day0 - 1, Policy: p})
	Apply(s, &Event{Key: "a", Kind: KindAllowed, At: day0 - 1, Account: "anna@example.org", Listing: listing})
	return s
}

// TestWhereNoAuthorStandsTheReversePathIsOne: scanners and boards write what no parser takes, or nothing.
func TestWhereNoAuthorStandsTheReversePathIsOne(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Transaction)
		reason Reason
	}{
		"no From":                     {func(m *Transaction) { m.Authors, m.NoAuthor, m.Anonymous = nil, true, true }, ReasonOrdinary},
		"no From, the null path":      {func(m *Transaction) { m.ReversePath, m.Authors, m.NoAuthor, m.Anonymous = "", nil, true, true }, ReasonAuthor},
		"one that cannot be read":     {func(m *Transaction) { m.Authors, m.NoAuthor = nil, true }, ReasonAuthor},
		"a host in the name":          {func(m *Transaction) { m.Authors = []string{"mail@office", "anna@example.org"} }, ReasonOrdinary},
		"nobody's alone":              {func(m *Transaction) { m.Authors = []string{"mail@office"} }, ReasonOrdinary},
		"a host that is of this site": {func(m *Transaction) { m.Authors = []string{"ceo@lan", "anna@example.org"} }, ReasonAuthor},
		"an address of the internet":  {func(m *Transaction) { m.Authors = []string{"ceo@[192.0.2.9]", "anna@example.org"} }, ReasonAuthor},
		"no From, another reverse-path": {func(m *Transaction) {
			m.ReversePath, m.Authors, m.NoAuthor, m.Anonymous = "ceo@example.org", nil, true, true
		}, ReasonReversePath},
		"a second author": {func(m *Transaction) { m.Authors = []string{"anna@example.org", "ceo@example.org"} }, ReasonAuthor},
	} {
		s := rights(t, nil)
		s.policy.Domains = append(s.policy.Domains, "lan")
		if v := as(t, s, "anna@example.org", c.change); v.Reason != c.reason {
			t.Errorf("%s: %s, %s", name, v.Reason, v.Why)
		}
	}
}

// TestWhoRedirectsIsNoForger: the author stays in From. It is no free pass: strangers are counted, and wait.
func TestWhoRedirectsIsNoForger(t *testing.T) {
	for name, c := range map[string]struct {
		reversePath, author string
		resent              []string
		action              Action
		reason              Reason
	}{
		"a redirect to a stranger":        {"anna@example.org", "carl@example.net", []string{"anna@example.org"}, Hold, ReasonCooling},
		"another reverse-path":            {"carl@example.net", "carl@example.net", []string{"anna@example.org"}, Reject, ReasonReversePath},
		"the null one":                    {"", "carl@example.net", []string{"anna@example.org"}, Reject, ReasonAuthor},
		"somebody else in Resent-From":    {"anna@example.org", "carl@example.net", []string{"carl@example.net"}, Reject, ReasonAuthor},
		"also somebody else":              {"anna@example.org", "carl@example.net", []string{"anna@example.org", "carl@example.net"}, Reject, ReasonAuthor},
		"no Resent-From":                  {"anna@example.org", "carl@example.net", nil, Reject, ReasonAuthor},
		"a mail of the director's":        {"anna@example.org", "director@example.org", []string{"anna@example.org"}, Hold, ReasonAuthor},
		"his behind another's":            {"anna@example.org", "carl@example.net", []string{"anna@example.org"}, Hold, ReasonCooling},
		"her own mail, sent on once more": {"anna@example.org", "anna@example.org", []string{"anna@example.org"}, Accept, ReasonOrdinary},
	} {
		v := as(t, rights(t, nil), "anna@example.org", func(m *Transaction) { m.ReversePath, m.Authors, m.Resent = c.reversePath, []string{c.author}, c.resent })
		if v.Action != c.action || v.Reason != c.reason {
			t.Errorf("%s: %s %s, %s", name, v.Action, v.Reason, v.Why)
		}
	}
	v := as(t, rights(t, nil), "anna@example.org", func(m *Transaction) {
		m.Authors, m.Resent, m.Recipients = []string{"carl@example.net"}, []string{"anna@example.org"}, nil
		for n := range 90 {
			m.Recipients = append(m.Recipients, "v"+strings.Repeat("x", n)+"@far.example")
		}
	})
	if v.Action != Hold || v.Cool {
		t.Errorf("one to ninety strangers: %s %s", v.Action, v.Reason)
	}
}

// TestAnAddressThatIsAllowedComesToTheOthers, and what is said plainly takes its place.
func TestAnAddressThatIsAllowedComesToTheOthers(t *testing.T) {
	s := rights(t, nil)
	allow := func(n string, l *Listing) {
		Apply(s, &Event{Key: n, Kind: KindAllowed, At: day0, Account: "anna@example.org", Listing: l})
	}
	may := func(want ...string) {
		t.Helper()
		var got []string
		for _, a := range []string{"anna@example.org", "boss@example.org", "info@example.org", "news+7@lists.example"} {
			if s.Account("anna@example.org").Owns(s.policy, a) {
				got = append(got, a)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("she may write as %q, not %q", got, want)
		}
	}
	may("anna@example.org")
	allow("1", &Listing{Adds: true, Addresses: []string{"boss@example.org"}})
	may("anna@example.org", "boss@example.org")
	allow("2", &Listing{Adds: true, Addresses: []string{"info@example.org", "news+*@lists.example"}})
	may("anna@example.org", "boss@example.org", "info@example.org", "news+7@lists.example")
	allow("3", &Listing{Class: Newsletter})
	may("anna@example.org", "boss@example.org", "info@example.org", "news+7@lists.example")
	allow("4", &Listing{Addresses: []string{"info@example.org"}})
	may("info@example.org")
	allow("5", &Listing{Adds: true, Addresses: []string{"boss@example.org"}})
	may("boss@example.org", "info@example.org")

	s = New() // what was learned is not lost by the first word about another address
	Apply(s, &Event{Key: "l", Kind: KindLearned, At: day0, Account: "u17", Listing: &Listing{Addresses: []string{"anna@example.org"}}})
	Apply(s, &Event{Key: "a", Kind: KindAllowed, At: day0, Account: "u17", Listing: &Listing{Adds: true, Addresses: []string{"boss@example.org"}}})
	if a := s.Account("u17"); !a.Owns(s.policy, "anna@example.org") || !a.Owns(s.policy, "boss@example.org") || a.Owns(s.policy, "u17@example.org") {
		t.Errorf("%+v", a.Listing)
	}
	Apply(s, &Event{Key: "n", Kind: KindAllowed, At: day0, Account: "net:192.0.2.7", Listing: &Listing{Adds: true, Addresses: []string{"printer@example.org"}}})
	if a := s.Account("net:192.0.2.7"); !a.Owns(s.policy, "printer@example.org") || a.Owns(s.policy, "ceo@example.org") {
		t.Errorf("a machine: %+v", a.Listing)
	}
}

func TestAPatternHasOneOpenPlace(t *testing.T) {
	for pattern, c := range map[string]struct{ yes, no string }{
		"*@lists.example":       {"a@lists.example", "a@sub.lists.example"},
		"srs0=*@example.org":    {"srs0=ab11=xy=example.net=carl@example.org", "srs1=ab@example.org"},
		"news+*@example.org":    {"news+bob=far.example@example.org", "news@example.org"},
		"*-bounces@example.org": {"list-bounces@example.org", "bounces@example.org"},
		"aba*aba@example.org":   {"abaaba@example.org", "aba@example.org"},
	} {
		if !matches(pattern, c.yes) || matches(pattern, c.no) || matches(pattern, c.yes+".example") {
			t.Errorf("%s: %v %v", pattern, matches(pattern, c.yes), matches(pattern, c.no))
		}
	}
}

// TestAsWhomNobodyMayWriteIsKept: in shadow mode and in earnest, until it is allowed or a month is over.
func TestAsWhomNobodyMayWriteIsKept(t *testing.T) {
	s := rights(t, nil)
	send := func(at Time, login, author string) {
		m := &Transaction{ID: author + at.String(), Stage: StageEnd, At: at, Direction: Submission, Login: login, Client: addressed("192.0.2.10"),
			ReversePath: "anna@example.org", Authors: []string{author}, Recipients: []string{"bob@far.example"}}
		v := Judge(s, m)
		Apply(s, &Event{Key: m.ID, Kind: KindJudged, At: at, Account: v.Account, Transaction: m, Verdict: &v})
	}
	for n := range 3 {
		send(day0+Time(n), "anna@example.org", "boss@example.org")
	}
	s.policy.Modes[Senders], s.policy.Modes[Accounts] = Shadow, Shadow
	send(day0+9, "anna@example.org", "info@example.org")
	send(day0+9, "nobody@example.org", "anna@example.org")
	a, nobody := s.Account("anna@example.org"), s.Account("nobody@example.org")
	want := []NotAs{{ReasonAuthor, "boss@example.org", 3, day0, day0 + 2, false}, {ReasonAuthor, "info@example.org", 1, day0 + 9, day0 + 9, true}}
	if got := s.NotAs(a, day0+10); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := s.NotAs(nobody, day0+10); len(got) != 1 || got[0].Reason != ReasonNotListed || !got[0].Passed {
		t.Errorf("not listed: %+v", got)
	}
	Apply(s, &Event{Key: "b", Kind: KindAllowed, At: day0, Account: "anna@example.org", Listing: &Listing{Adds: true, Addresses: []string{"boss@example.org"}}})
	if got := s.NotAs(a, day0+10); len(got) != 1 || got[0].Address != "info@example.org" {
		t.Errorf("after it was allowed: %+v", got)
	}
	if got := s.NotAs(a, day0+10+notAsFor); len(got) != 0 {
		t.Errorf("after a month: %+v", got)
	}
	for n := range 3 * maxNotAs {
		send(day0+Time(20+n), "anna@example.org", strings.Repeat("x", n+1)+"@example.org")
	}
	if len(a.NotAs) != maxNotAs {
		t.Errorf("%d are kept", len(a.NotAs))
	}
}

// TestWhatIsLockedOrDeniedIsNotTakenOut: unknown, it would log in, or send, again.
func TestWhatIsLockedOrDeniedIsNotTakenOut(t *testing.T) {
	s := rights(t, nil)
	Apply(s, &Event{Key: "k", Kind: KindLocked, At: day0, Account: "anna@example.org"})
	Apply(s, &Event{Key: "d", Kind: KindDenied, At: day0, Account: "local:www-data"})
	Apply(s, &Event{Key: "e", Kind: KindDenied, At: day0, Account: "bert@example.org"})
	for name, stays := range map[string]bool{"anna@example.org": true, "local:www-data": true, "bert@example.org": false} {
		Apply(s, &Event{Key: "x" + name, Kind: KindErased, At: day0, Account: name})
		if (s.Account(name) != nil) != stays || (s.Keeps(name) != "") != stays {
			t.Errorf("%s: %v", name, s.Account(name))
		}
	}
}

// TestAReplyNamesTheCommand that an administrator types, as long as there is room.
func TestAReplyNamesTheCommand(t *testing.T) {
	v := as(t, rights(t, nil), "anna@example.org", func(m *Transaction) { m.Authors = []string{"boss@example.org"} })
	if r := v.Reply(); r.Code != 550 || !strings.HasSuffix(r.Text, "(postward account allow anna@example.org --address boss@example.org)") {
		t.Error(r.Text)
	}
	for _, author := range []string{"`id`@x.example", "a$(id)@x.example", "*@example.org", "a;b@x.example"} { // nobody copies that
		v = as(t, rights(t, nil), "anna@example.org", func(m *Transaction) { m.Authors = []string{author} })
		if r := v.Reply(); r.Code != 550 || strings.Contains(r.Text, "postward") {
			t.Error(r.Text)
		}
	}
	v = as(t, rights(t, nil), "anna@example.org", func(m *Transaction) { m.Authors = []string{strings.Repeat("x", 300) + "@example.org"} })
	if r := v.Reply(); strings.Contains(r.Text, "postward") {
		t.Error(len(r.Text), r.Text)
	}
}

func addressed(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestANoticeOfAHostThatWritesThroughTheAccount: a second server's bounces are not lost; a notice of the site's own is nobody's to write.
func TestANoticeOfAHostThatWritesThroughTheAccount(t *testing.T) {
	for _, c := range []struct {
		path, author string
		reason       Reason
	}{
		{"", "mailer-daemon@web2.example.org", ReasonOrdinary},
		{"", "postmaster@lists.example", ReasonOrdinary},
		{"", "mailer-daemon@web3.example.org", ReasonAuthor},
		{"", "mailer-daemon@example.org", ReasonAuthor},
		{"", "postmaster@gmail.example", ReasonAuthor}, // where it has an address, as others have
		{"", "root@web2.example.org", ReasonOrdinary},
		{"", "ceo@web2.example.org", ReasonAuthor},
		{"anna@example.org", "mailer-daemon@web2.example.org", ReasonAuthor},
	} {
		s := rights(t, &Listing{Addresses: []string{"root@web2.example.org", "*@lists.example", "anna@gmail.example"}, Adds: true})
		v := as(t, s, "anna@example.org", func(m *Transaction) { m.ReversePath, m.Authors = c.path, []string{c.author} })
		if v.Reason != c.reason {
			t.Errorf("%+v: %s, %s", c, v.Reason, v.Why)
		}
	}
}
