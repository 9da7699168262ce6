package check

import (
	"context"
	"slices"
	"testing"

	"postward/internal/wire/dns"
)

// turned answers in the opposite order, as name servers do every other time.
type turned struct{ dns.Resolver }

func (t turned) MX(ctx context.Context, name string) dns.Answer {
	a := t.Resolver.MX(ctx, name)
	a.Exchangers = slices.Clone(a.Exchangers)
	slices.Reverse(a.Exchangers)
	return a
}

func (t turned) Addresses(ctx context.Context, name string) dns.Answer {
	a := t.Resolver.Addresses(ctx, name)
	a.Addrs = slices.Clone(a.Addrs)
	slices.Reverse(a.Addrs)
	return a
}

func TestTheOrderOfAnswersIsNoChange(t *testing.T) {
	var reports []Report
	for _, wrap := range []func(dns.Resolver) dns.Resolver{nil, func(r dns.Resolver) dns.Resolver { return turned{r} }} {
		w := newWorld()
		w.lines = append(w.lines, "example.org. MX 10 mx2.example.org.", "mx2.example.org. A 192.0.2.28", "mx2.example.org. A 192.0.2.29")
		w.wrap = wrap
		reports = append(reports, w.report(t))
	}
	if d := Compare(&reports[0], &reports[1]); !d.Empty() {
		t.Errorf("%+v", d)
	}
	for i, f := range reports[0].Findings {
		if f.Seen != reports[1].Findings[i].Seen {
			t.Errorf("%s: %q and %q", f.ID, f.Seen, reports[1].Findings[i].Seen)
		}
	}
}
