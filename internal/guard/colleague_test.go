package guard

import (
	"fmt"
	"testing"
	"time"
)

func staffOf(n int) []string {
	var to []string
	for i := range n {
		to = append(to, fmt.Sprintf("colleague%d@example.org", i))
	}
	return to
}

// Nobody outside hears of mail to the site's own domains: it gets the server on no list.
func TestColleaguesAreNoStrangers(t *testing.T) {
	w := settled(t)
	v := w.from("anna", home, staffOf(120)...)
	if !leaves(v) || v.New != 0 || v.Staff != 120 {
		t.Fatalf("%s: %d strangers, %d colleagues (%s)", v.Action, v.New, v.Staff, v.Why)
	}
	if x := w.explained("anna", home); x.Spent != 0 || x.TenGone != 0 {
		t.Errorf("of the strangers' budget %d were used in a day, %d in ten days", x.Spent, x.TenGone)
	}
	w.same()
}

// From where its owner never wrote, colleagues and people it knows are bounded together.
func TestColleaguesFromAStrangeSourceAreBounded(t *testing.T) {
	w := settled(t)
	n := 0
	for _, to := range staffOf(200) {
		if leaves(w.from("anna", vietnam, to)) {
			n++
		}
		w.pass(3 * time.Minute)
	}
	if n > 40 {
		t.Errorf("%d colleagues in a day", n)
	}
}

// A thief cannot have colleagues vouch for him.
func TestColleaguesVouchForNoSource(t *testing.T) {
	w := settled(t)
	for day := range 40 {
		w.from("anna", vietnam, fmt.Sprintf("colleague%d@example.org", day%8))
		w.pass(3 * time.Minute)
		w.now = w.now.Add(24 * time.Hour)
	}
	if x := w.explained("anna", vietnam); x.Level > LevelCountry {
		t.Errorf("the network is %s", x.Level)
	}
}

// An own domain is one by its whole name.
func TestAColleagueIsOfAnOwnDomain(t *testing.T) {
	p := &Policy{Domains: []string{"example.org"}}
	for address, is := range map[string]bool{"a@example.org": true, "a@sub.example.org": false, "a@notexample.org": false, "a@example.org.evil.example": false, `"x@example.org"@evil.example`: false, "a": false} {
		if p.colleague(address) != is {
			t.Errorf("%s is a colleague: %v", address, !is)
		}
	}
}
