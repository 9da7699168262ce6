// Command check measures `postward check`: a domain with its exchanger and all blocklists, on a name server of the bench's
// own whose lists each take their time, 30 of them for ever; and with -domains many domains from a zone, beside python3-spf.
//
//	check -domains data.json
//	check -mends data.json
package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/domain/check"
	"postward/internal/domain/spf"
	"postward/internal/lists/dnsbl"
	"postward/internal/wire/dns"
	"postward/test/world"
)

func main() {
	domains := flag.String("domains", "", "a JSON file of domains, with mx and spf of each (github.com/davidhuser/mxmap)")
	mending := flag.String("mends", "", "the same file: damage each SPF record in ten ways, mend it as the check says, and count who does not pass any more")
	flag.Parse()
	if *mending != "" {
		exit(mends(*mending))
		return
	}
	err := error(nil)
	if *domains != "" {
		err = many(*domains)
	}
	if err == nil {
		err = lists()
	}
	exit(err)
}

// slowest is what the slowest list takes to answer.
const slowest = 300 * time.Millisecond

const domain = `@ SOA ns.example.org. h.example.org. 1 3600 900 604800 300
@ MX 10 mx1.example.org.
@ TXT "v=spf1 ip4:192.0.2.25 -all"
mail._domainkey TXT "v=DKIM1; k=rsa; p=" "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuu+2SUSd77TG/jDdCvsVyZrB+LiCx40OckQK2tyQIt/vcap1tGudc4SABwYGxiWJqJibwcP2+/JRcQV0bJWKBai0rz/GJ8UILpeNNrt2i0cAcVn2hOXsmnxovK8q/i5jRznNdFUTtR40PjZEF4GAbBo+hT2E" "rWzNh+4Jsy95I1IUwOceI0ptHOpH5Ik2JgjBURjEVVTqxIDWjDH57QUcDZzFUYEGBN4VmoEBrW6RBHY6BVCwmp+Qdav3PByYyJZFQLVEXyWb3i3nKIhfDN24J4pz8SznOLUdx7uDasAbtXyGxO64IIM8roSfMmiBbWhDNUQip+qex29HsEdAWZQBzwIDAQAB"
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.org"
mx1 A 192.0.2.25
`

// lists checks a domain against all lists, first while all of them answer, then while 30 are silent.
func lists() error {
	server, err := world.StartServer("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	if err := server.SetZone("example.org.", domain); err != nil {
		return err
	}
	if err := server.SetZone("2.0.192.in-addr.arpa.", "@ SOA ns.example.org. h.example.org. 1 3600 900 604800 300\n25 PTR mx1.example.org.\n"); err != nil {
		return err
	}
	set, err := dnsbl.Load("")
	if err != nil {
		return err
	}
	asked, err := serve(server, set)
	if err != nil {
		return err
	}
	swift, paced, err := unpaced(set)
	if err != nil {
		return err
	}
	all, err := measure(server, swift)
	if err != nil {
		return err
	}
	whole, err := measure(server, set)
	if err != nil {
		return err
	}
	dig, err := digs(server.Addr(), asked)
	if err != nil {
		return err
	}
	for _, zone := range asked[:30] {
		server.Behave(zone, world.Behaviour{Kind: world.Silent})
	}
	dead, err := measure(server, set)
	if err != nil {
		return err
	}
	fmt.Printf("%d lists, %d of them with a zone to ask; the slowest answer takes %v\n", len(set.All()), len(asked), slowest)
	fmt.Printf("all answer, without %d lists whose terms allow only so many questions a second: %v; dig for the slowest one alone: %v\n", paced, all.Round(time.Millisecond), dig.Round(time.Millisecond))
	fmt.Printf("all answer, with those: %v; 30 are silent: %v\n", whole.Round(time.Millisecond), dead.Round(time.Millisecond))
	fmt.Printf("check: over_slowest_ms=%d total_ms=%d\n", (all - slowest).Milliseconds(), dead.Milliseconds())
	return nil
}

// unpaced is the set without the lists that are asked slowly, because their terms want it.
func unpaced(set *dnsbl.Set) (*dnsbl.Set, int, error) {
	dir, err := os.MkdirTemp("", "postward-bench-check-")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir)
	text, n := "lists:\n", 0
	for _, l := range set.All() {
		if l.Terms.PerSecond > 0 && l.Status.Asked() {
			text += "  - {name: " + l.Name + ", status: {state: dead, note: not in this measurement}}\n"
			n++
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "lists.yaml"), []byte(text), 0o600); err != nil {
		return nil, 0, err
	}
	swift, err := dnsbl.Load(dir)
	return swift, n, err
}

// serve makes each list that is asked a zone with its test point, and lets it answer after a while.
func serve(server *world.Server, set *dnsbl.Set) (zones []string, err error) {
	for _, l := range set.All() {
		if !l.Status.Asked() || len(l.Zones) == 0 {
			continue
		}
		text := "@ SOA ns.example. h.example. 1 3600 900 604800 300\n"
		if point, err := netip.ParseAddr(l.Test.Listed); err == nil && point.Is4() {
			text += dns.Reverse(point) + " A " + cmp.Or(l.Test.Expect, first(l)) + "\n"
		}
		if l.Test.ListedDomain != "" {
			text += l.Test.ListedDomain + " A " + first(l) + "\n"
		}
		if err := server.SetZone(l.Zones[0]+".", text); err != nil {
			return nil, err
		}
		wait := time.Duration(20+len(zones)*5%200) * time.Millisecond
		if zones = append(zones, l.Zones[0]+"."); len(zones) == 50 {
			wait = slowest
		}
		server.Behave(l.Zones[0]+".", world.Behaviour{Wait: wait})
	}
	return zones, nil
}

// first is an answer of a list that is a listing.
func first(l *dnsbl.List) string {
	for _, c := range l.Codes {
		if _, err := netip.ParseAddr(c.Text); err == nil {
			return c.Text
		}
	}
	return "127.0.0.2"
}

// measure checks the domain, with a resolver that remembers nothing yet.
func measure(server *world.Server, set *dnsbl.Set) (time.Duration, error) {
	config, err := dns.ParseConfig(strings.NewReader(""))
	if err != nil {
		return 0, err
	}
	config.Servers = []netip.AddrPort{server.Addr()}
	client, err := dns.New(config)
	if err != nil {
		return 0, err
	}
	c := check.Config{Resolver: client, Lists: set, Checker: dnsbl.New(client, dnsbl.Options{}), Now: time.Now()}
	began := time.Now()
	r := check.Run(context.Background(), c, check.Target{Domain: "example.org", Selectors: []string{"mail"}}, nil)
	took := time.Since(began)
	if !r.Learned() || r.Grade == check.Fault {
		return 0, fmt.Errorf("the check found %+v", r.First())
	}
	return took, nil
}

func digs(server netip.AddrPort, zones []string) (time.Duration, error) {
	began := time.Now()
	out, err := exec.Command("dig", "@"+server.Addr().String(), "-p", fmt.Sprint(server.Port()), "+tries=1", "1.0.0.127."+zones[49], "A").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("dig: %w: %s", err, out)
	}
	return time.Since(began), nil
}

// many checks the domains of a file from a zone, and compares what internal/domain/spf and python3-spf say of some addresses.
func many(path string) error {
	zone, d, err := publish(path)
	if err != nil {
		return err
	}
	began := time.Now()
	work := make(chan string)
	var all sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for name := range work {
				check.Run(context.Background(), check.Config{Resolver: zone, Now: began, Timeout: 10 * time.Second}, check.Target{Domain: name}, nil)
			}
		})
	}
	for _, name := range d.names {
		work <- name
	}
	close(work)
	all.Wait()
	took := time.Since(began)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%d domains from a zone: %.0f domains/s, %.0f MiB from the system\n", len(d.names), float64(len(d.names))/took.Seconds(), float64(m.Sys)/(1<<20))
	return compare(zone, d.names, d.records)
}

// dataset is what is known of domains, and what is made up of whatever they name.
type dataset struct {
	names   []string
	records map[string]map[string][]string // by name and type
}

// put adds a record, unless nobody can ask for its name or it is there.
func (d *dataset) put(name, kind, value string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, ok := dns.Canonical(name); !ok || name == "" || strings.ContainsAny(name, "%/ \"") {
		return
	}
	if d.records[name] == nil {
		d.records[name] = map[string][]string{}
	}
	if !slices.Contains(d.records[name][kind], value) {
		d.records[name][kind] = append(d.records[name][kind], value)
	}
}

// publish makes a zone of the file: what each domain has of MX and SPF, and for whatever those name addresses and a policy
// that are made from the name.
func publish(path string) (*dns.Zone, *dataset, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var file struct {
		Municipalities map[string]struct {
			Domain, SPF string
			MX          []string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, nil, err
	}
	d := &dataset{records: map[string]map[string][]string{}}
	for _, m := range file.Municipalities {
		if _, ok := dns.Canonical(m.Domain); !ok || m.Domain == "" || slices.Contains(d.names, m.Domain) {
			continue
		}
		d.names = append(d.names, m.Domain)
		d.put(m.Domain, "A", address(m.Domain))
		for _, mx := range m.MX {
			d.put(m.Domain, "MX", mx)
			d.put(mx, "A", address(mx))
		}
		if m.SPF != "" {
			d.put(m.Domain, "TXT", m.SPF)
		}
	}
	slices.Sort(d.names)
	for _, name := range d.names {
		for _, text := range d.records[name]["TXT"] {
			for _, term := range strings.Fields(text) {
				d.imagine(term)
			}
		}
	}
	zone, err := asZone(d.records)
	return zone, d, err
}

// imagine makes up what a term of a policy leads to.
func (d *dataset) imagine(term string) {
	word, of, _ := strings.Cut(strings.TrimLeft(term, "+-~?"), ":")
	of, _, _ = strings.Cut(of, "/")
	of = strings.ToLower(of)
	switch word {
	case "include":
		if d.records[of]["TXT"] == nil {
			d.put(of, "TXT", "v=spf1 ip4:"+address(of)+" -all")
		}
	case "a", "mx":
		d.put(of, "A", address(of))
		if word == "mx" && d.records[of]["MX"] == nil {
			d.put(of, "MX", "mx."+of)
			d.put("mx."+of, "A", address("mx."+of))
		}
	}
}

// address is one of 198.18.0.0/15, made from a name.
func address(name string) string {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 198<<24|18<<16|h%(1<<17))
	return netip.AddrFrom4(b).String()
}

func asZone(records map[string]map[string][]string) (*dns.Zone, error) {
	var b strings.Builder
	for name, kinds := range records {
		for kind, values := range kinds {
			for _, v := range values {
				switch kind {
				case "MX":
					v = "10 " + strings.TrimSuffix(v, ".") + "."
				case "TXT":
					v = strings.TrimPrefix(check.Text(name, v).String(), name+". TXT ")
				}
				fmt.Fprintf(&b, "%s. %s %s\n", name, kind, v)
			}
		}
	}
	return dns.ParseZone(strings.NewReader(b.String()), ".", "many")
}

// question is one of an SPF verdict.
type question struct {
	Domain, Addr string
	Ours         string
	voids        int // that python3-spf counts: see theirVoids
}

// theirVoids is how many void lookups python3-spf counts until nothing has matched: besides those of the terms, each
// exchanger of mx without an address of the family. RFC 7208 section 4.6.4 counts terms.
func theirVoids(t *spf.Tree, addr netip.Addr) int {
	n := 0
	count := func(o dns.Outcome) {
		if o == dns.NoData || o == dns.NoName {
			n++
		}
	}
	for _, node := range t.Nodes {
		switch {
		case node.Skipped:
		case node.Child != nil:
			n += theirVoids(node.Child, addr)
		case node.Kind == spf.Exists:
			count(node.Outcome)
		case addr.Is4():
			for _, h := range node.Hosts {
				count(h.V4)
			}
		default:
			for _, h := range node.Hosts {
				count(h.V6)
			}
		}
	}
	return n
}

// compare asks both about each domain's exchanger, an address of an include, and one of nobody.
func compare(zone *dns.Zone, names []string, records map[string]map[string][]string) error {
	var all []question
	for _, name := range names {
		tree := spf.Walk(context.Background(), zone, name)
		for _, addr := range []string{address(name), address(append(records[name]["MX"], name)[0]), address("spf.protection.outlook.com"), "203.0.113.9", "2001:db8::9"} {
			a := netip.MustParseAddr(addr)
			if ours := tree.Result(a).Result; ours != spf.Unknown { // else it depends on who sends
				all = append(all, question{name, addr, string(ours), theirVoids(tree, a)})
			}
		}
	}
	dir, err := os.MkdirTemp("", "postward-bench-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	input, err := json.Marshal(map[string]any{"records": records, "questions": all})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "in.json")
	if err := os.WriteFile(path, input, 0o600); err != nil {
		return err
	}
	out, err := exec.Command("/usr/bin/python3", "-c", theirs, path).Output()
	if err != nil {
		return fmt.Errorf("python3-spf: %w (test/setup.sh bench installs it)", err)
	}
	var results []struct{ Result, Why string }
	if err := json.Unmarshal(out, &results); err != nil || len(results) != len(all) {
		return fmt.Errorf("python3-spf: %d answers: %w", len(results), err)
	}
	kinds := map[string][]string{}
	n, explained := 0, 0
	for i, q := range all {
		if q.Ours == results[i].Result {
			continue
		}
		kind := "ours " + q.Ours + ", theirs " + results[i].Result + " (" + results[i].Why + ")"
		if strings.Contains(results[i].Why, "Void lookup limit") && q.voids > spf.MaxVoids {
			kind += ", for it counts the exchangers of mx one by one"
			explained++
		}
		kinds[kind] = append(kinds[kind], q.Domain+" "+q.Addr)
	}
	for kind, of := range kinds {
		n += len(of)
		fmt.Printf("  %d × %s: %s\n", len(of), kind, strings.Join(of[:min(3, len(of))], ", "))
	}
	fmt.Printf("SPF: %d verdicts, %d differ from python3-spf's, %d of them for a reason that is known\n", len(all), n, explained)
	if n > explained {
		return fmt.Errorf("compare with python3-spf: %d differences that nobody has judged: see above, and judge them by RFC 7208", n-explained)
	}
	return nil
}

// theirs answers the questions with python3-spf, from the same records.
const theirs = `
import json, sys, spf
data = json.load(open(sys.argv[1]))
def lookup(name, kind, strict=True, timeout=None, level=0):
    out = []
    for v in data["records"].get(name.rstrip(".").lower(), {}).get(kind, []):
        if kind == "MX": v = (10, v)
        elif kind == "TXT": v = (v.encode(),)
        out.append(((name, kind), v))
    return out
spf.DNSLookup = lookup
results = []
for q in data["questions"]:
    r = spf.query(i=q["Addr"], s="postmaster@" + q["Domain"], h=q["Domain"], strict=True).check()
    results.append({"Result": r[0], "Why": r[2]})
print(json.dumps(results))
`
