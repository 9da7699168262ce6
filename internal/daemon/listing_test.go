package daemon

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"postward/internal/ctl"
	"postward/internal/guard"
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
	if a := must(t, d, "account/deny", ctl.AccountChange{Account: "Anna"}).(*guard.Account); !a.Listing.Denied {
		t.Errorf("%+v", a.Listing)
	}
}

func TestOnlyAddressesThatAMailCanHaveAreAllowed(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	allow := func(address string) ctl.AccountChange {
		return ctl.AccountChange{Account: "anna", Listing: &guard.Listing{Addresses: []string{address}}}
	}
	for _, bad := range []string{"bad@@x", "", "anna", "@example.org", "anna@", "*@", "**", "*anna@example.org", "an*@example.org", "a b@example.org", "anna@ex ample.org", "anna@example..org", "anna@.org", "a@b@c", "*@a@b", "anna@example.org,bert@example.org", "anna@[", "*@*"} {
		if p := refused(t, d, "account/allow", allow(bad)); !strings.Contains(p.Hint, "*@domain") {
			t.Errorf("%q: %+v", bad, p)
		}
	}
	for given, kept := range map[string]string{"*": "*", "Anna@Example.org": "anna@example.org", "*@Example.org.": "*@example.org", `"a@b"@example.org`: `"a@b"@example.org`,
		"anna+x@localhost": "anna+x@localhost", "jürgen@bücher.example": "jürgen@bücher.example", "anna@[192.0.2.1]": "anna@[192.0.2.1]", "a..b@example.org": "a..b@example.org"} {
		if a := must(t, d, "account/allow", allow(given)).(*guard.Account); len(a.Listing.Addresses) != 1 || a.Listing.Addresses[0] != kept {
			t.Errorf("%q: %q", given, a.Listing.Addresses)
		}
	}
}
