package dnsbl

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postward/internal/lists/facts"
	"postward/internal/wire/dns"
	"postward/test/rig"
)

func load(t testing.TB) *Set {
	t.Helper()
	s, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// an is the answer with these A records.
func an(addrs ...string) dns.Answer {
	a := dns.Answer{Outcome: dns.Answered}
	for _, text := range addrs {
		a.Addrs = append(a.Addrs, netip.MustParseAddr(text))
	}
	return a
}

// known is what the lists' own pages say of their answers, written by hand beside lists.yaml.
var known = []struct {
	list, answer string
	want         Outcome
}{
	{"spamhaus-zen", "127.0.0.2", Listed}, {"spamhaus-zen", "127.0.0.3", Listed}, {"spamhaus-zen", "127.0.0.4", Listed},
	{"spamhaus-zen", "127.0.0.10", Listed}, {"spamhaus-zen", "127.0.0.11", Listed},
	{"spamhaus-zen", "127.255.255.252", Refused}, {"spamhaus-zen", "127.255.255.254", Refused}, {"spamhaus-zen", "127.255.255.255", Refused},
	{"spamhaus-zen", "127.0.0.77", Unknown}, {"spamhaus-zen", "146.112.61.108", Lies}, {"spamhaus-zen", "128.0.0.2", Lies},
	{"spamhaus-dbl", "127.0.1.2", Listed}, {"spamhaus-dbl", "127.0.1.106", Listed}, {"spamhaus-dbl", "127.0.1.255", Refused},
	{"spamhaus-dbl", "127.255.255.254", Refused},
	{"spamhaus-authbl", "127.0.0.20", Listed}, {"spamhaus-authbl", "127.255.255.255", Refused},
	{"spamhaus-zrd", "127.0.2.24", Listed}, {"spamhaus-zrd", "127.0.2.25", Unknown},
	{"barracuda", "127.0.0.2", Listed}, {"spamcop", "127.0.0.2", Listed}, {"uceprotect-1", "127.0.0.2", Listed},
	{"hostkarma", "127.0.0.1", Clear}, {"hostkarma", "127.0.0.2", Listed}, {"hostkarma", "127.0.0.3", Clear},
	{"hostkarma", "127.0.0.4", Listed}, {"hostkarma", "127.0.0.5", Clear}, {"hostkarma", "127.0.1.1", Clear},
	{"hostkarma-white", "127.0.0.1", Listed}, {"hostkarma-white", "127.0.0.2", Clear},
	{"validity-rpbl", "127.0.0.1", Listed}, {"validity-rpbl", "127.0.0.18", Listed}, {"validity-rpbl", "127.255.255.255", Refused},
	{"validity-score", "127.0.4.93", Clear}, {"validity-score", "127.255.255.255", Refused},
	{"validity-cert", "127.255.255.255", Refused}, {"validity-safe", "127.255.255.255", Refused},
	{"mailspike-bl", "127.0.0.10", Listed}, {"mailspike-rep", "127.0.0.10", Clear}, {"mailspike-wl", "127.0.0.20", Listed},
	{"surbl", "127.0.0.1", Refused}, {"surbl", "127.0.0.64", Listed}, {"surbl", "127.0.0.72", Listed}, {"surbl", "127.0.0.2", Unknown},
	{"uribl", "127.0.0.1", Refused}, {"uribl", "127.0.0.2", Listed}, {"uribl", "127.0.0.14", Listed},
	{"dronebl", "127.0.0.13", Listed}, {"dronebl", "127.0.0.200", Listed}, {"dronebl", "127.255.255.1", Refused},
	{"spamrats-all", "127.0.0.38", Listed}, {"spamrats-all", "127.0.0.2", Unknown},
	{"blocklist-de", "127.0.0.13", Listed}, {"swinog", "127.0.0.3", Listed}, {"swinog", "127.0.0.2", Unknown},
	{"dnswl", "127.0.6.1", Listed}, {"dnswl", "127.0.0.255", Refused}, {"dnswl", "127.0.10.0", Refused}, {"dnswl", "127.0.10.3", Refused},
	{"dnswl-dwl", "127.0.0.255", Refused}, {"0spam-nbl", "127.0.7.0", Listed}, {"0spam-nbl", "127.0.7.1", Unknown},
	{"efnetrbl", "127.0.0.1", Listed}, {"isipp-iadb", "127.0.1.255", Listed}, {"isipp-iadb", "127.2.7.9", Clear},
}

func TestKnownAnswersAreReadRight(t *testing.T) {
	s := load(t)
	for _, c := range known {
		if got := s.ByName(c.list).read(an(c.answer)); got.outcome != c.want {
			t.Errorf("%s %s: %s (%s), want %s", c.list, c.answer, got.outcome, got.why, c.want)
		}
	}
}

func TestEveryRefusalOfEveryListIsNoListing(t *testing.T) {
	refusing := 0
	for _, l := range load(t).All() {
		for _, c := range append(slices.Clone(l.Refusals), refusals) {
			for _, a := range []netip.Addr{netip.AddrFrom4(c.low), netip.AddrFrom4(c.high)} {
				r := l.read(an(a.String()))
				if r.outcome != Refused || r.said != nil || !strings.Contains(r.why, a.String()) {
					t.Errorf("%s %s: %+v", l.Name, a, r)
				}
				if r = l.read(an("127.0.0.2", a.String())); r.outcome != Refused {
					t.Errorf("%s: a refusal beside another answer is %s", l.Name, r.outcome)
				}
			}
		}
		refusing += len(l.Refusals)
	}
	if refusing < 38 {
		t.Errorf("only %d refusals in the data", refusing)
	}
}

func TestEveryCodeOfEveryListIsRead(t *testing.T) {
	for _, l := range load(t).All() {
		for i, c := range append(slices.Clone(l.Codes), l.Notes...) {
			a := netip.AddrFrom4(c.high)
			switch {
			case c.bit != 0:
				a = netip.AddrFrom4([4]byte{127, 0, 0, c.bit})
			case c.other:
				a = netip.MustParseAddr("127.99.99.99")
			}
			want := Clear
			if i < len(l.Codes) {
				want = Listed
			}
			r := l.read(an(a.String()))
			if r.outcome != want || !slices.ContainsFunc(r.said, func(s Said) bool { return s.Means == c.Means }) {
				t.Errorf("%s %s (%s): %+v", l.Name, c.Text, a, r)
			}
		}
	}
}

func TestHostkarmasAnswersAreAllLookedAt(t *testing.T) {
	l := load(t).ByName("hostkarma")
	r := l.read(an("127.0.0.3", "127.0.1.1", "127.0.0.2", "127.0.2.3"))
	if r.outcome != Listed || len(r.said) != 4 {
		t.Fatalf("%+v", r)
	}
	for _, said := range r.said {
		if said.Listing != (said.Answer == "127.0.0.2") {
			t.Errorf("%+v", said)
		}
	}
	if r = l.read(an("127.0.0.3", "127.0.1.1")); r.outcome != Clear || len(r.said) != 2 {
		t.Errorf("yellow and QUIT: %+v", r)
	}
}

func TestCombinedAnswersNameTheirList(t *testing.T) {
	r := load(t).ByName("spamhaus-zen").read(an("127.0.0.4", "127.0.0.10"))
	if len(r.said) != 2 || r.said[0].List != "spamhaus-xbl" || r.said[1].List != "spamhaus-pbl" {
		t.Errorf("%+v", r.said)
	}
	r = load(t).ByName("surbl").read(an("127.0.0.72"))
	if len(r.said) != 2 || r.said[0].Means != "PH phishing" || r.said[1].Means != "ABUSE spam" {
		t.Errorf("bits: %+v", r.said)
	}
	r = load(t).ByName("dnswl").read(an("127.0.6.1"))
	if len(r.said) != 2 || r.said[0].Means != "trust: low" || r.said[1].Means != "category: personal or private server" {
		t.Errorf("DNSWL: %+v", r.said)
	}
}

func TestTheListsAreWhole(t *testing.T) {
	s := load(t)
	states := make(map[State]int)
	for _, l := range s.All() {
		states[l.Status.State]++
		if len(l.Sources) == 0 || l.Removal.Method == "" || l.Terms.Access == "" {
			t.Errorf("%s has no source, removal or terms", l.Name)
		}
		if l.CountsAs != "" && s.ByName(l.CountsAs).CountsAs != "" && l.CountsAs != "spamhaus-xbl" {
			t.Errorf("%s counts as one that counts as another", l.Name)
		}
		if facts := l.Facts(); len(facts) < 8 {
			t.Errorf("%s: %d facts", l.Name, len(facts))
		}
		if _, err := json.Marshal(l); err != nil {
			t.Error(err)
		}
	}
	if len(s.All()) != 130 || states[Dead]+states[Fraud]+states[Retired] != 31 {
		t.Errorf("%d lists: %v", len(s.All()), states)
	}
	if got := s.ByName("spamcop").Line(); got != "spamcop: SpamCop Blocking List (Cisco) (block of IPv4, IPv6, alive)" {
		t.Error(got)
	}
}

func TestAListIsFoundByItsZone(t *testing.T) {
	s := load(t)
	for zone, want := range map[string]string{
		"ZEN.spamhaus.org.": "spamhaus-zen", "abcdefgh.zen.dq.spamhaus.net": "spamhaus-zen", "dnsbl.sorbs.net": "sorbs",
		"web.dnsbl.sorbs.net": "sorbs", "dnsbl.ahbl.org": "ahbl", "tor.sectoor.de": "sectoor", "0spam.fusionzero.com": "0spam-bl",
	} {
		if l := s.ByZone(zone); l == nil || l.Name != want {
			t.Errorf("%s: %v", zone, l)
		}
	}
	for _, zone := range []string{"example.org", "org", "", "spamhaus.org"} {
		if l := s.ByZone(zone); l != nil {
			t.Errorf("%s: %s", zone, l.Name)
		}
	}
}

func TestAnOperatorAddsAndChanges(t *testing.T) {
	s, err := Load(rig.WriteDir(t, map[string]string{
		"20-mine.yaml": "lists:\n- name: mine\n  title: Ours\n  role: block\n  kinds: [ip4]\n  zones: [bl.example.org]\n  codes: {127.0.0.2: listed}\n  terms: {access: free}\n",
		"10-change.yaml": "lists:\n- name: spamcop\n  status: {state: retired, note: not wanted here}\n" +
			"- name: hetzner\n  terms: {access: free}\n",
		"README": "no list\n", ".hidden.yaml": "what\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if l := s.ByName("mine"); l == nil || s.All()[len(s.All())-1] != l || !strings.HasSuffix(l.From, "20-mine.yaml:2") {
		t.Errorf("mine: %+v", l)
	}
	if l := s.ByName("spamcop"); l.Status.State != Retired || l.Title != "SpamCop Blocking List (Cisco)" || len(l.Codes) != 1 {
		t.Errorf("spamcop: %+v", l)
	}
	if l := load(t).ByName("spamcop"); l.Status.State != Alive {
		t.Error("the change went into the program's own list")
	}
	if s, err := Load(filepath.Join(t.TempDir(), "none")); err != nil || len(s.All()) != 130 {
		t.Errorf("without a directory: %v", err)
	}
}

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	const head = "lists:\n- name: mine\n  title: Ours\n  role: block\n  kinds: [ip4]\n"
	for text, want := range map[string]string{
		head + "  zoned: [a.b]\n": `:6: unknown key "zoned"`,
		head + "  zones: [bl.example.org]\n  codes:\n    127.0.0.2: a\n    10.0.0.2: b\n":  `:9: code "10.0.0.2": not in 127.0.0.0/8`,
		head + "  zones: [bl.example.org]\n  codes: {127.0.0.256: a}\n":                    `octet 4 is no number, range or *`,
		head + "  zones: [bl.example.org]\n  codes: {127.0.0.9-3: a}\n":                    `octet 4 is no number, range or *`,
		head + "  zones: [bl.example.org]\n  codes: {bit 3: a}\n":                          `:7: code "bit 3": a bit is 1, 2,`,
		head + "  zones: [bl.example.org]\n  codes: {127.0.0.2: }\n":                       `:7: not a plain text`,
		head + "  zones: [bl.example.org]\n  codes: {127.0.0.2: {means: a, list: nobody}}": `:2: list mine: code 127.0.0.2 belongs to a list that is not known`,
		head + "  zones: [bl.example.org]\n":                                               `:2: list mine: no codes`,
		head + "  zones: [bl.Example.org]\n  codes: {127.0.0.2: a}\n":                      `:2: list mine: zone "bl.Example.org" is no name in lower case`,
		head + "  zones: ['*.example.org']\n  codes: {127.0.0.2: a}\n":                     `zone "*.example.org"`,
		head + "  key: x\n  key_zone: x.example.org\n":                                     `key_zone is not {key}.`,
		head + "  status: {state: gone}\n":                                                 `:6: "gone" is not one of`,
		head + "  status: {state: dead}\n":                                                 `neither since nor note`,
		head + "  status: {state: dead, since: yesterday}\n":                               `since is not like`,
		head + "  test: {listed: '::1'}\n":                                                 `test point "::1"`,
		head + "  terms: {per_day: -1}\n":                                                  `:6: no number from 1`,
		head + "  title: Again\n":                                                          `:6: key "title" for the second time`,
		head + "- name: mine\n":                                                            `:6: list mine for the second time`,
		head + "  advice: &a x\n  doubts: *a\n":                                            `:6: not a plain text`,
		head + "  advice: \"a\\e[31mb\"\n":                                                 `:6: an empty text`,
		head + "  counts_as: mine\n":                                                       `counts_as is no other list`,
		"lists:\n- title: x\n":                                                             `:2: a list without a name`,
		"lists:\n- name: Mine\n":                                                           `:2: a list without a name`,
		"lists: {}\n":                                                                      `:1: not a plain list`,
		"list:\n- a\n":                                                                     `:1: unknown key "list"`,
		"lists:\n\t- name: x\n":                                                            `bad.yaml:2: `,
		"lists: []\n---\nlists: []\n":                                                      `more than one document`,
		"lists: []\n" + strings.Repeat("#", facts.MaxFile):                                 `longer than`,
	} {
		_, err := Load(rig.WriteDir(t, map[string]string{"bad.yaml": text}))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "bad.yaml:") {
			t.Errorf("%.80q: %v, want %s", text, err, want)
		}
	}
}
