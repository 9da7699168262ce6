package check

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

// mendedSPF is the SPF record that the mends of a world's findings publish; empty when there is none.
func mendedSPF(t *testing.T, w *domainWorld) (record string, found []Finding) {
	t.Helper()
	found = w.check(t)
	for _, f := range found {
		if f.Topic != "spf" || f.Mend == nil {
			continue
		}
		for _, r := range f.Mend.Add {
			if r.Name == "example.org." && r.Type == "TXT" {
				record = strings.ReplaceAll(strings.Trim(r.Value, `"`), `" "`, "")
			}
		}
	}
	return record, found
}

// resultOf is what a world's policy says of an address.
func resultOf(t *testing.T, w *domainWorld, a netip.Addr) spf.Result {
	t.Helper()
	return treeOf(t, w).Result(a).Result
}

func treeOf(t *testing.T, w *domainWorld) *spf.Tree {
	t.Helper()
	zone, err := dns.ParseZone(strings.NewReader(strings.Join(w.lines, "\n")+"\n"), ".", "world")
	if err != nil {
		t.Fatal(err)
	}
	return spf.Walk(t.Context(), zone, "example.org")
}

// TestNoMendShutsASenderOut: the record of a mend is published as it stands. What sends passes by it, what passed before
// does, and the rest is refused only where it was before.
func TestNoMendShutsASenderOut(t *testing.T) {
	senders := addrs("192.0.2.25", "192.0.2.26", "2001:db8::25")
	for name, f := range spfFaults {
		w := newWorld()
		f.plant(t, w)
		strict := false
		for _, line := range w.lines {
			strict = strict || strings.HasPrefix(line, "example.org. TXT") && strings.Contains(line, "-all")
		}
		record, found := mendedSPF(t, w)
		if record == "" {
			continue
		}
		for _, f := range found {
			if f.Mend != nil {
				w.apply(t, f.Mend)
			}
		}
		for _, a := range senders {
			if slices.Contains(w.target.Addrs, a) || len(w.target.Addrs) == 0 {
				if is := resultOf(t, w, a); is != spf.Pass {
					t.Errorf("%s: %s comes to %s by %s", name, a, is, record)
				}
			}
		}
		if strings.HasSuffix(record, " -all") && !strict {
			t.Errorf("%s: %s is stricter than what was there", name, record)
		}
	}
}

func TestARecordThatLosesATermDoesNotRefuse(t *testing.T) {
	for text, want := range map[string]string{
		own + " include:none.example.net -all":  own + " ~all",
		own + " ptr -all":                       own + " ~all",
		own + " moo -all":                       own + " ~all",
		own + " include=a.example.net -all":     own + " ~all",
		own + " ipv4:198.51.100.9 -all":         own + " ip4:198.51.100.9 -all",
		own + " foo=bar ?all":                   own + " foo=bar ~all", // it may mean something to somebody
		own + " -all ip4:198.51.100.1":          own + " ip4:198.51.100.1 -all",
		own + " -all ?all":                      own + " -all",
		own + " ?ptr -all":                      own + " ~all",
		own + " ~ptr -all":                      own + " ~all",
		own + " -ptr -all":                      own + " -all",
		own + " ?include:none.example.net -all": own + " ~all",
		"v=spf1 a:x.example.net a:y.example.net a:z.example.net mx -all": "v=spf1 mx ~all",
		own + " ptr redirect=r.example.net":                              own + " include:r.example.net ~all",
		own + " +all":                                                    own + " ~all",
		"v=spf1 mx a:gone.example.net -all":                              "v=spf1 mx -all", // nobody passed by it
		"v=spf1 +all":                                                    "v=spf1 ip4:192.0.2.25 ip4:192.0.2.26 ip6:2001:db8::25 ~all",
		own + " include:all.example.net -all":                            own + " ip4:203.0.113.0/24 ~all",
		"v=spf1 ip:192.0.2.25 a:192.0.2.26 ip6:2001:db8::25 -all":        "v=spf1 ip4:192.0.2.25 ip4:192.0.2.26 ip6:2001:db8::25 -all",
	} {
		w := newWorld()
		f := spfRecord("", text, "none.example.net. A 198.51.100.1", `r.example.net. TXT "v=spf1 ip4:203.0.113.9 -all"`, `all.example.net. TXT "v=spf1 ip4:203.0.113.0/24 +all"`)
		f.plant(t, w)
		if record, _ := mendedSPF(t, w); record != want {
			t.Errorf("%s is mended to %q, want %q", text, record, want)
		}
	}
}

// TestWhereNobodyKnowsWhatSendsNoRecordIsMade: mail goes to a filter, so the record would let nobody pass.
func TestWhereNobodyKnowsWhatSendsNoRecordIsMade(t *testing.T) {
	for text, want := range map[string]string{
		"v=spf1 +all": "", "v=spf1 ptr -all": "", "v=spf1 include:none.example.net -all": "", "v=spf1 ?all": "", "v=spf1 ip4:0.0.0.0/0 -all": "", "nothing": "", "v=spf1 moo -all": "",
		"v=spf1 -all ip4:198.51.100.1": "v=spf1 ip4:198.51.100.1 -all", "v=spf1 ip4:203.0.113.0/24 ptr -all": "v=spf1 ip4:203.0.113.0/24 ~all",
	} {
		w := newWorld()
		f := elsewhere(fault{put: []string{Text("example.org", text).String(), "none.example.net. A 198.51.100.1"}, also: func(w *domainWorld) { w.target.HELO = "" }})
		f.plant(t, w)
		record, found := mendedSPF(t, w)
		if record != want {
			t.Errorf("%s is mended to %q, want %q", text, record, want)
		}
		for _, f := range found {
			if f.Topic == "spf" && f.Grade.Worth() && (f.Mend == nil || f.Mend.Do == "") {
				t.Errorf("%s: %s says nothing to do", text, f.ID)
			}
			if f.ID == "spf.sender" || f.ID == "address.no-ptr" {
				t.Errorf("%s: %s about a filter", text, f.ID)
			}
		}
	}
}
