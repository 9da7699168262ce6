package cases

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postward/internal/lists/dnsbl"
)

var begin = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

const server = "192.0.2.25"

func after(d time.Duration) time.Time { return begin.Add(d) }

var shipped = sync.OnceValues(func() (*dnsbl.Set, error) { return dnsbl.Load("") })

func known(t testing.TB) *dnsbl.Set {
	t.Helper()
	set, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// listings are by names of lists, as said at begin.
func listings(t testing.TB, names ...string) (all []Listing) {
	set := known(t)
	for _, name := range names {
		l := set.ByName(name)
		if l == nil {
			t.Fatalf("there is no list %s", name)
		}
		all = append(all, Listing{List: l, Subject: server, Since: begin, Said: "127.0.0.2 spam"})
	}
	return all
}

// rules are those of the lists.
func rules(t testing.TB) func(*Case) *Rule {
	set := known(t)
	return func(c *Case) *Rule {
		if l := set.ByName(c.List); l != nil {
			return RuleOf(l)
		}
		return &Rule{Title: c.List, Asks: Unknown}
	}
}

func one(t *testing.T, b *Book, f Facts, now time.Time) View {
	t.Helper()
	all := b.Views(rules(t), &f, now)
	if len(all) != 1 {
		t.Fatalf("%d cases are open", len(all))
	}
	return all[0]
}

// TestEachListHasItsWay of all that are known: who ends by itself is never asked, and nobody is paid.
func TestEachListHasItsWay(t *testing.T) {
	var b Book
	var all []Listing
	for _, l := range known(t).All() {
		all = append(all, Listing{List: l, Subject: server, Since: begin})
	}
	b.Lists(all, begin)
	quiet := Facts{LastSpam: after(-48 * time.Hour)}
	views := b.Views(rules(t), &quiet, begin)
	if len(views) < 40 {
		t.Fatalf("%d cases", len(views))
	}
	for _, v := range views {
		l := known(t).ByName(v.List)
		if !l.Status.Asked() || l.Role != dnsbl.Block {
			t.Errorf("%s is %s and a list to %s, and has a case", l.Name, l.Status.State, l.Role)
		}
		asked := v.Stage == Eligible
		if should := slices.Contains([]string{"self-service", "form", "account", "mail", "reply", "provider"}, l.Removal.Method); asked != should {
			t.Errorf("%s (%s): %s", l.Name, l.Removal.Method, v.Stage)
		}
		if v.Next == "" || v.Forecast.Words == "" || strings.Contains(v.Next, "%!") {
			t.Errorf("%s: %q %q", l.Name, v.Next, v.Forecast.Words)
		}
		if d, err := v.Draft(&Story{Address: server}, "en", &quiet, begin); (err == nil) != asked || d != nil && strings.Contains(d.Text, "<no value>") {
			t.Errorf("%s: %v %+v", l.Name, err, d)
		}
	}
}

func TestAListThatExpiresIsWaitedFor(t *testing.T) {
	var b Book
	b.Lists(listings(t, "uceprotect-1"), begin)
	const week = 7 * 24 * time.Hour
	for _, c := range []struct {
		name  string
		facts Facts
		now   time.Time
		at    time.Time
		next  string
	}{
		{"from the listing on, where no spam is known", Facts{}, begin, after(week), "wait: it ends by itself"},
		{"from the last spam on", Facts{LastSpam: after(3 * time.Hour)}, after(5 * time.Hour), after(3*time.Hour + week), "wait: it ends by itself"},
		{"not from spam before the listing", Facts{LastSpam: after(-3 * time.Hour)}, begin, after(week), "wait: it ends by itself"},
		{"it should be over", Facts{}, after(week + time.Hour), after(week), "it should have ended by its rule"},
	} {
		v := one(t, &b, c.facts, c.now)
		if v.Stage != Waiting || v.Forecast.Sure != ByRule || !v.Forecast.At.Equal(c.at) || !strings.HasPrefix(v.Next, c.next) {
			t.Errorf("%s: %s, %s, %+v", c.name, v.Stage, v.Next, v.Forecast)
		}
		if _, err := v.Draft(&Story{}, "en", &c.facts, c.now); !errors.Is(err, ErrNotYet) {
			t.Errorf("%s: a request is written: %v", c.name, err)
		}
	}
}

// TestNobodyIsAskedWhile anything stands in the way: each is told with what shows it, and goes.
func TestNobodyIsAskedWhile(t *testing.T) {
	for _, list := range []struct {
		name  string
		quiet time.Duration
	}{{"psbl", 6 * time.Hour}, {"barracuda", 24 * time.Hour}, {"spamhaus-sbl", 24 * time.Hour}} {
		var b Book
		b.Lists(listings(t, list.name), begin)
		for _, c := range []struct {
			name  string
			facts Facts
			now   time.Time
			stage Stage
			tells string
		}{
			{"nothing", Facts{}, begin, Eligible, "postward case draft 1"},
			{"spam that left a moment ago", Facts{LastSpam: begin}, after(time.Minute), Listed, "spam left 1 min ago"},
			{"almost long enough", Facts{LastSpam: begin}, after(list.quiet - time.Minute), Listed, "spam left"},
			{"long enough", Facts{LastSpam: begin}, after(list.quiet), Eligible, "postward case draft 1"},
			{"an open incident", Facts{Incidents: []int64{4}}, begin, Listed, "postward incident show 4"},
			{"mail that waits", Facts{Waiting: 1}, begin, Listed, "1 mail of incidents still in the queue"},
			{"a name that does not point back", Facts{Names: []Obstacle{{What: "it has no name", Command: "postward check mx"}}}, begin, Listed, "it has no name: postward check mx"},
		} {
			v := one(t, &b, c.facts, c.now)
			if v.Stage != c.stage || !strings.Contains(v.Next, c.tells) {
				t.Errorf("%s, %s: %s: %s", list.name, c.name, v.Stage, v.Next)
			}
			if wait := !c.facts.LastSpam.IsZero() && v.Stage == Listed; wait != v.Earliest.Equal(begin.Add(list.quiet)) {
				t.Errorf("%s, %s: at %v", list.name, c.name, v.Earliest)
			}
			if _, err := v.Draft(&Story{}, "en", &c.facts, c.now); (err == nil) != (c.stage == Eligible) {
				t.Errorf("%s, %s: %v", list.name, c.name, err)
			}
		}
	}
}

// TestACaseFromItsBeginningToItsEnd: drafted, asked, asked again after the pause, and delisted; saved and loaded at each step.
func TestACaseFromItsBeginningToItsEnd(t *testing.T) {
	b := &Book{}
	there := listings(t, "barracuda")
	b.Lists(there, begin)
	now := begin
	step := func(stage Stage, left int, next string) {
		t.Helper()
		text, err := b.Save()
		again := &Book{}
		if err != nil || text != "" && again.Load(text) != nil {
			t.Fatal(err, text)
		}
		if text != "" {
			b = again
		}
		if v := one(t, b, Facts{}, now); v.Stage != stage || v.Left != left || !strings.Contains(v.Next, next) {
			t.Errorf("%s, %d left: %s; not %s, %d: %s", v.Stage, v.Left, v.Next, stage, left, next)
		}
		b.Lists(there, now)
	}
	ask := func() {
		t.Helper()
		if err := errors.Join(b.Drafted(1, now), b.Requested(1, "anna", now)); err != nil {
			t.Fatal(err)
		}
	}
	step(Eligible, 3, "case draft 1")
	if err := b.Denied(1, now); err == nil || !strings.Contains(err.Error(), "nobody asked yet") {
		t.Error(err)
	}
	if err := b.Drafted(1, now); err != nil {
		t.Fatal(err)
	}
	step(Drafted, 3, "case requested 1")
	now = after(time.Hour)
	ask()
	step(Requested, 2, "wait for the answer")
	if err := b.Denied(1, now); err != nil {
		t.Fatal(err)
	}
	now = after(2 * 24 * time.Hour)
	step(Denied, 2, "it was asked 47 h ago")
	now = after(8 * 24 * time.Hour)
	step(Eligible, 2, "case draft 1")
	ask()
	now = after(20 * 24 * time.Hour)
	step(Requested, 1, "wait")
	now = after(39 * 24 * time.Hour)
	ask()
	now = after(400 * 24 * time.Hour)
	step(Requested, 0, "wait for the answer")
	there = nil
	b.Lists(there, now)
	if ended := b.Ended(); len(ended) != 1 || ended[0].Outcome != Delisted || len(b.Views(rules(t), &Facts{}, now)) != 0 {
		t.Errorf("%+v", ended)
	}
	if err := b.Drafted(1, now); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func TestWhatComesBackWithinAWeekIsTheSameCase(t *testing.T) {
	var b Book
	there := listings(t, "psbl")
	b.Lists(there, begin)
	b.Lists(nil, after(time.Hour))
	b.Lists(there, after(6*24*time.Hour))
	if v := one(t, &b, Facts{}, after(6*24*time.Hour)); v.ID != 1 || v.Again != 1 || !v.Between.Equal(after(time.Hour)) {
		t.Errorf("%+v", v.Case)
	}
	b.Lists(nil, after(7*24*time.Hour))
	b.Lists(there, after(15*24*time.Hour))
	if v := one(t, &b, Facts{}, after(15*24*time.Hour)); v.ID != 2 || v.Again != 0 {
		t.Errorf("%+v", v.Case)
	}
}

func TestWhatAPersonClosedStaysClosedWhileNothingChanges(t *testing.T) {
	var b Book
	there := listings(t, "psbl")
	b.Lists(there, begin)
	if err := b.Close(1, "anna", begin); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b.Lists(there, after(time.Hour))
	}
	if ended := b.Ended(); len(ended) != 1 || ended[0].By != "anna" || ended[0].Outcome != Closed {
		t.Errorf("%+v", ended)
	}
	b.Lists(nil, after(2*time.Hour))
	b.Lists(there, after(3*time.Hour))
	if v := one(t, &b, Facts{}, after(3*time.Hour)); v.ID != 2 {
		t.Errorf("%+v", v.Case)
	}
}

func TestTheCasesAreBounded(t *testing.T) {
	var b Book
	for i := range 3 * maxCases {
		b.Lists(listings(t, "psbl"), after(time.Duration(i)*20*24*time.Hour))
		b.Lists(nil, after(time.Duration(i)*20*24*time.Hour+time.Hour))
	}
	if len(b.cases) > maxCases || b.last != 3*maxCases {
		t.Errorf("%d cases, the last %d", len(b.cases), b.last)
	}
}

func TestASumOfListsIsItsMembers(t *testing.T) {
	set := known(t)
	for _, c := range []struct {
		answers []string
		want    string
	}{
		{[]string{"127.0.0.4", "127.0.0.10"}, "spamhaus-xbl spamhaus-pbl"}, {[]string{"127.0.0.99"}, "spamhaus-zen"}, {nil, "spamhaus-zen"}, {[]string{"nonsense"}, "spamhaus-zen"},
	} {
		var names []string
		for _, l := range Members(set.ByName("spamhaus-zen"), c.answers, set.ByName) {
			names = append(names, l.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%v: %s", c.answers, got)
		}
	}
}

// TestRequestsAreWrittenAsAPersonWould: of the story, and of a listing of which nothing is known, to people, to a machine and to a provider, in
// each language. The texts are in testdata for somebody to read; -update is not there, for each is looked at.
func TestRequestsAreWrittenAsAPersonWould(t *testing.T) {
	story := Story{Address: server, Host: "mail.example.org", Domain: "example.org", Contact: "postmaster@example.org", Name: "Anna Example",
		Incident: &Incident{First: after(-50 * time.Hour), Last: after(-48 * time.Hour), Left: 1312, Sources: []string{"185.228.80.18"}, Found: after(-48 * time.Hour),
			Stopped: after(-48 * time.Hour), Held: 25, Deleted: 25},
		Prevents: []Prevention{OnList, Budgets, Bans, Watches, Signed}}
	for _, c := range []struct {
		name string
		open func(*Book)
		s    Story
		f    Facts
	}{
		{"list", func(b *Book) { b.Lists(listings(t, "barracuda"), begin) }, story, Facts{LastSpam: after(-48 * time.Hour)}},
		{"provider", func(b *Book) { b.Lists(listings(t, "spamhaus-sbl"), begin) }, story, Facts{LastSpam: after(-48 * time.Hour)}},
		{"nothing-known", func(b *Book) { b.Lists(listings(t, "psbl"), begin) }, Story{Address: server}, Facts{}},
	} {
		for _, language := range Languages {
			var b Book
			c.open(&b)
			v := one(t, &b, c.f, begin)
			d, err := v.Draft(&c.s, language, &c.f, begin)
			if err != nil {
				t.Fatal(err)
			}
			got := "To: " + d.To + "\nSubject: " + d.Subject + "\n\n" + d.Text
			want, err := os.ReadFile(filepath.Join("testdata", c.name+"."+language))
			if err != nil || got != string(want) {
				t.Errorf("%s in %s: %v\n%s", c.name, language, err, got)
			}
			if n := strings.Count(d.Text, "\n"); n > 30 {
				t.Errorf("%s: %d lines", c.name, n)
			}
		}
	}
}

func TestADraftIsAFileForAMailProgram(t *testing.T) {
	d := Draft{To: "delist@list.example", Subject: "Eintrag für 192.0.2.25", Text: "Grüße\n"}
	got := string(d.Mail("Anna <postmaster@example.org>"))
	for _, want := range []string{"From: \"Anna\" <postmaster@example.org>\r\n", "To: delist@list.example\r\n", "Subject: =?utf-8?q?", "X-Unsent: 1\r\n", "\r\n\r\nGrüße\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	if strings.Contains(string(d.Mail("nonsense\r\nBcc: x@y")), "Bcc") {
		t.Error("what is no address is a field")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(`{"last":3,"cases":[{"id":3,"list":"psbl","subject":"192.0.2.25","since":"2026-12-01T08:00:00Z","opened":"2026-12-01T08:00:00Z","requests":[{"at":"2026-12-01T08:00:00Z","by":"x"}]},null]}`)
	all := rules(f)
	f.Fuzz(func(t *testing.T, text string) {
		var b Book
		if b.Load(text) != nil {
			return
		}
		for _, v := range b.Views(all, &Facts{LastSpam: begin}, begin) {
			_, _ = v.Draft(&Story{}, "de", &Facts{}, begin)
		}
		if b.changed = true; len(b.cases) > maxCases {
			t.Error("too many")
		}
		if _, err := b.Save(); err != nil && !strings.Contains(err.Error(), "year outside of range") {
			t.Error(err)
		}
	})
}
