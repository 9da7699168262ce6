package config

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
)

var update = flag.Bool("update", false, "write etc/postward.toml anew")

const shipped = "../../../etc/postward.toml"

func TestTheShippedExampleIsTheDefaults(t *testing.T) {
	if *update {
		if err := os.WriteFile(shipped, []byte(Example()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(shipped)
	if err != nil || string(text) != Example() {
		t.Fatalf("etc/postward.toml is not what the table says (%v): go test ./internal/run/config -update", err)
	}
	var active strings.Builder // every key, no longer a comment
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
			line = line[1:]
		}
		active.WriteString(line)
	}
	c, err := Parse("example", active.String())
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Diff(); len(d) > 0 {
		t.Errorf("%+v", d)
	}
	if n := strings.Count(active.String(), " = "); n < len(keys()) {
		t.Errorf("%d keys in the example, %d in the table", n, len(keys()))
	}
}

func TestAFileSaysWhatDiffers(t *testing.T) {
	c, err := Parse("t", `
mode = "enforce"
[modes]
containment = "shadow"
[networks]
own = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]
[budget]
unfamiliar = 4
[cooling]
time = "3m"
dormant = "60d"
[notify]
urls = ["ntfy://user:hunter2@ntfy.example.org/topic"]
`)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Policy()
	want := guard.DefaultPolicy()
	want.Modes = map[guard.Subject]guard.Mode{guard.Accounts: guard.Enforce, guard.Senders: guard.Enforce, guard.Budgets: guard.Enforce,
		guard.Cooling: guard.Enforce, guard.Score: guard.Enforce, guard.Containment: guard.Shadow, guard.Strangers: guard.Enforce}
	want.Own = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.51.100.7/32")}
	want.Budget.Unfamiliar = 4
	want.Cooling = guard.CoolingPolicy{Time: 3 * time.Minute, Dormant: 60 * 24 * time.Hour}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("%+v\nwant %+v", p, want)
	}
	diff := c.Diff()
	if len(diff) != 7 {
		t.Errorf("%+v", diff)
	}
	for _, d := range diff {
		if strings.Contains(d.Value+d.Default, "hunter2") {
			t.Errorf("a password is shown: %+v", d)
		}
	}
}

func TestEveryErrorIsToldAtOnceWithItsLine(t *testing.T) {
	_, err := Parse("postward.toml", `mode = "enforced"
nodee = "pi"
state_dir = "var/lib"
[budget]
unfamilar = 6
network = "many"
familiar = 200
[networks]
own = ["10.0.0.1/8"]
[milter]
inbound = "unix:/x"
local = "unix:/x"
answer_timeout = "10"
[cooling]
time = "2d"
[zzz]
a = 1
`)
	var all Errors
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	want := []string{
		`postward.toml:1: mode: "enforced" is no mode: shadow or enforce`,
		`postward.toml:2: nodee: no such key; did you mean node?`,
		`postward.toml:3: state_dir: "var/lib" is not an absolute path like /var/lib/postward`,
		`postward.toml:5: budget.unfamilar: no such key; did you mean budget.unfamiliar?`,
		`postward.toml:6: budget.network: a text where a whole number belongs`,
		`postward.toml:9: networks.own: 10.0.0.1/8 has bits behind its mask: 10.0.0.0/8?`,
		`postward.toml:12: milter.local: unix:/x is the socket of milter.inbound too: postward knows the direction of a mail by its socket`,
		`postward.toml:13: milter.answer_timeout: "10" is no time like "90s", "2m" or "45d"`,
		`postward.toml:15: cooling.time: 2d is not from 10s to 1h`,
		`postward.toml:16: zzz: no such key; postward config example shows them all`,
	}
	got := map[string]bool{}
	for _, e := range all {
		got[e.Error()] = true
	}
	for _, w := range want {
		if !got[w] {
			t.Errorf("missing: %s", w)
		}
	}
	if len(all) != len(want)+1 { // and familiar above familiar_max
		t.Errorf("%d errors:\n%v", len(all), all)
	}
}

func TestASyntaxErrorHasItsLine(t *testing.T) {
	_, err := Parse("f", "mode = \"shadow\"\nnode = \n")
	if err == nil || !strings.HasPrefix(err.Error(), "f:2: ") {
		t.Error(err)
	}
}

func TestAFileThatIsNotThereIsToldWithTheWayOut(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if err == nil || !strings.Contains(err.Error(), "leave --config out") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Example())
	f.Add("[budget]\nunfamiliar = 99999999999999999999\n[[modes]]\n")
	f.Add("domains.local = [1979-05-27]\n\"\" = 1")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("f", text)
		if err != nil {
			return
		}
		for s, m := range c.Policy().Modes {
			if m != guard.Shadow && m != guard.Enforce {
				t.Errorf("%s has the mode %q", s, m)
			}
		}
		c.Diff()
	})
}

// TestALocalDomainIsComparedAsTheEnvelopeHasIt: an envelope has A-labels in lower case.
func TestALocalDomainIsComparedAsTheEnvelopeHasIt(t *testing.T) {
	c, err := Parse("test", "[domains]\nlocal = [\"Example.ORG.\", \"b\u00fccher.example\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Policy().Domains; !slices.Equal(got, []string{"example.org", "xn--bcher-kva.example"}) {
		t.Errorf("%q", got)
	}
}

func TestAMilterSocketIsOnLoopback(t *testing.T) {
	for address, good := range map[string]bool{
		"inet:127.0.0.1:9999": true, "inet:[::1]:9999": true, "inet:localhost:9999": true, "unix:/run/x.sock": true, "": true,
		"inet:0.0.0.0:9999": false, "inet:[::]:9999": false, "inet::9999": false, "inet:9999": false, "inet:192.168.1.1:9999": false, "inet:0:9999": false,
		"inet:127.0.0.1:0": false, "inet:127.0.0.1:99999": false, "inet:127.0.0.1:": false, "inet:": false, "tcp:127.0.0.1:9999": false,
	} {
		_, err := Parse("postward.toml", "[milter]\ninbound = \""+address+"\"\n")
		if (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
	_, err := Parse("postward.toml", "[milter]\ninbound = \"inet:0.0.0.0:9999\"\n")
	if err == nil || !strings.Contains(err.Error(), "speaks as any account: use unix:/path") {
		t.Errorf("why, and what to do, is not said: %v", err)
	}
}

// TestDovecotAsksOnLoopbackAlone: whoever reaches the port could try the key.
func TestDovecotAsksOnLoopbackAlone(t *testing.T) {
	for address, taken := range map[string]bool{
		"": true, "127.0.0.1:4002": true, "[::1]:4002": true, "127.0.0.1:0": false, "0.0.0.0:4002": false, "192.0.2.1:4002": false, ":4002": false, "localhost:4002": false, "[::1%lo]:4002": false, "4002": false,
	} {
		c, err := Parse("t", fmt.Sprintf("[authpolicy]\nlisten = %q\n", address))
		if (err == nil) != taken || taken && c.AuthPolicy.Listen != address {
			t.Errorf("%q: %v", address, err)
		}
	}
	if c := Default(); c.AuthPolicy.Listen != "" {
		t.Errorf("it is on by default: %s", c.AuthPolicy.Listen)
	}
}
