package standing

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"postward/internal/lists/dnsbl"
)

var begin = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func watch(t testing.TB) *Watch {
	t.Helper()
	set, err := dnsbl.Load("")
	if err != nil {
		t.Fatal(err)
	}
	name, err := dnsbl.DomainName("example.org")
	if err != nil {
		t.Fatal(err)
	}
	asker := dnsbl.New(nil, dnsbl.Options{})
	return New(set.All(), []dnsbl.Subject{dnsbl.Address(netip.MustParseAddr("192.0.2.25")), name}, func(l *dnsbl.List) bool { return asker.Refuses(l) == "" })
}

func TestAListIsNotAskedBesideTheOneThatHasItsData(t *testing.T) {
	asked := map[string]bool{}
	for _, q := range watch(t).questions {
		asked[q.List.Name] = true
	}
	if !asked["spamhaus-zen"] || asked["spamhaus-sbl"] || asked["spamhaus-xbl"] || asked["spamhaus-pbl"] {
		t.Errorf("%v", asked)
	}
	set, err := dnsbl.Load("")
	if err != nil {
		t.Fatal(err)
	}
	w := New(set.All(), []dnsbl.Subject{dnsbl.Address(netip.MustParseAddr("192.0.2.25"))}, func(l *dnsbl.List) bool { return l.Name == "spamhaus-sbl" })
	if len(w.questions) != 1 {
		t.Errorf("alone it is asked %d times", len(w.questions))
	}
}

func TestOnlyListsThatMatterAreWatched(t *testing.T) {
	w := watch(t)
	if len(w.questions) < 10 {
		t.Fatalf("%d questions", len(w.questions))
	}
	for _, q := range w.questions {
		if q.List.Role != dnsbl.Block || q.List.Influence.Level.Rank() < lowest || !q.List.Status.Asked() || !q.List.Lists(q.Subject) {
			t.Errorf("%s about %v", q.List.Name, q.Subject)
		}
	}
}

// Every pair is asked soon, then every three hours or quarter hours, more or less, and never all at once.
func TestEachListHasItsTime(t *testing.T) {
	w := watch(t)
	asked := map[string][]time.Time{}
	most := 0
	for now := begin; now.Before(begin.Add(24 * time.Hour)); now = now.Add(10 * time.Second) {
		urgent := now.After(begin.Add(12 * time.Hour))
		due := w.Due(now, begin, urgent)
		if now.After(begin.Add(time.Minute)) && now.Sub(begin.Add(12*time.Hour)).Abs() > time.Minute { // an incident begins: ask at once
			most = max(most, len(due))
		}
		for _, q := range due {
			asked[q.key()] = append(asked[q.key()], now)
			w.Take(q, &dnsbl.Result{Outcome: dnsbl.Clear}, now)
		}
	}
	if len(asked) != len(w.questions) || most > len(w.questions)/2 {
		t.Errorf("%d of %d pairs were asked, up to %d at once", len(asked), len(w.questions), most)
	}
	for key, times := range asked {
		if times[0].Sub(begin) > spread+10*time.Second {
			t.Errorf("%s was asked first after %v", key, times[0].Sub(begin))
		}
		for i := 1; i < len(times); i++ {
			gap, every := times[i].Sub(times[i-1]), Every
			if times[i].After(begin.Add(12*time.Hour + Every)) {
				every = Often
			}
			if gap > every*11/10+10*time.Second || gap < Often*9/10 {
				t.Errorf("%s was asked again after %v at %v", key, gap, times[i])
			}
		}
	}
}

func TestOnlyChangesAreTold(t *testing.T) {
	w := watch(t)
	q := w.questions[0]
	for i, step := range []struct {
		says    dnsbl.Outcome
		changed bool
		listed  int
	}{
		{dnsbl.Clear, false, 0}, {dnsbl.Listed, true, 1}, {dnsbl.Listed, false, 1}, {dnsbl.Unknown, false, 1}, {dnsbl.Refused, false, 1}, {dnsbl.Lies, false, 1},
		{dnsbl.Clear, false, 1}, {dnsbl.Listed, false, 1}, {dnsbl.Clear, false, 1}, {dnsbl.Unknown, false, 1}, {dnsbl.Clear, false, 1}, {dnsbl.Clear, true, 0},
		{dnsbl.Unknown, false, 0}, {dnsbl.Clear, false, 0}, {dnsbl.Listed, true, 1},
	} {
		now := begin.Add(time.Duration(i) * time.Hour)
		c := w.Take(q, &dnsbl.Result{Outcome: step.says, Said: []dnsbl.Said{{Answer: "127.0.0.2", Means: "spam", Listing: true}}, Reason: "see there"}, now)
		if (c != nil) != step.changed || len(w.Listed()) != step.listed {
			t.Fatalf("step %d: %+v, %+v", i, c, w.Listed())
		}
		if c != nil && c.Listed && (!c.Since.Equal(now) || c.Said != "127.0.0.2 spam; see there" || c.Title == "") {
			t.Errorf("%+v", c)
		}
		text, err := w.Save()
		if err != nil {
			t.Fatal(err)
		}
		again := watch(t)
		if err := again.Load(text); err != nil || !slices.Equal(again.Listed(), w.Listed()) {
			t.Fatalf("step %d: %v, %+v", i, err, again.Listed())
		}
	}
	if again := watch(t); again.Load(`[null,{"list":"nobody","subject":"x"}]`) != nil || len(again.known) != 0 || again.Load("{") == nil {
		t.Error("what was never watched is known")
	}
}

func TestAnotherReasonOfAListingIsTold(t *testing.T) {
	w := watch(t)
	q := w.questions[0]
	pbl, xbl := dnsbl.Said{Answer: "127.0.0.10", Means: "PBL", Listing: true}, dnsbl.Said{Answer: "127.0.0.4", Means: "XBL", Listing: true}
	for i, step := range []struct {
		said   []dnsbl.Said
		change string
	}{
		{[]dnsbl.Said{pbl}, "127.0.0.10 PBL"}, {[]dnsbl.Said{pbl}, ""}, {[]dnsbl.Said{pbl, xbl}, "127.0.0.10 PBL; 127.0.0.4 XBL"},
		{[]dnsbl.Said{xbl, pbl}, ""}, {[]dnsbl.Said{pbl}, "127.0.0.10 PBL"},
	} {
		now := begin.Add(time.Duration(i) * time.Hour)
		c := w.Take(q, &dnsbl.Result{Outcome: dnsbl.Listed, Said: step.said}, now)
		if (c != nil) != (step.change != "") || c != nil && (c.Said != step.change || !c.Since.Equal(begin)) {
			t.Fatalf("step %d: %+v", i, c)
		}
	}
}

func TestASilentListIsAskedAgainSoon(t *testing.T) {
	w := watch(t)
	q := w.questions[0]
	w.Take(q, &dnsbl.Result{Outcome: dnsbl.Unknown}, begin)
	asked := func(after time.Duration) bool {
		return slices.ContainsFunc(w.Due(begin.Add(after), begin, false), func(d Question) bool { return d.key() == q.key() })
	}
	if asked(Often*8/10) || !asked(Often*12/10) {
		t.Error("not after a quarter of an hour")
	}
	w.Take(q, &dnsbl.Result{Outcome: dnsbl.Clear}, begin)
	if asked(Every*8/10) || !asked(Every*12/10) {
		t.Error("not after three hours")
	}
	w.Take(q, &dnsbl.Result{Outcome: dnsbl.Listed}, begin)
	w.Take(q, &dnsbl.Result{Outcome: dnsbl.Clear}, begin) // is it so?
	if asked(Often*8/10) || !asked(Often*12/10) {
		t.Error("an end is not asked for again after a quarter of an hour")
	}
	w.Take(q, &dnsbl.Result{Outcome: dnsbl.Clear}, begin.Add(24*time.Hour)) // and the clock is set back
	if !asked(time.Minute) {
		t.Error("not asked until the time that the clock once had")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(`[{"list":"spamcop","subject":"192.0.2.25","listed":true,"since":"2026-11-24T12:00:00Z","asked":"2026-11-24T12:00:00Z"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		w := watch(t)
		if w.Load(text) == nil {
			w.Due(begin, begin, true)
			if len(w.Listed()) > len(w.questions) {
				t.Error("more is listed than is watched")
			}
		}
	})
}

// TestAListThatListsEverythingListsNobody: what it said before is withdrawn, and what it says then is no listing.
func TestAListThatListsEverythingListsNobody(t *testing.T) {
	w := watch(t)
	q := w.questions[0]
	listed := &dnsbl.Result{Outcome: dnsbl.Listed, Health: dnsbl.Sound, Said: []dnsbl.Said{{Answer: "127.0.0.2", Listing: true}}}
	everything := &dnsbl.Result{Outcome: dnsbl.Lies, Health: dnsbl.Everything}
	if c := w.Take(q, everything, begin); c != nil {
		t.Errorf("%+v", c)
	}
	if c := w.Take(q, listed, begin.Add(time.Hour)); c == nil || !c.Listed {
		t.Errorf("%+v", c)
	}
	if c := w.Take(q, &dnsbl.Result{Outcome: dnsbl.Lies, Health: dnsbl.Lying}, begin.Add(2*time.Hour)); c != nil || len(w.Listed()) != 1 {
		t.Errorf("a resolver's lie: %+v", c)
	}
	if c := w.Take(q, everything, begin.Add(3*time.Hour)); c == nil || c.Listed || len(w.Listed()) != 0 {
		t.Errorf("%+v", c)
	}
	if c := w.Take(q, listed, begin.Add(4*time.Hour)); c == nil || !c.Listed || !c.Since.Equal(begin.Add(4*time.Hour)) {
		t.Errorf("%+v", c)
	}
}
