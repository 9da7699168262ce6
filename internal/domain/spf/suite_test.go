package spf

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

	_ "blitiri.com.ar/go/spf" // its module is then here, with the suites
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

// otherwise is which of the suites' cases end otherwise here, how, and why that is right.
var otherwise = map[string]Result{
	"macro-mania-in-domain": Fail, // a name with a space in it is none that our DNS asks for
}

// depending is how many of the suites' cases no policy alone answers: they use ptr, or macros of the client or the sender.
const depending = 29

func TestTheSuitesAreAnsweredAsTheyWant(t *testing.T) {
	total, unknown := 0, 0
	for _, path := range suites(t) {
		for _, s := range scenarios(t, path) {
			r := newAnswers(t, s.ZoneData)
			for name, c := range s.Tests {
				total++
				want := words(c.Result)
				if o := otherwise[name]; o != "" {
					want = []string{string(o)}
				}
				domain, addr := c.HELO, netip.MustParseAddr(c.Host)
				if at := strings.LastIndexByte(c.MailFrom, '@'); at >= 0 {
					domain = c.MailFrom[at+1:]
				}
				got := Walk(t.Context(), r, domain).Result(addr)
				if got.Result == Unknown {
					unknown++
				} else if !slices.Contains(want, string(got.Result)) {
					t.Errorf("%s %s: %+v, want %s", filepath.Base(path), name, got, want)
				}
			}
		}
	}
	if t.Logf("%d cases", total); unknown != depending {
		t.Errorf("%d of %d depend on who sends, want %d", unknown, total, depending)
	}
}

// suites are those of RFC 4408 and RFC 7208, which the module of another implementation carries. Its own have domains of
// one label, where section 4.3 has the result none.
func suites(t *testing.T) []string {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "blitiri.com.ar/go/spf").Output()
	if err != nil {
		t.Fatalf("find the suites: %v", err)
	}
	paths, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "testdata", "rfc*-tests.yml"))
	if len(paths) < 2 {
		t.Fatalf("only the suites %q", paths)
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

// answers is a resolver of what was put into it. Names are canonical; they have no wildcards.
type answers struct {
	known  map[question]dns.Answer
	names  map[string]bool
	alias  map[string]string
	silent map[string]dns.Outcome // whatever is not known
}

func newAnswers(t *testing.T, zone map[string][]any) *answers {
	r := &answers{map[question]dns.Answer{}, map[string]bool{}, map[string]string{}, map[string]dns.Outcome{}}
	for name, records := range zone {
		name, ok := dns.Canonical(name)
		if !ok {
			continue // nobody can ask for it
		}
		r.names[name] = true
		spf := []string(nil)
		for _, record := range records {
			spf = append(spf, r.put(t, name, record)...)
		}
		// The suites are older than the end of the type SPF: its records are those of TXT too, unless TXT is there
		// or said not to be.
		_, is := r.known[question{name, dns.TXT}]
		if !is && len(spf) > 0 && !slices.ContainsFunc(records, isNone) {
			r.known[question{name, dns.TXT}] = dns.Answer{Outcome: dns.Answered, Texts: spf}
		}
	}
	return r
}

func isNone(record any) bool {
	fields, _ := record.(map[string]any)
	return fields["TXT"] == "NONE"
}

// put notes a record, and returns what it has of type SPF.
func (r *answers) put(t *testing.T, name string, record any) (spf []string) {
	if record == "TIMEOUT" {
		r.silent[name] = dns.Timeout
		return nil
	}
	fields, is := record.(map[string]any)
	if !is {
		t.Fatalf("%s: %v", name, record)
	}
	for kind, v := range fields {
		if v == "NONE" {
			continue
		}
		q := question{name, map[string]dns.Type{"A": dns.A, "AAAA": dns.AAAA, "TXT": dns.TXT, "MX": dns.MX, "PTR": dns.PTR}[kind]}
		a := r.known[q]
		a.Outcome = dns.Answered
		switch kind {
		case "TIMEOUT":
			r.silent[name] = dns.Timeout
		case "SERVFAIL":
			r.silent[name] = dns.Failure
		case "CNAMELOOP":
			r.silent[name] = dns.Lying
		case "SPF":
			spf = append(spf, strings.Join(words(v), ""))
		case "CNAME":
			r.alias[name], _ = dns.Canonical(v.(string))
		case "A", "AAAA":
			for _, w := range words(v) {
				a.Addrs = append(a.Addrs, netip.MustParseAddr(w))
			}
		case "TXT":
			a.Texts = append(a.Texts, strings.Join(words(v), ""))
		case "MX":
			w := v.([]any)
			a.Exchangers = append(a.Exchangers, dns.Exchanger{Preference: uint16(w[0].(int)), Host: cmp.Or(w[1].(string), ".")})
		case "PTR":
			a.Names = append(a.Names, words(v)...)
		default:
			t.Fatalf("%s: a record of type %s", name, kind)
		}
		if q.t != 0 {
			r.known[q] = a
		}
	}
	return spf
}

func (r *answers) Lookup(_ context.Context, name string, t dns.Type) dns.Answer {
	name, ok := dns.Canonical(name)
	if !ok {
		return dns.Answer{Outcome: dns.NoName}
	}
	for range dns.MaxChain {
		if a, is := r.known[question{name, t}]; is {
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

func (r *answers) TXT(ctx context.Context, name string) dns.Answer {
	return r.Lookup(ctx, name, dns.TXT)
}
func (r *answers) MX(ctx context.Context, name string) dns.Answer { return r.Lookup(ctx, name, dns.MX) }
func (r *answers) PTR(ctx context.Context, a netip.Addr) dns.Answer {
	return r.Lookup(ctx, dns.ReverseName(a), dns.PTR)
}
func (r *answers) Addresses(context.Context, string) dns.Answer {
	panic("a walk asks for one family at a time")
}
