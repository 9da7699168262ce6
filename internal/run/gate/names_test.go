package gate

import (
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// TestWhoseANameIsIsSaidInOnePlace: with or without the domain is the same account; of nobody, the same name where the site has one domain.
func TestWhoseANameIsIsSaidInOnePlace(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	for _, account := range []string{"anna", "info@one.example", "bert@two.example"} {
		must(t, d, "account/allow", ctl.AccountChange{Account: account})
	}
	one, both := []string{"one.example"}, []string{"one.example", "two.example"}
	for _, c := range []struct {
		domains       []string
		name, account string
		known         bool
	}{
		{one, "anna", "anna", true},
		{one, "anna@one.example", "anna", true},
		{one, "anna@far.example", "anna@far.example", false},
		{one, "info", "info@one.example", true},
		{one, "dora@one.example", "dora", false},
		{one, "dora", "dora", false},
		{one, "bert", "bert", false}, // two.example is none of the site's
		{one, "", "", false},
		{both, "anna@two.example", "anna", true},
		{both, "bert", "bert@two.example", true},
		{both, "info@two.example", "info@two.example", false}, // a namesake
		{both, "dora@one.example", "dora@one.example", false},
	} {
		d.reads(func(s *guard.State) {
			s.Policy().Domains = c.domains
			if account, known := Named(s, c.name); account != c.account || known != c.known {
				t.Errorf("%q, where %q are local: %q, %t", c.name, c.domains, account, known)
			}
		})
	}
}
