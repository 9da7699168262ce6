package guard

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// world is a State and the journal of what was applied to it.
type world struct {
	t       *testing.T
	state   *State
	journal []string // events as JSON, as the store keeps them
	now     Time
	mails   int
}

var day0 = TimeOf(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))

func newWorld(t *testing.T) *world {
	w := &world{t: t, state: New(), now: day0}
	p := DefaultPolicy()
	for _, s := range Subjects {
		p.Modes[s] = Enforce
	}
	p.Domains = []string{"example.org"}
	p.Own = append(p.Own, netip.MustParsePrefix("192.0.2.0/24"))
	w.apply(Event{Key: "policy", Kind: KindPolicy, Policy: p})
	return w
}

func (w *world) apply(e Event) []Effect {
	w.t.Helper()
	if e.At == 0 {
		e.At = w.now
	}
	b, err := json.Marshal(&e)
	if err != nil {
		w.t.Fatal(err)
	}
	w.journal = append(w.journal, string(b))
	return Apply(w.state, &e)
}

func (w *world) allow(account string, addresses ...string) {
	w.apply(Event{Key: "allow:" + account, Kind: KindAllowed, Account: account, Actor: "test", Listing: &Listing{Addresses: addresses}})
}

func (w *world) mail(account, client string, to ...string) *Transaction {
	w.mails++
	t := &Transaction{
		ID: fmt.Sprintf("m%d", w.mails), Stage: StageEnd, At: w.now, MailAt: w.now, Direction: Submission,
		QueueID: fmt.Sprintf("%X", 0xA000000+w.mails), Login: account, ReversePath: account + "@example.org",
		Authors: []string{account + "@example.org"}, Recipients: to, Zone: NoZone,
	}
	if client != "" {
		t.Client = netip.MustParseAddr(client)
	}
	return t
}

// send judges and applies in one step, as the daemon does under its mutex.
func (w *world) send(t *Transaction) (Verdict, []Effect) {
	w.t.Helper()
	v := Judge(w.state, t)
	return v, w.apply(Event{Key: "judged:" + t.ID, Kind: KindJudged, Transaction: t, Verdict: &v})
}

// pass lets time go by second by second and does what becomes due.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); w.now < end; w.now = w.now.Add(time.Second) {
		jobs := Due(w.state, w.now)
		for _, e := range jobs.Events {
			w.apply(e)
		}
		for _, f := range Due(w.state, w.now.Add(effectLease)).Effects {
			w.apply(Event{Key: "outcome:" + f.ID + w.now.String(), Kind: KindOutcome, Effect: f.ID, Outcome: Done})
		}
	}
}

func (w *world) same() {
	w.t.Helper()
	folded := New()
	for _, line := range w.journal {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatal(err)
		}
		Apply(folded, &e)
	}
	if live, fold := asJSON(w.t, w.state.All()), asJSON(w.t, folded.All()); live != fold {
		w.t.Fatal("the live State is not the folded journal: ", apart(live, fold))
	}
	var rows Rows
	if err := json.Unmarshal([]byte(asJSON(w.t, w.state.All())), &rows); err != nil {
		w.t.Fatal(err)
	}
	if live, back := asJSON(w.t, w.state.All()), asJSON(w.t, Restore(&rows).All()); live != back {
		w.t.Fatal("the restored State is not the saved one:", apart(live, back))
	}
}

// apart shows two texts where they differ first.
func apart(a, b string) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	cut := func(s string) string { return s[max(at-200, 0):min(at+200, len(s))] }
	return fmt.Sprintf("\n… %s\n… %s", cut(a), cut(b))
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func want(t *testing.T, v Verdict, a Action, r Reason) {
	t.Helper()
	if v.Action != a || v.Reason != r {
		t.Fatalf("got %s (%s: %s), want %s (%s)", v.Action, v.Reason, v.Why, a, r)
	}
}

func rcpts(n int, tag string) []string {
	var to []string
	for i := range n {
		to = append(to, fmt.Sprintf("%s%d@far.example", tag, i))
	}
	return to
}

func TestAlarmAccountCannotSend(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	m := w.mail("alarm", "203.0.113.80", "victim@far.example")
	m.Stage = StageMail
	v, _ := w.send(m)
	want(t, v, Reject, ReasonNotListed)
	if r := v.Reply(); r.Code != 550 || r.Enhanced != "5.7.1" || !strings.Contains(r.Text, "administrator") {
		t.Errorf("the reply does not say what to do: %+v", r)
	}
	w.same()
}

func TestEmptyListIsNeverEnforced(t *testing.T) {
	w := newWorld(t)
	v, _ := w.send(w.mail("alarm", "192.0.2.9", "a@far.example"))
	if v.Action == Reject {
		t.Fatalf("refused by an empty list: %s", v.Why)
	}
}

func TestHijackedAccountIsCooledThenHeldThenContained(t *testing.T) {
	for _, c := range []struct {
		name  string
		texts uint64
		most  int // mails before it is contained
	}{{"the same text", 1, 8}, {"another text each", 1000, 20}} {
		t.Run(c.name, func(t *testing.T) { hijack(t, c.texts, c.most) })
	}
}

func hijack(t *testing.T, texts uint64, most int) {
	w := newWorld(t)
	w.allow("alarm")
	contained := 0
	for i := range 200 {
		m := w.mail("alarm", "203.0.113.80", fmt.Sprintf("v%d@far.example", i))
		m.Fingerprint = (1 + uint64(i)%texts) * 0x9e3779b97f4a7c15
		v, effects := w.send(m)
		switch {
		case i < 3:
			want(t, v, Hold, ReasonCooling)
			if !v.Cool {
				t.Fatal("not cooling")
			}
		case w.state.Account("alarm").Status == Contained && contained == 0:
			contained = i + 1
			if len(effects) == 0 || effects[0].Act != ActAlert || effects[0].Stage != AlertContained {
				t.Fatalf("containment has no alert: %+v", effects)
			}
		case contained > 0:
			want(t, v, Reject, ReasonContained)
		}
		w.now += 100
	}
	if contained == 0 || contained > most {
		t.Errorf("contained after %d mails, want at most %d", contained, most)
	}
	w.pass(10 * time.Minute)
	for _, m := range w.state.Mails() {
		if m.Status != MailHeld {
			t.Errorf("mail %s is %s, want held", m.ID, m.Status)
		}
	}
	i := w.state.OpenIncident("alarm")
	if i == nil || i.Left != 0 || i.Held != contained || i.Before != contained || i.Refused != 200-contained {
		t.Errorf("the incident does not tell what happened: %+v", i)
	}
	if len(i.Sources) != 1 || i.Sources[0].Messages != i.Held+i.Refused || i.Sources[0].First != i.First {
		t.Errorf("held %d and refused %d since %s, and by source: %+v", i.Held, i.Refused, i.First, i.Sources)
	}
	w.same()
}

func TestWhatCooledWhenItWasReleasedCountsAsHeld(t *testing.T) {
	w := newWorld(t)
	w.allow("alarm")
	for i := range 5 { // some cool, until one is too much
		w.send(w.mail("alarm", "203.0.113.80", fmt.Sprintf("v%d@far.example", i)))
		w.now += 100
	}
	w.send(w.mail("alarm", "203.0.113.80", rcpts(10, "b")...))
	v, _ := w.send(w.mail("alarm", "203.0.113.81", "v0@far.example"))
	i := w.state.OpenIncident("alarm")
	if i == nil || i.Held == 0 {
		t.Fatalf("nothing is held: %+v, %+v", i, v)
	}
	words := Event{Key: "release", Kind: KindRelease, Incident: i.ID, Actor: "test"}
	n, cooled := len(w.state.Decides(&words)), 0
	for _, m := range w.state.Decides(&words) {
		if m.Status == MailCooling {
			cooled++
		}
	}
	w.apply(words)
	if cooled == 0 || i.Held != n || i.Released != n {
		t.Errorf("%d mails were let go, %d of them cooled: held %d, released %d", n, cooled, i.Held, i.Released)
	}
	sum := 0
	for _, s := range i.Sources {
		sum += s.Messages
	}
	if sum != n {
		t.Errorf("%d mails, and %d by source: %+v", n, sum, i.Sources)
	}
	w.same()
}

func TestOwnerOfContainedAccountKeepsHisOutbox(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.makeFamiliar("anna", "198.51.100.7")
	for i := range 20 {
		w.send(w.mail("anna", "203.0.113.80", fmt.Sprintf("v%d@far.example", i)))
	}
	v, _ := w.send(w.mail("anna", "198.51.100.7", "friend0@far.example"))
	want(t, v, Tempfail, ReasonContained)
	if v.Reply().Code != 451 {
		t.Errorf("reply %+v, want 451", v.Reply())
	}
	v, _ = w.send(w.mail("anna", "203.0.113.80", "x@far.example"))
	want(t, v, Reject, ReasonContained)
	w.same()
}

// makeFamiliar lets an account write to a friend for three days.
func (w *world) makeFamiliar(account, client string) {
	w.t.Helper()
	for range 3 {
		for range 2 {
			w.send(w.mail(account, client, "friend0@far.example", "friend1@far.example"))
			w.pass(3 * time.Minute)
		}
		w.now = w.now.Add(21 * time.Hour)
	}
	if l, _, _ := w.state.levelOf(w.state.Account(account), w.mail(account, client)); l != LevelAddress {
		w.t.Fatalf("%s is %s after three days", client, l)
	}
}

func TestMailToStrangersEarnsNoTrust(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	for i := range 30 {
		w.send(w.mail("anna", "203.0.113.80", fmt.Sprintf("s%d@far.example", i)))
		w.now = w.now.Add(6 * time.Hour)
		w.pass(3 * time.Minute)
	}
	if l, _, _ := w.state.levelOf(w.state.Account("anna"), w.mail("anna", "203.0.113.80")); l != LevelNew {
		t.Errorf("a drip to strangers made the source a %s", l)
	}
}

func TestOrdinaryAccountIsNotDisturbed(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.makeFamiliar("anna", "198.51.100.7")
	for i := range 40 {
		v, _ := w.send(w.mail("anna", "198.51.100.7", fmt.Sprintf("new%d@far.example", i)))
		want(t, v, Accept, ReasonOrdinary)
		w.now = w.now.Add(10 * time.Minute)
	}
}

func TestCooledMailLeavesByItself(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	v, _ := w.send(w.mail("anna", "203.0.113.9", "hotel@far.example"))
	want(t, v, Hold, ReasonCooling)
	w.pass(121 * time.Second)
	if m := w.state.Mail("m1"); m.Status != MailReleased {
		t.Errorf("after cooling the mail is %s", m.Status)
	}
	v, _ = w.send(w.mail("anna", "203.0.113.9", "hotel@far.example"))
	want(t, v, Accept, ReasonOrdinary)
	w.same()
}

func TestBccBombIsHeldWhole(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	v, _ := w.send(w.mail("anna", "203.0.113.80", rcpts(50, "b")...))
	want(t, v, Hold, ReasonBudget)
	if v.New != 50 || v.Cool {
		t.Errorf("%+v", v)
	}
	p := *w.state.Policy()
	p.Modes = maps.Clone(p.Modes)
	p.Modes[Score] = Shadow
	w.apply(Event{Key: "no score", Kind: KindPolicy, Policy: &p})
	v, _ = w.send(w.mail("anna", "203.0.113.80", rcpts(50, "c")...))
	want(t, v, Hold, ReasonBudget)
	w.allow("bob")
	v, _ = w.send(w.mail("bob", "203.0.113.81", rcpts(50, "d")...))
	want(t, v, Hold, ReasonBudget)
}

func TestOneReleaseTeaches(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	for i := range 4 {
		w.send(w.mail("anna", "203.0.113.80", rcpts(50, fmt.Sprintf("list%d-", i))...))
	}
	i := w.state.OpenIncident("anna")
	if i == nil || i.Held != 4 || i.Refused != 0 || i.Status != IncidentContained {
		t.Fatalf("incident %+v", i)
	}
	effects := w.apply(Event{Key: "release:1", Kind: KindRelease, Incident: i.ID, Actor: "cli:root"})
	releases := 0
	for _, f := range effects {
		if f.Act == ActRelease {
			releases++
		}
	}
	if releases != 4 || w.state.Account("anna").Status != Normal || i.Status != IncidentClosed {
		t.Fatalf("released %d of 4, account %s, incident %s", releases, w.state.Account("anna").Status, i.Status)
	}
	w.pass(time.Minute)
	for i := range 4 {
		v, _ := w.send(w.mail("anna", "203.0.113.80", rcpts(50, fmt.Sprintf("list%d-", i))...))
		want(t, v, Accept, ReasonOrdinary)
	}
	w.same()
}

func TestForeignReversePathAndAuthorAreRefused(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.allow("boss", "*@example.org", "me@else.example")
	for _, c := range []struct {
		account, path, author string
		want                  Reason
	}{
		{"anna", "anna@example.org", "anna@example.org", ""},
		{"anna", "", "anna@example.org", ""},
		{"anna", "bob@example.org", "anna@example.org", ReasonReversePath},
		{"anna", "anna@example.org", "bob@example.org", ReasonAuthor},
		{"anna", "anna@else.example", "anna@example.org", ReasonReversePath},
		{"boss", "anyone@example.org", "me@else.example", ""},
		{"boss", "you@else.example", "boss@example.org", ReasonReversePath},
		{"boss", "x@sub.example.org", "boss@example.org", ReasonReversePath},
	} {
		m := w.mail(c.account, "192.0.2.5", "a@far.example")
		m.ReversePath, m.Authors = c.path, []string{c.author}
		v := Judge(w.state, m)
		if c.want == "" && v.Action == Reject || c.want != "" && v.Reason != c.want {
			t.Errorf("%s as <%s> %s: %s (%s)", c.account, c.path, c.author, v.Reason, v.Why)
		}
	}
}

func TestSecondAuthorIsLookedAt(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	m := w.mail("anna", "192.0.2.5", "a@far.example")
	m.Authors = []string{"anna@example.org", "ceo@bank.example"}
	want(t, Judge(w.state, m), Reject, ReasonAuthor)
}

func TestUntakenMailGivesItsBudgetBack(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	for range 20 {
		m := w.mail("anna", "203.0.113.9", rcpts(2, "same")...)
		m.Fingerprint = 7
		v, _ := w.send(m)
		want(t, v, Hold, ReasonCooling)
		w.apply(Event{Key: "untaken:" + m.ID, Kind: KindUntaken, Mail: m.ID})
		w.apply(Event{Key: "untaken:" + m.ID, Kind: KindUntaken, Mail: m.ID})
	}
	if n := len(w.state.Mails()); n != 0 || w.state.Account("anna").Waiting != 0 {
		t.Errorf("%d mails are followed, %d wait", n, w.state.Account("anna").Waiting)
	}
	w.same()
}

// A mail that passed and was never taken comes again. Its recipients are known by then, so giving back what it spent
// for them would let one more out than the budget has.
func TestMailThatComesAgainIsCountedOnce(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	passed := 0
	for i := range 60 {
		to := rcpts(1, fmt.Sprint("someone", i))
		m := w.mail("anna", "192.0.2.10", to...)
		v, _ := w.send(m)
		if i%3 == 0 {
			w.apply(Event{Key: "untaken:" + m.ID, Kind: KindUntaken, Mail: m.ID})
			v, _ = w.send(w.mail("anna", "192.0.2.10", to...))
		}
		if v.Action == Accept {
			passed++
		}
	}
	if budget := w.state.Policy().Budget.Newcomer; passed != budget {
		t.Errorf("%d passed, the budget is %d", passed, budget)
	}
	w.same()
}

// A hosted account that nobody declared has the budget of a cron job and a contact form, whatever it writes as.
func TestUndeclaredHostedAccountHasABudget(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	send := func(n int) Verdict {
		m := w.mail("", "", rcpts(n, fmt.Sprint("php", w.mails, "-"))...)
		m.Direction, m.UnixUser, m.ReversePath, m.Authors = Local, "www-data", "www-data@example.org", nil
		m.NoAuthor, m.Anonymous = true, true
		v, _ := w.send(m)
		return v
	}
	if v := send(40); v.Action != Accept || v.Account != "local:www-data" {
		t.Errorf("undeclared: %+v", v)
	}
	if v := send(1); v.Action != Hold || v.Reason != ReasonBudget || w.state.OpenIncident("local:www-data") == nil {
		t.Errorf("undeclared, beyond its budget: %+v", v)
	}
	w.allow("local:www-data", "www-data@example.org")
	if v := send(200); v.Action != Hold {
		t.Errorf("declared: %+v", v)
	}
	w.same()
}

func TestShadowModeHoldsNothingAndSaysWhatItWould(t *testing.T) {
	w := newWorld(t)
	w.apply(Event{Key: "shadow", Kind: KindPolicy, Policy: func() *Policy { p := DefaultPolicy(); p.Domains = []string{"example.org"}; return p }()})
	w.allow("alarm")
	would := 0
	for i := range 50 {
		v, effects := w.send(w.mail("alarm", "203.0.113.80", fmt.Sprintf("v%d@far.example", i)))
		if v.Action != Accept {
			t.Fatalf("mail %d: %+v", i, v)
		}
		if v.stops() {
			would++
		}
		for _, f := range effects {
			if f.Act != ActAlert {
				t.Errorf("mail %d: %+v", i, f)
			}
		}
	}
	i := w.state.OpenIncident("alarm")
	if i == nil || !i.Shadow || i.Held+i.Refused != would || would < 30 {
		t.Fatalf("%d would have been stopped: %+v", would, i)
	}
	if n := w.state.Account("alarm").Known.Len(); n != 50-would {
		t.Errorf("%d recipients are known, of %d mails that were ordinary", n, 50-would)
	}
	w.apply(Event{Key: "release", Kind: KindRelease, Incident: i.ID, Actor: "administrator"})
	if n := w.state.Account("alarm").Known.Len(); n != 50 {
		t.Errorf("it was the owner, and %d of his recipients are known", n)
	}
	w.same()
}
