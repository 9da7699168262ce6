package spf

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"postward/internal/wire/dns"
)

// zone reads a zone file of absolute names.
func zone(t testing.TB, text string) *dns.Zone {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(text+"\n"), ".", "zone")
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return z
}

func walk(t testing.TB, text string) *Tree {
	t.Helper()
	return Walk(t.Context(), zone(t, text), "example.org")
}

func result(tree *Tree, addr string) Result { return tree.Result(netip.MustParseAddr(addr)).Result }

const company = `
example.org. TXT "v=spf1 a mx:example.org ip4:192.0.2.64/28 ip6:2001:db8:1::/48 include:mail.example.net ~include:news.example.net -all"
example.org. A 192.0.2.1
example.org. MX 10 mx.example.org.
mx.example.org. A 192.0.2.25
mx.example.org. AAAA 2001:db8::25
mail.example.net. TXT "v=spf1 ip4:198.51.100.0/24 include:deep.example.net ?all"
deep.example.net. TXT "v=spf1 ip4:203.0.113.0/25 -ip4:203.0.113.128/25 -all"
news.example.net. TXT "v=spf1 a/24//64 redirect=none.example.net"
news.example.net. A 203.0.113.129
none.example.net. TXT "v=spf1 -all"
`

func TestEachAddressGetsTheResultOfTheFirstTermThatCoversIt(t *testing.T) {
	tree := walk(t, company)
	for addr, want := range map[string]Result{
		"192.0.2.1": Pass, "192.0.2.25": Pass, "2001:db8::25": Pass, "192.0.2.79": Pass, "192.0.2.80": Fail,
		"2001:db8:1:ffff::": Pass, "198.51.100.7": Pass, "203.0.113.127": Pass, "203.0.113.128": SoftFail,
		"::ffff:192.0.2.1": Pass, "2001:db8:2::1": Fail, "10.0.0.1": Fail,
	} {
		if got := result(tree, addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if tree.Lookups != 7 || tree.Voids4 != 0 || tree.Voids6 != 2 {
		t.Errorf("%d lookups, %d and %d voids", tree.Lookups, tree.Voids4, tree.Voids6)
	}
}

func TestTheTrailLeadsToTheTermThatDecided(t *testing.T) {
	v := walk(t, company).Result(netip.MustParseAddr("203.0.113.127"))
	var words []string
	for _, s := range v.Trail {
		words = append(words, s.Domain+" "+s.Term)
	}
	if got := strings.Join(words, ", "); got != "example.org include:mail.example.net, mail.example.net include:deep.example.net, deep.example.net ip4:203.0.113.0/25" {
		t.Error(got)
	}
	if v.Lookups != 4 || v.Why != "" {
		t.Errorf("%+v", v)
	}
}

// marked is every mark of a tree, each once.
func marked(tree *Tree) map[Mark]bool {
	all := make(map[Mark]bool)
	for m := NoRecord; m <= NotFollowed; m++ {
		if tree.Has(m) {
			all[m] = true
		}
	}
	return all
}

// includes is a zone in which example.org includes n domains that have a record.
func includes(n int, end string) string {
	var names, rest strings.Builder
	for i := range n {
		s := strconv.Itoa(i)
		names.WriteString("include:i" + s + ".example.net ")
		rest.WriteString("\ni" + s + `.example.net. TXT "v=spf1 ip4:198.51.` + s + `.1 ?all"`)
	}
	return `example.org. TXT "v=spf1 ` + names.String() + end + `"` + rest.String()
}

func TestEveryOddityIsRemarked(t *testing.T) {
	txt := func(text string) string { return `example.org. TXT "` + text + `"` }
	nets := "\na.example.net. A 198.51.100.1"
	for name, c := range map[string]struct {
		zone string
		want []Mark
	}{
		"clean":               {company, nil},
		"no name":             {"example.net. A 192.0.2.1", []Mark{NoRecord}},
		"no record":           {txt("hello"), []Mark{NoRecord}},
		"almost":              {txt("v=spf 1 -all"), []Mark{NoRecord, AlmostRecord}},
		"several":             {txt("v=spf1 -all") + "\n" + txt("v=spf1 ~all"), []Mark{SeveralRecords}},
		"syntax":              {txt("v=spf1 ip:192.0.2.1 -all"), []Mark{SyntaxError}},
		"family":              {txt("v=spf1 ip4:2001:db8::1 -all"), []Mark{WrongFamily}},
		"second version":      {txt("v=spf1 ip4:192.0.2.1 v=spf1 -all"), []Mark{UnknownModifier}},
		"lookups":             {includes(11, "-all"), []Mark{TooManyLookups}},
		"ten lookups":         {includes(10, "-all"), nil},
		"voids":               {txt("v=spf1 a:a.example.net a:b.example.net mx:c.example.net -all"), []Mark{Void, TooManyVoids}},
		"+all":                {txt("v=spf1 +all"), []Mark{PassAll}},
		"all inside":          {txt("v=spf1 include:a.example.net -all") + "\na.example.net. TXT \"v=spf1 all\"", []Mark{PassAll}},
		"?all":                {txt("v=spf1 ip4:192.0.2.1 ?all"), []Mark{NeutralAll}},
		"no all":              {txt("v=spf1 ip4:192.0.2.1"), []Mark{NoAll}},
		"no all behind":       {txt("v=spf1 redirect=a.example.net") + "\na.example.net. TXT \"v=spf1 ip4:192.0.2.1\"", []Mark{NoAll}},
		"ptr":                 {txt("v=spf1 ptr -all"), []Mark{UsesPTR, NeedsSender}},
		"include of nothing":  {txt("v=spf1 include:a.example.net -all") + nets, []Mark{NoRecord, TargetNone}},
		"include of a broken": {txt("v=spf1 include:a.example.net -all") + "\na.example.net. TXT \"v=spf1 moo\"", []Mark{SyntaxError, TargetBroken}},
		"loop":                {txt("v=spf1 include:a.example.net -all") + "\na.example.net. TXT \"v=spf1 include:example.org -all\"", []Mark{Loop}},
		"redirect and all":    {txt("v=spf1 redirect=a.example.net -all"), []Mark{RedirectIgnored}},
		"after all":           {txt("v=spf1 -all a"), []Mark{AfterAll}},
		"covered":             {txt("v=spf1 ip4:198.51.100.1 ip4:198.51.100.0/24 -all"), []Mark{Covered}},
		"covered by include":  {txt("v=spf1 ip4:198.51.100.1 include:i.example.net -all") + "\ni.example.net. TXT \"v=spf1 a:a.example.net -all\"" + nets, []Mark{Covered}},
		"other result":        {txt("v=spf1 -ip4:198.51.100.1 ip4:198.51.100.0/24 -all"), nil},
		"huge":                {txt("v=spf1 ip4:198.0.0.0/15 -all"), []Mark{HugeNetwork}},
		"huge v6":             {txt("v=spf1 a:a.example.net//31 -all") + "\na.example.net. AAAA 2001:db8::1", []Mark{HugeNetwork}},
		"private":             {txt("v=spf1 ip4:10.1.0.0/16 -all"), []Mark{NotPublic}},
		"null MX":             {txt("v=spf1 mx -all") + "\nexample.org. MX 0 .", []Mark{NullExchanger}},
		"macro":               {txt("v=spf1 exists:%{i}.example.net -all"), []Mark{NeedsSender}},
		"long":                {txt("v=spf1 " + strings.Repeat("ip4:192.0.2.1 ", 10) + `" "` + strings.Repeat("a=b ", 75) + "-all"), []Mark{LongRecord, UnknownModifier, Covered}},
		"longer":              {txt("v=spf1 " + strings.Repeat("a=b ", 60) + `" "` + strings.Repeat("a=b ", 60) + "-all"), []Mark{LongAnswer, UnknownModifier}},
		"bad name":            {txt("v=spf1 a:a..example.net -all"), []Mark{BadName}},
		"exchangers":          {txt("v=spf1 mx -all") + mxs(11), []Mark{TooManyExchangers}},
		"deep":                {chain(20), []Mark{TooManyLookups, NotFollowed}},
	} {
		got := marked(walk(t, c.zone))
		for _, m := range c.want {
			if !got[m] {
				t.Errorf("%s: no remark that says %s", name, m)
			}
			delete(got, m)
		}
		for m := range got {
			t.Errorf("%s: says %s", name, m)
		}
	}
}

// mxs is n exchangers of example.org with an address each.
func mxs(n int) string {
	var b strings.Builder
	for i := range n {
		s := strconv.Itoa(i)
		b.WriteString("\nexample.org. MX " + s + " m" + s + ".example.org.\nm" + s + ".example.org. A 192.0.2." + s)
	}
	return b.String()
}

// chain is n records, each of which includes the next.
func chain(n int) string {
	text := `example.org. TXT "v=spf1 include:c0.example.org -all"`
	for i := range n {
		text += "\nc" + strconv.Itoa(i) + `.example.org. TXT "v=spf1 include:c` + strconv.Itoa(i+1) + `.example.org -all"`
	}
	return text + "\nc" + strconv.Itoa(n) + `.example.org. TXT "v=spf1 -all"`
}

func TestLookupsCountBeforeTheMatchOnly(t *testing.T) {
	tree := walk(t, includes(11, "-all"))
	if got := result(tree, "198.51.9.1"); got != Pass {
		t.Errorf("the tenth: %s", got)
	}
	if got := result(tree, "198.51.10.1"); got != PermError {
		t.Errorf("the eleventh: %s", got)
	}
}

func TestSilenceIsNoAnswer(t *testing.T) {
	for _, name := range []string{"example.org", "mx.example.org", "deep.example.net"} {
		for _, o := range []dns.Outcome{dns.Refused, dns.Failure, dns.Timeout, dns.Lying} {
			z := zone(t, company)
			z.Fail(name, o)
			tree := Walk(t.Context(), z, "example.org")
			if got := result(tree, "10.0.0.1"); got != TempError || !tree.Has(Unanswered) || tree.Has(NoRecord) || tree.Has(TargetNone) || tree.Has(Void) {
				t.Errorf("%s %s: %s, %v", name, o, got, marked(tree))
			}
		}
	}
}

func TestAContextThatIsOverIsATemporaryError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := result(Walk(ctx, zone(t, company), "example.org"), "192.0.2.1"); got != TempError {
		t.Error(got)
	}
}

func TestAnUnknownTermIsUnknownOnlyWhereItMatters(t *testing.T) {
	tree := walk(t, `example.org. TXT "v=spf1 ip4:192.0.2.1 ?exists:%{l}.example.net ip4:192.0.2.2 ptr ip4:192.0.2.3 -all"`)
	for addr, want := range map[string]Result{"192.0.2.1": Pass, "192.0.2.2": Unknown, "192.0.2.4": Unknown} {
		if got := result(tree, addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	tree = walk(t, `example.org. TXT "v=spf1 ptr ip4:192.0.2.3 -all"`)
	for addr, want := range map[string]Result{"192.0.2.3": Pass, "192.0.2.4": Unknown} {
		if got := result(tree, addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// counter counts questions.
type counter struct {
	dns.Resolver
	n atomic.Int32
}

func (c *counter) TXT(ctx context.Context, name string) dns.Answer {
	c.n.Add(1)
	return c.Resolver.TXT(ctx, name)
}

func (c *counter) MX(ctx context.Context, name string) dns.Answer {
	c.n.Add(1)
	return c.Resolver.MX(ctx, name)
}

func (c *counter) Lookup(ctx context.Context, name string, t dns.Type) dns.Answer {
	c.n.Add(1)
	return c.Resolver.Lookup(ctx, name, t)
}

// hostile is a record of which everything leads to more of it: 200 terms that ask at each of many names.
const hostile = `
*.example.org. TXT "v=spf1 %s -all"
*.example.org. MX 10 a.m.example.org.
*.example.org. A 192.0.2.1
example.org. TXT "v=spf1 include:0.example.org -all"`

func TestAHostileZoneCostsLittle(t *testing.T) {
	var terms strings.Builder
	for i := range 200 {
		terms.WriteString([]string{"include:", "mx:", "a:"}[i%3] + strconv.Itoa(i) + ".%{d} ")
		if i%10 == 9 {
			terms.WriteString(`" "`)
		}
	}
	c := &counter{Resolver: zone(t, strings.Replace(hostile, "%s", terms.String(), 1))}
	tree := Walk(t.Context(), c, "example.org")
	if n := int(c.n.Load()); n > 150 || n > MaxQuestions || n != tree.Questions {
		t.Errorf("%d questions, the tree says %d", n, tree.Questions)
	}
	if got := result(tree, "198.51.100.1"); got != PermError {
		t.Error(got)
	}
	if !tree.Has(NotFollowed) || !tree.Has(TooManyLookups) {
		t.Error(marked(tree))
	}
}
