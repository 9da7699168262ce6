package learn

import (
	"fmt"
	"testing"
	"time"
)

func TestMadeAddressesHaveAForm(t *testing.T) {
	for address, want := range map[string]string{
		"srs0=ab11=xy=example.net=carl@example.org":        "srs0=*@example.org",
		"srs0+ab11=xy=example.net=carl@example.org":        "srs0+*@example.org",
		"srs1=ab=forwarder.example==hh=tt=a=b@example.org": "srs1=*@example.org",
		"prvs=1234abcdef=anna@example.org":                 "prvs=*=anna@example.org",
		"news+bob=far.example@example.org":                 "news+*@example.org",
		"list-return-12-bob=far.example@example.org":       "list-return-*@example.org",
		"anna@example.org":                                 "",
		"anna+shop@example.org":                            "",
		"anna+a=b@example.org":                             "", // no address of anybody
		"srs0@example.org":                                 "",
		"srs0=x@example.org":                               "",
		"srs0rry@example.org":                              "",
		"prvs=@example.org":                                "",
		"+bob=far.example@example.org":                     "",
		"":                                                 "",
	} {
		if got := formOf(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// TestAFormIsProposedWhereManyWereMade: on two days, and never of one or two sightings.
func TestAFormIsProposedWhereManyWereMade(t *testing.T) {
	l := nothing(Options{})
	for i := range 12 {
		at := testNow.Add(time.Duration(i-12) * 12 * time.Hour)
		l.sent("relay", fmt.Sprintf("SRS0=ab%d=XY=example.net=carl%d@example.org", i, i), at)
		if i < 2 {
			l.sent("relay", fmt.Sprintf("news+bob%d=far.example@example.org", i), at)
		}
		if i == 0 || i == 11 {
			l.sent("anna", "srs0=aa=bb=bank.example=boss@example.org", at)
		}
	}
	l.finish()
	got := ""
	for _, r := range l.Rows {
		got += fmt.Sprintf("%s %s %d %d %t\n", r.Account, r.Address, r.Messages, r.Days, r.Proposed)
	}
	if want := "anna srs0=aa=bb=bank.example=boss@example.org 2 2 true\nrelay srs0=*@example.org 12 7 true\nrelay news+bob0=far.example@example.org 2 2 false\n"; got != want {
		t.Errorf("%s", got)
	}
}
