package guard

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// What a third attack found. Each was seen to work.

// injected is a mail that a program on the host hands to sendmail(1).
func (w *world) injected(user, from string, to ...string) Verdict {
	w.mails++
	v, _ := w.send(&Transaction{
		ID: fmt.Sprintf("m%d", w.mails), Stage: StageEnd, At: w.now, MailAt: w.now, Direction: Local, UnixUser: user,
		ReversePath: from, Authors: []string{user + "@example.org"}, Recipients: to, Zone: NoZone,
	})
	return v
}

// A mail to one address that bounces reaches its reverse-path, with the whole text: by a notice that passes no milter.
func TestANoticeReachesTheReversePath(t *testing.T) {
	for _, to := range []string{"nobody@gone.example", "friend@ok.example"} {
		w, n := newWorld(t), 0
		w.allow("anna")
		for i := range 120 {
			if leaves(w.injected("www-data", fmt.Sprintf("victim%d@new.example", i), to)) {
				n++
			}
		}
		if n > 40 {
			t.Errorf("%d strangers were named as reverse-path", n)
		}
		w.same()
	}
}

// What a program is refused is returned to the reverse-path, which it names as it likes.
func TestARefusedProgramWritesToNobody(t *testing.T) {
	for from, action := range map[string]Action{"victim@new.example": Hold, "": Hold, "www-data@example.org": Reject} {
		w := newWorld(t)
		w.allow("anna")
		w.apply(Event{Key: "deny", Kind: KindDenied, Account: "local:www-data"})
		if v := w.injected("www-data", from, "whoever@gone.example"); v.Action != action {
			t.Errorf("reverse-path %q: %s (%s)", from, v.Action, v.Why)
		}
	}
	w := newWorld(t)
	w.allow("anna")
	w.apply(Event{Key: "deny", Kind: KindDenied, Account: "local:www-data"})
	for range maxHeldAnAccount {
		w.injected("www-data", "victim@new.example", "whoever@gone.example")
	}
	if v := w.injected("www-data", "victim@new.example", "whoever@gone.example"); v.Action != Tempfail {
		t.Errorf("beyond what is kept: %s", v.Action)
	}
}

// At the MAIL command nothing is held: the mail is judged when it is there.
func TestAProgramIsNotRefusedAtItsFirstCommand(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.apply(Event{Key: "deny", Kind: KindDenied, Account: "local:www-data"})
	m := &Transaction{ID: "m1", Stage: StageMail, At: w.now, Direction: Local, UnixUser: "www-data", ReversePath: "victim@new.example"}
	if v := Judge(w.state, m); v.Action != Accept {
		t.Errorf("%s (%s)", v.Action, v.Why)
	}
}

// Who may make a user namespace has as many users without a name as he likes.
func TestUsersWithoutANameHaveOneTotal(t *testing.T) {
	w, n := newWorld(t), 0
	w.allow("anna")
	for user := range uint64(8) {
		for i := range 40 {
			if leaves(w.injected(UserNumber(100000+user), "root@example.org", fmt.Sprintf("victim%d-%d@new.example", user, i))) {
				n++
			}
		}
	}
	if n > 40 {
		t.Errorf("%d strangers", n)
	}
	if all := len(w.state.Accounts()); all > 2 {
		t.Errorf("%d accounts are kept", all)
	}
	w.allow("local:uid1000", "*")
	if v := w.injected("uid1000", "app@example.org", "victim@new.example"); v.Account != "local:uid1000" || v.Action != Accept {
		t.Errorf("a declared one: %+v", v)
	}
}

// Where AUTH is offered on port 25 other servers come to it too.
func TestAStrangerAtTheSubmissionSocketIsAStranger(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	for i := range 60 {
		m := w.mail("", fmt.Sprintf("203.0.113.%d", i), fmt.Sprintf("user%d@example.org", i))
		m.ReversePath, m.Authors = "friend@far.example", []string{"friend@far.example"}
		if v, _ := w.send(m); v.Action != Accept || v.Reason != ReasonInbound || v.Account != "" {
			t.Fatalf("mail %d: %s %s of %q", i, v.Action, v.Reason, v.Account)
		}
	}
	if n := len(w.state.Accounts()); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

// One machine with all the addresses of a network is told of a few times, and what it fills of the hold queue is bounded.
func TestAMachineWithAllAddressesIsToldOfAFewTimes(t *testing.T) {
	w, alerts, taken := newWorld(t), 0, 0
	w.allow("anna")
	w.state.policy.Own = append(w.state.policy.Own, netip.MustParsePrefix("10.0.0.0/8"))
	for i := range 700 {
		m := w.mail("", fmt.Sprintf("10.1.%d.%d", i/200, 1+i%200), fmt.Sprintf("victim%d@new.example", i))
		m.ReversePath, m.Authors = "printer@example.org", []string{"printer@example.org"}
		v, effects := w.send(m)
		for _, f := range effects {
			if f.Act == ActAlert {
				alerts++
			}
		}
		if v.Action == Hold {
			taken++
		}
	}
	if alerts == 0 || alerts > machinesAlerted {
		t.Errorf("%d alerts", alerts)
	}
	if taken > maxHeldAnAccount {
		t.Errorf("%d mails are held", taken)
	}
}

// He writes, she answers, and his servers refuse: he has had her account forget that he wrote.
func TestWhomTheAccountForgotIsNoEvidence(t *testing.T) {
	for _, from := range []place{home, vietnam} {
		w := settled(t)
		for i := range 4 {
			w.answerable("anna@example.org", fmt.Sprintf("he@him%d.example", i))
		}
		for i := range maxWriters {
			w.answerable("anna@example.org", fmt.Sprintf("flood%d@flood.example", i))
		}
		for i := range 4 {
			his := fmt.Sprintf("he@him%d.example", i)
			w.from("anna", from, his)
			id := fmt.Sprintf("m%d", w.mails)
			w.pass(3 * time.Minute)
			w.apply(Event{Key: "bounced:" + id, Kind: KindBounced, Mail: id, Recipient: his, DSN: "5.7.1"})
		}
		for i := range 4 {
			if v := w.from("anna", vietnam, fmt.Sprintf("friend%d@far.example", i)); !leaves(v) || v.Evidence&FamilyDelivery != 0 {
				t.Errorf("from %s, to an old friend: %s (%s)", from.country, v.Action, v.Why)
			}
		}
	}
}

// A boot without a clock raises nobody's busiest day, and makes nobody a stranger.
func TestABootWithoutAClockRaisesNoBudget(t *testing.T) {
	reach := func(steps ...time.Duration) (n int) {
		w := settled(t)
		n += w.reach("anna", home, 20*time.Minute, 60)
		for _, step := range steps {
			w.set(step)
			w.from("anna", home, "friend1@far.example")
		}
		w.now = w.now.Add(26 * time.Hour)
		return w.reach("anna", home, 5*time.Minute, 200)
	}
	want := reach()
	for _, away := range []time.Duration{-20000 * 24 * time.Hour, 64 * 24 * time.Hour, -64 * 24 * time.Hour} {
		if n := reach(away, -away); n > want {
			t.Errorf("after a step of %s and back: %d strangers in a day; without: %d", away, n, want)
		}
	}
}

func TestAStepOfTheClockEmptiesNoBudgetOfKnownPeople(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	for i := range 100 {
		w.state.accounts["anna"].Known.add(w.state.site.Secret.hash(fmt.Sprintf("friend%d@far.example", i)), w.now, 0)
	}
	n := 0
	for i := range 60 {
		if i == 40 {
			w.set(48 * time.Hour)
		}
		if leaves(w.from("anna", vietnam, fmt.Sprintf("friend%d@far.example", i))) {
			n++
		}
	}
	if n > 40 {
		t.Errorf("%d known people", n)
	}
}

// A clock that was a year ahead for an hour leaves nothing that lasts for a year.
func TestAClockThatWasAheadLeavesNothing(t *testing.T) {
	w := settled(t)
	w.set(365 * 24 * time.Hour)
	for i := range 9 {
		w.from("anna", vietnam, fmt.Sprintf("friend%d@far.example", i))
	}
	w.set(-365 * 24 * time.Hour)
	w.now = w.now.Add(30 * 24 * time.Hour)
	if n := w.state.Account("anna").Known.countLately(w.now, 10); n != 0 {
		t.Errorf("%d people were written to from abroad in the last ten days", n)
	}
}

// A host that loses a minute each hour has days that end.
func TestNapsDoNotMakeADayOfAWeek(t *testing.T) {
	w := settled(t)
	for day := range 12 {
		for h := range 24 {
			w.now = w.now.Add(time.Hour)
			w.apply(Event{Key: fmt.Sprint("nap", day, h), Kind: KindClock, Step: 61_000})
			w.now = w.now.Add(61 * time.Second)
			if h < 8 {
				if v := w.from("anna", home, fmt.Sprintf("new%d-%d@new.example", day, h)); !leaves(v) {
					t.Fatalf("day %d: %s (%s)", day, v.Action, v.Why)
				}
			}
		}
	}
}

// What cools counts for the site when it leaves, as for the account.
func TestTheSitesDayIsADayAlsoForWhatCools(t *testing.T) {
	w := settled(t)
	w.now = (w.now/hour+1)*hour - Time(10_000) // ten seconds before the hour
	w.from("anna", foreign, rcpts(6, "a")...)
	if n := w.state.site.Unfamiliar.sum(w.now.Add(24*time.Hour + 30*time.Second)); n != 6 {
		t.Errorf("%d of 6 count within a day of leaving", n)
	}
}

// What leaves late, for postward was down, counts on the day on which it leaves.
func TestWhatLeavesLateCountsWhenItLeaves(t *testing.T) {
	w := settled(t)
	w.from("anna", foreign, rcpts(6, "a")...)
	w.now = w.now.Add(26 * time.Hour)
	w.pass(time.Second)
	if v := w.from("anna", foreign, "b@new.example"); leaves(v) {
		t.Errorf("a seventh stranger within minutes: %s", v.Action)
	}
}

// A release vouches for whom the released mail went to, and for nobody else; nor do old logs.
func TestAReleaseMakesNoThiefsMailboxVouch(t *testing.T) {
	for _, how := range []string{"release", "learn"} {
		w := settled(t)
		for i := range 9 {
			w.from("anna", foreign, fmt.Sprintf("me@own%d.example", i))
			w.pass(3 * time.Minute)
			w.now = w.now.Add(8 * time.Hour)
		}
		if how == "release" {
			w.from("anna", home, rcpts(90, "guest")...)
			if w.state.OpenIncident("anna") == nil {
				t.Fatal("the invitation is not held")
			}
			w.apply(Event{Key: "release", Kind: KindRelease, Incident: w.state.OpenIncident("anna").ID, Actor: "test"})
		} else {
			p := &Past{First: 1, Last: w.now, Messages: 9}
			for i := range 9 {
				p.People = append(p.People, Contact{fmt.Sprintf("me@own%d.example", i), w.now})
			}
			w.apply(Event{Key: "learned", Kind: KindLearned, Account: "anna", Past: p})
		}
		for day := range 34 {
			w.from("anna", foreign, fmt.Sprintf("me@own%d.example", day%9))
			w.pass(3 * time.Minute)
			w.now = w.now.Add(24*time.Hour - 3*time.Minute)
		}
		if x := w.explained("anna", foreign); x.Level > LevelCountry || x.Budget > 6 {
			t.Errorf("%s: his network is %s, %d strangers a day", how, x.Level, x.Budget)
		}
	}
}

// What old logs say takes the place of what was there, in the count of the site too.
func TestWhatIsLearnedIsCountedOnce(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.state.accounts["anna"].Sources.trust(source{Network: netip.MustParseAddr("203.0.113.80"), Country: "IT"}, w.now, false, &w.state.familiar)
	w.apply(Event{Key: "learned", Kind: KindLearned, Account: "anna", Past: &Past{First: 1, Last: 2, Messages: 1}})
	if n := w.state.familiar.countries["IT"]; n != 0 {
		t.Errorf("%d accounts are at home in Italy", n)
	}
}

// Mail that waits does not leave when its account may not send any more, nor when its incident was closed.
func TestWhatWaitsOfADeniedAccountStays(t *testing.T) {
	for _, how := range []string{"deny", "close"} {
		w := settled(t)
		w.from("anna", foreign, rcpts(3, "a")...)
		id := fmt.Sprintf("m%d", w.mails)
		if how == "deny" {
			w.apply(Event{Key: "deny", Kind: KindDenied, Account: "anna"})
		} else {
			for i := 0; w.state.OpenIncident("anna") == nil && i < 20; i++ {
				w.from("anna", foreign, rcpts(3, fmt.Sprint("b", i))...)
			}
			w.apply(Event{Key: "close", Kind: KindClosed, Incident: w.state.OpenIncident("anna").ID, Actor: "test"})
		}
		w.pass(5 * time.Minute)
		if m := w.state.Mail(id); m == nil || m.Status != MailHeld {
			t.Errorf("%s: %+v", how, m)
		}
		w.same()
	}
}

// A containment that was only told ends with its incident.
func TestAToldContainmentDoesNotOutliveItsIncident(t *testing.T) {
	w := settled(t)
	p := *w.state.policy
	p.Modes = map[Subject]Mode{}
	for _, s := range Subjects {
		p.Modes[s] = Shadow
	}
	w.apply(Event{Key: "shadow", Kind: KindPolicy, Policy: &p})
	for i := 0; i < 200 && w.state.Account("anna").Status != Contained; i++ {
		m := w.mail("anna", foreign.addr, rcpts(10, fmt.Sprint("a", i))...)
		m.ASN, m.Country, m.Fingerprint = foreign.asn, foreign.country, 0x5bd1e9955bd1e995
		w.send(m)
		w.now = w.now.Add(time.Second)
	}
	if w.state.Account("anna").Status != Contained {
		t.Fatal("shadow mode did not contain: the test proves nothing")
	}
	q := p
	q.Modes = map[Subject]Mode{}
	for _, s := range Subjects {
		q.Modes[s] = Enforce
	}
	q.Modes[Containment] = Shadow
	w.state.policy = &p
	w.state.policy = &q // one lock is enforced, without a word to the incidents
	w.from("anna", foreign, rcpts(30, "z")...)
	if i := w.state.OpenIncident("anna"); i != nil && !i.Shadow && w.state.Account("anna").Status == Contained {
		t.Error("contained, and no incident says so")
	}
}

// A message without a From field passes from the host itself; one whose From cannot be read does not.
func TestAnAuthorThatCannotBeReadIsNoneAtAll(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.allow("local:www-data", "www-data@example.org")
	for anonymous, action := range map[bool]Action{true: Accept, false: Reject} {
		w.mails++
		m := &Transaction{ID: fmt.Sprint("m", w.mails), Stage: StageEnd, At: w.now, Direction: Local, UnixUser: "www-data",
			ReversePath: "www-data@example.org", Recipients: []string{"friend@far.example"}, NoAuthor: true, Anonymous: anonymous}
		if v := Judge(w.state, m); v.Action != action || action == Reject && !strings.Contains(v.Why, "author") {
			t.Errorf("no From field at all: %v; %s (%s)", anonymous, v.Action, v.Why)
		}
	}
}

// Forged mail from domains whose servers refuse everything, to somebody on vacation.
func TestVacationNoticesOfADeclaredUserStopNobody(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.apply(Event{Key: "allow", Kind: KindAllowed, Account: "local:vmail", Listing: &Listing{Class: Application, Budget: 500, Addresses: []string{"*"}}})
	for i := range 560 {
		w.mails++
		id, to := fmt.Sprint("m", w.mails), fmt.Sprintf("he%d@evil%d.example", i, i%5)
		w.send(&Transaction{ID: id, Stage: StageEnd, At: w.now, MailAt: w.now, Direction: Local, UnixUser: "vmail", Fingerprint: 0x5bd1e9955bd1e995,
			Authors: []string{"anna@example.org"}, Recipients: []string{to}, Zone: NoZone})
		w.apply(Event{Key: "bounced:" + id, Kind: KindBounced, Mail: id, Recipient: to, DSN: "5.1.1"})
		w.now = w.now.Add(time.Second)
	}
	if a := w.state.Account("local:vmail"); a.Status == Contained {
		t.Error("every notice and redirect of the site is put off")
	}
}

// What the operator has seen of an incident is not all that he would release: he is told when mail from elsewhere joins it.
func TestMailFromElsewhereInAnIncidentIsTold(t *testing.T) {
	w := settled(t)
	w.from("anna", home, rcpts(90, "guest")...)
	told := 0
	for i := range 3 {
		m := w.mail("anna", foreign.addr, rcpts(40, fmt.Sprint("x", i))...)
		m.ASN, m.Country = foreign.asn, foreign.country
		_, effects := w.send(m)
		for _, f := range effects {
			if f.Act == ActAlert && f.Stage == AlertElsewhere {
				told++
			}
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	w.same()
}

// What passes while an incident is open stands in it.
func TestWhatPassesMeanwhileStandsInTheIncident(t *testing.T) {
	w := settled(t)
	w.from("anna", foreign, rcpts(8, "stranger")...)
	i := w.state.OpenIncident("anna")
	for n := range 5 {
		w.now = w.now.Add(24 * time.Hour)
		if v := w.from("anna", foreign, fmt.Sprintf("friend%d@far.example", n)); v.Action != Accept {
			t.Fatalf("%s (%s)", v.Action, v.Why)
		}
		w.apply(Event{Key: fmt.Sprint("left", n), Kind: KindLeft, Mail: fmt.Sprint("m", w.mails), Recipient: fmt.Sprintf("friend%d@far.example", n)})
	}
	if i.Passed != 5 || i.Left != 5 || i.Sources[0].Messages != 6 {
		t.Errorf("%d passed, left for %d, %+v", i.Passed, i.Left, i.Sources)
	}
}

// Who hangs up at once is nobody the kernel knows: he does not write as whom a declared user may not.
func TestAnUnknownInjectorWritesAsNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.allow("local:www-data", "www-data@example.org")
	unknown := func(from string) Verdict {
		w.mails++
		v, _ := w.send(&Transaction{ID: fmt.Sprint("m", w.mails), Stage: StageEnd, At: w.now, Direction: Submission, Client: netip.MustParseAddr("127.0.0.1"),
			ReversePath: from, Authors: []string{from}, Recipients: []string{"friend@far.example"}, Zone: NoZone})
		return v
	}
	if v := unknown("ceo@example.org"); v.Action != Tempfail {
		t.Errorf("as somebody else: %s", v.Action)
	}
	if v := unknown("www-data@example.org"); v.Action != Accept {
		t.Errorf("as itself: %s (%s)", v.Action, v.Why)
	}
}

// A list that somebody emptied is a list.
func TestDenyingTheLastAccountOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.apply(Event{Key: "deny", Kind: KindDenied, Account: "anna"})
	if v, _ := w.send(w.mail("alarm", "203.0.113.80", "victim@new.example")); v.Action != Reject || v.Reason != ReasonNotListed {
		t.Errorf("%s (%s)", v.Action, v.Why)
	}
	w.same()
}
