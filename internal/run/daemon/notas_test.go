package daemon

import (
	"strings"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// TestATypingErrorIsTakenOutAgain: an account that nobody has is taken, with a word, and can be removed; one that is at work stays.
func TestATypingErrorIsTakenOutAgain(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna@example.org"})
	x := must(t, d, "account/allow", ctl.AccountChange{Account: "anna"}).(ctl.AccountAnswer)
	if !strings.Contains(x.Note, "postward account remove anna") || !strings.Contains(x.Note, "account allow anna@example.org") {
		t.Errorf("a name that nobody has: %q", x.Note)
	}
	if x := must(t, d, "account/allow", ctl.AccountChange{Account: "anna"}).(ctl.AccountAnswer); x.Note != "" {
		t.Errorf("once more: %q", x.Note)
	}
	must(t, d, "account/remove", ctl.Name{Account: "Anna"})
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	if list := d.accounts(); len(list) != 1 || list[0].Name != "anna@example.org" {
		t.Errorf("after the restart: %+v", list)
	}
	must(t, d, "account/allow", ctl.AccountChange{Account: "bert"})
	if a := d.judgeEnd(t.Context(), mail(1, "bert", 90)); a.Action != guard.Hold {
		t.Fatalf("a mail over the budget: %+v", a)
	}
	if p := refused(t, d, "account/remove", ctl.Name{Account: "bert"}); !strings.Contains(p.What, "incident 1 of it is open") {
		t.Errorf("%+v", p)
	}
}

// TestWhoWritesAsWhomIsListed: also in shadow mode, one line a pair, until it is allowed.
func TestWhoWritesAsWhomIsListed(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	for n := range 3 {
		m := mail(n, "anna", 1)
		m.Authors = []string{"boss@example.org"}
		d.judgeEnd(t.Context(), m)
	}
	list := must(t, d, "account/refused", nil).([]ctl.NotAs)
	if len(list) != 1 || list[0].Account != "anna" || list[0].Address != "boss@example.org" || list[0].Times != 3 || list[0].Passed {
		t.Fatalf("%+v", list)
	}
	if s := d.status(); s.NotAs != 1 || s.WouldRefuse != 0 {
		t.Errorf("status: %d, %d", s.NotAs, s.WouldRefuse)
	}
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna", Listing: &guard.Listing{Adds: true, Addresses: []string{"boss@example.org"}}})
	if list := must(t, d, "account/refused", nil).([]ctl.NotAs); len(list) != 0 {
		t.Errorf("after it was allowed: %+v", list)
	}
}
