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

// Hard bounces count only in number and at a share that no ordinary list has.
func TestBouncesCountInNumber(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.makeFamiliar("anna", "198.51.100.7")
	answer := func(k Kind, n int) {
		for range n {
			v := w.sendFrom("anna", "198.51.100.7", "", 0, "friend0@far.example")
			if v.Action != Accept {
				t.Fatal(v.Why)
			}
			id := fmt.Sprintf("m%d", w.mails)
			for range 2 { // the log is read again after a crash
				w.apply(Event{Key: "answer:" + id, Kind: k, Mail: id, Recipient: "friend0@far.example", DSN: "5.1.1"})
			}
		}
	}
	a := w.state.Account("anna")
	answer(KindLeft, 10)
	answer(KindBounced, 1)
	w.now = w.now.Add(26 * time.Hour)
	answer(KindLeft, 30)
	answer(KindBounced, manyBounces)
	if a.Suspicion.refused(w.now) {
		t.Error("four of thirty-four are evidence")
	}
	answer(KindBounced, 5)
	if !a.Suspicion.refused(w.now) {
		t.Error("nine of thirty-nine are none")
	}
	w.same()
}

// An operator's "it was spam" counts for every account: the text, and the network.
func TestSpamTeachesTheSite(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.allow("bob")
	for i := range 4 {
		w.sendFrom("anna", "203.0.113.80", "", 9, fmt.Sprintf("v%d@far.example", i))
	}
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
	if deleted != 4 || i.Deleted != 4 || i.Status != IncidentContained || w.state.Account("anna").Status != Contained {
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

func TestWhoWritesToAnAccountIsNoStranger(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.allow("bob", "robert@example.org")
	in := &Transaction{ID: "in1", At: w.now, Direction: Inbound, ReversePath: "new@far.example", Recipients: []string{"anna@example.org", "robert@example.org", "nobody@example.org", "anna@elsewhere.example"}}
	heard := Heard(w.state, in)
	for _, e := range heard {
		w.apply(e)
	}
	if len(heard) != 2 || heard[0].Account != "anna" || heard[1].Account != "bob" {
		t.Fatalf("%+v", heard)
	}
	if len(Heard(w.state, in)) != 0 {
		t.Error("heard twice")
	}
	m := w.mail("anna", "203.0.113.9", "new@far.example")
	if v := Judge(w.state, m); v.New != 0 || v.Known != 1 {
		t.Errorf("%+v", v)
	}
	for i := range 100 { // a flood of forged senders
		in.ID, in.ReversePath = fmt.Sprintf("in%d", i+2), fmt.Sprintf("forged%d@far.example", i)
		for _, e := range Heard(w.state, in) {
			w.apply(e)
		}
	}
	if n := w.state.Account("anna").Known.Len(); n != maxHeard {
		t.Errorf("%d strangers became known in a day", n)
	}
	w.same()
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
			p.Note(home, 64500, "CH", []string{"friend0@far.example", fmt.Sprintf("friend%d@far.example", day%5)}, at)
			at = at.Add(time.Hour)
		}
		if day == 20 {
			for i := range 500 {
				p.Note(thief, 64666, "VN", []string{fmt.Sprintf("victim%d@far.example", i)}, at)
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
