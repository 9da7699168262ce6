package keys

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func key(domain, selector string, a Algorithm, s State, made time.Time) Key {
	return Key{Domain: domain, Selector: selector, Algorithm: a, Bits: 2048, Public: "AAAA", State: s, Since: made, Made: made}
}

func sight(shows ...Showing) Sight {
	s := Sight{At: noon, Negative: time.Hour}
	for i, what := range shows {
		s.Servers = append(s.Servers, Witness{Server: string(rune('a'+i)) + ".example", Shows: what})
	}
	return s
}

// at is what was seen, at a time.
func at(now time.Time, seen Seen) Seen {
	for name, s := range seen {
		s.At = now
		seen[name] = s
	}
	return seen
}

// states are the states of the keys of a ring, by their selectors.
func states(r Ring) string {
	var all []string
	for _, k := range r.keys {
		all = append(all, k.Selector+"="+string(k.State))
	}
	return strings.Join(all, " ")
}

func TestAKeyGoesItsWayByWhatIsSeen(t *testing.T) {
	r := NewRing([]Key{key("example.org", "old", RSA, Active, noon.Add(-100*24*time.Hour)), key("example.org", "new", RSA, Made, noon)})
	new, old := "new._domainkey.example.org", "old._domainkey.example.org"
	everywhere := sight(Right, Right)
	for _, step := range []struct {
		after time.Duration
		seen  Seen
		want  string
	}{
		{0, nil, "new=made old=active"},
		{time.Minute, Seen{new: sight(Right, Absent)}, "new=made old=active"},
		{time.Minute, Seen{new: sight(Right, Silent)}, "new=made old=active"},
		{time.Minute, Seen{new: Sight{}}, "new=made old=active"},
		{2 * time.Minute, Seen{new: everywhere}, "new=published old=active"},
		{60 * time.Minute, Seen{new: everywhere}, "new=published old=active"}, // an answer of before may be believed for an hour
		{63 * time.Minute, nil, "new=published old=active"},                   // not without a look
		{63 * time.Minute, Seen{new: sight(Right, Silent)}, "new=published old=active"},
		{63 * time.Minute, Seen{new: sight(Right, Wrong)}, "new=made old=active"}, // and it begins anew
		{64 * time.Minute, Seen{new: everywhere}, "new=published old=active"},
		{63*time.Minute + time.Hour, Seen{new: everywhere}, "new=published old=active"},
		{64*time.Minute + time.Hour, Seen{new: everywhere}, "new=published old=active"}, // nobody looked for an hour: the clock may be wrong
		{69*time.Minute + time.Hour, Seen{new: everywhere}, "new=active old=retiring"},
		{29 * 24 * time.Hour, Seen{new: everywhere, old: everywhere}, "new=active old=retiring"},
		{31 * 24 * time.Hour, Seen{new: everywhere, old: everywhere}, "new=active old=removed"},
		{32 * 24 * time.Hour, Seen{new: sight(Silent, Absent), old: sight(Right, Absent)}, "new=active old=removed"},
		{33 * 24 * time.Hour, Seen{new: everywhere, old: sight(Absent, Absent)}, "new=active"},
		{34 * 24 * time.Hour, Seen{new: sight(Absent, Wrong)}, "new=made"}, // nobody can verify with it
	} {
		now := noon.Add(step.after)
		r = r.LookedAt(at(now, step.seen))
		r = r.Take(r.Next(now, step.seen)...)
		if got := states(r); got != step.want {
			t.Fatalf("after %s: %s, want %s", step.after, got, step.want)
		}
		if again := r.Next(now, step.seen); len(again) > 0 {
			t.Errorf("after %s it is due again: %+v", step.after, again)
		}
	}
}

func TestTheWaitIsAsLongAsAnOldAnswerIsBelieved(t *testing.T) {
	for _, c := range []struct{ stale, negative, want time.Duration }{
		{0, 0, 5 * time.Minute}, {0, 2 * time.Hour, 2 * time.Hour}, {3 * time.Hour, time.Hour, 3 * time.Hour}, {0, 90 * 24 * time.Hour, 24 * time.Hour},
	} {
		k := key("example.org", "s", RSA, Made, noon)
		r := NewRing([]Key{k})
		before := sight(Absent)
		before.Stale = c.stale
		seen := sight(Right)
		seen.Negative = c.negative
		r = r.LookedAt(Seen{k.Name(): before})
		r = r.Take(r.Next(noon, Seen{k.Name(): seen})...)
		if got, _ := r.Find(k.Name()); got.Until.Sub(noon) != c.want {
			t.Errorf("%+v: until %s", c, got.Until)
		}
	}
}

func TestAKeyThatWasSignedWithElsewhereSignsAtOnce(t *testing.T) {
	k := key("example.org", "mail", RSA, Made, noon)
	k.Known = true
	seen := Seen{k.Name(): sight(Right)}
	r := NewRing([]Key{k})
	if got := states(r.Take(r.Next(noon, seen)...)); got != "mail=active" {
		t.Error(got)
	}
	r = r.LookedAt(Seen{k.Name(): sight(Absent)}) // it was not there: resolvers may have been told so
	if got := states(r.Take(r.Next(noon, seen)...)); got != "mail=published" {
		t.Error(got)
	}
}

func TestAnOlderKeyNeverTakesANewOnesPlace(t *testing.T) {
	r := NewRing([]Key{key("example.org", "new", RSA, Active, noon), key("example.org", "late", RSA, Published, noon.Add(-time.Hour))})
	for _, after := range []time.Duration{0, soon} {
		seen := at(noon.Add(after), Seen{"late._domainkey.example.org": sight(Right)})
		r = r.LookedAt(seen)
		r = r.Take(r.Next(noon.Add(after), seen)...)
	}
	if got := states(r); got != "late=retiring new=active" {
		t.Error(got)
	}
}

// TestAKeyThatSignedRetiresWhateverItsStateIsNow: mail with it may be on its way.
func TestAKeyThatSignedRetiresWhateverItsStateIsNow(t *testing.T) {
	r := NewRing([]Key{key("example.org", "lost", RSA, Active, noon), key("example.org", "new", Ed25519, Made, noon)})
	lost := "lost._domainkey.example.org"
	r = r.Take(r.Next(noon, Seen{lost: sight(Absent)})...)
	if got := states(r); got != "lost=made new=made" {
		t.Fatal(got)
	}
	for _, k := range r.Keys() {
		s, can := k.Retire(noon)
		if want := map[string]State{"lost": Retiring, "new": Removed}[k.Selector]; !can || s.Key.State != want {
			t.Errorf("%s is %s, want %s", k.Selector, s.Key.State, want)
		}
	}
}

func TestAClockThatIsSetBackEndsNothingEarly(t *testing.T) {
	ahead := noon.Add(1000 * time.Hour)
	p := key("example.org", "p", RSA, Published, ahead)
	p.Until = ahead.Add(time.Hour)
	r := NewRing([]Key{p, key("example.org", "q", RSA, Retiring, ahead)})
	r = r.Take(r.Next(noon, nil)...)
	got, _ := r.Find("p._domainkey.example.org")
	other, _ := r.Find("q._domainkey.example.org")
	if !got.Until.Equal(noon.Add(time.Hour)) || !other.Since.Equal(noon) {
		t.Errorf("%+v %+v", got, other)
	}
}

// TestAClockThatLeapsEndsNoWait: the machine starts with a clock that is a year ahead, and it is set right some minutes later.
func TestAClockThatLeapsEndsNoWait(t *testing.T) {
	p := key("example.org", "p", RSA, Published, noon)
	p.Until = noon.Add(time.Hour)
	r := NewRing([]Key{p, key("example.org", "q", Ed25519, Retiring, noon), key("example.org", "x", Ed25519, Removed, noon)})
	ahead := noon.Add(366 * 24 * time.Hour)
	for _, step := range []struct {
		now    time.Time
		looked []string
		want   string
	}{
		{noon, []string{"p", "q", "x"}, "p=published q=retiring x=removed"},
		{noon.Add(5 * time.Minute), []string{"p"}, "p=published q=retiring x=removed"},
		{ahead, []string{"p", "q", "x"}, "p=published q=retiring x=removed"},
		{ahead.Add(time.Minute), []string{"p"}, "p=published q=retiring x=removed"},
		{noon.Add(8 * time.Minute), []string{"p", "q", "x"}, "p=published q=retiring x=removed"}, // it is right again
		{noon.Add(13 * time.Minute), []string{"p"}, "p=published q=retiring x=removed"},
		{ahead, []string{"p"}, "p=published q=retiring x=removed"},        // one that nobody looked at ends no more than others
		{ahead.Add(soon), []string{"p"}, "p=active q=retiring x=removed"}, // it stays so: that is the time
		{ahead.Add(daily), []string{"q", "x"}, "p=active q=retiring x=removed"},
		{ahead.Add(2 * daily), []string{"q", "x"}, "p=active q=removed"},
	} {
		seen := Seen{}
		for _, selector := range step.looked {
			seen[selector+"._domainkey.example.org"] = sight(Right)
		}
		r = r.LookedAt(at(step.now, seen))
		r = r.Take(r.Next(step.now, seen)...)
		if got := states(r); got != step.want {
			t.Errorf("at %s: %s, want %s", step.now, got, step.want)
		}
	}
}

func TestTheNearestDomainWithAKeyIsChosen(t *testing.T) {
	r := NewRing([]Key{
		key("example.org", "r1", RSA, Active, noon), key("example.org", "r2", RSA, Active, noon.Add(time.Hour)), key("example.org", "e", Ed25519, Active, noon),
		key("a.example.org", "m", RSA, Made, noon), key("b.example.org", "b", Ed25519, Active, noon),
		key("old.example", "x", RSA, Retiring, noon), key("old.example", "y", RSA, Removed, noon), key("old.example", "z", RSA, Published, noon),
	})
	for domain, want := range map[string]string{
		"example.org": "r2 e", "a.example.org": "r2 e", "b.example.org": "b", "c.b.example.org": "b", "deep.er.a.example.org": "r2 e",
		"notexample.org": "", "org": "", "": "", "old.example": "", "example.org.evil.example": "", "[192.0.2.1]": "",
	} {
		var got []string
		for _, k := range r.Choose(domain) {
			got = append(got, k.Selector)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", domain, got, want)
		}
	}
}

// TestNothingSignsThatIsNotSeen: whatever is seen in whatever order, a key becomes active only where every server shows it then,
// of one algorithm the newest signs, and no key leaves but by retiring for as long as mail with it is on its way.
func TestNothingSignsThatIsNotSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := Ring{}, noon
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 2*24*60), rapid.IntRange(1, 20*24*60)).Draw(t, "minutes")) * time.Minute)
			if rapid.IntRange(0, 3).Draw(t, "make") == 0 {
				a := rapid.SampledFrom(Algorithms).Draw(t, "algorithm")
				k := key("example.org", newSelector(a, now, func(s string) bool { _, had := r.Find(s + "._domainkey.example.org"); return had }), a, Made, now)
				k.Known = rapid.Bool().Draw(t, "known")
				r = r.With(k)
			}
			seen := Seen{}
			for _, k := range r.keys {
				if rapid.Bool().Draw(t, "looked") {
					seen[k.Name()] = sight(rapid.SliceOfN(rapid.SampledFrom([]Showing{Right, Right, Right, Absent, Wrong, Silent}), 0, 3).Draw(t, "shows")...)
				}
			}
			before := r
			r = r.LookedAt(at(now, seen))
			r = r.Take(r.Next(now, seen)...)
			for _, k := range r.keys {
				was, _ := before.Find(k.Name())
				s := seen[k.Name()]
				if k.State == Active && was.State != Active && !s.Everywhere() {
					t.Fatalf("%s signs, and was seen %+v", k.Name(), s)
				}
				if k.State == Removed && was.State != Removed && (was.State != Retiring || now.Sub(was.Since) < Keep) {
					t.Fatalf("%s is removed, and was %+v", k.Name(), was)
				}
			}
			for _, a := range Algorithms {
				if had, has := before.Has("example.org", a, Active), r.Has("example.org", a, Active); had && !has && !gone(before, seen, a) {
					t.Fatalf("nothing signs any more")
				}
			}
		}
	})
}

// gone reports whether the key that signed was seen nowhere.
func gone(r Ring, seen Seen, a Algorithm) bool {
	for _, k := range r.keys {
		if s := seen[k.Name()]; k.State == Active && k.Algorithm == a && s.Nowhere() {
			return true
		}
	}
	return false
}

func TestWhatIsOddIsRemindedOf(t *testing.T) {
	old, weak := key("example.org", "old", RSA, Active, noon.Add(-400*24*time.Hour)), key("example.com", "weak", RSA, Active, noon)
	weak.Bits = 1024
	r := NewRing([]Key{old, weak, key("example.net", "e", Ed25519, Active, noon), key("example.net", "gone", RSA, Removed, noon), key("example.edu", "n", RSA, Made, noon)})
	seen := Seen{old.Name(): sight(Right, Wrong), weak.Name(): sight(Right), "e._domainkey.example.net": sight(Right, Silent),
		"gone._domainkey.example.net": sight(Right), "n._domainkey.example.edu": sight(Absent)}
	var got []string
	for _, m := range r.Reminders(noon, seen) {
		got = append(got, strings.Split(m.Key, ".")[0]+" "+string(m.Kind))
		if m.Text == "" || m.Next == "" {
			t.Errorf("%+v", m)
		}
	}
	if want := "weak weak,n unpublished,e unanswered,e alone,gone leftover,old old,old wrong"; strings.Join(got, ",") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, ","), want)
	}
}

func TestASelectorHasItsDayAndIsNotTaken(t *testing.T) {
	taken := map[string]bool{"pw20261130r": true, "pw20261130r2": true}
	is := func(s string) bool { return taken[s] }
	if r, e := newSelector(RSA, noon, is), newSelector(Ed25519, noon, is); r != "pw20261130r3" || e != "pw20261130e" {
		t.Error(r, e)
	}
}

func TestNoNameLeadsOutOfTheDirectory(t *testing.T) {
	for _, s := range []string{"", "..", "../x", "a/b", "a\x00b", ".hidden", "a..b", "a b", "*", "x._domainkey.y", strings.Repeat("a", 64), "a."} {
		if got, err := Selector(s); err == nil {
			t.Errorf("selector %q: %s", s, got)
		}
	}
	for _, s := range []string{"", "..", "../x.org", "a/b.org", "localhost", "[192.0.2.1]", "a b.org", ".org", "*.example.org", strings.Repeat("a.", 130) + "org"} {
		if got, err := Domain(s); err == nil {
			t.Errorf("domain %q: %s", s, got)
		}
	}
	for s, want := range map[string]string{"Example.ORG.": "example.org", "bücher.example": "xn--bcher-kva.example", " a_b.example ": "a_b.example"} {
		if got, err := Domain(s); err != nil || got != want {
			t.Errorf("%s: %s %v", s, got, err)
		}
	}
}
