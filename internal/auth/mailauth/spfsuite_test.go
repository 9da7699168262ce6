package mailauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postward/internal/wire/dns"
)

// scenario is a zone and what check_host() comes to in it, as the suites of openspf.org and their kin write it.
type scenario struct {
	Tests map[string]struct {
		HELO, Host, MailFrom string
		Result               any // a word, or those that are allowed
	}
	ZoneData map[string][]any
}

// otherwise is which of the suites' cases end otherwise here, how, and why that is so.
var otherwise = map[string]string{
	"macro-mania-in-domain": "fail", // a name with a blank in it is none that our DNS asks for
	// The library takes no / in a name, which is no name of a host: the error is the policy owner's to see.
	"a-colon-domain": "permerror", "a-colon-domain-ip4mapped": "permerror",
	"mx-colon-domain": "permerror", "mx-colon-domain-ip4mapped": "permerror",
	// The library makes "unknown" of %{p}, which section 7.3 says not to use, rather than ask for the client's names.
	"p-macro-multiple": "neutral",
}

// since is what the suites of the years before RFC 7208 did not know.
var since = map[string]string{
	"mech-at-limit": "permerror", "include-at-limit": "permerror", // more than two void look-ups (section 4.6.4)
	"mx-limit":         "permerror", // more than ten hosts of an mx (section 4.6.4)
	"exp-empty-domain": "permerror", // as later suites have it
}

func TestTheSuitesOfSPFAreAnsweredAsTheyWant(t *testing.T) {
	total := 0
	for _, path := range suites(t) {
		for _, s := range scenarios(t, path) {
			r := newAnswers(t, s.ZoneData)
			for name, c := range s.Tests {
				total++
				want := words(c.Result)
				o := otherwise[name]
				if strings.HasPrefix(filepath.Base(path), "rfc4408-tests-20") {
					o = cmp.Or(o, since[name])
				}
				if o != "" {
					want = []string{o}
				}
				mailbox := cmp.Or(c.MailFrom, "@"+c.HELO)
				got := spfOf(t, r, netip.MustParseAddr(c.Host).Unmap(), c.HELO, mailbox)
				if !slices.Contains(want, string(got.Result)) {
					t.Errorf("%s %s: %+v, want %s", filepath.Base(path), name, got, want)
				}
			}
		}
	}
	if t.Logf("%d cases", total); total < 300 {
		t.Errorf("only %d cases", total)
	}
}

// suites are those of RFC 4408 and RFC 7208, which the library's module carries, and others where there are some.
func suites(t *testing.T) []string {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "blitiri.com.ar/go/spf").Output()
	if err != nil {
		t.Fatalf("find the suites: %v", err)
	}
	paths, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "testdata", "rfc*-tests.yml"))
	if len(paths) < 2 {
		t.Fatalf("only the suites %q", paths)
	}
	if dir := os.Getenv("POSTWARD_DATA"); dir != "" {
		more, _ := filepath.Glob(filepath.Join(dir, "suite-spf", "*.yml"))
		paths = append(paths, more...)
	}
	return paths
}

func scenarios(t *testing.T, path string) (all []scenario) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := yaml.NewDecoder(f); ; {
		var s scenario
		switch err := d.Decode(&s); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, s)
	}
}

// words is a YAML value that is one word or several.
func words(v any) (all []string) {
	list, is := v.([]any)
	if !is {
		return []string{fmt.Sprint(v)}
	}
	for _, w := range list {
		all = append(all, fmt.Sprint(w))
	}
	return all
}

// answers is a resolver of a suite's zone. A name that times out does so for what is not known of it.
type answers struct {
	dns.Resolver
	known  map[question]dns.Answer
	names  map[string]bool
	alias  map[string]string
	silent map[string]dns.Outcome
}

func newAnswers(t *testing.T, zone map[string][]any) *answers {
	r := &answers{nil, map[question]dns.Answer{}, map[string]bool{}, map[string]string{}, map[string]dns.Outcome{}}
	for name, records := range zone {
		name, ok := dns.Canonical(name)
		if !ok {
			continue // nobody can ask for it
		}
		r.names[name] = true
		var policies []string
		without := false
		for _, record := range records {
			fields, _ := record.(map[string]any)
			without = without || fields["TXT"] == "NONE"
			policies = append(policies, r.put(t, name, record)...)
		}
		// The suites are older than the end of the type SPF: its records are those of TXT too, unless TXT is there or
		// said not to be.
		q := question{name, dns.TXT}
		if _, is := r.known[q]; !is && !without && len(policies) > 0 {
			r.known[q] = dns.Answer{Outcome: dns.Answered, Texts: policies}
		}
	}
	return r
}

var kinds = map[string]dns.Type{"A": dns.A, "AAAA": dns.AAAA, "TXT": dns.TXT, "MX": dns.MX, "PTR": dns.PTR}

var failures = map[string]dns.Outcome{"TIMEOUT": dns.Timeout, "SERVFAIL": dns.Failure, "CNAMELOOP": dns.Lying}

// put notes a record, and returns what it has of type SPF.
func (r *answers) put(t *testing.T, name string, record any) (policies []string) {
	if record == "TIMEOUT" {
		r.silent[name] = dns.Timeout
		return nil
	}
	fields, is := record.(map[string]any)
	if !is {
		t.Fatalf("%s: %v", name, record)
	}
	for kind, v := range fields {
		switch {
		case v == "NONE":
		case failures[kind] != 0:
			r.silent[name] = failures[kind]
		case kind == "SPF":
			policies = append(policies, strings.Join(words(v), ""))
		case kind == "CNAME":
			r.alias[name], _ = dns.Canonical(v.(string))
		case kinds[kind] != 0:
			r.add(question{name, kinds[kind]}, v)
		default:
			t.Fatalf("%s: a record of type %s", name, kind)
		}
	}
	return policies
}

func (r *answers) add(q question, v any) {
	a := r.known[q]
	a.Outcome = dns.Answered
	switch q.kind {
	case dns.A, dns.AAAA:
		for _, w := range words(v) {
			a.Addrs = append(a.Addrs, netip.MustParseAddr(w))
		}
	case dns.TXT:
		a.Texts = append(a.Texts, strings.Join(words(v), ""))
	case dns.MX:
		w := v.([]any)
		a.Exchangers = append(a.Exchangers, dns.Exchanger{Preference: uint16(w[0].(int)), Host: cmp.Or(w[1].(string), ".")})
	case dns.PTR:
		a.Names = append(a.Names, words(v)...)
	}
	r.known[q] = a
}

func (r *answers) Lookup(_ context.Context, name string, kind dns.Type) dns.Answer {
	for range dns.MaxChain {
		if a, is := r.known[question{name, kind}]; is {
			slices.SortStableFunc(a.Exchangers, func(x, y dns.Exchanger) int { return int(x.Preference) - int(y.Preference) })
			return a
		}
		if o := r.silent[name]; o != 0 {
			return dns.Answer{Outcome: o}
		}
		if r.alias[name] == "" {
			break
		}
		name = r.alias[name]
	}
	if r.names[name] {
		return dns.Answer{Outcome: dns.NoData}
	}
	return dns.Answer{Outcome: dns.NoName}
}
