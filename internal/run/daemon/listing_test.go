package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// refused says a verb as an operator and returns the problem that is answered.
func refused(t *testing.T, d *Daemon, verb string, request any) *ctl.Problem {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var p *ctl.Problem
	if x, err := d.answer(t.Context(), "root", verb, body); !errors.As(err, &p) {
		t.Fatalf("%s %s: %+v %v", verb, body, x, err)
	}
	return p
}

func TestNobodyIsDeniedWhoIsNotKnown(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	if p := refused(t, d, "account/deny", ctl.AccountChange{Account: "nosuchone"}); !strings.Contains(p.What, "nosuchone") || p.Hint != "postward account list" {
		t.Errorf("%+v", p)
	}
	if len(d.accounts()) != 0 {
		t.Error("now it is known")
	}
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	if a := must(t, d, "account/deny", ctl.AccountChange{Account: "Anna"}).(ctl.AccountAnswer); !a.Listing.Denied {
		t.Errorf("%+v", a.Listing)
	}
}

func TestOnlyAddressesThatAMailCanHaveAreAllowed(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	allow := func(address string) ctl.AccountChange {
		return ctl.AccountChange{Account: "anna", Listing: &guard.Listing{Addresses: []string{address}}}
	}
	for _, bad := range []string{"bad@@x", "", "anna", "@example.org", "anna@", "*@", "**", "*a*@example.org", "**@example.org", "an*na", "a b@example.org", "anna@ex ample.org", "anna@example..org", "anna@.org", "a@b@c", "*@a@b", "anna@example.org,bert@example.org", "anna@[", "*@*", `"a@b"`} {
		if p := refused(t, d, "account/allow", allow(bad)); !strings.Contains(p.Hint, "*@domain") {
			t.Errorf("%q: %+v", bad, p)
		}
	}
	for given, kept := range map[string]string{"*": "*", "Anna@Example.org": "anna@example.org", "*@Example.org.": "*@example.org", `"a@b"@example.org`: `"a@b"@example.org`,
		"anna+x@localhost": "anna+x@localhost", "jürgen@bücher.example": "jürgen@xn--bcher-kva.example", "anna@[192.0.2.1]": "anna@[192.0.2.1]", "a..b@example.org": "a..b@example.org", `"anna"@example.org`: "anna@example.org",
		"news+*@example.org": "news+*@example.org", "SRS0=*@Example.org": "srs0=*@example.org", "*-bounces@example.org": "*-bounces@example.org"} {
		if a := must(t, d, "account/allow", allow(given)).(ctl.AccountAnswer); len(a.Listing.Addresses) != 1 || a.Listing.Addresses[0] != kept {
			t.Errorf("%q: %q", given, a.Listing.Addresses)
		}
	}
}

func TestExplainTakesTheNewestSourceThatIsKnown(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	explain := func() guard.Explanation {
		return must(t, d, "account/explain", ctl.ExplainRequest{Account: "anna"}).(guard.Explanation)
	}
	if x := explain(); !strings.HasPrefix(x.Source, "a new address (none is known)") || x.Level != guard.LevelNew {
		t.Errorf("nothing is known: %q, %s", x.Source, x.Level)
	}
	if a := d.judgeEnd(t.Context(), mail(1, "anna", 20)); a.Action != guard.Hold {
		t.Fatalf("a mail over the budget: %+v", a)
	}
	if x := explain(); !strings.HasPrefix(x.Source, "203.0.113.80: ") {
		t.Errorf("only what was held is known: %q", x.Source)
	}
	must(t, d, "incident/delete", ctl.IncidentRequest{ID: 1})
	carryAll(t, d)
	if x := explain(); !strings.HasPrefix(x.Source, "203.0.113.80: ") {
		t.Errorf("only the incident is known: %q", x.Source)
	}
}

func TestExplainOfTheHostsOwnMailNamesNoAddress(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "local:www-data"})
	if x := must(t, d, "account/explain", ctl.ExplainRequest{Account: "local:www-data"}).(guard.Explanation); !strings.HasPrefix(x.Source, "mail injected on this host") {
		t.Errorf("%q", x.Source)
	}
}

func TestOnlyWhoIsInLogsCountsAsSeenThere(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for name, n := range map[string]int{"local:daemon": 0, "anna": 3} {
		e := guard.Event{Key: "learned:" + name, Kind: guard.KindLearned, Account: name, Listing: &guard.Listing{Messages: n}}
		must(t, d, "account/learn", ctl.LearnRequest{Events: []guard.Event{e}})
	}
	if s := d.status(); s.Accounts != 2 || s.Learned != 1 {
		t.Errorf("%d known, %d seen in old logs", s.Accounts, s.Learned)
	}
}

// TestAnAddressListedByAnOlderPostwardIsStillItsOwn: its journal has U-labels, and names as they were logged.
func TestAnAddressListedByAnOlderPostwardIsStillItsOwn(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	for account, address := range map[string]string{"anna": "anna@b\u00fccher.example", "bert@b\u00fccher.example": "bert@b\u00fccher.example"} {
		e := &guard.Event{Key: "allow:" + account, Kind: guard.KindAllowed, At: now(), Account: account, Listing: &guard.Listing{Addresses: []string{address}, Class: guard.Newsletter, Budget: 7}}
		if err := d.recordAndWait(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	for account, address := range map[string]string{"anna": "anna@xn--bcher-kva.example", "bert@xn--bcher-kva.example": "bert@xn--bcher-kva.example"} {
		a := d.state.Account(account)
		if a == nil || a.Listing == nil || !slices.Equal(a.Listing.Addresses, []string{address}) || a.Listing.Class != guard.Newsletter || a.Listing.Budget != 7 {
			t.Errorf("%s: %+v", account, a)
		}
	}
}

func TestWhatIsLearnedMeetsWhatIsJudged(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	e := guard.Event{Key: "learned:anna", Kind: guard.KindLearned, Account: "Anna@Example.org", Listing: &guard.Listing{Messages: 3, Addresses: []string{`"Anna"@Example.org.`, "*@B\u00fccher.example"}}}
	must(t, d, "account/learn", ctl.LearnRequest{Events: []guard.Event{e}})
	a := d.state.Account("anna@example.org")
	if a == nil || !slices.Equal(a.Learned.Addresses, []string{"anna@example.org", "*@xn--bcher-kva.example"}) {
		t.Errorf("%+v", a)
	}
}

// TestPostfixsDelimiterIsInThePolicy: also when Postfix cannot say it any more.
func TestPostfixsDelimiterIsInThePolicy(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for i, c := range []struct {
		says string
		err  error
		want string
	}{{"+-", nil, "+-"}, {"", errors.New("no postconf"), "+-"}, {"", nil, ""}} {
		if got := d.policy(t.Context(), func(context.Context) (string, error) { return c.says, c.err }); got.Delimiter != c.want {
			t.Errorf("Postfix says %q, %v: %q", c.says, c.err, got.Delimiter)
		} else if err := d.recordAndWait(t.Context(), &guard.Event{Key: fmt.Sprint("policy:", i), Kind: guard.KindPolicy, At: now(), Policy: got}); err != nil {
			t.Fatal(err)
		}
	}
}
