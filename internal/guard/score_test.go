package guard

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// sendFrom sends one mail with a text and a client program.
func (w *world) sendFrom(account, client, program string, text uint64, to ...string) Verdict {
	w.t.Helper()
	m := w.mail(account, client, to...)
	m.Mailer, m.Fingerprint, m.Country = program, text*0x9e3779b97f4a7c15, "CH"
	v, _ := w.send(m)
	return v
}

func TestScoreHalvesInEightHours(t *testing.T) {
	s := Suspicion{}
	s.gather(day0, 8*Point)
	for _, c := range []struct {
		after time.Duration
		want  Points
	}{{0, 8000}, {4 * time.Hour, 6000}, {8 * time.Hour, 4000}, {24 * time.Hour, 1000}, {400 * time.Hour, 0}, {-time.Hour, 8000}} {
		if got := s.decayed(day0.Add(c.after)); got != c.want {
			t.Errorf("after %s: %s, want %s", c.after, got, c.want)
		}
	}
	s.gather(day0, -20*Point)
	if s.Points != 0 {
		t.Errorf("forgiven below nothing: %s", s.Points)
	}
	s.gather(day0, 1<<30)
	if s.Points != maxGathered {
		t.Errorf("gathered without bound: %s", s.Points)
	}
}

func TestSameTextOneByOneWaits(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.makeFamiliar("anna", "198.51.100.7")
	for i := range 5 {
		v := w.sendFrom("anna", "198.51.100.7", "", 9, fmt.Sprintf("s%d@far.example", i))
		if cools := v.Action == Hold && v.Cool; cools != (i >= textRepeats) {
			t.Errorf("mail %d with the same text: %s (%s)", i+1, v.Action, v.Why)
		}
	}
	w.pass(3 * time.Minute)
	if n := w.state.Account("anna").Waiting; n != 0 {
		t.Errorf("%d still wait", n)
	}
	w.same()
}

func TestReplyToAtAFreeMailServiceCounts(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	plain, elsewhere := w.mail("anna", "203.0.113.9", "x@far.example"), w.mail("anna", "203.0.113.9", "x@far.example")
	elsewhere.ReplyTo = []string{"anna.fund@gmail.com"}
	score := func(m *Transaction) Points { j := newJudgement(w.state, m, "anna"); return j.score() }
	if d := score(elsewhere) - score(plain); d != replyPoints {
		t.Errorf("a Reply-To elsewhere weighs %s", d)
	}
	elsewhere.ReplyTo = []string{"anna@far.example"}
	if score(elsewhere) != score(plain) {
		t.Error("an answer to an address of her own other domain counts")
	}
}

// Hard bounces count only in number and at a share that no ordinary list has: once a mail, once a receiving domain.
func TestBouncesCountInNumber(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.makeFamiliar("anna", "198.51.100.7")
	answer := func(k Kind, n int, domain string) {
		for i := range n {
			to := fmt.Sprintf("friend@%s%d.example", domain, i)
			w.state.accounts["anna"].Known.add(w.state.site.Secret.hash(to), w.now, 0)
			v := w.sendFrom("anna", "198.51.100.7", "", 0, to)
			if v.Action != Accept {
				t.Fatal(v.Why)
			}
			id := fmt.Sprintf("m%d", w.mails)
			for range 2 { // the log is read again after a crash
				w.apply(Event{Key: "answer:" + id, Kind: k, Mail: id, Recipient: to, DSN: "5.1.1"})
			}
		}
	}
	a := w.state.Account("anna")
	answer(KindLeft, 10, "takes")
	answer(KindBounced, 1, "refuses")
	w.now = w.now.Add(26 * time.Hour)
	answer(KindLeft, 30, "takes")
	answer(KindBounced, manyBounces, "refuses")
	if a.Suspicion.refused(w.now, false) {
		t.Error("four of thirty-four are evidence")
	}
	answer(KindBounced, manyBounces, "refuses")
	if n := a.Suspicion.Bounces.sum(w.now); n != manyBounces {
		t.Errorf("a domain that refuses twice counts twice: %d", n)
	}
	answer(KindBounced, 8, "more")
	if !a.Suspicion.refused(w.now, false) {
		t.Error("twelve of forty-six are none")
	}
}

// An operator's "it was spam" counts for every account: the text, and the network.
func TestSpamTeachesTheSite(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.allow("bob")
	for i := range 6 {
		w.sendFrom("anna", "203.0.113.80", "", 9, fmt.Sprintf("v%d@far.example", i))
	}
	waits := int(w.state.Account("anna").Waiting)
	i := w.state.OpenIncident("anna")
	if i == nil {
		t.Fatal("no incident")
	}
	effects := w.apply(Event{Key: "spam:1", Kind: KindSpam, Incident: i.ID, Actor: "root"})
	deleted := 0
	for _, f := range effects {
		if f.Act == ActDelete {
			deleted++
		}
	}
	if deleted != waits || i.Deleted != waits || waits < 5 || i.Status != IncidentContained || w.state.Account("anna").Status != Contained {
		t.Errorf("%d deleted, incident %+v", deleted, i)
	}
	if v := w.sendFrom("bob", "203.0.113.81", "", 9, "x@far.example"); v.Action != Hold || v.Cool || v.Reason != ReasonScore {
		t.Errorf("the text from another account: %s (%s)", v.Reason, v.Why)
	}
	w.allow("carla")
	if v := w.sendFrom("carla", "203.0.113.80", "", 10, "x@far.example"); v.Action != Hold || v.Cool {
		t.Errorf("another text from the network: %s (%s)", v.Reason, v.Why)
	}
	w.now = w.now.Add(markFor)
	w.allow("dora")
	if v := w.sendFrom("dora", "203.0.113.80", "", 9, "x@far.example"); v.Action == Hold && !v.Cool {
		t.Errorf("a month later: %s (%s)", v.Reason, v.Why)
	}
	w.same()
}

// Ten accounts with one text: nobody is held for his own few mails alone, and together they are.
func TestAccountsHijackedTogether(t *testing.T) {
	w := newWorld(t)
	passed := 0
	for i := range 10 {
		name := fmt.Sprintf("user%d", i)
		w.allow(name)
		v := w.sendFrom(name, "203.0.113.80", "", 9, fmt.Sprintf("v%d@far.example", i))
		if v.Action == Accept || v.Cool {
			passed++
		}
	}
	if passed > sharedAccounts {
		t.Errorf("the text of %d accounts passed", passed)
	}
	w.same()
}

// Anybody can write to an account under any name: who did weighs less in what is unusual, spends the budgets like
// everybody, and pushes nobody out whom the account knows.
func TestWhoWritesToAnAccountIsNotKnownForIt(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.allow("bob", "robert@example.org")
	w.state.touch("anna").Known.add(w.state.site.Secret.hash("friend@far.example"), w.now, 0)
	in := &Transaction{ID: "in1", At: w.now, Direction: Inbound, ReversePath: "new@far.example", ReplyTo: []string{"desk@far.example"},
		Recipients: []string{"anna@example.org", "robert@example.org", "nobody@example.org", "anna@elsewhere.example"}}
	told := Written(w.state, in)
	for _, e := range told {
		w.apply(e)
	}
	if len(told) != 4 || told[0].Account != "anna" || told[2].Account != "bob" {
		t.Fatalf("%+v", told)
	}
	if len(Written(w.state, in)) != 0 {
		t.Error("told twice")
	}
	m := w.mail("anna", "203.0.113.9", "desk@far.example")
	if v := Judge(w.state, m); v.New != 1 || v.Wrote != 1 || v.Known != 0 {
		t.Errorf("%+v", v)
	}
	for i := range 40 * maxWriters { // a flood of forged senders, for 40 days
		w.now = w.now.Add(24 * time.Hour / maxWriters)
		in.ID, in.At, in.ReversePath = fmt.Sprintf("in%d", i+2), w.now, fmt.Sprintf("forged%d@far.example", i)
		for _, e := range Written(w.state, in) {
			w.apply(e)
		}
	}
	a := w.state.Account("anna")
	if len(a.Writers) != maxWriters || a.Known.Len() != 1 || !a.Known.has(w.state.site.Secret.hash("friend@far.example")) {
		t.Errorf("%d writers, %d known", len(a.Writers), a.Known.Len())
	}
}

// A traveller who writes a long invitation is held, and not stopped: where from is no evidence about what.
func TestHoldingIsNotContaining(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.makeFamiliar("anna", "198.51.100.7")
	for i := range 3 {
		v := w.sendFrom("anna", "203.0.113.9", "", uint64(i+1), rcpts(5, fmt.Sprint("list", i))...)
		if i > 0 && v.Action != Hold {
			t.Errorf("mail %d: %s (%s)", i+1, v.Action, v.Why)
		}
	}
	if s := w.state.Account("anna").Status; s == Contained {
		i := w.state.OpenIncident("anna")
		t.Errorf("contained for %v", i.Evidence.Names())
	}
	w.same()
}

func TestSentenceIsMadeOfFacts(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.now = w.now.Add(newcomerFor)
	m := w.mail("anna", "203.0.113.9", rcpts(7, "x")...)
	m.ASN, m.Country = 64500, "VN"
	v := Judge(w.state, m)
	for _, fact := range []string{"203.0.113.9", "AS64500", "VN", "7 never-seen recipients", "never sent before"} {
		if !strings.Contains(v.Why, fact) {
			t.Errorf("%q does not say %q", v.Why, fact)
		}
	}
}

// A month of old logs makes the first day warm, and a night of spam in them does not become usual.
func TestPastMakesTheFirstDayWarm(t *testing.T) {
	w := newWorld(t)
	home, thief := netip.MustParseAddr("198.51.100.20"), netip.MustParseAddr("203.0.113.80")
	p := &Past{}
	at := day0.Add(-30 * 24 * time.Hour)
	for day := range 29 {
		for range 2 {
			p.Note(home, 64500, "CH", []string{"friend0@far.example", fmt.Sprintf("friend%d@far.example", day%5)}, nil, at)
			at = at.Add(time.Hour)
		}
		if day == 20 {
			for i := range 500 {
				p.Note(thief, 64666, "VN", []string{fmt.Sprintf("victim%d@far.example", i)}, nil, at)
			}
		}
		at = at.Add(22 * time.Hour)
	}
	w.allow("anna")
	w.apply(Event{Key: "learned:anna", Kind: KindLearned, Account: "anna", Past: p})
	a := w.state.Account("anna")
	m := w.mail("anna", "198.51.100.20", "friend1@far.example")
	m.ASN, m.Country = 64500, "CH"
	if v := Judge(w.state, m); v.Level != LevelAddress || v.Known != 1 || v.Action != Accept {
		t.Errorf("from home: %+v", v)
	}
	m.Client, m.ASN, m.Country = thief, 64666, "VN"
	if v := Judge(w.state, m); v.Level != LevelNew {
		t.Errorf("the thief's network is a %s", v.Level)
	}
	if n := a.Known.Len(); n > 5+pastDay || a.MaxDay >= pastDay {
		t.Errorf("%d are known, %d are usual at most", n, a.MaxDay)
	}
	if n := w.state.familiar.networks[home]; n != 1 {
		t.Errorf("the site counts %d accounts at home there", n)
	}
	w.apply(Event{Key: "forget:anna", Kind: KindForgotten, Account: "anna", Actor: "root", Network: home})
	m.Client, m.ASN, m.Country = home, 64500, "CH"
	if v := Judge(w.state, m); v.Level != LevelNew || v.Known != 1 {
		t.Errorf("after forgetting the network: %+v", v)
	}
	w.apply(Event{Key: "forget all:anna", Kind: KindForgotten, Account: "anna", Actor: "root"})
	if v := Judge(w.state, m); v.Known != 0 || len(w.state.familiar.networks) != 0 {
		t.Errorf("after forgetting everything: %+v", v)
	}
	w.same()
}
