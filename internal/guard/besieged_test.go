package guard

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"time"
)

// What a second attack found, by somebody who had read the source and none of the tests. Each was seen to work.

var vietnam = place{"203.0.113.80", "VN", "Thunderbird", 64501}

// answerable is a mail from a stranger who asks for answers to some addresses.
func (w *world) answerable(to string, asks ...string) {
	w.mails++
	in := &Transaction{ID: fmt.Sprint("in", w.mails), Stage: StageEnd, At: w.now, Direction: Inbound, ReversePath: asks[0], ReplyTo: asks, Recipients: []string{to}}
	for _, e := range Written(w.state, in) {
		w.apply(e)
	}
}

// The owner's program is copied, and the country made familiar by a day of mail to her friends.
func TestNobodyMakesACountryHisOwn(t *testing.T) {
	w := settled(t)
	for i := range 8 {
		w.from("anna", vietnam, fmt.Sprintf("friend%d@far.example", i))
		w.pass(3 * time.Minute)
		w.now = w.now.Add(3 * time.Hour)
	}
	if n := w.reach("anna", vietnam, 30*time.Minute, 48); n > 6 {
		t.Errorf("%d strangers in a day", n)
	}
}

// Forged mail to sixty accounts asks for answers to six victims each.
func TestForgedMailOpensNoSiteBudget(t *testing.T) {
	w := settled(t)
	for i := range 60 {
		w.allow(fmt.Sprintf("u%d", i))
	}
	n := 0
	for i := range 60 {
		name := fmt.Sprintf("u%d", i)
		var victims []string
		for k := range 6 {
			victims = append(victims, fmt.Sprintf("victim%d-%d@new.example", i, k))
		}
		w.answerable(name+"@example.org", victims...)
		if leaves(w.from(name, foreign, victims...)) {
			n += 6
		}
		w.now = w.now.Add(time.Minute)
	}
	if n > 30 {
		t.Errorf("%d strangers through all accounts", n)
	}
}

// His servers refuse her answers when he has made her account forget that he wrote.
func TestWhoWroteIsKnownWhenTheAnswerIsJudged(t *testing.T) {
	w := settled(t)
	var answers []string
	for i := range 4 {
		his := fmt.Sprintf("he@him%d.example", i)
		w.answerable("anna@example.org", his)
		w.from("anna", foreign, his)
		answers = append(answers, fmt.Sprintf("m%d", w.mails))
		w.pass(3 * time.Minute)
	}
	for i := range 2 * maxWriters {
		w.answerable("anna@example.org", fmt.Sprintf("flood%d@flood.example", i))
	}
	for i, id := range answers {
		w.apply(Event{Key: "bounced:" + id, Kind: KindBounced, Mail: id, Recipient: fmt.Sprintf("he@him%d.example", i), DSN: "5.7.1"})
	}
	for i := range 4 {
		if v := w.from("anna", foreign, fmt.Sprintf("friend%d@far.example", i)); !leaves(v) {
			t.Errorf("to an old friend: %s (%s)", v.Action, v.Why)
		}
		w.now = w.now.Add(10 * time.Minute)
	}
}

// Twenty forged senders make a vacation notice answer, and refuse the answers.
func TestVacationNoticesStopNobody(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	answer := func(to string) Verdict {
		m := w.mail("", "", to)
		m.Direction, m.UnixUser, m.ReversePath, m.Authors, m.Fingerprint = Local, "vmail", "", []string{"anna@example.org"}, 0xfeedfacecafe
		v, _ := w.send(m)
		return v
	}
	for i := range 20 {
		to := fmt.Sprintf("forged%d@him%d.example", i, i%6)
		if v := answer(to); v.Action != Accept {
			t.Fatalf("notice %d: %s (%s)", i+1, v.Action, v.Why)
		}
		w.apply(Event{Key: "bounced" + to, Kind: KindBounced, Mail: fmt.Sprintf("m%d", w.mails), Recipient: to, DSN: "5.7.1"})
		w.now = w.now.Add(10 * time.Minute)
	}
	if s := w.state.Account("local:vmail").Status; s != Normal {
		t.Errorf("Dovecot's user is %s", s)
	}
}

// Locks in shadow tell what they would have stopped, though another one, enforced, lets the mail wait.
func TestALockInShadowTellsBesideAnother(t *testing.T) {
	w := settled(t)
	p := *w.state.Policy()
	p.Modes = maps.Clone(p.Modes)
	p.Modes[Score], p.Modes[Budgets] = Shadow, Shadow
	w.apply(Event{Key: "mixed", Kind: KindPolicy, Policy: &p})
	known := w.state.Account("anna").Known.Len()
	for i := range 100 {
		w.from("anna", foreign, fmt.Sprintf("victim%d@new.example", i))
		w.pass(3 * time.Minute)
	}
	i := w.state.OpenIncident("anna")
	if i == nil || !i.Shadow || i.Held < 80 {
		t.Errorf("%+v", i)
	}
	if n := w.state.Account("anna").Known.Len() - known; n > 6 {
		t.Errorf("%d strangers were learned", n)
	}
	w.same()
}

func TestContainmentInShadowIsTold(t *testing.T) {
	w := settled(t)
	p := *w.state.Policy()
	p.Modes = maps.Clone(p.Modes)
	p.Modes[Containment] = Shadow
	w.apply(Event{Key: "mixed", Kind: KindPolicy, Policy: &p})
	stages := map[string]bool{}
	for i := range 30 {
		m := w.mail("anna", foreign.addr, fmt.Sprintf("victim%d@new.example", i))
		m.Fingerprint = 0xfeedfacecafe
		_, effects := w.send(m)
		for _, f := range effects {
			stages[f.Stage] = true
		}
		w.now = w.now.Add(time.Second)
	}
	if !stages[AlertOpened] || !stages[AlertContained] || w.state.Account("anna").Status != Normal {
		t.Errorf("told %v, the account is %s", stages, w.state.Account("anna").Status)
	}
}

// One machine takes every address of a network that is the operator's.
func TestAddressesOfOneNetworkHaveOneTotal(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	n := 0
	for i := range 200 {
		for k := range 40 {
			m := w.mail("", fmt.Sprintf("192.0.2.%d", i+1), fmt.Sprintf("victim%d-%d@new.example", i, k))
			m.Direction, m.ReversePath, m.Authors = Inbound, "ceo@bank.example", []string{"ceo@bank.example"}
			if v, _ := w.send(m); leaves(v) {
				n++
			}
		}
		w.now = w.now.Add(time.Minute)
	}
	if n > 40 {
		t.Errorf("%d strangers in a day", n)
	}
}

// A host boots in 1970, and learns the time a minute later.
func TestABootWithoutAClockTrustsNobody(t *testing.T) {
	w := settled(t)
	now := w.now
	for i := range 4 {
		w.from("anna", foreign, fmt.Sprintf("friend%d@far.example", i))
	}
	w.now = Time(60_000)
	w.apply(Event{Key: "back", Kind: KindClock, Step: int64(w.now - now)})
	w.now = now.Add(time.Minute)
	w.apply(Event{Key: "forward", Kind: KindClock, Step: int64(w.now - 60_000)})
	w.from("anna", foreign, "friend5@far.example")
	if v := Judge(w.state, w.mail("anna", foreign.addr, "victim@new.example")); v.Level != LevelNew {
		t.Errorf("the thief's server is a %s", v.Level)
	}
	if v := w.from("anna", home, "friend1@far.example"); v.Action != Accept {
		t.Errorf("from home: %s (%s)", v.Action, v.Why)
	}
}

// A virtual machine is paused for two minutes each night.
func TestAPausedHostGetsItsDaysBack(t *testing.T) {
	w := settled(t)
	for day := range 60 {
		for i := range 5 {
			if v := w.from("anna", home, fmt.Sprintf("customer%d-%d@new.example", day, i)); v.Action != Accept {
				t.Fatalf("day %d: %s (%s)", day, v.Action, v.Why)
			}
		}
		w.now = w.now.Add(24 * time.Hour)
		w.apply(Event{Key: fmt.Sprint("pause", day), Kind: KindClock, Step: int64(2 * time.Minute / time.Millisecond)})
	}
}

// What cools is counted when it leaves, and nothing is forgotten for that.
func TestADayIsADayAlsoForWhatCools(t *testing.T) {
	w := settled(t)
	w.now = w.now/(24*hour)*(24*hour) + 24*hour - 10_000 // 23:59:50
	n := 0
	burst := func(tag string) {
		if leaves(w.from("anna", home, rcpts(57, tag)...)) {
			n += 57
		}
	}
	burst("first")
	w.now = w.now.Add(24*time.Hour - 100*time.Second)
	cooled := false
	for i := range 3 { // one text to one after the other: the third waits, and leaves on the next day
		m := w.mail("anna", home.addr, fmt.Sprintf("one%d@new.example", i))
		m.ASN, m.Country, m.Mailer, m.Fingerprint = home.asn, home.country, home.program, 0xfeedfacecafe
		v, _ := w.send(m)
		cooled = cooled || v.Cool
		n += map[bool]int{true: 1}[leaves(v)]
	}
	burst("second")
	if !cooled || n > 60 {
		t.Errorf("%d strangers within 24 hours (cooled: %v)", n, cooled)
	}
}

func TestAPasswordThatIsTriedInVainIsTold(t *testing.T) {
	w := settled(t)
	var stages []string
	for i := range 50 {
		m := w.mail("anna", foreign.addr, fmt.Sprintf("victim%d@new.example", i))
		m.Authors = []string{"ceo@bank.example"}
		v, effects := w.send(m)
		want(t, v, Reject, ReasonAuthor)
		for _, f := range effects {
			stages = append(stages, f.Stage)
		}
	}
	if i := w.state.OpenIncident("anna"); i == nil || i.Refused != 50 || len(stages) != 1 || stages[0] != AlertMany {
		t.Errorf("told %v: %+v", stages, i)
	}
}

func TestWhoIsAllowedAgainIsWhoHeWas(t *testing.T) {
	w := newWorld(t)
	w.apply(Event{Key: "allow", Kind: KindAllowed, Account: "news", Listing: &Listing{Class: Newsletter, Budget: 500, Addresses: []string{"news@example.org"}}})
	since := w.state.Account("news").Listing.Since
	w.now = w.now.Add(30 * 24 * time.Hour)
	w.apply(Event{Key: "deny", Kind: KindDenied, Account: "news"})
	w.apply(Event{Key: "learned", Kind: KindLearned, Account: "news", Listing: &Listing{Addresses: []string{"ceo@example.org"}}})
	w.allow("news")
	if l := w.state.Account("news").Listing; l.Denied || l.Since != since || l.Class != Newsletter || l.Budget != 500 || len(l.Addresses) != 1 || l.Addresses[0] != "news@example.org" {
		t.Errorf("%+v", l)
	}
}

func TestAnExtensionIsNobodysWhereTheAddressIsSomebodys(t *testing.T) {
	w := newWorld(t)
	p := *w.state.Policy()
	p.Delimiter = "-"
	w.apply(Event{Key: "delimiter", Kind: KindPolicy, Policy: &p})
	w.allow("anna")
	w.allow("anna-maria")
	m := w.mail("anna", "192.0.2.7", "x@far.example")
	m.Authors = []string{"anna-maria@example.org"}
	want(t, Judge(w.state, m), Reject, ReasonAuthor)
}

func TestALoginTakesNoHostedName(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	m := w.mail("local:bob", "203.0.113.80", "victim@new.example")
	m.Login, m.ReversePath, m.Authors = "local:bob", "ceo@bank.example", []string{"ceo@bank.example"}
	want(t, Judge(w.state, m), Reject, ReasonNotListed)
	if hosted(AccountOf(w.state.policy, m)) || !m.Client.IsValid() || netip.MustParseAddr("203.0.113.80") != m.Client {
		t.Error("it is a hosted account")
	}
}
