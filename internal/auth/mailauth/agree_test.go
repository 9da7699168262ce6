package mailauth

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

// policies are those of others' domains, by a number.
func policies(t *testing.T) (all map[string]string) {
	t.Helper()
	dir := os.Getenv("POSTWARD_DATA")
	if dir == "" {
		t.Skip("POSTWARD_DATA names no directory with policies of others")
	}
	text, err := os.ReadFile(dir + "/dns-mxmap-ch/data.json")
	if err != nil {
		t.Fatal(err)
	}
	var data struct {
		Municipalities map[string]struct{ SPF string }
	}
	if err := json.Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	all = map[string]string{}
	for n, m := range data.Municipalities {
		if m.SPF != "" {
			all[n] = m.SPF
		}
	}
	if len(all) < 1500 {
		t.Fatalf("only %d policies", len(all))
	}
	return all
}

// TestTheWalkAndTheMailAgree: what check shows of a policy is what a mail gets by it. The policies are those of others' domains, with
// a DNS made up around them: what they name has addresses, a policy, or is not there, by its name.
func TestTheWalkAndTheMailAgree(t *testing.T) {
	all, compared, unknown := policies(t), 0, 0
	results := map[spf.Result]int{}
	for n, policy := range all {
		r := madeUp(t, policy)
		tree := spf.Walk(t.Context(), remember(r), "policy.example")
		for _, client := range clients(tree) {
			want := tree.Result(client)
			got := spfOf(t, r, client, helo, sender)
			results[got.Result]++
			compared++
			switch {
			case want.Result == spf.Unknown:
				unknown++
			case got.Result != want.Result:
				t.Errorf("policy %s, client %s: %s (%s), and the walk says %s (%s)", n, client, got.Result, got.Why, want.Result, want.Why)
			}
		}
	}
	t.Logf("%d policies, %d answers, %d of them depend on the sender: %v", len(all), compared, unknown, results)
}

// Who sends, by each policy.
const helo, sender = "client.example", "somebody@policy.example"

// clients are one address of each network that a policy has, at most 40, and some that none has.
func clients(tree *spf.Tree) []netip.Addr {
	all := []netip.Addr{netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8:ffff::77")}
	for t := range tree.All() {
		for _, node := range t.Nodes {
			for _, network := range node.Networks {
				if len(all) < 40 {
					all = append(all, network.Addr())
				}
			}
		}
	}
	return all
}

// madeUp is a zone around a policy: the names that it leads to have records by the digest of the name.
func madeUp(t *testing.T, policy string) *answers {
	r := newAnswers(t, map[string][]any{"policy.example": {map[string]any{"TXT": policy}}})
	todo := []string{policy}
	for depth := 0; depth < 4 && len(todo) > 0; depth++ {
		var next []string
		for _, text := range todo {
			for _, term := range spf.Parse(text).Terms {
				if name, ok := dns.Canonical(term.Spec); ok && !strings.Contains(term.Spec, "%") && !r.names[name] {
					next = append(next, r.invent(name, term.Kind, depth)...)
				}
			}
		}
		todo = next
	}
	r.invent("policy.example.", spf.A, 0)
	r.invent("policy.example.", spf.MX, 0)
	return r
}

// invent makes records for a name, and returns its policy if it has one.
func (r *answers) invent(name string, kind spf.Kind, depth int) []string {
	sum := sha256.Sum256([]byte(name))
	if sum[0] < 25 && name != "policy.example." {
		return nil // it does not exist
	}
	r.names[name] = true
	four, six := netip.AddrFrom4([4]byte{198, 18, sum[1], sum[2]}), netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, sum[1], sum[2]})
	switch {
	case sum[3] < 13 && kind != spf.MX:
		r.silent[name] = dns.Failure
	case kind == spf.A:
		r.known[question{name, dns.A}] = dns.Answer{Outcome: dns.Answered, Addrs: []netip.Addr{four}}
		if sum[4] < 128 {
			r.known[question{name, dns.AAAA}] = dns.Answer{Outcome: dns.Answered, Addrs: []netip.Addr{six}}
		}
	case kind == spf.MX:
		host := "mx." + name
		r.known[question{name, dns.MX}] = dns.Answer{Outcome: dns.Answered, Exchangers: []dns.Exchanger{{Preference: 10, Host: host}}}
		r.invent(host, spf.A, depth)
	case kind == spf.Include || kind == spf.Redirect:
		text := fmt.Sprintf("v=spf1 ip4:%s/24 ip6:%s/48 ", four, six)
		for i := range int(sum[5] % 4) {
			text += fmt.Sprintf("%s:n%d.%s ", []string{"include", "a", "mx", "exists"}[sum[6+i]%4], i, name)
		}
		text += []string{"-all", "~all", "?all", ""}[sum[10]%4]
		r.known[question{name, dns.TXT}] = dns.Answer{Outcome: dns.Answered, Texts: []string{text}}
		return []string{text}
	}
	return nil
}
