package check

import (
	"slices"
	"strings"
	"testing"

	"postward/internal/wire/dns"
)

// senders checks a world and returns what is said of each requirement, by its first word.
func senders(t *testing.T, change func(*domainWorld)) (map[string]Requirement, Report) {
	t.Helper()
	w := newWorld()
	change(w)
	zone, err := dns.ParseZone(strings.NewReader(strings.Join(w.lines, "\n")+"\n"), ".", "world")
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range w.fail {
		zone.Fail(name, o)
	}
	r := Run(t.Context(), Config{Resolver: zone, Now: testNow}, w.target, nil)
	all := map[string]Requirement{}
	for _, q := range r.Senders {
		all[q.Name] = q
	}
	return all, r
}

const (
	answered = "the sender's domain exists and can be answered"
	hasName  = "the address has a name that leads back to it, and is no home line's"
)

func takeOut(w *domainWorld, begin string) {
	w.lines = slices.DeleteFunc(w.lines, func(line string) bool { return strings.HasPrefix(line, begin) })
}

func TestWhatReceiversAskIsMetOrNot(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*domainWorld)
		want  map[string]Met
		says  string
	}{
		"clean":     {func(*domainWorld) {}, nil, "Of the 12 things that Gmail, Yahoo, Microsoft and Apple ask of senders 6 are met; 6 only the mail itself shows."},
		"no SPF":    {func(w *domainWorld) { f := faults["no SPF"]; f.plant(t, w) }, map[string]Met{"SPF passes": No}, "5 are met, 1 not: SPF passes (spf.none);"},
		"short key": {func(w *domainWorld) { f := faults["a key too short"]; f.plant(t, w) }, map[string]Met{"DKIM verifies": No, "a DKIM key of 1024 bits, better 2048": No}, "4 are met, 2 not"},
		"no selector": {func(w *domainWorld) { f := faults["a key at an unusual selector"]; f.plant(t, w) },
			map[string]Met{"DKIM verifies": Maybe, "a DKIM key of 1024 bits, better 2048": Maybe}, "4 are met, 2 were not learned;"},
		"Ed25519 alone": {func(w *domainWorld) { f := faults["a key of Ed25519 alone"]; f.plant(t, w) },
			map[string]Met{"DKIM verifies": Maybe, "a DKIM key of 1024 bits, better 2048": Maybe}, "4 are met, 2 were not learned"},
		"a selector that was used once": {func(w *domainWorld) { f := soundThings["a selector that was used once"]; f.plant(t, w) }, nil, "6 are met"},
		"only selectors that were used once": {func(w *domainWorld) { f := faults["usual selectors that are revoked"]; f.plant(t, w) },
			map[string]Met{"DKIM verifies": Maybe, "a DKIM key of 1024 bits, better 2048": Maybe}, "4 are met, 2 were not learned"},
		"no name": {func(w *domainWorld) { f := faults["no PTR"]; f.plant(t, w) }, map[string]Met{"the address has a name that leads back to it, and is no home line's": No}, "1 not: the address has"},
		"voids":   {func(w *domainWorld) { f := faults["SPF: three names without address"]; f.plant(t, w) }, map[string]Met{"SPF passes": No}, "1 not: SPF passes (spf.voids);"},
		"no MX and no address": {func(w *domainWorld) { takeOut(w, "example.org. MX"); w.target.Addrs = addrs("192.0.2.25") },
			map[string]Met{answered: No}, "1 not: the sender's domain exists and can be answered (mx.none);"},
		"no MX but an address": {func(w *domainWorld) { f := faults["no MX"]; f.plant(t, w) }, nil, "6 are met;"},
		"a private sender": {func(w *domainWorld) { w.target.Addrs, w.target.HELO = addrs("192.168.1.2"), "" },
			map[string]Met{hasName: Maybe, "SPF passes": Maybe}, "4 are met, 2 were not learned;"},
		"a private sender and another": {func(w *domainWorld) { f := faults["a private sender"]; f.plant(t, w) }, nil, "6 are met;"},
		"no sender":                    {func(w *domainWorld) { f := faults["nobody knows what sends"]; f.plant(t, w) }, map[string]Met{hasName: Maybe, "SPF passes": Maybe}, "4 are met, 2 were not learned;"},
	} {
		all, r := senders(t, c.plant)
		for asked, q := range all {
			want := c.want[asked]
			if want == "" && (q.Met == No || q.Met == Maybe) || want != "" && q.Met != want || q.Met == No && len(q.By) == 0 {
				t.Errorf("%s: %s: %s %v", name, asked, q.Met, q.By)
			}
		}
		if !strings.Contains(r.Asked(), c.says) {
			t.Errorf("%s: %s", name, r.Asked())
		}
		var page strings.Builder
		if err := r.HTML(&page); err != nil || !strings.Contains(page.String(), "What Gmail, Yahoo") {
			t.Errorf("%s: the page: %v", name, err)
		}
	}
}

func TestADomainThatSaysItHasNoMailIsAskedForNothing(t *testing.T) {
	w := newWorld()
	f := fault{take: []string{"example.org. MX", "example.org. TXT", "_mta-sts.", "_smtp."}, put: []string{"example.org. MX 0 .", `example.org. TXT "v=spf1 -all"`}}
	f.plant(t, w)
	if r := w.report(t); r.Senders != nil || r.Grade > Note || r.Asked() != "" {
		t.Errorf("%s, %+v", r.Grade, r.Findings)
	}
}
