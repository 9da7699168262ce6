package proof

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postward/internal/auth/mailauth"
)

var someDay = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func day(n int) time.Time { return someDay.AddDate(0, 0, n) }

// marked is a mail that a forwarder brought and that failed.
func marked(by string, vouches bool) *mailauth.Result {
	return &mailauth.Result{Disposition: mailauth.Mark, Handed: []mailauth.Handed{{Domain: by, Vouches: vouches}}, Authors: []string{"bank.example"}}
}

// kept is one whose author's own signature held.
func kept(by, author string) *mailauth.Result {
	return &mailauth.Result{Survived: true, Handed: []mailauth.Handed{{Domain: by}}, Authors: []string{author}}
}

// lived is a forwarder's months: on each day a mail that fails and one that does not.
func lived(f *Forwarders, by string, days int) {
	for n := range days {
		f.note(marked(by, false), []string{"anna@example.org"}, day(n))
		f.note(kept(by, fmt.Sprintf("a%d.example", n)), []string{"anna@example.org"}, day(n))
	}
}

func told(f *Forwarders, now time.Time) string {
	var all []string
	for _, p := range f.propose(now) {
		all = append(all, fmt.Sprintf("%s %s mails=%d days=%d proved=%d authors=%d for=%s", p.As, p.Domain, p.Mails, p.Days, p.Proved, len(p.Authors), strings.Join(p.For, ",")))
	}
	return strings.Join(all, "; ")
}

// TestAForwarderIsProposedForMailThatWasProved: on many days and for several authors; failing mail alone says nothing for who brings it.
func TestAForwarderIsProposedForMailThatWasProved(t *testing.T) {
	for name, c := range map[string]struct {
		lives func(*Forwarders)
		want  string
	}{
		"three days of both":                 {func(f *Forwarders) { lived(f, "uni.example", 3) }, "forwarders uni.example mails=3 days=3 proved=3 authors=3 for=anna@example.org"},
		"two days":                           {func(f *Forwarders) { lived(f, "uni.example", 2) }, ""},
		"failing mail alone, however much":   {func(f *Forwarders) { repeat(60, func(n int) { f.note(marked("forger.example", false), nil, day(n)) }) }, ""},
		"two days of many authors":           {func(f *Forwarders) { repeat(2, func(n int) { busy(f, day(n)) }) }, ""},
		"a day of many authors":              {func(f *Forwarders) { lived(f, "uni.example", 1); repeat(9, func(int) { busy(f, day(2)) }) }, ""},
		"much on one day":                    {func(f *Forwarders) { repeat(60, func(int) { lived(f, "uni.example", 1) }) }, ""},
		"nothing failed: nobody has to list": {func(f *Forwarders) { repeat(60, func(n int) { f.note(kept("uni.example", "a.example"), nil, day(n)) }) }, ""},
		"one author alone": {func(f *Forwarders) {
			repeat(9, func(n int) {
				f.note(marked("forger.example", false), nil, day(n))
				f.note(kept("forger.example", "forger2.example"), nil, day(n))
			})
		}, ""},
		"its seal vouches": {func(f *Forwarders) {
			repeat(3, func(n int) { f.note(marked("list.example", true), []string{"b@example.org"}, day(n)) })
		}, "sealers list.example mails=3 days=3 proved=0 authors=0 for=b@example.org"},
		"its seal vouches for a part of it": {func(f *Forwarders) { repeat(9, func(n int) { f.note(marked("list.example", n%3 == 0), nil, day(n)) }) }, ""},
		"it was let through": {func(f *Forwarders) {
			repeat(9, func(n int) {
				r := marked("list.example", true)
				r.Overridden = mailauth.BySealer
				f.note(r, nil, day(n))
			})
		}, ""},
	} {
		var f Forwarders
		c.lives(&f)
		if got := told(&f, day(3)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// busy is a day of a forwarder on which four authors' mail came.
func busy(f *Forwarders, now time.Time) {
	f.note(marked("uni.example", false), nil, now)
	for n := range 4 {
		f.note(kept("uni.example", fmt.Sprintf("b%d.example", n)), nil, now)
	}
}

func repeat(times int, do func(n int)) {
	for n := range times {
		do(n)
	}
}

func TestAForwarderIsForgottenAfterMonths(t *testing.T) {
	var f Forwarders
	lived(&f, "uni.example", 9)
	if told(&f, day(60)) == "" || told(&f, day(70)) != "" || told(&f, day(73)) != "" || len(f.by) != 0 {
		t.Errorf("%v", f.by)
	}
	lived(&f, "uni.example", 3)
	f.note(marked("uni.example", false), nil, day(400)) // the clock was ahead
	for n := range 3 {
		f.note(marked("uni.example", false), nil, day(n+3))
		f.note(kept("uni.example", fmt.Sprintf("b%d.example", n)), nil, day(n+3))
	}
	if told(&f, day(6)) == "" {
		t.Errorf("after a clock that was ahead nothing is learned: %+v", f.by["uni.example"])
	}
}

// TestNobodyCrowdsAForwarderOut: a forger has as many names as he likes.
func TestNobodyCrowdsAForwarderOut(t *testing.T) {
	var f Forwarders
	lived(&f, "uni.example", 3)
	for n := range 20 * maxForwarders {
		f.note(marked(fmt.Sprintf("f%d.example", n), false), []string{"a@example.org", fmt.Sprintf("%d@example.org", n)}, day(4))
	}
	for n := range 100 {
		f.note(marked("f.example", false), []string{fmt.Sprintf("%d@example.org", n)}, day(4))
		f.note(kept("f.example", fmt.Sprintf("a%d.example", n)), nil, day(4))
	}
	if x := f.by["f.example"]; len(f.by) > maxForwarders || len(x.For) > maxFor || len(x.Authors) > maxAuthors || told(&f, day(4)) == "" {
		t.Errorf("%d remembered, %+v", len(f.by), x)
	}
}

func TestForwardersAreRememberedOverAStart(t *testing.T) {
	var f, back Forwarders
	if text, err := f.Save(); text != "" || err != nil {
		t.Error(text, err)
	}
	lived(&f, "uni.example", 3)
	text, err := f.Save()
	if again, _ := f.Save(); err != nil || again != "" {
		t.Errorf("%q %v", again, err)
	}
	if err := back.Load(text); err != nil || told(&back, day(3)) != told(&f, day(3)) || told(&f, day(3)) == "" {
		t.Error(err, told(&back, day(3)))
	}
	for _, bad := range []string{"", "{", "[]", `{"a.example":7}`} {
		if back.Load(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if err := back.Load(`{"a.example":null}`); err != nil || told(&back, day(3)) != "" {
		t.Error(err)
	}
}
