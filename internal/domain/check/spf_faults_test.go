package check

import (
	"fmt"
	"strings"

	"postward/internal/wire/dns"
)

// own is what the clean record says, without its end.
const own = "v=spf1 ip4:192.0.2.25 ip4:192.0.2.26 ip6:2001:db8::25"

// spfRecord plants another record in the place of the clean one.
func spfRecord(want ID, text string, more ...string) fault {
	return fault{take: []string{"example.org. TXT"}, put: append([]string{Text("example.org", text).String()}, more...), want: []ID{want}}
}

// spfRecord2 is spfRecord for a fault with others behind it.
func spfRecord2(want []ID, text string) fault {
	f := spfRecord(want[0], text)
	f.want = want
	return f
}

// kept is a fault whose end is not a record's business.
func kept(f fault) fault {
	f.left = f.want
	return f
}

// sentFrom is a fault of a domain whose owner says what sends its mail.
func sentFrom(f fault, senders ...string) fault {
	f.also = func(w *domainWorld) { w.target.Addrs = addrs(senders...) }
	return f
}

func included(n int) (terms string, zone []string) {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprintf("include:i%d.example.net", i))
		zone = append(zone, fmt.Sprintf(`i%d.example.net. TXT "v=spf1 ip4:198.51.100.%d -all"`, i, i))
	}
	return strings.Join(words, " "), zone
}

// elevenExists asks eleven times, and nothing of it can be named.
var elevenExists = own + " exists:%{i}." + strings.Join(strings.Split("abcdefghijk", ""), ".example.net exists:%{i}.") + ".example.net -all"

// only4 are names of hosts, three of them with addresses of IPv4 alone and one of IPv6.
var only4 = []string{"w1.example.net. A 198.51.100.11", "w2.example.net. A 198.51.100.12", "w3.example.net. A 198.51.100.13", "w6.example.net. AAAA 2001:db8:6::1"}

var elevenTerms, elevenRecords = included(11)

var spfFaults = map[string]fault{
	"no SPF for HELO":                       {take: []string{"mx1.example.org. TXT"}, want: []ID{"spf.helo"}},
	"no SPF":                                {take: []string{"example.org. TXT"}, want: []ID{"spf.none"}},
	"almost SPF":                            spfRecord("spf.none", "v=spf 1 -all"),
	"several SPF records":                   {put: []string{`example.org. TXT "v=spf1 ip4:192.0.2.99 ~all"`}, want: []ID{"spf.several"}},
	"SPF with a typing error":               spfRecord("spf.syntax", own+" ipv4:192.0.2.1 -all"),
	"SPF with the wrong family":             spfRecord("spf.syntax", own+" ip4:2001:db8::1 -all"),
	"SPF: everybody":                        spfRecord("spf.pass-all", own+" +all"),
	"SPF: everybody, included":              spfRecord("spf.pass-all", own+" include:all.example.net -all", `all.example.net. TXT "v=spf1 +all"`),
	"SPF: everybody, by one":                spfRecord("spf.pass-all", "v=spf1 ip4:0.0.0.0/0 ip6:::/0 -all"),
	"SPF: everybody, by halves":             spfRecord("spf.pass-all", "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 ip6:2001:db8::25 -all"),
	"SPF: everybody by IPv6":                spfRecord("spf.pass-all", own[:len(own)-len(" ip6:2001:db8::25")]+" ip6:2000::/3 -all"),
	"SPF: everybody, and no more":           spfRecord("spf.pass-all", "v=spf1 +all"),
	"SPF: ptr, and no more":                 spfRecord("spf.ptr", "v=spf1 ptr -all"),
	"SPF: ip for ip4":                       spfRecord("spf.syntax", "v=spf1 ip:192.0.2.25 ip:192.0.2.26 ip:2001:db8::25 -all"),
	"SPF: an address alone":                 spfRecord("spf.syntax", "v=spf1 192.0.2.25 +192.0.2.26 ip6:2001:db8::25 -all"),
	"SPF: include of nothing, and no more":  spfRecord("spf.include", "v=spf1 include:none.example.net -all", "none.example.net. A 198.51.100.1"),
	"SPF: redirect to nothing":              spfRecord("spf.include", "v=spf1 redirect=none.example.net", "none.example.net. A 198.51.100.1"),
	"SPF: an exchanger unknown":             {take: []string{"example.org. TXT"}, put: []string{`example.org. TXT "v=spf1 mx -all"`, "example.org. MX 30 mx3.example.org."}, want: []ID{"spf.void", "mx.unresolved"}},
	"SPF: three names without address":      spfRecord2([]ID{"spf.voids", "spf.void"}, "v=spf1 a:v1.example.net a:v2.example.net a:v3.example.net "+own[7:]+" -all"),
	"SPF: some of IPv6 are not come to":     spfRecord("spf.voids-family", own+" a:w1.example.net a:w2.example.net a:w3.example.net ip6:2001:db8:1::/48 -all", only4...),
	"SPF: senders of IPv6 are not come to":  spfRecord("spf.voids", "v=spf1 a:w1.example.net a:w2.example.net a:w3.example.net "+own[7:]+" -all", only4...),
	"SPF: an exchanger that is not come to": spfRecord("spf.voids-family", "v=spf1 ip4:192.0.2.25 ip4:192.0.2.26 ip6:2001:db8::25 a:w1.example.net a:w2.example.net a:w3.example.net a:w6.example.net -all", only4...),
	"SPF with an equals sign for a colon":   spfRecord("spf.ignored", own+" ipv4=192.0.2.1 -all"),
	"SPF with a no-break space":             spfRecord("spf.syntax", own+"\u00a0-all"),
	"SPF with a no-break space at once":     spfRecord("spf.none", "v=spf1\u00a0"+own[7:]+" -all"),
	"SPF with an include of nobody":         kept(spfRecord("spf.include", own+" include:_spf.exampl -all")),
	"SPF with a cut include":                spfRecord("spf.include", own+" include:_spf.goo -all", `_spf.google.com. TXT "v=spf1 ip4:198.51.100.0/24 ~all"`),
	"SPF: voids in an include":              kept(spfRecord("spf.voids", own+" include:v.example.net -all", `v.example.net. TXT "v=spf1 a:v1.example.net a:v2.example.net a:v3.example.net -all"`)),
	"several SPF records, one a redirect": {take: []string{"example.org. TXT"}, put: []string{`example.org. TXT "v=spf1 ip4:192.0.2.25 ~all"`, `example.org. TXT "v=spf1 redirect=r.example.net"`,
		`r.example.net. TXT "v=spf1 ip4:192.0.2.26 ip6:2001:db8::25 -all"`}, want: []ID{"spf.several"}},
	"SPF: eleven exists":          kept(spfRecord("spf.lookups", elevenExists)),
	"SPF: nobody fails":           spfRecord("spf.open-end", own+" ?all"),
	"SPF without an end":          spfRecord("spf.open-end", own),
	"SPF: ptr":                    spfRecord("spf.ptr", own+" ptr -all"),
	"SPF: include of nothing":     spfRecord("spf.include", own+" include:none.example.net -all", "none.example.net. A 198.51.100.1"),
	"SPF: include of a broken":    spfRecord("spf.include", own+" include:bad.example.net -all", `bad.example.net. TXT "v=spf1 moo -all"`),
	"SPF: broken further down":    spfRecord("spf.include", own+" include:a.example.net -all", `a.example.net. TXT "v=spf1 include:b.example.net -all"`, "b.example.net. A 198.51.100.1"),
	"SPF: a loop":                 spfRecord("spf.include", own+" include:example.org -all"),
	"SPF: eleven includes":        {take: []string{"example.org. TXT"}, put: append([]string{Text("example.org", own+" "+elevenTerms+" -all").String()}, elevenRecords...), want: []ID{"spf.lookups"}},
	"SPF: a name without address": spfRecord("spf.void", own+" a:gone.example.net -all"),
	"SPF: redirect beside all":    spfRecord("spf.ignored", own+" redirect=a.example.net -all"),
	"SPF: terms after all":        spfRecord("spf.ignored", own+" -all ip4:198.51.100.1"),
	"SPF: a modifier for a term":  spfRecord("spf.ignored", own+" include=a.example.net -all"),
	"SPF without a sender":        sentFrom(spfRecord("spf.sender", "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"), "192.0.2.25", "192.0.2.26"),
	"SPF without a sender's IPv6": spfRecord("spf.sender", "v=spf1 ip4:192.0.2.25 ip4:192.0.2.26 -all"),
	"SPF: a term twice":           kept(spfRecord("spf.covered", own+" ip4:192.0.2.25 -all")),
	"SPF: a huge network":         kept(spfRecord("spf.huge", own+" ip4:198.0.0.0/9 -all")),
	"SPF: a private network":      kept(spfRecord("spf.private", own+" ip4:10.1.0.0/16 -all")),
	"SPF: a long record":          kept(spfRecord("spf.long", own+" "+strings.Repeat("ip4:198.51.100.1 ", 1)+longTail()+" -all")),
	"nobody answers for SPF":      kept(fault{take: []string{"example.org. TXT"}, put: []string{`example.org. TXT "` + own + ` include:i.example.net -all"`, `i.example.net. TXT "v=spf1 -all"`}, also: func(w *domainWorld) { w.fail["i.example.net"] = dns.Timeout }, want: []ID{"spf.unknown"}}),
}

// longTail is some thirty addresses, none twice.
func longTail() string {
	var words []string
	for i := range 26 {
		words = append(words, fmt.Sprintf("ip4:203.0.113.%d", 100+i))
	}
	return strings.Join(words, " ")
}
