package mailauth

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"

	"postward/internal/domain/spf"
)

// judgements are what we and python3-spf read differently: that is all when it says what we say as soon as it reads that as we do.
// Each says who is right.
var judgements = map[string]string{
	"void look-ups": "it counts each exchanger without an address of the client's family, and each name of a client; RFC 7208 section 4.6.4 " +
		"counts terms, of which the exchangers of one mx are one with an answer: we are right",
}

// theirs is what python3-spf is told: see testdata/pyspf.py.
type theirs struct {
	Records map[string]any `json:"records"`
	Silent  []string       `json:"silent"`
	Sender  string         `json:"sender"`
	Helo    string         `json:"helo"`
	Clients []netip.Addr   `json:"clients"`
}

// third is what it says.
type third struct {
	Says      spf.Result
	Why       string
	Otherwise map[string]spf.Result
}

// TestAThirdOpinionOfEachPolicy: python3-spf says of each client of each policy what a mail gets here, or why it does not is known.
func TestAThirdOpinionOfEachPolicy(t *testing.T) {
	if out, err := exec.Command("/usr/bin/python3", "-c", "import spf").CombinedOutput(); err != nil {
		t.Skipf("python3-spf is not installed: test/setup.sh bench (%s)", out)
	}
	all := policies(t)
	var worlds []theirs
	var ours [][]SPF
	numbers := slices.Sorted(maps.Keys(all))
	for _, n := range numbers {
		r := madeUp(t, all[n])
		w := r.told(clients(spf.Walk(t.Context(), remember(r), "policy.example")))
		var got []SPF
		for _, client := range w.Clients {
			got = append(got, spfOf(t, r, client, helo, sender))
		}
		worlds, ours = append(worlds, w), append(ours, got)
	}
	compared, differ := 0, map[string]int{}
	for i, said := range thirds(t, worlds) {
		for j, one := range said {
			if compared++; one.Says == ours[i][j].Result {
				continue
			}
			kind := one.kind(ours[i][j].Result)
			differ[kind]++
			t.Logf("%s: policy %s, client %s: %s; python3-spf says %s (%s)", kind, numbers[i], worlds[i].Clients[j], ours[i][j].Result, one.Says, one.Why)
			if judgements[kind] == "" {
				t.Error("nobody has judged that")
			}
		}
	}
	t.Logf("python3-spf: %d policies, %d answers", len(worlds), compared)
	for kind, n := range differ {
		t.Logf("python3-spf: %d times otherwise: %s: %s", n, kind, judgements[kind])
	}
	if compared < 10*len(worlds) {
		t.Errorf("only %d answers", compared)
	}
}

// kind is the one reading that makes all the difference.
func (o *third) kind(ours spf.Result) string {
	for kind, says := range o.Otherwise {
		if says == ours {
			return kind
		}
	}
	return "unexplained"
}

// told is the zone as python3-spf is told it.
func (r *answers) told(clients []netip.Addr) theirs {
	w := theirs{Records: map[string]any{}, Silent: slices.Collect(maps.Keys(r.silent)), Clients: clients, Sender: sender, Helo: helo}
	for q, a := range r.known {
		for _, values := range []any{a.Texts, a.Exchangers, a.Addrs} {
			if text, _ := json.Marshal(values); string(text) != "null" {
				w.Records[q.name+" "+q.kind.String()] = values
			}
		}
	}
	return w
}

// thirds asks it.
func thirds(t *testing.T, worlds []theirs) (all [][]third) {
	t.Helper()
	var in bytes.Buffer
	for _, w := range worlds {
		if err := json.NewEncoder(&in).Encode(w); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-W", "ignore", "testdata/pyspf.py")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var said []third
		if err := d.Decode(&said); err != nil {
			t.Fatal(err)
		}
		all = append(all, said)
	}
	if len(all) != len(worlds) {
		t.Fatalf("python3-spf answers of %d policies, of %d", len(all), len(worlds))
	}
	return all
}
